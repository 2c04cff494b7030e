"""What is told to VES collectors is kept with what is on its way, or not at all; over both databases."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import text
from store_sample import START_US, notification, subscription

from nfvigil.accounts.rotation import drop_old, rotate
from nfvigil.model.change import Change
from nfvigil.model.notification import Delivery, DeliveryState
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth, EndpointTls
from nfvigil.model.ves import VesBacklog, VesConfig, VesEntry, VesState, VesSubscription
from nfvigil.sealing.keys import Keys
from nfvigil.store.ves_records import VesRecord

pytestmark = pytest.mark.anyio

replace = msgspec.structs.replace
ENDPOINT = Endpoint(
    id="ves-end",
    url="https://collector.example:8443/eventListener/v7",
    format="ves",
    auth=EndpointAuth(kind=AuthKind.BASIC, user="agent", secret="top-s3cret"),
    tls=EndpointTls(ca="a CA", certificate="a certificate", key="s3cret-key"),
)
WAY = subscription("ves-1", project="", owner="ves", endpoints=(ENDPOINT,))
RECORD = VesRecord(
    vim="lab",
    changed_us=START_US,
    config=VesConfig(
        vim="lab",
        ves_subscription=VesSubscription(endpoint=ENDPOINT.url, username="agent"),
        backlogs=(VesEntry(domain="fault", type="vm", tenant="p1"), VesEntry(domain="fault", type="disk")),
    ),
    backlogs=(VesBacklog(backlog_uuid="b-1", domain="fault", type="vm", tenant_id="p1"),),
    refusals=(("backlogs[1].type", "is not known"),),
    subscription=WAY.id,
    created_us=START_US,
)


def state(source: str, backlog: str = "b-1", vim: str = "lab", **more: object) -> VesState:
    return msgspec.convert({"vim": vim, "backlog": backlog, "source": source, "sequence": 1, **more}, VesState)


def told(seq: int) -> Change:
    """A state, its news and the news' way, as one turn writes them."""
    news = notification(seq, WAY.id)
    way = Delivery(id=f"d-{seq}", notification=news.id, subscription=WAY.id, endpoint=ENDPOINT.id, seq=seq)
    return Change(ves_states=(state("s-1", sequence=seq),), notifications=(news,), deliveries=(way,))


async def test_a_configuration_and_its_states_are_there_after_the_store_was_opened_again(opened):
    first = await opened()
    await first.put_ves(RECORD, WAY)
    await first.commit(Change(ves_states=(state("s-1"), state("s-2"))))
    await first.close()

    second = await opened()

    assert await second.ves_records() == [RECORD]
    assert sorted(await second.ves_states(), key=lambda one: one.source) == [state("s-1"), state("s-2")]
    assert await second.subscription(WAY.id) == WAY
    assert await second.check() == []


async def test_a_state_is_written_with_its_news_or_not_at_all(store):
    await store.put_ves(RECORD, WAY)
    await store.commit(told(1))
    taken = replace(told(1), ves_states=(state("s-1", sequence=9),))
    other = replace(taken, notifications=(replace(taken.notifications[0], id="another"),))

    with pytest.raises(Exception, match="notifications"):
        await store.commit(other)

    assert await store.ves_states() == [state("s-1", sequence=1)]
    assert await store.delivery_counts(WAY.id) == {"pending": 1}


async def test_what_is_dropped_goes_and_what_is_there_again_stays(store):
    many = [state(f"s-{number}") for number in range(1200)]
    await store.commit(Change(ves_states=tuple(many)))

    await store.commit(
        Change(
            ves_states=(state("s-3", sequence=2),),
            ves_dropped=tuple(("lab", "b-1", one.source) for one in many[:1100]),
        )
    )

    left = {one.source: one.sequence for one in await store.ves_states()}
    assert left == {one.source: 1 for one in many[1100:]} | {"s-3": 2}


async def test_states_of_a_backlog_that_is_gone_go_with_it_and_those_of_other_clouds_stay(store):
    await store.put_ves(RECORD, WAY)
    await store.commit(Change(ves_states=(state("s-1"), state("s-1", "b-2"), state("s-1", "b-2", "other"))))

    await store.put_ves(replace(RECORD, changed_us=START_US + 1), change=told(1))

    kept = {(one.vim, one.backlog) for one in await store.ves_states()}
    assert kept == {("lab", "b-1"), ("other", "b-2")}
    assert [one.seq for one in await store.notifications(WAY.id)] == [1]
    assert await store.subscription(WAY.id) == WAY, "it is as it was"


async def test_what_is_removed_is_gone_with_its_states_its_secrets_and_all_that_waits(store):
    await store.put_ves(RECORD, WAY)
    await store.commit(told(1))

    await store.remove_ves("lab", WAY.id)

    assert (await store.ves_records(), await store.ves_states(), await store.subscription(WAY.id)) == ([], [], None)
    assert await store.notifications(WAY.id) == []
    assert await store.delivery_counts(WAY.id) == {}


async def test_of_one_that_the_settings_have_it_is_remembered_that_it_was_removed(store):
    await store.put_ves(RECORD, WAY)
    left = VesRecord(vim="lab", changed_us=START_US + 1)

    await store.remove_ves("lab", WAY.id, left)

    assert await store.ves_records() == [left]


async def test_deliveries_are_counted_by_what_became_of_them(store):
    await store.put_ves(RECORD, WAY)
    for seq in (1, 2, 3):
        await store.commit(told(seq))
    dead = replace(told(3).deliveries[0], state=DeliveryState.DEAD)
    await store.save_deliveries([dead, replace(told(1).deliveries[0], state=DeliveryState.DELIVERED)])

    assert await store.delivery_counts(WAY.id) == {"pending": 1, "delivered": 1, "dead": 1}


async def test_password_and_key_lie_sealed_and_nowhere_else(opened, tmp_path):
    store = await opened(keys=Keys(given="", path=tmp_path / "keys"))
    await store.put_ves(RECORD, WAY)

    async with store._reader.engine.connect() as connection:
        found = (await connection.execute(text("SELECT body, secrets FROM subscriptions"))).all()
        found += (await connection.execute(text("SELECT body, body FROM ves_configs"))).all()
    assert not [row for row in found for data in row if b"s3cret" in bytes(data)]
    assert [one.owner for one in await store.sealed()] == [f"subscription/{WAY.id}"]
    assert await store.subscription(WAY.id) == WAY
    await store.close()

    without = await opened(keys=Keys(given="", path=tmp_path / "other"))
    (locked,) = (await without.subscription(WAY.id)).endpoints
    assert locked.locked
    assert locked.tls is None


async def test_a_new_key_seals_them_anew_and_the_old_one_may_go(opened, tmp_path):
    keys = Keys(given="", path=tmp_path / "keys")
    store = await opened(keys=keys)
    await store.put_ves(RECORD, WAY)
    before = await store.sealed()

    done = await rotate(store, keys)

    assert (done.new_key, done.resealed, done.locked) == (True, 1, ())
    assert await drop_old(store, keys) == 1
    assert await store.sealed() != before
    assert await store.subscription(WAY.id) == WAY


async def test_what_cannot_be_read_is_told_of(store):
    await store.put_ves(RECORD, WAY)
    async with store._reader.engine.begin() as connection:
        await connection.execute(text("UPDATE ves_configs SET body = :body"), {"body": b"{}"})

    (problem,) = await store.check()

    assert "VES configuration lab cannot be read" in problem
