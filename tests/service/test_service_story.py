"""End to end on the real service: what happens when a host dies, and what people do about it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from service_consumer import OK, Arrival, Consumer, Reaction, faults_in, news_of
from service_process import MakeService, Service, wait_until

HOST = "compute-1"


def down(host: str = HOST, kind: str = "compute.host.down", **more: Any) -> dict[str, Any]:
    return {"type": kind, "resource": f"host/{host}", "status": "down", **more}


def up(host: str = HOST, kind: str = "compute.host.down", **more: Any) -> dict[str, Any]:
    return {"type": kind, "resource": f"host/{host}", "status": "up", **more}


def projects(service: Service) -> dict[str, str]:
    found: dict[str, str] = service.api.get("/v1/simulation")["projects"]
    return found


def servers(service: Service, host: str = HOST) -> dict[str, dict[str, Any]]:
    items = service.api.all("/v1/resources?kind=server")
    return {item["key"]: item["record"] for item in items if item["record"]["host"] == host}


def first(consumer: Consumer, endpoint: str, kind: str, number: int = 1) -> Arrival:
    """The ``number``-th message of this kind there."""
    found: Arrival = consumer.wait_for(
        lambda: consumer.news(endpoint, kind)[number - 1 : number], f"{kind} at {endpoint}"
    )[0]
    return found


def test_a_host_dies_and_comes_back(service: Service, consumer: Consumer) -> None:
    api = service.api
    api.subscribe(consumer.url("admin"), mode="both")
    for name, project in projects(service).items():
        api.subscribe(consumer.url(name), project=project, mode="both")
    before = servers(service)

    api.post("/v1/simulation/hosts/compute-1", {"power": "off"})
    api.post("/v1/events", down())

    for name, project in projects(service).items():
        told = first(consumer, name, "raised")
        assert {key for key, _ in faults_in(told)} == {k for k, s in before.items() if s["project"] == project}
        assert b"compute-1" not in told.body, "an owner is not to know where its servers run"
        assert {resource["ProjectID"] for resource in told.json["VirtualResourceInfo"]} == {project}
        assert {fault["State"] for _, fault in faults_in(first(consumer, name, "confirmed"))} == {"confirmed"}
    told = first(consumer, "admin", "raised")
    assert {key for key, _ in faults_in(told)} == {"host/compute-1", *before}
    assert [key for key, fault in faults_in(told) if fault["IsRootCause"]] == ["host/compute-1"]
    service.wait_quiet()
    assert api.get("/v1/resources/host/compute-1")["record"]["forced_down"] is True
    assert {server["status"] for server in servers(service).values()} == {"ERROR"}

    api.post("/v1/simulation/hosts/compute-1", {"power": "on"})
    api.post("/v1/events", up())

    for name in ("admin", *projects(service)):
        assert {fault["Severity"] for _, fault in faults_in(first(consumer, name, "cleared"))} == {0}
    service.wait_quiet()
    host = api.get("/v1/resources/host/compute-1")["record"]
    assert (host["forced_down"], host["service_up"]) == (False, True)
    assert servers(service) == before
    assert api.get("/v1/alarms")["items"] == []
    assert {action["state"] for action in api.all("/v1/actions")} == {"done"}


def test_capacity_is_that_of_this_moment_when_a_host_is_lost_and_when_it_is_back(service: Service) -> None:
    api = service.api

    def left() -> tuple[int, int, int, int]:
        (row,) = api.get("/v1/capacity?by=vim")["items"]
        return row["hosts"]["usable"], row["hosts"]["lost"], row["vcpus"]["left"], row["without_host"]["servers"]

    usable, lost, vcpus, _ = before = left()
    count = len(servers(service))
    assert (lost, before[3]) == (0, 0)

    api.post("/v1/events", down())
    service.wait_quiet()

    assert left() == (usable - 1, 1, vcpus - vcpus // usable, count)
    zone = api.get("/v1/resources/host/compute-1")["record"]["zone"]
    shown = api.ask("GET", "/metrics").body.decode()
    assert f'nfvigil_capacity_servers_without_host{{vim="cloud",zone="{zone}"}} {count}.0' in shown

    api.post("/v1/events", up())
    service.wait_quiet()

    assert left() == before


def test_what_a_server_was_before_is_restored_rather_than_a_fixed_value(service: Service) -> None:
    api = service.api
    api.post("/v1/events", down(kind="compute.host.power"))
    api.post("/v1/events", down())
    service.wait_quiet()

    api.post("/v1/events", up(kind="compute.host.power"))
    service.wait_quiet()

    assert api.get("/v1/resources/host/compute-1")["record"]["forced_down"] is True, "the other fault still asks for it"
    api.post("/v1/events", up())
    service.wait_quiet()
    assert api.get("/v1/resources/host/compute-1")["record"]["forced_down"] is False
    assert {server["status"] for server in servers(service).values()} == {"ACTIVE"}


def test_alarms_can_be_listed_explained_acknowledged_and_cleared_by_hand(service: Service) -> None:
    api = service.api
    api.post("/v1/events", down(cause="no ping", monitor="ping", monitor_event_id="7"))
    service.wait_quiet()

    alarms = api.all("/v1/alarms?state=confirmed")
    assert len(alarms) == 5
    [root] = api.get("/v1/alarms?root_only=true")["items"]
    assert root["resource"] == {"kind": "host", "id": HOST, "name": HOST}
    assert {alarm["root_cause_id"] for alarm in alarms} == {root["id"]}
    explained = api.get(f"/v1/alarms/{root['id']}/explain")
    assert "host-down" in json.dumps(explained["rule"])
    assert explained["event"]["monitor"] == "ping"
    assert {action["state"] for action in explained["actions"]} == {"done"}
    acked = api.post(f"/v1/alarms/{root['id']}/ack")
    assert acked["ack_state"] == "acknowledged"
    api.post(f"/v1/alarms/{root['id']}/ack", expect=409)
    history = [entry["what"] for entry in api.get(f"/v1/alarms/{root['id']}/history")["items"]]
    assert history == ["raised", "confirmed", "acknowledged"]
    child = next(alarm for alarm in alarms if alarm["id"] != root["id"])
    api.post(f"/v1/alarms/{child['id']}/clear", expect=409)
    api.post(f"/v1/alarms/{root['id']}/clear")
    service.wait_quiet()
    assert api.get("/v1/alarms")["items"] == []
    assert {server["status"] for server in servers(service).values()} == {"ACTIVE"}
    receipt = api.post("/v1/events", down(cause="no ping", monitor="ping", monitor_event_id="7"))["events"][0]
    assert receipt["state"] == "accepted", "after a clear by hand the monitor's next word counts"


def test_a_monitor_that_repeats_itself_costs_nothing(service: Service, consumer: Consumer) -> None:
    api = service.api
    api.subscribe(consumer.url("admin"))
    # Doctor's sample monitor: the same monitor_event_id for ever.
    event = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.000", time.gmtime()),
        "type": "compute.host.down",
        "details": {
            "hostname": HOST,
            "status": "down",
            "monitor": "monitor1",
            "monitor_event_id": "123",
            "severity": "critical",
        },
    }

    answers = [api.ask("PUT", "/events", [event]) for _ in range(50)]

    assert {(answer.status, answer.body) for answer in answers} == {(200, b"OK")}
    first(consumer, "admin", "raised")
    service.wait_quiet()
    assert len(consumer.arrivals) == 1
    assert len(api.all("/v1/events?type=compute.host.down")) == 1
    assert len(api.all("/v1/alarms")) == 5


def test_maintenance_through_doctors_door_suppresses_until_it_is_over(service: Service, consumer: Consumer) -> None:
    api = service.api
    api.subscribe(consumer.url("admin"))

    def maintenance(state: str) -> dict[str, Any]:
        traits = [["state", 1, state], ["host", 1, HOST], ["session_id", 1, "4711"], ["project_id", 1, "p"]]
        return {"reason_data": {"type": "event", "event": {"event_type": "maintenance.host", "traits": traits}}}

    assert api.ask("POST", "/maintenance", maintenance("IN_MAINTENANCE")).status == 200
    api.post("/v1/events", down())
    service.wait_quiet()
    assert api.get("/v1/alarms")["items"] == []
    assert api.get("/v1/resources/host/compute-1")["record"]["forced_down"] is False

    assert api.ask("POST", "/maintenance", maintenance("MAINTENANCE_COMPLETE")).status == 200
    first(consumer, "admin", "raised")
    service.wait_quiet()
    assert len(api.all("/v1/alarms")) == 5


def test_a_predicted_fault_is_told_with_its_time_and_touches_nothing(service: Service, consumer: Consumer) -> None:
    api = service.api
    name, project = next(iter(projects(service).items()))
    api.subscribe(consumer.url(name), project=project)

    api.post("/v1/events", down(kind="compute.host.disk.predicted", lead_time_seconds=7200))

    told = first(consumer, name, "raised")
    assert {fault["FaultDetails"]["IsPredicted"] for _, fault in faults_in(told)} == {True}
    assert {resource["VirtualResourceState"] for resource in told.json["VirtualResourceInfo"]} == {"normal"}
    service.wait_quiet()
    assert api.all("/v1/actions") == []


def test_a_group_that_lost_all_its_members_is_an_alarm_of_its_own(service: Service) -> None:
    api = service.api
    text = api.get("/v1/policies/default")["text"] + GROUP_RULE
    api.post("/v1/policies", {"text": text}, expect=201)

    api.post("/v1/events", down("compute-1"))
    service.wait_quiet()
    assert api.all("/v1/alarms?resource_type=group") == []
    api.post("/v1/events", down("compute-2"))
    service.wait_quiet()

    assert len(api.all("/v1/alarms?resource_type=group")) == 4
    api.post("/v1/events", up("compute-1"))
    service.wait_quiet()
    assert api.all("/v1/alarms?resource_type=group") == []


GROUP_RULE = """
  - name: group-outage
    because: compute.instance.down
    to: group
    needs: all
    raise: vnf.group.outage
"""


def test_policies_are_changed_tried_and_rolled_back_while_it_runs(service: Service) -> None:
    api = service.api
    text = api.get("/v1/policies/default")["text"]
    quiet = text.replace("- name: host-degraded\n", "- name: host-degraded\n    notify: none\n")
    assert quiet != text
    assert api.post("/v1/policies/lint", {"text": "policy: x\nrules: 7\n"})["ok"] is False
    tried = api.post("/v1/policies/dry-run", {"event": down(kind="compute.host.fan")})["results"]
    assert [len({one["alarm"]["id"] for one in result["alarms"]}) for result in tried] == [5]
    assert api.get("/v1/alarms")["items"] == [], "a dry run leaves nothing"

    applied = api.post("/v1/policies", {"text": quiet}, expect=201)
    api.post("/v1/events", down(kind="compute.host.fan"))
    service.wait_quiet()
    back = api.post("/v1/policies/default/rollback", {})
    api.post("/v1/events", down("compute-2", kind="compute.host.fan"))
    service.wait_quiet()

    assert (applied["version"], back["version"]) == (2, 1)
    audiences = {a["resource"]["id"]: a["audience"] for a in api.all("/v1/alarms?resource_type=host&state=all")}
    assert audiences.get("compute-2") == "owners"
    assert audiences.get("compute-1", "none") == "none"
    service.kill()
    service.start()
    active = [policy for policy in api.all("/v1/policies") if policy["active"]]
    assert [(policy["name"], policy["version"]) for policy in active] == [("default", 1)]
    replay = api.post("/v1/replay", {})
    assert replay["equal"] == replay["replayed"] > 0, replay["different"]


def test_subscriptions_are_tested_paused_replayed_and_their_dead_letters_seen(
    service: Service, consumer: Consumer
) -> None:
    api = service.api
    made = api.subscribe(consumer.url("admin"))
    path = f"/v1/subscriptions/{made['id']}"
    api.post(f"{path}/test", expect=202)
    assert news_of(first(consumer, "admin", "test")) == "test"

    api.post(f"{path}/pause")
    api.post("/v1/events", down())
    wait_until(lambda: api.get(f"{path}/deliveries?state=pending")["items"], "a message that waits")
    assert len(consumer.arrivals) == 1
    api.post(f"{path}/resume")
    raised = first(consumer, "admin", "raised")

    consumer.react = lambda _endpoint, _seq: Reaction(status=410)
    api.post("/v1/events", up())
    dead = wait_until(lambda: api.get(f"{path}/deliveries?state=dead")["items"], "a dead letter")
    assert [letter["sequence"] for letter in dead] == [3]
    consumer.react = lambda _endpoint, _seq: OK
    assert api.post(f"{path}/replay?after=1")["requeued"] == 2

    first(consumer, "admin", "cleared")
    service.wait_quiet()
    again = [arrival for arrival in consumer.at("admin") if arrival.seq == raised.seq]
    assert {(arrival.id, arrival.body) for arrival in again} == {(raised.id, raised.body)}
    assert len(again) == 2
    api.send("DELETE", path, expect=204)
    assert api.ask("GET", path).status == 404
    api.post("/v1/events", down("compute-2"))
    service.wait_quiet()
    assert len(consumer.at("admin")) == 5


def test_a_heartbeat_says_that_silence_is_no_failure(service: Service, consumer: Consumer) -> None:
    service.api.subscribe(consumer.url("beat"), heartbeat_seconds=1)

    second = first(consumer, "beat", "heartbeat", 2)

    assert second.seq == 2
    assert second.json["VirtualResourceInfo"] == []


def test_a_restart_keeps_alarms_subscriptions_and_repeats(service: Service, consumer: Consumer) -> None:
    api = service.api
    made = api.subscribe(consumer.url("admin"))
    api.post("/v1/events", down(monitor="m", monitor_event_id="1"))
    service.wait_quiet()
    alarms = api.all("/v1/alarms")

    service.restart()

    assert api.all("/v1/alarms") == alarms
    del made["resources"], made["virtual_resources"]
    assert api.get(f"/v1/subscriptions/{made['id']}") == made
    assert api.post("/v1/events", down(monitor="m", monitor_event_id="1"))["events"][0]["state"] == "repeat"
    api.post("/v1/events", up(monitor="m", monitor_event_id="1"))
    assert first(consumer, "admin", "cleared").seq == 2
    service.wait_quiet()
    assert {server["status"] for server in servers(service).values()} == {"ACTIVE"}
    assert api.get("/v1/alarms")["items"] == []


@pytest.mark.parametrize("failure", [{"kind": "dead", "timeout_seconds": 3}, {"kind": "slow", "latency_seconds": 3}])
def test_a_cloud_that_is_away_does_not_delay_the_news(
    service: Service, consumer: Consumer, failure: dict[str, Any]
) -> None:
    api = service.api
    api.subscribe(consumer.url("admin"))
    api.send("PUT", "/v1/simulation", {"failure": failure})

    started = time.monotonic()
    api.post("/v1/events", down())

    assert first(consumer, "admin", "raised").at - started < 1.0
    assert {alarm["vim_state"] for alarm in api.all("/v1/alarms")} == {"pending"}
    api.send("PUT", "/v1/simulation", {"failure": {"kind": "none"}})
    service.wait_quiet(60)
    assert {(alarm["state"], alarm["vim_state"]) for alarm in api.all("/v1/alarms")} == {("confirmed", "consistent")}


def test_an_endpoint_that_hangs_delays_no_other(service: Service, consumer: Consumer) -> None:
    consumer.react = lambda endpoint, _seq: Reaction(hangs=endpoint.startswith("dead"))
    for number in range(5):
        service.api.subscribe(consumer.url(f"dead-{number}"))
        service.api.subscribe(consumer.url(f"well-{number}"))

    started = time.monotonic()
    for host in range(1, 9):
        service.api.post("/v1/events", down(f"compute-{host}"))

    for number in range(5):
        assert first(consumer, f"well-{number}", "raised", 8).at - started < 3.0
        assert len(consumer.at(f"dead-{number}")) == 1


def test_a_long_mixed_run_is_replayed_to_equal_decisions(make_service: MakeService) -> None:
    service = make_service(cloud={"volumes_per_server": 1}).start()
    api = service.api
    kinds = (
        "compute.host.down",
        "compute.host.fan",
        "compute.host.chassis",
        "compute.host.thermal",
        "maintenance.host",
    )
    for number in range(300):
        host = f"compute-{number * 7 % 8 + 1}"
        kind = kinds[number * 3 % 5]
        api.post("/v1/events", (up if number // 8 % 2 else down)(host, kind, monitor=f"m{number % 3}"))
        if number == 150:
            service.kill()
            service.start()
    service.wait_quiet(60)

    replay = api.post("/v1/replay", {"limit": 100_000})
    service.restart()
    again = api.post("/v1/replay", {"limit": 100_000})

    assert replay["equal"] == replay["replayed"] > 100, json.dumps(replay["different"][:1])[:2000]
    assert again["equal"] == again["replayed"] >= replay["replayed"]
