"""``client.vnfs``: what it asks for, and how it follows VNFs over everything that may happen to the service."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from client_fake import Fake, Says

from nfvigil.client import Client
from nfvigil.client.vnf_watch import NewsKind, VnfNews
from nfvigil.errors import UnavailableError


def vnf(id: str, /, status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    component = {
        "id": "c", "server_id": "s", "status": status, "host": "h", "age_seconds": 1.0,
        "interfaces": [{"port": "p", "ip_address": "10.0.0.1", "vlan": 7}], **more,
    }  # fmt: skip
    return {"id": id, "project_id": "A", "name": "n", "record": {"age_seconds": 1.0, "components": [component]}}


def listed(*vnfs: dict[str, Any]) -> Says:
    return Says({"items": list(vnfs), "next": None})


def changed(cursor: str, *vnfs: dict[str, Any], gone: tuple[str, ...] = (), more: bool = False) -> Says:
    removed = [{"project_id": "A", "id": one} for one in gone]
    return Says({"items": list(vnfs), "removed": removed, "cursor": cursor, "more": more})


TOO_OLD = Says({"detail": "resync", "errors": [{"field": "after", "reason": "is of a time before"}]}, 410)


def told(news: list[VnfNews]) -> list[str]:
    return [
        f"{one.kind} {one.vnf.id if one.vnf else ''} {'; '.join(map(str, one.differences))}"
        f"{' (missed)' if one.was_missed else ''}"
        for one in news
    ]


def watched(client: Client, **more: Any) -> list[VnfNews]:
    """Until the answers are at their end."""
    news: list[VnfNews] = []
    with pytest.raises(Exception, match="nothing more to say"):
        news.extend(client.vnfs.watch(**more))
    return news


def test_what_becomes_different_is_told_and_what_only_grows_older_is_not(fake: Fake, client: Client) -> None:
    fake.says(
        changed("c-1"), listed(vnf("v-1"), vnf("v-2")),
        changed("c-2", vnf("v-1", "ERROR", message="VIM status reported ERROR")),
        changed("c-3", vnf("v-1", "ERROR", message="VIM status reported ERROR", age_seconds=9.0), vnf("v-3")),
        changed("c-4", vnf("v-2", interfaces=[{"port": "p", "ip_address": "10.0.0.2"}, {"port": "q"}]), gone=("v-1",)),
    )  # fmt: skip

    news = watched(client)

    assert told(news) == [
        "changed v-1 c status: ACTIVE -> ERROR; c message: - -> VIM status reported ERROR",
        "new v-3 ",
        "changed v-2 c interface p ip_address: 10.0.0.1 -> 10.0.0.2; c interface p vlan: 7 -> -; c interface q is new",
        "removed v-1 ",
    ]
    asked = [parse_qs(urlsplit(one.path).query) for one in fake.asked]
    assert [one.get("after") for one in asked] == [None, None, ["c-1"], ["c-2"], ["c-3"], ["c-4"]]
    assert asked[2]["wait"] == ["1"]  # the client of this test waits 5 s for an answer


def test_components_and_interfaces_that_come_and_go_are_told(fake: Fake, client: Client) -> None:
    before = vnf("v-1", interfaces=[{"port": "p"}])
    after = vnf("v-1", id="d", interfaces=[{"port": "p", "manages_vdu": True}])
    fake.says(changed("c-1"), listed(before), changed("c-2", after), changed("c-3", vnf("v-1", id="d", interfaces=[])))

    assert told(watched(client)) == [
        "changed v-1 d is new; d status: - -> ACTIVE; d host: - -> h; d interface p is new; c is gone",
        "changed v-1 d interface p is gone",
    ]


def test_after_a_new_start_of_the_service_what_was_missed_is_found_by_comparing(fake: Fake, client: Client) -> None:
    fake.says(
        changed("c-1"), listed(vnf("v-1"), vnf("v-2")), TOO_OLD,
        changed("d-1"), listed(vnf("v-1", "DELETED"), vnf("v-3")),
        changed("d-2", vnf("v-3", "ERROR")),
    )  # fmt: skip

    assert told(watched(client)) == [
        "resync  ",
        "changed v-1 c status: ACTIVE -> DELETED (missed)",
        "new v-3  (missed)",
        "removed v-2  (missed)",
        "changed v-3 c status: ACTIVE -> ERROR",
    ]


def test_a_service_that_is_away_for_a_while_is_asked_again(fake: Fake, client: Client, slept: list[float]) -> None:
    away = Says({"detail": "away"}, 503, {"Retry-After": "20"})
    lost: list[Exception] = []
    fake.says(changed("c-1"), listed(vnf("v-1")), away, away, changed("c-2", vnf("v-1", "ERROR")))

    news = watched(client, lost=lost.append)

    assert told(news) == ["changed v-1 c status: ACTIVE -> ERROR"]
    assert [str(one) for one in lost] == ["away", "away"]
    assert [one for one in slept if one >= 20] == [20.0, 20.0]


def test_a_service_that_stays_away_is_given_up(fake: Fake, client: Client) -> None:
    fake.says(changed("c-1"), listed(), *[Says({"detail": "away"}, 503, {"Retry-After": "60"})] * 3)

    with pytest.raises(UnavailableError):
        next(client.vnfs.watch(failures_max=3))


def test_a_service_that_answers_at_once_with_nothing_is_not_asked_without_a_pause(
    fake: Fake, client: Client, slept: list[float]
) -> None:
    fake.says(changed("c-1"), listed(), changed("c-2"), changed("c-3"))

    assert watched(client) == []

    assert slept == [1.0, 1.0]


def test_only_the_vnfs_that_are_wanted_are_told_of(fake: Fake, client: Client) -> None:
    fake.says(changed("c-1"), listed(vnf("v-1"), vnf("v-2")), changed("c-2", vnf("v-1", "ERROR"), vnf("v-2", "ERROR")))

    news = watched(client, is_wanted=lambda one: one.id == "v-2")

    assert [(one.kind, one.vnf and one.vnf.id) for one in news] == [(NewsKind.CHANGED, "v-2")]


def test_vnfs_are_listed_by_what_they_are_and_shown(fake: Fake, client: Client) -> None:
    fake.says(listed(vnf("v-1", "ERROR")), Says(vnf("v/1"), headers={"ETag": '"x"'}))

    (found,) = client.vnfs.list(status=["ERROR", "DELETED"], name="n")
    shown = client.vnfs.show("v/1", project="A")

    assert fake.asked[0].path == "/v1/vnfs?status=ERROR&status=DELETED&name=n&limit=1000"
    assert (found.statuses, found.record.components[0].interfaces[0].vlan) == ({"ERROR": 1}, 7)
    assert (fake.asked[1].path, shown.etag) == ("/v1/vnfs/v%2F1?project=A", '"x"')


def test_a_vnf_is_told_changed_and_forgotten(fake: Fake, client: Client) -> None:
    fake.says(Says(vnf("v"), 201), Says(vnf("v")), Says(status=204))
    interfaces = [{"port": "p", "manages_vdu": True}]

    client.vnfs.create([{"server": "s", "interfaces": interfaces}], vnf_id="v", name="n", project="A", key="k")
    client.vnfs.replace("v", [], name="m", if_match='"x"')
    client.vnfs.delete("v", project="A", if_match='"y"')

    made, replaced, gone = fake.asked
    assert json.loads(made.body) == {
        "id": "v", "name": "n", "project": "A", "vnfcs": [{"server": "s", "interfaces": interfaces}],
    }  # fmt: skip
    assert made.headers["Idempotency-Key"] == "k"
    assert (replaced.method, replaced.headers["If-Match"], json.loads(replaced.body)) == (
        "PUT", '"x"', {"name": "m", "vnfcs": []},
    )  # fmt: skip
    assert (gone.method, gone.path, gone.headers["If-Match"]) == ("DELETE", "/v1/vnfs/v?project=A", '"y"')


def test_history_details_and_osms_record_are_read(fake: Fake, client: Client) -> None:
    fake.says(
        Says({"items": [{"component_id": "c", "kind": "status", "after": "ERROR"}], "next": "7"}),
        listed(),
        Says({"items": [{"component_id": "c", "server": {"id": "s"}, "ports": {}}], "next": "c"}),
        Says({"items": [{"component_id": "d", "server": None, "ports": {}}], "next": None}),
        Says(b"--- a\n", headers={"Content-Type": "application/yaml", "NFVigil-Next": "c%20%C3%A9"}),
        Says(b"--- b\n", headers={"Content-Type": "application/yaml"}),
        Says({"id": "v", "vdur": []}),
    )

    lines = list(client.vnfs.history("v", component="c", kind=["status", "host"]))
    details = list(client.vnfs.details("v"))
    text = client.vnfs.details_text("v", component="c")
    exported = client.vnfs.export("v")

    assert [one.after for one in lines] == ["ERROR"]
    assert "kind=status&kind=host" in fake.asked[0].path
    assert [(one.component_id, one.server) for one in details] == [("c", {"id": "s"}), ("d", None)]
    assert text == "--- a\n--- b\n"
    assert parse_qs(urlsplit(fake.asked[5].path).query)["marker"] == ["c é"]
    assert exported == {"id": "v", "vdur": []}


def test_osms_record_is_imported_or_only_tried(fake: Fake, client: Client) -> None:
    fake.says(Says({"vnf": vnf("v"), "notes": ["look"]}), Says({"vnf": vnf("v"), "notes": []}, 201))

    tried = client.vnfs.import_({"id": "v"}, dry_run=True, key="k")
    made = client.vnfs.import_({"id": "v"}, project="A", vims={"osm": "lab"}, key="k")

    assert (tried.notes, made.vnf.id) == (("look",), "v")
    assert (fake.asked[0].path, "Idempotency-Key" in fake.asked[0].headers) == ("/v1/vnfs/import?dry_run=true", False)
    assert json.loads(fake.asked[1].body) == {"vnfr": {"id": "v"}, "project": "A", "vims": {"osm": "lab"}}
    assert fake.asked[1].headers["Idempotency-Key"] == "k"
