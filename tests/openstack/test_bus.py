"""What a real OpenStack tells over its bus becomes hints within a second, in Nova's old words as in its new ones."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import aio_pika
import pytest

from nfvigil.controller.vims.openstack.amqp import open_session, reach
from nfvigil.controller.vims.openstack.bus import Bus
from nfvigil.controller.vims.openstack.bus_options import checked_bus
from nfvigil.controller.vims.openstack.hints import Hint
from nfvigil.model.resource import Kind

pytestmark = pytest.mark.anyio

WITHIN_SECONDS = 1.0
"""How much later than the cloud itself shows something new we have to know where to look."""

NEW, OLD = "versioned_notifications", "notifications"


class Ears:
    """One bus that hears one topic, and when it was told of what."""

    def __init__(self, url: str, topic: str) -> None:
        self.options = checked_bus(
            vim="lab",
            node=f"bus-helper-{uuid.uuid4().hex[:8]}",
            options={"urls": url, "topics": [topic], "exchanges": ["nova", "neutron"]},
        )
        self.bus = Bus(options=self.options, connect=open_session, reach=reach, clock=lambda: time.time_ns() // 1000)
        self.is_ready = asyncio.Event()
        self.told: set[Hint] = set()

    async def listen(self) -> None:
        async with aclosing(self.bus.listen()) as batches:
            async for batch in batches:
                self.told.update(batch or ())
                self.is_ready.set()

    async def hear(self, kind: Kind, id: str) -> None:
        """Told of it since ``told`` was emptied, or soon."""
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                while Hint(kind=kind, id=id) not in self.told:  # noqa: ASYNC110  # a set of what was told has no event
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"{self.options.topics[0]}: no hint of {kind}/{id} within {WITHIN_SECONDS} s: {self.told}")


@asynccontextmanager
async def open_ears(url: str, topic: str) -> AsyncIterator[Ears]:
    ears = Ears(url, topic)
    task = asyncio.create_task(ears.listen())
    try:
        await asyncio.wait_for(ears.is_ready.wait(), 30)
        assert ears.bus.status().unbound == {}
        yield ears
    finally:
        task.cancel()
        await asyncio.wait([task])
        connection = await aio_pika.connect(url)
        async with connection:
            channel = await connection.channel()
            await channel.queue_delete(ears.options.queue)
            await channel.queue_delete(f"{ears.options.queue}.lost")


@asynccontextmanager
async def both_formats(url: str) -> AsyncIterator[tuple[Ears, Ears]]:
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(open_ears(url, NEW)),
            await stack.enter_async_context(open_ears(url, OLD)),
        )


async def test_a_servers_boot_stop_and_end_are_hinted_at_in_both_formats(
    amqp_url: str, openstack_lab: Any, openstack_admin: Any, openstack_tenant: Any
) -> None:
    host = openstack_lab.computes[2]
    async with both_formats(amqp_url) as ears:
        server = await asyncio.to_thread(openstack_tenant.make_server, "bus-helper-1", host=host)
        try:
            for each in ears:
                await each.hear(Kind.SERVER, server)
            await asyncio.to_thread(openstack_tenant.wait_for_boot, server)
            for each in ears:
                each.told.clear()

            await asyncio.to_thread(openstack_tenant.action, server, "os-stop")
            await asyncio.to_thread(openstack_tenant.wait_for_server, server, status="SHUTOFF")
            for each in ears:
                await each.hear(Kind.SERVER, server)
                each.told.clear()
        finally:
            await asyncio.to_thread(openstack_admin.delete_server, server)
        for each in ears:
            await each.hear(Kind.SERVER, server)


async def test_a_port_is_hinted_at_when_it_comes_changes_and_goes(
    amqp_url: str, openstack_admin: Any, openstack_tenant: Any
) -> None:
    async with open_ears(amqp_url, OLD) as ears:  # Neutron has the one format only
        port = (await asyncio.to_thread(openstack_tenant.make_port, "bus-helper-port"))["id"]
        try:
            await ears.hear(Kind.PORT, port)
            ears.told.clear()

            status = {"port": {"data_plane_status": "DOWN"}}
            await asyncio.to_thread(openstack_admin.request, "PUT", "network", f"/v2.0/ports/{port}", status)
            await ears.hear(Kind.PORT, port)
            ears.told.clear()
        finally:
            await asyncio.to_thread(openstack_tenant.delete_port, port)
        await ears.hear(Kind.PORT, port)


async def test_a_host_that_is_disabled_is_hinted_at(amqp_url: str, openstack_lab: Any, openstack_admin: Any) -> None:
    host = openstack_lab.computes[2]
    service = await asyncio.to_thread(openstack_admin.compute_service, host)
    path = f"/v2.1/os-services/{service['id']}"
    async with open_ears(amqp_url, NEW) as ears:  # Nova tells of services in the new format only
        for wanted in ({"status": "disabled", "disabled_reason": "bus-helper"}, {"status": "enabled"}):
            ears.told.clear()
            await asyncio.to_thread(openstack_admin.request, "PUT", "compute", path, wanted)
            await ears.hear(Kind.HOST, host)


async def test_a_host_that_joins_or_leaves_an_aggregate_is_hinted_at(
    amqp_url: str, openstack_lab: Any, openstack_admin: Any
) -> None:
    host, path = openstack_lab.computes[2], "/v2.1/os-aggregates"

    def ask(method: str, where: str, body: object = None) -> Any:
        return openstack_admin.request(method, "compute", f"{path}{where}", body)

    async with both_formats(amqp_url) as (new, old):
        made = await asyncio.to_thread(ask, "POST", "", {"aggregate": {"name": f"bus-helper-{uuid.uuid4().hex[:6]}"}})
        aggregate = f"/{made['aggregate']['id']}"
        try:
            await asyncio.to_thread(ask, "POST", f"{aggregate}/action", {"add_host": {"host": host}})
            await new.hear(Kind.HOST, host)
            await old.hear(Kind.HOST, host)
            old.told.clear()
            snapshots = new.bus.status().snapshots
        finally:
            await asyncio.to_thread(ask, "POST", f"{aggregate}/action", {"remove_host": {"host": host}})
            await asyncio.to_thread(ask, "DELETE", aggregate)
        await old.hear(Kind.HOST, host)
        # The new format lists who is left: only a snapshot can tell who went.
        async with asyncio.timeout(WITHIN_SECONDS):
            while new.bus.status().snapshots == snapshots:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
