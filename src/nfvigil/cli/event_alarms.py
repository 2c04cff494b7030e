"""``nfvigil event-alarm``: a look at event alarms, and whether one returns to ok by itself.

They are made and changed with ``openstack alarm`` or any other client of Aodh's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, place
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, printable, say, table

app = typer.Typer(no_args_is_help=True, help="Look at event alarms, as Aodh's clients make them.")

AlarmId = Annotated[str, typer.Argument(metavar="ALARM", help="Its id.")]


class AutoOk(StrEnum):
    YES = "yes"
    NO = "no"
    DEFAULT = "default"


class State(StrEnum):
    OK = "ok"
    ALARM = "alarm"
    UNKNOWN = "insufficient data"


COLUMNS = (
    Column("ID", lambda one: one["alarm_id"]),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("STATE", lambda one: one["state"]),
    Column("SEVERITY", lambda one: one["severity"]),
    Column("ENABLED", lambda one: one["enabled"]),
    Column("EVENT TYPE", lambda one: one["event_rule"]["event_type"], shrink=True),
)


@app.command("list")
def list_event_alarms(
    context: typer.Context,
    state: Annotated[State | None, typer.Option("--state", help="In this state only.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Of this name only.")] = None,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="Of all projects; for administrators.")] = False,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Event alarms, the last changed first."""
    asked = {"state": state.value if state else None, "name": name, "all_projects": "true" if all_projects else None}
    given = {field: value for field, value in asked.items() if value is not None}
    parameters: dict[str, Any] = {"q.field": list(given), "q.value": list(given.values()), "limit": limit}
    with connect(context) as client:
        found = client.get("/v2/alarms", parameters)
    emit(found, form, lambda all_of_them: table(all_of_them, COLUMNS, empty="There are none."))


@app.command()
def show(context: typer.Context, alarm: AlarmId, form: FormOption = Form.TABLE) -> None:
    """An event alarm, with what it asks for and what is done."""
    with connect(context) as client:
        found = client.get(place("v2", "alarms", alarm))
    emit(found, form, _draw)


def _draw(one: dict[str, Any]) -> None:
    rule = one["event_rule"]
    asked = [f"{part['field']} {part['op']} {part['value']}" for part in rule["query"]]
    plain = {name: value for name, value in one.items() if name not in ("event_rule", "time_constraints")}
    fields([*plain.items(), ("event_type", rule["event_type"]), ("query", " and ".join(asked))])


@app.command()
def delete(context: typer.Context, alarm: AlarmId) -> None:
    """Forget an event alarm, with its history."""
    with connect(context) as client:
        client.delete(place("v2", "alarms", alarm))
    say(printable(f"{alarm} is deleted"))


@app.command("auto-ok")
def auto_ok(
    context: typer.Context,
    alarm: AlarmId,
    whether: Annotated[AutoOk, typer.Argument(metavar="YES|NO|DEFAULT", help="default: as the settings say.")],
    form: FormOption = Form.TABLE,
) -> None:
    """Say whether it returns to ok when the resource that fired it is well again."""
    value = None if whether is AutoOk.DEFAULT else whether is AutoOk.YES
    with connect(context) as client:
        found = client.put(place("v1", "event-alarms", alarm, "auto-ok"), {"auto_ok": value})
    says = {True: "returns to ok by itself", False: "stays in alarm", None: "does as the settings say"}
    emit(found, form, lambda one: say(printable(f"{one['id']} {says[one['auto_ok']]}")))
