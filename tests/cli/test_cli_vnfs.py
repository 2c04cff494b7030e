"""``nfvigil vnf``: what it asks for, and what it shows."""

from __future__ import annotations

import json
from typing import Any

from cli_service import FakeService, run

VNF: dict[str, Any] = {
    "id": "v/1",
    "project_id": "p1",
    "name": "epc",
    "vnfcs": [{"id": "mme-1", "server_id": "s1", "vdu": "mme"}, {"id": "s2", "server_id": "s2", "vdu": ""}],
    "source": "api",
    "created_time": "2026-01-02T03:04:05.000006Z",
    "changed_time": "2026-01-02T03:04:05.000006Z",
    "created_by": "alice",
}


def test_a_vnf_is_told_with_its_servers(service: FakeService) -> None:
    service.says("POST", "/v1/vnfs", VNF, 201)

    words = ["--id", "v/1", "--name", "epc", "--project", "p1", "--server", "s1=mme-1@mme", "--server", "s2"]
    result = run(service, "vnf", "create", *words)

    assert result.exit_code == 0, result.stderr
    assert json.loads(service.asked[0][2]) == {
        "id": "v/1",
        "name": "epc",
        "project": "p1",
        "vnfcs": [{"server": "s1", "id": "mme-1", "vdu": "mme"}, {"server": "s2"}],
    }
    assert "component mme-1  server s1, mme" in result.stdout


def test_a_server_that_is_none_is_not_sent(service: FakeService) -> None:
    for word in ("=x", "s1="):
        result = run(service, "vnf", "create", "--server", word)

        assert result.exit_code == 1
        assert "ID[=VNFC[@VDU]]" in result.stderr
    assert service.asked == []


def test_vnfs_are_listed_shown_and_forgotten(service: FakeService) -> None:
    known = VNF | {"created_time": None, "source": "metadata"}
    service.says("GET", "/v1/vnfs", {"items": [known], "next": None})
    service.says("GET", "/v1/vnfs/v%2F1", known)
    service.says("DELETE", "/v1/vnfs/v%2F1", b"", 204)
    service.says("DELETE", "/v1/vnfs/v%2F1", b"", 204)

    listed = run(service, "vnf", "list")
    shown = run(service, "vnf", "show", "v/1", "--project", "p1")
    gone = [run(service, "vnf", "delete", "v/1"), run(service, "vnf", "delete", "v/1", "--project", "p 1")]

    assert listed.stdout.splitlines()[1].split() == ["v/1", "epc", "p1", "2", "-", "-", "-", "metadata"]
    assert "component s2     server s2" in shown.stdout
    assert {one.stdout for one in gone} == {"the VNF v/1 is forgotten\n"}
    assert [path for _, path, _ in service.asked][1:] == [
        "/v1/vnfs/v%2F1?project=p1",
        "/v1/vnfs/v%2F1",
        "/v1/vnfs/v%2F1?project=p%201",
    ]
