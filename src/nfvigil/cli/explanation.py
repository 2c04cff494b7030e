"""Shows why an alarm stands: the event, the rule, what was done in the cloud, who was told, and how long it took."""

from __future__ import annotations

from typing import Any

from nfvigil.cli.actions import ACTION_COLUMNS
from nfvigil.cli.connection import short
from nfvigil.cli.moments import age, local
from nfvigil.cli.terminal import Column, bold, fields, printable, say, table
from nfvigil.cli.timeline import draw_profile

SHOWN_MAX = 20

STEP_COLUMNS = (
    Column("RULE", lambda step: step["rule"]),
    Column("REASON", lambda step: step["reason"]),
    Column("RESOURCE", lambda step: step["resource"], shrink=True),
    Column("WHY", lambda step: step["text"] or " ", shrink=True),
)
DELIVERY_COLUMNS = (
    Column("STATE", lambda delivery: delivery["state"]),
    Column("SUBSCRIPTION", lambda delivery: short(delivery["subscription_id"])),
    Column("ENDPOINT", lambda delivery: short(delivery["endpoint_id"])),
    Column("SEQ", lambda delivery: delivery["sequence"], right=True),
    Column("PART", lambda delivery: delivery["part"], right=True),
    Column("TRIES", lambda delivery: delivery["attempts"], right=True),
    Column("HTTP", lambda delivery: delivery["http_status"], right=True),
    Column("AGE", lambda delivery: age(delivery["delivered_time"]), right=True),
    Column("ERROR", lambda delivery: delivery["error"] or " ", shrink=True),
)


def resource_of(alarm: dict[str, Any]) -> str:
    """``server/vm-1-1``: the kind and the name that people know."""
    resource = alarm["resource"]
    return f"{resource['kind']}/{resource['name']}"


def draw_explanation(explanation: dict[str, Any], most: int | None) -> None:
    """What a project may not know is not in it, and not shown."""
    alarm = explanation["alarm"]
    headline = f"{alarm['fault_type']} on {resource_of(alarm)}"
    say(f"{bold(printable(headline))}: {alarm['perceived_severity']}, {alarm['state']}")
    follows = "it is the root cause" if alarm["is_root_cause"] else f"follows from {alarm['root_cause_id']}"
    fields(
        [
            ("what", alarm["text"]),
            ("do", alarm["recommended_action"]),
            ("repair", alarm.get("repair")),
            ("cause", follows),
            ("rule", explanation["rule"]),
            ("policy", explanation["policy"]),
            ("cloud", alarm["vim_state"]),
        ],
        indent="  ",
    )
    _draw_event(explanation["event"])
    verdict = explanation["verdict"]
    if verdict is not None and verdict["steps"]:
        say(f"\n{bold('What was decided')} by {printable(verdict['policy'])}")
        _some(verdict["steps"], STEP_COLUMNS, most)
    if explanation["entries"]:
        count = len(explanation["entries"])
        say(f"\n{bold('What it rests on')}: {count} entries of the resource map, which -f json shows")
    if explanation["actions"]:
        say(f"\n{bold('What was done in the cloud')}")
        _some(explanation["actions"], ACTION_COLUMNS, most)
    if explanation["deliveries"]:
        say(f"\n{bold('Who was told of the event')}")
        _some(explanation["deliveries"], DELIVERY_COLUMNS, most)
    if explanation["timings"] is not None:
        say(f"\n{bold('How long it took')}")
        draw_profile(explanation["timings"])


def _draw_event(event: dict[str, Any] | None) -> None:
    if event is None:
        return
    say(f"\n{bold('The event')} {event['id']}")
    told = ("type", "resource", "status", "severity", "monitor", "source", "cause", "flags")
    fields([("time", local(event["time"])), *((name, event[name]) for name in told)], indent="  ")


def _some(items: list[Any], columns: tuple[Column, ...], most: int | None) -> None:
    table(items[:most], columns, indent="  ")
    if most is not None and len(items) > most:
        say(f"  ... and {len(items) - most} more: --all shows them")
