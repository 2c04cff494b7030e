"""The service on a real OpenStack: a host crashes, is proven off, and its servers start elsewhere, once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openstack_players import Client, Lab, life, wait_for
from service_players import HEARTBEAT_SECONDS, Consumer, LabService, MakeLabService, wait_until

sys.path.append(str(Path(__file__).parents[1] / "controller" / "fencing"))

from redfish_emulator import PASSWORD, SYSTEMS, RedfishBmc, certificate, emulator

Boot = Callable[..., dict[str, Any]]
MANUAL = "fences: {'compute-*': {driver: manual}}\n"


@pytest.fixture
def bmc(tmp_path: Path) -> Iterator[RedfishBmc]:
    folder = tmp_path / "bmc"
    folder.mkdir()
    yield from emulator(folder, certificate(folder), SYSTEMS[:1])


def with_fences(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text)
    path.chmod(0o600)
    return {"fences": str(path), "brakes": {"paths": {"ping": ["ping*"]}, "host_every_seconds": 0, "settle_seconds": 1}}


@contextmanager
def frozen(lab: Lab, name: str) -> Iterator[None]:
    """One of the lab's services does nothing for a while."""
    pid = life.all_daemons(lab.layout)[name].pid
    assert pid
    pid.send(signal.SIGSTOP)
    try:
        yield
    finally:
        pid.send(signal.SIGCONT)


def records_of(client: Client, server: str, action: str) -> list[str]:
    """Nova's own records of what was done to a server."""
    found = client.request("GET", "compute", f"/v2.1/servers/{server}/os-instance-actions")["instanceActions"]
    return [one["request_id"] for one in found if one["action"] == action]


def ended(service: LabService, kind: str, seconds: float = 90) -> dict[str, Any]:
    def over() -> Any:
        return next((one for one in service.actions(kind) if one["state"] in ("done", "skipped", "failed")), None)

    return dict(wait_until(over, f"{kind} to be over: {service.actions(kind)}", seconds, pause=0.2))


def wait_let_up(client: Client, host: str) -> None:
    wait_for(lambda: not client.compute_service(host)["forced_down"], f"{host} to be let up", seconds=60)


def define_evacuation(service: LabService, project: str) -> None:
    do = {"host_down": {"action": "evacuate"}}
    owner = service.api_of(service.token("member", project))
    owner.send("PUT", f"/v1/recovery/project/{project}", {"do": do})
    owner.close()


def test_a_crashed_host_is_fenced_evacuated_and_taken_back(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    openstack_lab: Lab,
    openstack_admin: Client,
    boot: Boot,
    doomed_host: str,
    bmc: RedfishBmc,
    tmp_path: Path,
) -> None:
    server = boot("service-evacuated", host=doomed_host)
    fences = (
        f"fences: {{{doomed_host}: {{driver: redfish, address: '{bmc.url}', system: {SYSTEMS[0]}, username: fence,"
        f" password: '{PASSWORD}', cacert: '{bmc.cacert}'}}}}\n"
    )
    service = make_lab_service(settings=with_fences(tmp_path / "fences.yaml", fences)).start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")
    define_evacuation(service, server["tenant_id"])

    openstack_lab.crash(doomed_host)
    service.down(doomed_host, "ping-1")
    wait_until(lambda: service.actions("fence"), "a fence is planned")
    assert bmc.state() == "On", "one witness is not enough"
    # The cloud itself is the second witness, as soon as the host's heartbeat is late.
    service.wait_record(f"host/{doomed_host}", lambda host: not host["is_reporting"], "silent", HEARTBEAT_SECONDS + 10)

    assert ended(service, "fence")["state"] == "done", service.actions("fence")
    assert bmc.state() == "Off"
    evacuated = ended(service, "evacuate")
    assert evacuated["state"] == "done", evacuated
    after = openstack_admin.server(server["id"])
    assert (after["status"], after["OS-EXT-SRV-ATTR:host"] != doomed_host) == ("ACTIVE", True)
    told = consumer.wait_for(lambda: consumer.news("owner", "action"), "the owner to hear of it")[0]
    assert doomed_host.encode() not in told.body
    assert len(records_of(openstack_admin, server["id"], "evacuate")) == 1
    # The server is well where it is now, so its alarm is over, whatever becomes of the host.
    consumer.wait_for(lambda: consumer.news("owner", "cleared"), "cleared for the owner")
    assert [proof["host"] for proof in service.api.get("/v1/brakes")["proofs"]] == [doomed_host]

    bmc.reset("On")
    openstack_lab.start(doomed_host)
    wait_until(lambda: not service.api.get("/v1/brakes")["proofs"], "the proof is void", 30)
    assert openstack_admin.compute_service(doomed_host)["forced_down"], "the monitor's word still stands"
    service.up(doomed_host, "ping-1")
    wait_until(lambda: not service.api.get("/v1/alarms")["items"], "no alarm")
    wait_let_up(openstack_admin, doomed_host)
    service.wait_quiet()
    assert openstack_admin.server(server["id"])["status"] == "ACTIVE"


def test_an_operator_confirms_that_a_host_is_off_and_it_is_let_up_when_it_has_come_back(
    make_lab_service: MakeLabService,
    openstack_lab: Lab,
    openstack_admin: Client,
    boot: Boot,
    doomed_host: str,
    tmp_path: Path,
) -> None:
    server = boot("service-confirmed", host=doomed_host)
    service = make_lab_service(settings=with_fences(tmp_path / "fences.yaml", MANUAL)).start()
    define_evacuation(service, server["tenant_id"])
    openstack_lab.crash(doomed_host)
    service.down(doomed_host, "ping-1")
    service.wait_record(f"host/{doomed_host}", lambda host: not host["is_reporting"], "silent", HEARTBEAT_SECONDS + 10)
    wait_until(lambda: "operator" in service.actions("fence")[0]["result"], "the fence waits for a person", 10)
    assert openstack_admin.server(server["id"])["OS-EXT-SRV-ATTR:host"] == doomed_host

    service.api.post(f"/v1/hosts/{doomed_host}/confirm-off", {"reason": "I pulled the plug"})

    assert ended(service, "evacuate")["state"] == "done", service.actions("evacuate")
    assert ended(service, "fence")["state"] == "skipped", service.actions("fence")
    # The monitor says that all is well before nova-compute runs: the host is not given back on its word.
    service.up(doomed_host, "ping-1")
    undo = wait_until(
        lambda: [one for one in service.actions("force_down") if one["undo_of"] and one["result"]], "the undo waits", 20
    )[0]
    assert "has not reported yet" in undo["result"]
    assert openstack_admin.compute_service(doomed_host)["forced_down"]
    openstack_lab.start(doomed_host)
    wait_let_up(openstack_admin, doomed_host)
    service.wait_quiet(60)
    assert service.api.get("/v1/brakes")["proofs"] == []
    assert {one["state"] for one in service.actions()} <= {"done", "skipped"}


def test_killed_in_the_middle_of_an_evacuation_it_takes_effect_once(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    openstack_lab: Lab,
    openstack_admin: Client,
    openstack_tenant: Client,
    boot: Boot,
    doomed_host: str,
    tmp_path: Path,
) -> None:
    server = boot("service-killed", host=doomed_host)
    other = boot("service-beside", host=openstack_lab.computes[2])
    service = make_lab_service(settings=with_fences(tmp_path / "fences.yaml", MANUAL)).start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")
    define_evacuation(service, server["tenant_id"])
    openstack_lab.crash(doomed_host)
    service.down(doomed_host, "ping-1")
    wait_until(lambda: service.actions("fence"), "a fence is planned")
    service.wait_states()

    with frozen(openstack_lab, "nova-conductor"):
        service.api.post(f"/v1/hosts/{doomed_host}/confirm-off", {"reason": "the test pulled the plug"})
        wait_for(lambda: records_of(openstack_admin, server["id"], "evacuate"), "the evacuation to begin", seconds=30)
        service.kill()
    openstack_tenant.action(other["id"], "os-stop")
    openstack_tenant.wait_for_server(other["id"], status="SHUTOFF")
    service.start()

    evacuated = ended(service, "evacuate")
    assert evacuated["state"] == "done", evacuated
    assert openstack_admin.server(server["id"])["OS-EXT-SRV-ATTR:host"] != doomed_host
    assert len(records_of(openstack_admin, server["id"], "evacuate")) == 1
    assert (service.record(f"server/{other['id']}") or {})["status"] == "SHUTOFF"
    consumer.wait_for(lambda: consumer.news("owner", "action"), "the owner to hear of it")
    service.up(doomed_host, "ping-1")
    openstack_lab.start(doomed_host)
    service.wait_quiet(60)


def test_killed_in_the_middle_of_a_migration_it_takes_effect_once(
    make_lab_service: MakeLabService, openstack_lab: Lab, openstack_admin: Client, boot: Boot
) -> None:
    server = boot("service-migrated", host=openstack_lab.computes[1])
    service = make_lab_service().start()

    with frozen(openstack_lab, "nova-conductor"):
        instruction = service.instruct(service.api, "migrate", f"server/{server['id']}")
        wait_for(lambda: records_of(openstack_admin, server["id"], "migrate"), "the migration to begin", seconds=30)
        service.kill()
    service.start()

    done = service.instruction(instruction)
    assert done["state"] == "done", done
    after = openstack_admin.wait_for_server(server["id"], status="ACTIVE")
    assert after["OS-EXT-SRV-ATTR:host"] != openstack_lab.computes[1]
    assert len(records_of(openstack_admin, server["id"], "migrate")) == 1
    assert len(records_of(openstack_admin, server["id"], "confirmResize")) == 1
    service.wait_record(f"server/{server['id']}", lambda one: one["host"] == after["OS-EXT-SRV-ATTR:host"], "moved", 5)
