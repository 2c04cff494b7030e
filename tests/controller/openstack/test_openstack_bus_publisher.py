"""What we publish to a cloud's own RabbitMQ: kept when it is answered, in order, and no other endpoint's business."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractQueue

from nfvigil.controller.vims.openstack.envelope import Notification as Heard
from nfvigil.controller.vims.openstack.envelope import decode
from nfvigil.errors import UnavailableError
from nfvigil.model.alarm import Alarm
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.bus.poster import BusPoster
from nfvigil.notifier.channel import load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher, Limits
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.memory import MemoryPoster
from nfvigil.notifier.poster import Poster, Target
from nfvigil.notifier.retry import Retry
from nfvigil.settings import BusSettings
from nfvigil.wiring.buses import open_buses, subscription_of

pytestmark = pytest.mark.anyio
KEY = "notifications.info"
HEADERS = {"X-NFVigil-Delivery-Id": "d-1"}


def now() -> int:
    return time.time_ns() // 1000


def bus(url: str, **given: Any) -> BusSettings:
    return BusSettings(**{"name": "east", "url": url, "exchange": "nova-out"} | given)


def posters(url: str, **given: Any) -> BusPoster:
    poster = open_buses([bus(url, **given)])["bus"]
    assert isinstance(poster, BusPoster)
    return poster


def target(name: str = "east") -> Target:
    return Target(name, 0, False, b"")


async def until(condition: Callable[[], Awaitable[bool] | bool], what: str, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def ceilometer(url: str, exchange: str = "nova-out") -> AsyncIterator[AbstractQueue]:
    """A queue as Ceilometer's, bound as it binds its own; both outlive the test as little as they can."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        topic = await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, auto_delete=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(topic, KEY)
        yield queue


async def taken(queue: AbstractQueue, number: int) -> list[dict[str, Any]]:
    """So many notifications, out of oslo's envelope."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while len(found) < number:
            message = await queue.get(no_ack=True, fail=False)
            if message is None:
                await asyncio.sleep(0.02)
                continue
            assert message.content_type == "application/json"
            assert message.content_encoding == "utf-8"
            assert isinstance(decode(message.body), Heard), "our own reader of the bus must know it"
            envelope = json.loads(message.body)
            assert envelope["oslo.version"] == "2.0"
            found.append(json.loads(envelope["oslo.message"]))
    return found


class Rows:
    """The store's side of deliveries, in memory."""

    def __init__(self) -> None:
        self.deliveries: dict[str, Delivery] = {}
        self.notifications: dict[str, Notification] = {}

    async def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries.update((one.id, one) for one in deliveries)

    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> list[tuple[Notification, Delivery]]:
        found = [
            one
            for one in self.deliveries.values()
            if one.endpoint == endpoint_id
            and one.state is DeliveryState.PENDING
            and (one.seq, one.part) > (after_seq, after_part)
        ]
        found.sort(key=lambda one: (one.seq, one.part))
        return [(self.notifications[one.notification], one) for one in found[:limit]]


class World:
    """Composer and dispatcher with one bus and one webhook."""

    def __init__(self, poster: Poster, settings: BusSettings) -> None:
        self.rows = Rows()
        self.web = MemoryPoster()
        self.bus = subscription_of(settings, 1)
        hook = Subscription(id="hook", endpoints=(Endpoint(id="hook-e", url="http://192.0.2.1/"),))
        channels = load_channels()
        self.composer = Composer(matcher=Matcher([self.bus, hook]), seqs={}, channels=channels)
        self.dispatcher = Dispatcher(
            channels=channels,
            outbox=self.rows,
            poster=self.web,
            posters={"bus": poster},
            clock=now,
            source="nfvigil",
            limits=Limits(timeout_seconds=3.0),
            retry=Retry(first_seconds=0.05, max_seconds=0.3),
        )
        for one in (self.bus, hook):
            self.dispatcher.put_subscription(one)

    def tell(self, news: News, *alarms: Alarm) -> None:
        notifications, deliveries = self.composer.compose([(news, one) for one in alarms], 7, now())
        self.rows.notifications.update((one.id, one) for one in notifications)
        self.rows.deliveries.update((one.id, one) for one in deliveries)
        self.dispatcher.offer([(self.rows.notifications[one.notification], one) for one in deliveries])

    def told(self) -> list[Delivery]:
        return [one for one in self.rows.deliveries.values() if one.subscription == self.bus.id]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.dispatcher.run())
            try:
                yield self
            finally:
                await self.dispatcher.close(2.0)


def server(number: int) -> Alarm:
    return Alarm(
        id=f"a{number}",
        fault_type="compute.instance.down",
        resource=f"server/vm-{number}",
        resource_name=f"web-{number}",
        vim="east",
        project="blue",
        severity=Severity.CRITICAL,
        event_id=7,
        event_us=now(),
        raised_us=now(),
    )


async def test_a_server_that_breaks_is_told_as_nova_would_tell_it(rabbitmq: Any) -> None:
    settings = bus(rabbitmq.url)
    async with ceilometer(rabbitmq.url) as queue, World(posters(rabbitmq.url), settings).running() as world:
        world.tell(News.RAISED, server(1), server(2))

        first, second = await taken(queue, 2)

    assert (first["event_type"], first["priority"], first["publisher_id"]) == (
        "compute.instance.update",
        "INFO",
        "compute.nfvigil",
    )
    payload = first["payload"]
    assert [payload[key] for key in ("tenant_id", "instance_id", "state", "display_name")] == [
        "blue",
        "vm-1",
        "error",
        "web-1",
    ]
    assert second["payload"]["instance_id"] == "vm-2"
    assert first["_unique_id"] != second["_unique_id"]
    await until(lambda: {one.state for one in world.told()} == {DeliveryState.DELIVERED}, "written down")


async def test_a_bus_that_goes_and_comes_back_gets_everything_in_order_and_delays_nobody_else(rabbitmq: Any) -> None:
    world = World(posters(rabbitmq.url), bus(rabbitmq.url))
    async with world.running():
        async with ceilometer(rabbitmq.url) as queue:
            world.tell(News.RAISED, server(1))
            await taken(queue, 1)
        rabbitmq.kill()
        for number in range(2, 6):
            world.tell(News.RAISED, server(number))

        await until(lambda: len(world.web.posted) == 5, "the webhook hears all while the bus is away", 3.0)
        assert all(one.state is DeliveryState.PENDING for one in world.told()[1:])

        rabbitmq.start()
        async with ceilometer(rabbitmq.url) as queue:
            heard = [one["payload"]["instance_id"] for one in await taken(queue, 4)]

    assert heard == ["vm-2", "vm-3", "vm-4", "vm-5"]


async def test_what_nobody_listens_for_waits_instead_of_being_lost(rabbitmq: Any) -> None:
    world = World(posters(rabbitmq.url), bus(rabbitmq.url))
    async with world.running():
        world.tell(News.RAISED, server(1))
        await until(lambda: bool(world.told()) and "does not exist" in world.told()[0].error, "it says why")

        async with ceilometer(rabbitmq.url) as queue:
            [late] = await taken(queue, 1)

    assert late["payload"]["instance_id"] == "vm-1"


async def test_an_exchange_without_a_queue_is_no_delivery(rabbitmq: Any) -> None:
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection:
        exchange = await (await connection.channel()).declare_exchange("idle", aio_pika.ExchangeType.TOPIC)
        poster = posters(rabbitmq.url, exchange="idle")

        for _ in range(2):
            with pytest.raises(UnavailableError, match="nobody listens there yet"):
                await poster.post(target(), HEADERS, b"{}", 5.0)

        await poster.close()
        await exchange.delete()


async def test_a_message_that_is_tried_again_is_the_same(rabbitmq: Any) -> None:
    poster = posters(rabbitmq.url)
    async with ceilometer(rabbitmq.url) as queue:
        one = subscription_of(bus(rabbitmq.url), 1)
        composer = Composer(matcher=Matcher([one]), seqs={}, channels=load_channels())
        [notification], _ = composer.compose([(News.RAISED, server(1))], 7, now())
        for _ in range(2):
            body = load_channels()["oslo"].render(notification, one, one.endpoints[0], 0, "nfvigil").body
            await poster.post(target(), HEADERS, body, 5.0)

        first, again = await taken(queue, 2)
        await poster.close()

    assert first == again
    assert len(first["_unique_id"]) == 32


async def test_a_bus_that_does_not_answer_is_given_up_in_time(rabbitmq: Any) -> None:
    poster = posters(rabbitmq.url)
    async with ceilometer(rabbitmq.url) as queue:
        await poster.post(target(), HEADERS, b'{"event_type": "x"}', 5.0)
        assert await queue.get(no_ack=True)
        rabbitmq.pause()
        try:
            began = time.monotonic()
            with pytest.raises(UnavailableError, match="did not answer in time"):
                await poster.post(target(), HEADERS, b'{"event_type": "x"}', 0.3)
            assert time.monotonic() - began < 5.0
        finally:
            rabbitmq.go_on()

        await poster.post(target(), HEADERS, b'{"event_type": "y"}', 10.0)
        await poster.close()


async def test_a_wrong_password_is_said_without_showing_it(rabbitmq: Any) -> None:
    poster = posters(f"rabbit://nfvigil:geheim@127.0.0.1:{rabbitmq.port}/")

    with pytest.raises(UnavailableError) as refused:
        await poster.post(target(), HEADERS, b"{}", 10.0)

    assert "geheim" not in str(refused.value)
    assert str(rabbitmq.port) in str(refused.value)
    await poster.close()


async def test_the_next_host_of_a_cluster_is_tried(rabbitmq: Any) -> None:
    login = rabbitmq.url.removeprefix("amqp://").partition("@")[0]
    url = f"rabbit://{login}@127.0.0.1:1,{login}@127.0.0.1:{rabbitmq.port}/"
    poster = posters(url)
    async with ceilometer(rabbitmq.url) as queue:
        await poster.post(target(), HEADERS, b'{"event_type": "x"}', 10.0)

        assert await queue.get(no_ack=True)
        await poster.close()


async def test_over_tls_too(rabbitmq: Any) -> None:
    poster = posters(rabbitmq.tls_url, cacert=str(rabbitmq.cacert))
    async with ceilometer(rabbitmq.url) as queue:
        await poster.post(target(), HEADERS, b'{"event_type": "x"}', 10.0)

        assert await queue.get(no_ack=True)
        await poster.close()


async def test_a_bus_that_is_not_in_the_settings_keeps_what_is_for_it() -> None:
    with pytest.raises(UnavailableError, match="there is no bus west"):
        await BusPoster({}).post(target("west"), HEADERS, b"{}", 1.0)
