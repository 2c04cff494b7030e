"""``/v1/vnfs``: tell of a VNF, change it by whoever has seen it last, and nothing of another project's."""

from __future__ import annotations

from typing import Any

import pytest
from northbound_fakes import make_world

pytestmark = pytest.mark.anyio


async def test_a_vnf_is_made_shown_changed_and_forgotten() -> None:
    world = make_world()
    body: dict[str, Any] = {"id": "née 1", "name": "n", "vnfcs": []}

    made = await world.call("POST", "/v1/vnfs", body, by="member-a")
    again = await world.call("POST", "/v1/vnfs", {"name": "unnamed"}, by="member-a")

    assert made.status == again.status == 201
    assert made.headers["location"] == "/v1/vnfs/n%C3%A9e%201"
    assert (made.json["project_id"], made.json["source"], made.json["created_by"]) == ("A", "api", "member-a")
    address = again.headers["location"]
    seen = await world.call("GET", address, by="reader-a")
    change = {"name": "core", "vnfcs": [{"server": "s-a", "id": "x"}]}
    assert (await world.call("PUT", address, change, by="member-a")).json["errors"][0]["field"] == "vnfcs[0].server"
    assert (await world.call("DELETE", "/v1/vnfs/v-a", by="member-a")).status == 204
    stale = {"If-Match": '"x"'}
    assert (await world.call("PUT", address, change, by="member-a", headers=stale)).status == 412
    given = {"If-Match": seen.headers["etag"]}
    changed = await world.call("PUT", address, change, by="member-a", headers=given)
    assert changed.json["vnfcs"] == [{"id": "x", "server_id": "s-a", "vdu": "", "interfaces": []}]
    assert (await world.call("PUT", address, change, by="member-a", headers=given)).status == 412
    assert [what for _, what, _ in world.store.notes] == [
        "told of a VNF",
        "told of a VNF",
        "forgot a VNF",
        "changed a VNF",
    ]


async def test_vnfs_come_in_pages_of_what_the_caller_owns() -> None:
    world = make_world()

    first = await world.call("GET", "/v1/vnfs?limit=1", by="admin")
    second = await world.call("GET", f"/v1/vnfs?limit=1&marker={first.json['next']}", by="admin")

    assert [one["id"] for one in (*first.json["items"], *second.json["items"])] == ["v-a", "v-b"]
    assert [one["id"] for one in (await world.call("GET", "/v1/vnfs", by="manager-b")).json["items"]] == ["v-b"]
    assert (await world.call("GET", "/v1/vnfs", by="member-nowhere")).json["items"] == []


async def test_an_administrator_says_whose_vnf_it_is_where_that_is_open() -> None:
    world = make_world()
    nobody = await world.call("POST", "/v1/vnfs", {"id": "v-a"}, by="admin")
    twin = await world.call("POST", "/v1/vnfs", {"id": "v-a", "project": "B"}, by="admin")

    assert (nobody.status, nobody.json["errors"][0]["field"]) == (400, "project")
    assert twin.status == 201
    assert (await world.call("GET", "/v1/vnfs/v-a", by="admin")).status == 409
    assert (await world.call("GET", "/v1/vnfs/v-a?project=B", by="admin")).json["project_id"] == "B"
    assert (await world.call("GET", "/v1/vnfs/v-a", by="member-a")).json["project_id"] == "A"


@pytest.mark.parametrize(
    ("by", "body"), [("member-nowhere", {}), ("member-a", {"project": "B"}), ("reader-a", {}), ("monitor", {})]
)
async def test_nobody_tells_of_anothers_vnf(by: str, body: dict[str, Any]) -> None:
    assert (await make_world().call("POST", "/v1/vnfs", body, by=by)).status == 403
