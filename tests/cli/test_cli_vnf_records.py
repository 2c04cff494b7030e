"""``nfvigil vnf``: what VNFs' servers are, what became of them, OSM's records in and out, and following them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_service import FakeService, run

INTERFACE = {
    "port": "p-1", "name": "oam", "network": "n-1", "mac_address": "fa:16:3e:00:00:01",
    "ip_address": "10.0.0.5;2001:db8::5", "host": "compute-1", "pci": "0000:05:00.1", "vlan": 1234,
    "manages_vdu": True, "manages_vnf": True, "message": "",
}  # fmt: skip
COMPONENT: dict[str, Any] = {
    "id": "mme-1", "server_id": "s1", "vdu": "mme", "source": "record", "status": "ERROR",
    "message": "VIM status reported ERROR", "name": "mme-0", "ip_address": "10.0.0.5", "interfaces": [INTERFACE],
    "interfaces_backup": [], "changed_time": "2026-01-02T03:04:05.000006Z",
    "read_time": "2026-01-02T03:04:06.000006Z", "age_seconds": 12.5, "stale": False, "vim": "lab", "host": "compute-1",
}  # fmt: skip
GONE: dict[str, Any] = COMPONENT | {
    "id": "mme-2", "status": "DELETED", "message": "Deleted externally", "interfaces": [],
    "interfaces_backup": [INTERFACE | {"port": "p-2"}],
}  # fmt: skip


def vnf(*components: dict[str, Any], id: str = "v-1", **record: Any) -> dict[str, Any]:
    known = {
        "source": "record", "ip_address": "10.0.0.5", "changed_time": "2026-01-02T03:04:05.000006Z",
        "read_time": "2026-01-02T03:04:06.000006Z", "age_seconds": 12.5, "stale": False,
        "components": list(components),
    }  # fmt: skip
    return {
        "id": id, "project_id": "p1", "name": "epc", "source": "api", "created_time": "2026-01-02T03:04:05.000006Z",
        "changed_time": "2026-01-02T03:04:05.000006Z", "created_by": "alice", "record": {**known, **record},
        "vnfcs": [{"id": one["id"], "server_id": "s1", "vdu": "mme", "interfaces": []} for one in components],
    }  # fmt: skip


def test_a_list_says_what_the_servers_are_and_how_old_that_is(service: FakeService) -> None:
    fine, stale = vnf(COMPONENT, GONE, COMPONENT), vnf(COMPONENT, id="v-2", stale=True)
    service.says("GET", "/v1/vnfs", {"items": [fine, stale], "next": None})

    result = run(service, "vnf", "list", "--status", "ERROR", "--name", "epc", "--vim", "lab")

    assert service.asked[0][1] == "/v1/vnfs?status=ERROR&name=epc&vim=lab&limit=1000"
    first, second = result.stdout.splitlines()[1:]
    assert "2 ERROR, 1 DELETED" in first
    assert " 12s " in first
    assert " 12s? " in second


def test_one_vnf_is_shown_with_interfaces_and_those_of_a_server_that_is_gone(service: FakeService) -> None:
    service.says("GET", "/v1/vnfs/v-1", vnf(COMPONENT, GONE, stale=True))

    text = run(service, "vnf", "show", "v-1").stdout

    assert "VIM status reported ERROR" in text
    assert "this may be over" in text
    assert "interfaces as they were last:" in text
    assert [line.split()[-3:] for line in text.splitlines() if " p-1 " in line] == [["vdu,", "vnf", "-"]]
    assert "p-2" in text.partition("as they were last")[2]


def test_the_history_is_asked_for_by_component_kind_and_time(service: FakeService) -> None:
    line = {
        "time": "2026-01-02T03:04:05.000006Z", "component_id": "mme-1", "kind": "interface", "field": "ip_address",
        "interface": "p-1", "before": "10.0.0.4", "after": "10.0.0.5",
    }  # fmt: skip
    service.says("GET", "/v1/vnfs/v-1/history", {"items": [line], "next": None})

    words = ["--component", "mme-1", "--kind", "interface", "--since", "2026-01-01T00:00:00Z", "--limit", "5"]
    result = run(service, "vnf", "history", "v-1", *words)

    assert "component=mme-1&kind=interface&since=2026-01-01T00%3A00%3A00Z&limit=5" in service.asked[0][1]
    assert "interface ip_address" in result.stdout
    assert run(service, "vnf", "history", "v-1", "--kind", "colour").exit_code == 2


def test_interfaces_are_named_beside_their_servers(service: FakeService) -> None:
    service.says("POST", "/v1/vnfs", vnf(COMPONENT), 201)

    result = run(
        service, "vnf", "create", "--server", "s1=mme-1", "--interface", "mme-1/p-1=oam,vdu,vnf", "--server", "s2",
        "--interface", "s2/p-2",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    first, second = json.loads(service.asked[0][2])["vnfcs"]
    assert first["interfaces"] == [{"port": "p-1", "name": "oam", "manages_vdu": True, "manages_vnf": True}]
    assert second["interfaces"] == [{"port": "p-2", "name": "", "manages_vdu": False, "manages_vnf": False}]
    for wrong in ("p-1", "mme-1/", "mme-1/p-1,all", "other/p-1"):
        refused = run(service, "vnf", "create", "--server", "s1=mme-1", "--interface", wrong)
        assert (refused.exit_code, "interface: " in refused.stderr) == (1, True), wrong


def test_a_vnf_is_replaced_as_it_was_seen(service: FakeService) -> None:
    service.says("GET", "/v1/vnfs/v-1", vnf(COMPONENT), ETag='"x"')
    service.says("PUT", "/v1/vnfs/v-1", vnf(COMPONENT))

    result = run(service, "vnf", "replace", "v-1", "--server", "s9")

    assert result.exit_code == 0, result.stderr
    assert json.loads(service.asked[1][2]) == {"name": "epc", "vnfcs": [{"server": "s9"}]}


def vnfr(id: str) -> dict[str, Any]:
    return {"id": id, "vnfd-ref": "epc", "vdur": []}


IMPORTED = {"vnf": vnf(COMPONENT), "notes": ["component mme-1: no cloud has told of its server s1 yet"]}
THERE = {"detail": "there is a VNF v-1 already", "errors": [{"field": "id", "reason": "is another's already"}]}
WRONG = {"detail": "the VNF is wrong", "errors": [{"field": "vnfr.vdur[0].id", "reason": "is missing"}]}


def test_an_import_deals_with_every_document_and_says_what_became_of_each(service: FakeService, tmp_path: Path) -> None:
    file = tmp_path / "vnfrs.jsonl"
    file.write_text("\n".join(json.dumps(vnfr(f"v-{one}")) for one in range(1, 4)) + "\n\n[]\n")
    service.says("POST", "/v1/vnfs/import", IMPORTED, 201)
    service.says("POST", "/v1/vnfs/import", WRONG, 400)
    service.says("POST", "/v1/vnfs/import", THERE, 409)

    result = run(service, "vnf", "import", str(file), "--project", "p1", "--vim", "osm-1=lab", "-f", "json")

    assert result.exit_code == 1
    assert "3 of 4 documents were refused" in result.stderr
    found = json.loads(result.stdout)
    assert [one["result"] for one in found] == ["imported", "refused", "there already", "refused"]
    assert found[1]["errors"] == WRONG["errors"]
    assert found[0]["notes"] == IMPORTED["notes"]
    assert json.loads(service.asked[0][2]) == {"vnfr": vnfr("v-1"), "project": "p1", "vims": {"osm-1": "lab"}}


def test_an_import_is_tried_and_leaves_what_is_there(service: FakeService) -> None:
    service.says("POST", "/v1/vnfs/import", IMPORTED)
    service.says("POST", "/v1/vnfs/import", THERE, 409)
    text = json.dumps([vnfr("v-1"), vnfr("v-2")])

    result = run(service, "vnf", "import", "-", "--dry-run", "--skip-existing", stdin=text)

    assert result.exit_code == 0, result.stderr
    assert service.asked[0][1] == "/v1/vnfs/import?dry_run=true"
    assert ["would be imported" in line or "skipped" in line for line in result.stdout.splitlines()[1:]] == [True, True]


def test_an_import_that_is_cut_off_says_how_far_it_came(service: FakeService) -> None:
    service.says("POST", "/v1/vnfs/import", IMPORTED, 201)
    service.says("POST", "/v1/vnfs/import", {"detail": "away"}, 503, Retry_After="60")
    text = "\n".join(json.dumps(vnfr(f"v-{one}")) for one in range(3))

    result = run(service, "vnf", "import", "-", stdin=text)

    assert result.exit_code == 3
    assert "1 of 3 documents were dealt with" in result.stderr
    assert "imported" in result.stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        pytest.param("a.json", "{", "line 1: Expecting", id="no JSON"),
        pytest.param("a.jsonl", '{"id": "x"}\n{"id": ', "line 2", id="a line that breaks off"),
        pytest.param("a.yaml", "a: [", "is not YAML: while parsing a flow node expected", id="no YAML"),
        pytest.param("b.json", None, "cannot be read", id="no file"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_sent(
    service: FakeService, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)

    result = run(service, "vnf", "import", str(tmp_path / name))

    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr
    assert service.asked == []


def test_documents_in_yaml_are_imported_too(service: FakeService, tmp_path: Path) -> None:
    file = tmp_path / "vnfrs.yaml"
    file.write_text(yaml.safe_dump_all([vnfr("v-1"), [vnfr("v-2")]]))
    for _ in range(2):
        service.says("POST", "/v1/vnfs/import", IMPORTED, 201)

    assert run(service, "vnf", "import", str(file)).exit_code == 0
    assert [json.loads(body)["vnfr"]["id"] for _, _, body in service.asked] == ["v-1", "v-2"]
    refused = run(service, "vnf", "import", str(file), "--vim", "lab")
    assert "must be OSM_ID=NAME" in refused.stderr


def test_what_is_exported_can_be_imported(service: FakeService, tmp_path: Path) -> None:
    service.says(
        "GET", "/v1/vnfs", {"items": [vnf(id="v-1"), vnf(id="v-2"), vnf() | {"source": "metadata"}], "next": None}
    )
    for id in ("v-1", "v-2"):
        for _ in range(3):
            service.says("GET", f"/v1/vnfs/{id}/vnfr", vnfr(id))
    file = tmp_path / "out.jsonl"

    written = run(service, "vnf", "export", "--all", "-o", str(file))
    again = run(service, "vnf", "export", "v-1", "-o", str(file))
    forced = run(service, "vnf", "export", "v-1", "v-2", "-o", str(file), "--force", "-f", "yaml")
    shown = run(service, "vnf", "export", "v-1")

    assert (written.exit_code, written.stderr) == (0, f"2 written to {file}\n")
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    assert forced.exit_code == 0, forced.stderr
    assert [one["id"] for one in yaml.safe_load_all(file.read_text())] == ["v-1", "v-2"]
    assert json.loads(shown.stdout) == vnfr("v-1")
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert run(service, "vnf", "export").exit_code == run(service, "vnf", "export", "x", "--all").exit_code == 2
    nowhere = run(service, "vnf", "export", "v-1", "-o", str(tmp_path / "none" / "x"))
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (1, True)


def test_an_export_that_fails_leaves_the_file_as_it_was(service: FakeService, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("before")
    service.says("GET", "/v1/vnfs/v-1/vnfr", vnfr("v-1"))

    result = run(service, "vnf", "export", "v-1", "v-2", "-o", str(file), "--force")

    assert result.exit_code == 4
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_details_are_text_to_read_or_json(service: FakeService) -> None:
    service.says("GET", "/v1/vnfs/v-1/details", b"--- # server\n{id: s1, name: \x1b[2J}\n")
    service.says(
        "GET", "/v1/vnfs/v-1/details", {"items": [{"component_id": "c", "server": {}, "ports": {}}], "next": None}
    )

    text = run(service, "vnf", "details", "v-1", "--component", "mme-1")
    whole = run(service, "vnf", "details", "v-1", "-f", "json")

    assert service.asked[0][1] == "/v1/vnfs/v-1/details?component=mme-1&format=yaml"
    assert text.stdout == "--- # server\n{id: s1, name: �[2J}\n"
    assert json.loads(whole.stdout)[0]["component_id"] == "c"


def test_what_becomes_different_is_shown_line_by_line(service: FakeService) -> None:
    place = "/v1/vnfs/changes"
    service.says("GET", place, {"items": [], "removed": [], "cursor": "c-1", "more": False})
    service.says("GET", "/v1/vnfs", {"items": [vnf(COMPONENT), vnf(COMPONENT, id="v-2")], "next": None})
    fine = COMPONENT | {"status": "ACTIVE", "message": ""}
    changed = [vnf(fine), vnf(fine, id="v-2")]
    service.says("GET", place, {"items": changed, "removed": [], "cursor": "c-2", "more": False})
    service.says("GET", place, {"detail": "resync"}, 410)
    service.says("GET", place, {"items": [], "removed": [], "cursor": "d-1", "more": False})
    service.says("GET", "/v1/vnfs", {"items": [], "next": None})

    result = run(service, "vnf", "watch", "v-1", "-f", "json")

    assert result.exit_code == 4  # this service has no more to say
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["news"], one["missed"], one["text"]) for one in lines] == [
        ("changed", False, "mme-1 status: ERROR -> ACTIVE"),
        ("changed", False, "mme-1 message: VIM status reported ERROR -> -"),
        ("resync", False, "the service was started anew: what was missed follows"),
        ("removed", True, "is not told of any more"),
    ]
    assert {one["vnf_id"] for one in lines} == {"v-1", ""}


@pytest.mark.parametrize("form", ["table", "csv", "yaml"])
def test_following_has_every_form(service: FakeService, form: str) -> None:
    service.says("GET", "/v1/vnfs/changes", {"items": [], "removed": [], "cursor": "c-1", "more": False})
    service.says("GET", "/v1/vnfs", {"items": [], "next": None})
    service.says("GET", "/v1/vnfs/changes", {"items": [vnf(COMPONENT)], "removed": [], "cursor": "c-2", "more": True})

    result = run(service, "vnf", "watch", "-f", form)

    assert "v-1" in result.stdout
    assert "is new" in result.stdout
