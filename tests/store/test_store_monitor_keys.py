"""Monitors' keys in the store: sealed, revoked, sealed anew."""

from __future__ import annotations

import msgspec
import pytest

from nfvigil.accounts.rotation import drop_old, rotate
from nfvigil.errors import NotFoundError
from nfvigil.northbound.access.monitor_keys import OpenKeys, sealed
from nfvigil.sealing.keys import Keys
from nfvigil.store.records import MonitorKeyRecord

pytestmark = pytest.mark.anyio

START_US = 1_800_000_000_000_000


def record(id="k-1", **more):
    values = {"name": "ping", "key": b"gAAAAkey", "created_us": START_US, "created_by": "alice"}
    return MonitorKeyRecord(id=id, **values | more)


async def test_a_key_comes_back_as_it_was_kept_oldest_first(opened):
    first = await opened()
    await first.add_monitor_key(record("b"))
    await first.add_monitor_key(record("c", created_us=START_US - 1, expires_us=START_US + 5))
    await first.add_monitor_key(record("a"))
    await first.close()

    second = await opened()

    assert [one.id for one in await second.monitor_keys()] == ["c", "a", "b"]
    assert (await second.monitor_keys())[0] == record("c", created_us=START_US - 1, expires_us=START_US + 5)


async def test_usable_is_what_is_neither_revoked_nor_over(store, clock):
    await store.add_monitor_key(record("stays"))
    await store.add_monitor_key(record("ends", expires_us=clock() + 10))
    await store.add_monitor_key(record("revoked"))
    await store.revoke_monitor_key("revoked")
    assert [one.id for one in await store.monitor_keys(usable_only=True)] == ["ends", "stays"]

    clock.us += 10

    assert [one.id for one in await store.monitor_keys(usable_only=True)] == ["stays"]
    assert len(await store.monitor_keys()) == 3


async def test_a_key_that_is_revoked_is_erased_and_revoked_once(store, clock):
    await store.add_monitor_key(record())

    await store.revoke_monitor_key("k-1")

    assert await store.monitor_keys() == [record(key=b"", revoked_us=clock())]
    for key_id in ("k-1", "nobody"):
        with pytest.raises(NotFoundError):
            await store.revoke_monitor_key(key_id)


async def test_a_key_is_among_what_is_sealed_until_it_is_revoked(store):
    await store.add_monitor_key(record())
    assert await store.sealed() == [("monitor-key/k-1", b"gAAAAkey")]

    assert await store.reseal("monitor-key/k-1", before=b"gAAAAkey", after=b"gAAAAnew")
    assert not await store.reseal("monitor-key/k-1", before=b"gAAAAkey", after=b"gAAAAnewer")
    assert await store.sealed_of("monitor-key/k-1") == ("monitor-key/k-1", b"gAAAAnew")

    await store.revoke_monitor_key("k-1")
    assert await store.sealed() == []


async def test_new_keys_are_used_for_it_too_and_the_old_can_go(store, tmp_path):
    keys = Keys(path=tmp_path / "keys")
    await store.add_monitor_key(record(key=await sealed(store, keys, "k-1", "whsec_x")))

    assert (await rotate(store, keys)).resealed == 1
    assert await drop_old(store, keys) == 1

    (found,) = await OpenKeys(store=store, keys=keys, clock=lambda: START_US).keys()
    assert found.key.reveal() == "whsec_x"


def test_a_record_does_not_print_what_is_in_it():
    assert "gAAAA" not in repr(record())
    assert "gAAAA" not in repr(msgspec.structs.replace(record(), name="other"))
