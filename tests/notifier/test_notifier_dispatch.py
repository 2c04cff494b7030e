"""Deliveries reach their endpoints: at least once, in order, none delaying another."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_players import (
    CHANNELS,
    NOW,
    SECRET,
    Consumer,
    Request,
    Rows,
    Script,
    alarm,
    answer,
    cleared,
    composer,
    dispatcher,
    hang,
    http_poster,
    ok,
    raised,
    running,
    subscription,
    until,
)
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from nfvigil.errors import UnavailableError
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.dispatch import Limits, overview
from nfvigil.notifier.heartbeat import Heartbeats
from nfvigil.notifier.memory import MemoryPoster, Posted
from nfvigil.notifier.poster import Answer
from nfvigil.notifier.results import Results
from nfvigil.notifier.retry import Retry, retry_after_seconds

pytestmark = pytest.mark.anyio


async def test_everything_arrives_once_and_in_order() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            for number in range(1, 51):
                sender.offer(rows.commit(source.compose(raised(number), number, NOW)))
            await until(lambda: len(consumer.received) == 50)
            await until(lambda: set(rows.states()) == {"delivered"})

    assert consumer.seqs() == list(range(1, 51))
    assert consumer.connections == 1
    assert rows.saves < 50
    assert rows.reads == 0
    one_row = next(iter(rows.deliveries.values()))
    assert (one_row.attempts, one_row.status) == (1, 204)
    assert one_row.first_sent_us is not None
    assert one_row.delivered_us is not None
    assert one_row.first_sent_us <= one_row.delivered_us


async def test_every_message_says_who_it_is_and_carries_only_the_endpoints_own_credentials() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        endpoints = (
            Endpoint(id="e1", url=consumer.url("/token"), token="open-sesame"),
            Endpoint(id="e2", url=consumer.url("/signed"), format="signed", secret=SECRET),
            Endpoint(id="e3", url=consumer.url("/aodh"), format="aodh"),
        )
        one = subscription(endpoints=endpoints)
        async with running(dispatcher(rows, agent="nfvigil/0.1")) as sender:
            sender.put_subscription(one)
            news = [(News.RAISED, alarm("a1")), (News.RAISED, alarm("a2"))]
            sender.offer(rows.commit(composer(one).compose(news, 7, NOW)))
            await until(lambda: len(consumer.received) == 4)

    by_path = {request.path: request for request in consumer.received}
    notification = next(iter(rows.notifications.values()))
    assert {request.headers["x-nfvigil-notification-id"] for request in consumer.received} == {notification.id}
    assert len({request.id for request in consumer.received}) == 4
    assert by_path["/token"].headers["x-auth-token"] == "open-sesame"
    assert "x-auth-token" not in by_path["/signed"].headers
    assert not [r for r in consumer.received if "cookie" in r.headers or "authorization" in r.headers]
    assert by_path["/token"].headers["user-agent"] == "nfvigil/0.1"
    Webhook(SECRET).verify(by_path["/signed"].body, by_path["/signed"].headers)


@pytest.mark.parametrize(
    ("scripts", "attempts", "state"),
    [
        pytest.param([answer(500), answer(503)], 3, "delivered", id="an endpoint in trouble is tried again"),
        pytest.param([answer(429), answer(408), answer(425)], 4, "delivered", id="later is not never"),
        pytest.param([answer(404)] * 4, 5, "delivered", id="a refusal may pass"),
        pytest.param([answer(404)] * 9, 5, "dead", id="a refusal that stays"),
        pytest.param([answer(410)], 1, "dead", id="gone is gone"),
        pytest.param([answer(302, "Location: /elsewhere")] * 9, 5, "dead", id="a redirect is not followed"),
    ],
)
async def test_an_answer_decides_what_is_next(scripts: list[Script], attempts: int, state: str) -> None:
    rows = Rows()
    async with Consumer({"/hook": list(scripts)}).running() as consumer:
        one = subscription(url=consumer.url())
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            sender.offer(rows.commit(composer(one).compose(raised(1), 1, NOW)))
            await until(lambda: rows.states() == [state])

    [delivery] = rows.deliveries.values()
    assert delivery.attempts == attempts
    assert consumer.seqs("/elsewhere") == []
    assert len({request.id for request in consumer.received}) == 1
    assert len({request.body for request in consumer.received}) == 1
    if state == "dead":
        assert delivery.error == f"the endpoint answered {delivery.status}"


async def test_a_dead_letter_lets_the_next_ones_go_on_in_order() -> None:
    rows = Rows()
    async with Consumer({"/hook": [answer(200), answer(410), answer(200), answer(500)]}).running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            for number in range(4):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            await until(lambda: rows.states() == ["delivered", "dead", "delivered", "delivered"])
            stats = sender.stats()["s1-e1"]
            totals = overview(sender)

    assert consumer.seqs() == [1, 2, 3, 4, 4]
    assert (stats.sent, stats.failed, stats.dead, stats.is_failing) == (3, 2, 1, False)
    assert (totals["endpoints"], totals["sent"], totals["dead"], totals["queued"]) == (1, 3, 1, 0)


async def test_a_wait_that_the_endpoint_asks_for_is_kept() -> None:
    rows = Rows()
    async with Consumer({"/hook": [answer(503, "Retry-After: 1")]}).running() as consumer:
        one = subscription(url=consumer.url())
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            sender.offer(rows.commit(composer(one).compose(raised(1), 1, NOW)))
            await until(lambda: len(consumer.received) == 1)
            await until(lambda: next(iter(rows.deliveries.values())).attempts == 1)
            assert next(iter(rows.deliveries.values())).next_us > 0
            await until(lambda: len(consumer.received) == 2)

    assert consumer.received[1].at - consumer.received[0].at >= 1.0


async def test_an_endpoint_that_fails_too_long_is_given_up() -> None:
    rows = Rows()
    retry = Retry(first_seconds=0.01, max_seconds=0.02, give_up_seconds=0.1)
    one = subscription(url="http://127.0.0.1:1/")
    source = composer(one)
    async with running(dispatcher(rows, retry=retry)) as sender:
        sender.put_subscription(one)
        sender.offer(rows.commit(source.compose(raised(1), 1, NOW)))
        sender.offer(rows.commit(source.compose(raised(2), 1, NOW)))
        await until(lambda: rows.states() == ["dead", "dead"])

    first, second = sorted(rows.deliveries.values(), key=lambda d: d.seq)
    assert first.attempts > 1
    assert second.attempts == 1
    assert "cannot connect" in first.error


async def test_endpoints_that_hang_do_not_move_the_others() -> None:
    rows = Rows()
    async with Consumer({f"/{number}": hang for number in range(0, 40, 4)}).running() as consumer:
        subscriptions = [subscription(f"s{number}", consumer.url(f"/{number}")) for number in range(40)]
        source = composer(*subscriptions)
        async with running(dispatcher(rows, limits=Limits(timeout_seconds=4.0)), grace_seconds=0.1) as sender:
            for one in subscriptions:
                sender.put_subscription(one)
            started = time.monotonic()
            for number in range(5):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            healthy = [f"/{number}" for number in range(40) if number % 4]
            await until(lambda: all(consumer.seqs(path) == [1, 2, 3, 4, 5] for path in healthy))
            took = time.monotonic() - started

    assert took < 3.5, "the healthy ones waited for the time limit of the others"
    assert all(consumer.seqs(f"/{number}") in ([1], [1, 1]) for number in range(0, 40, 4))


async def test_hanging_endpoints_that_are_known_leave_half_of_the_places_to_others() -> None:
    rows = Rows()
    async with Consumer({f"/{number}": hang for number in range(4)}).running() as consumer:
        subscriptions = [subscription(f"s{number}", consumer.url(f"/{number}")) for number in range(5)]
        source = composer(*subscriptions)
        limits = Limits(timeout_seconds=1.0, tasks_max=4)
        async with running(dispatcher(rows, limits=limits), grace_seconds=0.1) as sender:
            for one in subscriptions:
                sender.put_subscription(one)
            sender.offer(rows.commit(source.compose(raised(1), 1, NOW)))
            await until(lambda: len(consumer.seqs("/4")) == 1)
            for _ in range(3):
                sender.offer(rows.commit(source.compose(raised(2), 1, NOW)))
                count = len(consumer.seqs("/4")) + 1
                await until(lambda wanted=count: len(consumer.seqs("/4")) == wanted, 0.8)
            assert consumer.seqs("/4") == [1, 2, 3, 4]


async def test_more_than_memory_holds_is_read_from_the_rows_and_nothing_is_lost() -> None:
    rows = Rows()
    block = asyncio.Event()

    async def wait_first(request: Request, writer: asyncio.StreamWriter) -> None:
        await block.wait()
        await ok(request, writer)

    async with Consumer({"/hook": [wait_first]}).running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        async with running(dispatcher(rows, limits=Limits(queue_max=8, page=7))) as sender:
            sender.put_subscription(one)
            for number in range(60):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            assert sender.queued == 8
            assert sender.stats()["s1-e1"].is_behind
            await until(lambda: len(consumer.received) == 1)
            block.set()
            for number in range(60, 100):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
                await asyncio.sleep(0.001)
            await until(lambda: set(rows.states()) == {"delivered"})
            reads = rows.reads
            sender.offer(rows.commit(source.compose(raised(100), 1, NOW)))
            await until(lambda: len(consumer.received) == 101)

    assert consumer.seqs() == list(range(1, 102))
    assert rows.reads == reads, "it caught up, so the rows are no longer needed"


async def test_after_a_restart_the_rest_is_sent_in_order_with_the_same_ids() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        for number in range(1, 31):
            rows.commit(source.compose(raised(number), number, NOW))
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one, last_seq=30)
            sender.offer(rows.pending()[:3])  # what was claimed was only a part
            sender.offer(rows.commit(source.compose(raised(31), 31, NOW)))
            await until(lambda: set(rows.states()) == {"delivered"})

    assert consumer.seqs() == list(range(1, 32))
    assert [request.id for request in consumer.received] == [
        delivery.id for delivery in sorted(rows.deliveries.values(), key=lambda d: d.seq)
    ]


async def test_a_number_that_was_not_offered_is_looked_up_before_the_next_is_sent() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            first, second, third = (rows.commit(source.compose(raised(n), 1, NOW)) for n in range(3))
            sender.offer(third)
            await until(lambda: len(consumer.received) == 3)
            sender.offer(first)
            sender.offer(second)
            await until(lambda: set(rows.states()) == {"delivered"})
            await until(lambda: not sender.stats()["s1-e1"].is_behind)

    assert consumer.seqs() == [1, 2, 3]


async def test_a_try_planned_before_a_restart_is_not_made_earlier() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url())
        [(_, delivery)] = rows.commit(composer(one).compose(raised(1), 1, NOW))
        now = time.time_ns() // 1000
        waiting = type(delivery)(
            **{name: getattr(delivery, name) for name in delivery.__struct_fields__}
            | {"attempts": 3, "first_sent_us": now - 1_000_000, "next_us": now + 300_000}
        )
        rows.deliveries[delivery.id] = waiting
        started = time.monotonic()
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one, last_seq=1)
            sender.offer(rows.pending())
            await until(lambda: rows.states() == ["delivered"])

    assert consumer.received[0].at - started >= 0.25
    assert rows.deliveries[delivery.id].attempts == 4
    assert rows.deliveries[delivery.id].first_sent_us == now - 1_000_000


async def test_while_the_store_is_away_consumers_are_told_and_the_results_are_saved_later() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            rows.is_away = True
            for number in range(10):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            await until(lambda: len(consumer.received) == 10)
            await until(lambda: sender.unsaved == 10)
            assert set(rows.states()) == {"pending"}
            rows.is_away = False
            await until(lambda: set(rows.states()) == {"delivered"})

    assert consumer.seqs() == list(range(1, 11))


async def test_a_paused_subscription_is_sent_on_resume() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url(), paused=True)
        other = subscription("s2", consumer.url("/other"))
        source = composer(one, other)
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            sender.put_subscription(other)
            for number in range(3):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            await until(lambda: consumer.seqs("/other") == [1, 2, 3])
            assert consumer.seqs() == []
            sender.pause("s1", False)
            await until(lambda: consumer.seqs() == [1, 2, 3])


async def test_a_replay_sends_again_what_the_consumer_missed() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            for number in range(5):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            await until(lambda: len(consumer.received) == 5)

            await sender.flush()
            for delivery in list(rows.deliveries.values()):
                if delivery.seq > 2:
                    fresh = {name: getattr(delivery, name) for name in ("id", "notification", "subscription", "seq")}
                    rows.deliveries[delivery.id] = type(delivery)(endpoint=delivery.endpoint, **fresh)
            sender.rewind("s1", 2)
            sender.offer(rows.commit(source.compose(raised(6), 1, NOW)))
            await until(lambda: set(rows.states()) == {"delivered"})

    assert consumer.seqs() == [1, 2, 3, 4, 5, 3, 4, 5, 6]
    assert consumer.received[2].id == consumer.received[5].id


async def test_a_subscription_that_is_deleted_gets_nothing_more_and_one_that_moves_goes_on_there() -> None:
    rows = Rows()
    async with Consumer({"/old": [answer(500)] * 100}).running() as consumer:
        one = subscription(url=consumer.url("/old"))
        source = composer(one)
        slow = Retry(first_seconds=60, max_seconds=60)
        async with running(dispatcher(rows, retry=slow, jitter=lambda: 0.99)) as sender:
            sender.put_subscription(one)
            for number in range(3):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            await until(lambda: consumer.seqs("/old") == [1])

            moved = subscription(endpoints=(Endpoint(id="s1-e1", url=consumer.url("/new")),))
            sender.put_subscription(moved)
            await until(lambda: consumer.seqs("/new") == [1, 2, 3])

            added = subscription(endpoints=(*moved.endpoints, Endpoint(id="s1-e2", url=consumer.url("/second"))))
            sender.put_subscription(added)
            source = composer(added)
            source.compose(raised(0), 1, NOW), source.compose(raised(1), 1, NOW), source.compose(raised(2), 1, NOW)
            sender.offer(rows.commit(source.compose(raised(3), 1, NOW)))
            await until(lambda: consumer.seqs("/new") == [1, 2, 3, 4] and consumer.seqs("/second") == [4])

            sender.remove_subscription("s1")
            sender.offer(rows.commit(source.compose(raised(4), 1, NOW)))
            assert sender.unknown == 2
            assert sender.stats() == {}


async def test_nothing_goes_to_a_forbidden_address_and_the_owner_can_read_why() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(url=consumer.url())
        poster = http_poster(allow_loopback=False)
        async with running(dispatcher(rows, poster=poster)) as sender:
            sender.put_subscription(one)
            sender.offer(rows.commit(composer(one).compose(raised(1), 1, NOW)))
            await until(lambda: rows.states() == ["dead"])

    assert consumer.connections == 0
    assert "refused: loopback" in next(iter(rows.deliveries.values())).error


async def test_a_format_whose_plugin_is_gone_waits_and_a_fault_in_one_buries_only_its_message() -> None:
    class Broken:
        per_alarm = False

        def render(self, *_: object) -> None:
            raise KeyError("no such thing")

    rows = Rows()
    poster = MemoryPoster()
    endpoints = tuple(Endpoint(id=name, url="http://a.example/", format=name) for name in ("broken", "gone", "doctor"))
    one = subscription(endpoints=endpoints)
    sender = dispatcher(rows, poster=poster)
    sender._channels = {**CHANNELS, "broken": Broken()}  # type: ignore[dict-item]  # broken on purpose
    async with running(sender):
        sender.put_subscription(one)
        sender.offer(rows.commit(composer(one).compose(raised(1), 1, NOW)))
        await until(lambda: sorted(rows.states()) == ["dead", "delivered", "pending"])

    assert {d.endpoint: d.state for d in rows.deliveries.values()} == {
        "broken": "dead",
        "doctor": "delivered",
        "gone": "pending",
    }


async def test_what_a_format_has_no_word_for_is_given_up_and_logged_in_a_line() -> None:
    rows = Rows()
    one = subscription(endpoints=(Endpoint(id="e", url="http://a.example/", format="tacker"),))
    with capture_logs() as logs:
        async with running(dispatcher(rows, poster=MemoryPoster())) as sender:
            sender.put_subscription(one)
            sender.offer(rows.commit(composer(one).compose([(News.CLEARED, cleared(alarm()))], 1, NOW)))
            await until(lambda: rows.states() == ["dead"])

    assert [entry["event"] for entry in logs] == ["given up"]


async def test_what_is_under_way_at_the_end_is_finished_and_recorded() -> None:
    rows = Rows()

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await ok(request, writer)

    async with Consumer({"*": slowly}).running() as consumer:
        one = subscription(url=consumer.url())
        source = composer(one)
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            for number in range(3):
                sender.offer(rows.commit(source.compose(raised(number), 1, NOW)))
            await until(lambda: len(consumer.received) == 1)

    assert rows.states() == ["delivered", "pending", "pending"]


_fates = st.sampled_from(["ok", "ok", "ok", "error", "away", "lost", "refused", "gone"])


@settings(max_examples=40, deadline=None)
@given(
    fates=st.lists(_fates, max_size=25),
    kill_after=st.integers(min_value=0, max_value=30),
    queue_max=st.integers(min_value=1, max_value=6),
    batches=st.lists(st.integers(min_value=1, max_value=4), min_size=1, max_size=8),
)
def test_whatever_an_endpoint_does_everything_arrives_in_order_and_repeats_have_the_same_id(
    fates: list[str], kill_after: int, queue_max: int, batches: list[int]
) -> None:
    rows = Rows()
    one = subscription(endpoints=(Endpoint(id="e1", url="http://a.example/", format="aodh"),))
    script = iter(fates)
    arrived: list[str] = []
    tries = 0

    def consumer(posted: Posted) -> Answer:
        nonlocal tries
        tries += 1
        fate = next(script, "ok")
        if fate == "away":
            raise UnavailableError("away")
        arrived.append(posted.headers["X-NFVigil-Delivery-Id"])
        if fate == "lost":
            raise UnavailableError("its answer was lost")
        return Answer({"ok": 200, "error": 500, "refused": 400, "gone": 410}[fate])

    async def story() -> None:
        source = composer(one)
        retry = Retry(first_seconds=0.0001, max_seconds=0.001)
        poster = MemoryPoster(consumer)
        limits = Limits(queue_max=queue_max, page=3)
        written = 0
        for life in range(2):
            sender = dispatcher(rows, poster=poster, limits=limits, retry=retry)
            sender.put_subscription(one, last_seq=written)
            run = asyncio.create_task(sender.run())
            sender.offer(rows.pending())
            for size in batches:
                news = [(News.RAISED, alarm(f"a{life}-{written}-{n}")) for n in range(size)]
                sender.offer(rows.commit(source.compose(news, 1, NOW)))
                written += 1
                await asyncio.sleep(0)
            if life == 0:
                await until(lambda: tries >= min(kill_after, 3) or "pending" not in rows.states())
                run.cancel()  # as by kill -9: nothing more is recorded
                await asyncio.gather(run, return_exceptions=True)
            else:
                await until(lambda: "pending" not in rows.states())
                await sender.close(1.0)
                await run

    asyncio.run(story())

    order = {d.id: (d.seq, d.part) for d in rows.deliveries.values()}
    seen = list(dict.fromkeys(arrived))
    assert seen == sorted(seen, key=order.__getitem__), "out of order"
    delivered = {d.id for d in rows.deliveries.values() if d.state == "delivered"}
    assert delivered <= set(seen)
    assert {d.id for d in rows.deliveries.values()} - delivered == {
        d.id for d in rows.deliveries.values() if d.state == "dead"
    }


async def test_heartbeats_come_as_often_as_asked_and_one_that_fails_stops_none() -> None:
    beats: list[str] = []

    async def beat(one: Subscription) -> None:
        beats.append(one.id)
        if one.id == "s1":
            raise UnavailableError("the store is away")

    hearts = Heartbeats(beat=beat)
    hearts.put(subscription("s1", heartbeat_seconds=1.0))
    hearts.put(subscription("s2", heartbeat_seconds=1.0))
    hearts.put(subscription("s3"))
    hearts.put(subscription("s4", heartbeat_seconds=1.0))
    run = asyncio.create_task(hearts.run())
    hearts.remove("s4")
    hearts.put(subscription("s5", heartbeat_seconds=1.0, paused=True))
    started = time.monotonic()
    await until(lambda: beats.count("s2") == 2)
    took = time.monotonic() - started
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)

    assert 1.8 <= took <= 3.0
    assert set(beats) == {"s1", "s2"}
    assert beats.count("s1") == 2


async def test_results_have_a_bound_and_the_latest_of_a_delivery_counts() -> None:
    rows = Rows()
    one = subscription()
    items = [item for n in range(4) for item in rows.commit(composer(one).compose(raised(n), 1, NOW))]
    results = Results(save=rows.save_deliveries, size_max=2)
    delivery = items[0][1]
    for number in range(4):
        fields = {name: getattr(delivery, name) for name in delivery.__struct_fields__}
        results.add(type(delivery)(**fields | {"id": f"d{number}"}))
        results.add(type(delivery)(**fields | {"id": f"d{number}", "attempts": number}))
    rows.is_away = True

    with pytest.raises(UnavailableError):
        await results.flush()
    assert (len(results), results.dropped) == (2, 2)

    rows.is_away = False
    await results.flush()
    assert rows.deliveries["d3"].attempts == 3
    assert "d0" not in rows.deliveries


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), (" 7 ", 7.0), ("", None), ("soon", None), ("-5", None), ("9" * 40, 1e9),
     ("Thu, 28 May 2026 20:26:50 GMT", 10.0), ("Thu, 28 May 2026 20:26:00 GMT", 0.0)],
)  # fmt: skip
def test_the_wait_asked_for_is_read_as_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_seconds(text, NOW) == seconds


@pytest.mark.parametrize(
    ("tries", "jitter", "asked", "seconds"),
    [(1, 1.0, None, 0.5), (2, 1.0, None, 1.0), (3, 0.5, None, 1.0), (8, 1.0, None, 60.0), (5000, 1.0, None, 60.0),
     (1, 0.0, None, 0.0), (1, 1.0, 30.0, 30.5), (1, 0.0, 1e9, 3600.0)],
)  # fmt: skip
def test_waits_double_up_to_a_minute(tries: int, jitter: float, asked: float | None, seconds: float) -> None:
    assert Retry().delay_seconds(tries, jitter, asked) == seconds
