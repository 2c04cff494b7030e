"""What VNFs' servers are now, at the API: beside what was said of them, and without what is the operator's."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from northbound_fakes import NOW, RUN, World, make_world
from northbound_vnfs import DETAILS_A, RECORD_A

from nfvigil.model.vnf import Vnfc
from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduDetails, VnfRecord
from nfvigil.northbound import vnf_records
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.northbound.vnf_veil import veiled_details
from nfvigil.store.follow_records import Run

pytestmark = pytest.mark.anyio

HIDDEN = ("compute-1", "compute-2", "0000:05", "1234", "binding:", "OS-EXT-SRV-ATTR", "hostId", "host_status")
"""Words of the operator's, in what is kept of the VNF of project A."""


async def test_a_vnf_is_shown_beside_what_its_servers_are_now() -> None:
    world = make_world()

    seen = (await world.call("GET", "/v1/vnfs/v-a", by="admin")).json

    record = seen["record"]
    assert (record["source"], record["ip_address"], record["stale"]) == ("record", "10.0.0.5;2001:db8::5", False)
    assert (record["read_time"], record["age_seconds"]) == ("2023-11-14T22:13:15.000000Z", 5.0)
    (component,) = record["components"]
    assert {key: component[key] for key in ("id", "status", "message", "host", "vim", "name")} == {
        "id": "c-a",
        "status": "ERROR",
        "message": "VIM status reported ERROR",
        "host": "compute-1",
        "vim": "cloud",
        "name": "vm-a",
    }
    (interface,) = component["interfaces"]
    assert (interface["port"], interface["vlan"], interface["pci"]) == ("p-a", 1234, "0000:05:00.1")
    assert (interface["manages_vdu"], interface["manages_vnf"]) == (True, True)
    assert component["interfaces_backup"] == []


async def test_of_a_vnf_without_a_record_the_map_says_status_and_host() -> None:
    world = make_world()

    record = (await world.call("GET", "/v1/vnfs/v-b", by="admin")).json["record"]

    assert (record["source"], record["changed_time"]) == ("map", None)
    (component,) = record["components"]
    assert (component["source"], component["status"], component["host"]) == ("map", "ACTIVE", "compute-1")
    assert component["interfaces"] == []


async def test_a_server_that_no_cloud_has_told_of_is_stale_and_has_no_status() -> None:
    world = make_world()
    servers = world.call.parts.vnf.records._servers
    del servers.records["server/s-b"]

    record = (await world.call("GET", "/v1/vnfs/v-b", by="manager-b")).json["record"]

    assert (record["stale"], record["read_time"], record["age_seconds"]) == (True, None, None)
    assert record["components"][0]["status"] == ""


async def test_the_etag_is_of_what_was_said_and_not_of_what_a_listing_changed() -> None:
    world = make_world()
    before = await world.call("GET", "/v1/vnfs/v-a", by="member-a")
    records = world.call.parts.vnf.records._records
    vdu = msgspec.structs.replace(RECORD_A.vdus[0], status="ACTIVE", message="")
    records.kept["A", "v-a"] = msgspec.structs.replace(RECORD_A, vdus=(vdu,), changed_us=NOW)
    world.now[0] += 1_000_000

    after = await world.call("GET", "/v1/vnfs/v-a", by="member-a", headers={"If-None-Match": before.headers["etag"]})

    assert (after.status, after.headers["etag"]) == (200, before.headers["etag"])
    assert after.json["record"]["components"][0]["status"] == "ACTIVE"
    changed = await world.call(
        "PUT", "/v1/vnfs/v-a", {"name": "x"}, by="member-a", headers={"If-Match": before.headers["etag"]}
    )
    assert changed.status == 200
    assert changed.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize("path", ["", "/v-a", "/v-a/history", "/v-a/details", "/v-a/details?format=yaml", "/v-a/vnfr"])
async def test_a_project_sees_no_hosts_and_no_bindings_of_its_vnfs(path: str) -> None:
    world = make_world()

    mine = await world.call("GET", f"/v1/vnfs{path}", by="reader-a")
    all_of_it = await world.call("GET", f"/v1/vnfs{path}", by="admin")

    assert mine.status == 200
    assert [word for word in HIDDEN if word.encode() in mine.body] == []
    assert b"compute-1" in all_of_it.body


async def test_a_projects_hosts_can_be_told_apart() -> None:
    world = make_world()

    component = (await world.call("GET", "/v1/vnfs/v-a", by="reader-a")).json["record"]["components"][0]
    lines = (await world.call("GET", "/v1/vnfs/v-a/history?kind=host", by="reader-a")).json["items"]

    assert component["host_id"]
    assert "host" not in component
    assert "vim" not in component
    assert [line["after"] for line in lines] == [component["host_id"]]
    assert lines[0]["before"] not in ("", component["host_id"])


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param("status=ERROR", ["v-a"], id="by status"),
        pytest.param("status=ERROR&status=ACTIVE", ["v-a", "v-b"], id="by one of several"),
        pytest.param("status=DELETED", [], id="by a status that none has"),
        pytest.param("name=ims", ["v-b"], id="by name"),
        pytest.param("vim=cloud", ["v-a", "v-b"], id="by cloud"),
        pytest.param("vim=other", [], id="by another cloud"),
        pytest.param("name=epc&status=ACTIVE", [], id="both must fit"),
    ],
)
async def test_vnfs_are_listed_by_what_they_are(query: str, ids: list[str]) -> None:
    found = await make_world().call("GET", f"/v1/vnfs?{query}", by="admin")

    assert [one["id"] for one in found.json["items"]] == ids


async def test_where_servers_are_is_no_filter_for_projects_and_unknown_filters_are_none() -> None:
    world = make_world()

    assert (await world.call("GET", "/v1/vnfs?vim=cloud", by="reader-a")).status == 403
    refused = await world.call("GET", "/v1/vnfs?state=ERROR", by="reader-a")
    assert (refused.status, refused.json["errors"][0]["field"]) == (400, "state")


async def test_the_history_comes_in_pages_by_component_kind_and_time() -> None:
    world = make_world()
    path = "/v1/vnfs/v-a/history"

    first = (await world.call("GET", f"{path}?limit=4", by="admin")).json
    rest = (await world.call("GET", f"{path}?limit=4&marker={first['next']}", by="admin")).json
    by_kind = (await world.call("GET", f"{path}?kind=status&kind=name", by="admin")).json["items"]
    late = (await world.call("GET", f"{path}?since=2023-11-14T22:13:10.000004Z", by="admin")).json["items"]

    kinds = [one["kind"] for one in (*first["items"], *rest["items"])]
    assert kinds == ["status", "host", "interface", "interface", "interface", "name"]
    assert rest["next"] is None
    assert [one["kind"] for one in by_kind] == ["status", "name"]
    assert [one["component_id"] for one in late] == ["c-b"]
    only = (await world.call("GET", f"{path}?component=c-b", by="admin")).json["items"]
    assert [(one["before"], one["after"]) for one in only] == [("vm-b", "vm-b2")]
    for wrong in ("marker=x", "marker=99999999999999999999", "kind=colour", "since=yesterday"):
        assert (await world.call("GET", f"{path}?{wrong}", by="admin")).status == 400, wrong


async def test_a_page_of_a_projects_history_goes_on_behind_what_it_is_not_shown() -> None:
    world = make_world()
    seen: list[dict[str, Any]] = []
    following = ""

    while following is not None:
        page = (await world.call("GET", f"/v1/vnfs/v-a/history?limit=1{following}", by="reader-a")).json
        seen += page["items"]
        following = page["next"] and f"&marker={page['next']}"

    assert [(one["kind"], one["field"]) for one in seen] == [
        ("status", ""),
        ("host", ""),
        ("interface", "host"),
        ("interface", "port"),
        ("name", ""),
    ]


async def test_details_are_the_clouds_own_words_as_json_and_as_text() -> None:
    world = make_world()

    (whole,) = (await world.call("GET", "/v1/vnfs/v-a/details?component=c-a", by="admin")).json["items"]
    (mine,) = (await world.call("GET", "/v1/vnfs/v-a/details", by="reader-a")).json["items"]
    text = await world.call("GET", "/v1/vnfs/v-a/details?format=yaml", by="admin")

    assert whole["server"] == msgspec.json.decode(DETAILS_A.server)
    assert mine["server"] == {"id": "s-a", "status": "ERROR", "fault": {"code": 500, "message": "it broke"}}
    assert mine["ports"] == {"p-a": {"id": "p-a", "status": "ACTIVE"}}
    assert text.headers["content-type"].startswith("application/yaml")
    assert text.body.decode().startswith('--- # server of component "c-a"\n{')
    assert (await world.call("GET", "/v1/vnfs/v-a/details?component=none", by="admin")).status == 404
    assert (await world.call("GET", "/v1/vnfs/v-b/details", by="manager-b")).json["items"] == []


def vnfr(id: str = "vnfr-1", server: str = "s-c", **more: Any) -> dict[str, Any]:
    vdur = {
        "_id": "vdur-1", "id": "vdur-1", "vdu-id-ref": "mme", "count-index": 0, "vdu-name": "mme", "name": "mme-0",
        "status": "ACTIVE", "interfaces": [], "vim-id": server,
        "vim_info": {"vim:osm-1": {"vim_id": server, "vim_name": "mme-0", "vim_status": "ACTIVE", "interfaces": []}},
    }  # fmt: skip
    return {
        "_id": id, "id": id, "nsr-id-ref": "ns-1", "vnfd-ref": "epc", "vnfd-id": "vnfd-1", "member-vnf-index-ref": "1",
        "vim-account-id": "osm-1", "vdur": [vdur], **more,
    }  # fmt: skip


def free_server(world: World) -> None:
    """One of project A that is no part of a VNF."""
    servers = world.call.parts.vnf.records._servers
    servers.records["server/s-c"] = msgspec.structs.replace(servers.records["server/s-a"], id="s-c", name="vm-c")


async def test_a_vnf_is_taken_over_from_osms_record_and_given_back() -> None:
    world = make_world()
    free_server(world)

    made = await world.call("POST", "/v1/vnfs/import", {"vnfr": vnfr()}, by="member-a")

    assert (made.status, made.headers["location"]) == (201, "/v1/vnfs/vnfr-1")
    assert made.json["notes"] == []
    vnf = made.json["vnf"]
    assert (vnf["project_id"], vnf["created_by"], vnf["vnfcs"][0]["server_id"]) == ("A", "member-a", "s-c")
    assert ("member-a", "imported a VNF", "vnfr-1") in world.store.notes
    given = (await world.call("GET", "/v1/vnfs/vnfr-1/vnfr", by="admin")).json
    assert given["id"] == "vnfr-1"
    assert given["vdur"][0]["id"] == "vdur-1"


async def test_an_import_can_be_tried_and_keeps_nothing_then() -> None:
    world = make_world()
    free_server(world)

    tried = await world.call("POST", "/v1/vnfs/import?dry_run=true", {"vnfr": vnfr()}, by="member-a")

    assert tried.status == 200
    assert tried.json["vnf"]["record"]["components"][0]["status"] == "ACTIVE"
    assert (await world.call("GET", "/v1/vnfs/vnfr-1", by="member-a")).status == 404


async def test_hosts_and_bindings_that_a_project_names_in_an_import_are_not_taken() -> None:
    """A host's name would come back as the id that stands for it, and tell which host that is."""
    world = make_world()
    free_server(world)
    interface = {"vim_interface_id": "p-c", "compute_node": "compute-1", "pci": "0000:05:00.1", "vlan": 7}
    document = vnfr()
    document["vdur"][0]["vim_info"]["vim:osm-1"] |= {
        "compute_node": "compute-1", "interfaces": [interface], "interfaces_backup": [interface],
    }  # fmt: skip

    tried = await world.call("POST", "/v1/vnfs/import?dry_run=true", {"vnfr": document}, by="member-a")
    seen = await world.call("POST", "/v1/vnfs/import?dry_run=true", {"vnfr": document, "project": "A"}, by="admin")

    assert tried.json["vnf"]["record"]["components"][0]["host_id"] == ""
    assert seen.json["vnf"]["record"]["components"][0]["host"] == "compute-1"
    await world.call("POST", "/v1/vnfs/import", {"vnfr": document}, by="member-a")
    (kept,) = (await world.call("GET", "/v1/vnfs/vnfr-1?project=A", by="admin")).json["record"]["components"]
    for one in (*kept["interfaces"], *kept["interfaces_backup"]):
        assert (one["port"], one["host"], one["pci"], one["vlan"]) == ("p-c", "", "", None)


async def test_an_import_names_what_is_wrong() -> None:
    world = make_world()
    free_server(world)

    async def refused(body: dict[str, Any], by: str = "member-a") -> tuple[int, str]:
        answer = await world.call("POST", "/v1/vnfs/import?dry_run=true", body, by=by)
        return answer.status, answer.json["errors"][0]["field"]

    unknown = (400, "vnfr.vdur[0].vim_info.vim:osm-1")
    assert await refused({"vnfr": vnfr(server="s-b")}) == await refused({"vnfr": vnfr(server="s-new")}) == unknown
    assert await refused({"vnfr": vnfr(server="s-a")}) == (400, "vnfcs[0].server")
    others = {"vnfr": vnfr(server="s-b"), "project": "A", "vims": {"osm-1": "lab"}}
    assert await refused(others, by="admin") == (400, "vnfcs[0].server")
    assert await refused(others | {"vims": {"osm-1": "nowhere"}}, by="admin") == (400, "vims.osm-1")
    assert await refused({"vnfr": vnfr(id="v-a")}) == (409, "id")
    assert await refused({"vnfr": vnfr(id="changes")}) == (400, "vnfr.id")
    assert await refused({"vnfr": vnfr(), "vims": {"osm-1": "cloud"}}) == (403, "vims")
    assert await refused({"vnfr": vnfr(), "project": "B"}) == (403, "project")
    assert await refused({"vnfr": vnfr()}, by="admin") == (400, "project")
    assert await refused({"vnfr": "text"}) == (400, "vnfr")
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"more": deep}
    assert await refused({"vnfr": deep}) == (400, "vnfr")


async def test_an_administrator_may_import_servers_that_no_cloud_has_told_of_yet() -> None:
    world = make_world()
    body = {"vnfr": vnfr(server="s-new"), "project": "A", "vims": {"osm-1": "lab"}}

    made = await world.call("POST", "/v1/vnfs/import", body, by="admin")

    assert made.status == 201
    assert made.json["notes"] == ["component vdur-1: no cloud has told of its server s-new yet"]


async def test_an_import_that_is_sent_again_with_its_key_is_done_once() -> None:
    world = make_world()
    free_server(world)
    key = {"Idempotency-Key": "import-1"}

    first = await world.call("POST", "/v1/vnfs/import", {"vnfr": vnfr()}, by="member-a", headers=key)
    again = await world.call("POST", "/v1/vnfs/import", {"vnfr": vnfr()}, by="member-a", headers=key)
    without = await world.call("POST", "/v1/vnfs/import", {"vnfr": vnfr()}, by="member-a")

    assert (first.status, again.status, without.status) == (201, 201, 409)
    assert again.body == first.body


INTERFACES = [
    {"port": "p-1", "name": "oam", "manages_vdu": True, "manages_vnf": True},
    {"port": "p-2", "name": "data"},
]


async def test_its_user_names_the_interfaces_that_manage() -> None:
    world = make_world()
    free_server(world)
    body = {"id": "v-c", "vnfcs": [{"server": "s-c", "id": "c-c", "interfaces": INTERFACES}]}

    made = await world.call("POST", "/v1/vnfs", body, by="member-a")

    assert made.status == 201
    (vnfc,) = made.json["vnfcs"]
    assert vnfc["interfaces"] == [INTERFACES[0], {**INTERFACES[1], "manages_vdu": False, "manages_vnf": False}]
    kept = world.call.parts.vnf.desk.vnf("v-c", "A")
    assert [one.name for one in kept.vnfcs[0].interfaces] == ["oam", "data"]


@pytest.mark.parametrize(
    ("interfaces", "field"),
    [
        pytest.param([{"port": "p"}, {"port": "p"}], "vnfcs[0].interfaces[1].port", id="a port twice"),
        pytest.param(
            [{"port": "p", "manages_vdu": True}, {"port": "q", "manages_vdu": True}],
            "vnfcs[0].interfaces[1].manages_vdu",
            id="two manage the component",
        ),
        pytest.param(
            [{"port": "p", "manages_vnf": True}, {"port": "q", "manages_vnf": True}],
            "vnfcs[0].interfaces[1].manages_vnf",
            id="two manage the VNF",
        ),
        pytest.param([{"port": ""}], "vnfcs[0].interfaces[0].port", id="no port"),
        pytest.param([{"port": "p", "mac": "x"}], "vnfcs[0].interfaces[0].mac", id="what the cloud says"),
    ],
)
async def test_interfaces_that_cannot_be_are_refused_by_field(interfaces: list[Any], field: str) -> None:
    world = make_world()
    free_server(world)

    refused = await world.call(
        "POST", "/v1/vnfs", {"vnfcs": [{"server": "s-c", "interfaces": interfaces}]}, by="member-a"
    )

    assert (refused.status, refused.json["errors"][0]["field"]) == (400, field)


async def test_a_vnf_is_not_called_by_a_word_of_the_api() -> None:
    assert (await make_world().call("POST", "/v1/vnfs", {"id": "changes"}, by="member-a")).status == 400


@pytest.mark.parametrize("id", ["a/b", "/", ".", ".."])
async def test_a_vnf_is_not_called_so_that_no_address_leads_to_it(id: str) -> None:
    world = make_world()

    told = await world.call("POST", "/v1/vnfs", {"id": id}, by="member-a")
    taken = await world.call("POST", "/v1/vnfs/import", {"vnfr": {"id": id, "vdur": []}}, by="member-a")

    assert (told.status, told.json["errors"][0]["field"]) == (400, "id")
    assert (taken.status, taken.json["errors"][0]["field"]) == (400, "vnfr.id")


async def test_a_vnf_without_servers_is_not_in_doubt() -> None:
    made = await make_world().call("POST", "/v1/vnfs", {"id": "empty"}, by="member-a")

    assert made.json["record"]["stale"] is False


# Following


async def cursor_of(world: World, by: str) -> str:
    answer = await world.call("GET", "/v1/vnfs/changes", by=by)
    assert (answer.status, answer.json["items"], answer.json["removed"]) == (200, [], [])
    return str(answer.json["cursor"])


async def somebody_waits(feed: VnfFeed) -> None:
    async with asyncio.timeout(10):
        while not len(feed.readers):  # noqa: ASYNC110 - what it waits for has no event of its own
            await asyncio.sleep(0)


async def test_who_waits_hears_of_a_change_as_soon_as_it_is_there() -> None:
    world = make_world()
    after = await cursor_of(world, "reader-a")

    waiting = asyncio.create_task(world.call("GET", f"/v1/vnfs/changes?after={after}&wait=20", by="reader-a"))
    feed = world.call.parts.vnf.feed
    await somebody_waits(feed)
    feed.changed("B", "v-b")
    feed.changed("A", "v-a")
    answer = await asyncio.wait_for(waiting, 10)

    assert [one["id"] for one in answer.json["items"]] == ["v-a"]
    assert answer.json["items"][0]["record"]["components"][0]["status"] == "ERROR"
    assert len(feed.readers) == 0


async def test_changes_come_once_in_their_order_and_in_pages_and_with_what_is_gone() -> None:
    world = make_world()
    after = await cursor_of(world, "admin")
    feed = world.call.parts.vnf.feed
    feed.changed("A", "v-a")
    await world.call("PUT", "/v1/vnfs/v-b", {"name": "n"}, by="manager-b")
    feed.changed("A", "v-a")

    first = (await world.call("GET", f"/v1/vnfs/changes?after={after}&limit=1", by="admin")).json
    second = (await world.call("GET", f"/v1/vnfs/changes?after={first['cursor']}", by="admin")).json
    await world.call("DELETE", "/v1/vnfs/v-b", by="manager-b")
    third = (await world.call("GET", f"/v1/vnfs/changes?after={second['cursor']}&wait=5", by="admin")).json

    assert ([one["id"] for one in first["items"]], first["more"]) == (["v-b"], True)
    assert ([one["id"] for one in second["items"]], second["more"]) == (["v-a"], False)
    assert (third["items"], third["removed"]) == ([], [{"project_id": "B", "id": "v-b"}])


async def test_a_cursor_of_another_or_of_an_earlier_start_is_gone() -> None:
    world = make_world()
    mine = await cursor_of(world, "reader-a")
    admins = await cursor_of(world, "admin")

    for by, after in (("reader-a", admins), ("admin", mine), ("admin", "A" * 60)):
        answer = await world.call("GET", f"/v1/vnfs/changes?after={after}&wait=30", by=by)
        assert (answer.status, answer.json["errors"][0]["field"]) == (410, "after")
    feed = world.call.parts.vnf.feed
    feed.last = -1
    assert (await world.call("GET", f"/v1/vnfs/changes?after={mine}", by="reader-a")).status == 410


async def test_nobody_waits_longer_than_he_asked_for_nor_for_a_service_that_ends() -> None:
    world = make_world()
    after = await cursor_of(world, "reader-a")
    assert (await world.call("GET", f"/v1/vnfs/changes?after={after}&wait=61", by="reader-a")).status == 400

    waiting = asyncio.create_task(world.call("GET", f"/v1/vnfs/changes?after={after}&wait=60", by="reader-a"))
    feed = world.call.parts.vnf.feed
    await somebody_waits(feed)
    feed.close()
    answer = await asyncio.wait_for(waiting, 10)

    assert (answer.status, answer.json["items"]) == (200, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"7"])
def test_words_that_are_no_object_are_not_shown_to_a_project(body: bytes) -> None:
    assert veiled_details(VduDetails(server=body, ports={"p": body})) == VduDetails(ports={"p": b""})


def test_kinds_of_changes_are_all_shown_or_veiled() -> None:
    """A kind that is added is looked at again: whether it says where a server is."""
    assert set(ChangeKind) == {"status", "name", "host", "message", "address", "interface", "deleted", "returned"}


@pytest.mark.parametrize("form", ["json", "yaml"])
async def test_details_come_in_answers_of_a_bounded_size(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vnf_records, "ANSWER_MAX_BYTES", 250)
    world = make_world()
    shelf = world.call.parts.vnf.records._shelf
    shelf.details["A", "v-a"] = {f"c é/{one}": DETAILS_A for one in "abc"}
    registry = world.call.parts.vnf.desk._registry
    known = registry.get("A", "v-a")
    vnfcs = tuple(Vnfc(id=f"c é/{one}", server=f"s-{one}") for one in "abc")
    registry.put(msgspec.structs.replace(known, vnfcs=vnfcs))
    seen: list[str] = []
    marker: str | None = ""

    while marker is not None:
        answer = await world.call("GET", f"/v1/vnfs/v-a/details?format={form}{marker}", by="admin")
        if form == "json":
            seen += [one["component_id"] for one in answer.json["items"]]
            following = answer.json["next"] and quote(answer.json["next"], safe="")
        else:
            seen += re.findall(r'server of component "(.*)"', answer.body.decode())
            following = answer.headers.get("nfvigil-next")
        marker = following and f"&marker={following}"

    assert seen == ["c é/a", "c é/b", "c é/c"]


async def test_after_a_new_start_of_the_service_a_cursor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    before = await cursor_of(world, "reader-a")

    async def runs(self: object) -> tuple[Run, ...]:
        return (RUN, Run(name="1111bbbb", generation=RUN.generation, key=RUN.key, began_change=0))

    monkeypatch.setattr(type(world.store), "runs", runs)
    answer = await world.call("GET", f"/v1/vnfs/changes?after={before}", by="reader-a")

    assert (answer.status, answer.json["errors"][0]["reason"]) == (
        410,
        "is of a time before the service was started anew",
    )
    assert (
        await world.call("GET", f"/v1/vnfs/changes?after={await cursor_of(world, 'admin')}", by="admin")
    ).status == 200


async def test_of_a_vnf_that_was_just_told_the_map_says_what_no_listing_has_told_yet() -> None:
    world = make_world()
    free_server(world)
    body = {"id": "v-c", "vnfcs": [{"server": "s-c", "id": "c-c", "interfaces": INTERFACES}]}
    await world.call("POST", "/v1/vnfs", body, by="member-a")
    vdu = Vdu(id="c-c", server="s-c", interfaces=(Interface(port="p-1", name="oam"),))
    world.call.parts.vnf.records._records.kept["A", "v-c"] = VnfRecord(project="A", id="v-c", vdus=(vdu,))

    (component,) = (await world.call("GET", "/v1/vnfs/v-c", by="reader-a")).json["record"]["components"]

    assert (component["source"], component["status"], component["name"]) == ("map", "ACTIVE", "vm-c")
    assert component["interfaces"][0]["name"] == "oam"
