"""A store on each of the two databases: the same tests run over both."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest

from nfvigil.store import Store, open_store, upgrade
from nfvigil.store.schema import metadata

Open = Callable[..., Any]


class Clock:
    """Microseconds since 1970; moves only when told."""

    def __init__(self) -> None:
        self.us = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.us

    def forward(self, seconds: float) -> None:
        self.us += int(seconds * 1_000_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _tool() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "tools" / "postgres.py"
    spec = importlib.util.spec_from_file_location("nfvigil_tools_postgres", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Callable[[str], str]]:
    """Gives the URL of a database by its name. Without a server the tests fail, unless that is wanted."""
    if os.environ.get("NFVIGIL_TEST_NO_POSTGRESQL") == "1":
        pytest.skip("NFVIGIL_TEST_NO_POSTGRESQL=1: the tests over PostgreSQL are left out")
    with _tool().running() as server:
        yield server.url


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: Callable[[str], str]) -> str:
    """The URL of this test process's database, with our schema. Making one for each test would cost a second each."""
    name = f"worker_{os.getpid()}"
    asyncio.run(_sql(postgresql_server("postgres"), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    asyncio.run(_sql(postgresql_server("postgres"), f"CREATE DATABASE {name}"))
    asyncio.run(upgrade(postgresql_server(name)))
    return postgresql_server(name)


async def _sql(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


_numbers = itertools.count()


@pytest.fixture
def empty_postgresql(postgresql_server: Callable[[str], str]) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    asyncio.run(_sql(postgresql_server("postgres"), f"CREATE DATABASE {name}"))
    yield postgresql_server(name)
    asyncio.run(_sql(postgresql_server("postgres"), f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def postgresql_url(postgresql_database: str) -> str:
    """The URL of a database with our schema and nothing in it."""
    emptied = ";".join(f"DELETE FROM {table.name}" for table in metadata.sorted_tables if table.name != "cursors")
    # As its owner, past the triggers of the audit log, which nobody else gets by.
    past_triggers = "SET session_replication_role = replica"
    asyncio.run(_sql(postgresql_database, f"{past_triggers}; {emptied}; UPDATE cursors SET value = 0"))
    return postgresql_database


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with our schema, of which each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "nfvigil.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    if request.param == "sqlite":
        shutil.copy(sqlite_template, tmp_path / "nfvigil.db")
        return f"sqlite:///{tmp_path}/nfvigil.db"
    found: str = request.getfixturevalue("postgresql_url")
    return found


@pytest.fixture
async def opened(url: str, clock: Clock) -> AsyncIterator[Open]:
    """Opens stores on the test's database and closes them at its end."""
    async with AsyncExitStack() as stack:

        async def open_it(node: str = "node-1", **more: Any) -> Store:
            store = await open_store(url, node=node, clock=clock, **more)
            stack.push_async_callback(store.close)
            return store

        yield open_it


@pytest.fixture
async def store(opened: Open) -> Store:
    found: Store = await opened()
    return found
