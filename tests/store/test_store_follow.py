"""Following: a list and the changes after it tell everything, whatever happens between; and what cannot is refused."""

from __future__ import annotations

import asyncio
from random import Random

import msgspec
import pytest
from store_sample import START_US, alarm, cleared, delivery, entry, notification, subscription

from nfvigil.errors import ConflictError
from nfvigil.model.alarm import Alarm, Audience
from nfvigil.model.change import Change
from nfvigil.model.notification import DeliveryState
from nfvigil.model.severity import Severity
from nfvigil.northbound.places import Place, read, written
from nfvigil.northbound.problems import GoneError
from nfvigil.store import AlarmQuery, Store, alarm_records, open_store
from nfvigil.store.requests import KEPT_SECONDS

pytestmark = pytest.mark.anyio

DAY_US = 86_400_000_000


def changed(was: Alarm, number: int, random: Random) -> Alarm:
    if random.random() < 0.4:
        return cleared(was, START_US + number)
    return msgspec.structs.replace(was, severity=random.choice(list(Severity)[:4]), changed_us=START_US + number)


async def happen(store: Store, truth: dict[str, Alarm], random: Random, count: int) -> None:
    """Alarms come, change and are cleared, several in a commit."""
    for number in range(count):
        some: dict[str, Alarm] = {}
        for _ in range(random.randint(1, 4)):
            known = [one for one in truth.values() if one.is_open]
            if known and random.random() < 0.6:
                one = changed(random.choice(known), number, random)
            else:
                name = f"a-{len(truth) + len(some)}-{number}"
                project = random.choice(["p1", "p2", ""])
                one = alarm(name, project=project, raised_us=START_US + number, severity=Severity.MINOR, root=name)
            some[one.id] = one
        await store.commit(Change(alarms=tuple(some.values())))
        truth |= some
        await asyncio.sleep(0)


async def followed(store: Store, query: AlarmQuery, over: asyncio.Event) -> dict[str, Alarm]:
    """What somebody knows who lists and then follows until it is over."""
    known: dict[str, Alarm] = {}
    page = await store.alarm_page(query)
    since = page.last_change
    while True:
        known |= {one.id: one for one in page.alarms}
        if page.following is None:
            break
        page = await store.alarm_page(msgspec.structs.replace(query, place=page.following))
    query = msgspec.structs.replace(query, open_only=False, place=None)
    while True:
        is_over = over.is_set()
        changes = await store.alarm_changes(msgspec.structs.replace(query, since_change=since))
        for one in changes.alarms:
            known[one.id] = one
        since = changes.next_change
        if is_over and not changes.has_more:
            return known
        await asyncio.sleep(0)


@pytest.mark.parametrize(("seed", "scan"), [(1, 5), (2, 2_000)])
async def test_a_list_and_the_changes_after_it_are_the_truth(
    store: Store, seed: int, scan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm_records, "SCAN_MAX", scan)
    random = Random(seed)
    truth: dict[str, Alarm] = {}
    await happen(store, truth, random, 15)
    over = asyncio.Event()
    queries = [
        AlarmQuery(project=scope, open_only=only, limit=3)
        for scope, only in ((None, True), ("p1", True), ("p2", False))
    ]
    reading = [asyncio.create_task(followed(store, query, over)) for query in queries]

    await happen(store, truth, random, 25)
    over.set()

    for query, known in zip(queries, await asyncio.gather(*reading), strict=True):
        mine = {key: one for key, one in truth.items() if query.project in (None, one.project)}
        standing = {key: one for key, one in mine.items() if one.is_open}
        assert {key: one for key, one in known.items() if one.is_open} == standing
        if not query.open_only:
            assert known == mine


async def test_who_follows_what_is_severe_hears_how_it_ends(store: Store) -> None:
    critical = alarm("a", severity=Severity.CRITICAL)
    await store.commit(Change(alarms=(critical, alarm("b", severity=Severity.WARNING))))
    await store.commit(Change(alarms=(msgspec.structs.replace(critical, severity=Severity.WARNING),)))

    severe = await store.alarm_changes(AlarmQuery(project=None, min_severity=Severity.MAJOR, since_change=2))
    major = await store.alarm_changes(AlarmQuery(project=None, severities=(Severity.MAJOR,), since_change=2))
    listed = await store.alarm_page(AlarmQuery(project=None, min_severity=Severity.MAJOR))

    assert [one.id for one in severe.alarms] == ["a"]
    assert [one.id for one in major.alarms] == ["a"]
    assert listed.alarms == ()


async def test_the_changes_say_what_happened_last(store: Store) -> None:
    one = alarm("a")
    await store.commit(Change(alarms=(one,), history=(entry(one), entry(one, "confirmed"))))
    await store.comment(entry(one, "commented", by="noc", text="on it"))
    await store.commit(Change(alarms=(alarm("b"),)))

    changes = await store.alarm_changes(AlarmQuery(project="p1", since_change=0))

    assert [(one.id, news) for one, news in zip(changes.alarms, changes.news, strict=True)] == [
        ("a", "commented"),
        ("b", "changed"),
    ]
    assert list(changes.numbers) == [2, 3]
    assert {line.what for line in await store.history("a")} == {"confirmed", "raised", "commented"}


async def test_what_fits_rarely_is_found_in_short_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_records, "SCAN_MAX", 4)
    many = [
        alarm(f"n{i:02}", raised_us=START_US + i, probable_cause="fire" if i in (3, 17) else "x") for i in range(20)
    ]
    await store.commit(Change(alarms=tuple(many)))
    query = AlarmQuery(project=None, probable_causes=("fire",), limit=10)

    pages, page = [], await store.alarm_page(query)
    while True:
        pages.append([one.id for one in page.alarms])
        if page.following is None:
            break
        page = await store.alarm_page(msgspec.structs.replace(query, place=page.following))

    assert [name for names in pages for name in names] == ["n17", "n03"]
    assert len(pages) >= 5


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param({"event_from_us": START_US + 5}, "b", id="observed then or later"),
        pytest.param({"event_until_us": START_US + 5}, "c a", id="observed before"),
        pytest.param({"probable_causes": ("fire", "flood")}, "a", id="probable cause"),
        pytest.param({"changed_from_us": START_US + 30}, "c b", id="raised, changed or cleared since"),
        pytest.param({"cleared_from_us": START_US + 20}, "c", id="cleared since"),
        pytest.param({"resources": ("server/a", "b")}, "b a", id="resources, by key and bare id"),
        pytest.param({"project": "p1", "resources": ("secret",)}, "", id="a project's, less what is not for owners"),
    ],
)
async def test_a_page_has_what_was_asked_for(store: Store, query: dict[str, object], names: str) -> None:
    await store.commit(
        Change(
            alarms=(
                alarm("a", event_us=START_US, raised_us=START_US + 1, probable_cause="fire"),
                alarm("b", event_us=START_US + 9, raised_us=START_US + 2, changed_us=START_US + 40),
                cleared(alarm("c", event_us=START_US + 1, raised_us=START_US + 3), START_US + 50),
                alarm("secret", audience=Audience.ADMIN, raised_us=START_US, event_us=START_US + 5, probable_cause="x"),
            )
        )
    )
    if "event_from_us" in query:
        names = names + " secret"

    page = await store.alarm_page(AlarmQuery(**({"project": None} | query)))

    assert " ".join(one.id for one in page.alarms) == names


async def test_who_stands_before_what_was_purged_begins_anew(store: Store) -> None:
    one, other = alarm("a"), alarm("b", project="p2")
    await store.commit(Change(alarms=(one, other)))
    behind = Place(2, 2)
    await store.commit(Change(alarms=(cleared(one, START_US + 1),)))
    up_to_date = Place(3, 3)

    await store.purge(START_US + DAY_US)

    mine = await store.alarm_changes(AlarmQuery(project="p1", since_change=behind.change))
    theirs = await store.alarm_changes(AlarmQuery(project="p2", since_change=behind.change))
    everybody = await store.alarm_changes(AlarmQuery(project=None, since_change=behind.change))
    assert mine.forgotten > behind.safe
    assert everybody.forgotten > behind.safe
    assert theirs.forgotten <= behind.safe, "another project's purge is none of its business"
    assert mine.forgotten <= up_to_date.safe
    # Who begins now reads from the first change that there is, and misses nothing.
    assert Place(0, everybody.last_change).safe >= everybody.forgotten


async def test_a_place_holds_over_restarts_and_not_over_a_database_that_was_put_back(opened) -> None:
    first = await opened()
    await first.commit(Change(alarms=(alarm("a"),)))
    runs = await first.runs()
    early, late = written(Place(1, 1), runs, "p1"), written(Place(7, 7), runs, "p1")

    await first.close()

    again = await opened()
    after = await again.runs()

    assert after[-1].generation == runs[-1].generation
    assert read(early, after, "p1", "x") == Place(1, 1)
    with pytest.raises(GoneError):  # the numbers stood at 1 when this one started: 7 was given in another past
        read(late, after, "p1", "x")
    with pytest.raises(GoneError):
        read(early, after, "p2", "x")
    with pytest.raises(GoneError):
        read(early, after, None, "x")


async def test_a_copy_goes_its_own_way(store: Store, tmp_path, clock) -> None:
    await store.commit(Change(alarms=(alarm("a"),)))
    place = written(Place(1, 1), await store.runs(), None)
    await store.backup(tmp_path / "copy.db")

    copy = await open_store(f"sqlite:///{tmp_path}/copy.db", node="n", clock=clock)
    try:
        runs = await copy.runs()
        assert runs[-1].generation != (await store.runs())[-1].generation
        with pytest.raises(GoneError):
            read(place, runs, None, "x")
    finally:
        await copy.close()


async def test_a_request_with_a_key_is_known_again(opened, clock) -> None:
    killed = await opened()
    assert await killed.begin_request("k", "body-1") is None
    await killed.close()
    store = await opened()
    cut_off = await store.begin_request("k", "body-1")
    assert cut_off is not None
    assert cut_off.status is None

    await store.end_request("k", 201, b"made")
    known = await store.begin_request("k", "body-2")
    assert known is not None
    assert (known.content, known.status, known.answer) == ("body-1", 201, b"made")

    await store.forget_request("k")
    assert await store.begin_request("k", "body-2") is None

    clock.forward(KEPT_SECONDS + 61)
    assert await store.begin_request("k", "body-3") is None, "after a day it is forgotten"


async def test_deliveries_of_all_subscriptions_are_listed_for_their_project(store: Store) -> None:
    for name, project in (("s-1", "p1"), ("s-2", "p2"), ("s-3", "p1")):
        await store.put_subscription(subscription(name, project))
        dead = delivery(notification(1, name), state=DeliveryState.DEAD)
        await store.commit(Change(deliveries=(dead, delivery(notification(2, name)))))

    async def listed(project: str | None, **more: object) -> list[tuple[str, int]]:
        found, after = [], None
        while some := await store.deliveries_of(project, after=after, limit=1, **more):
            found += some
            last = some[-1]
            waits = more.get("state") is DeliveryState.PENDING
            ends = (last.endpoint, last.subscription) if waits else (last.subscription, last.endpoint)
            after = (ends[0], last.seq, last.part, ends[1])
        return [(one.subscription, one.seq) for one in found]

    assert await listed("p1") == [("s-1", 1), ("s-1", 2), ("s-3", 1), ("s-3", 2)]
    assert await listed("p2", state=DeliveryState.DEAD) == [("s-2", 1)]
    assert await listed(None, state=DeliveryState.PENDING) == [("s-1", 2), ("s-2", 2), ("s-3", 2)]
    assert await listed("p1", subscription="s-2") == []
    assert await listed("") == []


async def test_one_that_was_given_up_is_sent_again_and_no_other(store: Store) -> None:
    await store.put_subscription(subscription())
    dead = delivery(notification(1), state=DeliveryState.DEAD, attempts=5, error="refused")
    await store.commit(Change(deliveries=(dead, delivery(notification(2)))))

    await store.requeue_delivery(dead)

    again = await store.delivery("sub-1", 1, 0, "sub-1-end")
    assert again is not None
    assert (again.state, again.attempts, again.id) == (DeliveryState.PENDING, 0, dead.id)
    with pytest.raises(ConflictError):
        await store.requeue_delivery(dead)


async def test_what_waits_for_an_endpoint_that_is_gone_goes_with_it(store: Store) -> None:
    await store.put_subscription(subscription())
    sent = delivery(notification(1), state=DeliveryState.DELIVERED)
    other = delivery(notification(1), endpoint="other")
    await store.commit(Change(deliveries=(sent, delivery(notification(2)), other)))
    changed = subscription(name="sub-1")

    await store.change_subscription(changed, ["sub-1-end"])

    assert [(one.endpoint, one.seq) for one in await store.deliveries("sub-1")] == [("other", 1), ("sub-1-end", 1)]
