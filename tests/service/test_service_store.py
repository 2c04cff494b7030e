"""What the service does when its database is in the way: full, locked, taken, or too new. And whom it lets in."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from service_api import Api
from service_consumer import Consumer, faults_in
from service_process import MakeService, Service, free_port, wait_until

NFVIGIL = [sys.executable, "-c", "from nfvigil.cli.main import main; main()"]


def nfvigil(*arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*NFVIGIL, *arguments], capture_output=True, text=True, timeout=seconds, check=False)


def fault(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "compute.host.memory", "resource": f"host/x-{number}", **more}


def is_taken(service: Service, event: dict[str, Any]) -> bool:
    return service.api.ask("POST", "/v1/events", event).status == 200


def told(consumer: Consumer) -> set[str]:
    faults = [fault for arrival in consumer.news("admin", "raised") for fault in faults_in(arrival)]
    return {key for key, fault in faults if not fault["FaultType"].startswith("nfvigil.")}


def test_a_full_disk_is_said_to_senders_and_costs_nothing_that_was_acknowledged(
    service: Service, consumer: Consumer
) -> None:
    service.api.subscribe(consumer.url("admin"))
    assert service.pid is not None
    full = max(path.stat().st_size for path in service.directory.glob("nfvigil.db*")) + 300_000
    # A write beyond this size fails as on a full disk.
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
    acknowledged: list[str] = []
    refused: list[int] = []
    for number in range(2_000):
        answer = service.api.ask("POST", "/v1/events", fault(number, details={"padding": ["y" * 1000] * 10}))
        if answer.status == 200:
            acknowledged.append(f"host/x-{number}")
        else:
            assert answer.status == 503, answer
            assert int(answer.headers["retry-after"]) >= 1
            refused.append(number)
        if len(refused) >= 5:
            break
    assert len(refused) == 5, "the disk did not fill up"
    assert service.is_alive()
    assert service.api.get("/healthz")["status"] == "alive"

    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    for number in refused:
        event = fault(number)
        wait_until(partial(is_taken, service, event), "the disk has room again")
        acknowledged.append(f"host/x-{number}")
    consumer.wait_for(lambda: told(consumer) >= set(acknowledged), "everything acknowledged", 30)
    service.wait_quiet()
    service.kill()
    service.start()
    kept = {f"host/{alarm['resource']['id']}" for alarm in service.api.all("/v1/alarms")}
    assert kept >= set(acknowledged)
    assert [arrival.seq for arrival in consumer.news("admin")] == list(range(1, len(consumer.news("admin")) + 1))


def test_a_locked_database_makes_senders_wait_and_nothing_is_lost(service: Service, consumer: Consumer) -> None:
    service.api.subscribe(consumer.url("admin"))
    other = sqlite3.connect(service.database, isolation_level=None)
    acknowledged: list[int] = []

    def send() -> None:
        api = Api(port=service.port)
        for number in range(20):
            while api.ask("POST", "/v1/events", fault(number)).status != 200:
                time.sleep(0.1)
            acknowledged.append(number)
        api.close()

    sender = threading.Thread(target=send, daemon=True)
    try:
        other.execute("BEGIN EXCLUSIVE")
        sender.start()
        time.sleep(2.0)
        assert acknowledged == [], "nothing is acknowledged that is not durable"
        assert service.api.get("/healthz")["status"] == "alive", "and it answers all the while"
        other.execute("ROLLBACK")
    finally:
        other.close()
    sender.join(30)

    assert len(acknowledged) == 20
    consumer.wait_for(lambda: len(told(consumer)) == 20, "all of them told")
    service.wait_quiet()


def test_a_second_process_on_the_same_file_is_refused(make_service: MakeService, service: Service) -> None:
    second = make_service("second", settings={"database_url": service.settings["database_url"]})

    second.start(is_awaited=False)

    assert second.exit_code() == 2
    assert "in use by another process" in second.tail()
    assert service.api.get("/readyz")["ready"]


def test_a_database_of_a_newer_version_is_refused(make_service: MakeService) -> None:
    service = make_service().start()
    assert service.stop() == 0
    with sqlite3.connect(service.database) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    database.close()

    service.start(is_awaited=False)

    assert service.exit_code() == 2
    assert "newer version" in service.tail()


def test_without_tokens_it_serves_on_loopback_only(tmp_path: Path) -> None:
    done = nfvigil("serve", "--dev", "--host", "0.0.0.0", "--database", f"sqlite:///{tmp_path}/n.db")

    assert done.returncode != 0
    assert "loopback" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "n.db").exists()


def test_each_caller_sees_and_does_what_its_token_is_for(make_service: MakeService, consumer: Consumer) -> None:
    service = make_service(settings={"dev": False, "notifier": {"allow_loopback": True}})
    database = ("--database", service.settings["database_url"])
    mine = {"project": "23f5a1726025d1a1bf6797cbb8136731", "theirs": "e2f6181af3375d98855c59708dd5fe2c"}
    made = {
        "admin": nfvigil("token", "create", "--role", "admin", *database),
        "monitor": nfvigil("token", "create", "--role", "monitor", *database),
        "owner": nfvigil("token", "create", "--role", "member", "--project", mine["project"], *database),
    }
    assert {done.returncode for done in made.values()} == {0}, made
    service.start(is_awaited=False)
    who = {name: Api(port=service.port, token=done.stdout.strip()) for name, done in made.items()}
    try:
        service.wait_ready()
        nobody = service.api
        assert nobody.ask("GET", "/v1/alarms").status == 401
        assert nobody.ask("POST", "/v1/events", fault(1)).status == 401
        assert nobody.ask("PUT", "/events", [fault(1)]).status == 401
        assert who["owner"].ask("POST", "/v1/events", fault(1)).status == 403
        assert who["monitor"].ask("GET", "/v1/subscriptions").status == 403
        assert who["owner"].ask("GET", "/v1/policies").status == 403
        their_body = {"project": mine["theirs"], "endpoints": [{"url": consumer.url("x")}]}
        assert who["owner"].ask("POST", "/v1/subscriptions", their_body).status == 403
        who["owner"].subscribe(consumer.url("owner"))

        who["monitor"].post("/v1/events", {"type": "compute.host.down", "resource": "host/compute-1"})

        consumer.wait_for(lambda: consumer.news("owner", "raised"), "the owner's news")
        alarms = who["owner"].all("/v1/alarms")
        assert {alarm["project_id"] for alarm in alarms} == {mine["project"]}
        everything = who["admin"].all("/v1/alarms")
        assert len(everything) == 5
        for alarm in everything:
            expected = 200 if alarm["project_id"] == mine["project"] else 404
            assert who["owner"].ask("GET", f"/v1/alarms/{alarm['id']}").status == expected
            assert who["owner"].ask("GET", f"/v1/alarms/{alarm['id']}/explain").status == expected
        assert b"compute-1" not in who["owner"].ask("GET", "/v1/alarms").body
    finally:
        for api in who.values():
            api.close()


def test_the_command_line_starts_and_ends_it_in_order(tmp_path: Path) -> None:
    port = free_port()
    arguments = ["serve", "--dev", "--port", str(port), "--database", f"sqlite:///{tmp_path}/n.db"]
    command = [
        sys.executable,
        "-c",
        "from nfvigil.cli.main import main; main()",
        *arguments,
        "--vim",
        "simulated:hosts=2",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        api = Api(port=port)
        try:
            started = time.monotonic()
            wait_until(lambda: (answer := api.try_once("GET", "/readyz")) and answer.status == 200, "ready", 60)
            seconds = time.monotonic() - started
            api.close()
            process.terminate()
            assert process.wait(20) == 0
        finally:
            api.close()
            process.kill()
            process.wait()
    assert b"Traceback" not in (tmp_path / "log").read_bytes()
    print(f"ready after {seconds:.2f} s at a load of {os.getloadavg()[0]:.1f}")
