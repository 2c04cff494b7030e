"""The VES agent of the real service, beside a collector that takes, refuses, hangs and loses: nothing is lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import MakeService, Service, wait_until
from test_service_story import HOST, down, servers, up

from nfvigil.client import Client
from nfvigil.ves.player import Collector
from nfvigil.ves.reception import Schemas
from published_files import published

PATH = "/api/multicloud-fcaps/v0/CloudOwner_cloud/vesagent"
LOGIN = {"username": "agent", "password": "s3cret"}
KILLS = int(os.environ.get("NFVIGIL_TEST_VES_KILLS", "3"))
OPENSTACK = Path(sys.executable).with_name("openstack")


def schemas() -> Schemas:
    return Schemas(published("ves"))


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector(schemas=schemas(), **LOGIN) as player:
        yield player


def configured(service: Service, collector: Collector, version: str = "v7", **more: Any) -> dict[str, Any]:
    config = {
        "ves_subscription": {"endpoint": collector.url(version), **LOGIN},
        "poll_interval_default": 1,
        "backlogs": [{"domain": "fault", "type": "vm"}, {"domain": "fault", "type": "host"}],
        **more,
    }
    made: dict[str, Any] = service.api.post(PATH, {"vesagent_config": config}, expect=201)
    return made


def headers(collector: Collector, name: str) -> list[dict[str, Any]]:
    found = (one["commonEventHeader"] for one in collector.events)
    return [one for one in found if one["eventName"] == name]


RAISED, CLEARED = "Fault_MultiCloud_VMFailure", "Fault_MultiCloud_VMFailureCleared"


@pytest.mark.parametrize("version", ["v5", "v7"])
def test_a_host_that_fails_is_told_with_its_servers_and_so_is_that_they_are_well(
    service: Service, collector: Collector, version: str
) -> None:
    made = configured(service, collector, version, heartbeat_interval=1)
    hit = {one["id"] for one in servers(service).values()}
    assert {one["domain"] for one in made["vesagent_backlogs"]} == {"fault", "heartbeat"}
    assert "s3cret" not in json.dumps(made)

    service.api.post("/v1/events", down())
    assert collector.wait(lambda: len(headers(collector, RAISED)) == len(hit), 20)
    with Client(f"http://127.0.0.1:{service.port}") as client:
        shown = client.ves.show("cloud")
        tested = client.ves.test("cloud")
    service.api.post("/v1/events", up())
    assert collector.wait(lambda: len(headers(collector, CLEARED)) == len(hit), 20)

    assert {one["sourceId"] for one in headers(collector, RAISED)} == hit
    assert {one["eventId"] for one in headers(collector, RAISED)} == {
        one["eventId"] for one in headers(collector, CLEARED)
    }
    assert any(one.is_batch for one in collector.received), "those of one look go together"
    assert collector.wait(lambda: not collector.alarms(), 20), "the host as well"
    assert len(headers(collector, "Heartbeat_MultiCloud_VesAgent")) >= 3
    assert (tested.ok, tested.status) == (True, 202)
    assert sum(len(one["raised"]) for one in shown.backlogs) >= len(hit)
    assert collector.refused == [], "all of it is valid by the schemas"
    metrics = service.api.ask("GET", "/metrics").body.decode()
    assert 'nfvigil_ves_events{domain="fault",vim="cloud"}' in metrics
    subscription = service.api.get("/v1/subscriptions")["items"][0]
    assert subscription["owner"] == "ves"
    assert service.api.ask("DELETE", f"/v1/subscriptions/{subscription['id']}").status == 409


def test_a_collector_that_is_away_hears_everything_later_in_order(service: Service, collector: Collector) -> None:
    configured(service, collector)
    collector.stop()
    for tell in (down(), up()):
        service.api.post("/v1/events", tell)
        event = "raised" if tell["status"] == "down" else "cleared"
        wait_until(lambda event=event: _stand(service, event), f"{event} was found", 20)

    collector.start()

    assert collector.wait(lambda: len(headers(collector, CLEARED)) == 4, 30)
    assert [one["sequence"] for one in headers(collector, RAISED)] == [0] * 4
    assert not collector.alarms()


def _stand(service: Service, event: str) -> bool:
    """Whether the agent has found that they all failed, or that none does any more."""
    shown = service.api.get("/v1/vims/cloud/ves")
    raised = sum(len(one["raised"]) for one in shown["backlogs"] if one["type"] == "vm")
    return raised == (4 if event == "raised" else 0) and shown["collector"]["pending"] > 0


@pytest.mark.timeout(0)  # every wait in here has its own limit
def test_killed_while_it_publishes_it_loses_nothing_and_repeats_with_the_same_ids(
    make_service: MakeService, collector: Collector
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    service = make_service().start()
    configured(service, collector)
    moments = (lambda: collector.delay(0.3), lambda: collector.lose_answers(2), lambda: collector.fail(times=3))
    for number in range(KILLS):
        moments[number % len(moments)]()
        service.api.post("/v1/events", down() if number % 2 == 0 else up())
        seen = len(collector.received)
        collector.wait(lambda seen=seen: len(collector.received) > seen, 5)
        time.sleep(chance.random() * 0.2)
        service.kill()
        collector.heal()
        service.start()
    service.api.post("/v1/events", up())

    wait_until(lambda: all(one.get("status") == "ACTIVE" for one in _records(service)), "the cloud is well", 30)
    assert collector.wait(lambda: bool(headers(collector, CLEARED)) and not collector.alarms(), 30)
    by_alarm: dict[str, list[int]] = {}
    for event in collector.events:
        header = event["commonEventHeader"]
        by_alarm.setdefault(header["eventId"], []).append(header["sequence"])
    for event_id, sequences in by_alarm.items():
        assert sorted(set(sequences)) == list(range(max(sequences) + 1)), (event_id, sequences)
        firsts = list(dict.fromkeys(sequences))
        assert firsts == sorted(firsts), "what came twice came again, and never too early"


def _records(service: Service) -> list[dict[str, Any]]:
    return list(servers(service, HOST).values())


def test_it_is_configured_from_both_command_lines_and_kept_over_a_restart(
    service: Service, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    url = f"http://127.0.0.1:{service.port}"
    environ = {**os.environ, "NFVIGIL_URL": url, "OS_AUTH_TYPE": "none", "OS_ENDPOINT": url}

    def command(program: Path | str, *words: str) -> str:
        done = subprocess.run(
            [str(program), *words], env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    nfvigil = Path(sys.executable).with_name("nfvigil")
    words = ["--endpoint", collector.url("v5"), "--username", "agent", "--password-file", str(tmp_path / "password")]
    command(nfvigil, "ves", "set", "cloud", *words, "--backlog", "domain=fault,type=vm")
    service.restart()
    shown = json.loads(command(nfvigil, "ves", "show", "cloud", "--format", "json"))
    assert shown["config"]["ves_subscription"]["password"] == "***"
    assert "202" in command(nfvigil, "ves", "test", "cloud")
    if OPENSTACK.exists():
        out = command(OPENSTACK, "nfv", "ves", "set", "cloud", "--faults", "onap", "-f", "json")
        assert json.loads(out)["config"]["faults"] == "onap"
    command(nfvigil, "ves", "delete", "cloud", "--yes")

    assert service.api.ask("GET", "/v1/vims/cloud/ves").status == 404
    assert b"s3cret" not in service.log.read_bytes()
