"""Makes the services' databases, and Keystone's first account."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .layout import Layout
from .processes import INSIDE, PYTHON, run
from .waiting import say

AT_ONCE = 3
"""Each loads its service for seconds and then waits for the database."""


def create_schemas(layout: Layout) -> None:
    """Those that take longest first."""
    jobs: list[Callable[[Layout], None]] = [_neutron, _nova, _keystone, _placement, _glance]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for done in [pool.submit(_timed, job, layout) for job in jobs]:
            done.result()


def create_aodh_schema(layout: Layout) -> None:
    """Also in a lab that was without Aodh at first; does nothing the second time."""
    run(layout, "aodh-schema", [*_entry("aodh-dbsync", "aodh.cmd.storage:dbsync"), *_config(layout, "aodh.conf")])


def _timed(job: Callable[[Layout], None], layout: Layout) -> None:
    began = time.monotonic()
    job(layout)
    say(f"the databases of {job.__name__.strip('_')} are made: {time.monotonic() - began:.1f} s")


def _neutron(layout: Layout) -> None:
    program = _entry("neutron-db-manage", "neutron.db.migration.cli:main")
    run(layout, "neutron-schema", [*program, *_config(layout, "neutron.conf"), "upgrade", "head"])


def _nova(layout: Layout) -> None:
    configs = [layout.config("nova.conf"), layout.config("nova-databases.conf")]
    run(layout, "nova-schema", [PYTHON, INSIDE / "nova_schema.py", *configs])


def _keystone(layout: Layout) -> None:
    program = [*_entry("keystone-manage", "keystone.cmd.manage:main"), *_config(layout, "keystone.conf")]
    run(layout, "keystone-schema", [*program, "db_sync"])
    account = {"OS_BOOTSTRAP_PASSWORD": layout.settings.secret, "OS_BOOTSTRAP_REGION_ID": "RegionOne"}
    urls = {f"OS_BOOTSTRAP_{interface}_URL": layout.auth_url for interface in ("PUBLIC", "INTERNAL", "ADMIN")}
    run(layout, "keystone-account", [*program, "bootstrap"], more=account | urls)


def _placement(layout: Layout) -> None:
    program = _entry("placement-manage", "placement.cmd.manage:main")
    run(layout, "placement-schema", [*program, *_config(layout, "placement.conf"), "db", "sync"])


def _glance(layout: Layout) -> None:
    program = _entry("glance-manage", "glance.cmd.manage:main")
    run(layout, "glance-schema", [*program, *_config(layout, "glance.conf"), "db_sync"])


def _entry(program: str, entry_point: str) -> list[str | Path]:
    return [PYTHON, INSIDE / "entry.py", program, entry_point]


def _config(layout: Layout, name: str) -> list[str | Path]:
    return ["--config-file", layout.config(name)]
