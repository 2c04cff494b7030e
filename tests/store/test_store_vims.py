"""Accounts of clouds are kept whole or not at all, and an older database gets a place for them; over both databases."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import text
from store_sample import START_US

from nfvigil.errors import ConflictError, NotFoundError
from nfvigil.store import VimRecord, open_store

pytestmark = pytest.mark.anyio


def record(name: str = "lab", **more: object) -> VimRecord:
    values: dict[str, object] = {
        "driver": "openstack",
        "interval_seconds": 60.5,
        "enabled": True,
        "created_us": START_US,
        "changed_us": START_US,
        "created_by": "alice",
        "request": "r-1",
        "options": b"gAAAA\x00\xff sealed",
    }
    return msgspec.convert({"name": name, **values, **more}, VimRecord)


async def test_an_account_is_there_as_it_was_kept_after_the_store_was_opened_again(opened):
    first = await opened()
    await first.add_vim(record("b", enabled=False))
    await first.add_vim(record("a"))
    await first.close()

    second = await opened()

    assert await second.vims() == [record("a"), record("b", enabled=False)]
    assert await second.vim("b") == record("b", enabled=False)
    assert await second.vim("c") is None


async def test_of_a_name_there_is_one(store):
    await store.add_vim(record())

    with pytest.raises(ConflictError, match="there is a VIM lab already"):
        await store.add_vim(record(driver="other"))

    assert await store.vims() == [record()]


async def test_of_many_that_are_added_at_once_each_is_there_and_of_one_name_the_first(store):
    names = [f"vim-{number % 20}" for number in range(40)]

    done = await asyncio.gather(*(store.add_vim(record(name)) for name in names), return_exceptions=True)

    assert [type(one) for one in done].count(ConflictError) == 20
    assert [one.name for one in await store.vims()] == sorted(set(names))


async def test_a_change_is_made_to_what_was_seen_and_to_nothing_else(store):
    await store.add_vim(record())
    changed = record(changed_us=START_US + 1, options=b"gAAAAother", interval_seconds=5, enabled=False)

    await store.change_vim(changed, was_us=START_US)

    assert await store.vim("lab") == changed
    for late in (changed, record("nobody")):
        with pytest.raises(ConflictError, match="changed meanwhile"):
            await store.change_vim(late, was_us=START_US)
    assert await store.vims() == [changed]


async def test_the_same_options_are_sealed_anew_only_if_they_are_the_same(store):
    await store.add_vim(record())

    assert await store.reseal("vim/lab", before=record().options, after=b"gAAAAnew")
    assert not await store.reseal("vim/lab", before=record().options, after=b"gAAAAnewer")
    assert not await store.reseal("vim/nobody", before=b"gAAAAnew", after=b"gAAAAnewer")

    assert await store.vim("lab") == record(options=b"gAAAAnew")


async def test_one_that_was_removed_is_gone_and_others_stay(store):
    await store.add_vim(record("a"))
    await store.add_vim(record("b"))

    await store.remove_vim("a")

    assert await store.vims() == [record("b")]
    with pytest.raises(NotFoundError):
        await store.remove_vim("a")


async def test_an_account_that_cannot_be_read_is_told_of(store):
    await store.add_vim(record())
    assert await store.check() == []
    async with store._reader.engine.begin() as connection:
        await connection.execute(text("UPDATE vims SET body = :body"), {"body": b"{}"})

    (problem,) = await store.check()

    assert "VIM account lab cannot be read" in problem


async def test_a_backup_has_the_accounts_and_nothing_that_opens_them(store, clock, tmp_path):
    await store.add_vim(record())

    await store.backup(tmp_path / "copy.db")

    copy = await open_store(f"sqlite:///{tmp_path}/copy.db", node="node-1", clock=clock)
    assert await copy.vims() == [record()]
    await copy.close()


def test_a_record_does_not_print_what_is_in_it():
    assert "sealed" not in repr(record())
