"""Fencing by IPMI, with the real ipmitool against OpenIPMI's simulator, and against programs that misbehave."""

from __future__ import annotations

import asyncio
import logging
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvloop
from fencing_players import command_lines, free_port, hanging, until

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.ipmi import OUTPUT_MAX, IpmiFence, _bounded
from nfvigil.controller.fencing.proof import prove_off, still_off
from nfvigil.errors import FenceUnavailableError, RefusedError, UnavailableError

pytestmark = pytest.mark.anyio
PASSWORD = "Tr0ub4dor&3;x"
UDP = socket.SOCK_DGRAM


def fence(bmc: Any, **changes: Any) -> IpmiFence:
    options = {
        "address": "127.0.0.1",
        "port": bmc.port,
        "username": "fence",
        "password": PASSWORD,
        "cipher": 3,  # the only one that the simulator knows
        "program": bmc.ipmitool,
        "timeout": 10,
    }
    return IpmiFence.from_options("compute-1", options | changes, lambda: 0)


def with_program(folder: Path, script: str, **changes: Any) -> IpmiFence:
    """A fence whose ipmitool is a script; what it writes to $HERE is in the folder."""
    program = folder / "ipmitool"
    program.write_text(f"#!/bin/sh\nHERE='{folder}'\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    options = {"address": "10.0.0.1", "username": "fence", "password": PASSWORD, "program": str(program)}
    return IpmiFence.from_options("compute-1", options | {"timeout": 5} | changes, lambda: 0)


async def test_a_host_that_is_on_is_switched_off_and_proven_off(ipmi_bmc: Any) -> None:
    one = fence(ipmi_bmc)

    proof = await prove_off(one, clock=lambda: 7, gap_seconds=0.05)

    assert (proof.host, proof.driver, proof.reads, proof.was_off_already) == ("compute-1", "ipmi", 2, False)
    assert await still_off(one)
    assert not ipmi_bmc.is_on()
    assert ipmi_bmc.orders() == ["0"]


async def test_a_host_that_is_off_already_gets_no_order(ipmi_bmc: Any) -> None:
    ipmi_bmc.switch(on=False)
    one = fence(ipmi_bmc)

    proof = await prove_off(one, clock=lambda: 7, gap_seconds=0.05)
    await one.switch_off()

    assert proof.was_off_already
    assert ipmi_bmc.orders() == []


async def test_power_that_comes_back_between_two_looks_is_taken_again(ipmi_bmc: Any) -> None:
    one = fence(ipmi_bmc)

    async def comes_back(seconds: float) -> None:
        # Once, after the host was seen off for the first time.
        if ipmi_bmc.orders() == ["0"] and seconds:
            ipmi_bmc.switch(on=True)
        await asyncio.sleep(seconds)

    proof = await prove_off(one, clock=lambda: 7, gap_seconds=0.05, sleep=comes_back)

    assert proof.reads == 2
    assert ipmi_bmc.orders() == ["0", "0"]
    assert not ipmi_bmc.is_on()


async def test_an_order_that_is_taken_and_not_followed_is_no_proof(ipmi_bmc: Any) -> None:
    ipmi_bmc.ignore_orders()
    one = fence(ipmi_bmc)

    # "Not known" where the time was over in the middle of a reading.
    with pytest.raises(UnavailableError, match=r"compute-1 is (still on|off is not known)"):
        await prove_off(one, clock=lambda: 0, gap_seconds=0.05, timeout_seconds=2.0)

    assert ipmi_bmc.orders() == ["0"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "wrong"}, "the password is wrong"),
        ({"username": "nobody"}, "there is no such user"),
        ({"cipher": 17}, "the cipher suite is not taken"),
    ],
)
async def test_what_will_never_do_is_refused(ipmi_bmc: Any, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError, match=f"the BMC of compute-1 at 127.0.0.1 refuses: {reason}"):
        await fence(ipmi_bmc, **changes).power()


@pytest.fixture(params=["the port is closed", "it hangs"])
def dead_port(request: pytest.FixtureRequest) -> Iterator[int]:
    if request.param == "it hangs":
        with hanging(UDP) as port:
            yield port
    else:
        yield free_port(UDP)


async def test_a_bmc_that_is_away_is_unavailable_and_leaves_no_process(
    ipmi_programs: ModuleType, dead_port: int
) -> None:
    program = ipmi_programs.find_programs()["ipmitool"]
    options = {"address": "127.0.0.1", "username": "fence", "password": PASSWORD, "port": dead_port}
    one = IpmiFence.from_options("compute-1", options | {"program": program, "timeout": 1}, lambda: 0)

    with pytest.raises(FenceUnavailableError, match="the BMC of compute-1"):
        await one.power()

    await until(lambda: not [line for line in command_lines().values() if f"-p {dead_port} " in line])


async def test_the_password_is_in_no_command_line_environment_file_or_log(
    ipmi_bmc: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = fence(ipmi_bmc)
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen.update(line for line in command_lines().values() if f"-p {ipmi_bmc.port} " in line)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(20):
            await one.power()
        with pytest.raises(RefusedError) as caught:
            await fence(ipmi_bmc, password="wr0ng-Secret").power()
    finally:
        ended.set()
        watcher.join()

    texts = [str(caught.value), repr(caught.value), caplog.text, repr(one), repr(vars(one)), *seen]
    assert any("ipmitool" in line and "/dev/fd/" in line for line in seen)
    assert not [text for text in texts if PASSWORD in text or "wr0ng-Secret" in text]


async def test_the_password_reaches_the_program_by_a_pipe_alone(tmp_path: Path) -> None:
    one = with_program(
        tmp_path,
        'tr "\\0" "\\n" < /proc/$$/cmdline > "$HERE/arguments"; env > "$HERE/environment"\n'
        'while [ $# -gt 1 ]; do [ "$1" = -f ] && cat "$2" > "$HERE/given"; shift; done\n'
        'echo "Chassis Power is off"',
    )

    assert await one.power() is Power.OFF

    assert (tmp_path / "given").read_text() == f"{PASSWORD}\n"
    assert PASSWORD not in (tmp_path / "arguments").read_text()
    assert PASSWORD not in (tmp_path / "environment").read_text()
    assert {line.partition("=")[0] for line in (tmp_path / "environment").read_text().split()} <= {
        *("PATH", "LC_ALL", "PWD", "SHLVL", "_", "OLDPWD")
    }


def test_the_pipe_is_handed_over_in_the_services_own_loop_too(tmp_path: Path) -> None:
    one = with_program(
        tmp_path,
        'while [ $# -gt 1 ]; do [ "$1" = -f ] && cat "$2" > "$HERE/given"; shift; done; echo "Chassis Power is on"',
    )

    assert uvloop.run(one.power()) is Power.ON
    assert (tmp_path / "given").read_text() == f"{PASSWORD}\n"


async def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    one = with_program(tmp_path, 'sleep 300 & echo $! > "$HERE/child"; echo $$ > "$HERE/parent"; wait', timeout=0.5)

    with pytest.raises(FenceUnavailableError, match=r"did not answer in 0\.5 s"):
        await one.power()

    pids = [int((tmp_path / name).read_text()) for name in ("child", "parent")]
    await until(lambda: not any(is_running(pid) for pid in pids))


async def test_a_call_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    one = with_program(tmp_path, 'echo $$ > "$HERE/pid.part"; mv "$HERE/pid.part" "$HERE/pid"; exec sleep 300')
    call = asyncio.create_task(one.power())
    await until((tmp_path / "pid").exists)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert not is_running(int((tmp_path / "pid").read_text()))


def is_running(pid: int) -> bool:
    """Not the dead that nobody has waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


ANSWERS = [
    ("nothing", "true"),
    ("another word", "echo 'Chassis Power is offline'"),
    ("capitals", "echo 'Chassis Power is OFF'"),
    ("no end of line", "printf 'Chassis Power is off'"),
    ("something before", "echo warning; echo 'Chassis Power is off'"),
    ("something after", "echo 'Chassis Power is off'; echo 'Chassis Power is on'"),
    ("off, and a failure", "echo 'Chassis Power is off'; exit 1"),
    ("off, on the wrong stream", "echo 'Chassis Power is off' >&2"),
    ("off, then killed", "echo 'Chassis Power is off'; kill -9 $$"),
    ("no text", "printf '\\377\\376'"),
    ("a flood", f"head -c {OUTPUT_MAX * 20} /dev/zero; echo 'Chassis Power is off'"),
    ("a flood beside it", f"head -c {OUTPUT_MAX * 20} /dev/zero >&2; exit 1"),
]


@pytest.mark.parametrize("script", [row[1] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_an_answer_that_is_not_exactly_understood_is_unavailable(tmp_path: Path, script: str) -> None:
    with pytest.raises(FenceUnavailableError, match="gave no answer that is understood") as caught:
        await with_program(tmp_path, script).power()

    assert len(str(caught.value)) < 400


async def test_of_a_flood_only_the_beginning_is_kept() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b"x" * OUTPUT_MAX + b"y" * OUTPUT_MAX)
    stream.feed_eof()

    assert await _bounded(stream) == b"x" * OUTPUT_MAX


async def test_a_question_of_ipmitools_own_that_is_refused_is_no_refusal(tmp_path: Path) -> None:
    script = "echo 'Invalid completion code received: Insufficient privilege level' >&2; exit 1"

    with pytest.raises(FenceUnavailableError):
        await with_program(tmp_path, script).power()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Set Chassis Power Control to Down/Off failed: Insufficient privilege level", RefusedError),
        ("Set Session Privilege Level to OPERATOR failed", RefusedError),
        ("Set Chassis Power Control to Down/Off failed: Node busy", FenceUnavailableError),
        ("", FenceUnavailableError),
    ],
)
async def test_an_order_that_is_not_taken(tmp_path: Path, said: str, error: type[Exception]) -> None:
    script = f"""case "$*" in *status) echo 'Chassis Power is on' ;; *) echo '{said}' >&2; exit 1 ;; esac"""

    with pytest.raises(error):
        await with_program(tmp_path, script).switch_off()


async def test_what_the_program_says_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(FenceUnavailableError, match=r"understood \(exit code 1\): bad key \*\*\*") as caught:
        await with_program(tmp_path, f"echo 'bad key {PASSWORD}' >&2; exit 1").power()

    assert PASSWORD not in str(caught.value)


async def test_calls_of_one_host_go_one_after_another(tmp_path: Path) -> None:
    one = with_program(
        tmp_path, 'mkdir "$HERE/busy" || exit 1; sleep 0.1; rmdir "$HERE/busy"; echo "Chassis Power is on"'
    )

    assert await asyncio.gather(*(one.power() for _ in range(4))) == [Power.ON] * 4


async def test_a_program_that_is_gone_is_refused(tmp_path: Path) -> None:
    one = with_program(tmp_path, "true")
    (tmp_path / "ipmitool").unlink()

    with pytest.raises(RefusedError, match="is not installed: IPMI needs ipmitool"):
        await one.power()


async def test_a_program_that_cannot_be_started_is_refused(tmp_path: Path) -> None:
    one = with_program(tmp_path, "true")
    (tmp_path / "ipmitool").write_text("#!/nowhere/sh\n")

    with pytest.raises(RefusedError, match="cannot be started"):
        await one.power()


WRONG = [
    ({"program": "/nowhere/ipmitool"}, "program: /nowhere/ipmitool is not installed: IPMI needs ipmitool"),
    ({"address": "-H"}, "address: must be a name or an IP address"),
    ({"address": "10.0.0.1 -P x"}, "address: must be a name or an IP address"),
    ({"username": "seventeen-letters"}, "username: must be text of one line, up to 16 bytes"),
    ({"password": "x" * 21}, "password: is longer than 20 bytes"),
    ({"cipher": 0}, "cipher: must be a number from 1 to 17"),
    ({"cipher": 3.5}, "cipher: must be a whole number"),
    ({"port": 70000}, "port: must be a number from 1 to 65535"),
    ({"interface": "open"}, "interface: must be one of lanplus, lan"),
    ({"privilege": "user"}, "privilege: must be one of operator, administrator"),
]


@pytest.mark.parametrize(("changes", "reason"), WRONG, ids=[reason for _, reason in WRONG])
def test_a_wrong_option_is_told_by_its_name(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError, match="the fence of compute-1 cannot be used") as caught:
        with_program(tmp_path, "true", **changes)

    assert [str(error) for error in caught.value.errors] == [reason]


def test_the_arguments_say_what_the_options_say(tmp_path: Path) -> None:
    one = with_program(tmp_path, "true", cipher=17, privilege="administrator", port=624)

    assert one._bmc.arguments(9) == [
        *("-v", "-I", "lanplus", "-H", "10.0.0.1", "-p", "624", "-U", "fence"),
        *("-L", "ADMINISTRATOR", "-C", "17", "-f", "/dev/fd/9"),
    ]
