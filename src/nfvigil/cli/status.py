"""``nfvigil status``: is the service well, and how much waits where."""

from __future__ import annotations

from typing import Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.failures import Code
from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import fields, printable, say


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
    details = health.get("details", {})
    lines = [(name.replace("_", " "), value) for name, value in details.items() if name != "vims"]
    lines += [(f"VIM {printable(name)}", _vim(status)) for name, status in details.get("vims", {}).items()]
    fields(lines, indent="  ")


def _vim(status: dict[str, Any]) -> str:
    """How it stands with one; all of it is in `nfvigil vim show`."""
    if status.get("taken_us") is None:
        return f"not read yet: {status.get('error') or 'its first listing is on its way'}"
    text = f"{status['hosts']} hosts, {status['servers']} servers, listed {status['age_seconds']:.0f} s ago"
    return f"{text}; {status['error']}" if status.get("error") else text
