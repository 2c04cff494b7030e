"""The VES agent of spec, sentence by sentence, at the desk: configurations, backlogs, states and their end."""

from __future__ import annotations

import pytest
from ves_desk_players import (
    ALL_OF_EPC,
    BEAT,
    EPC,
    HOSTS,
    MEASURED,
    SECOND,
    START_US,
    URL,
    VIM,
    Shelf,
    World,
    document,
    host,
    path_of,
    replace,
    server,
    told,
    until,
)

from nfvigil.errors import RefusedError
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Server, Snapshot
from nfvigil.notifier.memory import MemoryPoster
from nfvigil.notifier.poster import Answer

pytestmark = pytest.mark.anyio

MME = server("mme")
SGW = server("sgw")


async def test_a_post_answers_with_the_built_backlogs_and_beside_them_with_what_was_refused() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        made = await world.desk.put(VIM, document(ALL_OF_EPC, {"domain": "fault", "type": "disk"}), by="me")

    (backlog,) = [one.backlog for one in made.backlogs]
    assert (backlog.domain, backlog.type, backlog.tenant_id) == ("fault", "vm", EPC)
    assert (backlog.api_method, backlog.poll_interval) == ("GET", 10)
    assert [one.field for one in made.refusals] == ["backlogs[1].type"]
    assert made.config.changed_by == "me"


async def test_where_none_can_be_built_the_reasons_are_said_for_each_and_everything_stays() -> None:
    world = World()
    world.know(MME)
    wrong = document({"domain": "fault", "type": "disk"}, {"domain": "fault", "type": "vm", "source": "nobody"})
    async with world.running():
        with pytest.raises(RefusedError) as caught:
            await world.desk.put(VIM, wrong, by="me")

        assert await world.desk.show(VIM) is None
    fields = [one.field for one in caught.value.errors]
    assert fields == ["vesagent_config.backlogs[0].type", "vesagent_config.backlogs[1].source"]
    assert (world.shelf.records, world.shelf.subscriptions) == ({}, {})


async def test_without_a_body_it_is_the_one_that_is_in_force_or_else_the_one_stored_with_the_vim() -> None:
    world = World(stored={VIM: document(ALL_OF_EPC)})
    world.know(MME)
    async with world.running():
        first = await world.desk.put(VIM, None, by="me")
        await world.desk.put(VIM, document(HOSTS, poll_interval_default=30), by="me")
        again = await world.desk.put(VIM, None, by="you")
        with pytest.raises(RefusedError, match="none stored with the VIM"):
            await world.desk.put("other", None, by="me")

    assert [one.backlog.type for one in first.backlogs] == ["vm"]
    assert [one.backlog.type for one in again.backlogs] == ["host"]


async def test_a_vm_that_leaves_active_is_a_fault_and_a_clear_when_it_returns_and_nothing_in_between() -> None:
    world = World()
    world.know(MME, SGW)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(MME, SGW)
        await world.read(replace(MME, status="ERROR"), SGW)
        await world.read(replace(MME, status="ERROR"), SGW)
        await world.read(MME, SGW)
        await world.read(MME, SGW)
        await until(lambda: world.states() == ["delivered", "delivered"])

    raised, cleared = world.sent
    assert [told(one) for one in world.sent] == [("mme", "CRITICAL", 0), ("mme", "NORMAL", 1)]
    assert raised["commonEventHeader"]["eventId"] == cleared["commonEventHeader"]["eventId"]
    assert raised["commonEventHeader"]["startEpochMicrosec"] == cleared["commonEventHeader"]["startEpochMicrosec"]
    assert raised["commonEventHeader"]["reportingEntityName"] == VIM


async def test_nothing_is_written_while_nothing_changes() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, HOSTS), by="me")
        for _ in range(5):
            await world.read(MME, host("c-1"))
        detail = await world.desk.show(VIM)

    assert world.shelf.commits == 0
    assert world.shelf.puts == 1
    assert detail is not None
    assert {one.collected_us for one in detail.backlogs} == {world.us}


async def test_one_event_goes_to_the_endpoint_and_several_of_one_domain_to_its_batch() -> None:
    world = World()
    hosts = [host(f"c-{number}", service_up=False) for number in range(3)]
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, HOSTS), by="me")
        await world.read(replace(MME, status="ERROR"))
        await world.read(replace(MME, status="ERROR"), *hosts)
        await world.delivered(4)

    assert isinstance(world.poster, MemoryPoster)
    paths = [path_of(posted) for posted in world.poster.posted]
    assert paths == ["/eventListener/v7", "/eventListener/v7/eventBatch"]


async def test_what_was_found_and_its_news_are_written_together_and_nothing_is_told_twice_after_a_restart() -> None:
    shelf = Shelf()
    first = World(shelf, answer=lambda _posted: Answer(503))
    first.know(MME)
    async with first.running():
        await first.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await first.read(replace(MME, status="ERROR"))
        await first.delivered(1)
    again = World(shelf)
    again.us = first.us
    async with again.running():
        await again.read(replace(MME, status="ERROR"))
        await again.read(MME)
        await until(lambda: again.states() == ["delivered", "delivered"])

    assert [told(one) for one in again.sent] == [("mme", "CRITICAL", 0), ("mme", "NORMAL", 1)]
    ids = {one["commonEventHeader"]["eventId"] for one in (*first.sent, *again.sent)}
    assert len(ids) == 1


async def test_while_the_store_is_away_what_was_found_waits_and_what_comes_then_is_looked_at_at_once() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(MME)
        world.shelf.is_away = True
        world.agent.take(_reading(world, replace(MME, status="ERROR")), None)
        await until(lambda: world.pipeline.writing.locked())
        world.agent.take(_reading(world, replace(MME, status="PAUSED"), gone={"server/id-sgw"}), None)
        world.agent.take(_reading(world, MME), None)
        assert world.sent == []

        world.shelf.is_away = False
        await world.delivered(2)

    assert [told(one)[1] for one in world.sent] == ["CRITICAL", "NORMAL"]


def _reading(world: World, *servers: Server, gone: set[str] | None = None) -> Reading:
    world.us += 10 * SECOND
    return Reading(Snapshot(vim=VIM, taken_us=world.us, servers=servers), frozenset(gone or ()))


async def test_a_server_that_is_deleted_while_its_alarm_stands_is_cleared_when_the_cloud_says_that_it_is_gone() -> None:
    world = World()
    broken = replace(MME, status="ERROR")
    world.know(broken, SGW)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(broken, SGW)
        missing = world.agent.missing(_reading(world, SGW))
        await world.read(SGW)
        assert len(world.shelf.states) == 2
        await world.read(SGW, gone=["server/id-mme"])
        await world.delivered(2)

    assert missing == ["server/id-mme"]
    assert [told(one)[1] for one in world.sent] == ["CRITICAL", "NORMAL"]
    assert {source for _, _, source in world.shelf.states} == {""}


async def test_the_state_of_a_backlog_that_is_gone_goes_and_what_stood_of_it_is_cleared() -> None:
    world = World()
    broken = replace(MME, status="ERROR")
    world.know(broken)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, HOSTS), by="me")
        await world.read(broken)
        (backlog,) = {backlog for _, backlog, source in world.shelf.states if source}

        await world.desk.put(VIM, document(HOSTS), by="me")
        await world.delivered(2)

    assert [told(one)[1] for one in world.sent] == ["CRITICAL", "NORMAL"]
    assert backlog not in {one for _, one, _ in world.shelf.states}


async def test_a_backlog_that_stays_remembers_what_it_told_when_the_configuration_changes() -> None:
    world = World()
    broken = replace(MME, status="ERROR")
    world.know(broken)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(broken)
        await world.desk.put(VIM, document(ALL_OF_EPC, HOSTS, collector={"endpoint": URL + "/topic"}), by="me")
        await world.read(broken)
        await world.read(MME)
        await world.delivered(2)

    assert [told(one)[1:] for one in world.sent] == [("CRITICAL", 0), ("NORMAL", 1)]
    assert len(world.shelf.subscriptions) == 1, "at most one endpoint serves a VIM"


async def test_a_delete_removes_configuration_backlogs_states_and_what_waits() -> None:
    world = World(answer=lambda _posted: Answer(503), farewell_seconds=0.02)
    broken = replace(MME, status="ERROR")
    world.know(broken)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(broken)

        assert await world.desk.remove(VIM)

        assert await world.desk.show(VIM) is None
        assert not await world.desk.remove(VIM)
        assert world.agent.interval_seconds(VIM) is None, "nobody polls any more"
        await world.read(MME)
    assert (world.shelf.records, world.shelf.states, world.shelf.subscriptions) == ({}, {}, {})
    assert world.shelf.deliveries == {}


async def test_after_a_delete_the_same_configuration_begins_anew() -> None:
    world = World()
    broken = replace(MME, status="ERROR")
    world.know(broken)
    async with world.running():
        first = await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(broken)
        await world.delivered(1)
        await world.desk.remove(VIM)
        second = await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(broken)
        await world.delivered(2)

    assert first.subscription != second.subscription
    ids = [one["commonEventHeader"]["eventId"] for one in world.sent]
    assert len(set(ids)) == 2


async def test_a_source_that_is_not_there_yet_is_looked_at_when_it_is() -> None:
    world = World()
    world.know(MME)
    named = {"domain": "fault", "type": "vm", "source": "late"}
    async with world.running():
        made = await world.desk.put(VIM, document(HOSTS, named), by="me")
        assert [one.field for one in made.refusals] == ["backlogs[1].source"]
        await world.read(MME)
        await world.read(MME, server("late", "ERROR"))
        await world.delivered(1)
        now = await world.desk.show(VIM)

    assert now is not None
    assert now.refusals == ()
    assert [one.backlog.server_id for one in now.backlogs] == ["", "id-late"]
    assert told(world.sent[0])[0] == "late"


async def test_a_named_server_that_is_made_anew_is_looked_at_under_its_new_id() -> None:
    world = World()
    world.know(MME)
    named = {"domain": "fault", "type": "vm", "source": "mme"}
    async with world.running():
        await world.desk.put(VIM, document(named), by="me")
        await world.read(MME)
        await world.read(gone=["server/id-mme"])
        await world.read(server("mme", "ERROR", id="id-other"))
        await world.delivered(1)
        now = await world.desk.show(VIM)

    assert now is not None
    assert [one.backlog.server_id for one in now.backlogs] == ["id-other"]
    assert world.sent[0]["commonEventHeader"]["sourceId"] == "id-other"


async def test_a_tenant_is_known_by_its_name_and_one_that_comes_later_is_looked_at_when_it_is_there() -> None:
    world = World()
    world.know(MME)
    by_name = {"domain": "fault", "type": "vm", "tenant": "epc"}
    later = {"domain": "fault", "type": "vm", "tenant": "ims"}
    async with world.running():
        made = await world.desk.put(VIM, document(by_name, later), by="me")
        world.projects["66666666-7777-8888-9999-000000000000"] = "ims"
        await world.read(MME, seconds=10)
        await world.read(MME, seconds=10)
        soon = await world.desk.show(VIM)
        await world.read(MME, seconds=60)
        await world.read(MME, seconds=10)
        now = await world.desk.show(VIM)

    assert [(one.backlog.tenant, one.backlog.tenant_id) for one in made.backlogs] == [("epc", EPC)]
    assert [one.field for one in made.refusals] == ["backlogs[1].tenant"]
    assert soon is not None
    assert len(soon.backlogs) == 1
    assert now is not None
    assert [one.backlog.tenant for one in now.backlogs] == ["epc", "ims"]
    assert world.asked == [VIM, VIM], "not at every listing"


async def test_where_the_cloud_does_not_say_what_tenants_are_called_ids_work_still() -> None:
    world = World()
    world.cloud_is_away = True
    world.know(MME)
    async with world.running():
        with pytest.raises(RefusedError, match="no tenant 'epc' is known"):
            await world.desk.put(VIM, document({"domain": "fault", "type": "vm", "tenant": "epc"}), by="me")

        assert await world.desk.put(VIM, document(ALL_OF_EPC), by="me")


async def test_the_cloud_is_listed_as_often_as_the_most_hurried_backlog_needs_it() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(
            VIM, document(ALL_OF_EPC, HOSTS | {"poll_interval": 4}, BEAT | {"poll_interval": 1}), by="me"
        )
        interval = world.agent.interval_seconds(VIM)
        await world.desk.put(VIM, document(BEAT), by="me")

        assert world.agent.interval_seconds(VIM) is None, "a heartbeat needs no listing"

    assert interval == 4
    assert world.refreshed == [VIM], "it is looked at as soon as there is something to look at"
    assert world.agent.interval_seconds("other") is None


async def test_measurements_come_at_each_look_and_do_not_pile_up_while_the_collector_is_away() -> None:
    away = True
    world = World(answer=lambda _posted: Answer(503 if away else 202))
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, MEASURED), by="me")
        for _ in range(30):
            await world.read(MME)
        await world.read(replace(MME, status="ERROR"))
        detail = await world.desk.show(VIM)
        away = False
        await until(lambda: set(world.states()) == {"delivered"})

    assert detail is not None
    assert detail.skipped == {"measurement": 11}
    assert detail.pending == 21
    assert "faultFields" in world.sent[-1], "a fault is never left out"


async def test_it_is_shown_how_it_stands() -> None:
    world = World(answer=lambda _posted: Answer(400))
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(replace(MME, status="ERROR"))
        await until(lambda: world.states() == ["dead"])
        detail = await world.desk.show(VIM)

    assert detail is not None
    (backlog,) = detail.backlogs
    assert [(one.source, one.severity, one.status) for one in backlog.raised] == [("id-mme", "CRITICAL", "ERROR")]
    assert backlog.last is not None
    assert (detail.dead, detail.pending, detail.last_status) == (1, 0, 400)
    assert "400" in detail.last_error
    assert backlog.collected_us == START_US + 10 * SECOND
