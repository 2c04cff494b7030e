"""The wiring of who is let in: the guard with all its ways, and what makes and revokes credentials."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from nfvigil.controller.vims.openstack.options import checked
from nfvigil.controller.vims.openstack.session import Session
from nfvigil.controller.vims.openstack.transport import AiohttpTransport
from nfvigil.errors import FieldError, RefusedError, SettingsError
from nfvigil.model.answers import Health
from nfvigil.northbound.access.asking_keystone import SERVICE, Keystone, KeystoneCannotError
from nfvigil.northbound.access.break_glass import BreakGlass
from nfvigil.northbound.access.counts import AccessCounts
from nfvigil.northbound.access.credentials import Credentials
from nfvigil.northbound.access.keystone import KeystoneTokens
from nfvigil.northbound.access.monitor_keys import OpenKeys
from nfvigil.northbound.access.open_doors import OpenDoors
from nfvigil.northbound.access.pace import Pace
from nfvigil.northbound.access.settings import AccessSettings, KeystoneSettings
from nfvigil.northbound.access.signatures import Signatures
from nfvigil.northbound.auth import Guard
from nfvigil.northbound.metrics import Metrics
from nfvigil.sealing.keys import Keys
from nfvigil.store import Store


@dataclass(frozen=True, kw_only=True)
class Access:
    guard: Guard
    credentials: Credentials
    keystone: KeystoneTokens | None
    places: Callable[[], Sequence[str]]
    """Where Keystone is, as far as it is known."""

    def in_health(self, health: Callable[[], Awaitable[Health]]) -> Callable[[], Awaitable[Health]]:
        """With how it stands with Keystone. That it is away is no reason not to take events in."""

        async def report() -> Health:
            found = await health()
            if self.keystone is None:
                return found
            return msgspec.structs.replace(found, details={**found.details, "keystone": self.keystone.status()})

        return report


@asynccontextmanager
async def open_access(
    settings: AccessSettings,
    *,
    dev: bool,
    store: Store,
    keys: Keys,
    clock: Callable[[], int],
    new_id: Callable[[], str],
    metrics: Metrics,
    stranger: Callable[[Request], None],
) -> AsyncIterator[Access]:
    """``stranger`` hears of requests of somebody who is not known."""
    counts = AccessCounts(metrics.registry)
    break_glass = BreakGlass(hashed=settings.break_glass_hash, clock=clock)
    open_keys = OpenKeys(store=store, keys=keys, clock=clock)
    async with contextlib.AsyncExitStack() as stack:
        keystone, session = None, None
        if settings.keystone.is_on:
            keystone, session = await stack.enter_async_context(_keystone(settings.keystone, clock, counts))
        guard = Guard(
            store=store,
            clock=clock,
            dev=dev,
            foreign=keystone,
            signatures=Signatures(ring=open_keys, clock=clock),
            open_doors=OpenDoors(settings.open_doors),
            break_glass=break_glass,
            pace=Pace(settings=settings.rate, clock=clock, count=counts.too_often),
            refused=counts.refused,
            stranger=stranger,
        )
        credentials = Credentials(
            store=store,
            keys=keys,
            clock=clock,
            new_id=new_id,
            forget_token=guard.forget,
            forget_keys=open_keys.forget,
        )
        places = session.places if session is not None else tuple[str, ...]
        yield Access(guard=guard, credentials=credentials, keystone=keystone, places=places)


@asynccontextmanager
async def _keystone(
    settings: KeystoneSettings, clock: Callable[[], int], counts: AccessCounts
) -> AsyncIterator[tuple[KeystoneTokens, Session]]:
    try:
        options = checked("access.keystone", settings.options())
    except RefusedError as error:
        fields = [FieldError(f"access.keystone.{one.field}", one.reason) for one in error.errors]
        raise SettingsError("the settings are wrong", fields) from error
    session = Session(name="access.keystone", options=options, clock=clock, services=(SERVICE,))
    transport = AiohttpTransport(tls=session.tls)
    keystone = Keystone(account=session, transport=transport, timeout_seconds=settings.timeout_seconds)
    tokens = KeystoneTokens(
        look_up=keystone.look_up,
        names=settings.roles.by_role(),
        clock=clock,
        cache_seconds=settings.cache_seconds,
        grace_seconds=settings.grace_seconds,
        count=counts.keystone,
    )
    counts.show_keystone(lambda: tokens.is_away)

    async def begin() -> None:
        try:
            await keystone.begin()
        except KeystoneCannotError as error:
            tokens.missed(error)

    beginning = asyncio.create_task(begin())
    try:
        yield tokens, session
    finally:
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)
        await tokens.close()
        await transport.close()
        await session.close()


def check_open_doors(settings: AccessSettings, doors: Sequence[Route]) -> None:
    """SettingsError where something else than an event door is to be open."""
    errors = []
    for number, one in enumerate(settings.open_doors):
        for path in one.doors:
            if not any(route.path_regex.match(path) for route in doors):
                there = ", ".join(sorted({route.path for route in doors}))
                errors.append(
                    FieldError(f"access.open_doors.{number}.doors", f"{path} is no event door; there are {there}")
                )
    if errors:
        raise SettingsError("the settings are wrong", errors)


def has_other_ways_in(settings: AccessSettings) -> bool:
    """Whether somebody could use the service without a local token."""
    return settings.keystone.is_on
