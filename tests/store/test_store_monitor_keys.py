"""Monitors' keys in the store: sealed, revoked, sealed anew."""

from __future__ import annotations

import msgspec
import pytest

from nfvigil.errors import NotFoundError
from nfvigil.store.records import MonitorKeyRecord, VimRecord

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
    assert await second.monitor_key("c") == record("c", created_us=START_US - 1, expires_us=START_US + 5)
    assert await second.monitor_key("x") is None


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

    assert await store.monitor_key("k-1") == record(key=b"", revoked_us=clock())
    for key_id in ("k-1", "nobody"):
        with pytest.raises(NotFoundError):
            await store.revoke_monitor_key(key_id)


async def test_a_key_is_sealed_anew_only_where_it_is_what_it_was(store):
    await store.add_monitor_key(record())

    assert await store.reseal_monitor_key("k-1", before=b"gAAAAkey", after=b"gAAAAnew")
    assert not await store.reseal_monitor_key("k-1", before=b"gAAAAkey", after=b"gAAAAnewer")

    assert await store.monitor_key("k-1") == record(key=b"gAAAAnew")


@pytest.mark.parametrize("options", [b"gAAAAsealed", b"{}"])
async def test_it_is_known_whether_anything_is_sealed(store, options):
    assert not await store.has_sealed()
    vim = VimRecord(
        name="lab", driver="x", interval_seconds=60, enabled=True, created_us=1, changed_us=1,
        created_by="", request="", options=options,
    )  # fmt: skip
    await store.add_vim(vim)
    assert await store.has_sealed() is options.startswith(b"gAAAA")

    await store.add_monitor_key(record())
    assert await store.has_sealed()
    await store.remove_vim("lab")
    assert await store.has_sealed()
    await store.revoke_monitor_key("k-1")
    assert not await store.has_sealed()


def test_a_record_does_not_print_what_is_in_it():
    assert "gAAAA" not in repr(record())
    assert "gAAAA" not in repr(msgspec.structs.replace(record(), name="other"))
