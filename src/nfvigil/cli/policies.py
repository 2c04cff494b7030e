"""``nfvigil policy``: what is decided on an event; check it, try it, put it in force, take it back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, place
from nfvigil.cli.explanation import STEP_COLUMNS
from nfvigil.cli.failures import Code
from nfvigil.cli.moments import age, now
from nfvigil.cli.options import FormOption, SinceOption, UntilOption, read_file, read_json
from nfvigil.cli.output import Form, emit
from nfvigil.cli.resources import TOLD_COLUMNS
from nfvigil.cli.terminal import Column, bold, complain, printable, say, table
from nfvigil.client.moments import moment
from nfvigil.errors import NotFoundError

app = typer.Typer(no_args_is_help=True, help="See, check, try and change what is decided on an event.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy in YAML; '-' for standard input.")]

POLICY_COLUMNS = (
    Column("NAME", lambda policy: policy["name"]),
    Column("VERSION", lambda policy: policy["version"], right=True),
    Column("IN FORCE", lambda policy: "yes" if policy["active"] else " "),
    Column("BY", lambda policy: policy["created_by"]),
    Column("AGE", lambda policy: age(policy["created_time"]), right=True),
)


@app.command("list")
def list_policies(context: typer.Context, form: FormOption = Form.TABLE) -> None:
    """Every version of every policy."""
    with connect(context) as client:
        found = client.get("/v1/policies")["items"]
    emit(found, form, lambda items: table(items, POLICY_COLUMNS, empty="no policies"))


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The one in force if left out.")] = None,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", min=1, help="The newest if left out.")
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """The text of a policy.

    \b
      nfvigil policy show > mine.yaml
    """
    with connect(context) as client:
        if name is None:
            active = next((one for one in client.get("/v1/policies")["items"] if one["active"]), None)
            if active is None:
                raise NotFoundError("no policy is in force")
            name, version = active["name"], version or active["version"]
        found = client.get(place("v1", "policies", str(name)), {"version": version})
    emit(found, form, lambda policy: say(policy["text"].rstrip("\n")))


@app.command()
def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policies in YAML; '-' for standard input.")],
    form: FormOption = Form.TABLE,
) -> None:
    """What is wrong with policies, as FILE:LINE: FIELD: REASON. It needs no service; ends with 1 if anything is.

    \b
      nfvigil policy lint mine.yaml
    """
    flaws = [{"file": str(file), **flaw} for file in files for flaw in _flaws(read_file(file))]
    emit(flaws, form, _draw_flaws)
    if flaws:
        raise typer.Exit(Code.REFUSED)
    if form is Form.TABLE:
        complain(f"{len(files)} well" if len(files) > 1 else f"{files[0]} is well")


def _flaws(text: str) -> list[dict[str, Any]]:
    from nfvigil.controller.plugins import action_plugins
    from nfvigil.inspector.reading import PolicyError, read_policy

    try:
        read_policy(text, extra_actions=frozenset(action_plugins()))
    except PolicyError as error:
        return [{"line": one.line, "field": one.field, "reason": one.reason} for one in error.errors]
    return []


def _draw_flaws(flaws: list[dict[str, Any]]) -> None:
    for flaw in flaws:
        parts = [f"{flaw['file']}:{flaw['line'] or 1}", flaw["field"], flaw["reason"]]
        say(printable(": ".join(part for part in parts if part)))


@app.command()
def apply(context: typer.Context, file: PolicyFile, form: FormOption = Form.TABLE) -> None:
    """Put a policy in force, as the next version of its name. What stands already is not decided anew."""
    with connect(context) as client:
        found = client.post("/v1/policies", {"text": read_file(file)})
    emit(found, form, _draw_in_force)


@app.command()
def rollback(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The policy.")],
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", min=1, help="The one before if left out.")
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Put an earlier version in force again."""
    with connect(context) as client:
        body = {} if version is None else {"version": version}
        found = client.post(place("v1", "policies", name, "rollback"), body)
    emit(found, form, _draw_in_force)


def _draw_in_force(policy: dict[str, Any]) -> None:
    say(f"in force: {policy['name']}, version {policy['version']}")


@app.command("dry-run")
def dry_run(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Option("--policy", "-p", metavar="FILE", help="Try this one; the one in force if left out.")
    ] = None,
    type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="On an event of this type, as things stand.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", metavar="HOST", help="... on this host.")] = None,
    resource: Annotated[str | None, typer.Option("--resource", metavar="KIND/ID", help="... on this resource.")] = None,
    status: Annotated[str, typer.Option("--status", help="... which is down or up.")] = "down",
    event: Annotated[
        Path | None, typer.Option("--event", metavar="FILE", help="On the event in this file, in our own form.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="So many recorded events.")] = 100,
    form: FormOption = Form.TABLE,
) -> None:
    """What a policy would decide; nothing of it is done.

    On one event as things stand, or on recorded ones as things stood then.

    \b
      nfvigil policy dry-run --type compute.host.down --host compute-1
      nfvigil policy dry-run --policy mine.yaml --since 1d
    """
    body: dict[str, Any] = {"limit": limit}
    if file is not None:
        body["text"] = read_file(file)
    if event is not None:
        body["event"] = read_json(event)
    elif type is not None:
        if bool(host) == bool(resource):
            raise typer.BadParameter("name either a --host or a --resource", param_hint="--host")
        there = f"host/{host}" if host else resource
        body["event"] = {"type": type, "resource": there, "status": status, "time": now()}
    times = {"since": moment(since, "since"), "until": moment(until, "until")}
    body |= {name: value for name, value in times.items() if value is not None}
    with connect(context) as client:
        found = client.post("/v1/policies/dry-run", body)["results"]
    emit(found, form, draw_dry_runs)


def draw_dry_runs(results: list[dict[str, Any]]) -> None:
    if not results:
        complain("no recorded events to go by")
    for number, result in enumerate(results):
        event = result["event"]
        say(("\n" if number else "") + bold(f"{event['type']} {event['status']} on {event['resource']}"))
        table(result["steps"], STEP_COLUMNS, indent="  ")
        news = Counter(one["news"] for one in result["alarms"])
        deeds = Counter(one["kind"] for one in result["actions"])
        say(f"  alarms: {_counts(news)}; actions: {_counts(deeds)}")
        table(result["told"], TOLD_COLUMNS, indent="  ")


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(counter.items())) or "none"


def replay(
    context: typer.Context,
    since: SinceOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="So many events at most.")
    ] = 10_000,
    form: FormOption = Form.TABLE,
) -> None:
    """Make the recorded decisions again, and compare them to the byte. Ends with 1 if any differs."""
    body: dict[str, Any] = {"limit": limit}
    if since is not None:
        body["since"] = moment(since, "since")
    with connect(context) as client:
        found = client.post("/v1/replay", body)
    emit(found, form, _draw_replay)
    if found["different"]:
        raise typer.Exit(Code.REFUSED)


def _draw_replay(found: dict[str, Any]) -> None:
    say(
        f"{found['replayed']} decisions made again: {found['equal']} the same, {found['replayed'] - found['equal']} not"
    )
    for one in found["different"]:
        for line in (f"event {one['event_id']}", f"  was  {one['recorded']}", f"  is   {one['replayed']}"):
            say(printable(line))
