"""A database that an older version left is brought up to date with all that is in it; over both databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from store_sample import START_US, alarm, subscription

from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint
from nfvigil.sealing.box import is_sealed
from nfvigil.sealing.keys import Keys
from nfvigil.store import AlarmQuery, open_store, rows, upgrade
from nfvigil.store.migrating import run_revisions
from nfvigil.store.schema import REVISIONS

pytestmark = pytest.mark.anyio

SECRET = "whsec_bm90aGluZyB0byBzZWUgaGVyZSwgbW92ZSBvbg=="
TOKEN = "a-token-of-the-consumers"
SAMPLE = msgspec.structs.replace(
    subscription(), endpoints=(Endpoint(id="e-1", url="http://192.0.2.1/hook", secret=SECRET, token=TOKEN),)
)

FIRST = (
    "INSERT INTO subscriptions (id, project, created_us, body) VALUES (:id, :project, :created_us, :body)",
    "INSERT INTO alarms (id, change, project, audience, resource, fault_type, severity_rank, state, raised_us, root,"
    " parent, event_id, fault, body) VALUES (:id, 1, 'p1', 'owners', :resource, :fault_type, 1, 'raised', :raised_us,"
    " :id, '', :event_id, '', :body)",
    "UPDATE cursors SET value = 7 WHERE name = 'decided'",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return request.getfixturevalue("empty_postgresql")


async def as_the_first_version_left_it(url):
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend, _, rest = url.partition(":")
    engine = create_async_engine(f"{driver[backend]}:{rest}")
    kept = alarm("a")
    values = (
        {"id": SAMPLE.id, "project": SAMPLE.project, "created_us": START_US, "body": rows.encode(SAMPLE)},
        {
            "id": "a",
            "resource": kept.resource,
            "fault_type": kept.fault_type,
            "raised_us": START_US,
            "event_id": kept.event_id,
            "body": rows.encode(kept),
        },
        {},
    )
    async with engine.begin() as connection:
        await connection.run_sync(run_revisions, "0001")
        for statement, of_it in zip(FIRST, values, strict=True):
            await connection.execute(text(statement), of_it)
    await engine.dispose()


async def test_a_database_of_the_first_schema_is_upgraded_with_all_that_is_in_it(empty_url, clock):
    await as_the_first_version_left_it(empty_url)

    assert await upgrade(empty_url) == ("0001", REVISIONS[-1])

    store = await open_store(empty_url, node="node-1", clock=clock)
    assert await store.vims() == []
    there = alarm("a")
    assert await store.open_alarms() == [there]
    # What got columns of its own is found by them, as it is in alarms that come now.
    asked = AlarmQuery(project=None, probable_causes=("other",), event_from_us=START_US, event_until_us=START_US + 1)
    assert (await store.alarm_page(asked)).alarms == (there,)
    followed = await store.alarm_changes(AlarmQuery(project=None, since_change=0, severities=(Severity.INDETERMINATE,)))
    assert (followed.alarms, followed.news) == ((there,), ("raised",))
    assert await store.cursor() == 7
    assert await store.subscriptions() == [SAMPLE]
    assert await store.check() == []
    await store.close()


async def test_secrets_that_an_older_version_kept_readable_are_encrypted_at_the_first_start(empty_url, clock, tmp_path):
    await as_the_first_version_left_it(empty_url)
    keys = Keys(path=tmp_path / "keys")

    store = await open_store(empty_url, node="node-1", clock=clock, keys=keys)

    (kept,) = await store.sealed()
    assert kept.owner == f"subscription/{SAMPLE.id}"
    assert is_sealed(kept.data)
    assert await store.subscriptions() == [SAMPLE]
    await store.close()


async def test_where_there_can_be_no_key_the_old_secrets_stay_and_the_start_goes_on(empty_url, clock):
    await as_the_first_version_left_it(empty_url)

    store = await open_store(empty_url, node="node-1", clock=clock, keys=Keys())

    assert await store.sealed() == []
    assert await store.subscriptions() == [SAMPLE]
    await store.close()


async def test_the_first_schema_is_what_it_always_was(tmp_path):
    """A revision that was given out does not change."""
    await as_the_first_version_left_it(f"sqlite:///{tmp_path}/first.db")

    with closing(sqlite3.connect(tmp_path / "first.db")) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {row[1] for row in database.execute("PRAGMA table_info(subscriptions)")}
    assert "vims" not in tables
    assert "alarms" in tables
    assert columns == {"id", "project", "created_us", "body"}
