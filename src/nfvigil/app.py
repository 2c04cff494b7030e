"""Makes a service out of the settings, step by step, and runs it until it is told to end."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvloop

from nfvigil import __version__
from nfvigil.errors import SettingsError
from nfvigil.listening import bound, configure_logging, listen
from nfvigil.retention import Retention
from nfvigil.running import Service
from nfvigil.settings import Settings
from nfvigil.wiring.access import has_other_ways_in
from nfvigil.wiring.assembly import Assembly


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Put the parts together; nothing runs yet. Closes the store and the VIMs at the end."""
    async with AsyncExitStack() as stack:
        assembly = Assembly(settings, stack, clock=clock, agent=f"nfvigil/{__version__}")
        await assembly.lay_the_ground()
        await assembly.make_tellers()
        await assembly.make_pipeline()
        await assembly.know_vnfs()
        assembly.make_hands()
        assembly.make_eyes()
        await assembly.let_in()
        await assembly.take_on_clouds()
        await assembly.make_desk()
        assembly.show()
        assembly.open_doors()
        yield _service(assembly)


def _service(of: Assembly) -> Service:
    """What runs of the parts, and what runs beside them."""
    return Service(
        settings=of.settings,
        store=of.store,
        pipeline=of.pipeline,
        controller=of.controller,
        dispatcher=of.tellers.dispatcher,
        heartbeats=of.heartbeats,
        inventory=of.inventory,
        outages=of.recovery.watch,
        look_out=of.recovery.look_out,
        control=of.control,
        alarming=of.alarming,
        retention=Retention(store=of.store, settings=of.settings.retention, clock=clock),
        permissions=of.permissions,
        audit_notes=of.audit_notes,
        app=of.app,
        undecided=of.left.undecided,
        beside={
            **of.monitoring.beside,
            **of.osm.beside,
            "lost news": of.vnfs.losses.run,
            "vnf records": of.keeper.run,
            "VES": of.ves.agent.run,
        },
    )


async def _serve(settings: Settings) -> None:
    with bound(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        async with open_service(settings) as service:
            is_usable = settings.dev or has_other_ways_in(settings.access)
            if not is_usable and not await service.store.tokens():
                raise SettingsError(
                    "nobody could use it: there are no tokens in the database. Make one first, for yourself:"
                    " nfvigil token create --name me --role admin (with the service's own --config or --database)"
                    " (or, on loopback and to play with only: nfvigil serve --dev)"
                )
            await service.run(lambda app: listen(app, listener, settings))


def serve(settings: Settings) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code. Raises SettingsError where it does not start."""
    configure_logging(settings)
    # The store's thread asks for the interpreter's lock at each hand-over: by default it may wait 5 ms for it.
    sys.setswitchinterval(0.0005)
    uvloop.run(_serve(settings))
    return 0
