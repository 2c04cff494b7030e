"""``nfvigil simulation``: break the simulated cloud, heal it, switch its hosts off and on."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, place
from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import fields, printable, say

app = typer.Typer(no_args_is_help=True, help="Break the simulated cloud, heal it, switch its hosts off and on.")


class Failure(StrEnum):
    SLOW = "slow"
    ERRORS = "errors"
    PARTIAL = "partial"
    DEAD = "dead"
    REFUSE = "refuse"


class Power(StrEnum):
    ON = "on"
    OFF = "off"


@app.command()
def show(context: typer.Context, form: FormOption = Form.TABLE) -> None:
    """What the simulated cloud has, and what is wrong with it."""
    with connect(context) as client:
        found = client.get("/v1/simulation")
    emit(found, form, _draw)


@app.command()
def fail(
    context: typer.Context,
    kind: Annotated[
        Failure, typer.Argument(help="slow calls, answers 5xx, lists that end early, no answer at all, or refusals.")
    ],
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds", metavar="SECONDS", min=0, help="How slow a call is, or after how long a dead one ends."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="SHARE", min=0, max=1, help="The share of errors, 0 to 1.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="REASON", help="Why it refuses.")] = None,
    call: Annotated[
        list[str] | None,
        typer.Option("--call", metavar="CALL", help="Only these: snapshot, show, or kinds of action; repeat it."),
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Make the cloud's API misbehave, instead of how it did so far.

    \b
      nfvigil simulation fail slow --seconds 5
      nfvigil simulation fail errors --rate 0.3 --call server_error
      nfvigil simulation fail dead
    """
    seconds_field = {Failure.SLOW: "latency_seconds", Failure.DEAD: "timeout_seconds"}.get(kind)
    if seconds is not None and seconds_field is None:
        raise typer.BadParameter(f"says nothing of {kind.value}", param_hint="--seconds")
    given = {seconds_field: seconds, "rate": rate, "reason": reason, "calls": call}
    failure = {name: value for name, value in given.items() if value is not None and name is not None}
    with connect(context) as client:
        found = client.put("/v1/simulation", {"failure": {"kind": kind.value, **failure}})
    emit(found, form, _draw)


@app.command()
def heal(context: typer.Context, form: FormOption = Form.TABLE) -> None:
    """Let the cloud's API be well again. Hosts that are off stay so."""
    with connect(context) as client:
        found = client.put("/v1/simulation", {"failure": {"kind": "none"}})
    emit(found, form, _draw)


@app.command()
def power(
    context: typer.Context,
    host: Annotated[str, typer.Argument(help="Any of its names.")],
    to: Annotated[Power, typer.Argument(metavar="on|off", help="What to switch it to.")],
    form: FormOption = Form.TABLE,
) -> None:
    """Switch a host off or on. No monitor sees it: send the event yourself.

    \b
      nfvigil simulation power compute-1 off
      nfvigil event send compute.host.down --host compute-1
    """
    with connect(context) as client:
        found = client.post(place("v1", "simulation", "hosts", host), {"power": to.value})
    emit(found, form, lambda one: say(f"{one['host']} is {one['power']}" + ("" if one["changed"] else " already")))


@app.command("set")
def change(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="server/ID, port/ID, host/NAME; a new one is made.")],
    field: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE]...", help="Of its record: status=ERROR, host=compute-2."),
    ] = None,
    said: Annotated[
        list[str] | None,
        typer.Option(
            "--said", metavar="FIELD=VALUE", help="What Nova or Neutron say of it beside the record; repeat it."
        ),
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Change what the cloud has, as somebody else would, past NFVigil. A value is JSON, or else text.

    \b
      nfvigil simulation set server/ID status=ERROR
      nfvigil simulation set port/ID --said mac_address=fa:16:3e:00:00:01
      nfvigil simulation set server/new name=new host=compute-1 project=PROJECT
    """
    body: dict[str, Any] = {"set": {key: _values(field)}} if field or not said else {}
    if said:
        body["details"] = {key: _values(said)}
    with connect(context) as client:
        found = client.post("/v1/simulation/changes", body)
    emit(found, form, lambda _: say(printable(f"changed: {key}")))


@app.command()
def delete(
    context: typer.Context,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="server/ID, port/ID; a server's ports go too.")],
    form: FormOption = Form.TABLE,
) -> None:
    """Take something out of the cloud, as somebody else would, past NFVigil.

    \b
      nfvigil simulation delete server/ID
    """
    with connect(context) as client:
        found = client.post("/v1/simulation/changes", {"gone": keys})
    emit(found, form, lambda _: say(printable(f"deleted: {', '.join(keys)}")))


def _values(given: list[str] | None) -> dict[str, Any]:
    values = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise typer.BadParameter(f"must be FIELD=VALUE, not {text!r}")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def _draw(cloud: dict[str, Any]) -> None:
    failure = {name: value for name, value in cloud["failure"].items() if value not in (None, 0, 0.0, "", False, [])}
    fields(
        [
            ("name", cloud["name"]),
            ("driver", cloud["driver"]),
            *((f"{word}", number) for word, number in cloud["counts"].items()),
            ("projects", cloud["projects"]),
            ("powered off", cloud["powered_off"]),
            ("failure", failure or "none"),
        ]
    )
