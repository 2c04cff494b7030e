"""Sets and restores what an alarm marks: read first, write only what differs, read back and say what is so now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nfvigil.controller.vims.openstack.cinder import Cinder
from nfvigil.controller.vims.openstack.known import Known
from nfvigil.controller.vims.openstack.neutron import Neutron
from nfvigil.controller.vims.openstack.nova import Nova
from nfvigil.controller.vims.openstack.options import Options
from nfvigil.controller.vims.openstack.reading import is_reporting, port_of, stamp_of
from nfvigil.controller.vims.openstack.records import Records
from nfvigil.errors import NfvigilError, NotFoundError, NotYetError, RefusedError, VimUnavailableError
from nfvigil.model.action import Action, ActionKind, Outcome
from nfvigil.model.cloud_state import UNTOUCHED, WANTED, has_left, state_now
from nfvigil.model.resource import CloudRecord, Host, Server

REPORT_WAIT_SECONDS = 3.0
"""How soon it is worth looking again whether a compute service has reported."""


class States:
    def __init__(
        self,
        *,
        options: Options,
        nova: Nova,
        neutron: Neutron,
        cinder: Cinder,
        records: Records,
        known: Known,
        moved: Callable[[str], None] = lambda _key: None,
    ) -> None:
        """``moved`` is told of what is not where the map has it."""
        self._options = options
        self._nova = nova
        self._neutron = neutron
        self._cinder = cinder
        self._records = records
        self._known = known
        self._moved = moved
        self._can_unset: bool | None = None
        """Whether Neutron can unset a data plane status; None until one of them was tried."""
        self._unsetting = asyncio.Lock()

    async def set(self, action: Action) -> Outcome:
        record, now = await self._state(action)
        wanted = WANTED[action.kind]
        text = has_left(action, record)
        if text:
            self._moved(action.target)
            return Outcome(changed=False, text=text, was=now)
        if action.kind == ActionKind.SERVER_ERROR and now in UNTOUCHED and now != wanted:
            return Outcome(changed=False, text=f"a server that is {now} is not touched", was=now)
        if now == wanted:
            return Outcome(changed=False, text=f"{action.target} is {now} already", was=now)
        answered = await self._write(action, record, wanted)
        said = await self._read_back(action, wanted, answered)
        return Outcome(changed=True, text=f"{action.target}: {now or 'unset'} -> {wanted}; {said}", was=now)

    async def restore(self, action: Action) -> Outcome:
        try:
            record, now = await self._state(action)
        except NotFoundError:
            return Outcome(changed=False, text=f"{action.target} is gone: there is nothing to restore")
        before = action.before
        if before is None:
            raise RefusedError(f"what {action.target} was before is not recorded")
        if action.kind == ActionKind.SERVER_ERROR and before in UNTOUCHED:
            return Outcome(changed=False, text=f"{action.target} was {before} and was not touched")
        if now == before:
            return Outcome(changed=False, text=f"{action.target} is {before or 'unset'} already")
        if now != WANTED[action.kind] or _is_theirs(action, record):
            return Outcome(changed=False, text=f"{action.target} was changed by somebody else: it is {now}")
        if action.kind == ActionKind.SERVER_ERROR and isinstance(record, Server):
            return await self._restore_server(action, record, before)
        if action.kind == ActionKind.PORT_DATA_PLANE_DOWN and not before:
            return await self._unset_data_plane(action, record.id)
        answered = await self._write(action, record, before)
        said = await self._read_back(action, before, answered)
        return Outcome(changed=True, text=f"{action.target}: {now} -> {before or 'unset'}; {said}")

    async def _state(self, action: Action) -> tuple[CloudRecord, str]:
        record = await self._records.read(action.target)
        now = state_now(action.kind, record)
        if now is None:
            raise RefusedError(f"{action.kind} does not apply to {action.target}")
        return record, now

    async def _write(self, action: Action, record: CloudRecord, value: str) -> CloudRecord | None:
        """What the cloud answered that it has now, where it does."""
        match action.kind:
            case ActionKind.FORCE_DOWN:
                await self._force_down(record.id, value == "True")
            case ActionKind.SERVICE_DISABLE:
                await self._enable(record.id, value == "enabled", str(action.params.get("reason", "")))
            case ActionKind.SERVER_ERROR:
                await self._nova.act(record.id, {"os-resetState": {"state": "error"}})
            case ActionKind.PORT_DATA_PLANE_DOWN:
                return await self._set_port(record.id, {"data_plane_status": value or None})
            case ActionKind.PORT_ADMIN_DOWN:
                return await self._set_port(record.id, {"admin_state_up": value == "True"})
            case ActionKind.VOLUME_ERROR:
                await self._cinder.reset_status(record.id, value)
            case _:
                raise RefusedError(f"nobody here knows how to do {action.kind}")
        return None

    async def _set_port(self, port: str, fields: dict[str, Any]) -> CloudRecord:
        return port_of(await self._neutron.set_port(port, fields), vim=self._records.name, pool=self._known.pool)

    async def _force_down(self, host: str, forced_down: bool) -> None:
        service, date_us = await self._nova.service(host)
        stamp_us = stamp_of(service)
        if not forced_down:
            # A host whose service has not come back yet is not given back to the scheduler.
            reports = stamp_us is not None and self._known.heartbeats.has_reported_since_touched(host, stamp_us)
            if not reports or not is_reporting(
                service,
                now_us=date_us,
                heartbeats=self._known.heartbeats,
                heartbeat_seconds=self._options.heartbeat_seconds,
            ):
                raise NotYetError(
                    f"nova-compute of {host} has not reported yet: it stays forced down", REPORT_WAIT_SECONDS
                )
        try:
            await self._nova.set_forced_down(service, forced_down)
        except RefusedError as error:
            if not forced_down and "evacuation" in str(error):
                raise NotYetError(
                    f"nova-compute of {host} must be started again, to clean up what was evacuated: {error}",
                    REPORT_WAIT_SECONDS,
                ) from error
            raise
        await self._remember_touch(host, stamp_us)

    async def _enable(self, host: str, enabled: bool, reason: str) -> None:
        service, _ = await self._nova.service(host)
        await self._nova.set_enabled(service, enabled, reason)
        await self._remember_touch(host, stamp_of(service))

    async def _remember_touch(self, host: str, before_us: int | None) -> None:
        """Nova stamps our change like a heartbeat: what we know to be ours does not count as one."""
        after_us = stamp_of((await self._nova.service(host))[0])
        if before_us is not None and after_us is not None:
            self._known.heartbeats.touched(host, before_us=before_us, after_us=after_us)

    async def _unset_data_plane(self, action: Action, port: str) -> Outcome:
        """Many a Neutron fails (500) at unsetting what was set once, against its own API: ACTIVE comes closest."""
        async with self._unsetting:
            if self._can_unset is not False:
                try:
                    await self._neutron.set_port(port, {"data_plane_status": None})
                    self._can_unset = True
                except VimUnavailableError as error:
                    if self._can_unset or ": 500 " not in str(error):
                        raise
                    self._can_unset = False
        value = "" if self._can_unset else "ACTIVE"
        if value:
            await self._neutron.set_port(port, {"data_plane_status": value})
        said = await self._read_back(action, value)
        why = "" if self._can_unset else "; this Neutron cannot unset it"
        return Outcome(changed=True, text=f"{action.target}: DOWN -> {value or 'unset'}; {said}{why}")

    async def _read_back(self, action: Action, wanted: str, answered: CloudRecord | None = None) -> str:
        """What the cloud says of it afterwards, in a few words. An answer that says otherwise is looked into."""
        record = answered
        if record is None or state_now(action.kind, record) != wanted:
            record = await self._records.read(action.target)
        now = state_now(action.kind, record)
        if now != wanted:
            raise VimUnavailableError(f"{action.target} was set to {wanted or 'unset'}, and is still {now or 'unset'}")
        match record:
            case Host() if action.kind == ActionKind.FORCE_DOWN:
                service = "up" if record.service_up else "down"
                return f"Nova says the service is {service}{await self._word_on_servers(record.id)}"
            case Host():
                reason = f", because of {record.disabled_reason!r}" if record.disabled_reason else ""
                return f"Nova says it is {now}{reason}"
            case _:
                return f"read back as {now or 'unset'}"

    async def _word_on_servers(self, host: str) -> str:
        """What owners see: host_status of a server there. It is only said, so that nothing depends on it."""
        try:
            page = await self._nova.server_page(1, None, [("host", host)])
        except NfvigilError:
            return ""
        words = {server.host_status for server in page.items if server.host_status}
        return f", host_status of its servers {words.pop()}" if words else ""

    async def _restore_server(self, action: Action, server: Server, before: str) -> Outcome:
        """os-resetState knows only active and error: what else was there is reached from active, or said."""
        await self._nova.act(server.id, {"os-resetState": {"state": "active"}})
        said = await self._read_back(action, "ACTIVE")
        text = f"{action.target}: ERROR -> ACTIVE; {said}"
        if before == "ACTIVE":
            return Outcome(changed=True, text=text)
        if before != "SHUTOFF":
            return Outcome(changed=True, text=f"{text}; it was {before}, but Nova can set nothing else")
        host = await self._records.host(server.host) if server.host else None
        if host is None or not host.service_up:
            return Outcome(
                changed=True,
                text=f"{text}; it was SHUTOFF, but {server.host or 'no host'} does not report: not stopped",
            )
        await self._nova.act(server.id, {"os-stop": None})
        return Outcome(changed=True, text=f"{text}; it was SHUTOFF, so Nova was asked to stop it")


def _is_theirs(action: Action, record: CloudRecord) -> bool:
    """Disabled by somebody else for another reason: enabling it is theirs."""
    reason = action.params.get("reason")
    return (
        action.kind == ActionKind.SERVICE_DISABLE
        and reason is not None
        and isinstance(record, Host)
        and record.disabled_reason != reason
    )
