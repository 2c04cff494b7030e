"""What is asked for about the VES agent: configure it for a VIM, see how it stands, take it away, try the collector."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import structlog

from nfvigil.desks.ves.book import Book
from nfvigil.desks.ves.held import Held
from nfvigil.desks.ves.way import ROOT, bare, tls_of, with_kept
from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError, UnavailableError
from nfvigil.inspector.resource_map import AnyRecord
from nfvigil.model.resource import Host, Server
from nfvigil.model.subscription import Endpoint
from nfvigil.model.ves import VesBacklog, VesConfig
from nfvigil.northbound.ves.desk import VesBacklogDetail, VesDetail, VesTest
from nfvigil.notifier.lane import EndpointStats
from nfvigil.notifier.safety import Safety
from nfvigil.notifier.tls import context_of
from nfvigil.pipeline import Pipeline
from nfvigil.store.ves_records import VesRecord
from nfvigil.ves.backlogs import Built, staying
from nfvigil.ves.config import read_config

FAREWELL_SECONDS = 5.0
"""How long a removal waits for its collector to take the last clears."""
_TLS = {"ca": "ca", "certificate": "client_cert", "key": "client_key"}
"""An endpoint's words for what a configuration calls otherwise."""
_log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What it needs of the store."""

    async def delivery_counts(self, subscription_id: str) -> Mapping[str, int]: ...


class VesDesk:
    """One method a wish. Each is durable and in effect when it returns, and raises a RefusedError that says what is
    wrong. ``stored`` are the documents that the settings have with a VIM; ``taken_us`` says of each VIM that is watched
    when it was listed last; ``regions`` are the VIMs that ONAP has another name for.
    """

    def __init__(
        self,
        *,
        book: Book,
        pipeline: Pipeline,
        store: Counts,
        safety: Safety,
        stats: Callable[[], Mapping[str, EndpointStats]],
        try_out: Callable[[Endpoint, str, float], Awaitable[VesTest]],
        changed: Callable[[str], None],
        vims: Callable[[], Iterable[str]],
        taken_us: Callable[[], Mapping[str, int | None]],
        stored: Mapping[str, Any],
        regions: Mapping[str, str],
        clock: Callable[[], int],
        farewell_seconds: float = FAREWELL_SECONDS,
    ) -> None:
        self._book = book
        self._pipeline = pipeline
        self._store = store
        self._safety = safety
        self._stats = stats
        self._try_out = try_out
        self._changed = changed
        self._vims = vims
        self._taken_us = taken_us
        self._stored = stored
        self._regions = regions
        self._clock = clock
        self._farewell_seconds = farewell_seconds
        self._changing = asyncio.Lock()
        """Held while the store and what we have of it differ."""

    # Looking

    def vim_of(self, *names: str) -> str:
        there = set(self._vims())
        for name in names:
            known = self._regions.get(name, name)
            if known in there:
                return known
            if known.lower() in there:
                return known.lower()  # a VIM's name has small letters only, and RegionOne is a name for a region
        raise NotFoundError(f"there is no VIM for {names[0][:100]!r}")

    def _must_be_there(self, vim: str) -> None:
        if vim not in self._vims():
            raise NotFoundError("there is no VIM of this name")

    def config(self, vim: str) -> VesConfig | None:
        self._must_be_there(vim)
        held = self._book.held.get(vim)
        return bare(held.config) if held is not None else None

    async def show(self, vim: str) -> VesDetail | None:
        self._must_be_there(vim)
        held = self._book.held.get(vim)
        return await self._detail(held) if held is not None else None

    async def _detail(self, held: Held) -> VesDetail:
        way = self._book.way_of(held)
        (endpoint,) = way.endpoints
        counts = await self._store.delivery_counts(way.id)
        stats = self._stats().get(endpoint.id) or EndpointStats()
        return VesDetail(
            config=bare(held.config),
            has_password=endpoint.has("auth"),
            has_key=bool(held.config.ves_subscription.client_cert) and endpoint.has("tls"),
            is_locked=endpoint.locked,
            is_paused=way.paused,
            backlogs=tuple(_detail_of(held, backlog) for backlog in held.backlogs),
            refusals=tuple(FieldError(field, reason) for field, reason in held.record.refusals),
            subscription=way.id,
            pending=counts.get("pending", 0),
            delivered=counts.get("delivered", 0),
            dead=counts.get("dead", 0),
            delivered_us=held.delivered_us,
            last_status=stats.last_status,
            last_error=stats.last_error,
            skipped=dict(held.skipped),
        )

    # Changing

    async def put(self, vim: str, document: Any, *, by: str, was: VesConfig | None = None) -> VesDetail:
        async with self._changing:
            self._must_be_there(vim)
            before = self._book.held.get(vim)
            if was is not None and (before is None or bare(before.config) != was):
                raise ConflictError("it was changed since you have seen it: read it again")
            config = self._config(vim, before, document, by)
            self._check_address(config)
            await self._book.names.look(config, at_once=True)
            built = self._built(config, before.backlogs if before is not None else ())
            async with self._pipeline.between_turns():
                refusals = tuple((one.field, one.reason) for one in built.refusals)
                record = VesRecord(vim=vim, changed_us=config.changed_us, backlogs=built.backlogs, refusals=refusals)
                held = await self._book.put(record, config, self._clock())
            self._changed(vim)
        return await self._detail(held)

    def _config(self, vim: str, before: Held | None, document: Any, by: str) -> VesConfig:
        now_us = self._clock()
        if before is not None:
            now_us = max(now_us, before.config.changed_us + 1)
        if document is not None:
            kept = with_kept(document, before.config if before is not None else None)
            return read_config(vim, kept, now_us=now_us, by=by)
        if before is not None:
            return before.config
        if vim in self._stored:
            return read_config(vim, self._stored[vim], now_us=now_us, by=by)
        missing = FieldError("vesagent_config", "is missing, and there is none stored with the VIM")
        raise RefusedError("there is no configuration for the VES agent", [missing])

    def _check_address(self, config: VesConfig) -> None:
        try:
            self._safety.check_url(config.ves_subscription.endpoint)
        except RefusedError as error:
            reasons = "; ".join(one.reason for one in error.errors) or error.message
            raise RefusedError(
                "the collector must not be sent to", [FieldError(f"{ROOT}.endpoint", reasons)]
            ) from error

        tls = tls_of(config.ves_subscription)
        if tls is not None:
            try:
                context_of(tls)
            except RefusedError as error:
                errors = [FieldError(f"{ROOT}.{_TLS[one.field]}", one.reason) for one in error.errors]
                raise RefusedError(error.message, errors) from error

    def _built(self, config: VesConfig, before: Sequence[VesBacklog]) -> Built:
        """UnavailableError before its VIM was read: nobody knows what is there."""
        taken_us = self._taken_us()
        if config.vim not in taken_us:
            raise ConflictError(f"the VIM {config.vim} is not watched, so there is nothing to tell of it")
        if taken_us[config.vim] is None:
            raise UnavailableError(f"the VIM {config.vim} has not been read yet", 5.0)
        there = [one for one in self._pipeline.map.records.values() if one.vim == config.vim]
        built = self._book.built(config, _servers(there), _hosts(there))
        built = built._replace(backlogs=(*built.backlogs, *staying(config, built, before)))
        if not built.backlogs:
            errors = [FieldError(f"vesagent_config.{one.field}", one.reason) for one in built.refusals]
            raise RefusedError("no backlog can be built of this", errors)
        return built

    async def remove(self, vim: str) -> bool:
        async with self._changing:
            self._must_be_there(vim)
            await self._take_leave(vim)
            left = VesRecord(vim=vim, changed_us=self._clock()) if vim in self._stored else None
            async with self._pipeline.between_turns():
                was_there = await self._book.remove(vim, left)
            self._changed(vim)
        return was_there

    async def forget(self, vim: str) -> None:
        """The VIM itself is gone."""
        async with self._changing:
            await self._take_leave(vim)
            async with self._pipeline.between_turns():
                await self._book.remove(vim)

    async def _take_leave(self, vim: str) -> None:
        """Whatever stands is cleared first, behind all that waits: nobody else ever would. A collector that does not
        take it in time is not waited for.
        """
        held = self._book.held.get(vim)
        if held is None or not held.has_to_tell:
            return
        async with self._pipeline.between_turns():
            await self._book.silence(held, self._clock())
        way = self._book.way_of(held)
        if not (way.paused or way.endpoints[0].locked):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._farewell_seconds):
                    await held.has_told_all.wait()
        if held.waiting:
            _log.warning("its VES collector was not told all: alarms may stand there", vim=vim, left=len(held.waiting))

    # Trying

    async def test(self, vim: str) -> VesTest:
        self._must_be_there(vim)
        held = self._book.held.get(vim)
        if held is None:
            raise NotFoundError("the VES agent is not configured for this VIM")
        (endpoint,) = self._book.way_of(held).endpoints
        if endpoint.locked:
            raise ConflictError("the collector's password and key cannot be decrypted: their keys are missing")
        return await self._try_out(endpoint, vim, held.config.poll_interval_default)


def _detail_of(held: Held, backlog: VesBacklog) -> VesBacklogDetail:
    states = held.states.get(backlog.backlog_uuid, {})
    own = states.get("")
    of_sources = [one for source, one in states.items() if source or one.event_id]
    return VesBacklogDetail(
        backlog=backlog,
        collected_us=own.collected_us if own is not None else 0,
        raised=tuple(one for one in of_sources if one.is_raised),
        last=max(of_sources, key=lambda one: one.last_us, default=None),
    )


def _servers(there: Sequence[AnyRecord]) -> list[Server]:
    return [one for one in there if isinstance(one, Server)]


def _hosts(there: Sequence[AnyRecord]) -> list[Host]:
    return [one for one in there if isinstance(one, Host)]
