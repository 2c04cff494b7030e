"""VNFs that come, change and go: kept, and entered in the resource map, so that alarms know which VNF they hit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from msgspec.structs import replace

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.inspector.resource_map import AnyRecord
from nfvigil.model.resource import Kind, MapChange, Server, key_of
from nfvigil.model.vnf import Vnf, Vnfc, VnfSource
from nfvigil.model.vnf_record import VnfRecord
from nfvigil.vnf.registry import Registry, vnfc_of

VNFS_MAX = 10_000
"""In one project."""
VNFCS_MAX = 1_000
"""In one VNF."""


class Shelf(Protocol):
    """What it needs of the store."""

    async def add_vnf(self, vnf: Vnf, record: VnfRecord | None = None) -> None: ...
    async def change_vnf(self, vnf: Vnf, *, was_us: int, record: VnfRecord | None = None) -> None: ...
    async def remove_vnf(self, project: str, vnf_id: str) -> None: ...


class Records(Protocol):
    """What it needs of who keeps records in line with the clouds. Each counts when its block is over."""

    def putting(
        self, vnf: Vnf, given: VnfRecord | None = None, *, lets_go: bool = False
    ) -> AbstractAsyncContextManager[VnfRecord | None]:
        """The record of a VNF that is told of, to be written down with it; ``given``: what a document says of it;
        ``lets_go``: interfaces that are gone and not named are wanted no more.
        """

    def removing(self, project: str, vnf_id: str) -> AbstractAsyncContextManager[None]: ...


class NoRecords:
    @asynccontextmanager
    async def putting(
        self, vnf: Vnf, given: VnfRecord | None = None, *, lets_go: bool = False
    ) -> AsyncIterator[VnfRecord | None]:
        yield None

    @asynccontextmanager
    async def removing(self, project: str, vnf_id: str) -> AsyncIterator[None]:
        yield


class Servers(Protocol):
    """What it needs of the resource map."""

    def get(self, key: str) -> AnyRecord | None: ...
    def vnf_servers(self) -> Iterable[Server]: ...


class VnfDesk:
    """One method a wish; ``project`` is None for one who sees all. What is changed is durable, and in the map, at its
    return; open alarms learn it in silence right after.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        shelf: Shelf,
        servers: Servers,
        take_map: Callable[[MapChange], Awaitable[None]],
        clock: Callable[[], int],
        records: Records | None = None,
    ) -> None:
        self._records = records or NoRecords()
        self._registry = registry
        self._shelf = shelf
        self._servers = servers
        self._take_map = take_map
        self._clock = clock
        self._changing = asyncio.Lock()
        """Held while the store and the registry differ."""

    # Asking

    def vnfs(self, project: str | None, after: str, limit: int) -> list[Vnf]:
        """In the order of their markers, those beyond ``after``."""
        by_key = {vnf.key: vnf for vnf in self._registry.each(project)}
        for server in self._servers.vnf_servers():
            if project is None or server.project == project:
                key = (server.project, server.vnf)
                by_key[key] = _with(by_key.get(key), server)
        markers = sorted((marker(vnf), vnf) for vnf in by_key.values() if marker(vnf) > after)
        return [vnf for _, vnf in markers[:limit]]

    def vnf(self, vnf_id: str, project: str | None) -> Vnf:
        """NotFoundError where it is not there or not theirs; ConflictError where several projects have one."""
        by_project = {vnf.project: vnf for vnf in self._registry.find(vnf_id, project)}
        for server in self._servers.vnf_servers():
            if server.vnf == vnf_id and (project is None or server.project == project):
                by_project[server.project] = _with(by_project.get(server.project), server)
        if not by_project:
            raise NotFoundError("there is no such VNF")
        if len(by_project) > 1:
            raise ConflictError(
                "several projects have a VNF of this id", [FieldError("project", f"name one of {sorted(by_project)}")]
            )
        return next(iter(by_project.values()))

    def named(self, name: str, project: str | None) -> list[str]:
        """The ids of the VNFs of a name."""
        return sorted(vnf.id for vnf in self._registry.each(project) if vnf.name == name)

    # Changing

    def check(self, vnf: Vnf, *, may_name_unknown: bool = False) -> None:
        """Whether it could be made: ConflictError where the project has one of this id, RefusedError where a server is
        not the project's. With ``may_name_unknown`` one that no cloud has told of is as good.
        """
        if self._registry.get(vnf.project, vnf.id) is not None:
            raise ConflictError(f"there is a VNF {vnf.id} already", [FieldError("id", "is taken")])
        if sum(1 for _ in self._registry.each(vnf.project)) >= VNFS_MAX:
            raise ConflictError(f"the project has {VNFS_MAX} VNFs already")
        self._check(vnf, known=frozenset(), may_name_unknown=may_name_unknown)

    async def create(self, vnf: Vnf, record: VnfRecord | None = None, *, may_name_unknown: bool = False) -> Vnf:
        """As ``check`` says. ``record``: what its servers were when they were last seen, where somebody knows."""
        async with self._changing:
            self.check(vnf, may_name_unknown=may_name_unknown)
            now_us = self._clock()
            return await self._keep(replace(vnf, created_us=now_us, changed_us=now_us), None, record)

    async def replace(self, vnf: Vnf, *, was_us: int) -> Vnf:
        """Name and components anew; interfaces that are gone and not named are let go of. NotFoundError where nobody
        told us of it, or only its servers' metadata do.
        """
        async with self._changing:
            known = self._told(vnf.project, vnf.id)
            if known.changed_us != was_us:
                raise ConflictError("it was changed meanwhile: read it again")
            self._check(vnf, known=frozenset(one.server for one in known.vnfcs))
            changed = replace(known, name=vnf.name, vnfcs=vnf.vnfcs, changed_us=max(self._clock(), was_us + 1))
            return await self._keep(changed, known, lets_go=True)

    async def remove(self, project: str, vnf_id: str) -> None:
        """Forget what we were told of it. Alarms that stand keep its name until they are cleared."""
        async with self._changing:
            self._told(project, vnf_id)
            await self._forget(project, vnf_id)

    async def add_server(self, project: str, vnf_id: str, server: str, *, source: VnfSource, by: str) -> None:
        """A manager says that a server is a part of its VNF; the server may be so new that no cloud has told of it."""
        async with self._changing:
            now_us = self._clock()
            known = self._registry.get(project, vnf_id)
            vnf = known or Vnf(id=vnf_id, project=project, source=source, created_us=now_us, created_by=by)
            if any(one.server == server for one in vnf.vnfcs):
                return
            if len(vnf.vnfcs) >= VNFCS_MAX:
                raise RefusedError("the VNF is too large", [FieldError("vnfcs", f"more than {VNFCS_MAX}")])
            vnfcs = (*vnf.vnfcs, Vnfc(id=server, server=server))
            await self._keep(replace(vnf, vnfcs=vnfcs, changed_us=max(now_us, vnf.changed_us + 1)), known)

    async def drop_server(self, project: str, vnf_id: str, server: str, *, source: VnfSource) -> None:
        """The manager takes that back; with its last server the VNF goes. What others told us of stays as it is."""
        async with self._changing:
            known = self._registry.get(project, vnf_id)
            if known is None or known.source is not source:
                return
            left = tuple(one for one in known.vnfcs if one.server != server)
            if left:
                changed_us = max(self._clock(), known.changed_us + 1)
                await self._keep(replace(known, vnfcs=left, changed_us=changed_us), known)
            else:
                await self._forget(project, vnf_id)

    def _told(self, project: str, vnf_id: str) -> Vnf:
        known = self._registry.get(project, vnf_id)
        if known is None:
            raise NotFoundError("there is no VNF of this id that we were told of")
        return known

    def _check(self, vnf: Vnf, *, known: frozenset[str], may_name_unknown: bool = False) -> None:
        errors: list[FieldError] = []
        if len(vnf.vnfcs) > VNFCS_MAX:
            errors.append(FieldError("vnfcs", f"more than {VNFCS_MAX}"))
        ids: set[str] = set()
        servers: set[str] = set()
        for number, vnfc in enumerate(vnf.vnfcs[:VNFCS_MAX]):
            if vnfc.id in ids:
                errors.append(FieldError(f"vnfcs[{number}].id", "is another component's too"))
            if vnfc.server in servers:
                errors.append(FieldError(f"vnfcs[{number}].server", "is another component's too"))
            elif vnfc.server not in known and (reason := self._refusal(vnf, vnfc.server, may_name_unknown)):
                errors.append(FieldError(f"vnfcs[{number}].server", reason))
            ids.add(vnfc.id)
            servers.add(vnfc.server)
        if errors:
            raise RefusedError("the VNF is wrong", errors)

    def _refusal(self, vnf: Vnf, server_id: str, may_name_unknown: bool) -> str:
        server = self._servers.get(key_of(Kind.SERVER, server_id))
        if not (server is None and may_name_unknown) and (
            not isinstance(server, Server) or server.project != vnf.project
        ):
            return "is no server of the project"
        place = self._registry.place(vnf.project, server_id)
        if place is not None and place.vnf != vnf.id:
            return f"is a part of the VNF {place.vnf}"
        if isinstance(server, Server) and server.vnf and server.vnf != vnf.id:
            return f"is a part of the VNF {server.vnf} by its metadata"
        return ""

    async def _keep(self, vnf: Vnf, known: Vnf | None, given: VnfRecord | None = None, *, lets_go: bool = False) -> Vnf:
        async with self._records.putting(vnf, given, lets_go=lets_go) as record:
            if known is None:
                await self._shelf.add_vnf(vnf, record)
            else:
                await self._shelf.change_vnf(vnf, was_us=known.changed_us, record=record)
        await self._look_again(self._registry.put(vnf))
        return vnf

    async def _forget(self, project: str, vnf_id: str) -> None:
        async with self._records.removing(project, vnf_id):
            await self._shelf.remove_vnf(project, vnf_id)
        await self._look_again(self._registry.remove(project, vnf_id))

    async def _look_again(self, servers: Iterable[str]) -> None:
        by_vim: dict[str, list[Server]] = {}
        for server_id in sorted(servers):
            record = self._servers.get(key_of(Kind.SERVER, server_id))
            if isinstance(record, Server):
                by_vim.setdefault(record.vim, []).append(self._registry.anew(record))
        for vim, records in by_vim.items():
            await self._take_map(MapChange(vim=vim, put=tuple(records)))


def marker(vnf: Vnf) -> str:
    """Where it stands in a list."""
    return f"{vnf.project}/{vnf.id}"


def _with(vnf: Vnf | None, server: Server) -> Vnf:
    """The VNF with a server that is a part of it by its metadata, if it has not got it anyway."""
    vnf = vnf or Vnf(id=server.vnf, project=server.project, source=VnfSource.METADATA)
    if any(one.server == server.id for one in vnf.vnfcs):
        return vnf
    return replace(vnf, vnfcs=(*vnf.vnfcs, vnfc_of(server)))
