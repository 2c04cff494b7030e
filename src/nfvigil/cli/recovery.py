"""``nfvigil recovery``: what is done for a server when it is hit, defined beforehand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, resource_path
from nfvigil.cli.moments import age, local
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, printable, say, table
from nfvigil.errors import FieldError, RefusedError

app = typer.Typer(no_args_is_help=True, help="Define what is done when a server is hit. Without it nothing is.")

RECOVERY = "/v1/recovery"
SECONDS_MAX = 86_400
Resource = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="server/ID, group/ID (a server group) or project/ID.")
]


class Case(StrEnum):
    HOST_DOWN = "host_down"
    HOST_DEGRADED = "host_degraded"
    SERVER_FAILED = "server_failed"


RECOVERY_COLUMNS = (
    Column("RESOURCE", lambda one: one["resource"], shrink=True),
    Column("PROJECT", lambda one: one["project_id"], shrink=True),
    Column("DOES", lambda one: [_does(case, wanted) for case, wanted in one["do"].items()]),
    Column("BY", lambda one: one["by"], shrink=True),
    Column("AGE", lambda one: age(one["set_time"]), right=True),
)


def _does(case: str, wanted: dict[str, Any]) -> str:
    after = f" after {wanted['after_seconds']:g} s" if wanted["after_seconds"] else ""
    return f"{case}: {wanted['action']}{after}"


@app.command("set")
def define(
    context: typer.Context,
    resource: Resource,
    on: Annotated[
        list[str],
        typer.Option(
            "--on",
            metavar="CASE=ACTION",
            help="host_down: evacuate or delete; host_degraded: live_migrate, migrate or stop; server_failed: reboot, "
            "rebuild, stop or delete. Repeat it.",
        ),
    ],
    after: Annotated[
        list[str] | None,
        typer.Option(
            "--after", metavar="[CASE=]SECONDS", help="Wait so long first, in this case or in all; repeat it."
        ),
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Define it, instead of what was defined for this resource so far.

    A server's own goes before its group's, and that before its project's.

    \b
      nfvigil recovery set project/23f5a1726025d1a1bf6797cbb8136731 --on host_down=evacuate
      nfvigil recovery set server/8a9e21c0-607d-4493-87f5-000000000001 --on host_down=evacuate \\
          --on server_failed=reboot --after server_failed=30
    """
    do: dict[str, dict[str, Any]] = {case: {"action": action} for case, action in map(_case, on)}
    for cases, seconds in map(_delay, after or ()):
        for case in cases or tuple(do):
            if case not in do:
                raise _wrong("after", f"says how long to wait on {case}, and no --on says what for")
            do[case]["after_seconds"] = seconds
    with connect(context) as client:
        found = client.put(resource_path(resource, "recovery"), {"do": do})
    emit(found, form, _draw)


def _case(text: str) -> tuple[str, str]:
    case, sign, action = text.partition("=")
    if not sign or not action or case not in set(Case):
        raise _wrong("on", f"must be CASE=ACTION with one of {', '.join(Case)}, not {text!r}")
    return case, action


def _delay(text: str) -> tuple[tuple[str, ...], float]:
    case, sign, seconds = text.rpartition("=")
    try:
        value = float(seconds)
    except ValueError:
        value = -1
    if not 0 <= value <= SECONDS_MAX:
        raise _wrong("after", f"must be [CASE=]SECONDS with 0 to {SECONDS_MAX}, not {text!r}")
    return ((case,) if sign else ()), value


def _wrong(field: str, reason: str) -> RefusedError:
    return RefusedError("the recovery is wrong", [FieldError(field, reason)])


@app.command()
def show(context: typer.Context, resource: Resource, form: FormOption = Form.TABLE) -> None:
    """What is defined for this very resource."""
    with connect(context) as client:
        found = client.get(resource_path(resource, "recovery"))
    emit(found, form, _draw)


@app.command("list")
def list_recoveries(context: typer.Context, limit: LimitOption = None, form: FormOption = Form.TABLE) -> None:
    """All that is defined: your project's, or everybody's for an administrator."""
    with connect(context) as client:
        found = list(client.items(RECOVERY, limit=limit))
    emit(found, form, lambda items: table(items, RECOVERY_COLUMNS, empty="nothing is defined: nothing will be done"))


@app.command()
def unset(context: typer.Context, resource: Resource) -> None:
    """From now on nothing is done for it that nobody asks for."""
    with connect(context) as client:
        client.delete(resource_path(resource, "recovery"))
    say(printable(f"nothing is defined for {resource} any more"))


def _draw(one: dict[str, Any]) -> None:
    fields(
        [
            ("resource", one["resource"]),
            ("project", one["project_id"]),
            *((case, _does(case, wanted).partition(": ")[2]) for case, wanted in one["do"].items()),
            ("defined", f"{local(one['set_time'])} by {one['by']}"),
        ]
    )
