"""``nfvigil status``: is the service well, and how much waits where."""

from __future__ import annotations

from typing import Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.failures import Code
from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import fields, say


def status(context: typer.Context, form: FormOption = Form.TABLE) -> None:
    """Is the service well, and how much waits where? Ends with 3 if it is not ready."""
    with connect(context) as client:
        found = client.ask("GET", "/readyz", accept=frozenset({503}))
    emit(found, form, _draw)
    if not found["ready"]:
        raise typer.Exit(Code.AWAY)


def _draw(health: dict[str, Any]) -> None:
    say("ready" if health["ready"] else "not ready")
    fields([("reason", reason) for reason in health["reasons"]], indent="  ")
    fields(((name.replace("_", " "), value) for name, value in health.get("details", {}).items()), indent="  ")
