"""``nfvigil audit``: who did what to what, and whether that is still all of it."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.database_access import on_store
from nfvigil.cli.failures import Code
from nfvigil.cli.moments import local
from nfvigil.cli.options import EPILOG, ConfigOption, DatabaseOption, FormOption, SinceOption, UntilOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, say, table
from nfvigil.client.moments import moment
from nfvigil.errors import FieldError, RefusedError

app = typer.Typer(no_args_is_help=True, help="See who did what by hand, and check that nothing of it is missing.")

WhoOption = Annotated[str | None, typer.Option("--who", metavar="GLOB", help="A name or an id.")]
WhatOption = Annotated[
    str | None, typer.Option("--what", metavar="GLOB", help="A rule such as 'nfvigil:alarms:*', or what was done.")
]
TargetOption = Annotated[str | None, typer.Option("--target", metavar="GLOB", help="What it was done to.")]

COLUMNS = (
    Column("TIME", lambda one: local(one["time"], "seconds")),
    Column("WHO", lambda one: one["who"], shrink=True),
    Column("PROJECT", lambda one: (one["project_id"] or "-")[:8]),
    Column("WHAT", lambda one: one["what"], shrink=True),
    Column("TARGET", lambda one: one["target"], shrink=True),
    Column("OUTCOME", lambda one: one["outcome"]),
    Column("FROM", lambda one: one["address"] or one["via"], shrink=True),
    Column("TEXT", lambda one: one["text"], shrink=True),
)


class ExportForm(StrEnum):
    CADF = "cadf"
    JSON = "json"


@app.command("list", epilog=EPILOG)
def list_audit(
    context: typer.Context,
    who: WhoOption = None,
    what: WhatOption = None,
    target: TargetOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most this many lines.")] = 100,
    form: FormOption = Form.TABLE,
) -> None:
    """What was done by hand, the newest first. The table leaves out what was begun where it says how that ended.

    \b
      nfvigil audit list --since 1d
      nfvigil audit list --what 'nfvigil:brakes:*'
    """
    with connect(context) as client:
        found = [*client.items("/v1/audit", _asked(who, what, target, since, until), limit=limit)]
    emit(found, form, lambda items: table(ended(items), COLUMNS, empty="nothing was done by hand"))


def ended(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the beginning of what has an end."""
    over = {one["request_id"] for one in items if one["outcome"] != "pending"}
    return [one for one in items if one["outcome"] != "pending" or one["request_id"] not in over]


@app.command(epilog=EPILOG)
def export(
    context: typer.Context,
    form: Annotated[
        ExportForm, typer.Option("--format", "-f", help="cadf: DMTF's audit events; json: as the API has it.")
    ] = ExportForm.CADF,
    who: WhoOption = None,
    what: WhatOption = None,
    target: TargetOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """All of it, one JSON object a line, the newest first.

    \b
      nfvigil audit export --format cadf --since 30d > audit.jsonl
    """
    path = "/v1/audit/cadf" if form is ExportForm.CADF else "/v1/audit"
    with connect(context) as client:
        for one in client.items(path, _asked(who, what, target, since, until)):
            say(json.dumps(one, separators=(",", ":")))


@app.command()
def check(
    known: Annotated[
        list[str] | None,
        typer.Option("--known", metavar="ID:HASH", help="What a check said at its end earlier: it must still be so."),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Whether a line was changed or is missing; ends with 1 if so. Works on the database itself, beside a service.

    Each line carries a hash over itself and the one before. Who owns the database could write the whole log anew: put
    the last hash where he is not, and give it to a later check.

    \b
      nfvigil audit check
      nfvigil audit check --known 4711:9f86d081...
    """
    written = dict(_known(one) for one in known or [])
    checked = on_store(lambda store: store.check_audit(written), config=config, database=database, read_only=True)
    found = {name: getattr(checked, name) for name in checked.__struct_fields__}
    emit({**found, "flaws": list(checked.flaws)}, form, _draw)
    if checked.flaws:
        raise typer.Exit(Code.REFUSED)


def _draw(found: dict[str, Any]) -> None:
    for flaw in found["flaws"]:
        complain(flaw)
    if not found["count"]:
        say("the audit log is empty")
        return
    unchained = f", {found['unchained']} of them from before there was a chain" if found["unchained"] else ""
    say(f"{found['count']} line{'' if found['count'] == 1 else 's'}, {found['first']} to {found['last']}{unchained}")
    say(f"last: {found['last']}:{found['hash']}")


def _known(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or not digest:
        raise RefusedError("what is known is wrong", [FieldError("known", f"{text[:80]} is not ID:HASH")])
    return int(number), digest


def _asked(
    who: str | None, what: str | None, target: str | None, since: str | None, until: str | None
) -> dict[str, Any]:
    return {
        "who": who,
        "what": what,
        "target": target,
        "since": moment(since, "since"),
        "until": moment(until, "until"),
    }
