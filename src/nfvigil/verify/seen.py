"""What the cloud and NFVigil say at one moment of the host, our servers and their ports."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class ServerSeen(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    host: str = ""
    host_status: str = ""
    """As the administrator sees it."""
    owner_host_status: str | None = None
    """As the owner sees it; None where the cloud does not show it to owners."""


class AlarmSeen(msgspec.Struct, frozen=True, kw_only=True):
    resource: str
    """``server/<id>``"""
    fault_type: str
    state: str
    vim_state: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    service_state: str = ""
    forced_down: bool = False
    foreign: int = 0
    """Servers on the host that are not ours."""
    servers: Mapping[str, ServerSeen] = {}
    ports: Mapping[str, str] | None = None
    """Data plane status by port, "" where it was never set; None where Neutron has no such thing."""
    alarms: tuple[AlarmSeen, ...] = ()
    """Open ones of our project."""
