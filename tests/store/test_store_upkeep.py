"""Claims, purge, check and backup; over SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import text
from store_sample import (
    EVENT,
    START_US,
    action,
    alarm,
    cleared,
    decision,
    delivery,
    entry,
    event,
    fault,
    notification,
    subscription,
)

from nfvigil.errors import RefusedError
from nfvigil.model.action import ActionState
from nfvigil.model.change import Change
from nfvigil.model.ids import event_id_at
from nfvigil.model.notification import DeliveryState
from nfvigil.store import AlarmQuery, open_store

pytestmark = pytest.mark.anyio

LONG_AFTER = START_US + 3_600_000_000


async def test_a_process_that_starts_again_takes_its_own_work_back_at_once(opened):
    first = await opened("node-1")
    news = notification()
    await first.put_subscription(subscription())
    await first.commit(Change(actions=(action("x"),), notifications=(news,), deliveries=(delivery(news),)))
    await first.close()

    again = await opened("node-1")

    assert await again.claim_actions(10) == [action("x")]
    assert await again.claim_deliveries(10) == [(news, delivery(news))]


async def test_work_is_claimed_in_pages_in_its_order(store):
    await store.put_subscription(subscription())
    news = [notification(seq) for seq in range(1, 6)]
    planned = [action(f"x{9 - number}", event_id=EVENT + number // 3) for number in range(5)]
    await store.commit(
        Change(actions=tuple(planned), notifications=tuple(news), deliveries=tuple(map(delivery, reversed(news))))
    )

    actions = await store.claim_actions(3)
    actions += await store.claim_actions(3, after=actions[-1])
    claimed = await store.claim_deliveries(3)
    claimed += await store.claim_deliveries(3, after=claimed[-1][1])

    assert actions == planned
    assert [one.seq for one, _ in claimed] == [1, 2, 3, 4, 5]


class TestSeveralNodes:
    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        return postgresql_url

    async def test_another_nodes_work_is_left_alone_until_its_lease_has_run_out(self, opened, clock):
        one, two = await opened("node-1"), await opened("node-2")
        news = notification()
        await one.put_subscription(subscription())
        await one.commit(Change(actions=(action("x"),), notifications=(news,), deliveries=(delivery(news),)))

        assert await two.claim_actions(10) == []
        assert await two.claim_deliveries(10) == []
        clock.forward(20)
        await one.renew_leases(30)
        clock.forward(20)
        assert await two.claim_actions(10) == []
        clock.forward(11)
        assert await two.claim_actions(10) == [action("x")]
        assert await two.claim_deliveries(10) == [(news, delivery(news))]
        await two.renew_leases(30)
        assert await one.claim_actions(10) == []

    async def test_a_node_that_ends_in_order_hands_its_work_over_at_once(self, opened):
        one, two = await opened("node-1"), await opened("node-2")
        await one.commit(Change(actions=(action("x"),)))

        await one.release_leases()

        assert await two.claim_actions(10) == [action("x")]

    async def test_two_nodes_that_claim_at_once_never_get_the_same_row_nor_part_an_endpoints_queue(self, opened, clock):
        dead = await opened("dead")
        await dead.put_subscription(subscription("s1"))
        await dead.put_subscription(subscription("s2"))
        news = [notification(seq, name) for name in ("s1", "s2") for seq in range(1, 41)]
        await dead.commit(
            Change(
                actions=tuple(action(f"x{number}") for number in range(60)),
                notifications=tuple(news),
                deliveries=tuple(map(delivery, news)),
            )
        )
        await dead.release_leases()
        nodes = [await opened("node-1"), await opened("node-2")]

        claims = await asyncio.gather(*(node.claim_actions(5) for _ in range(6) for node in nodes))
        sent = await asyncio.gather(*(node.claim_deliveries(10) for _ in range(6) for node in nodes))

        holders: dict[str, set[int]] = {}
        for turn, claimed in enumerate(claims):
            for one in claimed:
                holders.setdefault(one.id, set()).add(turn % 2)
        assert all(len(nodes_of) == 1 for nodes_of in holders.values())
        queues: dict[str, set[int]] = {}
        for turn, found in enumerate(sent):
            for _, one in found:
                queues.setdefault(one.endpoint, set()).add(turn % 2)
        assert queues
        assert all(len(nodes_of) == 1 for nodes_of in queues.values())


async def test_purge_removes_what_is_over_and_old(store):
    gone = cleared(alarm("a"), START_US + 5)
    news = [notification(seq) for seq in (1, 2)]
    await store.put_subscription(subscription())
    await store.add_events([event()])
    await store.commit(
        Change(
            decisions=(decision(event()),),
            faults=(fault(cleared_us=START_US + 5),),
            alarms=(gone,),
            history=(entry(gone),),
            actions=(action("x", state=ActionState.DONE, ended_us=START_US + 6),),
            notifications=tuple(news),
            deliveries=tuple(delivery(one, state=DeliveryState.DELIVERED) for one in news),
            cursor=EVENT,
        )
    )

    purged = await store.purge(LONG_AFTER)

    assert msgspec.structs.asdict(purged) == {
        "alarms": 1,
        "faults": 1,
        "notifications": 1,
        "deliveries": 1,
        "actions": 1,
        "decisions": 1,
        "events": 1,
        "event_alarm_changes": 0,
        "fired_events": 0,
        "vdu_changes": 0,
    }
    assert await store.alarms(AlarmQuery(project=None)) == []
    assert await store.history("a") == []
    assert await store.event(EVENT) is None
    assert await store.notifications("sub-1") == news[1:]


async def test_purge_keeps_what_is_open_undecided_pending_or_unfinished(store):
    events = [event(event_id_at(START_US + number)) for number in range(5)]
    undecided = event(event_id_at(START_US + 9))
    news = [notification(seq) for seq in (1, 2, 3)]
    sent = [delivery(news[0]), delivery(news[1], state=DeliveryState.DEAD), delivery(news[2])]
    await store.put_subscription(subscription())
    await store.add_events([*events, undecided])
    await store.commit(
        Change(
            decisions=tuple(map(decision, events)),
            faults=(fault(event_id=events[1].id),),
            alarms=(alarm("open", event_id=events[0].id), cleared(alarm("gone", event_id=events[4].id), START_US + 8)),
            history=(entry(alarm("open", event_id=events[0].id)),),
            actions=(
                action("todo", event_id=events[2].id),
                action("done", event_id=events[3].id, alarm_id="open", state=ActionState.DONE, ended_us=START_US + 6),
                action("over", event_id=events[4].id, state=ActionState.FAILED, ended_us=START_US + 6),
            ),
            notifications=tuple(news),
            deliveries=tuple(sent),
            cursor=events[-1].id,
        )
    )

    await store.purge(LONG_AFTER)

    assert [one.id for one in await store.alarms(AlarmQuery(project=None))] == ["open"]
    assert len(await store.history("open")) == 1
    assert len(await store.open_faults()) == 1
    assert [one.id for one in await store.actions(project=None)] == ["todo", "done"]
    assert [one.seq for one in await store.notifications("sub-1")] == [1, 3]
    assert [one.id for one in await store.events()] == [*(one.id for one in events[:3]), undecided.id]
    assert [event_id for event_id, _ in await store.decisions()] == [one.id for one in events[:3]]


async def test_purge_keeps_what_is_young(store):
    gone = cleared(alarm("a"), LONG_AFTER)
    await store.commit(Change(alarms=(gone,), faults=(fault(cleared_us=LONG_AFTER),)))

    purged = await store.purge(LONG_AFTER)

    assert (purged.alarms, purged.faults) == (0, 0)


async def test_purge_goes_through_more_than_one_batch(store):
    await store.commit(Change(alarms=tuple(cleared(alarm(f"a{number}"), START_US + 1) for number in range(1_100))))

    assert (await store.purge(LONG_AFTER)).alarms == 1_100


async def test_a_sound_database_has_no_complaints_and_a_broken_one_is_told_of(store):
    await store.commit(Change(alarms=(alarm("a"),)))
    assert await store.check() == []

    await store.commit(Change(notifications=(notification(subscription="nobody"),)))
    async with store._reader.engine.begin() as connection:
        await connection.execute(text("UPDATE alarms SET body = :body"), {"body": b"{}"})

    problems = await store.check()
    assert len(problems) == 2
    assert "belong to no subscription" in problems[0]
    assert "alarm a cannot be read" in problems[1]
    assert (await store.purge(LONG_AFTER)).notifications == 1


async def test_a_backup_taken_under_load_is_a_database_of_one_instant(store, clock, tmp_path):
    news = notification(alarms=(alarm("a"),))
    await store.put_subscription(subscription())
    await store.commit(Change(alarms=(alarm("a"),), notifications=(news,), deliveries=(delivery(news),), cursor=EVENT))
    await store.add_policy("default", "text")
    busy = asyncio.ensure_future(_keep_writing(store))

    size = await store.backup(tmp_path / "copy.db")
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)

    copy = await open_store(f"sqlite:///{tmp_path}/copy.db", node="node-1", clock=clock)
    try:
        assert size > 0
        assert await copy.check() == []
        assert await copy.open_alarms() == [alarm("a")]
        assert await copy.claim_deliveries(10) == [(news, delivery(news))]
        assert (await copy.policy("default")).text == "text"
        assert len(await copy.undecided(EVENT, 10_000)) % 2 == 0
        await copy.commit(Change(alarms=(alarm("b"),), cursor=EVENT + 1))
    finally:
        await copy.close()
    with pytest.raises(RefusedError):
        await store.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0


async def _keep_writing(store):
    number = EVENT
    while True:
        number += 2
        await store.add_events([event(number), event(number + 1)])
