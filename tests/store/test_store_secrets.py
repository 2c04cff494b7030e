"""What endpoints keep secret lies encrypted in the database, is theirs alone, and outlives a lost key; over both."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import select
from store_sample import subscription

from nfvigil.accounts.rotation import rotate
from nfvigil.errors import ConflictError
from nfvigil.model.subscription import Endpoint
from nfvigil.sealing.keys import Keys, NoKeyError
from nfvigil.store.schema import subscriptions

pytestmark = pytest.mark.anyio

SECRET = "whsec_bm90aGluZyB0byBzZWUgaGVyZSwgbW92ZSBvbg=="
TOKEN = "a-token-of-the-consumers"


def of(id: str, *endpoints: Endpoint):
    return msgspec.structs.replace(subscription(), id=id, endpoints=endpoints)


SIGNED = Endpoint(id="e-1", url="http://192.0.2.1/hook", format="signed", secret=SECRET, token=TOKEN)
PLAIN = Endpoint(id="e-2", url="http://192.0.2.2/hook")
BOTH = of("s-1", SIGNED, PLAIN)


@pytest.fixture
def keys(tmp_path):
    return Keys(path=tmp_path / "keys")


async def raw(store):
    found = await store._reader.rows(select(subscriptions.c.body, subscriptions.c.secrets))
    return b"".join(bytes(body) + bytes(data or b"") for body, data in found)


async def test_nobody_who_reads_the_database_finds_them_and_we_have_them_again(opened, keys):
    store = await opened(keys=keys)
    await store.put_subscription(BOTH)
    assert SECRET.encode() not in await raw(store)
    assert TOKEN.encode() not in await raw(store)
    await store.close()

    again = await opened(keys=keys)

    assert await again.subscriptions() == [BOTH]
    assert await again.subscription("s-1") == BOTH


async def test_what_has_none_needs_no_key(opened):
    store = await opened(keys=Keys())
    await store.put_subscription(of("s-1", PLAIN))

    assert await store.subscriptions() == [of("s-1", PLAIN)]


async def test_without_a_key_and_a_place_for_one_a_secret_is_refused(opened):
    store = await opened(keys=Keys())

    with pytest.raises(NoKeyError, match="no key to encrypt with"):
        await store.put_subscription(BOTH)

    assert await store.subscriptions() == []


async def test_where_the_keys_are_lost_endpoints_with_secrets_are_locked_and_the_others_are_not(opened, tmp_path, keys):
    store = await opened(keys=keys)
    await store.put_subscription(BOTH)
    await store.close()
    lost = await opened(keys=Keys(path=tmp_path / "other"))

    (found,) = await lost.subscriptions()

    signed, plain = found.endpoints
    assert (signed.locked, signed.secret, signed.has("secret"), signed.has("token")) == (True, "", True, True)
    assert plain == PLAIN
    with pytest.raises(ConflictError, match="1 records were encrypted with them, such as subscription/s-1"):
        await lost.put_subscription(of("s-2", SIGNED))


async def test_a_locked_one_that_is_paused_has_its_secrets_when_the_keys_are_back(opened, tmp_path, keys):
    store = await opened(keys=keys)
    await store.put_subscription(BOTH)
    await store.close()
    lost = await opened(keys=Keys(path=tmp_path / "other"))
    (found,) = await lost.subscriptions()
    await lost.put_subscription(msgspec.structs.replace(found, paused=True))
    await lost.close()

    back = await opened(keys=keys)

    assert await back.subscriptions() == [msgspec.structs.replace(BOTH, paused=True)]


async def test_who_can_write_to_the_database_cannot_give_one_subscription_the_secrets_of_another(opened, keys):
    store = await opened(keys=keys)
    await store.put_subscription(BOTH)
    await store.put_subscription(of("s-2", SIGNED))
    mine, others = await store.sealed_of("subscription/s-1"), await store.sealed_of("subscription/s-2")
    assert await store.reseal("subscription/s-2", before=others.data, after=mine.data)

    robbed = await store.subscription("s-2")

    assert robbed.endpoints[0].locked
    assert robbed.endpoints[0].secret == ""


async def test_new_keys_are_for_them_too(opened, keys):
    store = await opened(keys=keys)
    await store.put_subscription(BOTH)

    done = await rotate(store, keys)

    assert (done.new_key, done.resealed, done.locked) == (True, 1, ())
    assert keys.drop_old() == 1
    assert await store.subscriptions() == [BOTH]


async def test_a_token_in_an_address_is_kept_with_the_secrets(opened, tmp_path, keys):
    one = of("s-1", msgspec.structs.replace(PLAIN, url=f"http://192.0.2.2/hook?token={TOKEN}"), SIGNED)
    store = await opened(keys=keys)
    await store.put_subscription(one)

    assert TOKEN.encode() not in await raw(store)
    assert await store.subscriptions() == [one]
    await store.close()

    lost = await opened(keys=Keys(path=tmp_path / "other"))
    (found,) = await lost.subscriptions()
    assert (found.endpoints[0].locked, found.endpoints[0].url) == (True, "http://192.0.2.2/hook?token=***")
    await lost.put_subscription(msgspec.structs.replace(found, paused=True))
    await lost.close()

    back = await opened(keys=keys)
    assert await back.subscriptions() == [msgspec.structs.replace(one, paused=True)]


async def test_a_token_in_an_address_asks_for_no_key_where_there_is_none(opened):
    one = of("s-1", msgspec.structs.replace(PLAIN, url=f"http://192.0.2.2/hook?token={TOKEN}"))
    store = await opened(keys=Keys())

    await store.put_subscription(one)

    assert await store.subscriptions() == [one]
