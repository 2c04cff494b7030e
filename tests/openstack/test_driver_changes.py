"""The driver against a real OpenStack: what it tells of between two snapshots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from driver_players import driver
from openstack_players import Client, Lab

from nfvigil.model.resource import Host, MapChange

pytestmark = pytest.mark.anyio


async def told_of(changes: AsyncIterator[MapChange | None], host: str, wanted: Callable[[Host], bool]) -> float:
    """Seconds until the host is told of as wanted."""
    begun = time.monotonic()
    async with asyncio.timeout(90):
        async for change in changes:
            for record in change.put if change else ():
                if isinstance(record, Host) and record.id == host and wanted(record):
                    return time.monotonic() - begun
    raise AssertionError


async def test_a_host_is_told_of_when_it_is_forced_down_dies_and_comes_back(
    clouds_yaml: Path, openstack_lab: Lab, openstack_admin: Client, doomed_host: str
) -> None:
    async with driver(clouds_yaml, services_interval_seconds=0.5) as vim:
        await vim.snapshot()
        changes = vim.changes()
        openstack_admin.force_down(doomed_host)
        forced = await told_of(changes, doomed_host, lambda host: host.forced_down and not host.service_up)
        openstack_admin.force_down(doomed_host, is_down=False)
        freed = await told_of(changes, doomed_host, lambda host: not host.forced_down and host.service_up)
        openstack_lab.crash(doomed_host)
        died = await told_of(changes, doomed_host, lambda host: not host.is_reporting)
        openstack_lab.start(doomed_host)
        back = await told_of(changes, doomed_host, lambda host: host.is_reporting and host.service_up)

    print(f"told of after: forced down {forced:.2f} s, freed {freed:.2f} s, died {died:.1f} s, back {back:.1f} s")
