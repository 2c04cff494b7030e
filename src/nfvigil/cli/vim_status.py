"""``nfvigil vim status``: how well each cloud is known."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, place
from nfvigil.cli.moments import local
from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, say, table

STATUS_COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("STATE", lambda one: one["state"]),
    Column("AGE", lambda one: ago(one["snapshot_age_seconds"]), right=True),
    Column("EVERY", lambda one: _every(one), right=True),
    Column("TAKES", lambda one: _takes(one["snapshot_seconds"]), right=True),
    Column("DIFFERENCES", lambda one: _differences(one["differences"])),
    Column("CONDITIONS", lambda one: " ".join(one["conditions"]) or None),
    Column("ERROR", lambda one: one["error"] or None, shrink=True),
)


def ago(seconds: float | None) -> str | None:
    return None if seconds is None else f"{int(seconds)}s"


def _every(one: dict[str, Any]) -> str:
    return "on request" if one["period_seconds"] is None else f"{one['period_seconds']:g}s"


def _takes(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.2f}s"


def _differences(found: dict[str, int]) -> str | None:
    """What the last listing found that no change had told."""
    said = (f"{sign}{found[name]}" for name, sign in (("added", "+"), ("changed", "~"), ("gone", "-")) if found[name])
    return " ".join(said) or None


def status(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of one VIM only, and in full.")] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """How well each cloud is known: how old that is, how often it is listed, what is wrong with our view of it.

    \b
      nfvigil vim status
      nfvigil vim status lab
    """
    with connect(context) as client:
        if name is not None:
            emit(client.get(place("v1", "vims", name)), form, draw_status)
            return
        found = list(client.items("/v1/vims", limit=None))
    emit(found, form, lambda items: table(items, STATUS_COLUMNS, empty="no VIMs"))


def draw_status(one: dict[str, Any]) -> None:
    fields(
        [
            ("name", one["name"]),
            ("state", one["state"]),
            ("error", one["error"]),
            ("conditions", ", ".join(one["conditions"])),
            ("listed", local(one["snapshot_time"]) if one["snapshot_time"] else None),
            ("age", ago(one["snapshot_age_seconds"])),
            ("every", _every(one)),
            ("takes", _takes(one["snapshot_seconds"])),
            ("last begun", local(one["attempted_time"]) if one["attempted_time"] else None),
            ("under way", "yes" if one["listing"] else None),
            ("failed", f"{one['failures']} times in a row" if one["failures"] else None),
            ("differences", _differences(one["differences"])),
            ("kept without proof", one["unconfirmed"] or None),
            ("put back", one["put_back"] or None),
            *((name.replace("_", " "), count) for name, count in one["counts"].items()),
        ]
    )
    if one["readers"]:
        say("read by:")
        fields(((reader["name"], _reader(reader)) for reader in one["readers"]), indent="  ")


def _reader(reader: dict[str, Any]) -> str:
    every = "with each listing" if reader["interval_seconds"] is None else f"every {reader['interval_seconds']:g} s"
    return f"{every}; failed with {reader['error']}" if reader["error"] else every
