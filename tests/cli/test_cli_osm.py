"""``nfvigil osm``: how it stands, and what would be watched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mongomock
import pytest
from cli_service import FakeService, run

from nfvigil.vnf.osm.database import OsmDatabase

STATUS: dict[str, Any] = {
    "error": "",
    "read_us": 1,
    "accounts": 2,
    "troubles": {"edge": "vim_user is missing"},
    "without_details": ["toy"],
    "servers": 7,
    "pending": 0,
    "writes": 12,
    "conflicts": 1,
    "refused": 0,
    "skipped": {"no_record": 3},
}


def test_the_status_is_the_services_word(service: FakeService) -> None:
    service.says("GET", "/readyz", {"ready": True, "reasons": [], "details": {"osm": STATUS}})

    result = run(service, "osm", "status")

    assert result.exit_code == 0, result.stderr
    for said in ("servers", "no_record", "edge", "vim_user is missing", "toy"):
        assert said in result.stdout


def test_an_installation_that_is_away_ends_with_3(service: FakeService) -> None:
    away = STATUS | {"error": "OSM's database does not answer"}
    service.says("GET", "/readyz", {"ready": False, "reasons": ["x"], "details": {"osm": away}}, 503)

    result = run(service, "osm", "status", "--format", "json")

    assert result.exit_code == 3
    assert json.loads(result.stdout) == away


def test_a_service_without_osm_says_so(service: FakeService) -> None:
    service.says("GET", "/readyz", {"ready": True, "reasons": []})

    result = run(service, "osm", "status")

    assert result.exit_code == 4
    assert "knows no OSM" in result.stderr


def test_a_check_needs_no_service_and_changes_nothing(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = mongomock.MongoClient()["osm"]
    monkeypatch.setattr(OsmDatabase, "opened", classmethod(lambda cls, url, name: cls(database)))
    config = tmp_path / "nfvigil.toml"
    config.write_text('[osm]\nurl = "mongodb://h"\nvims = { there = "lab" }\n')

    empty = run(service, "osm", "check", "--config", str(config))
    assert empty.exit_code == 0
    assert "no accounts" in empty.stdout + empty.stderr

    good = {"vim_type": "openstack", "vim_url": "https://k:1", "vim_user": "u", "vim_password": "p"}
    database["vim_accounts"].insert_many(
        [{"_id": "a", "name": "edge", **good}, {"_id": "b", "name": "there", "vim_tenant_name": "t", **good}]
    )
    found = run(service, "osm", "check", "--config", str(config))

    assert found.exit_code == 1
    assert "neither vim_tenant_id" in found.stdout
    assert "lab (there anyway)" in found.stdout
    assert "not watched" in found.stderr
    assert service.asked == []
