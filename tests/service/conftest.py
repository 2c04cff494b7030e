"""The real service, its consumers, and what a test session counted, for the tests of this folder."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types
import pytest
from service_consumer import Consumer
from service_process import MakeService, Nursery, Service


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where services come from fast."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def make_service(nursery: Nursery, tmp_path: Path) -> Iterator[MakeService]:
    with ExitStack() as stack:

        def make(directory: str = "service", **more: Any) -> Service:
            path = tmp_path / directory
            path.mkdir(exist_ok=True)
            service = Service(directory=path, **{"nursery": nursery, **more})
            stack.callback(service.close)
            return service

        yield make


@pytest.fixture
def service(make_service: MakeService) -> Service:
    """One that runs, with 8 hosts of 4 servers in 3 projects."""
    return make_service().start()


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    consumer = Consumer().start()
    yield consumer
    consumer.close()


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty database on a server of the tests' own."""
    if os.environ.get("NFVIGIL_TEST_NO_POSTGRESQL") == "1":
        pytest.skip("NFVIGIL_TEST_NO_POSTGRESQL=1: the tests over PostgreSQL are left out")
    name = f"service_{os.getpid()}"
    with _tool().running() as server:
        asyncio.run(_sql(server.url("postgres"), f"CREATE DATABASE {name}"))
        yield server.url(name)
        asyncio.run(_sql(server.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)"))


def _tool() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "tools" / "postgres.py"
    spec = importlib.util.spec_from_file_location("nfvigil_tools_postgres", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def _sql(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was counted is part of the result: a crash test that delivered nothing proves nothing."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    figures = [(report.nodeid, dict(report.user_properties).get("figures")) for report in reports]
    for nodeid, text in figures:
        if text is not None:
            terminalreporter.write_line(f"{nodeid.rpartition('::')[2]}: {text}")
