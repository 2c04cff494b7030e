"""Measurements from what a listing has: how much was given out, in which states. Nothing of what is really used.

A host tells of itself; so does a server that is named. A tenant's servers, or all of a cloud's, are told as a sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Host, Server
from nfvigil.model.times import SECOND, iso
from nfvigil.model.ves import VesBacklog, VesEvent, VesState
from nfvigil.ves.faults import host_state
from nfvigil.ves.view import HOST, View, name_of

VM_NAME = "Measurement_MultiCloud_VM"
TENANT_NAME = "Measurement_MultiCloud_Servers"
HOST_NAME = "Measurement_MultiCloud_Host"
ALLOCATION = "allocation"
STATES = "serversByState"


def measurements(backlog: VesBacklog, view: View, own: VesState, now_us: int) -> tuple[VesState, tuple[VesEvent, ...]]:
    """The backlog's state after them, and the events. Each has an id of its own; the sequence counts them all."""
    found = list(_told(backlog, view, own.vim))
    last_us = max(now_us, own.last_us + 1)
    start_us = last_us - round(backlog.poll_interval * SECOND)
    events = tuple(
        VesEvent(
            domain="measurement",
            name=name,
            event_id=stable_id("ves", own.vim, backlog.backlog_uuid, source, last_us),
            source_id=source,
            source_name=source_name,
            reporting=own.vim,
            sequence=own.sequence + number,
            start_us=start_us,
            last_us=last_us,
            fields={
                "measurementInterval": backlog.poll_interval,
                "additionalFields": {"eventTime": iso(last_us)} | more,
                "additionalMeasurements": _maps(measured),
            },
        )
        for number, (name, source, source_name, more, measured) in enumerate(found, start=1)
    )
    if not events:
        return own, ()
    return replace(own, sequence=own.sequence + len(events), last_us=last_us, event_id=events[-1].event_id), events


_Told = tuple[str, str, str, dict[str, str], dict[str, dict[str, int]]]
"""The event's name, the source's id and name, what is told of it, and its figures."""


def _told(backlog: VesBacklog, view: View, vim: str) -> Sequence[_Told]:
    if backlog.type == HOST:
        return [
            _of_host(one, view.servers_on.get(one.id, ())) for one in view.sources(backlog) if isinstance(one, Host)
        ]
    if backlog.server_id:
        return [_of_server(one) for one in view.sources(backlog) if isinstance(one, Server)]
    servers = view.servers(backlog)
    source = backlog.tenant_id or vim
    more = {"tenantId": backlog.tenant_id} if backlog.tenant_id else {}
    return [(TENANT_NAME, source, backlog.tenant or source, more, _sums(servers))]


def _of_server(server: Server) -> _Told:
    figures = {ALLOCATION: {"vcpus": server.vcpus, "memoryMb": server.memory_mb}}
    return VM_NAME, server.id, name_of(server), {"vmState": server.status, "tenantId": server.project}, figures


def _of_host(host: Host, servers: Sequence[Server]) -> _Told:
    figures = _sums(servers)
    figures["capacity"] = {"vcpus": host.vcpus, "memoryMb": host.memory_mb}
    return HOST_NAME, host.id, name_of(host), {"hostState": host_state(host)}, figures


def _sums(servers: Sequence[Server]) -> dict[str, dict[str, int]]:
    return {
        ALLOCATION: {
            "servers": len(servers),
            "vcpus": sum(one.vcpus for one in servers),
            "memoryMb": sum(one.memory_mb for one in servers),
        },
        STATES: dict(sorted(Counter(one.status for one in servers).items())),
    }


def _maps(figures: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    """As v7 has them; the values of its maps are texts."""
    return [
        {"name": name, "hashMap": {key: str(value) for key, value in told.items()}} for name, told in figures.items()
    ]
