"""``nfvigil action``: what was done in the cloud, is being done, or was planned."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from nfvigil.cli.connection import connect, full_id
from nfvigil.cli.moments import age
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, table

app = typer.Typer(no_args_is_help=True, help="See what was done in the cloud, is being done, or was planned.")

ACTION_COLUMNS = (
    Column("STATE", lambda action: action["state"]),
    Column("ACTION", lambda action: ("undo " if action["undo_of"] else "") + action["kind"]),
    Column("TARGET", lambda action: action["target"], shrink=True),
    Column("TRIES", lambda action: action["attempts"], right=True),
    Column("AGE", lambda action: age(action["ended_time"] or action["planned_time"]), right=True),
    Column("RESULT", lambda action: action.get("result") or " ", shrink=True),
)


class State(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@app.command("list")
def list_actions(
    context: typer.Context,
    state: Annotated[State | None, typer.Option("--state", help="Only these.")] = None,
    alarm: Annotated[
        str | None, typer.Option("--alarm", metavar="ALARM", help="For this alarm: its id, or the front of it.")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", metavar="EVENT", help="Because of this event.")] = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Actions in the cloud.

    \b
      nfvigil action list --state failed
      nfvigil action list --alarm 3f2a91c0
    """
    with connect(context) as client:
        of_alarm = full_id(client, "/v1/alarms", alarm, state="all") if alarm else None
        parameters = {"state": state, "alarm": of_alarm, "event": event}
        found = list(client.items("/v1/actions", parameters, limit=limit))
    emit(found, form, lambda items: table(items, ACTION_COLUMNS, empty="no such actions"))
