"""Event alarms in the store: kept with what brings their messages on their way, listed in any order, forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from nfvigil.errors import ConflictError, RefusedError
from nfvigil.model.change import Change
from nfvigil.model.event_alarm import AodhSeverity, AodhState, ChangeType, Condition, EventAlarm, EventAlarmChange
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.store import alarm_query, event_alarm_records
from nfvigil.store.event_alarm_query import Always, And, EventAlarmQuery, Is, Not, Or

pytestmark = pytest.mark.anyio
One = TypeVar("One")
NOW = 1_800_000_000_000_000


def wish(number: int, **given: Any) -> EventAlarm:
    values: dict[str, Any] = {
        "name": f"alarm {number % 3}",
        "project": "blue" if number % 2 else "red",
        "severity": tuple(AodhSeverity)[number % 3],
        "changed_us": NOW + number // 2,
        "query": (Condition("traits.state", "eq", "error"),),
    }
    return EventAlarm(id=f"ea-{number}", **values | given)


def way(alarm: EventAlarm) -> Subscription:
    endpoint = Endpoint(id=f"{alarm.id}-e", url="http://192.0.2.1/", format="aodh")
    return Subscription(id=alarm.id, project=alarm.project, endpoints=(endpoint,), owner="aodh")


def change(alarm: EventAlarm, number: int = 0, **given: Any) -> EventAlarmChange:
    values: dict[str, Any] = {"at_us": NOW + number, "type": ChangeType.CREATION, "on_behalf_of": alarm.project}
    return EventAlarmChange(id=f"{alarm.id}-{number}", alarm_id=alarm.id, **values | given)


async def put(store: Any, *alarms: EventAlarm) -> None:
    for alarm in alarms:
        await store.put_event_alarm(alarm, way(alarm), change(alarm), is_new=True)


async def whole(pages: AsyncIterator[Sequence[One]]) -> list[One]:
    return [one async for page in pages for one in page]


async def ids(store: Any, **asked: Any) -> list[int]:
    found = await whole(store.event_alarms(EventAlarmQuery(**{"project": None} | asked)))
    return [int(alarm.id.removeprefix("ea-")) for alarm in found]


async def test_an_alarm_is_kept_with_its_way_and_its_history_and_goes_with_them(store):
    one = wish(1)
    await put(store, one)

    assert await store.event_alarm("ea-1", None) == await store.event_alarm("ea-1", "blue") == one
    assert await store.event_alarm("ea-1", "red") is None
    assert await store.event_alarm("ea-1", "") is None
    assert await store.all_event_alarms() == [one]
    assert await store.subscription("ea-1") == way(one)
    assert await whole(store.event_alarm_changes(EventAlarmQuery(project="blue"))) == [change(one)]
    with pytest.raises(ConflictError):
        await put(store, one)

    changed = replace(one, name="another", project="red")
    await store.put_event_alarm(changed, way(changed), change(one, 1), is_new=False)
    assert await store.event_alarm("ea-1", "red") == changed
    assert (await store.subscription("ea-1")).project == "red"

    await store.delete_event_alarm("ea-1")
    await store.put_event_alarm(wish(2), way(wish(2)), change(wish(2)), is_new=False)
    assert await store.all_event_alarms() == [], "what is deleted is not made again by a change"
    assert await whole(store.event_alarm_changes(EventAlarmQuery(project=None))) == [change(wish(2))]
    assert await store.subscription("ea-1") is None


async def test_what_fired_is_written_with_what_it_fired_by_and_only_once(store):
    one = wish(1)
    await put(store, one)
    moved = replace(one, state=AodhState.ALARM, state_us=NOW + 5, fired_for="server/x")
    notification = Notification(
        id="n", subscription="ea-1", seq=1, news=News.RAISED, created_us=NOW, event={"alarm_id": "ea-1"}
    )
    delivery = Delivery(id="d", notification="n", subscription="ea-1", endpoint="ea-1-e", seq=1)
    written = Change(
        event_alarms=(moved, wish(9)),
        event_alarm_changes=(change(one, 1, type=ChangeType.STATE),),
        fired_events=(("m1", NOW), ("m2", NOW + 1)),
        notifications=(notification,),
        deliveries=(delivery,),
        cursor=3,
    )

    await store.commit(written)
    await store.commit(written)

    assert await store.all_event_alarms() == [moved], "and nobody is made by it"
    assert await store.notifications("ea-1") == [notification]
    assert [one.id for one in await store.deliveries("ea-1")] == ["d"]
    assert await store.fired_events(10) == ["m1", "m2"]
    assert await store.fired_events(1) == ["m2"]
    types = [one.type for one in await whole(store.event_alarm_changes(EventAlarmQuery(project="blue")))]
    assert types == [ChangeType.STATE, ChangeType.CREATION]
    assert await store.check() == []

    await store.delete_event_alarm("ea-1")
    assert await store.deliveries("ea-1") == []


async def test_a_list_goes_by_any_order_page_by_page(store, monkeypatch):
    await put(store, *(wish(number) for number in range(12)))
    newest = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    # Of the same time, by id: ea-11 is before ea-10, and ea-9 before ea-8.
    assert await ids(store) == newest
    assert await ids(store, project="blue") == [11, 9, 7, 5, 3, 1]
    assert await ids(store, project="") == []
    assert await ids(store, marker="ea-9", limit=2) == [8, 7]
    with pytest.raises(RefusedError, match="to go on from"):
        await ids(store, marker="ea-9", project="red")

    monkeypatch.setattr(event_alarm_records, "LIMIT_MAX", 5)
    assert await ids(store) == newest
    assert await ids(store, limit=7) == newest[:7]
    by = (("severity", True), ("name", False), ("timestamp", False))
    sorted_so = sorted(range(12), key=lambda n: (-(n % 3), n % 3, n // 2, f"ea-{n}"))
    assert await ids(store, sorts=by) == sorted_so
    assert await ids(store, sorts=by, marker=f"ea-{sorted_so[4]}") == sorted_so[5:]
    assert alarm_query.LIMIT_MAX == 1000


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        pytest.param(Always(True), [5, 4, 3, 2, 1, 0], id="all"),
        pytest.param(Always(False), [], id="none"),
        pytest.param(Is("name", "=", "alarm 1"), [4, 1], id="equal"),
        pytest.param(Is("severity", ">=", 1), [5, 4, 2, 1], id="order"),
        pytest.param(Is("name", "in", ("alarm 0", "alarm 2")), [5, 3, 2, 0], id="in"),
        pytest.param(Not(Is("project_id", "=", "blue")), [4, 2, 0], id="not"),
        pytest.param(And((Is("name", "=", "alarm 1"), Is("project_id", "=", "blue"))), [1], id="and"),
        pytest.param(Or((Is("alarm_id", "=", "ea-0"), Is("timestamp", ">", NOW + 1))), [5, 4, 0], id="or"),
        pytest.param(And(()), [5, 4, 3, 2, 1, 0], id="and of nothing"),
        pytest.param(Is("enabled", "=", 0), [], id="truth"),
        pytest.param(Is("state", "!=", "alarm"), [5, 4, 3, 2, 1, 0], id="unlike"),
    ],
)
async def test_a_question_is_a_tree(store, tree, found):
    await put(store, *(wish(number) for number in range(6)))

    assert await ids(store, tree=tree) == found


async def test_old_history_and_old_messages_are_purged_and_the_alarm_stays(store):
    one = wish(1)
    await put(store, one)
    await store.commit(
        Change(event_alarm_changes=(change(one, 9),), fired_events=(("old", NOW), ("new", NOW + 9)), cursor=3)
    )

    purged = await store.purge(NOW + 5)

    assert (purged.event_alarm_changes, purged.fired_events) == (1, 1)
    assert await whole(store.event_alarm_changes(EventAlarmQuery(project=None))) == [change(one, 9)]
    assert await store.fired_events(10) == ["new"]
    assert await store.all_event_alarms() == [one]


async def test_all_are_loaded_however_many(store, monkeypatch):
    monkeypatch.setattr(event_alarm_records, "LOAD_PAGE", 2)
    await put(store, *(wish(number) for number in range(4)))

    assert [one.id for one in await store.all_event_alarms()] == ["ea-0", "ea-1", "ea-2", "ea-3"]
