"""What the API asks of whoever keeps the VNFs that are known to us, and of whoever tries a consumer's address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nfvigil.model.subscription import Endpoint
from nfvigil.model.tacker import FaultRow
from nfvigil.model.vnf import Vnf, VnfSource
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.northbound.vnf_record_desk import VnfRecordDesk


class VnfDesk(Protocol):
    """``project`` is None for one who sees all."""

    def vnfs(self, project: str | None, after: str, limit: int) -> Sequence[Vnf]:
        """In the order of ``project/id``, those beyond ``after``."""

    def vnf(self, vnf_id: str, project: str | None) -> Vnf:
        """NotFoundError where it is not there or not theirs; ConflictError where several projects have one."""

    def named(self, name: str, project: str | None) -> Sequence[str]: ...

    async def create(self, vnf: Vnf) -> Vnf: ...
    async def replace(self, vnf: Vnf, *, was_us: int) -> Vnf: ...
    async def remove(self, project: str, vnf_id: str) -> None: ...
    async def add_server(self, project: str, vnf_id: str, server: str, *, source: VnfSource, by: str) -> None: ...
    async def drop_server(self, project: str, vnf_id: str, server: str, *, source: VnfSource) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VnfParts:
    """What the APIs of VNFs and of their managers work with."""

    desk: VnfDesk
    records: VnfRecordDesk
    feed: VnfFeed
    """Who changes a VNF, or its record, says so here."""
    try_callback: Callable[[Endpoint], Awaitable[None]]
    """Raises RefusedError where a consumer does not answer as one."""
    sol_root: str
    """How consumers reach us; "" for what each calls us by itself."""
    tries_callbacks: bool
    tacker_faults: tuple[FaultRow, ...]
    server_project: Callable[[str], str]
    """Whose a server is; "" where no cloud has told of it."""
    subscribing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Two that ask for the same at once must not both find that there is none."""
