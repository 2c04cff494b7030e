"""The simulated cloud's state and rules, after Nova, Neutron and Cinder: pure bookkeeping without I/O, clock or chance.

``decide`` says what an action would change, as a ``Delta``, and refuses what the real ones would; ``apply`` makes
it so. Between the two the driver writes the delta down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from nfvigil.controller.vims.layout import Thing
from nfvigil.controller.vims.words import port_words, server_words
from nfvigil.errors import ConflictError, NotFoundError, NotYetError, RefusedError
from nfvigil.model.action import Action, ActionKind, Outcome, is_state
from nfvigil.model.cloud_state import UNTOUCHED, WANTED, has_left, state_now
from nfvigil.model.resource import Host, Kind, MapChange, Network, Port, Record, Server, Snapshot, Volume, split_key

replace = msgspec.structs.replace

DEEDS_REMEMBERED_MAX = 10_000

_KINDS: dict[type[Record], Kind] = {
    Host: Kind.HOST,
    Server: Kind.SERVER,
    Port: Kind.PORT,
    Volume: Kind.VOLUME,
    Network: Kind.NETWORK,
}


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes different, as one step."""

    put: tuple[Thing, ...] = ()
    gone: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    """Hosts that lose their power."""
    on: tuple[str, ...] = ()
    """Hosts that get it back."""
    deeds: dict[str, str] = {}
    """Deeds that are done once, by the id of their action: asked for again, they are known."""
    details: dict[str, dict[str, Any]] = {}
    """What Nova or Neutron say otherwise of servers and ports than follows from their records: fields by key."""

    @property
    def is_empty(self) -> bool:
        return not (self.put or self.gone or self.off or self.on or self.deeds or self.details)


NOTHING = Delta()

ALLOWED: dict[str, frozenset[str]] = {
    ActionKind.EVACUATE: frozenset({"ACTIVE", "SHUTOFF", "ERROR"}),
    ActionKind.LIVE_MIGRATE: frozenset({"ACTIVE", "PAUSED"}),
    ActionKind.MIGRATE: frozenset({"ACTIVE", "SHUTOFF"}),
    ActionKind.REBOOT: frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR"}),
    ActionKind.START: frozenset({"SHUTOFF"}),
    ActionKind.STOP: frozenset({"ACTIVE", "ERROR"}),
    ActionKind.REBUILD: frozenset({"ACTIVE", "SHUTOFF", "ERROR"}),
    ActionKind.CONFIRM_RESIZE: frozenset({"VERIFY_RESIZE"}),
    ActionKind.REVERT_RESIZE: frozenset({"VERIFY_RESIZE"}),
}
"""The states of a server in which a deed is possible. Deleting is always."""

_SOFT_REBOOT = frozenset({"ACTIVE"})
_IDLE: dict[str, str] = {ActionKind.START: "ACTIVE", ActionKind.STOP: "SHUTOFF"}
"""The states in which there is nothing to do."""
_MOVES = (ActionKind.EVACUATE, ActionKind.LIVE_MIGRATE, ActionKind.MIGRATE)
_PAST: dict[str, str] = {
    ActionKind.EVACUATE: "evacuated",
    ActionKind.LIVE_MIGRATE: "live-migrated",
    ActionKind.MIGRATE: "migrated",
    ActionKind.REBOOT: "rebooted",
    ActionKind.START: "started",
    ActionKind.STOP: "stopped",
    ActionKind.REBUILD: "rebuilt",
    ActionKind.DELETE: "deleted",
    ActionKind.CONFIRM_RESIZE: "confirmed where it is",
    ActionKind.REVERT_RESIZE: "moved back",
}


def key(thing: Record) -> str:
    return f"{_KINDS[type(thing)]}/{thing.id}"


class Cloud:
    """Everything that exists, indexed by what asks for it."""

    def __init__(self, *, vim: str, things: Iterable[Thing], room: int) -> None:
        self.vim = vim
        self.off: set[str] = set()
        self.deeds: dict[str, str] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self._room = room
        self._hosts: dict[str, Host] = {}
        self._servers: dict[str, Server] = {}
        self._ports: dict[str, Port] = {}
        self._volumes: dict[str, Volume] = {}
        self._networks: dict[str, Network] = {}
        self._tables: dict[str, dict[str, Any]] = {
            Kind.HOST: self._hosts,
            Kind.SERVER: self._servers,
            Kind.PORT: self._ports,
            Kind.VOLUME: self._volumes,
            Kind.NETWORK: self._networks,
        }
        self._host_names: dict[str, str] = {}
        self._on_host: dict[str, set[str]] = {}
        self._in_group: dict[str, set[str]] = {}
        self._ports_of: dict[str, tuple[str, ...]] = {}
        for thing in things:
            self._put(thing)
        self._touched: set[str] = set()
        self._came_from: dict[str, str] = {}
        """Where a server was before the migration that is not confirmed; not known any more after a restart."""

    # What is there

    def snapshot(self, taken_us: int) -> Snapshot:
        return Snapshot(
            vim=self.vim,
            taken_us=taken_us,
            hosts=tuple(self._hosts.values()),
            servers=tuple(self._servers.values()),
            ports=tuple(self._ports.values()),
            volumes=tuple(self._volumes.values()),
            networks=tuple(self._networks.values()),
        )

    def find(self, resource: str) -> Thing:
        """By its key; a host by any of its names."""
        kind, name = split_key(resource)
        if kind == Kind.HOST:
            name = self._host_names.get(name, name)
        thing: Thing | None = self._tables.get(kind, {}).get(name)
        if thing is None:
            raise NotFoundError(f"{resource} is unknown in {self.vim}")
        return thing

    def host(self, name: str) -> Host:
        """By any of its names, with or without ``host/`` before it."""
        found = self.find(name if name.startswith("host/") else f"host/{name}")
        assert isinstance(found, Host)
        return found

    def servers_on(self, host: str) -> list[Server]:
        return [self._servers[server] for server in sorted(self._on_host.get(host, ()))]

    def words_of_ports(self, server: str) -> dict[str, dict[str, Any]]:
        """What Neutron says of a server's ports, by their ids."""
        ports = (self._ports[port] for port in self._ports_of.get(server, ()))
        return {port.id: port_words(port, self.details.get(f"port/{port.id}", {})) for port in ports}

    def words_of_server(self, server: Server, ports: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """What Nova says of it; ``ports`` is what Neutron says of its ports."""
        ports = tuple(ports)
        networks = {id: self._networks[id].name for port in ports if (id := port["network_id"]) in self._networks}
        return server_words(server, self.details.get(key(server), {}), ports=ports, networks=networks)

    def counts(self) -> dict[str, int]:
        return {f"{kind}s": len(table) for kind, table in self._tables.items()}

    def completed(self, delta: Delta) -> Delta:
        """One written down before servers had sizes and hosts aggregates: with those of the first day."""
        return replace(delta, put=tuple(self._completed(thing) for thing in delta.put))

    def _completed(self, thing: Thing) -> Thing:
        match thing:
            case Server(vcpus=0) if known := self._servers.get(thing.id):
                return replace(thing, vcpus=known.vcpus, memory_mb=known.memory_mb)
            case Host(aggregates=()) if host := self._hosts.get(thing.id):
                return replace(thing, aggregates=host.aggregates)
        return thing

    # What may be done

    def decide(self, action: Action) -> tuple[Delta, Outcome]:
        """What the action changes. RefusedError where it is impossible for good: then nothing is changed."""
        if is_state(action.kind):
            return self._restore(action) if action.undo_of else self._set(action)
        if action.kind not in _PAST:
            raise RefusedError(f"{self.vim} does not know how to do {action.kind}")
        if action.undo_of:
            raise RefusedError(f"{action.kind} cannot be undone")
        if action.id in self.deeds:
            return NOTHING, Outcome(changed=False, text=f"was done before: {self.deeds[action.id]}")
        server = self.find(action.target)
        if not isinstance(server, Server):
            raise RefusedError(f"{action.kind} is for servers, not for {action.target}")
        return self._deed(action, server)

    def power(self, host: str, on: bool) -> Delta:
        """Its power goes or comes back. The servers stay as they are, as in Nova, until somebody resets them."""
        record = self.host(host)
        if on == (record.id not in self.off):
            return NOTHING
        record = replace(record, service_up=on and not record.forced_down, is_reporting=on)
        return Delta(put=(record,), on=(record.id,)) if on else Delta(put=(record,), off=(record.id,))

    def _set(self, action: Action) -> tuple[Delta, Outcome]:
        thing, now = self._state(action)
        wanted = WANTED[action.kind]
        text = has_left(action, thing)
        if text:
            return NOTHING, Outcome(changed=False, text=text, was=now)
        if action.kind == ActionKind.SERVER_ERROR and now in UNTOUCHED and now != wanted:
            return NOTHING, Outcome(changed=False, text=f"a server that is {now} is not touched", was=now)
        if now == wanted:
            return NOTHING, Outcome(changed=False, text=f"{action.target} is {now} already", was=now)
        put = self._with_state(thing, action, wanted)
        return Delta(put=(put,)), Outcome(changed=True, text=f"{action.target}: {now or 'unset'} -> {wanted}", was=now)

    def _restore(self, action: Action) -> tuple[Delta, Outcome]:
        try:
            thing, now = self._state(action)
        except NotFoundError:
            return NOTHING, Outcome(changed=False, text=f"{action.target} is gone: there is nothing to restore")
        before, set_by_us = action.before, WANTED[action.kind]
        if before is None:
            raise RefusedError(f"what {action.target} was before is not recorded")
        if action.kind == ActionKind.SERVER_ERROR and before in UNTOUCHED:
            return NOTHING, Outcome(changed=False, text=f"{action.target} was {before} and was not touched")
        if now == before:
            return NOTHING, Outcome(changed=False, text=f"{action.target} is {before or 'unset'} already")
        reason = action.params.get("reason")
        theirs = isinstance(thing, Host) and action.kind == ActionKind.SERVICE_DISABLE and reason is not None
        if now != set_by_us or (theirs and isinstance(thing, Host) and thing.disabled_reason != reason):
            return NOTHING, Outcome(changed=False, text=f"{action.target} was changed by somebody else: it is {now}")
        if action.kind == ActionKind.FORCE_DOWN and thing.id in self.off:
            # Up again by our word alone it would be given servers that it cannot run.
            raise NotYetError(f"the compute service of {thing.id} has not reported yet")
        put = self._with_state(thing, action, before)
        return Delta(put=(put,)), Outcome(changed=True, text=f"{action.target}: {now} -> {before or 'unset'}")

    def _state(self, action: Action) -> tuple[Thing, str]:
        thing = self.find(action.target)
        now = state_now(action.kind, thing)
        if now is None:
            raise RefusedError(f"{action.kind} does not apply to {action.target}")
        return thing, now

    def _with_state(self, thing: Thing, action: Action, value: str) -> Thing:
        match thing:
            case Host() if action.kind == ActionKind.FORCE_DOWN:
                forced = value == "True"
                return replace(thing, forced_down=forced, service_up=not forced and thing.id not in self.off)
            case Host():
                reason = str(action.params.get("reason", "")) if value == "disabled" else ""
                return replace(thing, service_enabled=value == "enabled", disabled_reason=reason)
            case Port() if action.kind == ActionKind.PORT_ADMIN_DOWN:
                return replace(thing, admin_up=value == "True")
            case Port():
                return replace(thing, data_plane_status=value)
            case Server() | Volume():
                return replace(thing, status=value)
            case _:
                raise RefusedError(f"{action.kind} does not apply to {action.target}")

    def _deed(self, action: Action, server: Server) -> tuple[Delta, Outcome]:
        if action.kind == ActionKind.DELETE:
            return self._done(action, *self._deleted(server), text=f"{server.name} deleted")
        if server.status == _IDLE.get(action.kind):
            return NOTHING, Outcome(changed=False, text=f"{server.name} is {server.status} already")
        left = self._host_names.get(str(action.params.get("source", "")), server.host)
        if action.kind in _MOVES and left != server.host:
            return NOTHING, Outcome(changed=False, text=f"{server.name} has left {left} already for {server.host}")
        soft = action.kind == ActionKind.REBOOT and str(action.params.get("type", "HARD")).upper() == "SOFT"
        allowed = _SOFT_REBOOT if soft else ALLOWED[action.kind]
        if server.status not in allowed:
            raise ConflictError(f"{action.kind}: {server.name} is {server.status}, not {' or '.join(sorted(allowed))}")
        host = self._hosts.get(server.host)
        is_up = host is not None and host.service_up and not host.forced_down
        if action.kind == ActionKind.EVACUATE:
            if "proof_us" not in action.params:
                raise RefusedError(f"not evacuated: there is no proof that {server.host} is off")
            if is_up:
                raise ConflictError(f"the compute service of {server.host} is still in use: force it down first")
        elif not is_up:
            raise ConflictError(f"the compute service of {server.host} is down")
        if action.kind in _MOVES:
            target = self._target(action, server)
            text = f"{server.name} {_PAST[action.kind]} from {server.host} to {target}"
            return self._done(action, self._moved(action, server, target), (), text=text)
        if action.kind == ActionKind.REVERT_RESIZE:
            back = self._came_from.get(server.id, server.host)
            return self._done(action, self._moved(action, server, back), (), text=f"{server.name} moved back to {back}")
        changed = replace(server, status=_status_after(action.kind, server.status))
        return self._done(action, (changed,), (), text=f"{server.name} {_PAST[action.kind]}")

    @staticmethod
    def _done(action: Action, put: tuple[Thing, ...], gone: tuple[str, ...], *, text: str) -> tuple[Delta, Outcome]:
        return Delta(put=put, gone=gone, deeds={action.id: text}), Outcome(changed=True, text=text)

    def _deleted(self, server: Server) -> tuple[tuple[Thing, ...], tuple[str, ...]]:
        freed = tuple(
            replace(self._volumes[volume], status="available") for volume in server.volumes if volume in self._volumes
        )
        gone = (key(server), *(f"port/{port}" for port in self._ports_of.get(server.id, ())))
        return freed, gone

    def _moved(self, action: Action, server: Server, target: str) -> tuple[Thing, ...]:
        status = _status_after(action.kind, server.status)
        if action.kind == ActionKind.MIGRATE and action.params.get("confirm", True) is False:
            status = "VERIFY_RESIZE"
        ports = (self._ports[port] for port in self._ports_of.get(server.id, ()))
        return (replace(server, host=target, status=status), *(replace(port, host=target) for port in ports))

    def _target(self, action: Action, server: Server) -> str:
        wish = action.params.get("host")
        if wish is not None:
            host = self.host(str(wish))
            if host.id == server.host or not _is_usable(host) or not self._has_room(host.id):
                raise ConflictError(f"{host.id} cannot take {server.name}")
            return host.id
        source = self._hosts.get(server.host)
        zone = source.zone if source else ""
        # Not beside those it stands in for, nor far away, if that can be helped.
        mates = {self._servers[mate].host for mate in self._in_group.get(server.group, ())}
        candidates = [
            (host.id in mates, host.zone != zone, len(self._on_host.get(host.id, ())), index, host.id)
            for index, host in enumerate(self._hosts.values())
            if host.id != server.host and _is_usable(host) and self._has_room(host.id)
        ]
        if not candidates:
            raise ConflictError(f"no valid host was found for {server.name}")
        return min(candidates)[-1]

    def _has_room(self, host: str) -> bool:
        return len(self._on_host.get(host, ())) < self._room

    # What was done

    def apply(self, delta: Delta) -> MapChange | None:
        """Make it so; what readers of changes are told of it, if anything."""
        self.off.update(delta.off)
        self.off.difference_update(delta.on)
        for thing in delta.put:
            self._put(thing)
            self._touched.add(key(thing))
        for resource in delta.gone:
            self._remove(resource)
            self._touched.add(resource)
        for resource, fields in delta.details.items():
            self.details[resource] = self.details.get(resource, {}) | fields
        self.deeds.update(delta.deeds)
        while len(self.deeds) > DEEDS_REMEMBERED_MAX:
            del self.deeds[next(iter(self.deeds))]
        if not (delta.put or delta.gone):
            return None
        return MapChange(vim=self.vim, put=delta.put, gone=delta.gone)

    def since_first_day(self) -> Iterator[Delta]:
        """The few deltas that lead from the first day's cloud to the present one."""
        for resource in sorted(self._touched):
            kind, name = split_key(resource)
            thing = self._tables[kind].get(name)
            yield Delta(put=(thing,)) if thing is not None else Delta(gone=(resource,))
        if self.off:
            yield Delta(off=tuple(sorted(self.off)))
        if self.details:
            yield Delta(details=dict(self.details))
        if self.deeds:
            yield Delta(deeds=dict(self.deeds))

    def _put(self, thing: Thing) -> None:
        match thing:
            case Server():
                before = self._servers.get(thing.id)
                if before is not None and before.host != thing.host and thing.status == "VERIFY_RESIZE":
                    self._came_from[thing.id] = before.host
                self._leave(before)
                self._servers[thing.id] = thing
                self._on_host.setdefault(thing.host, set()).add(thing.id)
                if thing.group:
                    self._in_group.setdefault(thing.group, set()).add(thing.id)
            case Port():
                if thing.id not in self._ports:
                    self._ports_of[thing.server] = (*self._ports_of.get(thing.server, ()), thing.id)
                self._ports[thing.id] = thing
            case Host():
                self._hosts[thing.id] = thing
                self._host_names.update(dict.fromkeys((*thing.aliases, thing.id), thing.id))
            case Volume():
                self._volumes[thing.id] = thing
            case Network():
                self._networks[thing.id] = thing

    def _remove(self, resource: str) -> None:
        kind, name = split_key(resource)
        self.details.pop(resource, None)
        thing = self._tables.get(kind, {}).pop(name, None)
        match thing:
            case Server():
                self._leave(thing)
            case Port():
                rest = tuple(port for port in self._ports_of.get(thing.server, ()) if port != thing.id)
                if rest:
                    self._ports_of[thing.server] = rest
                else:
                    self._ports_of.pop(thing.server, None)
            case Host():
                for name in (*thing.aliases, thing.id):
                    self._host_names.pop(name, None)

    def _leave(self, server: Server | None) -> None:
        if server is not None:
            self._on_host.get(server.host, set()).discard(server.id)
            self._in_group.get(server.group, set()).discard(server.id)


def _is_usable(host: Host) -> bool:
    return host.service_up and host.service_enabled and not host.forced_down


def _status_after(kind: str, status: str) -> str:
    """A server that was shut off stays so when it is evacuated, migrated or rebuilt; all else runs afterwards."""
    if kind == ActionKind.STOP:
        return "SHUTOFF"
    if kind == ActionKind.LIVE_MIGRATE:
        return status
    if kind in (ActionKind.EVACUATE, ActionKind.MIGRATE, ActionKind.REBUILD) and status == "SHUTOFF":
        return "SHUTOFF"
    return "ACTIVE"
