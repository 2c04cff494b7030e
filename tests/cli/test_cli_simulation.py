"""``nfvigil simulation set`` and ``delete``: what somebody else does to the cloud."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli_service import FakeService, run

PATH = "/v1/simulation/changes"
CLOUD: dict[str, Any] = {"name": "cloud", "driver": "simulated", "counts": {}, "projects": {}, "failure": {}}


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["status=ERROR", "vcpus=4"], {"set": {"server/s": {"status": "ERROR", "vcpus": 4}}}),
        (["name=a=b"], {"set": {"server/s": {"name": "a=b"}}}),
        ([], {"set": {"server/s": {}}}),
        (["--said", "locked=true"], {"details": {"server/s": {"locked": True}}}),
        (
            ["status=ERROR", "--said", 'fault={"code": 500}'],
            {"set": {"server/s": {"status": "ERROR"}}, "details": {"server/s": {"fault": {"code": 500}}}},
        ),
    ],
)
def test_fields_of_a_record_and_what_is_said_beside_it_are_sent(
    service: FakeService, words: list[str], body: dict[str, Any]
) -> None:
    service.says("POST", PATH, CLOUD)

    result = run(service, "simulation", "set", "server/s", *words)

    assert (result.exit_code, result.stdout) == (0, "changed: server/s\n")
    assert json.loads(service.asked[0][2]) == body


def test_what_goes_is_named_by_its_key(service: FakeService) -> None:
    service.says("POST", PATH, CLOUD)

    result = run(service, "simulation", "delete", "server/s", "port/p")

    assert result.stdout == "deleted: server/s, port/p\n"
    assert json.loads(service.asked[0][2]) == {"gone": ["server/s", "port/p"]}
