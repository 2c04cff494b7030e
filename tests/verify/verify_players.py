"""A plan, a look at the cloud, messages and results, as the tests of the verification need them."""

from __future__ import annotations

import json
from typing import Any

from nfvigil.model.subscription import Mode
from nfvigil.verify import checks
from nfvigil.verify.checks import Check, Figures
from nfvigil.verify.measure import Round
from nfvigil.verify.plan import HostSeen, Wanted
from nfvigil.verify.report import Result
from nfvigil.verify.seen import AlarmSeen, Seen, ServerSeen
from nfvigil.verify.told import Message

PROFILE = {
    "spans": [
        {"component": "inspector", "ms": 4.0, "share": 0.2},
        {"component": "notifier", "ms": 20.0, "share": 1.0},
    ],
    "checkpoints": [],
}


def wanted(**fields: Any) -> Wanted:
    return Wanted(**{"cloud": "admin"} | fields)


def host(name: str, **fields: Any) -> HostSeen:
    return HostSeen(**{"name": name, "memory_mb": 1000, "foreign": 0} | fields)


def well(**fields: Any) -> Seen:
    """Two servers with a port each, as they are before a fault."""
    servers = {name: ServerSeen(status="ACTIVE", host="h", host_status="UP", owner_host_status="UP") for name in "ab"}
    return Seen(**{"service_state": "up", "servers": servers, "ports": {"p": "", "q": ""}} | fields)


def ill(**fields: Any) -> Seen:
    """The same while the host is down, with everything as it must be."""
    servers = {
        name: ServerSeen(status="ERROR", host="h", host_status="DOWN", owner_host_status="DOWN") for name in "ab"
    }
    given: dict[str, Any] = {
        "service_state": "down",
        "forced_down": True,
        "servers": servers,
        "ports": {"p": "DOWN", "q": "DOWN"},
        "alarms": (alarm("a"), alarm("b")),
    }
    return Seen(**given | fields)


def alarm(server: str, vim_state: str = "consistent") -> AlarmSeen:
    return AlarmSeen(
        resource=f"server/{server}", fault_type="compute.instance.down", state="confirmed", vim_state=vim_state
    )


def message(id: str, kind: str, *servers: str, at_ns: int = 1, to: str = "owner") -> Message:
    resources = [{"VirtualResourceID": server, "VirtualResourceType": "server"} for server in servers]
    body = {"NotificationID": id, "News": kind, "VirtualResourceInfo": resources}
    return Message(to=to, at_ns=at_ns, body=json.dumps(body).encode())


def check(what: str = "it is so", *, is_ok: bool = True, **fields: Any) -> Check:
    return Check(**{"when": checks.DURING, "what": what, "is_ok": is_ok, "seen": "2 <ACTIVE> & \x07"} | fields)


def a_round(number: int = 1, servers: int = 1, *, found: tuple[Check, ...] = (check(),), **figures: Any) -> Round:
    given = {"accepted_s": 0.01, "raised_s": 0.02, "confirmed_s": 0.5, "cleared_s": 0.03} | figures
    return Round(servers=servers, number=number, figures=Figures(**given), checks=found, profile=PROFILE)


def result(*rounds: Round, **fields: Any) -> Result:
    given: dict[str, Any] = {
        "run": "1a2b",
        "facts": {"cloud": "admin", "host": "compute-4"},
        "limit_seconds": 1.0,
        "mode": Mode.BOTH,
        "began_s": 0.0,
        "rounds": rounds,
        "end": tuple(checks.at_the_end([], "")),
    }
    return Result(**given | fields)
