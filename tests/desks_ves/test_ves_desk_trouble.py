"""What the VES agent makes of trouble: clouds that go, a store that is away, faults of our own, locked keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from ves_desk_players import (
    ALL_OF_EPC,
    BEAT,
    HOSTS,
    START_US,
    URL,
    VIM,
    Shelf,
    World,
    document,
    path_of,
    replace,
    server,
    told,
    until,
)

from nfvigil.desks.ves import agent as ves_agent
from nfvigil.desks.ves.collector_test import CollectorTest
from nfvigil.desks.ves.way import with_kept
from nfvigil.errors import ConflictError, NotFoundError, RefusedError, UnavailableError
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Snapshot
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth
from nfvigil.model.verdict import News
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.memory import MemoryPoster, Posted
from nfvigil.notifier.poster import Answer, Target
from nfvigil.notifier.retry import Retry

pytestmark = pytest.mark.anyio

MME = server("mme")


def listing(vim: str = VIM) -> Reading:
    return Reading(Snapshot(vim=vim, taken_us=START_US, servers=(MME,)))


async def test_a_cloud_without_a_configuration_is_asked_for_nothing() -> None:
    world = World()

    assert world.agent.begin(VIM) is None
    assert world.agent.missing(listing()) == []
    world.agent.take(listing(), None)
    world.agent.forget(VIM)
    world.agent.changed(VIM)
    assert world.is_settled


async def test_a_listing_of_a_cloud_that_is_watched_no_more_is_not_looked_at() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        world.agent.take(listing(), None)
        world.agent.forget(VIM)
        await until(lambda: world.is_settled)
        detail = await world.desk.show(VIM)

    assert detail is not None
    assert [one.collected_us for one in detail.backlogs] == [0]


async def test_a_configuration_that_is_taken_away_while_a_listing_waits_ends_it_all() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, BEAT), by="me")
        async with world.pipeline.between_turns():
            world.agent.take(listing(), None)
            world.us += 60_000_000
            await asyncio.sleep(0.01)
            await world.book.remove(VIM)
        await until(lambda: world.is_settled)

    assert world.shelf.states == {}


async def test_a_fault_of_ours_over_one_listing_leaves_the_next_and_other_clouds_alone() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        held = world.book.held[VIM]
        good, held.faults = held.faults, None
        await world.read(MME)
        held.faults = good
        await world.read(replace(MME, status="ERROR"))
        await world.delivered(1)

    assert len(world.sent) == 1


async def test_what_cannot_grow_while_the_store_is_away_grows_with_a_later_listing() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(HOSTS, {"domain": "fault", "type": "vm", "source": "late"}), by="me")
        world.shelf.is_away = True
        await world.read(MME, server("late"))
        assert len(world.book.held[VIM].backlogs) == 1
        world.shelf.is_away = False
        await world.read(MME, server("late"))

        assert len(world.book.held[VIM].backlogs) == 2


async def test_where_the_store_is_away_a_wish_is_refused_and_everything_is_as_it_was() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        world.shelf.is_away = True
        with pytest.raises(UnavailableError):
            await world.desk.put(VIM, document(HOSTS), by="me")
        with pytest.raises(UnavailableError):
            await world.desk.remove(VIM)
        world.shelf.is_away = False
        detail = await world.desk.show(VIM)

    assert detail is not None
    assert [one.backlog.type for one in detail.backlogs] == ["vm"]


async def test_names_that_cannot_be_had_for_a_fault_of_ours_are_asked_for_again() -> None:
    world = World()
    world.know(MME)
    named = {"domain": "fault", "type": "vm", "tenant": "ims"}

    async def broken(_: Any, *, at_once: bool = False) -> None:
        raise KeyError("a fault of ours")

    async with world.running():
        await world.desk.put(VIM, document(HOSTS, named), by="me")
        look, world.book.names.look = world.book.names.look, broken
        await world.read(MME)
        await until(lambda: not world.agent._asking)
        world.book.names.look = look
        world.projects = {"p-9": "ims"}
        await world.read(MME, seconds=90)
        await until(lambda: not world.agent._asking)
        await world.read(MME)

        assert len(world.book.held[VIM].backlogs) == 2


async def test_a_heartbeat_that_fails_leaves_the_next_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfvigil.desks.ves.agent.PAUSE_SECONDS", 0.001)
    world = World()
    broken = [True]
    number = world.composer.number

    def fails_once(subscription_id: str) -> int:
        if broken.pop() if broken else False:
            raise KeyError("a fault of ours")
        return number(subscription_id)

    world.composer.number = fails_once
    async with world.running():
        await world.desk.put(VIM, document(BEAT), by="me")
        await until(lambda: not broken)
        world.us += 11_000_000
        world.agent._beats_anew.set()
        await world.delivered(1)

    assert len(world.sent) == 1


async def test_an_endpoint_whose_secrets_are_locked_is_shown_so_and_is_not_tried() -> None:
    shelf = Shelf()
    first = World(shelf)
    first.know(MME)
    login = {"username": "agent", "password": "s3cret"}
    async with first.running():
        await first.desk.put(VIM, document(ALL_OF_EPC, collector=login), by="me")
    (way,) = shelf.subscriptions.values()
    locked = replace(way.endpoints[0], auth=None, kept=("auth",), locked=True)
    shelf.subscriptions[way.id] = replace(way, endpoints=(locked,))
    second = World(shelf)
    second.know(MME)
    async with second.running():
        detail = await second.desk.show(VIM)
        with pytest.raises(ConflictError, match="cannot be decrypted"):
            await second.desk.test(VIM)
        with pytest.raises(RefusedError, match="not kept"):
            await second.desk.put(VIM, document(ALL_OF_EPC, collector=login | {"password": "***"}), by="me")
        healed = await second.desk.put(VIM, document(ALL_OF_EPC, collector=login), by="me")

    assert detail is not None
    assert (detail.is_locked, detail.has_password) == (True, True)
    assert not healed.is_locked


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 407, 421, 429, 502])
async def test_what_is_said_about_the_way_to_a_collector_loses_no_alarm(status: int) -> None:
    answers = [Answer(status)] * 8
    world = World(answer=lambda _: answers.pop() if answers else Answer(202))
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(replace(MME, status="ERROR"))
        await until(lambda: world.states() == ["delivered"])

    assert len(world.sent) == 9


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_what_a_collector_calls_wrong_five_times_is_given_up_visibly(status: int) -> None:
    world = World(answer=lambda _: Answer(status))
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(replace(MME, status="ERROR"))
        await until(lambda: world.states() == ["dead"])

    assert len(world.sent) == 5


async def test_a_batch_that_waits_while_its_collector_is_given_a_topic_arrives() -> None:
    answers = [Answer(503)]
    world = World(answer=lambda _: answers[0], retry=Retry(first_seconds=0.01, max_seconds=0.02))
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(replace(MME, status="ERROR"), server("sgw", "ERROR"))
        await world.delivered(1)
        await world.desk.put(VIM, document(ALL_OF_EPC, collector={"endpoint": f"{URL}/topic"}), by="me")
        answers[0] = Answer(202)
        await until(lambda: world.states() == ["delivered"])

    assert isinstance(world.poster, MemoryPoster)
    assert path_of(world.poster.posted[-1]) == "/eventListener/v7/eventBatch"


async def test_a_record_whose_subscription_is_gone_gets_another() -> None:
    shelf = Shelf()
    first = World(shelf)
    first.know(MME)
    async with first.running():
        await first.desk.put(VIM, document(ALL_OF_EPC), by="me")
    shelf.subscriptions.clear()
    second = World(shelf)
    await second.book.load(second.vims)

    assert second.book.held[VIM].subscription.endpoints[0].url == URL


async def test_what_becomes_of_others_messages_is_none_of_its_business() -> None:
    world = World()
    news = Notification(id="n", subscription="other", seq=1, news=News.TEST, created_us=1)
    delivery = Delivery(id="d", notification="n", subscription="other", endpoint="e", seq=1, state=DeliveryState.DEAD)

    world.book.observe(news, delivery)

    assert world.book.held == {}


@pytest.mark.parametrize("given", [None, [], {"vesagent_config": 7}, {"vesagent_config": {"ves_subscription": 7}}])
def test_what_is_no_configuration_is_left_to_whoever_reads_it(given: Any) -> None:
    assert with_kept(given, None) is given


async def test_an_address_that_is_none_keeps_no_secret() -> None:
    world = World()
    world.know(MME)
    login = {"username": "agent", "password": "s3cret"}
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, collector=login), by="me")
        wrong = login | {"password": "***", "endpoint": "http://[::1/eventListener/v7"}
        with pytest.raises(RefusedError, match="another address"):
            await world.desk.put(VIM, document(ALL_OF_EPC, collector=wrong), by="me")


class Fetcher:
    """A collector that is asked and answers."""

    def __init__(self, answer: Answer | Exception, *, hangs: bool = False) -> None:
        self.answer = answer
        self.hangs = hangs
        self.asked: list[Posted] = []

    async def fetch(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        self.asked.append(Posted(target, dict(headers), body))
        if self.hangs:
            await asyncio.sleep(60)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("fetcher", "ok", "status", "detail"),
    [
        (Fetcher(Answer(202, "", b"Accepted")), True, 202, ""),
        (Fetcher(Answer(400, "", b'{"requestError":\x1b 1}')), False, 400, '{"requestError":  1}'),
        (Fetcher(UnavailableError("cannot connect")), False, 0, "cannot connect"),
        (Fetcher(RefusedError("loopback")), False, 0, "loopback"),
        (Fetcher(Answer(200), hangs=True), False, 0, "no answer within 0.05 s"),
    ],
)
async def test_a_collector_is_tried_and_what_it_says_is_said(
    fetcher: Fetcher, ok: bool, status: int, detail: str
) -> None:
    test = CollectorTest(
        fetcher=fetcher,
        logins=Logins(fetcher=fetcher, clock=lambda: START_US),
        agent="nfvigil/1",
        clock=lambda: START_US,
        seconds=0.05,
    )
    login = EndpointAuth(kind=AuthKind.BASIC, user="agent", secret="s3cret")

    found = await test(Endpoint(id="e", url=URL, format="ves", auth=login), VIM, 10)

    assert (found.ok, found.status, found.detail) == (ok, status, detail)
    (asked,) = fetcher.asked
    assert asked.headers["Authorization"].startswith("Basic ")
    assert b'"heartbeatInterval":10' in asked.body


async def test_a_vim_that_is_not_there_has_nothing() -> None:
    world = World()

    for wish in (world.desk.show("nowhere"), world.desk.remove("nowhere"), world.desk.test("nowhere")):
        with pytest.raises(NotFoundError):
            await wish
    assert isinstance(world.poster, MemoryPoster)


async def test_servers_that_fail_together_are_told_in_turns_that_others_may_come_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ves_agent, "AT_ONCE", 3)
    world = World()
    servers = [server(str(number)) for number in range(7)]
    world.know(*servers)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(*servers)
        before = world.shelf.commits
        await world.read(*(replace(one, status="ERROR") for one in servers))
        await world.delivered(7)

    assert world.shelf.commits - before == 3
    assert sorted(told(one)[0] for one in world.sent) == [str(number) for number in range(7)]
