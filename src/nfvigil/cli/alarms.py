"""``nfvigil alarm``: see what is wrong, why, and say that somebody looks after it."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.connection import connect, full_id, place, short
from nfvigil.cli.explanation import SHOWN_MAX, draw_explanation, resource_of
from nfvigil.cli.lasting import ForOption, lasting
from nfvigil.cli.moments import age, local
from nfvigil.cli.options import FormOption, LimitOption, SinceOption, UntilOption
from nfvigil.cli.output import Form, as_csv, emit
from nfvigil.cli.terminal import Column, fields, printable, say, table
from nfvigil.client.moments import moment

if TYPE_CHECKING:
    from nfvigil.cli.client import Client

app = typer.Typer(no_args_is_help=True, help="See what is wrong, why, and say that somebody looks after it.")

TIMES = ("event_time", "raised_time", "changed_time", "cleared_time", "acknowledged_time", "expected_time")

AlarmId = Annotated[str, typer.Argument(metavar="ALARM", help="Its id, or the first characters of it.")]


class State(StrEnum):
    OPEN = "open"
    RAISED = "raised"
    CONFIRMED = "confirmed"
    CLEARED = "cleared"
    ALL = "all"


class Severity(StrEnum):
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    INDETERMINATE = "indeterminate"


ALARM_COLUMNS = (
    Column("ID", lambda alarm: short(alarm["id"])),
    Column("SEVERITY", lambda alarm: alarm["perceived_severity"]),
    Column("FAULT", lambda alarm: alarm["fault_type"], shrink=True),
    Column("RESOURCE", resource_of, shrink=True),
    Column("STATE", lambda alarm: alarm["state"]),
    Column("ROOT", lambda alarm: "*" if alarm["is_root_cause"] else " "),
    Column("ACK", lambda alarm: alarm["acknowledged_by"] or " ", shrink=True),
    Column("AGE", lambda alarm: age(alarm["raised_time"]), right=True),
)


def path_of(client: Client, alarm: str, *more: str) -> str:
    return place("v1", "alarms", full_id(client, "/v1/alarms", alarm, state="all"), *more)


@app.command("list")
def list_alarms(
    context: typer.Context,
    state: Annotated[State, typer.Option("--state", help="Which ones.")] = State.OPEN,
    min_severity: Annotated[Severity | None, typer.Option("--min-severity", help="This one or worse.")] = None,
    severity: Annotated[
        list[Severity] | None, typer.Option("--severity", metavar="SEVERITY", help="Only these; repeat it.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="GLOB", help="Only these types: 'compute.host.*'; repeat it.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only on such resources: host, server; repeat it."),
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", metavar="ID", help="Only on the resource of this id; repeat it.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Of this project; for administrators.")
    ] = None,
    vnf: Annotated[
        list[str] | None, typer.Option("--vnf", metavar="ID", help="Only of the VNF of this id; repeat it.")
    ] = None,
    root_only: Annotated[bool, typer.Option("--root-only", help="Root causes only.")] = False,
    acked: Annotated[bool | None, typer.Option("--acked/--unacked", help="Only those, or only the others.")] = None,
    cause: Annotated[
        list[str] | None, typer.Option("--cause", metavar="CAUSE", help="Only of this probable cause; repeat it.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    event_since: Annotated[
        str | None, typer.Option("--event-since", metavar="TIME", help="Of an event observed then or later.")
    ] = None,
    event_until: Annotated[
        str | None, typer.Option("--event-until", metavar="TIME", help="Of an event observed before then.")
    ] = None,
    changed_since: Annotated[
        str | None, typer.Option("--changed-since", metavar="TIME", help="Raised, changed or cleared then or later.")
    ] = None,
    cleared_since: Annotated[
        str | None, typer.Option("--cleared-since", metavar="TIME", help="Cleared then or later.")
    ] = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Alarms, the newest first; the open ones if nothing is said.

    \b
      nfvigil alarm list --root-only
      nfvigil alarm list --state all --since 1h --min-severity major
      nfvigil alarm list --fault 'compute.host.*' -f json
    """
    parameters = {
        "state": state,
        "min_severity": min_severity,
        "severity": severity,
        "fault_type": fault,
        "resource_type": kind,
        "resource_id": resource,
        "project": project,
        "vnf": vnf,
        "root_only": root_only or None,
        "acked": acked,
        "probable_cause": cause,
        "since": moment(since, "since"),
        "until": moment(until, "until"),
        "event_since": moment(event_since, "event-since"),
        "event_until": moment(event_until, "event-until"),
        "changed_since": moment(changed_since, "changed-since"),
        "cleared_since": moment(cleared_since, "cleared-since"),
    }
    with connect(context) as client:
        found = list(client.items("/v1/alarms", parameters, limit=limit))
    empty = "no open alarms" if state is State.OPEN else "no such alarms"
    emit(found, form, lambda items: table(items, ALARM_COLUMNS, empty=empty))


@app.command()
def show(context: typer.Context, alarm: AlarmId, form: FormOption = Form.TABLE) -> None:
    """One alarm with all that is known of it."""
    with connect(context) as client:
        found = client.get(path_of(client, alarm))
    emit(found, form, draw_alarm)


def draw_alarm(alarm: dict[str, Any]) -> None:
    resource = alarm["resource"]
    own = {"resource": f"{resource['kind']}/{resource['id']} ({resource['name']})"}
    own |= {name: local(alarm[name]) for name in TIMES if alarm[name]}
    fields((name.replace("_", " "), own.get(name, value)) for name, value in alarm.items())


@app.command()
def explain(
    context: typer.Context,
    alarm: AlarmId,
    whole: Annotated[bool, typer.Option("--all", help="Every action and delivery, not only the first ones.")] = False,
    form: FormOption = Form.TABLE,
) -> None:
    """Why an alarm stands: the event, the rule, what was done, who was told, and how long it all took."""
    with connect(context) as client:
        found = client.get(path_of(client, alarm, "explain"))
    emit(found, form, lambda value: draw_explanation(value, None if whole else SHOWN_MAX))


@app.command()
def ack(context: typer.Context, alarm: AlarmId, form: FormOption = Form.TABLE) -> None:
    """Say that somebody looks after it."""
    _change(context, alarm, form, "POST", "ack", "acknowledged")


@app.command()
def unack(context: typer.Context, alarm: AlarmId, form: FormOption = Form.TABLE) -> None:
    """Say that nobody looks after it any more."""
    _change(context, alarm, form, "DELETE", "ack", "no longer acknowledged")


@app.command()
def clear(context: typer.Context, alarm: AlarmId, form: FormOption = Form.TABLE) -> None:
    """Clear it by hand, where its monitor never will; for administrators.

    What only follows from another alarm is cleared with its root cause.
    """
    _change(context, alarm, form, "POST", "clear", "cleared")


def _change(context: typer.Context, alarm: str, form: Form, method: str, what: str, done: str) -> None:
    with connect(context) as client:
        found = client.ask(method, path_of(client, alarm, what))
    line = printable(f"{short(found['id'])} {found['fault_type']} on {resource_of(found)}: {done}")
    emit(found, form, lambda _: say(line))


@app.command()
def comment(
    context: typer.Context,
    alarm: AlarmId,
    text: Annotated[str, typer.Argument(help="What to say.")],
    form: FormOption = Form.TABLE,
) -> None:
    """Add a line to its history, which everybody reads who sees the alarm."""
    with connect(context) as client:
        found = client.post(path_of(client, alarm, "comments"), {"text": text})
    emit(found, form, lambda _: say("noted"))


HISTORY_COLUMNS = (
    Column("TIME", lambda entry: local(entry["time"])),
    Column("WHAT", lambda entry: entry["what"]),
    Column("BY", lambda entry: entry["by"]),
    Column("TEXT", lambda entry: entry["text"] or " ", shrink=True),
)


@app.command()
def history(context: typer.Context, alarm: AlarmId, form: FormOption = Form.TABLE) -> None:
    """What happened to it, the oldest first."""
    with connect(context) as client:
        found = client.get(path_of(client, alarm, "history"))["items"]
    emit(found, form, lambda items: table(items, HISTORY_COLUMNS, empty="nothing yet"))


@app.command("watch", hidden=True)  # the same under another name that people try
@app.command()
def follow(
    context: typer.Context,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="CURSOR", help="Go on from there; 0 begins with everything that there is."),
    ] = None,
    min_severity: Annotated[Severity | None, typer.Option("--min-severity", help="This one or worse.")] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="GLOB", help="Only these types: 'compute.host.*'; repeat it.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only on such resources; repeat it.")
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", metavar="ID", help="Only on the resource of this id; repeat it.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Of this project; for administrators.")
    ] = None,
    seconds: ForOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """What happens to alarms, the moment it does, until Ctrl-C. A broken connection is taken up where it broke off.

    With -f json each line is an object with event, id (the cursor) and data; with -f csv a line of a table.

    \b
      nfvigil alarm follow --min-severity major
      nfvigil alarm follow --after 0 -f json
    """
    filters: Any = {
        "min_severity": min_severity,
        "fault_type": fault,
        "resource_type": kind,
        "resource_id": resource,
        "project": project,
    }
    with connect(context) as client, lasting(seconds):
        is_first = True
        chosen = {name: value for name, value in filters.items() if value}
        for event in client.alarms.stream(last_event_id=after or "", **chosen):
            if form is Form.JSON:
                print(json.dumps({"event": event.kind, "id": event.id, "data": event.data}), flush=True)
            elif isinstance(event.data, dict) and "alarm" in event.data:
                _draw_change(event.data["alarm"], form, is_first, event.kind)
                is_first = False


def _draw_change(alarm: dict[str, Any], form: Form, is_first: bool, news: str = "") -> None:
    if form is Form.JSON:
        print(json.dumps(alarm), flush=True)
    elif form is Form.YAML:
        emit([alarm], form, lambda _: None)
    elif form is Form.CSV:
        print(as_csv([alarm], with_titles=is_first), flush=True)
    else:
        when = alarm["cleared_time"] or alarm["changed_time"] or alarm["raised_time"]
        words = (
            local(when),
            short(alarm["id"]),
            news or alarm["state"],
            alarm["perceived_severity"],
            alarm["fault_type"],
        )
        print(printable("  ".join((*words, resource_of(alarm)))), flush=True)
