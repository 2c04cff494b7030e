"""The real service, its consumers, and what a test session counted, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from service_consumer import Consumer
from service_process import Nursery, Service

MakeService = Callable[..., Service]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where services come from fast."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def make_service(nursery: Nursery, tmp_path: Path) -> Iterator[MakeService]:
    """Makes services, which are ended with the test; ``directory`` where there is more than one."""
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was counted is part of the result: a crash test that delivered nothing proves nothing."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    figures = [(report.nodeid, dict(report.user_properties).get("figures")) for report in reports]
    for nodeid, text in figures:
        if text is not None:
            terminalreporter.write_line(f"{nodeid.rpartition('::')[2]}: {text}")
