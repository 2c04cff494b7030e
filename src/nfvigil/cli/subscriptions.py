"""``nfvigil subscription``: who hears what, where, and what came of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.alarms import ALARM_COLUMNS, Severity
from nfvigil.cli.connection import connect, full_id, place, short
from nfvigil.cli.explanation import DELIVERY_COLUMNS
from nfvigil.cli.failures import Code
from nfvigil.cli.instructions import WaitMaxOption, WaitOption
from nfvigil.cli.moments import local
from nfvigil.cli.options import FormOption, LimitOption, read_file
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, printable, say, table
from nfvigil.errors import FieldError, RefusedError

if TYPE_CHECKING:
    from nfvigil.cli.client import Client

app = typer.Typer(no_args_is_help=True, help="Say who hears what and where, and see what came of it.")

SUBSCRIPTIONS = "/v1/subscriptions"
SIGNED = "signed"
SubscriptionId = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Its id, or the first characters of it.")]


class Mode(StrEnum):
    RAISED = "raised"
    CONFIRMED = "confirmed"
    BOTH = "both"


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


SUBSCRIPTION_COLUMNS = (
    Column("ID", lambda one: short(one["id"])),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("PROJECT", lambda one: one["project"] or "(administrator)", shrink=True),
    Column("MODE", lambda one: one["mode"] + (", paused" if one["paused"] else "")),
    Column("FORMATS", lambda one: sorted({endpoint["format"] for endpoint in one["endpoints"]})),
    Column("ENDPOINTS", lambda one: [endpoint["url"] for endpoint in one["endpoints"]], shrink=True),
)


def path_of(client: Client, subscription: str, *more: str) -> str:
    return place("v1", "subscriptions", full_id(client, SUBSCRIPTIONS, subscription), *more)


@app.command()
def create(
    context: typer.Context,
    endpoint: Annotated[
        list[str],
        typer.Option(
            "--endpoint", "-e", metavar="[FORMAT=]URL", help="Where to, in which format; doctor if left out; repeat it."
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What you call it.")] = "",
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="PROJECT", help="Whose it is; for administrators, their own if left out."),
    ] = None,
    mode: Annotated[
        Mode, typer.Option("--mode", help="raised: at once; confirmed: when the cloud says the same; or both.")
    ] = Mode.RAISED,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only of such resources: server, port; repeat it."),
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", metavar="ID", help="Only of the resource of this id; repeat it.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--resource-state",
            metavar="STATE",
            help="Only where the resource is so: down, error, maintenance; repeat it.",
        ),
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="GLOB", help="Only these types: 'compute.*'; repeat it.")
    ] = None,
    min_severity: Annotated[Severity | None, typer.Option("--min-severity", help="This one or worse.")] = None,
    heartbeat: Annotated[
        float, typer.Option("--heartbeat", min=0, metavar="SECONDS", help="A sign of life this often; 0 for none.")
    ] = 0,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file",
            metavar="FILE",
            help="Holds the key for signing, whsec_ and base64. It goes to the endpoints of the format signed, or to "
            "all where there are none of that.",
        ),
    ] = None,
    endpoint_token_file: Annotated[
        Path | None,
        typer.Option("--endpoint-token-file", metavar="FILE", help="Holds what is sent to them as X-Auth-Token."),
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Hear of faults from now on. It is in effect when this returns.

    \b
      nfvigil subscription create --name vnfm --endpoint http://10.0.0.5:9000/faults
      nfvigil subscription create -e aodh=http://10.0.0.5/hook -e cloudevents=https://bus/in --mode both
      nfvigil subscription create -e signed=https://vnfm/in --secret-file key --fault 'compute.*'
    """
    chosen = {
        "resource_types": kind,
        "resource_ids": resource,
        "resource_states": state,
        "fault_types": fault,
        "min_severity": min_severity,
    }
    body: dict[str, Any] = {
        "name": name,
        "filter": {field: value for field, value in chosen.items() if value},
        "endpoints": _endpoints(endpoint, secret_file, endpoint_token_file),
        "mode": mode,
        "heartbeat_seconds": heartbeat,
    }
    if project:
        body["project"] = project
    with connect(context) as client:
        found = client.post(SUBSCRIPTIONS, body)
    emit(found, form, _draw_created)


def _endpoints(texts: list[str], secret_file: Path | None, token_file: Path | None) -> list[dict[str, Any]]:
    found = [_endpoint(text) for text in texts]
    if secret_file is not None:
        secret = read_file(secret_file).strip()
        for one in [one for one in found if one["format"] == SIGNED] or found:
            one["secret"] = secret
    if token_file is not None:
        token = read_file(token_file).strip()
        for one in found:
            one["token"] = token
    return found


def _endpoint(text: str) -> dict[str, Any]:
    """``[FORMAT=]URL``; a URL may have an equals sign of its own, a format has no colon."""
    front, sign, url = text.partition("=")
    if not sign or ":" in front:
        front, url = "doctor", text
    if not url.startswith(("http://", "https://")):
        reason = f"must be [FORMAT=]URL with http:// or https://, not {text!r}"
        raise RefusedError("the endpoint is wrong", [FieldError("endpoint", reason)])
    return {"url": url, "format": front}


def _draw_created(subscription: dict[str, Any]) -> None:
    say(f"subscribed: {subscription['id']}")
    below = [one for one in subscription.get("virtual_resources", {"items": []})["items"] if one["state"] != "normal"]
    if below:
        say("not normal are:")
        table(below, STANDING_COLUMNS, indent="  ")
    covered = subscription["resources"]
    if covered:
        say(f"{len(covered)} alarms that it covers stand already:")
        table(covered, ALARM_COLUMNS, indent="  ")


@app.command("list")
def list_subscriptions(context: typer.Context, limit: LimitOption = None, form: FormOption = Form.TABLE) -> None:
    """Subscriptions: your project's, or all for an administrator."""
    with connect(context) as client:
        found = list(client.items(SUBSCRIPTIONS, limit=limit))
    emit(found, form, lambda items: table(items, SUBSCRIPTION_COLUMNS, empty="no subscriptions"))


@app.command()
def show(context: typer.Context, subscription: SubscriptionId, form: FormOption = Form.TABLE) -> None:
    """One subscription. Its secrets are never shown."""
    with connect(context) as client:
        found = client.get(path_of(client, subscription))
    emit(found, form, draw_subscription)


def draw_subscription(one: dict[str, Any]) -> None:
    chosen = one["filter"]
    fields(
        [
            ("id", one["id"]),
            ("name", one["name"]),
            ("project", one["project"] or "(administrator)"),
            ("mode", one["mode"]),
            ("paused", one["paused"] or None),
            ("heartbeat", f"every {one['heartbeat_seconds']:g} s" if one["heartbeat_seconds"] else None),
            *((f"only {name.replace('_', ' ')}", value) for name, value in chosen.items() if value != "cleared"),
            ("created", f"{local(one['created_time'])} by {one['created_by']}"),
        ]
    )
    table(
        one["endpoints"],
        (
            Column("ENDPOINT", lambda endpoint: short(endpoint["id"])),
            Column("FORMAT", lambda endpoint: endpoint["format"]),
            Column("SECRET", lambda endpoint: endpoint["has_secret"]),
            Column("TOKEN", lambda endpoint: endpoint["has_token"]),
            Column("URL", lambda endpoint: endpoint["url"], shrink=True),
        ),
    )


@app.command("set")
def change(
    context: typer.Context,
    subscription: SubscriptionId,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What you call it.")] = None,
    mode: Annotated[Mode | None, typer.Option("--mode", help="Which news it takes.")] = None,
    heartbeat: Annotated[
        float | None, typer.Option("--heartbeat", min=0, metavar="SECONDS", help="A sign of life this often; 0: none.")
    ] = None,
    min_severity: Annotated[Severity | None, typer.Option("--min-severity", help="This one or worse.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", metavar="KIND", help="All that it asks for.")] = None,
    resource: Annotated[list[str] | None, typer.Option("--resource", metavar="ID", help="All of them.")] = None,
    state: Annotated[list[str] | None, typer.Option("--resource-state", metavar="STATE", help="All of them.")] = None,
    fault: Annotated[list[str] | None, typer.Option("--fault", metavar="GLOB", help="All of them.")] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--endpoint", "-e", metavar="[FORMAT=]URL|ID", help="All of them: an id keeps the one there is; repeat it."
        ),
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option("--secret-file", metavar="FILE", help="The key for signing of the new ones.")
    ] = None,
    endpoint_token_file: Annotated[
        Path | None, typer.Option("--endpoint-token-file", metavar="FILE", help="What is sent to the new ones.")
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Change one: what is not named stays, secrets of endpoints too. In effect when this returns.

    \b
      nfvigil subscription set 3f2a --min-severity major
      nfvigil subscription set 3f2a -e 7c1d... -e cloudevents=https://bus/in
    """
    chosen = {
        "resource_types": kind,
        "resource_ids": resource,
        "resource_states": state,
        "fault_types": fault,
        "min_severity": min_severity,
    }
    given = {"name": name, "mode": mode, "heartbeat_seconds": heartbeat}
    body: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if wanted := {field: value for field, value in chosen.items() if value is not None}:
        body["filter"] = wanted
    if endpoint:
        kept = [{"id": one} for one in endpoint if "://" not in one]
        body["endpoints"] = [
            *kept,
            *_endpoints([one for one in endpoint if "://" in one], secret_file, endpoint_token_file),
        ]
    if not body:
        raise RefusedError("nothing to change", [FieldError("options", "name what is to be another")])
    with connect(context) as client:
        found = client.patch(path_of(client, subscription), body)
    emit(found, form, draw_subscription)


STANDING_COLUMNS = (
    Column("RESOURCE", lambda one: one["key"], shrink=True),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("STATE", lambda one: one["state"]),
    Column("FAULTS", lambda one: sorted({fault["fault_type"] for fault in one["faults"]}), shrink=True),
)


@app.command()
def resources(
    context: typer.Context, subscription: SubscriptionId, limit: LimitOption = None, form: FormOption = Form.TABLE
) -> None:
    """How what it is about stands now."""
    with connect(context) as client:
        found = list(client.items(path_of(client, subscription, "resources"), limit=limit))
    emit(found, form, lambda items: table(items, STANDING_COLUMNS, empty="all is well"))


@app.command()
def redeliver(
    context: typer.Context,
    subscription: SubscriptionId,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's whole id.")],
    sequence: Annotated[int, typer.Argument(metavar="SEQUENCE", min=1, help="As it is listed.")],
    part: Annotated[int, typer.Option("--part", min=0, help="As it is listed.")] = 0,
    form: FormOption = Form.TABLE,
) -> None:
    """Send one delivery again that was given up."""
    body = {"endpoint_id": endpoint, "sequence": sequence, "part": part}
    with connect(context) as client:
        found = client.post(path_of(client, subscription, "deliveries", "replay"), body)
    emit(found, form, lambda one: say(f"on its way again: {one['id']}"))


@app.command()
def delete(context: typer.Context, subscription: SubscriptionId) -> None:
    """End it. What was not delivered yet is dropped."""
    with connect(context) as client:
        path = path_of(client, subscription)
        client.delete(path)
    say(f"ended: {path.rpartition('/')[2]}")


@app.command("test")
def send_test(
    context: typer.Context,
    subscription: SubscriptionId,
    wait: WaitOption = False,
    wait_max: WaitMaxOption = 60,
    form: FormOption = Form.TABLE,
) -> None:
    """Send a test notification to its endpoints; 'deliveries' says what came of it, or --wait does.

    \b
      nfvigil subscription test 3f2a91c0 --wait
    """
    with connect(context) as client:
        subscription_id = full_id(client, SUBSCRIPTIONS, subscription)
        sent = client.subscriptions.test(subscription_id)
        found = sent.dict()
        if wait:
            messages = client.subscriptions.wait_delivered(subscription_id, sent, most_seconds=wait_max)
            found["deliveries"] = [one.dict() for one in messages]
    emit(found, form, _draw_sent)
    if any(one["state"] != "delivered" for one in found.get("deliveries", ())):
        raise typer.Exit(Code.REFUSED)


def _draw_sent(sent: dict[str, Any]) -> None:
    if "deliveries" in sent:
        table(sent["deliveries"], DELIVERY_COLUMNS, empty="there was nowhere to send it to")
    else:
        say(f"on its way: {sent['notification_id']}, sequence {sent['sequence']}")


@app.command()
def replay(
    context: typer.Context,
    subscription: SubscriptionId,
    after: Annotated[
        int, typer.Option("--after", metavar="SEQUENCE", min=0, help="The last sequence number that arrived.")
    ],
    form: FormOption = Form.TABLE,
) -> None:
    """Send again what came after a sequence number, also what was given up; under the same ids."""
    with connect(context) as client:
        found = client.post(path_of(client, subscription, "replay"), parameters={"after": after})
    emit(found, form, lambda answer: say(f"{answer['requeued']} deliveries are on their way again"))


@app.command()
def pause(context: typer.Context, subscription: SubscriptionId, form: FormOption = Form.TABLE) -> None:
    """Send nothing for now; what comes meanwhile is kept."""
    _switch(context, subscription, form, "pause", "is paused")


@app.command()
def resume(context: typer.Context, subscription: SubscriptionId, form: FormOption = Form.TABLE) -> None:
    """Send again, first what was kept meanwhile."""
    _switch(context, subscription, form, "resume", "goes on")


def _switch(context: typer.Context, subscription: str, form: Form, what: str, done: str) -> None:
    with connect(context) as client:
        found = client.post(path_of(client, subscription, what))
    emit(found, form, lambda one: say(printable(f"{short(one['id'])} {one['name']}".rstrip() + f" {done}")))


@app.command()
def deliveries(
    context: typer.Context,
    subscription: SubscriptionId,
    state: Annotated[DeliveryState | None, typer.Option("--state", help="Only these; dead ones were given up.")] = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """What was sent, waits, or was given up; in the order of sending."""
    with connect(context) as client:
        found = list(client.items(path_of(client, subscription, "deliveries"), {"state": state}, limit=limit))
    emit(found, form, lambda items: table(items, DELIVERY_COLUMNS, empty="nothing was sent"))
