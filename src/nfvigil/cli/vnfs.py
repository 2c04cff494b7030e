"""``nfvigil vnf``: which servers are a VNF, so that alarms say which VNF is hit."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.moments import local
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, printable, say, table
from nfvigil.errors import FieldError, RefusedError

app = typer.Typer(no_args_is_help=True, help="Tell which servers are a VNF. Alarms on them say so.")

VNFS = "/v1/vnfs"
VnfArgument = Annotated[str, typer.Argument(metavar="ID", help="The VNF instance's id.")]
ProjectOption = Annotated[
    str | None, typer.Option("--project", metavar="ID", help="For administrators: whose VNF it is.")
]

COLUMNS = (
    Column("ID", lambda one: one["id"], shrink=True),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("PROJECT", lambda one: one["project_id"], shrink=True),
    Column("SERVERS", lambda one: len(one["vnfcs"]), right=True),
    Column("SOURCE", lambda one: one["source"]),
)


@app.command()
def create(
    context: typer.Context,
    server: Annotated[
        list[str],
        typer.Option(
            "--server",
            metavar="ID[=VNFC[@VDU]]",
            help="A server of it, with the component's id if that is another, and its unit; repeat it.",
        ),
    ],
    vnf_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The VNF manager's id; one is made if left out.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="A name for people.")] = "",
    project: ProjectOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Tell of a VNF. Its servers must be the project's.

    \b
      nfvigil vnf create --id 5f5b3d2e --name epc --server 8a9e21c0-607d-4493-87f5-000000000001=mme-1@mme
    """
    body: dict[str, Any] = {"name": name, "vnfcs": [_vnfc(text) for text in server]}
    if vnf_id is not None:
        body["id"] = vnf_id
    if project is not None:
        body["project"] = project
    with connect(context) as client:
        made = client.post(VNFS, body)
    emit(made, form, _draw)


def _vnfc(text: str) -> dict[str, str]:
    server, sign, component = text.partition("=")
    vnfc, _, vdu = component.partition("@")
    if not server or (sign and not vnfc):
        raise RefusedError("the VNF is wrong", [FieldError("server", f"must be ID[=VNFC[@VDU]], not {text!r}")])
    return {"server": server} | ({"id": vnfc} if vnfc else {}) | ({"vdu": vdu} if vdu else {})


@app.command("list")
def list_vnfs(context: typer.Context, limit: LimitOption = None, form: FormOption = Form.TABLE) -> None:
    """Your project's VNFs, or everybody's for an administrator."""
    with connect(context) as client:
        found = list(client.items(VNFS, limit=limit))
    emit(found, form, lambda items: table(items, COLUMNS, empty="no VNFs are known"))


@app.command()
def show(
    context: typer.Context, vnf_id: VnfArgument, project: ProjectOption = None, form: FormOption = Form.TABLE
) -> None:
    """One VNF with its servers."""
    with connect(context) as client:
        found = client.get(_path(vnf_id), _of(project))
    emit(found, form, _draw)


@app.command()
def delete(context: typer.Context, vnf_id: VnfArgument, project: ProjectOption = None) -> None:
    """Forget what we were told of it."""
    with connect(context) as client:
        client.delete(_path(vnf_id) + (f"?project={quote(project, safe='')}" if project else ""))
    say(printable(f"the VNF {vnf_id} is forgotten"))


def _path(vnf_id: str) -> str:
    return f"{VNFS}/{quote(vnf_id, safe='')}"


def _of(project: str | None) -> dict[str, Any]:
    return {"project": project} if project else {}


def _draw(one: dict[str, Any]) -> None:
    fields(
        [
            ("id", one["id"]),
            ("name", one["name"]),
            ("project", one["project_id"]),
            ("source", one["source"]),
            ("told", f"{local(one['created_time'])} by {one['created_by']}" if one["created_time"] else ""),
            *(
                (f"component {vnfc['id']}", f"server {vnfc['server_id']}" + (f", {vnfc['vdu']}" if vnfc["vdu"] else ""))
                for vnfc in one["vnfcs"]
            ),
        ]
    )
