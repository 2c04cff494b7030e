"""``openstack nfv ...`` of the real OpenStack client against the real service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_consumer import Consumer
from service_openstack import Openstack, keystone, start
from service_process import MakeService, Service, free_port, wait_until
from typer.testing import CliRunner

from nfvigil.cli.main import app

NOBODY = ("--os-auth-type", "none", "--os-endpoint")


@pytest.fixture(scope="module")
def shared(nursery: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all that leaves it as it was."""
    service = Service(directory=tmp_path_factory.mktemp("openstack"), nursery=nursery)
    service.start()
    yield service
    service.close()


@pytest.fixture
def url(shared: Service) -> str:
    return f"http://127.0.0.1:{shared.port}"


@pytest.fixture
def nfv(url: str) -> Openstack:
    return Openstack(*NOBODY, url)


@pytest.fixture
def root(nfv: Openstack) -> Iterator[dict[str, Any]]:
    """The root cause of a host's fault, which is over after the test."""
    nfv("event", "send", "compute.host.down", "--host", "compute-1", "--monitor", "ping")
    yield wait_until(lambda: nfv.json("alarm", "list", "--root-only"), "an alarm")[0]
    nfv("event", "send", "compute.host.down", "--host", "compute-1", "--monitor", "ping", "--status", "up")
    wait_until(lambda: not nfv.json("alarm", "list"), "the end of it")


def test_an_operator_looks_after_an_alarm(nfv: Openstack, root: dict[str, Any]) -> None:
    alarm = root["ID"]

    assert (root["Fault Type"], root["Resource"], root["Severity"]) == (
        "compute.host.down",
        "host/compute-1",
        "critical",
    )
    assert nfv.json("alarm", "show", alarm)["resource"]["id"] == "compute-1"
    assert nfv.json("alarm", "ack", alarm)["ack_state"] == "acknowledged"
    assert [one["ID"] for one in nfv.json("alarm", "list", "--acked")] == [alarm]
    assert alarm not in [one["ID"] for one in nfv.json("alarm", "list", "--unacked", "--severity", "critical")]
    assert nfv.json("alarm", "unack", alarm)["ack_state"] == "unacknowledged"
    assert nfv.json("alarm", "comment", alarm, "on my way")["text"] == "on my way"
    assert "on my way" in [one["Text"] for one in nfv.json("alarm", "history", alarm)]
    assert nfv.json("alarm", "explain", alarm)["event"]["type"] == "compute.host.down"
    assert "compute.host.down on host/compute-1 by ping" in nfv("alarm", "explain", alarm).stdout


def test_an_alarm_is_cleared_by_hand(nfv: Openstack, root: dict[str, Any]) -> None:
    assert nfv.json("alarm", "clear", root["ID"])["state"] == "cleared"


def test_output_comes_in_every_form(nfv: Openstack, root: dict[str, Any]) -> None:
    columns = ("-c", "ID", "-c", "State")

    assert root["ID"] in nfv("alarm", "list", "--root-only").stdout
    assert nfv("alarm", "list", "--root-only", *columns, "-f", "csv").stdout.startswith('"ID","State"')
    assert f"- ID: {root['ID']}" in nfv("alarm", "list", "--root-only", *columns, "-f", "yaml").stdout
    assert nfv("alarm", "show", root["ID"], "-f", "value", "-c", "id").stdout.strip() == root["ID"]


def test_a_long_list_comes_in_pages(nfv: Openstack) -> None:
    ports = nfv.json("resource", "list", "port", "--all")
    first = nfv("resource", "list", "server", "--limit", "3", "-f", "json")
    rest = nfv.json("resource", "list", "server", "--marker", json.loads(first.stdout)[-1]["Resource"])

    assert len(ports) > 3
    assert len(json.loads(first.stdout)) == 3
    assert len(rest) == 32 - 3
    assert "There may be more" not in first.stderr
    assert "not allowed with" in nfv("host", "list", "--limit", "3", "--all", code=2).stderr
    assert "must be 1 or more" in nfv("host", "list", "--limit", "0", code=2).stderr


def test_who_named_no_limit_hears_that_there_is_more(nfv: Openstack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfvigil.openstack_plugin.commands.SHOWN", 2)

    shown = nfv("host", "list", "-f", "json")

    assert len(json.loads(shown.stdout)) == 2
    assert "There may be more: --all, or --marker" in shown.stderr


def test_a_consumer_is_subscribed_tried_and_sent_home(nfv: Openstack, consumer: Consumer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n")
    endpoint = f"signed={consumer.url('all')}"
    made = nfv.json(
        *("subscription", "create", "vnfm", "--endpoint", endpoint, "--secret-file", str(tmp_path / "key")),
        *("--fault-type", "compute.*", "--min-severity", "major", "--mode", "both"),
    )

    assert made["filter"]["fault_types"] == ["compute.*"]
    assert made["endpoints"][0]["has_secret"]
    assert [one["State"] for one in nfv.json("subscription", "test", "vnfm", "--wait")] == ["delivered"]
    assert len(nfv.json("subscription", "test", made["id"])) == 1
    assert nfv.json("subscription", "list")[0]["Endpoints"] == [endpoint]
    assert nfv.json("subscription", "show", "vnfm")["id"] == made["id"]
    assert nfv.json("subscription", "pause", "vnfm")["paused"] is True
    assert nfv.json("subscription", "resume", "vnfm")["paused"] is False
    assert nfv.json("subscription", "deliveries", "vnfm", "--state", "delivered")
    assert nfv.json("subscription", "replay", "vnfm", "--after", "0")["requeued"] > 0
    nfv("subscription", "delete", "vnfm")
    assert nfv.json("subscription", "list") == []


def test_a_test_that_does_not_arrive_in_time_ends_with_1(nfv: Openstack) -> None:
    nfv("subscription", "create", "gone", "--endpoint", f"http://127.0.0.1:{free_port()}/")

    waited = nfv("subscription", "test", "gone", "--wait", "--wait-max", "0.2", code=1)

    assert "is not over after 0.2 s, and goes on" in waited.stderr
    nfv("subscription", "delete", "gone")


def test_events_are_sent_and_listed(nfv: Openstack, tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text('{"events": [{"type": "some.thing", "resource": "switch/s-1"}, {"type": "5 5"}]}')

    sent = nfv("event", "send", "--file", str(file), "-f", "json", code=1)
    receipts = json.loads(sent.stdout)

    assert [one["State"] for one in receipts] == ["accepted", "refused"]
    assert any("type" in error for error in receipts[1]["Errors"])
    assert receipts[0]["Event"] in [one["ID"] for one in nfv.json("event", "list", "--type", "some.*")]
    assert "name the type" in nfv("event", "send", code=1).stderr
    assert "stands in the --file" in nfv("event", "send", "a.b", "--file", str(file), code=1).stderr


def test_hosts_and_brakes_are_in_the_operators_hand(nfv: Openstack) -> None:
    assert {one["Host"] for one in nfv.json("host", "list")} >= {"compute-1", "compute-8"}
    assert len(nfv.json("host", "show", "compute-2")["related"]["servers"]) == 4
    assert "zone" in nfv("host", "show", "compute-2").stdout
    assert nfv.json("host", "power", "compute-2")["power"] == "on"
    assert "4 servers" in nfv("host", "confirm-off", "compute-2", "--reason", "it is", code=1).stderr
    refused = nfv("host", "confirm-off", "compute-2", "--reason", "it is", "--sure", "compute-2", code=1)
    assert "on" in refused.stderr
    assert nfv.json("resource", "impact", "host/compute-2")["event_type"] == "compute.host.down"
    assert "compute.host.down on host/compute-2" in nfv("resource", "impact", "host/compute-2").stdout
    assert nfv.json("brakes", "hold", "cloud", "--reason", "a rehearsal")["holds"][0]["vim"] == "cloud"
    assert nfv.json("brakes", "release", "cloud", "--reason", "over")["holds"] == []
    assert nfv.json("brakes", "automation", "off", "--reason", "a rehearsal")["automation"] is False
    assert nfv.json("brakes", "automation", "on", "--reason", "over")["automation"] is True
    assert nfv.json("brakes", "show")["waiting"] == 0


def test_a_server_is_rebooted_on_request(nfv: Openstack) -> None:
    server = nfv.json("resource", "list", "server", "--limit", "1")[0]["Resource"]
    words = ("instruct", "reboot", server, "--param", "type=SOFT")

    assert nfv.json("resource", "show", server)["record"]["status"] == "ACTIVE"
    assert nfv.json(*words, "--dry-run")["action"] == "reboot"
    done = nfv.json(*words, "--wait", "--wait-max", "20")
    assert done["state"] == "done"
    assert nfv.json("instruction", "show", done["id"])["state"] == "done"
    assert [one["ID"] for one in nfv.json("instruction", "list")] == [done["id"]]
    assert "it is switched off, and they with it" in nfv("instruct", "fence", "compute-3", code=1).stderr.lower()
    assert "must be true or false" in nfv("instruct", "migrate", server, "--param", "confirm=5", code=1).stderr


def test_a_cloud_is_added_changed_and_taken_away(nfv: Openstack) -> None:
    words = ("toy", "--driver", "simulated", "--option", "hosts=2", "--option", "host_prefix=toy-")

    assert nfv.json("vim", "add", *words, "--dry-run")["ok"]
    assert nfv.json("vim", "add", *words, "--interval", "3600")["options"]["hosts"] == 2
    assert nfv.json("vim", "refresh", "toy", "--wait")["counts"]["hosts"] == 2
    assert {one["OK"] for one in nfv.json("vim", "check", "toy")} == {True}
    assert {one["Name"]: (one["State"], one["Conditions"]) for one in nfv.json("vim", "status")} == {
        "cloud": ("watched", []),
        "toy": ("watched", []),
    }
    known = {one["Field"]: one["Value"] for one in nfv.json("vim", "status", "toy")}
    assert (known["period_seconds"], known["failures"], known["error"]) == (3600.0, 0, "")
    assert nfv.json("vim", "set", "toy", "--interval", "60", "--disable")["enabled"] is False
    assert "nothing is to be changed" in nfv("vim", "set", "toy", code=1).stderr
    assert nfv.json("vim", "show", "toy")["driver"] == "simulated"
    nfv("vim", "remove", "toy")
    assert [one["Name"] for one in nfv.json("vim", "list")] == ["cloud"]


def test_a_secret_on_the_command_line_is_refused(nfv: Openstack) -> None:
    said = nfv("vim", "add", "x", "--option", "auth.password=sesame", code=1).stderr

    assert "--option-file auth.password=FILE" in said
    assert "sesame" not in said


def test_what_is_wrong_is_said_with_field_and_reason(nfv: Openstack) -> None:
    assert "there is no such alarm" in nfv("alarm", "show", "nothing", code=1).stderr
    said = nfv("subscription", "create", "--endpoint", "morse=http://127.0.0.1/", code=1).stderr
    assert "endpoints[0].format: must be one of" in said
    assert "of the id or name nobody" in nfv("subscription", "show", "nobody", code=1).stderr
    assert "resource: must be kind/id" in nfv("resource", "show", "compute-1", code=1).stderr


def test_a_service_that_is_not_there_is_an_error_and_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfvigil.client.retrying.FIRST_PAUSE_SECONDS", 0)

    said = Openstack(*NOBODY, f"http://127.0.0.1:{free_port()}")("alarm", "list", code=1).stderr

    assert "does not answer: Connection refused" in said


def test_keystone_says_who_we_are_and_where_the_service_is(make_service: MakeService, tmp_path: Path) -> None:
    service = make_service(settings={"dev": False})
    words = ["token", "create", "--role", "member", "--project", "p-1", "--database", f"sqlite:///{service.database}"]
    token = CliRunner().invoke(app, [*words, "--format", "json"])
    assert token.exit_code == 0, token.output
    service.start()
    here = f"http://127.0.0.1:{service.port}"
    with keystone(here, json.loads(token.stdout)["token"], "p-1") as login:
        cloud = {"auth_type": "password", "region_name": "one", "identity_api_version": 3}
        auth = {"auth_url": login, "username": "ann", "password": "sesame", "project_name": "vnf"}
        auth |= {"user_domain_id": "default", "project_domain_id": "default"}
        wrong = {**cloud, "auth": {**auth, "password": "open"}}
        (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": {**cloud, "auth": auth}, "wrong": wrong}}))
        file = str(tmp_path / "clouds.yaml")
        ours = Openstack("--os-cloud", "lab", OS_CLIENT_CONFIG_FILE=file)
        made = ours.json("subscription", "create", "mine", "--endpoint", "http://192.0.2.1/hook")
        hosts = ours("host", "show", "compute-1", code=1)
        real = start("--os-cloud", "lab", "nfv", "subscription", "list", "-f", "json", OS_CLIENT_CONFIG_FILE=file)
        refused = start("--os-cloud", "wrong", "nfv", "alarm", "list", OS_CLIENT_CONFIG_FILE=file)

    assert made["project"] == "p-1"
    assert "there is no such resource" in hosts.stderr
    assert [one["ID"] for one in json.loads(real.stdout)] == [made["id"]]
    assert (refused.code, refused.stdout) == (1, "")
    nobody = Openstack(*NOBODY, here)("alarm", "list", code=1).stderr
    assert "put a token of NFVigil's own into NFVIGIL_TOKEN" in nobody
    assert Openstack(*NOBODY, here, NFVIGIL_TOKEN=json.loads(token.stdout)["token"]).json("alarm", "list") == []


def test_a_cloud_that_does_not_have_us_says_how_to_find_us(url: str) -> None:
    with keystone(None, "no matter", "p-1") as login:
        words = ("--os-auth-url", login, "--os-username", "ann", "--os-password", "sesame", "--os-project-name", "vnf")
        words += ("--os-user-domain-id", "default", "--os-project-domain-id", "default")
        lost = Openstack(*words)("alarm", "list", code=1).stderr
        found = Openstack(*words, "--os-nfv-endpoint", url)("host", "list", code=1).stderr

    assert "its catalogue" in lost or "the catalogue has no nfv-fault-management" in lost
    assert "--os-nfv-endpoint or OS_NFV_ENDPOINT" in lost
    assert "token" in found  # it is not the token of anybody there


def test_the_command_itself_shows_alarms(url: str) -> None:
    shown = start(*NOBODY, url, "nfv", "vim", "list", "-f", "csv", "-c", "Name", OS_NFV_API_VERSION="1")

    assert (shown.code, shown.stdout) == (0, '"Name"\n"cloud"\n'), shown.stderr


def test_the_client_without_a_cloud_still_helps_and_completes() -> None:
    completion = start("complete")

    assert completion.code == 0, completion.stderr
    assert "cmds_nfv_alarm='ack clear comment explain history list show unack'" in completion.stdout
