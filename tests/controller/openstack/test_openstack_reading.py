"""From what a real OpenStack answered to our records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from nfvigil.controller.vims.openstack import wire
from nfvigil.controller.vims.openstack.client import decoded
from nfvigil.controller.vims.openstack.heartbeats import Heartbeats
from nfvigil.controller.vims.openstack.reading import (
    HostFacts,
    Pool,
    VnfKeys,
    facts_of,
    groups_of,
    host_of,
    instant,
    is_reporting,
    now_at,
    port_of,
    server_of,
    stamp_of,
)
from nfvigil.controller.vims.openstack.transport import Answer
from nfvigil.errors import VimUnavailableError
from nfvigil.model.resource import Port, Server

SAMPLES = Path(__file__).parents[2] / "openstack" / "samples" / "api"
SECOND = 1_000_000


def sample(name: str, shape: type[Any]) -> Any:
    return msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes(), type=shape)


def servers(name: str, **known: Any) -> list[Server]:
    given = {"groups": {}, "flavors": {}, "pool": Pool()} | known
    return [server_of(each, vim="lab", **given) for each in sample(name, wire.ServerPage).servers]


def ports(name: str) -> list[Port]:
    return [port_of(each, vim="lab", pool=Pool()) for each in sample(name, wire.PortPage).ports]


def service(**fields: Any) -> wire.WireService:
    usual = {"binary": "nova-compute", "host": "h", "status": "enabled", "state": "up"}
    return wire.WireService(**usual | {"updated_at": "2026-11-21T05:33:54.000000"} | fields)


AT = instant("2026-11-21T05:33:54.000000") or 0


def test_servers_of_a_new_nova() -> None:
    server = next(each for each in servers("servers-detail_all-tenants_2.93") if each.name == "many-4")

    assert server == Server(
        id="0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259",
        name="many-4",
        vim="lab",
        project="c66a2ebaa4f344c581fd0efb12ca756d",
        host="compute-2",
        status="ACTIVE",
        host_status="UP",
        vcpus=1,
        memory_mb=512,
    )


def test_servers_on_a_host_that_was_forced_down() -> None:
    seen = {
        each.host_status for each in servers("servers-detail_all-tenants_forced-down_2.93") if each.host == "compute-1"
    }

    assert seen == {"DOWN"}


def test_servers_of_a_nova_that_does_not_embed_flavors() -> None:
    flavors = {"m1.tiny": wire.Flavor(id="m1.tiny", vcpus=1, ram=512)}

    assert {(each.vcpus, each.memory_mb) for each in servers("servers-detail_all-tenants_2.16", flavors=flavors)} == {
        (1, 512)
    }
    assert {each.vcpus for each in servers("servers-detail_all-tenants_2.16")} == {0}


def test_a_server_of_a_group() -> None:
    groups = groups_of([wire.WireGroup(id="g1", members=["0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259"])])

    assert [each.group for each in servers("servers-detail_all-tenants_2.93", groups=groups) if each.group] == ["g1"]


@pytest.mark.parametrize(
    ("metadata", "vnf", "vnfc"),
    [
        ({}, "", ""),
        ({"vnf": "epc"}, "epc", ""),
        ({"vnf_instance_id": "v-1", "vnfc_instance_id": "c-1"}, "v-1", "c-1"),
        ({"vnfInstanceId": "v-1", "vnf": "epc", "vnfc": "mme"}, "epc", "mme"),
        ({"vnfc": "mme"}, "", ""),
        ({"vnf": "", "vnf_id": "v-1"}, "v-1", ""),
        ({"vnf": "a\0b", "vnfc": "mme"}, "", ""),
        ({"vnf": "epc", "vnfc": "x" * 256}, "epc", ""),
    ],
)
def test_a_server_s_metadata_says_of_which_vnf_it_is(metadata: dict[str, str], vnf: str, vnfc: str) -> None:
    told = msgspec.json.encode(
        {"id": "s", "status": "ACTIVE", "tenant_id": "p", "OS-EXT-SRV-ATTR:host": "h", "metadata": metadata}
    )

    read = server_of(msgspec.json.decode(told, type=wire.WireServer), vim="lab", pool=Pool(), groups={}, flavors={})

    assert (read.vnf, read.vnfc) == (vnf, vnfc)


def test_which_metadata_that_are_may_be_said() -> None:
    metadata = {"vnf": "a", "ns:vnf": "b"}
    told = msgspec.json.encode(
        {"id": "s", "status": "ACTIVE", "tenant_id": "p", "OS-EXT-SRV-ATTR:host": "h", "metadata": metadata}
    )
    keys = VnfKeys(vnf=("ns:vnf",), vnfc=())

    read = server_of(
        msgspec.json.decode(told, type=wire.WireServer), vim="lab", pool=Pool(), groups={}, flavors={}, vnf_keys=keys
    )

    assert (read.vnf, read.vnfc) == ("b", "")


def test_texts_that_repeat_are_one_object() -> None:
    read = servers("servers-detail_all-tenants_2.93")

    assert len({id(each.status) for each in read}) == len({each.status for each in read})
    assert len({id(each.project) for each in read}) == len({each.project for each in read})


def test_ports_as_an_administrator_sees_them() -> None:
    port = next(each for each in ports("ports_admin") if each.id.startswith("00a7575c"))

    assert port.server == "2647ba6b-f4fb-4db7-8a2d-9f51e3865d23"
    assert (port.host, port.status, port.admin_up, port.data_plane_status) == ("compute-3", "ACTIVE", True, "")
    assert (port.network, port.project) == ("8aba40f0-ee20-4dd3-811a-d2d0ef083daa", "c66a2ebaa4f344c581fd0efb12ca756d")


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda: servers("servers-detail_owner_2.1"), "OS-EXT-SRV-ATTR:host"),
        (lambda: ports("ports_owner"), "binding:host_id"),
    ],
)
def test_what_an_owner_sees_is_not_taken_for_everything(read: Any, text: str) -> None:
    with pytest.raises(VimUnavailableError, match=text):
        read()


def test_a_server_of_a_cell_that_does_not_answer_is_not_believed() -> None:
    partial = wire.WireServer(id="s", status="UNKNOWN", tenant_id="p")

    with pytest.raises(VimUnavailableError, match="cell"):
        server_of(partial, vim="lab", pool=Pool(), groups={}, flavors={})


@pytest.mark.parametrize(
    "body",
    [
        b'{"servers": [{"id": "s1", "status": "ACTIVE", "tenant_id"',
        b'{"servers": [{"id": "s1", "status": "ACTIVE"}]}',
        b'{"servers": [{"id": 1, "status": "ACTIVE", "tenant_id": "p"}]}',
        b'{"servers": null}',
        b"{}",
        b"<html>",
        b"",
        b"\xff\xfe",
    ],
)
def test_an_odd_answer_is_no_answer(body: bytes) -> None:
    with pytest.raises(VimUnavailableError, match="not what it should be"):
        decoded(Answer(status=200, headers={}, body=body), wire.ServerPage, "Nova")


def test_a_port_of_a_router_is_of_no_server() -> None:
    given = {"id": "p", "status": "DOWN", "network_id": "n", "admin_state_up": False, "device_id": "r1"}
    router = wire.WirePort(
        **given, device_owner="network:router_interface", host="h", data_plane_status="DOWN", tenant_id="t"
    )

    port = port_of(router, vim="lab", pool=Pool())

    assert (port.server, port.data_plane_status, port.project, port.admin_up) == ("", "DOWN", "t", False)


def test_hosts_have_sizes_aggregates_and_their_other_names() -> None:
    hypervisors = sample("os-hypervisors-detail_2.53", wire.HypervisorPage).hypervisors
    facts = facts_of(["compute-1"], hypervisors, [wire.WireAggregate(name="a", hosts=["compute-1"])])

    assert facts["compute-1"] == HostFacts(
        aggregates=("a",), vcpus=64, memory_mb=262144, hypervisor_version="fake 1000"
    )


def test_hypervisors_of_a_nova_that_says_no_sizes() -> None:
    hypervisors = sample("os-hypervisors-detail_2.93", wire.HypervisorPage).hypervisors

    assert facts_of([], hypervisors, [])["compute-1"] == HostFacts(hypervisor_version="fake 1000")


def test_a_name_that_two_hosts_would_have_is_nobodys() -> None:
    def hypervisor(host: str, name: str) -> wire.WireHypervisor:
        return wire.WireHypervisor(id=name, hypervisor_hostname=name, service=wire.HypervisorService(host=host))

    facts = facts_of(
        ["c1.east", "c1.west", "c2"],
        [hypervisor("c1.east", "c1.east"), hypervisor("c1.west", "c1.west"), hypervisor("c2", "c2.east")],
        [],
    )

    assert {host: each.aliases for host, each in facts.items()} == {"c1.east": (), "c1.west": (), "c2": ("c2.east",)}


def test_a_host_as_nova_says_of_its_service() -> None:
    services = {each.host: each for each in sample("os-services_dead_2.53", wire.Services).services}

    def host(name: str) -> Any:
        return host_of(services[name], HostFacts(), vim="lab", now_us=AT, heartbeats=Heartbeats(), heartbeat_seconds=60)

    assert (host("compute-1").service_up, host("compute-1").is_reporting) == (False, False)
    assert (host("compute-2").service_up, host("compute-2").is_reporting, host("compute-2").zone) == (
        True,
        True,
        "nova",
    )


@pytest.mark.parametrize("name", ["os-services_2.69", "os-services_2.11"])
def test_services_are_read_whatever_their_ids_look_like(name: str) -> None:
    assert len([each for each in sample(name, wire.Services).services if each.binary == "nova-compute"]) == 3


@pytest.mark.parametrize(
    ("given", "seconds", "reports"),
    [
        pytest.param({}, 1000, True, id="up is up, however old Nova thinks it is"),
        pytest.param({"state": "down"}, 1, False, id="down is down"),
        pytest.param({"state": "down", "forced_down": True}, 59, True, id="forced down, and it reports on"),
        pytest.param({"state": "down", "forced_down": True}, 60, False, id="forced down, and silent"),
        pytest.param({"state": "down", "forced_down": True, "updated_at": None}, 1, False, id="it never reported"),
        pytest.param({"state": "down", "forced_down": True, "updated_at": "soon"}, 1, False, id="no time at all"),
    ],
)
def test_whether_a_host_reports(given: dict[str, Any], seconds: int, reports: bool) -> None:
    said = service(**given)

    assert is_reporting(said, now_us=AT + seconds * SECOND, heartbeats=Heartbeats(), heartbeat_seconds=60) is reports


def test_our_own_change_of_a_service_is_no_heartbeat() -> None:
    heartbeats = Heartbeats()
    down = service(state="down", forced_down=True)
    heartbeats.touched("h", before_us=AT - 100 * SECOND, after_us=AT)

    def reports(said: wire.WireService, seconds: int) -> bool:
        return is_reporting(said, now_us=AT + seconds * SECOND, heartbeats=heartbeats, heartbeat_seconds=60)

    assert not reports(down, 1)
    assert not heartbeats.has_reported_since_touched("h", AT)
    heartbeats.touched("h", before_us=AT, after_us=AT + 5 * SECOND)
    assert heartbeats.last("h", AT + 5 * SECOND) == AT - 100 * SECOND
    later = service(state="down", forced_down=True, updated_at="2026-11-21T05:34:04.000000")
    assert reports(later, 11)
    assert heartbeats.has_reported_since_touched("h", stamp_of(later) or 0)


def test_a_host_that_reported_in_the_very_second_of_our_change_has_not_reported_since() -> None:
    heartbeats = Heartbeats()
    heartbeats.touched("h", before_us=AT, after_us=AT)

    assert heartbeats.last("h", AT) == AT
    assert not heartbeats.has_reported_since_touched("h", AT)
    assert heartbeats.has_reported_since_touched("h", AT + 10 * SECOND)


def test_what_was_done_to_hosts_that_are_gone_is_forgotten() -> None:
    heartbeats = Heartbeats()
    heartbeats.touched("there", before_us=1, after_us=3)
    heartbeats.touched("gone", before_us=1, after_us=2)

    heartbeats.forget({"there"})

    assert heartbeats.last("there", 3) == 1
    assert heartbeats.last("gone", 2) == 2
    assert heartbeats.has_reported_since_touched("gone", 2)


def test_the_time_is_novas_own() -> None:
    assert now_at([service()], 5) == 5
    assert now_at([service(), service(updated_at=None)], None) == AT
    assert now_at([], None) is None
