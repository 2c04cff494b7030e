"""Kills, full disks, locks, servers that go away, strange databases: what was promised holds, the rest is refused."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import create_engine, text, update
from sqlalchemy.ext.asyncio import create_async_engine
from store_sample import EVENT, action, alarm, event

from nfvigil.errors import ConflictError, OverloadedError, SettingsError, StoreUnavailableError
from nfvigil.model.change import Change
from nfvigil.model.event import Event
from nfvigil.store import Store, open_store, upgrade
from nfvigil.store.migrating import run_revisions
from nfvigil.store.ops import Execute, Insert
from nfvigil.store.rows import event_rows
from nfvigil.store.schema import REVISIONS, cursors, events, metadata
from nfvigil.store.writer_sqlite import SqliteWriter

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys, time
from nfvigil.model.event import Event
from nfvigil.store import open_store

async def main(url):
    store = await open_store(url, node="node-1", clock=lambda: time.time_ns() // 1000)
    async def keep(worker):
        number = worker
        while True:
            number += 8
            one = Event(id=number, type="t", resource="host/h", time_us=1, received_us=1)
            await store.add_events([one, Event(id=-number, type="t", resource="host/h", time_us=1, received_us=1)])
            print(number, flush=True)
    await asyncio.gather(*map(keep, range(8)))

asyncio.run(main(sys.argv[1]))
"""


def _acknowledged_until_killed(url: str) -> set[int]:
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return {int(line) for line in lines if line.endswith(b"\n")}


async def test_what_was_acknowledged_is_there_after_a_kill(url, clock):
    acknowledged = await asyncio.to_thread(_acknowledged_until_killed, url)

    store = await open_store(url, node="node-1", clock=clock)
    try:
        kept = {found.id for found in await store.undecided(-(1 << 60), 100_000)}
    finally:
        await store.close()

    assert acknowledged
    assert acknowledged <= kept
    assert all(-number in kept for number in kept)


class TestSqlite:
    @pytest.fixture
    def path(self, tmp_path: Path, sqlite_template: Path) -> Path:
        target = tmp_path / "nfvigil.db"
        target.write_bytes(sqlite_template.read_bytes())
        return target

    async def test_a_full_disk_is_pushed_back_and_writing_goes_on_when_there_is_room(self, path, clock):
        store = await open_store(f"sqlite:///{path}", node="node-1", clock=clock)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        written = 0
        # A file may not grow beyond this; Python leaves SIGXFSZ ignored, so that it is an error like a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
        try:
            while written < 2_000:
                await store.add_events([event(EVENT + written, details={"text": "x" * 2_000})])
                written += 1
        except StoreUnavailableError:
            assert written > 10
        else:
            pytest.fail("the disk never became full")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        await store.add_events([event(EVENT + 5_000)])

        kept = [found.id for found in await store.undecided(0, 10_000)]
        await store.close()
        assert kept == [*(EVENT + number for number in range(written)), EVENT + 5_000]

    async def test_a_locked_database_is_pushed_back_and_nothing_of_it_is_written_later(self, path):
        writer = SqliteWriter(path=path, busy_timeout_seconds=0.1)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailableError):
                await writer.write([Insert(table=events, rows=event_rows([event(EVENT)]))])
            other.execute("ROLLBACK")
            await writer.write([Insert(table=events, rows=event_rows([event(EVENT + 1)]))])
            kept = other.execute("SELECT id FROM events").fetchall()
        await writer.close()
        assert kept == [(EVENT + 1,)]

    async def test_more_than_the_queue_holds_is_refused_at_once(self, path):
        writer = SqliteWriter(path=path, queue_limit=3)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            units = [
                asyncio.ensure_future(writer.write([Insert(table=events, rows=event_rows([event(EVENT + number)]))]))
                for number in range(8)
            ]
            await asyncio.wait(units, return_when=asyncio.FIRST_COMPLETED, timeout=5)
            other.execute("ROLLBACK")
            outcomes = await asyncio.gather(*units, return_exceptions=True)
            kept = other.execute("SELECT count(*) FROM events").fetchone()[0]
        await writer.close()
        assert {type(outcome) for outcome in outcomes} == {list, OverloadedError}
        assert kept == sum(isinstance(outcome, list) for outcome in outcomes)

    async def test_a_second_process_may_read_but_not_serve(self, path, clock):
        url = f"sqlite:///{path}"
        store = await open_store(url, node="node-1", clock=clock)
        await store.add_events([event()])

        with pytest.raises(SettingsError, match="in use by another process"):
            await open_store(url, node="node-2", clock=clock, lock_wait_seconds=0.1)
        reader = await open_store(url, node="cli", clock=clock, read_only=True)
        assert await reader.event(EVENT) == event()
        with pytest.raises(StoreUnavailableError):
            await reader.add_events([event(EVENT + 1)])
        await reader.close()
        await store.close()

    async def test_a_write_that_waits_at_the_close_is_still_written(self, path, clock):
        store = await open_store(f"sqlite:///{path}", node="node-1", clock=clock)
        unit = asyncio.ensure_future(store.add_events([event()]))
        await asyncio.sleep(0)

        await store.close()

        await unit
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT id FROM events").fetchall() == [(EVENT,)]
        with pytest.raises(StoreUnavailableError):
            await store.add_events([event(EVENT + 1)])

    async def test_a_value_that_no_database_can_hold_fails_alone(self, path, clock):
        store = await open_store(f"sqlite:///{path}", node="node-1", clock=clock)

        outcomes = await asyncio.gather(
            store.add_events([event(EVENT)]),
            store.add_events([event(1 << 70)]),
            store.add_events([event(EVENT + 1)]),
            return_exceptions=True,
        )

        assert [outcome is None for outcome in outcomes] == [True, False, True]
        assert len(await store.undecided(0, 10)) == 2
        await store.close()

    async def test_the_file_is_for_its_owner_only(self, tmp_path, clock):
        store = await open_store(f"sqlite:///{tmp_path}/new.db", node="node-1", clock=clock)
        await store.add_events([event()])

        modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}

        await store.close()
        assert set(modes.values()) == {0}, modes

    async def test_a_folder_that_is_not_there_is_a_setting_that_is_wrong(self, tmp_path, clock):
        with pytest.raises(SettingsError):
            await open_store(f"sqlite:///{tmp_path}/none/new.db", node="node-1", clock=clock)
        with pytest.raises(SettingsError):
            await open_store(f"sqlite:///{tmp_path}/none.db", node="node-1", clock=clock, read_only=True)


async def _until_it_writes(store: Store, one: Event) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            return await store.add_events([one])
        except StoreUnavailableError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


class TestPostgresql:
    async def test_a_server_that_goes_away_is_pushed_back_and_found_again(
        self, empty_postgresql, postgresql_server, clock
    ):
        async with AsyncExitStack() as stack:
            store = await open_store(empty_postgresql, node="node-1", clock=clock)
            stack.push_async_callback(store.close)
            await self._loses_its_server(store, empty_postgresql, postgresql_server)

    async def _loses_its_server(self, store, empty_postgresql, postgresql_server):
        await store.add_events([event(EVENT)])
        name = empty_postgresql.rpartition("/")[2]
        admin = await asyncpg.connect(postgresql_server("postgres"))
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)

        with pytest.raises(StoreUnavailableError):
            await store.add_events([event(EVENT + 1)])
        with pytest.raises(StoreUnavailableError):
            await store.event(EVENT)

        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
        await _until_it_writes(store, event(EVENT + 2))
        assert [found.id for found in await store.undecided(0, 10)] == [EVENT, EVENT + 2]

    async def test_a_server_that_is_not_there_is_said_so(self, clock):
        with pytest.raises(StoreUnavailableError):
            await open_store("postgresql://nobody@127.0.0.1:1/none", node="node-1", clock=clock)

    async def test_two_nodes_that_write_alarms_at_once_number_them_in_the_order_they_are_seen(self, opened):
        one, two = await opened("node-1"), await opened("node-2")

        await asyncio.gather(
            *(
                store.commit(Change(alarms=(alarm(f"{store.node}-{number}"), alarm(f"{store.node}-{number}b"))))
                for number in range(10)
                for store in (one, two)
            )
        )

        async with one._reader.connection() as connection:
            numbers = (await connection.execute(text("SELECT change FROM alarms ORDER BY change"))).scalars().all()
        assert numbers == list(range(1, 41))

    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        return postgresql_url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    found: str = request.getfixturevalue("empty_postgresql")
    return found


async def test_an_empty_database_is_brought_to_the_schema_that_the_code_describes(empty_url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    before, after = await upgrade(empty_url)

    assert (before, after) == ("", REVISIONS[-1])
    assert await upgrade(empty_url) == (REVISIONS[-1], REVISIONS[-1])
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend, _, rest = empty_url.partition(":")
    engine = create_async_engine(f"{driver[backend]}:{rest}")
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    await engine.dispose()
    assert differences == []


def test_the_code_knows_all_revisions_in_their_order():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import nfvigil.store.migrations as migrations

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(known)) == REVISIONS


async def test_an_upgrade_that_is_broken_off_leaves_nothing(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/half.db")
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.isolation_level = None
        connection.execute(text("BEGIN"))
        run_revisions(connection)
        connection.execute(text("ROLLBACK"))
    engine.dispose()

    assert await upgrade(f"sqlite:///{tmp_path}/half.db") == ("", REVISIONS[-1])


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty_url, clock):
    await upgrade(empty_url)
    store = await open_store(empty_url, node="node-1", clock=clock)
    async with store._reader.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()

    with pytest.raises(SettingsError, match="9999 of a newer version"):
        await open_store(empty_url, node="node-1", clock=clock)
    with pytest.raises(SettingsError, match="newer"):
        await upgrade(empty_url)


async def test_an_empty_database_is_not_upgraded_unasked(empty_url, clock):
    with pytest.raises(SettingsError, match="nfvigil db upgrade"):
        await open_store(empty_url, node="node-1", clock=clock, upgrade=False)


@pytest.mark.parametrize("url", ["mysql://h/db", "sqlite://", "sqlite:///:memory:", "no url", ""], ids=str)
async def test_an_address_that_names_no_database_of_ours_is_refused(url, clock):
    with pytest.raises(SettingsError):
        await open_store(url, node="node-1", clock=clock)


async def test_somebody_elses_database_is_refused(tmp_path, clock):
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")

    with pytest.raises(SettingsError, match="accounts"):
        await open_store(f"sqlite:///{tmp_path}/other.db", node="node-1", clock=clock)


async def test_a_guard_that_finds_nothing_fails_its_own_unit_only(store):
    await store.commit(Change(actions=(action("x"),)))

    nobody = update(cursors).where(cursors.c.name == "none").values(value=1)

    outcomes = await asyncio.gather(
        store._writer.write([Execute(statement=nobody, must_hit=True)]),
        store.add_events([event()]),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [ConflictError, type(None)]
    assert await store.event(EVENT) == event()
