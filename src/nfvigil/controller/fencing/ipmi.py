"""Switches a host off by IPMI, with ipmitool.

The password goes to ipmitool through a pipe (``-f /dev/fd/N``). Arguments are for everybody to read in /proc; a file
stays behind when we are killed; an environment is recorded with each program's start by what watches machines, and
can be read while the program runs. A pipe's content is gone once it is read, and its reader is the child alone.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.options import OptionReader
from nfvigil.controller.fencing.password import Password
from nfvigil.errors import FenceUnavailableError, RefusedError

PASSWORD_BYTES_MAX = 20
"""More do not fit into IPMI 2.0."""
USERNAME_BYTES_MAX = 16
OUTPUT_MAX = 16 << 10
_TEXT_MAX = 200

STATUS = {b"Chassis Power is on\n": Power.ON, b"Chassis Power is off\n": Power.OFF}
ORDER_TAKEN = b"Chassis Power Control: Down/Off\n"

REFUSALS = tuple(
    (re.compile(said), meaning)
    for said, meaning in (
        (r"RAKP 2 HMAC is invalid", "the password is wrong"),
        (r"RAKP 2 message indicates an error : unauthorized name", "there is no such user"),
        (r"RAKP 2 message indicates an error : .*privilege", "the user may not have this privilege"),
        (r"Set Session Privilege Level to \w+ failed", "the user may not have this privilege"),
        (r"[GS]et Chassis Power [\w/ ]+ failed: Insufficient privilege", "the user may not do this"),
        (r"Error in open session response message : (invalid|no cipher suite)", "the cipher suite is not taken"),
    )
)
"""What ipmitool says where trying again leads nowhere, and what it means. With -v it also says, of questions of its
own, what was refused without harm: so only the lines that end it are looked for.
"""


@dataclass(frozen=True, kw_only=True)
class Bmc:
    """How one BMC is asked."""

    address: str
    port: int
    username: str
    password: Password
    interface: str
    cipher: int | None
    privilege: str
    program: str

    def arguments(self, password_fd: int) -> list[str]:
        cipher = [] if self.cipher is None else ["-C", str(self.cipher)]
        # Without -v a wrong password looks like a BMC that is away.
        return [
            *("-v", "-I", self.interface, "-H", self.address, "-p", str(self.port)),
            *("-U", self.username, "-L", self.privilege.upper(), *cipher, "-f", f"/dev/fd/{password_fd}"),
        ]


class IpmiFence:
    driver = "ipmi"
    is_manual = False

    def __init__(self, *, host: str, bmc: Bmc, timeout_seconds: float) -> None:
        self.host = host
        self._bmc = bmc
        self._timeout_seconds = timeout_seconds
        self._turn = asyncio.Lock()
        """Many BMCs know few sessions, so one call at a time."""

    @classmethod
    def from_options(cls, host: str, options: Mapping[str, Any], clock: Callable[[], int]) -> IpmiFence:
        read = OptionReader(host=host, driver=cls.driver, options=options)
        bmc = Bmc(
            address=read.text("address"),
            port=read.whole("port", 623, low=1, high=65535),
            username=read.text("username", bytes_max=USERNAME_BYTES_MAX),
            password=read.password(bytes_max=PASSWORD_BYTES_MAX),
            interface=read.choice("interface", ("lanplus", "lan")),
            # Suite 0 is "no password needed".
            cipher=read.optional_whole("cipher", low=1, high=17),
            privilege=read.choice("privilege", ("operator", "administrator")),
            program=read.text("program", "ipmitool"),
        )
        if bmc.address and not re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9.:_-]*", bmc.address):
            read.wrong("address", "must be a name or an IP address")
        if shutil.which(bmc.program) is None:
            read.wrong("program", f"{bmc.program} is not installed: IPMI needs ipmitool")
        timeout_seconds = read.number("timeout", 10.0, low=0.1, high=120)
        read.done()
        return cls(host=host, bmc=bmc, timeout_seconds=timeout_seconds)

    async def power(self) -> Power:
        code, said, trouble = await self._ask("status")
        # To the byte: half an answer, or one of another version, is no answer.
        if code != 0 or said not in STATUS:
            raise self._meaning(code, trouble)
        return STATUS[said]

    async def switch_off(self) -> None:
        # Some BMCs refuse to switch off what is off.
        if await self.power() is Power.OFF:
            return
        code, said, trouble = await self._ask("off")
        if code != 0 or said != ORDER_TAKEN:
            raise self._meaning(code, trouble)

    async def close(self) -> None:
        """Nothing stays open between calls."""

    async def _ask(self, what: str) -> tuple[int, bytes, str]:
        """Exit code, answer, and what was said beside it."""
        password = self._bmc.password.read().reveal()
        try:
            async with asyncio.timeout(self._timeout_seconds), self._turn:
                code, said, beside = await _run(self._bmc, password, what)
        except TimeoutError as error:
            raise FenceUnavailableError(
                f"the BMC of {self.host} did not answer in {self._timeout_seconds:g} s"
            ) from error
        return code, said, beside.decode(errors="replace").replace(password, "***")

    def _meaning(self, code: int, trouble: str) -> RefusedError | FenceUnavailableError:
        where = f"the BMC of {self.host} at {self._bmc.address}"
        for pattern, meaning in REFUSALS:
            if pattern.search(trouble):
                return RefusedError(f"{where} refuses: {meaning}")
        last = "".join(trouble.strip().splitlines()[-1:])[:_TEXT_MAX]
        return FenceUnavailableError(f"{where} gave no answer that is understood (exit code {code}): {last}")


async def _run(bmc: Bmc, password: str, what: str) -> tuple[int, bytes, bytes]:
    program = shutil.which(bmc.program)
    if program is None:
        raise RefusedError(f"{bmc.program} is not installed: IPMI needs ipmitool")
    reading, writing = os.pipe()
    try:
        try:
            # It is far shorter than a pipe holds, so this does not wait.
            os.write(writing, password.encode() + b"\n")
        finally:
            os.close(writing)
        process = await asyncio.create_subprocess_exec(
            program,
            *bmc.arguments(reading),
            "chassis",
            "power",
            what,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Nothing else of our environment, which may hold other passwords.
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            pass_fds=(reading,),
            start_new_session=True,
        )
    except OSError as error:
        raise RefusedError(f"{program} cannot be started: {error.strerror}") from error
    finally:
        os.close(reading)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        said, beside = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
        return await process.wait(), said, beside
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _bounded(stream: asyncio.StreamReader) -> bytes:
    """All of it if it is short, else its beginning; the rest is read away, so that the writer can end."""
    kept = bytearray()
    while chunk := await stream.read(4096):
        kept += chunk[: OUTPUT_MAX - len(kept)]
    return bytes(kept)
