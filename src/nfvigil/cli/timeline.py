"""Draws a fault's way through the components as bars on one line of time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from nfvigil.cli.terminal import Column, drawing_width, paint, say, table

COLOURS = {"monitor": "35", "inspector": "36", "controller": "33", "notifier": "32", "consumer": "34"}
EIGHTHS = " ▏▎▍▌▋▊▉█"
LABEL = 12
FIGURES = 24


def draw_profile(profile: Mapping[str, Any], *, indent: str = "  ") -> None:
    """The profile as the service gives it: a bar a component, then the checkpoints."""
    offsets = {point["name"]: float(point["offset_ms"]) for point in profile["checkpoints"]}
    total = float(profile["total_ms"])
    told = profile["notified"]
    more = "" if told is None else f"; {told} notifications delivered, {profile['acted']} actions ended"
    say(f"{indent}{profile['fault_type']} on {profile['resource']}: {total:.1f} ms from the first to the last{more}")
    room = max(10, drawing_width() - len(indent) - LABEL - FIGURES)
    for span in profile["spans"]:
        drawn = bar(offsets[span["start"]], offsets[span["end"]], total, room)
        painted = paint(drawn, COLOURS.get(span["component"], ""))
        say(f"{indent}{span['component']:<{LABEL}}{painted}{span['ms']:>11.1f} ms {span['share'] * 100:>6.1f} %")
    if profile["spans"]:
        say(f"{indent}{'':<{LABEL}}{scale(total, room)}")
    table(
        profile["checkpoints"],
        (
            Column("#", lambda point: point["number"], right=True),
            Column("CHECKPOINT", lambda point: point["name"].replace("_", " ")),
            Column("AT", lambda point: f"{point['offset_ms']:.1f} ms", right=True),
        ),
        indent=indent,
    )


def bar(start: float, end: float, total: float, room: int) -> str:
    """From ``start`` to ``end`` of ``total`` in ``room`` cells; never invisible, however short."""
    first = min(room - 1, max(0, int(start / total * room))) if total > 0 else 0
    length = (end / total * room if total > 0 else 0.0) - first
    if is_unicode():
        full, rest = divmod(min(max(1, round(length * 8)), (room - first) * 8), 8)
        drawn = "█" * full + (EIGHTHS[rest] if rest else "")
    else:
        drawn = "#" * min(max(1, round(length)), room - first)
    return (" " * first + drawn).ljust(room)


def scale(total: float, room: int) -> str:
    end = f"{total:.1f} ms"
    return "0 " + ("─" if is_unicode() else "-") * max(0, room - len(end) - 3) + " " + end


def is_unicode() -> bool:
    """Whether the terminal knows more than ASCII."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
