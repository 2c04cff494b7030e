"""The command line for instructions, recovery, brakes and hosts, against a real service."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml
from test_cli_core import Cli, end, free_port, start, wait_for

from nfvigil.cli.instructions import read_params, short_id
from nfvigil.errors import RefusedError

FENCES = """\
fences:
  "*": {driver: simulated}
  compute-2: {driver: manual}
"""
SETTINGS = """\
[[vims]]
name = "lab"
driver = "simulated"
options = { hosts = 6, servers_per_host = 2, projects = 2 }

[brakes]
paths = { ping = ["ping-*"], bmc = ["bmc-*"] }
share = 1.0
host_every_seconds = 0
outage_hosts = 1000
outage_share = 1.0
"""
PROJECT = "23f5a1726025d1a1bf6797cbb8136731"


def server(number: int) -> str:
    """Two on each host: 1 and 2 on compute-1, and so on."""
    return f"8a9e21c0-607d-4493-87f5-{number:012x}"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("service")
    chosen, log, config = free_port(), folder / "service.log", folder / "nfvigil.toml"
    (folder / "fences.yaml").write_text(FENCES)
    config.write_text(f'fences = "{folder}/fences.yaml"\n{SETTINGS}')
    words = ["--dev", "--config", str(config), "--database", f"sqlite:///{folder}/nfvigil.db"]
    process = start(words, chosen, log)
    yield chosen
    end(process, log)


@pytest.fixture
def cli(port: int) -> Cli:
    return Cli(port)


def kill(cli: Cli, host: str, *monitors: str) -> None:
    for monitor in monitors:
        cli("event", "send", "compute.host.down", "--host", host, "--monitor", monitor)
    wait_for(lambda: host in cli("alarm", "list", "--root-only").stdout, "an alarm")


# Instructions


def test_an_instruction_is_waited_for_and_says_how_it_went(cli: Cli) -> None:
    result = cli("instruct", "reboot", server(7), "--param", "type=SOFT", "--wait")

    assert result.stdout.startswith(f"reboot server/{server(7)}: done: ")
    assert result.stderr.startswith(f"reboot server/{server(7)}: planned")
    identifier = result.stdout.split()[-1]
    shown = cli.json("instruction", "show", short_id(identifier))
    assert (shown["id"], shown["state"], shown["by"]) == (identifier, "done", "developer")
    assert identifier[:24] in cli("instruction", "list").stdout
    assert "by developer" in cli("instruction", "show", identifier).stdout


def test_an_instruction_that_fails_ends_with_1(cli: Cli) -> None:
    cli("instruct", "stop", f"server/{server(8)}", "--wait")

    failed = cli("instruct", "reboot", server(8), "--param", "type=SOFT", "--wait", "--format", "json", code=1)

    assert json.loads(failed.stdout)["state"] == "failed"
    cli("instruct", "start", server(8), "--wait")


def test_what_is_not_over_in_time_ends_with_1_and_goes_on(cli: Cli) -> None:
    kill(cli, "compute-6", "ping-1")

    late = cli("instruct", "evacuate", server(11), "--wait", "--wait-max", "0", "--format", "json", code=1)

    assert "goes on: nfvigil instruction show" in late.stderr
    assert json.loads(late.stdout)["state"] == "planned"


def test_a_dry_run_and_a_key_ask_for_nothing_twice(cli: Cli) -> None:
    before = [one["id"] for one in cli.json("instruction", "list")]
    dry = cli("instruct", "stop", server(7), "--dry-run", "--wait")
    assert dry.stdout == f"would be planned: stop server/{server(7)}\n"
    assert [one["id"] for one in cli.json("instruction", "list")] == before

    first = cli.json("instruct", "reboot", server(7), "--key", "ticket-1")
    assert cli.json("instruct", "reboot", server(7), "--key", "ticket-1")["id"] == first["id"]
    other = cli("instruct", "stop", server(7), "--key", "ticket-1", code=1)
    assert "another instruction" in other.stderr
    assert "key" in cli("instruct", "stop", server(7), "--key", "ü", code=1).stderr


def test_what_is_wrong_with_an_instruction_is_said(cli: Cli) -> None:
    assert "not known to be down" in cli("instruct", "evacuate", server(7), code=1).stderr
    assert "params.colour" in cli("instruct", "reboot", server(7), "-p", "colour=red", code=1).stderr
    assert "NAME=VALUE" in cli("instruct", "reboot", server(7), "-p", "soft", code=1).stderr
    cli("instruct", "reboot", "no-such-server", code=4)
    cli("instruction", "show", "1-x" + "0" * 40, code=4)
    cli("instruct", "explode", server(7), code=2)


def test_parameters_are_what_the_service_takes_them_for() -> None:
    texts = ["type=SOFT", "confirm=false", "override_brakes=true", "seconds=90", "image=7"]

    read = read_params(texts)

    assert read == {"type": "SOFT", "confirm": False, "override_brakes": True, "seconds": 90.0, "image": "7"}
    for text in ("confirm=no", "seconds=soon", "=x"):
        with pytest.raises(RefusedError):
            read_params([text])


# Recovery


def test_recovery_is_defined_shown_listed_and_taken_back(cli: Cli) -> None:
    place = f"server/{server(9)}"
    assert "nothing is defined" in cli("recovery", "list").stderr

    words = ["--on", "host_down=evacuate", "--on", "server_failed=reboot"]
    made = cli("recovery", "set", place, *words, "--after", "3", "--after", "server_failed=30").stdout

    assert "host_down      evacuate after 3 s\n" in made
    assert "server_failed  reboot after 30 s\n" in made
    assert cli.json("recovery", "show", place)["do"]["host_down"] == {"action": "evacuate", "after_seconds": 3.0}
    listed = yaml.safe_load(cli("recovery", "list", "-f", "yaml").stdout)
    assert [one["resource"] for one in listed] == [place]
    assert "host_down: evacuate after 3 s" in cli("recovery", "list").stdout
    cli("recovery", "unset", place)
    cli("recovery", "show", place, code=4)
    cli("recovery", "unset", place, code=4)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["--on", "evacuate"], "on: "),
        (["--on", "on_fire=evacuate"], "on: "),
        (["--on", "host_down=reboot"], "do.host_down.action"),
        (["--on", "host_down=evacuate", "--after", "soon"], "after: "),
        (["--on", "host_down=evacuate", "--after", "server_failed=3"], "no --on"),
    ],
)
def test_a_recovery_that_is_wrong_is_refused_by_field(cli: Cli, words: list[str], wrong: str) -> None:
    assert wrong in cli("recovery", "set", f"server/{server(9)}", *words, code=1).stderr


# Brakes and hosts


def test_a_hold_and_the_kill_switch_are_shown_with_who_and_why(cli: Cli) -> None:
    held = cli("brakes", "hold", "lab", "--reason", "a storm").stdout
    off = cli("brakes", "off", "--reason", "works").stdout

    assert "lab" in held and "developer" in held and "a storm" in held  # noqa: PT018 - it is one line
    assert "automatic actions  off since" in off
    assert "by developer: works" in off
    assert "already" in cli("brakes", "off", "--reason", "works", code=1).stderr
    cli("brakes", "on", "--reason", "done")
    cli("brakes", "release", "lab", "--reason", "over")
    shown = cli.json("brakes", "show")
    assert (shown["automation"], shown["holds"]) == (True, [])
    cli("brakes", "hold", "nowhere", "--reason", "x", code=4)


def test_a_host_is_fenced_by_a_person_who_types_its_name(cli: Cli) -> None:
    well = cli("host", "fence", "compute-3", "--dry-run", code=1).stderr
    kill(cli, "compute-3", "ping-1")
    dry = cli("host", "fence", "compute-3", "--dry-run").stdout
    wrong = cli("host", "fence", "compute-3-bmc", stdin="compute-3-bmc\n", code=1)
    nothing = cli("host", "fence", "compute-3", stdin="", code=1)
    assert "not known to be down" in well
    assert dry == "would be planned: fence host/compute-3\n"
    assert "compute-3 has 2 servers of 2 projects" in wrong.stderr
    assert "that is not its name" in wrong.stderr
    assert "done" not in nothing.stdout
    assert cli("host", "power", "compute-3").stdout == "compute-3 is on\n"

    fenced = cli("host", "fence", "compute-3-bmc", "--wait", "--override-brakes", stdin="compute-3\n")

    assert "fence host/compute-3: done: compute-3 was switched off" in fenced.stdout
    assert cli.json("host", "power", "compute-3")["power"] == "off"
    assert "compute-3" in cli("brakes", "show").stdout


def test_what_waits_for_a_second_witness_says_so_until_an_operator_confirms_that_the_host_is_off(cli: Cli) -> None:
    cli("recovery", "set", f"server/{server(3)}", "--on", "host_down=evacuate")
    kill(cli, "compute-2", "ping-1", "ping-2")
    why = "waits for another witness: 2 independent ones are needed, so far ping"
    wait_for(lambda: why in cli("action", "list", "--state", "planned").stdout, "the reason")
    assert "actions held back  " in cli("brakes", "show").stdout

    said = cli("host", "confirm-off", "compute-2-bmc", "--reason", "unplugged", stdin="compute-2\n").stdout

    assert said.endswith("compute-2 is taken to be off, by word of developer\n")
    gone = "from compute-2 to"
    wait_for(lambda: gone in cli("action", "list", "--state", "done").stdout, "the evacuation")
    assert "operator" in cli("brakes", "show").stdout
    cli("host", "confirm-off", "nowhere", "--reason", "x", "--yes", code=4)
    assert "says its BMC" in cli("host", "confirm-off", "compute-1", "--reason", "x", "--yes", code=1).stderr
