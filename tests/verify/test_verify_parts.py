"""The claim by which a dead run is known, calls that are not left half done, commands, progress."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.verify.child import Told
from nfvigil.verify.claim import Claim, claim_of, is_alive, own_claim, started
from nfvigil.verify.fault import Commands
from nfvigil.verify.plan import RUN_MAX_SECONDS
from nfvigil.verify.progress import Progress
from nfvigil.verify.receiver import Receiver
from nfvigil.verify.whole import whole

HERE = "here"


def test_a_mark_is_read_back_as_it_was_written() -> None:
    claim = own_claim(host="compute-4", now_s=5.0)

    assert claim_of(claim.text()) == claim


@pytest.mark.parametrize("text", [None, "", "beside nfvigil-verify-1", "{}", "[1]"])
def test_another_description_is_no_mark(text: str | None) -> None:
    assert claim_of(text) is None


def test_a_run_on_this_machine_lives_as_long_as_its_process() -> None:
    mine = own_claim(host="h", now_s=0.0)
    here = socket.gethostname()

    assert is_alive(mine, machine=here, now_s=1e12)
    assert not is_alive(msgspec.structs.replace(mine, started="1"), machine=here, now_s=0.0)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    assert started(process.pid) is None
    assert not is_alive(msgspec.structs.replace(mine, pid=process.pid), machine=here, now_s=0.0)


@pytest.mark.parametrize(("age", "lives"), [(RUN_MAX_SECONDS - 1, True), (RUN_MAX_SECONDS, False)])
def test_a_run_elsewhere_may_live_as_long_as_a_run_may_take(age: float, lives: bool) -> None:
    claim = Claim(machine="elsewhere", pid=os.getpid(), began_s=100.0, host="h")

    assert is_alive(claim, machine=HERE, now_s=100.0 + age) is lives


def test_a_process_that_was_not_waited_for_counts_as_over() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    try:
        deadline = time.monotonic() + 20
        while started(process.pid) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.wait()


async def cancelled_in(call: asyncio.Event, may_end: asyncio.Event) -> list[str]:
    done: list[str] = []

    async def make() -> None:
        call.set()
        await may_end.wait()
        done.append("made")

    task = asyncio.create_task(whole(make()))
    await call.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    return done


def test_what_is_being_made_is_made_to_its_end_before_we_stop() -> None:
    async def play() -> list[str]:
        return await cancelled_in(asyncio.Event(), asyncio.Event())

    assert asyncio.run(play()) == ["made"]


def commands(inject: str, restore: str, *, seconds: float = 20.0) -> Commands:
    return Commands(inject=inject, restore=restore, host="a host", seconds=seconds)


def test_the_operators_commands_are_given_the_host_as_one_word(tmp_path: Path) -> None:
    async def play() -> None:
        fault = commands(f"echo down {{host}} >> {tmp_path}/said", f"echo up {{host}} >> {tmp_path}/said")
        assert await fault.begin(1) is None
        await fault.end(1)

    asyncio.run(play())

    assert (tmp_path / "said").read_text() == "down a host\nup a host\n"


def test_the_host_is_restored_although_making_it_fail_failed(tmp_path: Path) -> None:
    async def play() -> None:
        fault = commands("echo no such host {host}; false", f"touch {tmp_path}/{{host}}")
        await fault.begin(1)
        await fault.end(1)

    with pytest.raises(RefusedError, match="ended with 1: no such host a host"):
        asyncio.run(play())
    assert (tmp_path / "a host").exists()


def test_a_command_that_does_not_end_is_ended_and_the_host_restored(tmp_path: Path) -> None:
    async def play() -> None:
        fault = commands("sleep 600 # {host}", f"touch {tmp_path}/{{host}}", seconds=0.5)
        await fault.begin(1)
        await fault.end(1)

    with pytest.raises(UnavailableError, match=r"did not end within 0\.5 s"):
        asyncio.run(play())
    assert (tmp_path / "a host").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_counter_stays_on_its_line_on_a_terminal_and_is_said_seldom_elsewhere() -> None:
    screen, log = Terminal(), io.StringIO()
    for to in (screen, log):
        progress = Progress(to=to, clock=lambda: 100.0)
        for done in range(3):
            progress.count("servers", done, 3)
        progress.say("and\x1b so on")

    assert screen.getvalue().count("\n") == 2
    assert screen.getvalue().count("\r") == 3
    assert log.getvalue() == "  servers: 0 of 3\nand\N{REPLACEMENT CHARACTER} so on\n"


def test_the_receiver_takes_only_what_comes_to_its_secret_address() -> None:
    async def play() -> tuple[list[str], list[str]]:
        import aiohttp

        receiver = await Receiver().open("127.0.0.1")
        try:
            good = receiver.url("owner")
            bad = good.replace(good.split("/")[3], "guessed")
            async with aiohttp.ClientSession() as client:
                statuses = [str((await client.post(url, data=b"{}")).status) for url in (good, bad)]
            await receiver.wait(0.01)
            return statuses, [message.to for message in receiver.messages]
        finally:
            await receiver.close()

    assert asyncio.run(play()) == (["204", "404"], ["owner"])


def test_an_nfvigil_of_our_own_ends_with_whoever_started_it(tmp_path: Path) -> None:
    directory = tmp_path / "own"
    directory.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"port": port, "database_url": f"sqlite:///{directory}/nfvigil.db", "log_level": "warning"}
    told = Told(settings=settings, token_hash="0" * 64, directory=str(directory))
    with subprocess.Popen(
        [sys.executable, "-m", "nfvigil.verify.child"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(msgspec.to_builtins(told)).encode() + b"\n")
            process.stdin.flush()
            deadline = time.monotonic() + 30
            while not answers(port):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)

            process.stdin.close()

            assert process.wait(30) == 0
            assert not directory.exists()
        finally:
            process.kill()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
