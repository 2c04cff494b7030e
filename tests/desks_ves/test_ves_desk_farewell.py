"""When a configuration or its VIM goes, nothing is left at the collector that nobody would ever clear."""

from __future__ import annotations

import asyncio

import pytest
from ves_desk_players import ALL_OF_EPC, BEAT, VIM, World, document, replace, server, told, until

from nfvigil.errors import UnavailableError
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Snapshot
from nfvigil.notifier.poster import Answer

pytestmark = pytest.mark.anyio

MME = server("mme")
FAILED = replace(MME, status="ERROR")


async def _raised(world: World) -> None:
    await world.desk.put(VIM, document(ALL_OF_EPC, {"domain": "fault", "type": "vm", "source": "late"}), by="me")
    await world.read(FAILED)
    await world.delivered(1)


@pytest.mark.parametrize("how", ["remove", "forget"])
async def test_what_stands_is_cleared_under_its_id_before_all_of_it_goes(how: str) -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await _raised(world)
        await getattr(world.desk, how)(VIM)

    assert [told(one) for one in world.sent] == [("mme", "CRITICAL", 0), ("mme", "NORMAL", 1)]
    assert len({one["commonEventHeader"]["eventId"] for one in world.sent}) == 1
    assert (world.shelf.records, world.shelf.states, world.shelf.subscriptions) == ({}, {}, {})


async def test_a_clear_that_waits_goes_out_before_the_rest_goes() -> None:
    answers = [Answer(202), Answer(503), Answer(503)]
    world = World(answer=lambda _: answers.pop(0) if answers else Answer(202))
    world.know(MME)
    async with world.running():
        await _raised(world)
        await world.read(MME)
        await world.desk.remove(VIM)

    assert told(world.sent[-1]) == ("mme", "NORMAL", 1)
    assert world.shelf.records == {}


async def test_a_collector_that_is_away_is_not_waited_for_longer_than_its_time() -> None:
    world = World(answer=lambda _: Answer(503), farewell_seconds=0.02)
    world.know(MME)
    async with world.running():
        await _raised(world)
        await world.desk.remove(VIM)

    assert world.shelf.records == {}
    assert world.shelf.deliveries == {}


async def test_one_that_is_paused_is_not_waited_for() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await _raised(world)
        (way,) = world.shelf.subscriptions.values()
        world.matcher.put(replace(way, paused=True))
        world.dispatcher.pause(way.id, True)
        await asyncio.wait_for(world.desk.remove(VIM), 2)

    assert len(world.sent) == 1
    assert world.shelf.records == {}


async def test_where_nothing_stands_nothing_is_told() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, BEAT), by="me")
        await world.read(MME)
        await world.delivered(1)
        await world.desk.remove(VIM)

    assert [one["commonEventHeader"]["domain"] for one in world.sent] == ["heartbeat"]


async def test_nothing_is_raised_again_while_the_last_clears_go_out() -> None:
    answers = [Answer(202)]
    world = World(answer=lambda _: answers.pop(0) if answers else Answer(503), farewell_seconds=0.05)
    world.know(MME)
    async with world.running():
        await _raised(world)
        leaving = asyncio.create_task(world.desk.remove(VIM))
        await until(lambda: world.book.held[VIM].is_leaving)
        world.agent.take(Reading(Snapshot(vim=VIM, taken_us=world.us, servers=(FAILED, server("late")))), None)
        await until(lambda: not world.agent._due)
        assert world.book.held[VIM].backlogs == ()
        await leaving

    assert {told(one)[1:] for one in world.sent} == {("CRITICAL", 0), ("NORMAL", 1)}
    assert world.shelf.records == {}


async def test_a_removal_that_the_store_ended_can_be_asked_for_again_or_taken_back() -> None:
    world = World(farewell_seconds=0.02)
    world.know(MME)
    async with world.running():
        await _raised(world)
        remove, world.book.remove = world.book.remove, _away
        with pytest.raises(UnavailableError):
            await world.desk.remove(VIM)
        world.book.remove = remove
        await world.desk.put(VIM, None, by="me")
        await world.read(FAILED)
        await world.delivered(3)
        assert await world.desk.remove(VIM)

    assert [told(one)[1:] for one in world.sent] == [("CRITICAL", 0), ("NORMAL", 1), ("CRITICAL", 0), ("NORMAL", 1)]


async def _away(*_: object) -> bool:
    raise UnavailableError("the store is away", 1.0)
