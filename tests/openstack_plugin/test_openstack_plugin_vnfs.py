"""``openstack nfv vnf``: what its commands ask for, and what they make of the answers."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # osc_lib's own, of modules of its own
    from osc_lib.exceptions import CommandError

    from nfvigil.openstack_plugin.vnfs import ExportVnf, ImportVnf, ListVnfs, ShowVnf, VnfHistory, WatchVnfs
from nfvigil.client.answers import Page, read
from nfvigil.client.vnf_differences import Difference
from nfvigil.client.vnf_shapes import ImportedVnf, Vnf, VnfLine
from nfvigil.client.vnf_watch import NewsKind, VnfNews
from nfvigil.errors import FieldError, RefusedError

VNF = {
    "id": "v-1", "project_id": "p1", "name": "epc", "source": "api", "vnfcs": [{"id": "c", "server_id": "s"}],
    "record": {
        "ip_address": "10.0.0.5", "read_time": "2026-01-02T03:04:06Z", "stale": True,
        "components": [{"id": "c", "status": "ERROR"}],
    },
}  # fmt: skip


def command(kind: type[Any], **answers: Any) -> tuple[Any, io.StringIO]:
    """A command whose service gives these answers."""
    vnfs = SimpleNamespace(**answers)
    out = io.StringIO()
    app = SimpleNamespace(
        client_manager=SimpleNamespace(nfv=SimpleNamespace(vnfs=vnfs, close=lambda: None)), stdout=out, stderr=out
    )
    return kind(app, None), out


def taken(made: Any, *words: str) -> Any:
    return made.take_action(made.get_parser("x").parse_args(list(words)))


def test_vnfs_are_listed_by_what_they_are() -> None:
    asked: list[dict[str, Any]] = []

    def page(**parameters: Any) -> Page[Any]:
        asked.append(parameters)
        return Page(items=(read(Vnf, VNF),), next=None)

    made, _ = command(ListVnfs, page=page)
    columns, (row,) = taken(made, "--status", "ERROR", "--status", "DELETED", "--limit", "5")

    assert asked == [{"status": ["ERROR", "DELETED"], "name": None, "vim": None, "limit": 5, "marker": None}]
    assert dict(zip(columns, row, strict=True)) == {
        "ID": "v-1", "Name": "epc", "Project": "p1", "Servers": 1, "Status": "1 ERROR", "Address": "10.0.0.5",
        "Read At": "2026-01-02T03:04:06Z", "Stale": True, "Source": "api",
    }  # fmt: skip


def test_one_vnf_is_shown_whole() -> None:
    made, _ = command(ShowVnf, show=lambda vnf_id, *, project: read(Vnf, {**VNF, "id": vnf_id, "project_id": project}))

    columns, row = taken(made, "v/1", "--project", "p2")

    assert row[columns.index("id")] == "v/1"
    assert row[columns.index("project_id")] == "p2"
    assert row[columns.index("record")].machine_readable() == VNF["record"]


def test_the_history_has_a_row_a_line() -> None:
    asked: list[Any] = []

    def history_page(*given: Any, **parameters: Any) -> Page[Any]:
        asked.append((given, parameters))
        return Page(items=(read(VnfLine, {"kind": "status", "after": "ERROR"}),), next=None)

    made, _ = command(VnfHistory, history_page=history_page)
    columns, (row,) = taken(made, "v-1", "--kind", "status", "--since", "2026-01-31T12:00:00Z")

    assert asked[0][0] == ("v-1",)
    assert asked[0][1]["kind"] == ["status"]
    assert row[columns.index("After")] == "ERROR"


def test_documents_are_imported_one_by_one_and_the_refused_say_why(tmp_path: Path) -> None:
    asked: list[Any] = []

    def import_(document: Any, **more: Any) -> ImportedVnf:
        asked.append((document, more))
        if document["id"] == "bad":
            raise RefusedError("the VNF is wrong", [FieldError("vnfr.vdur[0].id", "is missing")])
        return read(ImportedVnf, {"vnf": VNF, "notes": ["look"]})

    file = tmp_path / "vnfrs.jsonl"
    file.write_text('{"id": "v-1"}\n{"id": "bad"}\n7\n')
    made, _ = command(ImportVnf, import_=import_)
    _, rows = taken(made, str(file), "--vim", "osm=lab", "--project", "p1")

    assert [row[2] for row in rows] == ["imported", "refused", "refused"]
    assert rows[1][3].machine_readable() == ["the VNF is wrong", "  vnfr.vdur[0].id: is missing"]
    assert made.code == 1
    assert (asked[0][1]["vims"], asked[0][1]["project"], asked[0][1]["dry_run"]) == ({"osm": "lab"}, "p1", False)
    file.write_text("{\n{")
    with pytest.raises(CommandError, match="a line"):
        taken(made, str(file))


def test_a_vnf_is_written_to_the_terminal_or_to_a_new_file(tmp_path: Path) -> None:
    made, out = command(ExportVnf, export=lambda vnf_id, *, project: {"id": vnf_id})
    file = tmp_path / "vnfr.json"

    taken(made, "v-1")
    taken(made, "v-1", "--file", str(file))

    assert json.loads(out.getvalue()) == json.loads(file.read_text()) == {"id": "v-1"}
    with pytest.raises(CommandError, match="cannot be written"):
        taken(made, "v-1", "--file", str(file))


def test_changes_are_shown_until_there_were_enough() -> None:
    vnf = read(Vnf, VNF)
    news = [
        VnfNews(kind=NewsKind.RESYNC),
        VnfNews(
            kind=NewsKind.CHANGED,
            vnf=vnf,
            was_missed=True,
            differences=(
                Difference(component="c", field="status", before="ACTIVE", after="ERROR\x1b"),
                Difference(component="c", interface="p", before="p"),
            ),
        ),
    ]
    wanted: list[bool] = []

    def watch(*, is_wanted: Any, lost: Any) -> Any:
        wanted.append(is_wanted(vnf))
        lost(RuntimeError("away"))
        return iter(news)

    made, out = command(WatchVnfs, watch=watch)
    taken(made, "v-1", "--most", "2")
    taken(made, "other", "--json")

    lines = out.getvalue().splitlines()
    assert lines[:3] == ["away: trying again", "resync", "v-1  changed  missed  c status: ACTIVE -> ERROR�"]
    assert json.loads(lines[-1])["text"] == "c interface p is gone"
    assert wanted == [True, False]
