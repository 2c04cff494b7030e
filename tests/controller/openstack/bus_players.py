"""Who plays along in tests of OpenStack's notifications: the services that send, and the one that listens."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika

from nfvigil.controller.vims.openstack.amqp import open_session, reach
from nfvigil.controller.vims.openstack.bus import Bus, Patience
from nfvigil.controller.vims.openstack.bus_options import BusOptions, checked_bus
from nfvigil.controller.vims.openstack.hints import Hint
from nfvigil.model.resource import Kind

LIMIT_SECONDS = 30.0


def notification(event_type: str, payload: Any, *, unique_id: str = "", publisher: str = "nova-compute:c1") -> bytes:
    """As the services send it: in oslo's envelope, JSON in JSON."""
    inner = {
        "message_id": str(uuid.uuid4()),
        "publisher_id": publisher,
        "event_type": event_type,
        "priority": "INFO",
        "payload": payload,
        "timestamp": "2026-11-21 05:34:20.773697",
        "_unique_id": unique_id or uuid.uuid4().hex,
    }
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)}).encode()


def versioned(name: str, data: Any, version: str = "1.0") -> dict[str, Any]:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def server_update(server: str, **more: Any) -> bytes:
    return notification("instance.update", versioned("InstanceUpdatePayload", {"uuid": server}, "2.0"), **more)


def server(id: str) -> Hint:
    return Hint(kind=Kind.SERVER, id=id)


def bus_options(urls: str | list[str], **more: Any) -> BusOptions:
    given = {"urls": urls, "queue": f"nfvigil.test.{uuid.uuid4().hex[:8]}", "exchanges": ["nova", "neutron"], **more}
    return checked_bus(vim="test", node="here", options=given)


def make_bus(options: BusOptions, **more: Any) -> Bus:
    more.setdefault("patience", Patience(retry_min_seconds=0.05, retry_max_seconds=0.3, bind_min_seconds=0.05))
    more.setdefault("connect", open_session)
    more.setdefault("reach", reach)
    return Bus(options=options, clock=lambda: time.time_ns() // 1000, **more)


class Listener:
    """Reads a bus as the driver does, and keeps what it heard. While ``pause`` is set it takes nothing more."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: list[Sequence[Hint] | None] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def run(self, batches: AsyncGenerator[Sequence[Hint] | None]) -> None:
        async for batch in batches:
            self.heard.append(batch)
            await self.go_on.wait()

    @property
    def hints(self) -> list[Hint]:
        return [hint for batch in self.heard for hint in batch or ()]

    @property
    def snapshots(self) -> int:
        return self.heard.count(None)

    async def until(self, is_so: Callable[[], bool]) -> None:
        try:
            await until(is_so)
        except TimeoutError:
            raise AssertionError(f"{self.bus.status()}, {len(self.heard)} heard, {self.heard[-3:]}") from None


async def until(is_so: Callable[[], Any], seconds: float = LIMIT_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110  # what is waited for is said by many
            await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(bus: Bus) -> AsyncIterator[Listener]:
    listener = Listener(bus)
    batches = bus.listen()
    task = asyncio.create_task(listener.run(batches))
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.wait([task])
        await batches.aclose()
        await bus.close()
        if not task.cancelled():
            task.result()


class Service:
    """An OpenStack service on the bus: it makes its exchange as oslo.messaging does, and sends."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel) -> None:
        self.channel = channel
        self._exchanges: dict[str, aio_pika.abc.AbstractExchange] = {}

    async def exchange(self, name: str, *, durable: bool = False) -> aio_pika.abc.AbstractExchange:
        if name not in self._exchanges:
            self._exchanges[name] = await self.channel.declare_exchange(
                name, aio_pika.ExchangeType.TOPIC, durable=durable, auto_delete=False
            )
        return self._exchanges[name]

    async def send(self, *bodies: bytes, exchange: str = "nova", key: str = "versioned_notifications.info") -> None:
        where = await self.exchange(exchange)
        for body in bodies:
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await where.publish(message, routing_key=key)


@asynccontextmanager
async def service(url: str) -> AsyncIterator[Service]:
    connection = await aio_pika.connect(url)
    async with connection:
        yield Service(await connection.channel())
