"""``nfvigil resource``: what there is, who is on it, who owns that, and who would be told if it died."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.alarms import ALARM_COLUMNS
from nfvigil.cli.connection import connect, resource_path, short
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, bold, fields, printable, say, table

if TYPE_CHECKING:
    from nfvigil.cli.client import Client

app = typer.Typer(no_args_is_help=True, help="See what there is, who is on it, and who would be told if it died.")

SERVERS_SHOWN_MAX = 200
KEYS_SHOWN_MAX = 6

ResourceKey = Annotated[
    str, typer.Argument(metavar="KIND/ID", help="Such as host/compute-1; a host by any of its names.")
]


class Kind(StrEnum):
    HOST = "host"
    NIC = "nic"
    SWITCH = "switch"
    PDU = "pdu"
    DISK = "disk"
    RACK = "rack"
    SERVER = "server"
    PORT = "port"
    VOLUME = "volume"
    NETWORK = "network"
    GROUP = "group"
    ZONE = "zone"
    VIM = "vim"


def state_of(record: dict[str, Any]) -> str:
    """A resource's state in a word or two, whatever its kind calls it."""
    if "forced_down" in record:
        words = ["forced down"] if record["forced_down"] else []
        words += [] if record["service_up"] else ["service down"]
        words += [] if record["service_enabled"] else ["disabled"]
        return ", ".join(words) or "up"
    data_plane = record.get("data_plane_status")
    status = str(record.get("status", " "))
    return f"{status}, data plane {data_plane}" if data_plane else status


RESOURCE_COLUMNS = (
    Column("RESOURCE", lambda one: one["key"]),
    Column("NAME", lambda one: one["record"].get("name"), shrink=True),
    Column("STATE", lambda one: state_of(one["record"])),
    Column("PROJECT", lambda one: one["record"].get("project") or " ", shrink=True),
    Column("ON", lambda one: one["record"].get("host") or one["record"].get("zone") or " ", shrink=True),
)


@app.command("list")
def list_resources(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="Which kind.")] = Kind.HOST,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Of this project; for administrators.")
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only those: normal, maintenance, down, error; repeat it.")
    ] = None,
    zone: Annotated[list[str] | None, typer.Option("--zone", metavar="ZONE", help="Only there; repeat it.")] = None,
    vim: Annotated[
        list[str] | None, typer.Option("--vim", metavar="VIM", help="Only there; for administrators; repeat it.")
    ] = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """The resources of a kind.

    \b
      nfvigil resource list host
      nfvigil resource list server --project 4f0c...
    """
    parameters = {"kind": kind, "project": project, "state": state, "zone": zone, "vim": vim}
    with connect(context) as client:
        found = list(client.items("/v1/resources", parameters, limit=limit))
    emit(found, form, lambda items: table(items, RESOURCE_COLUMNS, empty=f"no resources of the kind {kind}"))


@app.command()
def show(context: typer.Context, resource: ResourceKey, form: FormOption = Form.TABLE) -> None:
    """One resource: who is on it, who owns that, and the alarms that stand on it.

    \b
      nfvigil resource show host/compute-1
      nfvigil resource show switch/leaf-1 -f json
    """
    with connect(context) as client:
        found = client.get(resource_path(resource))
        servers = _servers_on(client, found) if form is Form.TABLE else []
    emit(found, form, lambda value: draw_resource(value, servers))


def _servers_on(client: Client, detail: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of the servers on it: their names and owners, which the answer does not hold."""
    return [client.get(resource_path(key)) for key in detail["related"].get("servers", [])[:SERVERS_SHOWN_MAX]]


def draw_resource(detail: dict[str, Any], servers: list[dict[str, Any]]) -> None:
    record = detail["record"]
    say(f"{bold(printable(detail['key']))}: {printable(state_of(record))}")
    fields(((name.replace("_", " "), value) for name, value in record.items()), indent="  ")
    if servers:
        owners = Counter(one["record"].get("project", "") for one in servers)
        total = len(detail["related"]["servers"])
        say(f"\n{bold(f'{total} servers')} of {len(owners)} projects")
        table(servers, RESOURCE_COLUMNS[:4], indent="  ")
        if total > len(servers):
            say(f"  ... and {total - len(servers)} more: -f json names them")
    elif detail["projects"]:
        fields([("who owns something there", detail["projects"])], indent="  ")
    rest = {word: keys for word, keys in detail["related"].items() if not (word == "servers" and servers)}
    if rest:
        say(f"\n{bold('Related')}")
        fields(((word.replace("_", " "), _some(keys)) for word, keys in rest.items()), indent="  ")
    if detail["alarms"]:
        say(f"\n{bold('Open alarms')}")
        table(detail["alarms"], ALARM_COLUMNS, indent="  ")


def _some(keys: list[str]) -> str:
    more = f" ... ({len(keys)} in all)" if len(keys) > KEYS_SHOWN_MAX else ""
    return ", ".join(keys[:KEYS_SHOWN_MAX]) + more


@app.command()
def impact(
    context: typer.Context,
    resource: ResourceKey,
    type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="The event; the usual one of its kind, such as compute.host.down."),
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Who would be told, and what would be done, if it died now. Nothing of it is done; for administrators.

    \b
      nfvigil resource impact host/compute-1
    """
    with connect(context) as client:
        found = client.get(f"{resource_path(resource)}/impact", {"type": type})
    emit(found, form, draw_impact)


TOLD_COLUMNS = (
    Column("SUBSCRIPTION", lambda one: short(one["subscription"])),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("PROJECT", lambda one: one["project"] or "(administrator)", shrink=True),
    Column("ALARMS", lambda one: one["alarms"], right=True),
    Column("ENDPOINTS", lambda one: one["endpoints"], shrink=True),
)


def draw_impact(impact: dict[str, Any]) -> None:
    say(printable(f"If {impact['event_type']} came for {impact['resource']} now:"))
    counts = Counter(
        (alarm["fault_type"], alarm["resource"]["kind"], alarm["project_id"] or "(administrator)")
        for alarm in impact["alarms"]
    )
    _title(counts.total(), "Alarms that would be raised")
    table(
        sorted(counts.items()),
        (
            Column("FAULT", lambda item: item[0][0], shrink=True),
            Column("ON", lambda item: item[0][1]),
            Column("PROJECT", lambda item: item[0][2], shrink=True),
            Column("ALARMS", lambda item: item[1], right=True),
        ),
        indent="  ",
    )
    kinds = Counter((action["kind"], action["target"].partition("/")[0]) for action in impact["actions"])
    _title(kinds.total(), "Actions that would be done in the cloud")
    table(
        sorted(kinds.items()),
        (
            Column("ACTION", lambda item: item[0][0]),
            Column("ON", lambda item: item[0][1]),
            Column("TIMES", lambda item: item[1], right=True),
        ),
        indent="  ",
    )
    _title(len(impact["told"]), "Subscriptions that would be told")
    table(impact["told"], TOLD_COLUMNS, indent="  ")


def _title(count: int, what: str) -> None:
    say(f"\n{bold(what)}: {count}")
