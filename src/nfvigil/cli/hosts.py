"""``nfvigil host``: the hosts, a host's power, and the proof that it is off."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nfvigil.cli import resources
from nfvigil.cli.brakes import ReasonOption
from nfvigil.cli.connection import connect, place, resource_path
from nfvigil.cli.instructions import Deed, DryRunOption, KeyOption, WaitMaxOption, WaitOption, ask
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, printable, say, table
from nfvigil.errors import RefusedError

app = typer.Typer(no_args_is_help=True, help="See hosts and their power, switch one off, or say that it is off.")

HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="Any of its names.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for the host's name.")]


PHYSICAL_COLUMNS = (
    Column("RESOURCE", lambda one: one["key"]),
    Column("STATE", lambda one: one["state"]),
    Column("ZONE", lambda one: one["zone_id"] or " ", shrink=True),
    Column("VIM", lambda one: one["vim"] or " ", shrink=True),
    Column("HYPERVISOR", lambda one: one["hypervisor_version"] or " ", shrink=True),
    Column("FIRMWARE", lambda one: one["firmware_version"] or " ", shrink=True),
)


@app.command("list")
def list_hosts(
    context: typer.Context,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Other hardware: nic, switch ...; repeat it.")
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only those: normal, maintenance, down, error; repeat it.")
    ] = None,
    zone: Annotated[list[str] | None, typer.Option("--zone", metavar="ZONE", help="Only there; repeat it.")] = None,
    vim: Annotated[list[str] | None, typer.Option("--vim", metavar="VIM", help="Only there; repeat it.")] = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Hosts, or other hardware, and how each stands; for administrators and readers of the whole system.

    \b
      nfvigil host list --state down
      nfvigil host list --kind switch --kind pdu -f json
    """
    parameters = {"kind": kind or ["host"], "state": state, "zone": zone, "vim": vim}
    with connect(context) as client:
        found = list(client.items("/v1/physical-resources", parameters, limit=limit))
    emit(found, form, lambda items: table(items, PHYSICAL_COLUMNS, empty="none"))


@app.command()
def show(context: typer.Context, host: HostArgument, form: FormOption = Form.TABLE) -> None:
    """One host: who is on it, who owns that, and the alarms that stand on it."""
    resources.show(context, f"host/{host.removeprefix('host/')}", form)


@app.command()
def power(context: typer.Context, host: HostArgument, form: FormOption = Form.TABLE) -> None:
    """What its BMC says of its power, asked now."""
    with connect(context) as client:
        found = client.get(place("v1", "hosts", host, "power"))
    emit(found, form, lambda one: say(printable(f"{one['host']} is {one['power']}")))


@app.command("confirm-off")
def confirm_off(
    context: typer.Context,
    host: HostArgument,
    reason: ReasonOption,
    yes: YesOption = False,
    form: FormOption = Form.TABLE,
) -> None:
    """Say that a host is off and will stay so: what was on it may be started elsewhere.

    If it is not off, its servers run twice and their disks are lost. So it asks for the host's name.

    \b
      nfvigil host confirm-off compute-1 --reason 'both feeds are pulled, ticket 4711'
    """
    if not yes:
        sure(context, host, "If it is not off, or comes back, they run twice and write to the same disks.")
    with connect(context) as client:
        found = client.post(place("v1", "hosts", host, "confirm-off"), {"reason": reason})
    emit(found, form, lambda one: say(printable(f"{one['host']} is taken to be off, by word of {one['by']}")))


@app.command()
def fence(
    context: typer.Context,
    host: HostArgument,
    wait: WaitOption = False,
    wait_max: WaitMaxOption = 900,
    override_brakes: Annotated[
        bool, typer.Option("--override-brakes", help="Not held back by HOLD, pace and share.")
    ] = False,
    dry_run: DryRunOption = False,
    key: KeyOption = None,
    yes: YesOption = False,
    form: FormOption = Form.TABLE,
) -> None:
    """Switch a host off, and prove it. You are one of the witnesses that it takes.

    \b
      nfvigil host fence compute-1 --wait
    """
    if not yes and not dry_run:
        sure(context, host, "It is switched off, and they with it.")
    params: dict[str, Any] = {"override_brakes": True} if override_brakes else {}
    ask(context, Deed.FENCE, host, params, wait=wait, wait_max=wait_max, dry_run=dry_run, key=key, form=form)


def sure(context: typer.Context, host: str, warning: str) -> None:
    """Show whom it hits, and have the host's name typed. RefusedError where it is another one."""
    with connect(context) as client:
        found = client.get(resource_path(f"host/{host.removeprefix('host/')}"))
    name = str(found["key"]).removeprefix("host/")
    servers = len(found["related"].get("servers", ()))
    complain(printable(f"{name} has {servers} servers of {len(found['projects'])} projects. {warning}"))
    typed = typer.prompt("Type the host's name to go on", err=True, default="", show_default=False)
    if typed != name:
        raise RefusedError("nothing was done: that is not its name")
