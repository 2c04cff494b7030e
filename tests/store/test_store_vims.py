"""Accounts of clouds are kept whole or not at all, and an older database gets a place for them; over both databases."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from importlib.resources import files

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from store_sample import START_US, alarm, subscription

from nfvigil.errors import ConflictError, NotFoundError
from nfvigil.model.change import Change
from nfvigil.store import VimRecord, open_store, upgrade
from nfvigil.store.schema import REVISIONS

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

    assert await store.reseal_vim("lab", before=record().options, after=b"gAAAAnew")
    assert not await store.reseal_vim("lab", before=record().options, after=b"gAAAAnewer")
    assert not await store.reseal_vim("nobody", before=b"gAAAAnew", after=b"gAAAAnewer")

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


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return request.getfixturevalue("empty_postgresql")


async def test_a_database_of_the_first_schema_is_upgraded_with_all_that_is_in_it(empty_url, clock):
    await upgrade(empty_url)
    store = await open_store(empty_url, node="node-1", clock=clock)
    await store.put_subscription(subscription())
    await store.commit(Change(alarms=(alarm("a"),), cursor=7))
    await store.close()
    await _back_to_first(empty_url)

    assert await upgrade(empty_url) == ("0001", REVISIONS[-1])

    store = await open_store(empty_url, node="node-1", clock=clock)
    await store.add_vim(record())
    assert await store.vims() == [record()]
    assert await store.open_alarms() == [alarm("a")]
    assert await store.cursor() == 7
    assert await store.subscriptions() == [subscription()]
    assert await store.check() == []
    await store.close()


async def _back_to_first(url):
    """As the version before left it: the tables of the first revision, and its number."""
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend, _, rest = url.partition(":")
    engine = create_async_engine(f"{driver[backend]}:{rest}")
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE vims"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    await engine.dispose()


async def test_the_first_schema_is_what_it_always_was(tmp_path):
    """A revision that was given out does not change: 0002 is made of what 0001 made."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{tmp_path}/first.db")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("nfvigil.store") / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "first.db")) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "vims" not in tables
    assert "alarms" in tables

    assert await upgrade(f"sqlite:///{tmp_path}/first.db") == ("0001", REVISIONS[-1])
