"""The lab's life: up, down, and single services in between."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterable
from dataclasses import replace

from . import configuration, packages
from .backends import backends, restore_golden, save_golden, start_backends
from .client import Client
from .layout import Layout, Settings
from .population import is_nova_up, populate_cloud, populate_identity
from .processes import Daemon, kill, marked, stop
from .schemas import create_aodh_schema, create_schemas
from .services import NEEDED_TO_LOG_IN, SLOW_TO_LOAD, services, surplus_computes
from .waiting import LabError, say, wait_until

SERVICE_GRACE_SECONDS = 3.0
"""Nova's take 10 s and more over a clean end, and have nothing to lose."""
UP_SECONDS = 240.0


def up(layout: Layout, settings: Settings, *, fresh: bool = False) -> Layout:
    """Start what does not run. The first time, make the cloud; with ``fresh``, forget what became of it since."""
    packages.require(packages.needed(with_aodh=settings.with_aodh))
    old, layout = layout, replace(layout, settings=settings)
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if replace(old.settings, computes=settings.computes) != settings:
        # They have read another configuration.
        stop(list(services(old).values()), grace_seconds=SERVICE_GRACE_SECONDS)
    stop(surplus_computes(layout), grace_seconds=SERVICE_GRACE_SECONDS)
    if fresh:
        end_processes(layout)
    configuration.write(layout)
    start_backends(layout)
    is_first = not layout.is_made
    if fresh and not is_first:
        restore_golden(layout)
        configuration.write(layout)  # folders that went with the old state
        say("the cloud is as it was at first")
    if is_first:
        create_schemas(layout)
        _start(layout, NEEDED_TO_LOG_IN)
        services(layout)["keystone"].wait_ready()
        populate_identity(layout)
        say("accounts and catalogue are made")
    if settings.with_aodh:
        create_aodh_schema(layout)
    _start(layout, SLOW_TO_LOAD)
    backends(layout)["rabbitmq"].wait_ready()
    say("RabbitMQ is ready")
    _start(layout, services(layout))
    for daemon in services(layout).values():
        daemon.wait_ready()
    say("all services listen")
    if is_first:
        populate_cloud(layout)
    _wait_for_nova(layout)
    if is_first:
        save_golden(layout)
    say(f"up with {settings.computes} computes: {layout.auth_url}")
    return layout


def _start(layout: Layout, names: Iterable[str]) -> None:
    daemons = services(layout)
    if started := [name for name in names if daemons[name].start()]:
        say(f"started {', '.join(started)}")


def _wait_for_nova(layout: Layout) -> None:
    client = Client(layout=layout)
    daemons = all_daemons(layout)
    started = {name: daemons[name].start_time for name in (*layout.computes, "nova-conductor", "nova-scheduler")}

    def is_up() -> bool:
        for daemon in daemons.values():
            daemon.check_alive()
        return is_nova_up(client, started)

    wait_until(is_up, "all of Nova to be up", seconds=UP_SECONDS, every=0.5)


def down(layout: Layout, *, purge: bool = False) -> None:
    """End everything; databases and logs stay, unless they are to go as well."""
    if not layout.root.exists():
        return
    end_processes(layout)
    if purge:
        shutil.rmtree(layout.root)


def end_processes(layout: Layout) -> None:
    stop([*services(layout).values(), *surplus_computes(layout)], grace_seconds=SERVICE_GRACE_SECONDS)
    daemons = backends(layout)
    # Nothing of it is kept, so that it need not tidy up first.
    stop([daemons["rabbitmq"]], number=signal.SIGKILL)
    stop([daemons["mariadb"], daemons["memcached"], daemons["epmd"]])
    # What began a session of its own, and what an interrupted start could not write down.
    kill(marked(layout.root))


def all_daemons(layout: Layout) -> dict[str, Daemon]:
    return backends(layout) | services(layout)


def named(layout: Layout, names: Iterable[str]) -> list[Daemon]:
    daemons = all_daemons(layout)
    if unknown := sorted(set(names) - set(daemons)):
        raise LabError(f"there is no {', '.join(unknown)} in this lab; there are {', '.join(daemons)}")
    return [daemons[name] for name in names]


def start_named(layout: Layout, names: Iterable[str]) -> None:
    names = list(names)
    for daemon in named(layout, names):
        daemon.start()
    for daemon in named(layout, names):
        daemon.wait_ready()


def stop_named(layout: Layout, names: Iterable[str], *, is_crash: bool = False) -> None:
    stop(named(layout, names), number=signal.SIGKILL if is_crash else signal.SIGTERM)
