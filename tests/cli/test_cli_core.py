"""The command line against a real service: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from nfvigil.cli.main import app

START_SECONDS = 30.0
HOSTS, SERVERS = 5, 4
COMMAND = [sys.executable, "-m", "nfvigil.cli.main"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("NFVIGIL_")}


def is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start(command: list[str], port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(port), *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=clean_environment(),
        )
    deadline = time.monotonic() + START_SECONDS
    while not is_ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not start:\n{log.read_text()}")
        time.sleep(0.02)
    return process


def end(process: subprocess.Popen[bytes], log: Path) -> None:
    os.kill(process.pid, signal.SIGTERM)
    try:
        code = process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    assert code == 0, log.read_text()


class Result(NamedTuple):
    code: int
    stdout: str
    stderr: str


class Cli:
    """Runs commands as if typed, for one service."""

    # Made once: a command line of sixty commands takes 50 ms to make.
    _command = get_command(app)

    def __init__(self, port: int, **environment: str) -> None:
        self._environment = {"NFVIGIL_URL": f"http://127.0.0.1:{port}", **environment}

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        with CliRunner().isolation(input=stdin, env=self._environment) as (out, err, _):
            with pytest.raises(SystemExit) as ended:
                self._command.main(list(words), prog_name="nfvigil")
            sys.stdout.flush()
            sys.stderr.flush()
            result = Result(int(ended.value.code or 0), out.getvalue().decode(), err.getvalue().decode())
        assert result.code == code, f"{words}: {result}"
        return result

    def json(self, *words: str, code: int = 0, stdin: str | None = None) -> Any:
        return json.loads(self(*words, "--format", "json", code=code, stdin=stdin).stdout)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the one service of these tests listens."""
    folder = tmp_path_factory.mktemp("service")
    chosen, log = free_port(), folder / "service.log"
    cloud = f"simulated:hosts={HOSTS},servers_per_host={SERVERS}"
    # One host after the other dies for the tests' sake: that is no mass failure.
    config = folder / "nfvigil.toml"
    config.write_text("brakes = {outage_hosts = 1000, outage_share = 1.0}\n")
    words = ["--config", str(config), "--dev", "--vim", cloud, "--database", f"sqlite:///{folder}/nfvigil.db"]
    process = start(words, chosen, log)
    yield chosen
    end(process, log)


@pytest.fixture
def cli(port: int, monkeypatch: pytest.MonkeyPatch) -> Cli:
    for name in os.environ:
        if name.startswith("NFVIGIL_"):
            monkeypatch.delenv(name)
    return Cli(port)


@pytest.fixture
def down_host(cli: Cli, request: pytest.FixtureRequest) -> Iterator[str]:
    """A host whose monitor says that it is down, until the test is over."""
    host = getattr(request, "param", "compute-1")
    cli("event", "send", "compute.host.down", "--host", host, "--monitor", "ping")
    wait_for(lambda: cli.json("alarm", "list", "--root-only"), "an alarm")
    yield host
    cli("event", "send", "compute.host.down", "--host", host, "--monitor", "ping", "--status", "up")
    wait_for(lambda: not cli.json("alarm", "list"), "no alarm")


def wait_for(is_so: Any, what: str, seconds: float = 10.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
    return found


# Events


def test_an_event_is_sent_and_can_be_looked_up(cli: Cli) -> None:
    words = ["--host", "compute-2", "--monitor", "fan", "--detail", "rpm=0", "--status", "up"]
    receipt = cli.json("event", "send", "compute.host.fan", *words)[0]

    event = cli.json("event", "show", receipt["id"])
    listed = cli.json("event", "list", "--type", "compute.host.f*", "--since", "1h")

    assert receipt["state"] == "accepted"
    assert (event["resource"], event["status"], event["monitor"]) == ("host/compute-2", "up", "fan")
    assert event["details"]["rpm"] == "0"
    assert receipt["id"] in [one["id"] for one in listed]


def test_the_same_event_of_a_monitor_is_a_repeat(cli: Cli) -> None:
    words = ["compute.host.fan", "--host", "compute-2", "--monitor", "fan", "--monitor-event-id", "7", "--status", "up"]
    first = cli.json("event", "send", *words)[0]

    second = cli.json("event", "send", *words)[0]

    assert (second["state"], second["id"]) == ("repeat", first["id"])


def test_events_of_a_file_get_a_receipt_each_and_the_refused_one_is_named(cli: Cli) -> None:
    good = {"type": "compute.host.fan", "resource": "host/compute-3", "status": "up"}
    bad = {"type": "compute.host.fan", "resource": "host/compute-3", "status": "sideways"}

    result = cli("event", "send", "--file", "-", "--format", "json", stdin=json.dumps([good, bad]), code=1)

    assert [one["state"] for one in json.loads(result.stdout)] == ["accepted", "refused"]
    assert "events[1].status" in result.stderr


def test_a_list_goes_on_to_its_end_over_many_pages(cli: Cli) -> None:
    one = {"type": "compute.host.many", "resource": "host/compute-3", "status": "up"}
    for _ in range(2):
        cli("event", "send", "--file", "-", stdin=json.dumps([one] * 600))

    assert len({event["id"] for event in cli.json("event", "list", "--type", "compute.host.many")}) == 1200
    assert len(cli.json("event", "list", "--type", "compute.host.many", "--limit", "1100")) == 1100


def test_an_event_that_is_refused_ends_with_1_and_names_the_field(cli: Cli) -> None:
    result = cli("event", "send", "compute.host.down", "--host", "compute-1", "--severity", "awful", code=1)

    assert "severity" in result.stderr


# Alarms


def test_a_host_that_is_down_shows_as_alarms_until_it_is_up(cli: Cli, down_host: str) -> None:
    roots = cli.json("alarm", "list", "--root-only")
    servers = cli.json("alarm", "list", "--fault", "compute.instance.*")
    table = cli("alarm", "list").stdout.splitlines()

    assert [one["resource"]["name"] for one in roots] == [down_host]
    assert len(servers) == SERVERS
    assert len(table) == 1 + len(cli.json("alarm", "list"))
    assert len(cli.json("alarm", "list", "--limit", "2")) == 2


def test_an_alarm_is_found_by_the_first_characters_of_its_id(cli: Cli, down_host: str) -> None:
    alarm = cli.json("alarm", "list", "--root-only")[0]

    assert cli.json("alarm", "show", alarm["id"][:8])["id"] == alarm["id"]


def test_an_alarm_is_acknowledged_and_taken_back_and_its_history_says_so(cli: Cli, down_host: str) -> None:
    alarm = cli.json("alarm", "list", "--root-only")[0]["id"]

    cli("alarm", "ack", alarm)
    acknowledged = cli.json("alarm", "list", "--acked")
    cli("alarm", "unack", alarm)
    cli("alarm", "comment", alarm, "the fan is being replaced")
    history = cli.json("alarm", "history", alarm)

    assert [one["id"] for one in acknowledged] == [alarm]
    assert cli.json("alarm", "list", "--acked") == []
    assert "the fan is being replaced" in [one["text"] for one in history]


def test_acknowledging_twice_is_refused(cli: Cli, down_host: str) -> None:
    alarm = cli.json("alarm", "list", "--root-only")[0]["id"]
    cli("alarm", "ack", alarm)

    assert "already" in cli("alarm", "ack", alarm, code=1).stderr


@pytest.mark.parametrize("down_host", ["compute-4"], indirect=True)
def test_an_alarm_is_cleared_by_hand_with_what_follows_from_it(cli: Cli, down_host: str) -> None:
    alarm = cli.json("alarm", "list", "--root-only")[0]["id"]

    cli("alarm", "clear", alarm)

    assert cli.json("alarm", "list") == []
    assert cli.json("alarm", "show", alarm)["state"] == "cleared"


def test_an_alarm_is_explained_from_the_event_to_the_times(cli: Cli, down_host: str) -> None:
    alarm = cli.json("alarm", "list", "--fault", "compute.instance.*")[0]

    text = cli("alarm", "explain", alarm["id"]).stdout

    for said in (alarm["event_id"], alarm["rule"], alarm["policy"], "ping", "server_error"):
        assert said in text


def test_watch_is_follow_and_prints_an_object_a_line_for_what_comes(cli: Cli, port: int) -> None:
    watch = subprocess.Popen(
        [*COMMAND, "--url", f"http://127.0.0.1:{port}", "alarm", "watch", "-f", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    try:
        assert watch.stdout is not None
        # Nothing says that it looks already: send until it has seen one.
        for number in range(100):
            status = ("down", "up")[number % 2]
            cli("event", "send", "compute.host.down", "--host", "compute-5", "--status", status)
            if select.select([watch.stdout], [], [], 0.2)[0]:
                break
        seen = json.loads(watch.stdout.readline())
    finally:
        watch.terminate()
        watch.communicate(timeout=10)
        cli("event", "send", "compute.host.down", "--host", "compute-5", "--status", "up")

    assert seen["data"]["alarm"]["fault_type"].startswith("compute.")


def test_follow_prints_what_happens_as_it_happens(cli: Cli) -> None:
    cli("event", "send", "compute.host.down", "--host", "compute-5")

    lines = cli("alarm", "follow", "--after", "0", "--for", "2", "--min-severity", "critical", "-f", "json").stdout
    cli("event", "send", "compute.host.down", "--host", "compute-5", "--status", "up")

    seen = [json.loads(line) for line in lines.splitlines()]
    assert "host/compute-5" in {
        f"{one['data']['alarm']['resource']['kind']}/{one['data']['alarm']['resource']['id']}" for one in seen
    }
    assert all(one["event"] and one["id"] for one in seen)
    assert cli("alarm", "follow", "--after", "0123456789ab." + "A" * 64, "--for", "1", code=1).stderr.startswith(
        "error: resync"
    )


def test_hosts_are_listed_with_their_state(cli: Cli) -> None:
    assert [one["state"] for one in cli.json("host", "list", "--zone", "none")] == []
    assert {one["kind"] for one in cli.json("host", "list")} == {"host"}
    assert "compute-1" in cli("host", "list").stdout


# Subscriptions


def test_a_subscription_is_made_paused_tested_and_deleted(cli: Cli, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "c2VjcmV0IG9mIGVub3VnaCBieXRlcyBmb3IgdGhl\n")
    # Nobody listens there: what is sent waits.
    words = ["--name", "mine", "-e", "signed=http://127.0.0.1:9/in", "--secret-file", str(secret)]
    made = cli.json("subscription", "create", *words, "--fault", "compute.*", "--min-severity", "major")

    shown = cli.json("subscription", "show", made["id"][:8])
    changed = cli.json("subscription", "set", made["id"], "--name", "ours", "-e", made["endpoints"][0]["id"])
    assert (changed["name"], changed["endpoints"]) == ("ours", made["endpoints"])
    assert cli.json("subscription", "resources", made["id"]) == []
    assert "nothing to change" in cli("subscription", "set", made["id"], code=1).stderr
    paused = cli.json("subscription", "pause", made["id"])
    cli("subscription", "test", made["id"])
    waiting = cli.json("subscription", "deliveries", made["id"], "--state", "pending")
    assert cli.json("delivery", "list", "--subscription", made["id"][:8]) == waiting
    cli("subscription", "redeliver", made["id"], made["endpoints"][0]["id"], "1", code=1)
    requeued = cli.json("subscription", "replay", made["id"], "--after", "0")
    cli("subscription", "resume", made["id"])
    cli("subscription", "delete", made["id"])

    assert shown["endpoints"][0] | {"id": ""} == {
        "id": "",
        "url": "http://127.0.0.1:9/in",
        "format": "signed",
        "has_secret": True,
        "has_token": False,
        "locked": False,
    }
    assert (shown["filter"]["fault_types"], shown["filter"]["min_severity"]) == (["compute.*"], "major")
    assert paused["paused"]
    assert [one["sequence"] for one in waiting] == [1]
    assert "requeued" in requeued
    assert cli.json("subscription", "list") == []


def test_a_subscription_with_a_wrong_endpoint_is_refused_by_field(cli: Cli) -> None:
    result = cli("subscription", "create", "-e", "pigeon=http://127.0.0.1:9/in", code=1)

    assert "endpoints[0].format" in result.stderr


# Resources and actions


def test_resources_are_listed_and_shown_with_who_is_on_them(cli: Cli) -> None:
    hosts = cli.json("resource", "list", "host")

    shown = cli.json("resource", "show", "host/compute-1")

    assert len(hosts) == HOSTS
    assert len(shown["related"]["servers"]) == SERVERS
    assert shown["projects"]


def test_impact_tells_who_would_hear_of_it_and_does_nothing(cli: Cli) -> None:
    owner = cli.json("resource", "show", "host/compute-1")["projects"][0]
    made = cli.json("subscription", "create", "--name", "o", "--project", owner, "-e", "http://127.0.0.1:9/in")

    found = cli.json("resource", "impact", "host/compute-1")
    cli("subscription", "delete", made["id"])

    assert [one["subscription"] for one in found["told"]] == [made["id"]]
    assert "force_down" in {one["kind"] for one in found["actions"]}
    assert cli.json("alarm", "list") == []


def test_actions_of_an_alarm_are_listed(cli: Cli, down_host: str) -> None:
    wait_for(lambda: not cli.json("action", "list", "--state", "planned"), "nothing planned")

    assert "server_error" in {one["kind"] for one in cli.json("action", "list", "--state", "done")}


# Forms, and how it ends


def test_the_same_is_printed_as_table_json_and_yaml(cli: Cli) -> None:
    words = ("resource", "list", "host")

    as_yaml = yaml.safe_load(cli(*words, "-f", "yaml").stdout)

    assert as_yaml == cli.json(*words)
    assert len(cli(*words).stdout.splitlines()) == 1 + HOSTS
    assert "\x1b" not in cli(*words).stdout


def test_what_a_monitor_sent_does_not_drive_the_terminal(cli: Cli) -> None:
    event = {"type": "compute.host.fan", "resource": "host/compute-2", "status": "up", "monitor": "\x1b[2Jfan"}
    cli("event", "send", "--file", "-", stdin=json.dumps(event))

    assert "\x1b" not in cli("event", "list").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["alarm", "show", "00000000-0000-0000-0000-000000000000"], 4, id="no such alarm"),
        pytest.param(["resource", "show", "host/compute-99"], 4, id="no such host"),
        pytest.param(["event", "show", "1"], 4, id="no such event"),
        pytest.param(["alarm", "list", "--since", "yesterday"], 1, id="a time that is none"),
        pytest.param(["--token-file", "/nowhere", "alarm", "list"], 1, id="a token file that is not there"),
        pytest.param(["alarm", "lsit"], 2, id="a command that is none"),
        pytest.param(["alarm", "list", "--state", "wrong"], 2, id="a choice that is none"),
        pytest.param(["event", "send"], 2, id="nothing to send"),
        pytest.param(["event", "send", "compute.host.down"], 2, id="an event on nothing"),
        pytest.param(["event", "send", "x", "--host", "h", "--detail", "nothing"], 2, id="a detail without value"),
    ],
)
def test_it_ends_with_the_code_for(cli: Cli, words: list[str], code: int) -> None:
    result = cli(*words, code=code)

    assert result.stderr
    assert not result.stdout


def test_a_service_that_is_away_ends_with_3(cli: Cli) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    result = cli("--url", url, "alarm", "list", code=3)

    assert url in result.stderr


def test_a_wrong_token_ends_with_5(port: int, cli: Cli) -> None:
    result = Cli(port, NFVIGIL_TOKEN="nfv_wrong")("alarm", "list", code=5)

    assert "nfv_wrong" not in result.stderr


def test_a_token_is_no_option(cli: Cli) -> None:
    result = cli("--token", "nfv_x", "alarm", "list", code=2)

    assert "nfv_x" not in result.stdout


# The service and the shell


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean_environment(), **environment},
        check=False,
    )


def test_serve_names_every_setting_that_is_wrong_and_ends_with_1() -> None:
    result = run("serve", "--log-level", "loud", NFVIGIL_NODE="not a name")

    assert result.returncode == 1
    assert "log_level: " in result.stderr
    assert "node: " in result.stderr
    assert "Traceback" not in result.stderr


def test_the_shell_gets_its_completion() -> None:
    script = run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    words = run(_NFVIGIL_COMPLETE="complete_bash", COMP_WORDS="nfvigil al", COMP_CWORD="1")

    assert "_NFVIGIL_COMPLETE" in script.stdout
    assert words.stdout.split() == ["alarm"]
