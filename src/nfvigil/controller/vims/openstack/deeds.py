"""What is done once to a server: asked for at most once, watched to its end, judged by Nova's own record of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack import bodies
from nfvigil.controller.vims.openstack.known import Known
from nfvigil.controller.vims.openstack.microversions import NEWEST
from nfvigil.controller.vims.openstack.nova import Nova
from nfvigil.controller.vims.openstack.progress import (
    ALLOWED,
    IDLE,
    MOVES,
    NAMES,
    SKEW_US,
    Stage,
    earlier,
    has_reported_after,
    judge,
)
from nfvigil.controller.vims.openstack.reading import stamp_of
from nfvigil.controller.vims.openstack.records import Records, is_id
from nfvigil.controller.vims.openstack.wire import InstanceAction, WireServer
from nfvigil.errors import ConflictError, NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.action import Action, ActionKind, Outcome
from nfvigil.model.times import SECOND, iso

SECONDS_MAX = 600.0
PAUSE_SECONDS = 0.2
PAUSE_MAX_SECONDS = 2.0
ASKED_MAX = 10_000

_PAST: dict[str, str] = {
    ActionKind.EVACUATE: "evacuated",
    ActionKind.LIVE_MIGRATE: "live-migrated",
    ActionKind.MIGRATE: "migrated",
    ActionKind.CONFIRM_RESIZE: "resize confirmed",
    ActionKind.REVERT_RESIZE: "resize reverted",
    ActionKind.REBOOT: "rebooted",
    ActionKind.START: "started",
    ActionKind.STOP: "stopped",
    ActionKind.REBUILD: "rebuilt",
}
_NEEDS_NO_HOST = frozenset({ActionKind.EVACUATE, ActionKind.DELETE})


class Deeds:
    def __init__(
        self,
        *,
        name: str,
        nova: Nova,
        records: Records,
        known: Known,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._nova = nova
        self._records = records
        self._known = known
        self._clock = clock
        self._sleep = sleep
        self._asked: dict[str, str] = {}
        """Which action of ours each of Nova's records is of."""

    async def perform(self, action: Action) -> Outcome:
        if action.kind not in NAMES:
            raise RefusedError(f"OpenStack {self._name} does not know how to do {action.kind}")
        if action.undo_of:
            raise RefusedError(f"{action.kind} cannot be undone")
        kind, _, server_id = action.target.partition("/")
        if kind != "server" or not is_id(server_id):
            raise RefusedError(f"{action.kind} is for servers, not for {action.target}")
        if action.kind == ActionKind.DELETE:
            return await self._delete(action, server_id)
        server, their_now_us = await self._nova.server(server_id)
        source = await self._source(action)
        tried = await self._earlier(action, server_id, their_now_us)
        if tried is None:
            if source and source != server.host and server.task_state is None:
                text = f"{_called(server)} has left {source} already for {server.host or 'no host'}"
                return Outcome(changed=False, text=text)
            if source and source != server.host and action.kind == ActionKind.EVACUATE:
                # What is proven of the one host is not proven of the other.
                text = f"evacuate: {_called(server)} is on {server.host or 'no host'}, not {source}"
                raise VimUnavailableError(f"{text}, and at {server.task_state}", retry_after_seconds=2)
            if server.status == IDLE.get(action.kind) and server.task_state is None:
                return Outcome(changed=False, text=f"{_called(server)} is {server.status} already")
            body, at_most = await self._allowed(action, server)
            source = server.host if isinstance(server.host, str) else ""
            request_id = self._remember(await self._nova.act(server_id, body, at_most), action)
        else:
            request_id = tried.request_id
        after = await self._wait(action, action.kind, server_id, source, request_id)
        return await self._finished(action, after, source)

    # Before

    async def _source(self, action: Action) -> str:
        """The host that the server is moved away from, by the name that Nova's compute service has; or ""."""
        source = action.params.get("source")
        if action.kind not in MOVES or not isinstance(source, str) or not source:
            return ""
        name = source.removeprefix("host/")
        try:
            return await self._records.host_name(name)
        except NotFoundError:
            return name

    async def _earlier(self, action: Action, server_id: str, their_now_us: int | None) -> InstanceAction | None:
        """A try of this action that an earlier call, or an earlier process, has made."""
        since_us = min(filter(None, (action.planned_us, action.started_us)), default=None)
        if since_us is None:
            return None
        actions = [
            each
            for each in await self._nova.actions(server_id)
            if self._asked.get(each.request_id, action.id) == action.id
        ]
        return earlier(action.kind, actions, since_us=since_us, now_us=self._clock(), their_now_us=their_now_us)

    def _remember(self, request_id: str, action: Action) -> str:
        """Two of a kind, one shortly after the other, are not taken for one."""
        if len(self._asked) >= ASKED_MAX:
            del self._asked[next(iter(self._asked))]
        self._asked[request_id] = action.id
        return request_id

    async def _allowed(self, action: Action, server: WireServer) -> tuple[dict[str, Any], int]:
        """The request, if the server's state and its host allow it."""
        kind, name = action.kind, _called(server)
        if server.status not in ALLOWED[kind]:
            raise ConflictError(f"{kind}: {name} is {server.status}, not {' or '.join(sorted(ALLOWED[kind]))}")
        task = server.task_state
        if task is not None and (kind != ActionKind.EVACUATE or task.startswith("rebuild")):
            raise VimUnavailableError(f"{kind}: Nova is still at {task} of {name}", retry_after_seconds=2)
        body = await self._body(action, server)
        host = server.host if isinstance(server.host, str) else ""
        if kind == ActionKind.EVACUATE:
            await self._check_proof(action, host)
        elif kind not in _NEEDS_NO_HOST and host:
            service, _ = await self._nova.service(host)
            if service.forced_down or service.state != "up":
                raise ConflictError(f"{kind}: the compute service of {host} is down")
        return body

    async def _body(self, action: Action, server: WireServer) -> tuple[dict[str, Any], int]:
        params = action.params
        target = params.get("host")
        if target is not None:
            target = await self._records.host_name(str(target).removeprefix("host/"))
        dialect = await self._nova.dialect()
        match action.kind:
            case ActionKind.EVACUATE:
                return bodies.evacuate(dialect, target)
            case ActionKind.LIVE_MIGRATE:
                return bodies.live_migrate(dialect, target, params.get("block"))
            case ActionKind.MIGRATE:
                return bodies.migrate(dialect, target)
            case ActionKind.REBOOT:
                body = bodies.reboot(params, server.status)
                if body["reboot"]["type"] == "SOFT" and server.status != "ACTIVE":
                    raise ConflictError(f"reboot: {_called(server)} is {server.status}: only a hard one is possible")
                return body, NEWEST
            case ActionKind.REBUILD:
                return bodies.rebuild(params, server.image), NEWEST
            case _:
                return bodies.SIMPLE[action.kind], NEWEST

    async def _check_proof(self, action: Action, host: str) -> None:
        """Two copies of a server on one volume destroy it: without a proof that the first is off there is no second."""
        proof_us = action.params.get("proof_us")
        if not isinstance(proof_us, int) or isinstance(proof_us, bool) or proof_us <= 0:
            raise RefusedError(f"no fencing proof: nobody has shown that {host} is off")
        if proof_us > self._clock() + SKEW_US:
            raise RefusedError(f"no fencing proof: that of {host} lies in the future")
        service, their_now_us = await self._nova.service(host)
        if not service.forced_down:
            raise ConflictError(f"evacuate: {host} must be forced down first")
        stamp_us = stamp_of(service)
        heartbeat_us = None if stamp_us is None else self._known.heartbeats.last(host, stamp_us)
        if has_reported_after(
            proof_us=proof_us, heartbeat_us=heartbeat_us, now_us=self._clock(), their_now_us=their_now_us
        ):
            raise RefusedError(
                f"the fencing proof of {host} is of {iso(proof_us)}, but its nova-compute has reported since"
                f" (at {service.updated_at}): fence it again"
            )

    # Meanwhile and after

    async def _wait(self, action: Action, kind: str, server_id: str, source: str, request_id: str) -> WireServer:
        """Until Nova says that it is over: the server then, or why it failed."""
        end_us = self._end_us(action)
        pause = PAUSE_SECONDS
        while True:
            # The record first: a server that is read after its record's end is not older than that.
            record = await self._record(action, kind, server_id, request_id)
            try:
                server, _ = await self._nova.server(server_id)
            except NotFoundError as error:
                raise ConflictError(f"{kind}: {server_id} was deleted meanwhile") from error
            judgement = judge(kind, server, source, record)
            if judgement.stage is Stage.DONE:
                return server
            if judgement.stage is Stage.FAILED:
                request = f" ({record.request_id})" if record else ""
                raise RefusedError(f"{kind} of {_called(server)} failed: {judgement.reason}{request}")
            if self._clock() >= end_us:
                raise VimUnavailableError(
                    f"{kind} of {_called(server)} is not over in time: Nova is at {server.task_state or 'nothing'},"
                    f" the server is {server.status}"
                )
            await self._sleep(pause)
            pause = min(pause * 1.5, PAUSE_MAX_SECONDS)

    async def _record(self, action: Action, kind: str, server_id: str, request_id: str) -> InstanceAction | None:
        if not request_id:  # A proxy took the header away: the newest of this name is ours.
            since_us = action.started_us or action.planned_us or None
            actions = await self._nova.actions(server_id)
            found = earlier(kind, actions, since_us=since_us, now_us=0, their_now_us=None)
            if found is None:
                return None
            request_id = found.request_id
        return await self._nova.action(server_id, request_id)

    def _end_us(self, action: Action) -> int:
        seconds = action.params.get("seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds <= 86400:
            seconds = SECONDS_MAX
        return (action.started_us or self._clock()) + int(seconds * SECOND)

    async def _finished(self, action: Action, server: WireServer, source: str) -> Outcome:
        kind = action.kind
        text = f"{_called(server)} {_PAST[kind]}"
        if kind in MOVES:
            text += f" from {source or 'its host'} to {server.host}"
        if kind == ActionKind.MIGRATE and server.status == "VERIFY_RESIZE":
            if action.params.get("confirm", True) is False:
                return Outcome(changed=True, text=f"{text}; it waits to be confirmed or reverted")
            server = await self._confirm(action, server)
            text += ", and confirmed"
        return Outcome(changed=True, text=f"{text}; Nova says it is {server.status}")

    async def _confirm(self, action: Action, server: WireServer) -> WireServer:
        kind = ActionKind.CONFIRM_RESIZE
        try:
            request_id = await self._nova.act(server.id, bodies.SIMPLE[kind])
        except (ConflictError, RefusedError):
            # Nova confirms by itself after a while, if it is told so; else the refusal stands.
            now, _ = await self._nova.server(server.id)
            if now.status == "VERIFY_RESIZE" and now.task_state is None:
                tried = await self._earlier(msgspec.structs.replace(action, kind=kind), server.id, None)
                if tried is None:
                    raise
                request_id = tried.request_id
            else:
                request_id = ""
        return await self._wait(action, kind, server.id, "", request_id)

    async def _delete(self, action: Action, server_id: str) -> Outcome:
        try:
            server, _ = await self._nova.server(server_id)
        except NotFoundError:
            await self._records.check_sight("server")
            return Outcome(changed=False, text=f"{action.target} is gone already")
        if server.status in ("DELETED", "SOFT_DELETED"):
            return Outcome(changed=False, text=f"{_called(server)} is {server.status} already")
        if server.task_state not in ("deleting", "soft-deleting"):
            try:
                await self._nova.delete(server_id)
            except NotFoundError:
                await self._records.check_sight("server")
        end_us, pause = self._end_us(action), PAUSE_SECONDS
        while True:
            try:
                now, _ = await self._nova.server(server_id)
            except NotFoundError:
                await self._records.check_sight("server")
                return Outcome(changed=True, text=f"{_called(server)} deleted; Nova does not know it any more")
            if now.status in ("DELETED", "SOFT_DELETED"):
                return Outcome(changed=True, text=f"{_called(server)} deleted; Nova says it is {now.status}")
            if now.status == "ERROR" and now.task_state is None:
                why = now.fault.message if now.fault else "Nova does not say why"
                if server.status != "ERROR" or now.fault != server.fault:
                    raise RefusedError(f"delete of {_called(server)} failed: {why}")
            if self._clock() >= end_us:
                raise VimUnavailableError(f"delete of {_called(server)} is not over in time")
            await self._sleep(pause)
            pause = min(pause * 1.5, PAUSE_MAX_SECONDS)


def _called(server: WireServer) -> str:
    return server.name or server.id
