"""Real monitoring systems against the real service, configured as the examples say."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import monitors
import pytest
from service_process import MakeService, Service, free_port, wait_until
from service_tokens import token_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "monitors"
ADDRESS = "http://127.0.0.1:12345"
LINK_DOWN, LINK_UP = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4"
IF_INDEX, IF_ADMIN = "1.3.6.1.2.1.2.2.1.1.3", "1.3.6.1.2.1.2.2.1.7.3"


@pytest.fixture(autouse=True)
def programs() -> None:
    if os.environ.get("NFVIGIL_TEST_NO_MONITORS") == "1":
        pytest.skip("NFVIGIL_TEST_NO_MONITORS=1: the tests with collectd, Alertmanager and snmptrapd are left out")
    try:
        monitors.find_programs()
    except monitors.MonitorsUnavailableError as error:
        pytest.skip(str(error))


def open_alarms(service: Service) -> set[tuple[str, str]]:
    found = service.api.all("/v1/alarms?state=open")
    return {(one["fault_type"], one["resource"]["id"]) for one in found}


def has(service: Service, fault_type: str, resource: str = "compute-1") -> Callable[[], bool]:
    return lambda: (fault_type, resource) in open_alarms(service)


def lacks(service: Service, fault_type: str, resource: str = "compute-1") -> Callable[[], bool]:
    return lambda: (fault_type, resource) not in open_alarms(service)


def test_collectd_tells_of_a_link_and_of_a_threshold(service: Service) -> None:
    config = (EXAMPLES / "collectd.conf").read_text()
    config = config.replace(ADDRESS, f"http://127.0.0.1:{service.port}").replace("TOKEN", token_of(service, "monitor"))

    def notify(severity: str, state: str) -> str:
        return (
            f"PUTNOTIF severity={severity} time={time.time():.0f} host=compute-2 plugin=ovs_events "
            "plugin_instance=br-ex type=gauge type_instance=link_status "
            rf'message="link state of \"br-ex\" interface has been changed to \"{state}\""'
        )

    with monitors.collectd(config) as collectd:
        assert collectd.say(notify("warning", "DOWN")).startswith("0 ")
        wait_until(has(service, "collectd.ovs_events_gauge", "compute-2"), f"the link is down\n{collectd.log()}")
        collectd.say('PUTVAL "compute-1/sensors/temperature-cpu" interval=1 N:90')
        wait_until(has(service, "collectd.sensors_temperature"), f"it is too hot\n{collectd.log()}")

        collectd.say(notify("okay", "UP"))
        collectd.say('PUTVAL "compute-1/sensors/temperature-cpu" interval=1 N:20')

        wait_until(lambda: open_alarms(service) == set(), f"all is well\n{collectd.log()}")


def post(port: int, *alerts: dict[str, Any]) -> None:
    body = json.dumps(alerts).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/alerts", body, headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def alert(name: str, host: str, *, ends_in_seconds: float = 600) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(seconds=ends_in_seconds)
    labels = {"alertname": name, "instance": f"{host}:9100", "severity": "critical"}
    return {"labels": labels, "annotations": {"summary": f"{name} on {host}"}, "endsAt": ends.isoformat()}


@pytest.fixture
def alertmanager_site(make_service: MakeService, tmp_path: Path) -> tuple[Service, int, str]:
    """A service that asks an Alertmanager five times a second, where that will be, and its configuration."""
    port = free_port()
    options = {"api_url": f"http://127.0.0.1:{port}", "receiver": "nfvigil", "poll_seconds": 0.2, "settle_seconds": 0}
    types = {"HypervisorDown": "compute.hypervisor.failed"}
    service = make_service(settings={"formats": {"alertmanager": options | {"types": types}}}).start()
    (tmp_path / "token").write_text(token_of(service, "monitor"))
    config = (EXAMPLES / "alertmanager.yml").read_text().replace("group_interval: 5s", "group_interval: 1s")
    config = config.replace("/etc/alertmanager/nfvigil-token", str(tmp_path / "token"))
    return service, port, config.replace(ADDRESS, f"http://127.0.0.1:{service.port}")


def test_alertmanagers_alerts_are_raised_resolved_missed_and_vanish(
    alertmanager_site: tuple[Service, int, str],
) -> None:
    service, port, config = alertmanager_site
    wait_until(has(service, "monitoring.source.unreachable", "alertmanager"), "nobody is there yet")
    with monitors.alertmanager(config, port) as alertmanager:
        post(port, alert("HypervisorDown", "compute-1"), alert("FanNoise", "compute-2"))
        wait_until(has(service, "compute.hypervisor.failed"), f"it fires\n{alertmanager.log()}")
        wait_until(has(service, "prometheus.FanNoise", "compute-2"), f"it fires\n{alertmanager.log()}")
        assert service.api.all("/v1/alarms?state=open&resource_type=server"), "what runs there is down with it"
        wait_until(lacks(service, "monitoring.source.unreachable", "alertmanager"), "it answers")

        post(port, alert("HypervisorDown", "compute-1", ends_in_seconds=-1))
        wait_until(lacks(service, "compute.hypervisor.failed"), f"it is resolved\n{alertmanager.log()}")
        alertmanager.kill()
        wait_until(has(service, "monitoring.source.unreachable", "alertmanager"), "it is away")
        assert has(service, "prometheus.FanNoise", "compute-2")(), "what it said stands while it is away"

    nowhere = config.replace(f"http://127.0.0.1:{service.port}/", "http://127.0.0.1:1/")
    with monitors.alertmanager(nowhere, port):
        wait_until(lacks(service, "prometheus.FanNoise", "compute-2"), "it came back and knows nothing of it")
        post(port, alert("PumpNoise", "compute-3"))
        wait_until(has(service, "prometheus.PumpNoise", "compute-3"), "no message came, and it was asked for")


@pytest.fixture
def trap_config(service: Service, tmp_path: Path) -> str:
    (tmp_path / "token").write_text(token_of(service, "monitor"))
    starter = tmp_path / "nfvigil"
    starter.write_text(f'#!/bin/sh\nexec {sys.executable} -m nfvigil.cli.main "$@"\n')
    starter.chmod(0o755)
    config = (EXAMPLES / "snmptrapd.conf").read_text()
    config = config.replace(ADDRESS, f"http://127.0.0.1:{service.port}").replace("/usr/bin/nfvigil", str(starter))
    config = config.replace("/etc/nfvigil/trap-token", str(tmp_path / "token"))
    return config.replace("/var/spool/nfvigil-traps", str(tmp_path / "spool"))


def test_snmptrapd_passes_traps_on_and_none_is_lost_while_the_service_is_away(
    service: Service, trap_config: str, tmp_path: Path
) -> None:
    me = socket.getfqdn("127.0.0.1")

    def trap(*arguments: str) -> None:
        agent = f"udp:127.0.0.1:{daemon.port}"
        monitors.snmptrap("-v", "2c", "-c", "public", agent, "", *arguments)

    with monitors.snmptrapd(trap_config) as daemon:
        trap(LINK_DOWN, IF_INDEX, "i", "3", IF_ADMIN, "i", "2")
        trap(LINK_DOWN, IF_INDEX, "i", "4", "1.3.6.1.2.1.2.2.1.7.4", "i", "1")
        wait_until(has(service, "snmp.link", me), f"the link is down\n{daemon.log()}")
        service.kill()
        trap(LINK_UP, IF_INDEX, "i", "4")
        wait_until(lambda: list((tmp_path / "spool").glob("*.json")), f"it is kept\n{daemon.log()}")
        service.start()
        agent = f"udp:127.0.0.1:{daemon.port}"
        monitors.snmptrap(
            "-v", "1", "-c", "public", agent, "1.3.6.1.4.1.8072", "192.0.2.9", "2", "0", "", IF_INDEX, "i", "3"
        )

        wait_until(has(service, "snmp.link", "192.0.2.9"), f"a relayed agent's link is down\n{daemon.log()}")
        wait_until(lacks(service, "snmp.link", me), "what waited came before it")
        assert not list((tmp_path / "spool").glob("*.json"))
