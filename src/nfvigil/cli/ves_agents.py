"""``nfvigil ves show|set|delete|test``: what the service tells of a VIM to which VES collector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.failures import Code
from nfvigil.cli.moments import local
from nfvigil.cli.options import FormOption, read_file
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, printable, say, table
from nfvigil.client.ves_options import VesGiven, config_of
from nfvigil.errors import NotFoundError

VimArgument = Annotated[str, typer.Argument(metavar="VIM", help="The name of the VIM.")]


def show(context: typer.Context, vim: VimArgument, form: FormOption = Form.TABLE) -> None:
    """What is told of a VIM to its collector, what stands there, and how the delivery goes."""
    with connect(context) as client:
        found = client.ves.show(vim)
    emit(found.dict(), form, _draw)


def change(
    context: typer.Context,
    vim: VimArgument,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="ONAP's vesagent_config in JSON; '-' for standard input."),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="The collector's, .../eventListener/v5 or /v7.")
    ] = None,
    username: Annotated[str | None, typer.Option("--username", help="For basic authentication.")] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help="Holds the password; '-' for standard input.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option("--cacert", metavar="FILE", help="Certificates (PEM) to believe beside the system's.")
    ] = None,
    client_cert_file: Annotated[
        Path | None, typer.Option("--cert", metavar="FILE", help="The certificate (PEM) with which the service comes.")
    ] = None,
    client_key_file: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Its key (PEM), without a passphrase.")
    ] = None,
    backlog: Annotated[
        list[str] | None,
        typer.Option(
            "--backlog",
            metavar="FIELD=VALUE,...",
            help="What is told: domain, type, tenant, tenantid, source, sourceid, poll_interval; repeat it. "
            "Those that there are give way to these.",
        ),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option("--interval", metavar="SECONDS", help="Between two looks, where a backlog says none."),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option("--faults", metavar="RULE", help="Which states are faults: default, onap, or ERROR,SHUTOFF,..."),
    ] = None,
    heartbeat: Annotated[
        float | None, typer.Option("--heartbeat", metavar="SECONDS", help="Between signs of life; 0 for none.")
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Say what is told of a VIM to which collector. What is not named stays as it is; a password is kept encrypted.

    \b
      nfvigil ves set lab --endpoint http://collector:8080/eventListener/v7 --backlog domain=fault,type=vm
      nfvigil ves set lab --username agent --password-file password --heartbeat 60
      nfvigil ves set lab --backlog domain=fault,type=vm,tenant=core --backlog domain=fault,type=host
    """
    given = VesGiven(
        file=file,
        endpoint=endpoint,
        username=username,
        password_file=password_file,
        ca_file=ca_file,
        client_cert_file=client_cert_file,
        client_key_file=client_key_file,
        backlog=backlog or (),
        interval=interval,
        faults=faults,
        heartbeat=heartbeat,
    )
    with connect(context) as client:
        try:
            before = client.ves.show(vim)
        except NotFoundError:
            before = None
        config = config_of(given, before.config if before is not None else {}, read=read_file)
        found = client.ves.put(vim, config, if_match=before)
    emit(found.dict(), form, _draw)


def delete(
    context: typer.Context,
    vim: VimArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Tell its collector no more. What stands there is cleared; what it does not take within seconds is dropped."""
    if not yes:
        typer.confirm(f"Tell the collector of {printable(vim)} no more, and forget its password?", abort=True, err=True)
    with connect(context) as client:
        client.ves.remove(vim)
    say(printable(f"nothing is told of {vim} any more"))


def try_out(context: typer.Context, vim: VimArgument, form: FormOption = Form.TABLE) -> None:
    """Have the service send its collector a heartbeat now. Ends with 1 if it does not take it."""
    with connect(context) as client:
        found = client.ves.test(vim)
    said = f"{found.status or 'no answer'} in {found.seconds:.2f} s"
    emit(found.dict(), form, lambda _: say(printable(": ".join(filter(None, (found.endpoint, said, found.detail))))))
    if not found.ok:
        raise typer.Exit(Code.REFUSED)


COLUMNS = (
    Column("DOMAIN", lambda one: one["domain"]),
    Column("TYPE", lambda one: one["type"] or " "),
    Column("TENANT", lambda one: one["tenant"] or one["tenant_id"] or " ", shrink=True),
    Column("SOURCE", lambda one: one["source"] or one["server_id"] or "all", shrink=True),
    Column("EVERY", lambda one: f"{one['poll_interval']:g}s", right=True),
    Column("LOOKED AT", lambda one: local(one["collected_time"]) if one["collected_time"] else None),
    Column("RAISED", lambda one: len(one["raised"]), right=True),
)


def _draw(one: dict[str, Any]) -> None:
    collector, subscription = one["collector"], one["config"]["ves_subscription"]
    fields(
        [
            ("vim", one["vim"]),
            ("collector", subscription["endpoint"]),
            ("username", subscription.get("username")),
            ("certificate", "its own" if subscription.get("client_cert") else None),
            ("faults", _words(one["config"]["faults"])),
            ("pending", collector["pending"]),
            ("given up", collector["dead"]),
            ("delivered", local(collector["delivered_time"]) if collector["delivered_time"] else None),
            ("last error", collector["last_error"]),
            ("locked", "password and key cannot be decrypted" if collector["locked"] else None),
            ("paused", "yes" if collector["paused"] else None),
            ("changed", f"{local(one['changed_time'])} by {one['changed_by']}"),
        ]
    )
    table(one["backlogs"], COLUMNS, empty="nothing is looked at")
    for entry in one["refused"]:
        say(printable(f"not looked at: {entry['field']} {entry['reason']}"))
    for backlog in one["backlogs"]:
        for source in backlog["raised"]:
            since = local(source["raised_time"])
            say(printable(f"raised: {source['name']} {source['state']} {source['severity']} since {since}"))


def _words(faults: str | list[str]) -> str:
    return faults if isinstance(faults, str) else ", ".join(faults)
