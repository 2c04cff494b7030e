"""What is written is there, whole or not at all; over SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
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

from nfvigil.errors import ConflictError, NotFoundError
from nfvigil.model.action import ActionState
from nfvigil.model.change import Change
from nfvigil.model.notification import DeliveryState

pytestmark = pytest.mark.anyio


async def test_an_event_that_was_kept_is_there_after_the_store_was_opened_again(opened):
    first = await opened()
    await first.add_events([event(EVENT), event(EVENT + 1, type="compute.nic.down")])
    await first.close()

    second = await opened()

    assert await second.undecided(0, 10) == [event(EVENT), event(EVENT + 1, type="compute.nic.down")]
    assert await second.event(EVENT) == event(EVENT)


async def test_a_change_is_kept_whole(store):
    news = notification(alarms=(alarm("a"),))
    change = Change(
        decisions=(decision(event()),),
        faults=(fault(),),
        alarms=(alarm("a"), alarm("b")),
        history=(entry(alarm("a")), entry(alarm("b"))),
        actions=(action("x"), action("y")),
        memory={"window": [1, 2], "gone": None},
        notifications=(news,),
        deliveries=(delivery(news),),
        cursor=EVENT,
    )
    await store.put_subscription(subscription())

    await store.commit(change)

    assert await store.cursor() == EVENT
    assert await store.decision(EVENT) == decision(event())
    assert await store.decision_bytes(EVENT) == msgspec.json.encode(decision(event()))
    assert await store.decisions() == [(EVENT, msgspec.json.encode(decision(event())))]
    assert await store.open_faults() == [fault()]
    assert await store.open_alarms() == [alarm("a"), alarm("b")]
    assert await store.history("a") == [entry(alarm("a"))]
    assert await store.memory() == {"window": [1, 2]}
    assert await store.claim_actions(10) == [action("x"), action("y")]
    assert await store.claim_deliveries(10) == [(news, delivery(news))]
    assert await store.last_seqs() == {"sub-1": 1}


async def test_the_same_change_written_twice_takes_effect_once(store):
    news = notification()
    change = Change(
        alarms=(alarm("a"),),
        history=(entry(alarm("a")),),
        actions=(action("x"),),
        notifications=(news,),
        deliveries=(delivery(news),),
    )
    await store.commit(change)

    await store.commit(change)

    assert await store.history("a") == [entry(alarm("a"))]
    assert await store.notifications("sub-1") == [news]
    assert await store.deliveries("sub-1") == [delivery(news)]


async def test_a_change_with_a_sequence_number_that_is_taken_is_refused_and_leaves_nothing(store):
    await store.commit(Change(notifications=(notification(1),)))

    with pytest.raises(ConflictError):
        await store.commit(Change(alarms=(alarm("a"),), notifications=(notification(1, event_id=7),)))

    assert await store.open_alarms() == []
    assert await store.notifications("sub-1") == [notification(1)]


async def test_one_unit_at_fault_does_not_take_its_neighbours_with_it(store):
    await store.add_events([event(EVENT)])

    # All of these wait while the first is written, so that they share a transaction.
    outcomes = await asyncio.gather(
        *(store.add_events([event(EVENT + number)]) for number in (1, 2)),
        store.add_events([event(EVENT + 3), event(EVENT)]),
        store.commit(Change(alarms=(alarm("a"),), cursor=EVENT)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), ConflictError, type(None)]
    assert [found.id for found in await store.undecided(0, 10)] == [EVENT, EVENT + 1, EVENT + 2]
    assert await store.cursor() == EVENT
    assert await store.open_alarms() == [alarm("a")]


@pytest.mark.parametrize("count", [1, 3, 16, 101, 300, 1000])
async def test_any_number_of_events_is_kept_in_one_go(store, count):
    await store.add_events([event(EVENT + number) for number in range(count)])

    assert len(await store.undecided(0, 2000)) == count


async def test_of_several_values_of_a_record_the_last_one_counts(store):
    later = msgspec.structs.replace(alarm("a"), text="second")

    await store.commit(Change(alarms=(alarm("a"), later), actions=(action("x"), action("x", attempts=1))))

    assert await store.open_alarms() == [later]
    assert await store.claim_actions(10) == [action("x", attempts=1)]


async def test_what_came_of_deliveries_and_actions_is_kept(store):
    news = notification()
    await store.put_subscription(subscription())
    await store.commit(Change(actions=(action("x"),), notifications=(news,), deliveries=(delivery(news),)))
    sent = delivery(news, state=DeliveryState.DELIVERED, attempts=2, first_sent_us=5, delivered_us=6, status=204)
    done = action("x", state=ActionState.DONE, ended_us=START_US + 9, result="set to error")

    await asyncio.gather(store.save_deliveries([sent]), store.save_actions([done]))

    assert await store.deliveries("sub-1") == [sent]
    assert await store.actions(project=None) == [done]
    assert await store.claim_actions(10) == []
    assert await store.claim_deliveries(10) == []


async def test_the_last_of_two_results_that_wait_for_the_same_commit_counts(store):
    await store.commit(Change(actions=(action("x"),)))

    await asyncio.gather(*(store.save_actions([action("x", attempts=number)]) for number in range(1, 6)))

    assert await store.actions(project=None) == [action("x", attempts=5)]


async def test_a_cleared_alarm_is_open_no_more_even_where_it_lacks_its_time(store):
    timeless = msgspec.structs.replace(cleared(alarm("a"), START_US), cleared_us=None)

    await store.commit(Change(alarms=(timeless, alarm("b"))))

    assert await store.open_alarms() == [alarm("b")]


async def test_history_may_come_without_its_alarm(store):
    await store.commit(Change(alarms=(alarm("a"),)))

    await store.commit(Change(history=(entry(alarm("a"), "commented", at_us=START_US + 1, text="on it"),)))

    assert [line.what for line in await store.history("a")] == ["commented"]


async def test_memory_forgets_what_is_null(store):
    await store.commit(Change(memory={"a": {"n": 1}, "b": "x"}))

    await store.commit(Change(memory={"a": None, "b": "y"}))

    assert await store.memory() == {"b": "y"}


async def test_a_deleted_subscription_takes_its_rows_with_it_and_a_late_result_does_not_bring_them_back(store):
    news = notification()
    await store.put_subscription(subscription())
    await store.commit(Change(notifications=(news,), deliveries=(delivery(news),)))

    await store.delete_subscription("sub-1")
    await store.save_deliveries([delivery(news, state=DeliveryState.DELIVERED)])

    assert await store.subscription("sub-1") is None
    assert await store.notifications("sub-1") == []
    assert await store.deliveries("sub-1") == []
    with pytest.raises(NotFoundError):
        await store.delete_subscription("sub-1")


async def test_a_replay_makes_what_was_delivered_or_given_up_pending_again_under_the_same_id(store):
    news = [notification(seq) for seq in (1, 2, 3)]
    await store.put_subscription(subscription())
    await store.commit(Change(notifications=tuple(news), deliveries=tuple(map(delivery, news))))
    await store.save_deliveries(
        [
            delivery(news[0], state=DeliveryState.DELIVERED, delivered_us=5, status=200),
            delivery(news[1], state=DeliveryState.DEAD, attempts=9, error="410"),
        ]
    )

    count = await store.requeue_deliveries("sub-1", 1)

    assert count == 1
    pending = await store.pending_deliveries("sub-1-end", 0, 0, 10)
    assert pending == [(news[1], delivery(news[1])), (news[2], delivery(news[2]))]
    assert await store.requeue_deliveries("sub-1", 0) == 1


async def test_last_sequence_numbers_survive_a_purge(store):
    news = [notification(seq) for seq in (1, 2, 3)]
    await store.put_subscription(subscription())
    await store.commit(Change(notifications=tuple(news), deliveries=tuple(map(delivery, news))))
    await store.save_deliveries([delivery(one, state=DeliveryState.DELIVERED, delivered_us=5) for one in news])

    await store.purge(START_US + 10)

    assert await store.last_seqs() == {"sub-1": 3}


async def test_recent_events_come_oldest_first_and_only_the_last_ones(store):
    await store.add_events([event(EVENT + (number << 10)) for number in range(10)])

    found = await store.recent_events(START_US + 2, 3)

    assert [one.id for one in found] == [EVENT + (number << 10) for number in (7, 8, 9)]
    assert len(await store.recent_events(START_US + 2, 100)) == 8
