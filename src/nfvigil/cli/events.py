"""``nfvigil event``: send what a monitor would send, and see what was sent."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, place
from nfvigil.cli.failures import Code
from nfvigil.cli.moments import age, local, now
from nfvigil.cli.options import FormOption, LimitOption, SinceOption, UntilOption, read_json
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, fields, printable, table
from nfvigil.client.moments import moment
from nfvigil.errors import FieldError, RefusedError

app = typer.Typer(no_args_is_help=True, help="Send what a monitor would send, and see what was sent.")


class Status(StrEnum):
    DOWN = "down"
    UP = "up"
    UNKNOWN = "unknown"


@app.command()
def send(
    context: typer.Context,
    type: Annotated[str | None, typer.Argument(metavar="TYPE", help="Such as compute.host.down.")] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="On this host, by any of its names.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option("--resource", metavar="KIND/ID", help="On this resource: switch/leaf-1, nic/...")
    ] = None,
    status: Annotated[
        Status | None, typer.Option("--status", help="What the monitor sees: down if left out; up ends a fault.")
    ] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", metavar="SEVERITY", help="critical, major, minor, warning ...")
    ] = None,
    monitor: Annotated[str | None, typer.Option("--monitor", metavar="MONITOR", help="Who says so.")] = None,
    monitor_event_id: Annotated[
        str | None,
        typer.Option(
            "--monitor-event-id",
            metavar="MONITOR_EVENT_ID",
            help="The monitor's own id of it: sent twice, it counts once.",
        ),
    ] = None,
    cause: Annotated[
        str | None, typer.Option("--cause", metavar="CAUSE", help="Why, as far as the monitor knows.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="SOURCE", help="Where the monitor has it from.")
    ] = None,
    lead_time: Annotated[
        float | None, typer.Option("--lead-time", min=0, metavar="SECONDS", help="It is expected so much later.")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="When it was seen; now if left out.")
    ] = None,
    detail: Annotated[
        list[str] | None, typer.Option("--detail", metavar="NAME=VALUE", help="Anything else; repeat it.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Send the JSON in this file ('-': standard input).")
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Send an event, or a file of them. What is accepted is durable when this returns.

    \b
      nfvigil event send compute.host.down --host compute-1
      nfvigil event send compute.host.down --host compute-1 --status up
      nfvigil event send network.switch.down --resource switch/leaf-1 --severity critical
      nfvigil event send --file events.json
    """
    words = {
        "type": type,
        "resource": f"host/{host}" if host else resource,
        "status": status,
        "severity": severity,
        "monitor": monitor,
        "monitor_event_id": monitor_event_id,
        "cause": cause,
        "source": source,
        "lead_time_seconds": lead_time,
        "time": moment(time, "time"),
        "details": _details(detail or []) or None,
    }
    event: Any = {name: value for name, value in words.items() if value is not None}
    if file is not None:
        if event:
            raise typer.BadParameter("what the events say stands in the file", param_hint="--file")
        event = read_json(file)
    elif type is None:
        raise typer.BadParameter("name the type of the event, or a --file", param_hint="TYPE")
    elif bool(host) == bool(resource):
        raise typer.BadParameter("name either a --host or a --resource", param_hint="--host")
    else:
        event = {"status": Status.DOWN, "time": now()} | event
    with connect(context) as client:
        receipts = client.post("/v1/events", event)["events"]
    emit(receipts, form, lambda items: table(items, RECEIPT_COLUMNS))
    refused = [one for one in receipts if one["state"] == "refused"]
    if refused:
        complain(f"error: {len(refused)} of {len(receipts)} events were refused; the others were taken in")
        for error in (error for one in refused for error in one.get("errors", ())):
            complain(printable(f"  {error['field']}: {error['reason']}"))
        raise typer.Exit(Code.REFUSED)


RECEIPT_COLUMNS = (
    Column("STATE", lambda receipt: receipt["state"]),
    Column("EVENT", lambda receipt: receipt.get("id")),
    Column("NOTICED", lambda receipt: receipt.get("flags") or " "),
)


def _details(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"must be NAME=VALUE, not {pair!r}", param_hint="--detail")
        found[name] = value
    return found


EVENT_COLUMNS = (
    Column("EVENT", lambda event: event["id"]),
    Column("TYPE", lambda event: event["type"], shrink=True),
    Column("RESOURCE", lambda event: event["resource"], shrink=True),
    Column("STATUS", lambda event: event["status"]),
    Column("MONITOR", lambda event: event["monitor"], shrink=True),
    Column("DOOR", lambda event: event["door"]),
    Column("AGE", lambda event: age(event["received_time"]), right=True),
)


@app.command("list")
def list_events(
    context: typer.Context,
    type: Annotated[str | None, typer.Option("--type", metavar="GLOB", help="Only these: 'compute.*'.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """What monitors sent, the oldest first; for administrators.

    \b
      nfvigil event list --since 10m --type 'compute.host.*'
    """
    parameters = {"type": type, "since": moment(since, "since"), "until": moment(until, "until")}
    with connect(context) as client:
        found = list(client.items("/v1/events", parameters, limit=limit))
    emit(found, form, lambda items: table(items, EVENT_COLUMNS, empty="no such events"))


@app.command()
def show(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id.")],
    form: FormOption = Form.TABLE,
) -> None:
    """One event with everything that was sent."""
    if not event.isdecimal():
        raise RefusedError("the event is wrong", [FieldError("id", "is a number")])
    with connect(context) as client:
        found = client.get(place("v1", "events", event))
    emit(found, form, draw_event)


def draw_event(event: dict[str, Any]) -> None:
    times = {name: local(event[name]) for name in ("time", "received_time", "happened_time") if event[name]}
    fields((name.replace("_", " "), times.get(name, value)) for name, value in event.items())
