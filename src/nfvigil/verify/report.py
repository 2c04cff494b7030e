"""The result of a verification: a table to read, JSON for programs, JUnit for CI. Pure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import msgspec

from nfvigil.model.subscription import Mode
from nfvigil.verify.checks import Check, Figures
from nfvigil.verify.measure import Round
from nfvigil.verify.progress import printable

NAME = "fault-management"
KINDS = ("accepted", "raised", "confirmed", "cleared")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """``facts`` says what was verified where; ``end`` is what was checked when everything was taken away."""

    run: str
    facts: Mapping[str, str]
    limit_seconds: float
    mode: Mode
    began_s: float
    rounds: tuple[Round, ...]
    end: tuple[Check, ...]

    @property
    def checks(self) -> list[Check]:
        return [*(check for each in self.rounds for check in each.checks), *self.end]

    @property
    def is_ok(self) -> bool:
        return bool(self.rounds) and all(check.is_ok for check in self.checks)


def as_table(result: Result) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in result.facts.items())
    lines = [f"Verification of {NAME}, run {result.run}: {facts}", ""]
    lines += _figures(result) + _profiles(result)
    for each in result.rounds:
        lines += [f"Round {each.number}, {each.servers} servers", *_checks(each.checks)]
    lines += ["At the end", *_checks(result.end), verdict(result)]
    return "\n".join(printable(line) for line in lines) + "\n"


def verdict(result: Result) -> str:
    bad = sum(not check.is_ok for check in result.checks)
    if not bad and result.rounds:
        worst = max(figure for each in result.rounds if (figure := _limited(each.figures, result.mode)) is not None)
        known = f"owners knew after {worst:.3f} s at most (limit {result.limit_seconds:g} s)"
        return f"PASSED: {known}, {len(result.checks)} checks"
    return f"FAILED: {bad} of {len(result.checks)} checks"


def as_json(result: Result) -> str:
    value: dict[str, Any] = {"case": NAME, "ok": result.is_ok, "verdict": verdict(result)}
    value |= {
        "run": result.run,
        "began_time": _time(result.began_s),
        "facts": dict(result.facts),
        "limit_seconds": result.limit_seconds,
        "mode": result.mode.value,
        "rounds": [
            {
                "number": each.number,
                "servers": each.servers,
                "ok": each.is_ok,
                "seconds": {kind: getattr(each.figures, f"{kind}_s") for kind in KINDS},
                "checks": [_check(check) for check in each.checks],
                "profile": each.profile,
            }
            for each in result.rounds
        ],
        "end": [_check(check) for check in result.end],
    }
    return json.dumps(value, indent=2) + "\n"


def as_junit(result: Result) -> str:
    """A suite a round and one for the end, a case a check."""
    root = ElementTree.Element("testsuites", name=f"nfvigil {NAME}")
    total = 0.0
    for each in result.rounds:
        name = f"{NAME}.{each.servers} servers.round {each.number}"
        took = _limited(each.figures, result.mode) or 0.0
        total += took
        suite = _suite(root, name, each.checks, result, took)
        for kind in KINDS:
            figure = getattr(each.figures, f"{kind}_s")
            if figure is not None:
                _property(suite, f"{kind}_seconds", f"{figure:.6f}")
    _suite(root, f"{NAME}.end", result.end, result, 0.0)
    _count(root, result.checks, total)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(
    root: ElementTree.Element, name: str, checks: Sequence[Check], result: Result, took: float
) -> ElementTree.Element:
    suite = ElementTree.SubElement(root, "testsuite", name=name, timestamp=_time(result.began_s))
    _count(suite, checks, took)
    ElementTree.SubElement(suite, "properties")
    for fact, value in result.facts.items():
        _property(suite, fact, value)
    for check in checks:
        case = ElementTree.SubElement(suite, "testcase", name=f"{check.when}: {check.what}", classname=name, time="0")
        if check.is_skipped:
            ElementTree.SubElement(case, "skipped", message=_xml(check.seen))
        elif not check.is_ok:
            failure = ElementTree.SubElement(case, "failure", message=_xml(check.seen), type="check")
            failure.text = _xml(f"{check.what}: {check.seen}")
    return suite


def _property(suite: ElementTree.Element, name: str, value: str) -> None:
    properties = suite.find("properties")
    assert properties is not None  # every suite is made with them
    ElementTree.SubElement(properties, "property", name=name, value=_xml(value))


def _count(element: ElementTree.Element, checks: Sequence[Check], took: float) -> None:
    element.set("tests", str(len(checks)))
    element.set("failures", str(sum(not check.is_ok for check in checks)))
    element.set("errors", "0")
    element.set("skipped", str(sum(check.is_skipped for check in checks)))
    element.set("time", f"{took:.6f}")


def _figures(result: Result) -> list[str]:
    """A line a size: the trend. Medians over the rounds, and the slowest of the news that the limit is for."""
    rows = [["SERVERS", "ROUNDS", *(kind.upper() for kind in KINDS), "SLOWEST", "LIMIT"]]
    for size in sorted({each.servers for each in result.rounds}):
        rounds = [each for each in result.rounds if each.servers == size]
        limited = [_limited(each.figures, result.mode) for each in rounds]
        known = [each for each in limited if each is not None]
        slowest = max(known) if len(known) == len(limited) else None
        is_held = slowest is not None and slowest <= result.limit_seconds
        medians = [_median([getattr(each.figures, f"{kind}_s") for each in rounds]) for kind in KINDS]
        held = f"{result.limit_seconds:g} s {'held' if is_held else 'MISSED'}"
        rows.append([str(size), str(len(rounds)), *medians, _seconds(slowest), held])
    return ["From the event (cleared: from its clear) to the last owner, medians", *_columns(rows), ""]


def _profiles(result: Result) -> list[str]:
    """Cost and share by component, as NFVigil's own profile has them; medians over the rounds."""
    rows = [["SERVERS", "COMPONENT", "COST", "SHARE"]]
    for size in sorted({each.servers for each in result.rounds}):
        spans: dict[str, list[tuple[float, float]]] = {}
        for each in result.rounds:
            if each.servers == size and each.profile:
                for span in each.profile["spans"]:
                    spans.setdefault(str(span["component"]), []).append((float(span["ms"]), float(span["share"])))
        for component, found in spans.items():
            cost, share = (statistics.median(column) for column in zip(*found, strict=True))
            rows.append([str(size), component, f"{cost:.1f} ms", f"{share * 100:.1f} %"])
    if len(rows) == 1:
        return []
    return ["NFVigil's own profile; controller and notifier run side by side", *_columns(rows), ""]


def _checks(checks: Iterable[Check]) -> list[str]:
    words = [("skipped" if check.is_skipped else "ok" if check.is_ok else "FAILED", check) for check in checks]
    return [*_columns([[word, check.when, check.what, check.seen] for word, check in words], left=True), ""]


def _columns(rows: Sequence[Sequence[str]], *, left: bool = False) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [
        "  " + "  ".join(
            text.ljust(width) if left else text.rjust(width) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]  # fmt: skip


def _limited(figures: Figures, mode: Mode) -> float | None:
    return figures.confirmed_s if mode is Mode.CONFIRMED else figures.raised_s


def _median(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _seconds(statistics.median(known) if known else None)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"


def _check(check: Check) -> dict[str, Any]:
    return {
        "when": check.when,
        "what": check.what,
        "ok": check.is_ok,
        "skipped": check.is_skipped,
        "seen": check.seen,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _xml(text: str) -> str:
    """Without what XML cannot hold."""
    return printable(text)
