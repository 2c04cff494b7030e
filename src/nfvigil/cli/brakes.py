"""``nfvigil brakes``: what holds automatic recovery back, and the operator's hand on it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, place
from nfvigil.cli.moments import age
from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, say, table

app = typer.Typer(no_args_is_help=True, help="Hold back what is automatic or destructive, and let it go.")

VimArgument = Annotated[str, typer.Argument(metavar="VIM", help="The cloud's name in the settings.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it is kept in the audit log.")]

HOLD_COLUMNS = (
    Column("HOLD", lambda hold: hold["vim"]),
    Column("AGE", lambda hold: age(hold["since_time"]), right=True),
    Column("BY", lambda hold: hold["by"], shrink=True),
    Column("WHY", lambda hold: hold["text"], shrink=True),
    Column("HOSTS", lambda hold: [host.removeprefix("host/") for host in hold["hosts"]], shrink=True),
)
PROOF_COLUMNS = (
    Column("PROVEN OFF", lambda proof: proof["host"]),
    Column("AGE", lambda proof: age(proof["at_time"]), right=True),
    Column("DRIVER", lambda proof: proof["driver"]),
    Column("BY", lambda proof: proof["by"] or " ", shrink=True),
)


@app.command()
def show(context: typer.Context, form: FormOption = Form.TABLE) -> None:
    """The kill switch, every HOLD, the hosts that are proven off, and how many actions wait."""
    with connect(context) as client:
        found = client.get("/v1/brakes")
    emit(found, form, _draw)


@app.command()
def hold(context: typer.Context, vim: VimArgument, reason: ReasonOption, form: FormOption = Form.TABLE) -> None:
    """Put a VIM on HOLD: nothing destructive is done there.

    \b
      nfvigil brakes hold lab --reason 'the management switch is being replaced'
    """
    with connect(context) as client:
        found = client.put(place("v1", "brakes", "holds", vim), {"reason": reason})
    emit(found, form, _draw)


@app.command()
def release(context: typer.Context, vim: VimArgument, reason: ReasonOption, form: FormOption = Form.TABLE) -> None:
    """Release a HOLD: what waits goes on, under the other brakes. See first what that is: nfvigil action list.

    \b
      nfvigil brakes release lab --reason 'the rack is really without power'
    """
    with connect(context) as client:
        found = client.post(place("v1", "brakes", "holds", vim, "release"), {"reason": reason})
    emit(found, form, _draw)


@app.command()
def on(context: typer.Context, reason: ReasonOption, form: FormOption = Form.TABLE) -> None:
    """Switch automatic actions on again, in all VIMs."""
    _switch(context, True, reason, form)


@app.command()
def off(context: typer.Context, reason: ReasonOption, form: FormOption = Form.TABLE) -> None:
    """The kill switch: nothing is done that nobody asks for, in any VIM. Owners are told all the same."""
    _switch(context, False, reason, form)


def _switch(context: typer.Context, is_on: bool, reason: str, form: Form) -> None:
    with connect(context) as client:
        found = client.put("/v1/brakes/automation", {"on": is_on, "reason": reason})
    emit(found, form, _draw)


def _draw(brakes: dict[str, Any]) -> None:
    off = brakes["automation_off"]
    automatic = "on" if off is None else f"off since {age(off['since_time'])}, by {off['by']}: {off['text']}"
    fields([("automatic actions", automatic), ("actions held back", str(brakes["waiting"]))])
    for items, columns in ((brakes["holds"], HOLD_COLUMNS), (brakes["proofs"], PROOF_COLUMNS)):
        if items:
            say()
            table(items, columns)
