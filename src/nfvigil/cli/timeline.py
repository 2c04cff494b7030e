"""Draws a fault's time line: a bar per component, with its cost and its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_BLOCKS = " ▏▎▍▌▋▊▉█"


def draw_profile(profile: Mapping[str, Any], width: int = 40) -> list[str]:
    """The lines of a picture of one fault, as ``GET /v1/faults/{id}/profile`` describes it."""
    spans: Sequence[Mapping[str, Any]] = profile["spans"]
    offsets = {point["name"]: float(point["offset_ms"]) for point in profile["checkpoints"]}
    total = float(profile["total_ms"])
    lines = [
        f"fault {profile['fault_id']}",
        f"{profile['fault_type']} on {profile['resource']}: {_ms(total)} from first to last,"
        f" {profile['notified']} notifications, {profile['acted']} actions",
        "",
    ]
    for span in spans:
        start, end = offsets[span["start"]], offsets[span["end"]]
        share = f"{100 * float(span['share']):3.0f} %"
        lines.append(f"  {span['component']:<10} {_bar(start, end, total, width)} {_ms(span['ms']):>10} {share}")
    lines.append("")
    for point in profile["checkpoints"]:
        name = str(point["name"]).replace("_", " ")
        lines.append(f"  {point['number']:>2} {name:<22} {'+' + _ms(point['offset_ms']):>12}  {point['time']}")
    return lines


def _bar(start: float, end: float, total: float, width: int) -> str:
    """A bar from ``start`` to ``end`` on a line that is ``total`` long; never quite nothing."""
    if total <= 0:
        return "▏".ljust(width)
    first = min(int(start / total * width), width - 1)
    eighths = max(1, round((end - start) / total * width * 8))
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (_BLOCKS[rest] if rest else "")
    return (" " * first + bar)[:width].ljust(width)


def _ms(value: float | str) -> str:
    number = float(value)
    return f"{number / 1000:.2f} s" if number >= 10_000 else f"{number:.1f} ms"
