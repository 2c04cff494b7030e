"""What the consumer of OpenStack's notifications does when its RabbitMQ comes, goes and repeats itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from bus_players import bus_options, listening, make_bus, notification, server, server_update, until, versioned

from nfvigil.controller.vims.openstack.bus import Arrived, Patience
from nfvigil.controller.vims.openstack.bus_options import Address, BusOptions
from nfvigil.controller.vims.openstack.seen import Seen
from nfvigil.errors import VimUnavailableError
from nfvigil.model.resource import Kind

pytestmark = pytest.mark.anyio

TWO = bus_options(["amqp://u:p@one/", "amqp://u:p@two/"])


class Rabbit:
    """A broker in memory: sessions with it end when it is told to, and acknowledged is what it was told."""

    def __init__(self) -> None:
        self.is_up = True
        self.connects: list[str] = []
        self.unbound: dict[str, str] = {}
        self.binds = 0
        self.acked: list[Any] = []
        self.sessions: list[RabbitSession] = []

    async def connect(self, options: BusOptions, address: Address) -> RabbitSession:
        self.connects.append(str(address))
        if not self.is_up:
            raise VimUnavailableError(f"{address} is away")
        self.sessions.append(RabbitSession(self))
        return self.sessions[-1]

    async def reach(self, options: BusOptions, address: Address) -> None:
        if not self.is_up:
            raise VimUnavailableError(f"{address} is away")

    def bus(self, options: BusOptions = TWO, **more: Any) -> Any:
        return make_bus(options, connect=self.connect, reach=self.reach, **more)

    def deliver(self, *bodies: bytes, is_lossy: bool = False) -> None:
        self.sessions[-1].arrived.put_nowait(Arrived(bodies=bodies, is_lossy=is_lossy, receipt=bodies))

    def end(self, *, is_up: bool = True) -> None:
        self.is_up = is_up
        self.sessions[-1].arrived.put_nowait(None)


class RabbitSession:
    def __init__(self, rabbit: Rabbit) -> None:
        self.rabbit = rabbit
        self.arrived: asyncio.Queue[Arrived | None] = asyncio.Queue()
        self.is_closed = False

    async def bind(self) -> Mapping[str, str]:
        self.rabbit.binds += 1
        return dict(self.rabbit.unbound)

    async def next(self, within_seconds: float) -> Arrived:
        try:
            async with asyncio.timeout(within_seconds):
                found = await self.arrived.get()
        except TimeoutError:
            return Arrived()
        if found is None:
            raise VimUnavailableError("it went away")
        return found

    async def ack(self, arrived: Arrived) -> None:
        self.rabbit.acked.extend(arrived.receipt)

    async def close(self) -> None:
        self.is_closed = True
        self.arrived.put_nowait(None)


async def test_each_connection_costs_a_snapshot_and_hints_follow() -> None:
    rabbit = Rabbit()
    async with listening(rabbit.bus()) as listener:
        await listener.until(lambda: listener.heard == [None])
        rabbit.deliver(server_update("a"))
        await listener.until(lambda: listener.hints == [server("a")])
        rabbit.end()
        await listener.until(lambda: listener.snapshots == 2)
        rabbit.deliver(server_update("b"))
        await listener.until(lambda: listener.hints == [server("a"), server("b")])

    assert all(session.is_closed for session in rabbit.sessions)


async def test_the_same_server_told_often_and_in_both_formats_is_hinted_at_once_a_batch() -> None:
    rabbit = Rabbit()
    bus = rabbit.bus()
    legacy = notification("compute.instance.update", {"instance_id": "a"})
    port = notification("port.update.end", {"port": {"id": "p"}})
    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        rabbit.deliver(server_update("a"), legacy, port, server_update("a"))
        await listener.until(lambda: len(listener.heard) == 2)

    assert [(hint.kind, hint.id) for hint in listener.hints] == [(Kind.SERVER, "a"), (Kind.PORT, "p")]
    assert (bus.status().received, bus.status().hints, bus.status().repeats) == (4, 4, 0)


async def test_a_batch_is_acknowledged_when_the_next_is_asked_for_and_not_before() -> None:
    rabbit = Rabbit()
    async with listening(rabbit.bus()) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        listener.go_on.clear()
        rabbit.deliver(server_update("a"))
        await listener.until(lambda: listener.hints == [server("a")])
        assert rabbit.acked == []
        listener.go_on.set()
        await until(lambda: len(rabbit.acked) == 1)


async def test_what_says_nothing_is_acknowledged_and_counted_and_wakes_nobody() -> None:
    rabbit = Rabbit()
    bus = rabbit.bus()
    bodies = [
        b"poison",
        server_update("a", unique_id="1"),
        server_update("a", unique_id="1"),
        notification("scheduler.x", {}),
        notification("instance.update", versioned("InstanceUpdatePayload", {"uuid": "a"}, "9.0")),
    ]
    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        rabbit.deliver(bodies[0], *bodies[2:])
        rabbit.deliver(bodies[1])
        await until(lambda: len(rabbit.acked) == len(bodies))
        status = bus.status()

    assert listener.heard == [None, (server("a"),)]
    assert status.refused == {"a newer major version of the payload": 1, "not JSON": 1}
    assert (status.received, status.hints, status.repeats, status.ignored, status.snapshots) == (5, 1, 1, 1, 1)


async def test_lost_messages_and_changes_without_a_name_ask_for_a_snapshot_after_the_hints() -> None:
    rabbit = Rabbit()
    nameless = notification("aggregate.remove_host.end", versioned("AggregatePayload", {"hosts": []}))
    async with listening(rabbit.bus()) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        rabbit.deliver(server_update("a"), is_lossy=True)
        rabbit.deliver(is_lossy=True)
        rabbit.deliver(nameless, server_update("b"))
        await until(lambda: len(rabbit.acked) == 3)

    assert listener.heard == [None, (server("a"),), None, None, (server("b"),), None]


async def test_all_hosts_are_tried_before_there_is_a_pause_and_the_pause_grows() -> None:
    rabbit = Rabbit()
    rabbit.is_up = False
    patience = Patience(retry_min_seconds=0.01, retry_max_seconds=0.08)
    pauses: list[float] = []

    bus = rabbit.bus(patience=patience, jitter=lambda: 1.0)
    real = bus._pause
    bus._pause = lambda rounds: pauses.append(real(rounds)) or pauses[-1]
    async with listening(bus) as listener:
        await until(lambda: len(pauses) == 5)
        assert bus.status().error == "two:5672 is away"
        assert await bus.check() == "one:5672 is away; two:5672 is away"
        rabbit.is_up = True
        await listener.until(lambda: listener.snapshots == 1)
        assert await bus.check() == ""
        assert bus.status().error == ""

    assert rabbit.connects[:6] == ["one:5672", "two:5672"] * 3
    assert pauses[:5] == [0.02, 0.04, 0.08, 0.08, 0.08]


async def test_a_connection_that_held_starts_the_pauses_anew() -> None:
    rabbit = Rabbit()
    now = [0.0]
    patience = Patience(retry_min_seconds=0.01, retry_max_seconds=30.0)
    bus = rabbit.bus(bus_options("amqp://u:p@one/"), patience=patience, monotonic=lambda: now[0], jitter=lambda: 0.0)
    rounds: list[int] = []
    real = bus._pause
    bus._pause = lambda number: rounds.append(number) or real(number)
    async with listening(bus) as listener:
        for snapshots in range(1, 4):  # breaks at once, each time
            await listener.until(lambda wanted=snapshots: listener.snapshots == wanted)
            rabbit.end()
        await listener.until(lambda: listener.snapshots == 4)
        now[0] += 31.0
        rabbit.end()
        await listener.until(lambda: listener.snapshots == 5)

    assert rounds == [1, 2, 3, 1]


async def test_an_exchange_that_comes_later_is_bound_and_costs_a_snapshot() -> None:
    rabbit = Rabbit()
    rabbit.unbound = {"nova": "does not exist", "cinder": "does not exist"}
    bus = rabbit.bus(patience=Patience(bind_min_seconds=0.01, bind_max_seconds=0.02))
    async with listening(bus) as listener:
        await until(lambda: rabbit.binds > 3)
        assert listener.heard == [None]
        assert bus.status().unbound == rabbit.unbound
        rabbit.unbound = {"cinder": "does not exist"}
        await listener.until(lambda: listener.heard == [None, None])
        # One that goes is found missing, and costs the next snapshot when it is back.
        rabbit.unbound = {"cinder": "does not exist", "nova": "does not exist"}
        await until(lambda: "nova" in bus.status().unbound)
        rabbit.unbound = {}
        await listener.until(lambda: listener.snapshots == 3)


async def test_binding_goes_on_while_messages_keep_coming() -> None:
    rabbit = Rabbit()
    bus = rabbit.bus(patience=Patience(bind_min_seconds=0.01, bind_max_seconds=0.02))
    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        for number in range(100):
            rabbit.deliver(server_update(f"s-{number}"))
            await asyncio.sleep(0.001)
        await listener.until(lambda: len(listener.hints) == 100)
        assert rabbit.binds > 2


async def test_status_says_since_when_and_to_whom() -> None:
    rabbit = Rabbit()
    bus = rabbit.bus()
    assert bus.status().server == ""
    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        status = bus.status()
        assert (status.server, status.message_us) == ("one:5672", None)
        assert status.connected_us is not None
        rabbit.deliver(b"x")
        await until(lambda: bus.status().message_us)
        rabbit.end(is_up=False)
        await until(lambda: bus.status().error)
        assert (bus.status().server, bus.status().connected_us) == ("", None)


async def test_close_ends_it_whatever_it_is_doing() -> None:
    rabbit = Rabbit()
    bus = rabbit.bus()
    batches = bus.listen()
    assert await anext(batches) is None
    await bus.close()
    assert [batch async for batch in batches] == []
    assert rabbit.sessions[-1].is_closed

    away = Rabbit()
    away.is_up = False
    bus = away.bus(patience=Patience(retry_min_seconds=600.0, retry_max_seconds=600.0))
    waiting = asyncio.create_task(anext(bus.listen()))
    await until(lambda: len(away.connects) == 2)
    await bus.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 5)


async def test_nobody_hears_anything_of_an_error_that_is_not_the_buss() -> None:
    """A fault of our own is not swallowed as if RabbitMQ were away."""
    rabbit = Rabbit()

    async def broken(options: BusOptions, address: Address) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await anext(make_bus(TWO, connect=broken, reach=rabbit.reach).listen())


# What was seen


def test_what_was_seen_is_forgotten_after_its_time_and_beyond_its_number() -> None:
    now = [0.0]
    seen = Seen(seconds=600.0, clock=lambda: now[0], size_max=3)

    assert [seen.is_new(id) for id in ("a", "a", "b", "", "")] == [True, False, True, True, True]
    now[0] = 599.0
    assert [seen.is_new(id) for id in ("a", "c", "d")] == [False, True, True]  # "a" was the oldest of four
    assert [seen.is_new(id) for id in ("b", "a")] == [False, True]
    assert len(seen) == 3
    now[0] = 1200.0
    assert [seen.is_new(id) for id in ("c", "d")] == [True, True]
    assert len(seen) == 2
