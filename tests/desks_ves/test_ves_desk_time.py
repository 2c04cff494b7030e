"""What the VES agent does over hours: heartbeats, a collector that is away, the order of what it was not told."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from ves_desk_players import (
    ALL_OF_EPC,
    BEAT,
    MEASURED,
    SECOND,
    START_US,
    VIM,
    Shelf,
    World,
    document,
    events_in,
    replace,
    server,
    told,
)

sys.path.append(str(Path(__file__).parents[1]))

from nfvigil.errors import UnavailableError
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Server, Snapshot
from nfvigil.notifier.memory import Posted
from nfvigil.notifier.poster import Answer
from nfvigil.notifier.retry import Retry
from virtual_time import now_us, run_virtually

MME = server("mme")
HOUR = 3600
RETRY = Retry()


def clock() -> int:
    return START_US + now_us()


class Away:
    """A collector that is away from one second on, for some seconds, and takes everything before and after."""

    def __init__(self, begin: float = 0, seconds: float = 0, status: int = 0) -> None:
        self._from_us = START_US + int(begin * SECOND)
        self._to_us = self._from_us + int(seconds * SECOND)
        self._status = status
        self.taken: list[tuple[float, Any]] = []
        self.tries = 0

    def __call__(self, posted: Posted) -> Answer:
        self.tries += 1
        if self._from_us <= clock() < self._to_us:
            if self._status:
                return Answer(self._status)
            raise UnavailableError("no answer")
        self.taken += [((clock() - START_US) / SECOND, event) for event in events_in(posted)]
        return Answer(202)


def listing(*servers: Server) -> Reading:
    return Reading(Snapshot(vim=VIM, taken_us=clock(), servers=servers))


def test_a_heartbeat_comes_as_often_as_it_is_asked_for_also_while_the_cloud_is_not_listed() -> None:
    collector = Away()

    async def main() -> None:
        world = World(clock=clock, answer=collector, retry=RETRY)
        async with world.running():
            await world.desk.put(VIM, document(BEAT), by="me")
            await asyncio.sleep(60.5)

    run_virtually(main())

    assert [round(at) for at, _ in collector.taken] == [0, 10, 20, 30, 40, 50, 60]
    headers = [event["commonEventHeader"] for _, event in collector.taken]
    assert {one["domain"] for one in headers} == {"heartbeat"}
    assert [one["sequence"] for one in headers] == [1, 2, 3, 4, 5, 6, 7]


def test_heartbeats_that_were_not_taken_are_not_piled_up() -> None:
    collector = Away(begin=15, seconds=HOUR)
    worlds = []

    async def main() -> None:
        world = World(clock=clock, answer=collector, retry=RETRY)
        worlds.append(world)
        async with world.running():
            await world.desk.put(VIM, document(BEAT), by="me")
            await asyncio.sleep(HOUR)
            assert world.states().count("pending") == 1
            await asyncio.sleep(180)

    run_virtually(main())

    late = [event["commonEventHeader"]["sequence"] for at, event in collector.taken if at > HOUR]
    early = [event["commonEventHeader"]["sequence"] for at, event in collector.taken if at < HOUR]
    assert early == [1, 2]
    assert late == list(range(3, 3 + len(late))), "the sequence shows nothing that is missing"
    assert worlds[0].book.held[VIM].skipped["heartbeat"] > 300


def test_one_that_was_not_taken_is_known_after_a_restart() -> None:
    collector = Away(begin=5, seconds=HOUR)
    shelf = Shelf()

    async def main() -> None:
        first = World(shelf, clock=clock, answer=collector, retry=RETRY)
        async with first.running():
            await first.desk.put(VIM, document(BEAT), by="me")
            await asyncio.sleep(30)
        second = World(shelf, clock=clock, answer=collector, retry=RETRY)
        async with second.running():
            await asyncio.sleep(60)

    run_virtually(main())

    assert [one.state.value for one in shelf.deliveries.values()].count("pending") == 1


def test_a_collector_that_is_away_for_an_hour_is_told_everything_in_order_when_it_is_back() -> None:
    collector = Away(begin=30, seconds=HOUR)
    made = []

    async def main() -> None:
        world = World(clock=clock, answer=collector, retry=RETRY)
        world.know(MME)
        async with world.running():
            await world.desk.put(VIM, document(ALL_OF_EPC, MEASURED, heartbeat_interval=60), by="me")
            for number in range(400):
                status = "ERROR" if number % 3 else "ACTIVE"
                world.agent.take(listing(replace(MME, status=status)), None)
                await asyncio.sleep(10)
            await asyncio.sleep(120)
            made.extend(world.shelf.notifications.values())
            assert set(world.states()) == {"delivered"}

    run_virtually(main())

    faults = [event for _, event in collector.taken if "faultFields" in event]
    expected = [
        one for note in sorted(made, key=lambda one: one.seq) for one in (note.event or {})["payload"]["events"]
    ]
    wanted = [(one["event_id"], one.get("sequence")) for one in expected if one["domain"] == "fault"]
    got = [(one["commonEventHeader"]["eventId"], one["commonEventHeader"]["sequence"]) for one in faults]
    assert got == wanted
    assert len(got) == 266
    severities = [told(one)[1] for one in faults]
    assert severities == [("CRITICAL", "NORMAL")[number % 2] for number in range(len(severities))]


def test_a_collector_that_answers_401_or_503_is_asked_again_and_one_that_says_400_makes_a_dead_letter() -> None:
    for status, states in ((503, {"delivered"}), (401, {"delivered"}), (400, {"dead", "delivered"})):
        collector = Away(begin=0, seconds=120, status=status)
        found = []

        async def main(collector: Away = collector, found: list[str] = found) -> None:
            world = World(clock=clock, answer=collector, retry=Retry(refusals_max=3, max_seconds=20))
            world.know(MME)
            async with world.running():
                login = {"username": "agent", "password": "wrong for two minutes"}
                await world.desk.put(VIM, document(ALL_OF_EPC, collector=login), by="me")
                world.agent.take(listing(replace(MME, status="ERROR")), None)
                await asyncio.sleep(300)
                world.agent.take(listing(MME), None)
                await asyncio.sleep(60)
                found.extend(world.states())

        run_virtually(main())

        assert set(found) == states, status
        assert len(found) == 2


def test_a_restart_of_the_collector_in_a_batch_repeats_the_batch_with_the_same_ids() -> None:
    shown: list[list[str]] = []

    def answer(posted: Posted) -> Answer:
        shown.append([one["commonEventHeader"]["eventId"] for one in events_in(posted)])
        if len(shown) == 1:
            raise UnavailableError("it took everything and said nothing")
        return Answer(202)

    async def main() -> None:
        world = World(clock=clock, answer=answer, retry=RETRY)
        async with world.running():
            world.know(MME)
            await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
            world.agent.take(listing(*(server(f"vm-{number}", "ERROR") for number in range(250))), None)
            await asyncio.sleep(60)

    run_virtually(main())

    assert [len(one) for one in shown] == [100, 100, 100, 50]
    assert shown[0] == shown[1]
    assert len({event_id for one in shown for event_id in one}) == 250
