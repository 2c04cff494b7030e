"""``nfvigil vnf``: which servers are a VNF, what they are now, and what became of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from nfvigil.cli import vnf_documents, vnf_watch
from nfvigil.cli.connection import connect
from nfvigil.cli.options import FormOption, LimitOption, SinceOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import printable, say, table
from nfvigil.cli.vnf_documents import ProjectOption, VnfArgument
from nfvigil.cli.vnf_views import LINE_COLUMNS, VNF_COLUMNS, draw_vnf
from nfvigil.client.moments import moment
from nfvigil.errors import FieldError, RefusedError

app = typer.Typer(no_args_is_help=True, help="Tell which servers are a VNF, and see what they are now.")

VNFS = "/v1/vnfs"
ServersOption = Annotated[
    list[str],
    typer.Option(
        "--server",
        metavar="ID[=VNFC[@VDU]]",
        help="A server of it, with the component's id if that is another, and its unit; repeat it.",
    ),
]
InterfacesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--interface",
        metavar="VNFC/PORT[=NAME][,vdu][,vnf]",
        help="What an interface is called, and whether its address is the management address of the component (vdu) "
        "or of the VNF (vnf); repeat it.",
    ),
]


class Kind(StrEnum):
    STATUS = "status"
    NAME = "name"
    HOST = "host"
    MESSAGE = "message"
    ADDRESS = "address"
    INTERFACE = "interface"
    DELETED = "deleted"
    RETURNED = "returned"


@app.command()
def create(
    context: typer.Context,
    server: ServersOption,
    interface: InterfacesOption = None,
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
    body: dict[str, Any] = {"name": name, "vnfcs": vnfcs_of(server, interface or [])}
    if vnf_id is not None:
        body["id"] = vnf_id
    if project is not None:
        body["project"] = project
    with connect(context) as client:
        made = client.post(VNFS, body)
    emit(made, form, draw_vnf)


def vnfcs_of(servers: list[str], interfaces: list[str]) -> list[dict[str, Any]]:
    """Components from ``ID[=VNFC[@VDU]]`` and ``VNFC/PORT[=NAME][,vdu][,vnf]``."""
    vnfcs = [_vnfc(text) for text in servers]
    by_id = {one.get("id", one["server"]): one for one in vnfcs}
    for text in interfaces:
        component, interface = _interface(text)
        if component not in by_id:
            reason = f"names the component {component!r}, which no --server has"
            raise RefusedError("the VNF is wrong", [FieldError("interface", reason)])
        by_id[component].setdefault("interfaces", []).append(interface)
    return vnfcs


def _vnfc(text: str) -> dict[str, Any]:
    server, sign, component = text.partition("=")
    vnfc, _, vdu = component.partition("@")
    if not server or (sign and not vnfc):
        raise RefusedError("the VNF is wrong", [FieldError("server", f"must be ID[=VNFC[@VDU]], not {text!r}")])
    return {"server": server} | ({"id": vnfc} if vnfc else {}) | ({"vdu": vdu} if vdu else {})


def _interface(text: str) -> tuple[str, dict[str, Any]]:
    named, *manages = text.split(",")
    place, _, name = named.partition("=")
    component, slash, port = place.rpartition("/")
    if not slash or not component or not port or not {"vdu", "vnf"}.issuperset(manages):
        reason = f"must be VNFC/PORT[=NAME][,vdu][,vnf], not {text!r}"
        raise RefusedError("the VNF is wrong", [FieldError("interface", reason)])
    return component, {"port": port, "name": name, "manages_vdu": "vdu" in manages, "manages_vnf": "vnf" in manages}


@app.command()
def replace(
    context: typer.Context,
    vnf_id: VnfArgument,
    server: ServersOption,
    interface: InterfacesOption = None,
    name: Annotated[str | None, typer.Option("--name", help="A name for people; as it is if left out.")] = None,
    project: ProjectOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Name and components anew, unless somebody else changes them at the same time.

    \b
      nfvigil vnf replace 5f5b3d2e --server 8a9e21c0-607d-4493-87f5-000000000001=mme-1@mme
    """
    with connect(context) as client:
        seen = client.vnfs.show(vnf_id, project=project)
        found = client.vnfs.replace(
            vnf_id,
            vnfcs_of(server, interface or []),
            name=seen.name if name is None else name,
            project=project,
            if_match=seen,
        )
    emit(found.dict(), form, draw_vnf)


@app.command("list")
def list_vnfs(
    context: typer.Context,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help="With a server in it: ERROR, DELETED ...; repeat it."),
    ] = None,
    name: Annotated[list[str] | None, typer.Option("--name", metavar="NAME", help="Called so; repeat it.")] = None,
    vim: Annotated[
        list[str] | None,
        typer.Option("--vim", metavar="VIM", help="With a server there; for administrators; repeat it."),
    ] = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Your project's VNFs, or everybody's for an administrator, and what their servers are now.

    \b
      nfvigil vnf list --status ERROR --status DELETED
    """
    parameters = {"status": status, "name": name, "vim": vim}
    with connect(context) as client:
        found = list(client.items(VNFS, parameters, limit=limit))
    asked = any(parameters.values())
    emit(found, form, lambda items: table(items, VNF_COLUMNS, empty="no such VNFs" if asked else "no VNFs are known"))


@app.command()
def show(
    context: typer.Context, vnf_id: VnfArgument, project: ProjectOption = None, form: FormOption = Form.TABLE
) -> None:
    """One VNF with its servers and their interfaces, as they are now."""
    with connect(context) as client:
        found = client.get(_path(vnf_id), _of(project))
    emit(found, form, draw_vnf)


@app.command()
def history(
    context: typer.Context,
    vnf_id: VnfArgument,
    component: Annotated[
        str | None, typer.Option("--component", metavar="COMPONENT", help="Of this component only.")
    ] = None,
    kind: Annotated[list[Kind] | None, typer.Option("--kind", help="Only lines about that; repeat it.")] = None,
    since: SinceOption = None,
    project: ProjectOption = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """What became of its servers, the oldest first.

    \b
      nfvigil vnf history 5f5b3d2e --kind status --kind deleted --since 2d
    """
    parameters = {"component": component, "kind": kind, "since": moment(since, "since"), **_of(project)}
    with connect(context) as client:
        found = list(client.items(f"{_path(vnf_id)}/history", parameters, limit=limit))
    emit(found, form, lambda items: table(items, LINE_COLUMNS, empty="nothing yet"))


@app.command()
def delete(context: typer.Context, vnf_id: VnfArgument, project: ProjectOption = None) -> None:
    """Forget what we were told of it, and its record."""
    with connect(context) as client:
        client.delete(_path(vnf_id) + (f"?project={quote(project, safe='')}" if project else ""))
    say(printable(f"the VNF {vnf_id} is forgotten"))


app.command("import")(vnf_documents.import_vnfs)
app.command()(vnf_documents.export)
app.command()(vnf_documents.details)
app.command("follow", hidden=True)(vnf_watch.watch)  # the same under another name that people try
app.command()(vnf_watch.watch)


def _path(vnf_id: str) -> str:
    return f"{VNFS}/{quote(vnf_id, safe='')}"


def _of(project: str | None) -> dict[str, Any]:
    return {"project": project} if project else {}
