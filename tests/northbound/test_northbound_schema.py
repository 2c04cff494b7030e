"""Whatever the description allows is served, whatever it forbids is refused, and nothing breaks."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from northbound_fakes import World, make_world

from nfvigil.northbound.api import create_api
from nfvigil.northbound.openapi import describe

EXAMPLES = 5


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The app on a real socket, in a thread with an event loop of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    parts = world.call.parts
    app = create_api(
        desk=parts.desk,
        recovery=parts.recovery,
        vims=parts.vims,
        credentials=parts.credentials,
        store=parts.store,
        guard=parts.guard,
        clock=parts.clock,
        metrics=parts.metrics,
        read_event=parts.read_event,
        o2ims=parts.o2ims,
        alarming=parts.alarming,
        vnf=parts.vnf,
        ves=parts.ves,
    )
    with served(app) as url:
        yield url


DOCUMENT = describe(make_world().call.app, {})
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [
    (method.upper(), path)
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if "x-endless" not in item[method]
]


SEMANTIC = {
    "/v1/tokens": "which roles speak for a project is theirs; a time may be over",
    "/v1/monitor-keys": "a time may be over",
    "/v1/alarms": "a marker does not go with changed_after, and both are what an answer gave",
    "/v1/deliveries": "a marker is what an answer gave",
    "/v1/subscriptions/{subscription_id}": "which endpoints it has, and where nothing may be sent to",
    "/v1/subscriptions": "which formats there are, and where nothing may be sent to, is the running service's",
    "/v1/vnfs": "servers must be the project's",
    "/v1/vnfs/{vnf_id}": "likewise; at most one interface of each has the management address",
    "/v1/vnfs/changes": "a cursor is what an answer gave",
    "/v1/vnfs/import": "a record has a form of OSM's, and its servers must be the project's",
    "/v1/vnfs/{vnf_id}/history": "a marker is what an answer gave",
    "/v1/vnfs/{vnf_id}/details": "a component is one that it has",
    "/vnffm/v1/alarms": "a filter has a grammar, and a marker was given",
    "/vnffm/v1/subscriptions": "the same, and what cannot be known of VNFs is refused",
    "/server_notifier/v2/{tenant}/servers/{server_id}/alarms": "fault ids are those of the table",
    "/v1/vims": "which drivers there are, and what they want to know, is theirs; a name is taken once",
    "/v1/vims/check": "the same",
    "/v1/simulation/changes": "which records there are, and what they have, is the cloud's",
    "/v1/vims/{name}": "options have a depth, and stars that stand for nothing are refused",
    "/v1/vims/{name}/ves": "a collector's address, what there is to tell, and certificates in PEM",
    **{
        f"/api/multicloud-{plugin}{path}/vesagent": "the same, and a body is ONAP's"
        for plugin in ("fcaps", "titaniumcloud")
        for path in ("/v0/{vimid}", "/v1/{cloud_owner}/{cloud_region_id}")
    },
    "/o2ims-infrastructureMonitoring/v1/alarms": "a filter has a grammar, and names fields that there are",
    "/o2ims-infrastructureMonitoring/v1/alarms/{alarmEventRecordId}": "something must be changed",
    "/o2ims-infrastructureMonitoring/v1/alarmSubscriptions": "the same, and where nothing may be sent to",
    "/o2ims-infrastructureMonitoring/v1/alarmServiceConfiguration": "the same",
    "/v2/alarms": "which rules can match is said by field; q.field, q.op and q.value come in step",
    "/v2/alarms/{alarm_id}": "the same",
    "/v2/alarms/{alarm_id}/history": "the same",
    "/v2/query/alarms": "a filter is JSON in a text",
    "/v2/query/alarms/history": "the same",
    "/v1/policies": "a policy is YAML in a text",
    "/v1/policies/dry-run": "so is the policy here, and an event may be of any form",
}
"""Where a request that fits the description can be wrong all the same."""


@pytest.mark.no_cover  # generated: what is covered is to be seen in the examples
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{m} {p}" for m, p in OPERATIONS])
def test_an_operation_keeps_to_its_description(method: str, path: str, world: World, address: str) -> None:
    operation = SCHEMA[path][method]
    headers = {"X-Auth-Token": world.call.tokens["admin"]}
    described = DOCUMENT["paths"][path][method.lower()]
    modes = [schemathesis.GenerationMode.POSITIVE]
    if described.get("parameters") or described.get("requestBody"):
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    without = [schemathesis.checks.positive_data_acceptance] if path in SEMANTIC else []

    def check(case: Any) -> None:
        case.call_and_validate(base_url=address, headers=headers, excluded_checks=without)

    for mode in modes:
        bounded = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        bounded(given(case=operation.as_strategy(generation_mode=mode))(check))()
