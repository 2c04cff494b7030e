"""``nfvigil instruct`` and ``nfvigil instruction``: have something done to a server, and see how it goes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.connection import connect, full_id, place
from nfvigil.cli.failures import Code
from nfvigil.cli.moments import age, local
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, fields, printable, say, table
from nfvigil.errors import FieldError, RefusedError

if TYPE_CHECKING:
    from nfvigil.cli.client import Client
    from nfvigil.client.shapes import Instruction

app = typer.Typer(no_args_is_help=True, help="See what was asked for, and how it goes.")

INSTRUCTIONS = "/v1/instructions"
KEY_MAX = 255
SWITCHES = ("confirm", "override_brakes")
NUMBERS = ("seconds",)


class Deed(StrEnum):
    REBOOT = "reboot"
    START = "start"
    STOP = "stop"
    LIVE_MIGRATE = "live_migrate"
    MIGRATE = "migrate"
    CONFIRM_RESIZE = "confirm_resize"
    REVERT_RESIZE = "revert_resize"
    EVACUATE = "evacuate"
    REBUILD = "rebuild"
    DELETE = "delete"
    FENCE = "fence"


WaitOption = Annotated[bool, typer.Option("--wait", help="Until it is over; ends with 1 if it failed.")]
WaitMaxOption = Annotated[
    float, typer.Option("--wait-max", min=0, metavar="SECONDS", help="Wait no longer than this; then it ends with 1.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check it, and do nothing.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="Asked again under the same key within a day, it is not done again."),
]

INSTRUCTION_COLUMNS = (
    Column("ID", lambda one: short_id(one["id"])),
    Column("STATE", lambda one: one["state"]),
    Column("ACTION", lambda one: one["action"]),
    Column("TARGET", lambda one: one["target"], shrink=True),
    Column("BY", lambda one: one["by"] or one["origin"], shrink=True),
    Column("TRIES", lambda one: one["attempts"], right=True),
    Column("AGE", lambda one: age(one["ended_time"] or one["planned_time"]), right=True),
    Column("TEXT", lambda one: one["text"] or " ", shrink=True),
)


def short_id(identifier: str) -> str:
    """The event's number, and so much of the action's id that it is one only."""
    event, _, action = identifier.partition("-")
    return f"{event}-{action[:4]}"


def instruct(
    context: typer.Context,
    action: Annotated[
        Deed, typer.Argument(help="What to do. Which ones your role may ask for is the operator's word.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="The id of a server, or server/ID; host/NAME to fence.")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="type=SOFT or HARD (reboot), image=ID (rebuild), confirm=false (migrate), seconds=N; repeat it.",
        ),
    ] = None,
    host: Annotated[str | None, typer.Option("--host", metavar="HOST", help="Where to; for administrators.")] = None,
    wait: WaitOption = False,
    wait_max: WaitMaxOption = 900,
    dry_run: DryRunOption = False,
    key: KeyOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Have something done to a server now. It is written down when this returns.

    \b
      nfvigil instruct reboot 8a9e21c0-607d-4493-87f5-000000000001 --param type=SOFT --wait
      nfvigil instruct evacuate 8a9e21c0-607d-4493-87f5-000000000001 --dry-run
      nfvigil instruct live_migrate server/8a9e21c0-607d-4493-87f5-000000000001 --host compute-3 --key ticket-4711
    """
    params = read_params(param or ())
    if host is not None:
        params["host"] = host
    ask(context, action, target, params, wait=wait, wait_max=wait_max, dry_run=dry_run, key=key, form=form)


def ask(
    context: typer.Context,
    action: Deed,
    target: str,
    params: dict[str, Any],
    *,
    wait: bool,
    wait_max: float,
    dry_run: bool,
    key: str | None,
    form: Form,
) -> None:
    """Have it done, and say how it stands or, where that was waited for, how it ended."""
    kind = "host" if action is Deed.FENCE else "server"
    wanted = target if "/" in target else f"{kind}/{target}"
    if key is not None and not (0 < len(key) <= KEY_MAX and key.isascii() and key.isprintable()):
        raise RefusedError("the key is wrong", [FieldError("key", f"must be 1 to {KEY_MAX} visible ASCII characters")])
    with connect(context) as client:
        found = client.instructions.ask(action.value, wanted, params, dry_run=dry_run, key=key)
        if wait and not dry_run:
            found = wait_for(client, found, wait_max)
    emit(found.dict(), form, (lambda one: say(f"would be planned: {_line(one)}")) if dry_run else _draw_taken)
    if wait and not dry_run and not found.is_well:
        raise typer.Exit(Code.REFUSED)


def read_params(texts: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` each; what is no text for the service is none here."""
    params: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise RefusedError("the parameter is wrong", [FieldError("param", f"must be NAME=VALUE, not {text!r}")])
        params[name] = _value(name, value)
    return params


def _value(name: str, text: str) -> Any:
    if name in SWITCHES:
        if text not in ("true", "false"):
            raise RefusedError("the parameter is wrong", [FieldError(f"params.{name}", "must be true or false")])
        return text == "true"
    if name in NUMBERS:
        try:
            return float(text)
        except ValueError as error:
            raise RefusedError("the parameter is wrong", [FieldError(f"params.{name}", "must be a number")]) from error
    return text


def wait_for(client: Client, instruction: Instruction, most_seconds: float) -> Instruction:
    """Ask how it goes until it is over, and say on stderr what it waits for."""
    from nfvigil.client.waiting import StillWaitingError

    said = ""

    def tell(one: Instruction) -> None:
        nonlocal said
        stands = f"{one.state}{': ' if one.text else ''}{one.text}"
        if stands != said:
            complain(printable(f"{one.action} {one.target}: {stands}"))
            said = stands

    try:
        return client.instructions.wait(instruction, most_seconds=most_seconds, tell=tell)
    except StillWaitingError:
        complain(f"it is not over after {most_seconds:g} s, and goes on: nfvigil instruction show {instruction.id}")
        return client.instructions.show(instruction.id)


def _line(one: dict[str, Any]) -> str:
    return printable(f"{one['action']} {one['target']}")


def _draw_taken(one: dict[str, Any]) -> None:
    text = f": {one['text']}" if one["text"] else ""
    say(f"{_line(one)}: {printable(one['state'] + text)}")
    say(f"instruction {one['id']}")


@app.command("list")
def list_instructions(context: typer.Context, limit: LimitOption = None, form: FormOption = Form.TABLE) -> None:
    """What was asked for, oldest first: for your project's servers, or for all for an administrator."""
    with connect(context) as client:
        found = list(client.items(INSTRUCTIONS, limit=limit))
    emit(found, form, lambda items: table(items, INSTRUCTION_COLUMNS, empty="nothing was asked for"))


@app.command()
def show(
    context: typer.Context,
    instruction: Annotated[str, typer.Argument(metavar="INSTRUCTION", help="Its id, or the first characters of it.")],
    form: FormOption = Form.TABLE,
) -> None:
    """How one stands, or how it ended."""
    with connect(context) as client:
        found = client.get(place("v1", "instructions", full_id(client, INSTRUCTIONS, instruction)))
    emit(found, form, _draw)


def _draw(one: dict[str, Any]) -> None:
    fields(
        [
            ("id", one["id"]),
            ("action", one["action"]),
            ("target", one["target"]),
            ("project", one["project_id"]),
            ("state", one["state"]),
            ("text", one["text"]),
            ("asked", f"{local(one['planned_time'])} by {one['by'] or 'an ' + one['origin']}"),
            ("tries", one["attempts"]),
            ("started", local(one["started_time"]) if one["started_time"] else None),
            ("ended", local(one["ended_time"]) if one["ended_time"] else None),
        ]
    )
