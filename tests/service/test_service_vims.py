"""Accounts of clouds in the real service: over restarts and kills, without their keys, and with nothing to be seen."""

from __future__ import annotations

import random
import threading
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from service_api import Api
from service_process import MakeService, Service, wait_until

PLANTED = 0.000273918465
"""A number that the simulated cloud takes under a name that is a secret's."""
TRACE = b"273918465"
KILLS = 4


def toy(name: str, **more: Any) -> dict[str, Any]:
    options = {"hosts": 2, "servers_per_host": 2, "host_prefix": f"{name}-", "latency_by_call": {"token": PLANTED}}
    return {"name": name, "driver": "simulated", "options": options | more}


def wait_watched(service: Service, name: str) -> None:
    wait_until(lambda: service.api.get(f"/v1/vims/{name}")["state"] == "watched", f"{name} is watched")


def hosts(service: Service) -> set[str]:
    return {one["key"] for one in service.api.all("/v1/resources?kind=host")}


def test_a_cloud_that_was_added_is_watched_and_acted_on_also_after_a_restart(service: Service) -> None:
    service.api.post("/v1/vims", toy("toy"), expect=201)
    for _ in range(2):
        wait_watched(service, "toy")
        assert {"host/toy-1", "host/toy-2", "host/compute-1"} <= hosts(service)
        service.api.post("/v1/events", {"type": "compute.host.down", "resource": "host/toy-1"})
        wait_until(
            lambda: [one["state"] for one in service.api.all("/v1/actions") if one["target"] == "host/toy-1"].count(
                "done"
            ),
            "the host is forced down",
        )
        service.wait_quiet()
        service.restart()

    assert service.api.get("/v1/vims/toy")["options"]["latency_by_call"] == {"token": "***"}


def test_a_change_is_in_effect_at_once_and_a_removal_takes_all_of_it_out(service: Service) -> None:
    before = hosts(service)
    service.api.post("/v1/vims", toy("toy"), expect=201)
    wait_watched(service, "toy")

    service.api.send("PATCH", "/v1/vims/toy", {"options": {"hosts": 4}})
    wait_until(lambda: "host/toy-4" in hosts(service), "the new hosts")
    service.api.post("/v1/events", {"type": "compute.host.down", "resource": "host/toy-1"})
    wait_until(lambda: any(a["vim"] == "toy" for a in service.api.all("/v1/alarms")), "its alarms")
    service.wait_quiet()
    service.api.send("DELETE", "/v1/vims/toy", expect=204)

    assert hosts(service) == before
    assert service.api.ask("GET", "/v1/vims/toy").status == 404
    service.wait_quiet()
    service.restart()
    assert [one["name"] for one in service.api.all("/v1/vims")] == ["cloud"]
    assert "Traceback" not in service.tail(1000)


def test_that_a_cloud_is_away_and_how_old_is_what_is_known_of_it_is_to_be_seen_until_it_is_back(
    service: Service,
) -> None:
    def known() -> dict[str, Any]:
        found: dict[str, Any] = service.api.get("/v1/vims/cloud")
        return found

    def listed() -> None:
        began = known()["attempted_time"]
        service.api.send("POST", "/v1/vims/cloud/refresh", expect=202)
        wait_until(lambda: known()["attempted_time"] > began and not known()["listing"], "an answer")

    service.api.send("PUT", "/v1/simulation", {"failure": {"kind": "dead", "timeout_seconds": 0.01}})
    for _ in range(3):
        listed()
    away = wait_until(lambda: (one := known())["conditions"] == ["unreachable"] and one, "it is away")
    metrics = service.api.ask("GET", "/metrics").body.decode()
    service.api.send("PUT", "/v1/simulation", {"failure": {"kind": "none"}})
    server = service.api.all("/v1/resources?kind=server")[0]["key"]
    changes = {"set": {server: {"status": "SHUTOFF"}}, "details": {server: {"description": "stopped by hand"}}}
    service.api.send("POST", "/v1/simulation/changes", changes)
    listed()
    back = known()

    assert (away["state"], away["failures"] >= 3, away["snapshot_age_seconds"] > 0) == ("failing", True, True)
    assert 'nfvigil_vim_unreachable{vim="cloud"} 1.0' in metrics
    assert (back["state"], back["failures"], back["conditions"], back["error"]) == ("watched", 0, [], "")
    assert back["snapshot_time"] > away["snapshot_time"]
    assert back["period_seconds"] == back["interval_seconds"]
    assert service.api.get(f"/v1/resources/{server}")["record"]["status"] == "SHUTOFF"


def test_killed_while_accounts_are_added_each_is_there_whole_or_not_at_all(make_service: MakeService) -> None:
    service = make_service(cloud={"hosts": 1, "servers_per_host": 1}).start()
    chance = random.Random(7)
    acknowledged: set[str] = set()
    asked: set[str] = set()

    def add_on(turn: int, stop: threading.Event) -> None:
        api = Api(port=service.port, timeout_seconds=5)
        number = 0
        while not stop.is_set():
            name = f"v{turn}-{number}"
            asked.add(name)
            try:
                if api.ask("POST", "/v1/vims", toy(name, hosts=1, servers_per_host=1)).status == 201:
                    acknowledged.add(name)
            except (OSError, HTTPException):
                time.sleep(0.01)
            number += 1
        api.close()

    for turn in range(KILLS):
        before, stop = len(acknowledged), threading.Event()
        adding = threading.Thread(target=add_on, args=(turn, stop), daemon=True)
        adding.start()
        wait_until(lambda before=before: len(acknowledged) > before + 1, "some are added")
        time.sleep(chance.random() * 0.1)
        service.kill()
        stop.set()
        adding.join(10)
        service.start()
        kept = {one["name"]: one for one in service.api.all("/v1/vims") if one["source"] == "api"}
        assert acknowledged <= set(kept) <= asked
        assert {one["state"] for one in kept.values()} <= {"watched", "unread"}
        assert all(
            one["options"] == kept["v0-0"]["options"] | {"host_prefix": f"{name}-"} for name, one in kept.items()
        )


def test_a_secret_is_in_no_answer_no_log_no_metric_and_no_byte_of_the_database(service: Service) -> None:
    seen: list[bytes] = []

    def ask(method: str, path: str, body: Any = None) -> None:
        seen.append(service.api.ask(method, path, body).body)

    dry = {"driver": "simulated", "options": toy("dry")["options"]}
    ask("POST", "/v1/vims", toy("toy"))
    ask("POST", "/v1/vims", toy("toy"))
    ask("POST", "/v1/vims", {"name": "dry", "driver": "dry-run", "options": dry})
    ask("POST", "/v1/vims", {"name": "bad", "driver": "nope", "options": {"password": str(PLANTED)}})
    ask("POST", "/v1/vims", {"name": "bad", "driver": "simulated", "options": {"password": str(PLANTED)}})
    ask("POST", "/v1/vims", {"name": "bad", "driver": "dry-run", "options": {"driver": str(PLANTED), "token": PLANTED}})
    ask("POST", "/v1/vims/check", toy("new"))
    ask("PATCH", "/v1/vims/toy", {"options": {"latency_by_call": {"token": "***", "secret": PLANTED}}})
    ask("PATCH", "/v1/vims/toy", {"options": {"domain": "***"}})
    for name in ("toy", "dry"):
        wait_watched(service, name)
        ask("POST", f"/v1/vims/{name}/check")
        ask("POST", f"/v1/vims/{name}/refresh")
        ask("GET", f"/v1/vims/{name}")
    for path in ("/v1/vims", "/readyz", "/metrics", "/v1/simulation", "/v1/resources?kind=server"):
        ask("GET", path)
    service.restart()
    ask("GET", "/v1/vims")

    assert [body for body in seen if TRACE in body] == []
    written = [path for path in service.directory.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"nfvigil.db", "nfvigil.db.keys", "service.log"}
    assert [path.name for path in written if TRACE in path.read_bytes()] == []
    assert (service.directory / "nfvigil.db.keys").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("keys", [None, b"nonsense", Fernet.generate_key()], ids=["none", "nonsense", "another"])
def test_without_its_key_an_account_is_locked_and_everything_else_works(service: Service, keys: bytes | None) -> None:
    service.api.post("/v1/vims", toy("toy"), expect=201)
    assert service.stop() == 0
    key_file = Path(f"{service.database}.keys")
    right = key_file.read_bytes()
    key_file.unlink()
    if keys is not None:
        key_file.write_bytes(keys)

    service.start()

    shown = service.api.get("/v1/vims/toy")
    assert shown["state"] == "locked"
    assert shown["error"]
    assert service.api.get("/readyz")["details"]["vims"]["toy"]["error"] == shown["error"]
    assert "a VIM cannot be used" in service.tail()
    assert service.api.get("/v1/vims/cloud")["state"] == "watched"
    service.api.post("/v1/events", {"type": "compute.host.down", "resource": "host/compute-1"})
    wait_until(lambda: service.api.all("/v1/alarms"), "alarms")

    assert service.stop() == 0
    key_file.write_bytes(right)
    service.start()
    wait_watched(service, "toy")


def test_on_postgresql_a_secret_needs_keys_that_are_given(make_service: MakeService, postgresql: str) -> None:
    service = make_service("without", settings={"database_url": postgresql}).start()

    refused = service.api.ask("POST", "/v1/vims", toy("toy"))
    assert refused.status == 400
    assert b"secrets.key_file" in refused.body
    assert b"NFVIGIL_SECRETS__KEYS" in refused.body
    service.api.post("/v1/vims", toy("open", latency_by_call={}), expect=201)
    assert service.stop() == 0

    keys = Fernet.generate_key().decode()
    given = {"database_url": postgresql, "secrets": {"keys": keys}}
    service = make_service("with", settings=given).start()
    service.api.post("/v1/vims", toy("toy"), expect=201)
    service.restart()
    for name in ("open", "toy"):
        wait_watched(service, name)
    assert keys not in service.tail(1000)
