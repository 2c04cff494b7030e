"""The verification of fault management on a real cloud: what it measures and checks, and that it leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openstack_players import WAIT_SECONDS, Client, Lab, wait_for

COMMAND = [sys.executable, "-m", "nfvigil.cli.main", "verify", "fault-management", "--os-cloud", "admin"]
FAILS = "fails ..."
"""What is said just before the host is made to fail."""

Start = Callable[..., "Verification"]


class Verification:
    """The command as somebody types it, and what it says."""

    def __init__(self, process: subprocess.Popen[str], said: Path) -> None:
        self._process = process
        self._said = said

    @property
    def pid(self) -> int:
        return self._process.pid

    def said(self) -> str:
        return self._said.read_text()

    def wait_until_said(self, text: str) -> None:
        def is_said() -> bool:
            assert self._process.poll() is None, self.said()
            return text in self.said()

        wait_for(is_said, f"{text!r} to be said")

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Its exit code and its output."""
        output, _ = self._process.communicate(timeout=250)
        return self._process.returncode, output


@pytest.fixture
def start(clouds_yaml: Path, openstack_lab: Lab, tmp_path: Path) -> Iterator[Start]:
    """``start("--servers", "1")`` on the last host; it is ended with the test."""
    begun: list[subprocess.Popen[str]] = []

    def start_one(*options: str) -> Verification:
        said = tmp_path / f"said-{len(begun)}"
        with said.open("w") as file:
            process = subprocess.Popen(
                [*COMMAND, "--host", openstack_lab.computes[-1], *options],
                env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(clouds_yaml)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        begun.append(process)
        return Verification(process, said)

    yield start_one
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def left(admin: Client, host: str) -> list[str]:
    """Everything that a run may have left, wherever it is."""
    projects = admin.request("GET", "identity", "/v3/projects")["projects"]
    known = {project["id"] for project in projects}
    found = [f"project {project['name']}" for project in projects if project["name"].startswith("nfvigil-verify")]
    users = admin.request("GET", "identity", "/v3/users")["users"]
    found += [f"user {user['name']}" for user in users if user["name"].startswith("nfvigil-verify")]
    servers = admin.request("GET", "compute", "/v2.1/servers?all_tenants=1&name=nfvigil-verify")["servers"]
    found += [f"server {server['name']}" for server in servers]
    for what in ("networks", "subnets", "ports", "security-groups"):
        items = admin.request("GET", "network", f"/v2.0/{what}")[what.replace("-", "_")]
        found += [f"{what} {item['name']}" for item in items if item["project_id"] and item["project_id"] not in known]
    if admin.compute_service(host)["forced_down"]:
        found.append(f"{host} is forced down")
    return found + [f"directory {path}" for path in Path(tempfile.gettempdir()).glob("nfvigil-verify-*")]


def test_a_cloud_with_one_and_ten_servers_passes_and_is_left_as_it_was(
    start: Start, openstack_admin: Client, openstack_lab: Lab
) -> None:
    code, output = start("--servers", "1,10", "--format", "json", "--limit", "30").end()

    result: dict[str, Any] = json.loads(output)
    failed = [check for each in result["rounds"] for check in each["checks"] if not check["ok"]]
    assert (code, failed, result["ok"]) == (0, [], True)
    assert [each["servers"] for each in result["rounds"]] == [1, 10]
    for each in result["rounds"]:
        assert each["seconds"]["raised"] <= each["seconds"]["confirmed"]
        assert {span["component"] for span in each["profile"]["spans"]} >= {"inspector", "controller", "notifier"}
    assert left(openstack_admin, openstack_lab.computes[-1]) == []


def test_a_dry_run_says_what_it_would_make_and_makes_nothing(
    start: Start, openstack_admin: Client, openstack_lab: Lab
) -> None:
    code, output = start("--servers", "5", "--dry-run").end()

    assert code == 0
    assert f"5 servers on {openstack_lab.computes[-1]}" in output
    assert left(openstack_admin, openstack_lab.computes[-1]) == []


def test_ctrl_c_while_the_host_is_down_leaves_nothing(
    start: Start, openstack_admin: Client, openstack_lab: Lab
) -> None:
    host = openstack_lab.computes[-1]
    verification = start("--servers", "3")
    verification.wait_until_said(FAILS)
    wait_for(lambda: openstack_admin.compute_service(host)["forced_down"], f"{host} to be forced down")

    verification.tell(signal.SIGINT)
    code, _ = verification.end()

    assert code == 130, verification.said()
    assert "everything was tidied up" in verification.said()
    assert left(openstack_admin, host) == []


def test_what_a_killed_run_has_left_is_removed_by_the_next(
    start: Start, openstack_admin: Client, openstack_lab: Lab
) -> None:
    host = openstack_lab.computes[-1]
    killed = start("--servers", "2")
    killed.wait_until_said(FAILS)
    wait_for(lambda: openstack_admin.compute_service(host)["forced_down"], f"{host} to be forced down")
    killed.tell(signal.SIGKILL)
    killed.end()
    wait_for(lambda: not list(Path(tempfile.gettempdir()).glob("nfvigil-verify-*")), "its NFVigil to end with it")
    assert f"{host} is forced down" in left(openstack_admin, host)

    # A limit that nothing can hold, to see that too.
    code, output = start("--servers", "1", "--limit", "0.0001").end()

    assert code == 1
    assert "FAILED  during  owners know within 0.0001 s (raised)" in output
    assert "FAILED: 1 of" in output
    assert left(openstack_admin, host) == []


def test_a_host_with_servers_of_others_is_refused(
    start: Start, boot: Callable[..., dict[str, Any]], openstack_admin: Client, openstack_lab: Lab
) -> None:
    host = openstack_lab.computes[-1]
    boot("somebody-elses", host=host)

    verification = start("--servers", "1")
    code, _ = verification.end()

    assert code == 1
    assert "1 servers of others are on it" in verification.said()
    assert not [each for each in left(openstack_admin, host) if "nfvigil" in each]


def test_an_nfvigil_that_does_not_answer_is_said_and_nothing_is_left(
    start: Start, openstack_admin: Client, openstack_lab: Lab
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        begun = time.monotonic()
        code, _ = start("--servers", "1", "--url", f"http://127.0.0.1:{nobody.getsockname()[1]}").end()

    assert code == 3
    assert time.monotonic() - begun < WAIT_SECONDS
    assert left(openstack_admin, openstack_lab.computes[-1]) == []
