"""A cloud in our own process: the demo's, and the player of most tests. It can be made to fail like a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, Self

import msgspec

from nfvigil.controller.feed import Feed, Reader
from nfvigil.controller.vims.cloud import Cloud, key
from nfvigil.controller.vims.delta import Delta
from nfvigil.controller.vims.edits import edited
from nfvigil.controller.vims.failure import HEALTHY, Failure
from nfvigil.controller.vims.journal import LINES_MAX, Journal
from nfvigil.controller.vims.layout import SimulatedOptions, Thing, everything, project_ids
from nfvigil.errors import FieldError, NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.action import Action, Outcome
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, Snapshot, split_key

_to_json = msgspec.json.Encoder()

NOTHING_ELSE: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


class SimulatedVim:
    """Everything happens at once and in order, except for the waiting that ``latency`` or a failure asks for."""

    def __init__(self, *, name: str, options: SimulatedOptions, clock: Callable[[], int]) -> None:
        self.name = name
        self.failure = HEALTHY
        self._options = options
        self._clock = clock
        self._feed = Feed()
        self._chance = Random(options.seed)  # noqa: S311 - which call fails is no secret, and must repeat by seed
        self._cloud = Cloud(vim=name, things=everything(name, options), room=options.room)
        self._journal: Journal | None = None
        if options.state_path is not None:
            self._journal = Journal(Path(options.state_path), owner={"name": name, **options.layout()})
            for delta in self._journal.open():
                self._cloud.apply(self._cloud.completed(delta))
            self._journal.rewrite(self._cloud.since_first_day())

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Self:
        """RefusedError names every option that is unknown or wrong."""
        return cls(name=name, options=_checked(name, options), clock=clock)

    @property
    def projects(self) -> dict[str, str]:
        """Name of each project -> its id."""
        return project_ids(self._options)

    # As a VIM

    async def snapshot(self) -> Snapshot:
        await self._call("snapshot")
        if self.failure.partial and self.failure.concerns("snapshot"):
            raise VimUnavailableError(f"{self.name}: the list of servers ended early", retry_after_seconds=0)
        return self._cloud.snapshot(self._clock())

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        snapshot = await self.snapshot()
        for server in snapshot.servers:
            if not details.wants(server.id):
                continue
            ports = self._cloud.words_of_ports(server.id)
            words = self._cloud.words_of_server(server, ports.values())
            details.put(f"server/{server.id}", memoryview(_to_json.encode(words)))
            for port, said in ports.items():
                if details.wants(str(said["device_id"])):
                    details.put(f"port/{port}", memoryview(_to_json.encode(said)))
        return snapshot

    def changes(self) -> Reader:
        return self._feed.read()

    async def perform(self, action: Action) -> Outcome:
        await self._call(action.kind)
        failure = self.failure if self.failure.concerns(action.kind) else HEALTHY
        if failure.refuse:
            raise RefusedError(f"{self.name}: {failure.refuse}")
        delta, outcome = self._cloud.decide(action)
        self._enact(delta)
        if failure.lost_answer_rate and self._chance.random() < failure.lost_answer_rate:
            raise VimUnavailableError(f"{self.name}: the answer was lost", retry_after_seconds=0)
        return outcome

    async def show(self, key: str) -> dict[str, Any]:
        await self._call("show")
        thing = self._cloud.find(key)
        shown: dict[str, Any] = {field: msgspec.to_builtins(getattr(thing, field)) for field in thing.__struct_fields__}
        if key.startswith("host/"):
            shown["powered"] = thing.id not in self._cloud.off
            shown["servers"] = [server.id for server in self._cloud.servers_on(thing.id)]
        return shown

    async def read(self, key: str) -> CloudRecord:
        await self._call("show")
        return self._cloud.find(key)

    async def projects_by_id(self) -> Mapping[str, str]:
        return {project: name for name, project in self.projects.items()}

    async def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    # As a thing to play with

    def describe(self) -> dict[str, Any]:
        """What it has and what is wrong with it, ready for JSON."""
        return {
            "name": self.name,
            "driver": "simulated",
            "counts": self._cloud.counts(),
            "projects": self.projects,
            "failure": msgspec.to_builtins(self.failure),
            "powered_off": sorted(self._cloud.off),
        }

    def inject(self, failure: Failure) -> None:
        """From now on its API misbehaves like this, instead of how it did so far."""
        self.failure = failure

    def heal(self) -> None:
        self.failure = HEALTHY

    def has_host(self, host: str) -> bool:
        return self._found(f"host/{host}") is not None

    def is_powered(self, host: str) -> bool:
        """Whether it is a host here that is switched on."""
        return self.has_host(host) and self._cloud.host(host).id not in self._cloud.off

    def power(self, host: str, on: bool) -> bool:
        """Switch a host off or on, by any of its names; whether that was a change."""
        delta = self._cloud.power(host, on)
        self._enact(delta)
        return not delta.is_empty

    def change(
        self,
        *,
        put: Iterable[Thing] = (),
        gone: Iterable[str] = (),
        details: Mapping[str, Mapping[str, Any]] = NOTHING_ELSE,
    ) -> None:
        """What somebody else does to the cloud, past us: new or changed records whole, removed ones by key.

        ``details`` are fields of what Nova or Neutron say of a server or port (``port/<id>``) beside its record; they
        stay until the next change to them. Nobody is told of those: the next listing has them.
        """
        put = tuple(put)
        for resource in details.keys() - {key(thing) for thing in put}:
            self._cloud.find(resource)
        told = {resource: dict(fields) for resource, fields in details.items()}
        self._enact(Delta(put=put, gone=tuple(gone), details=told))

    def edit(
        self,
        *,
        fields: Mapping[str, Mapping[str, Any]],
        gone: Iterable[str] = (),
        details: Mapping[str, Mapping[str, Any]] = NOTHING_ELSE,
    ) -> None:
        """The same for who knows only what is to be otherwise: fields by key. A server's ports go with it."""
        gone = tuple(gone)
        for resource in gone:
            self._cloud.find(resource)
        put = [
            edited(resource, wanted, before=self._found(resource), vim=self.name) for resource, wanted in fields.items()
        ]
        ports = (f"port/{port}" for resource in gone for port in self._cloud.words_of_ports(split_key(resource)[1]))
        self.change(put=put, gone=dict.fromkeys((*gone, *ports)), details=details)

    def _found(self, resource: str) -> Thing | None:
        try:
            return self._cloud.find(resource)
        except NotFoundError:
            return None

    async def _call(self, call: str) -> None:
        """What every call goes through on its way: the waiting, and the failures without effect."""
        failure = self.failure if self.failure.concerns(call) else HEALTHY
        if failure.dead:
            await asyncio.sleep(failure.timeout_seconds)
            raise VimUnavailableError(f"{self.name} did not answer within {failure.timeout_seconds:g} s", 0)
        latency = failure.latency_seconds
        if latency is None:
            latency = self._options.latency_by_call.get(call, self._options.latency_seconds)
        if latency > 0:
            await asyncio.sleep(latency)
        if failure.error_rate and self._chance.random() < failure.error_rate:
            raise VimUnavailableError(f"{self.name} answered 503 Service Unavailable", retry_after_seconds=0)

    def _enact(self, delta: Delta) -> None:
        if delta.is_empty:
            return
        if self._journal is not None:
            if self._journal.lines >= LINES_MAX:
                self._journal.rewrite(self._cloud.since_first_day())
            self._journal.append(delta)
        change = self._cloud.apply(delta)
        if change is not None:
            self._feed.publish(change)


def _checked(name: str, options: Mapping[str, Any]) -> SimulatedOptions:
    fields = {field.name: field.type for field in msgspec.structs.fields(SimulatedOptions)}
    errors, good = [], {}
    for option, value in options.items():
        if option not in fields:
            errors.append(FieldError(option, f"is not an option; there are {', '.join(fields)}"))
            continue
        try:
            good[option] = msgspec.convert(value, fields[option])
        except msgspec.ValidationError as error:
            errors.append(FieldError(option, str(error)))
    if errors:
        raise RefusedError(f"the options of the simulated cloud {name} are wrong", errors)
    return SimulatedOptions(**good)
