"""A real OpenStack for the tests of this folder: one lab for the whole session, if it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from openstack_players import Client, Lab, lab_for_session
from service_players import Consumer, LabService, MakeLabService

HERE = Path(__file__).parent
NEEDS = "needs the OpenStack lab: make test-openstack"
TEST_SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    is_asked_for = os.environ.get("NFVIGIL_TEST_OPENSTACK") == "1"
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        if not is_asked_for:
            item.add_marker(pytest.mark.skip(reason=NEEDS))
        elif "PYTEST_XDIST_WORKER" in os.environ:
            item.add_marker(pytest.mark.skip(reason="there is one OpenStack lab for all: run these without -n"))
        elif item.get_closest_marker("timeout") is None:
            # Without the fixtures: the first may have a cloud to make, and has its own limit.
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))


@pytest.fixture(scope="session")
def openstack_lab() -> Iterator[Lab]:
    """All of it runs when the session begins; a test that stops a part starts it again."""
    with lab_for_session() as lab:
        yield lab


@pytest.fixture(scope="session")
def clouds_yaml(openstack_lab: Lab) -> Path:
    """With the clouds admin, tenant-a and tenant-b."""
    return openstack_lab.clouds_yaml


@pytest.fixture(scope="session")
def amqp_url(openstack_lab: Lab) -> str:
    return openstack_lab.amqp_url


@pytest.fixture(scope="session")
def openstack_admin(openstack_lab: Lab) -> Iterator[Client]:
    client = Client(openstack_lab, "admin")
    yield client
    client.close()


@pytest.fixture(scope="session")
def openstack_tenant(openstack_lab: Lab) -> Iterator[Client]:
    """Who owns a network, and so can have servers."""
    client = Client(openstack_lab, "tenant-a")
    yield client
    client.close()


@pytest.fixture
def boot(openstack_tenant: Client, openstack_admin: Client) -> Iterator[Callable[..., dict[str, Any]]]:
    """``boot(name, host=...)`` gives a server of tenant-a as the administrator sees it; it goes with the test."""
    made: list[str] = []

    def boot_one(name: str, *, host: str | None = None, user_data: bytes = b"") -> dict[str, Any]:
        made.append(openstack_tenant.make_server(name, host=host, user_data=user_data))
        return openstack_admin.wait_for_boot(made[-1])

    yield boot_one
    for server_id in made:
        openstack_admin.delete_server(server_id)


@pytest.fixture
def doomed_host(openstack_lab: Lab, openstack_admin: Client) -> Iterator[str]:
    """A host that the test may crash and force down: it is brought back afterwards."""
    host = openstack_lab.computes[0]
    yield host
    openstack_admin.revive(host)


@pytest.fixture
def make_lab_service(openstack_lab: Lab, tmp_path: Path) -> Iterator[MakeLabService]:
    """``make_lab_service(...)`` gives a service that is not started; it ends with the test."""
    with ExitStack() as stack:

        def make(directory: str = "service", **more: Any) -> LabService:
            path = tmp_path / directory
            path.mkdir(exist_ok=True)
            service = LabService(directory=path, lab=openstack_lab, **more)
            stack.callback(service.close)
            return service

        yield make


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    consumer = Consumer().start()
    yield consumer
    consumer.close()
