"""The claim of a run, written on its project: who runs and which host is used, for whoever tidies up after it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec

from nfvigil.verify.plan import RUN_MAX_SECONDS

_STARTED_FIELD = 19
"""Of /proc/PID/stat, counted behind the command's name, which may hold anything: when the process was started."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """``is_faulty`` while the host may be forced down because of us."""

    machine: str
    pid: int
    started: str = ""
    """When that process was started, as the kernel counts: another may have the same id by now."""
    began_s: float
    host: str
    is_faulty: bool = False
    is_kept: bool = False

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def claim_of(text: str | None) -> Claim | None:
    """None where the text is no claim of ours."""
    try:
        return msgspec.json.decode(text or "", type=Claim)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def own_claim(*, host: str, now_s: float) -> Claim:
    pid = os.getpid()
    return Claim(machine=socket.gethostname(), pid=pid, started=started(pid) or "", began_s=now_s, host=host)


def started(pid: int) -> str | None:
    """Of a process on this machine; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else rest[_STARTED_FIELD - 1]


def is_alive(claim: Claim, *, machine: str, now_s: float) -> bool:
    """Of a run elsewhere nothing is known but how long one may take."""
    if claim.machine == machine:
        return started(claim.pid) == claim.started
    return now_s - claim.began_s < RUN_MAX_SECONDS
