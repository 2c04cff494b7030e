"""``nfvigil vim``: which clouds there are, and how it stands with each; add one, change it, check it, take it away."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, place
from nfvigil.cli.failures import Code
from nfvigil.cli.instructions import WaitMaxOption, WaitOption
from nfvigil.cli.moments import local
from nfvigil.cli.options import FormOption, LimitOption, read_file
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, fields, printable, say, table
from nfvigil.client.vim_options import Given, options_of
from nfvigil.errors import FieldError, RefusedError

app = typer.Typer(no_args_is_help=True, help="Say which clouds are watched, and see how it stands with them.")

VIMS = "/v1/vims"
VimName = Annotated[str, typer.Argument(metavar="NAME", help="The name of the VIM.")]

OsCloud = Annotated[
    str | None,
    typer.Option(
        "--os-cloud",
        metavar="CLOUD",
        help="An entry of clouds.yaml. The service reads it, on its own machine and as its own user.",
    ),
]
CloudsFile = Annotated[
    str | None,
    typer.Option("--clouds-file", metavar="PATH", help="Where clouds.yaml lies on the service's machine."),
]
Region = Annotated[str | None, typer.Option("--region", metavar="REGION", help="Which region of it.")]
AuthUrl = Annotated[str | None, typer.Option("--auth-url", metavar="URL", help="Keystone, without clouds.yaml.")]
Username = Annotated[
    str | None,
    typer.Option("--username", metavar="USER", help="Who logs in there. A new one's password is asked for."),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="Holds the password; '-' for standard input."),
]
Project = Annotated[str | None, typer.Option("--project", metavar="PROJECT", help="The project to log in to.")]
UserDomain = Annotated[
    str | None, typer.Option("--user-domain", metavar="DOMAIN", help="The user's domain; Default if left out.")
]
ProjectDomain = Annotated[
    str | None, typer.Option("--project-domain", metavar="DOMAIN", help="The project's domain; Default if left out.")
]
CaCert = Annotated[
    Path | None,
    typer.Option("--cacert", metavar="FILE", help="The CA's certificate in PEM; it is read here and sent along."),
]
BusFile = Annotated[
    Path | None,
    typer.Option("--bus-file", metavar="FILE", help="Holds the URL of the message bus, amqp://USER:PASSWORD@HOST/."),
]
Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="NAME=VALUE", help="An option of the driver: hosts=4, auth.project_id=...; repeat it."
    ),
]
OptionFile = Annotated[
    list[str] | None,
    typer.Option("--option-file", metavar="NAME=FILE", help="The same with its value in a file: secrets; repeat it."),
]
Interval = Annotated[
    float | None,
    typer.Option(
        "--interval", metavar="SECONDS", min=-1, help="Between two listings of everything; -1: only when asked for."
    ),
]


HostSuffix = Annotated[
    str | None,
    typer.Option(
        "--host-suffix",
        metavar="@TEXT",
        help="Put behind its hosts' names, which other clouds have as well: compute-1@east; '' for nothing.",
    ),
]


def _ask(what: str) -> str | None:
    return str(typer.prompt(what, hide_input=True)) if sys.stdin.isatty() else None


def path_of(name: str, *more: str) -> str:
    return place("v1", "vims", name, *more)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it: small letters, digits, hyphens.")],
    driver: Annotated[str, typer.Option("--driver", metavar="DRIVER", help="openstack, simulated, dry-run ...")],
    os_cloud: OsCloud = None,
    clouds_file: CloudsFile = None,
    region: Region = None,
    auth_url: AuthUrl = None,
    username: Username = None,
    password_file: PasswordFile = None,
    project: Project = None,
    user_domain: UserDomain = None,
    project_domain: ProjectDomain = None,
    cacert: CaCert = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Believe any certificate. To play with only.")] = False,
    bus_file: BusFile = None,
    option: Option = None,
    option_file: OptionFile = None,
    interval: Interval = None,
    host_suffix: HostSuffix = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep it, and do not watch it yet.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check it, as 'check' does; nothing is kept.")
    ] = False,
    form: FormOption = Form.TABLE,
) -> None:
    """Watch a cloud from now on, and act on it. Secrets come from files or are asked for, and are kept encrypted.

    \b
      nfvigil vim add lab --driver openstack --os-cloud lab --dry-run
      nfvigil vim add lab --driver openstack --os-cloud lab --interval 120
      nfvigil vim add lab --driver openstack --auth-url https://keystone:5000/v3 --username nfvigil \\
          --project service --password-file password --cacert ca.pem --bus-file bus
      nfvigil vim add east --driver openstack --os-cloud east --host-suffix @east
      nfvigil vim add toy --driver simulated --option hosts=4
    """
    given = Given(
        os_cloud=os_cloud,
        clouds_file=clouds_file,
        region=region,
        auth_url=auth_url,
        username=username,
        password_file=password_file,
        project=project,
        user_domain=user_domain,
        project_domain=project_domain,
        cacert=cacert,
        insecure=insecure or None,
        bus_file=bus_file,
        option=option or (),
        option_file=option_file or (),
    )
    body: dict[str, Any] = {
        "name": name,
        "driver": driver,
        "options": options_of(given, is_new=True, read=read_file, ask=_ask),
    }
    if interval is not None:
        body["interval_seconds"] = interval
    if host_suffix is not None:
        body["host_suffix"] = host_suffix
    if disabled:
        body["enabled"] = False
    with connect(context) as client:
        if dry_run:
            _tell(client.post(f"{VIMS}/check", body), form)
            return
        found = client.post(VIMS, body)
    emit(found, form, lambda one: say(printable(f"added: {one['name']}, driver {one['driver']}")))


VIM_COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("DRIVER", lambda one: one["driver"]),
    Column("FROM", lambda one: one["source"]),
    Column("STATE", lambda one: one["state"]),
    Column("HOSTS", lambda one: one["counts"].get("hosts"), right=True),
    Column("SERVERS", lambda one: one["counts"].get("servers"), right=True),
    Column("LISTED", lambda one: _ago(one["snapshot_age_seconds"]), right=True),
    Column("ERROR", lambda one: one["error"], shrink=True),
)


def _ago(seconds: float | None) -> str | None:
    return None if seconds is None else f"{int(seconds)}s"


@app.command("list")
def list_vims(context: typer.Context, limit: LimitOption = None, form: FormOption = Form.TABLE) -> None:
    """The clouds, those of the settings as well, and how it stands with each."""
    with connect(context) as client:
        found = list(client.items(VIMS, limit=limit))
    emit(found, form, lambda items: table(items, VIM_COLUMNS, empty="no VIMs"))


@app.command()
def show(context: typer.Context, name: VimName, form: FormOption = Form.TABLE) -> None:
    """One cloud, how it stands with it, and what its driver tells. Secrets are shown as ***."""
    with connect(context) as client:
        found = client.get(path_of(name))
    emit(found, form, draw_vim)


def draw_vim(one: dict[str, Any]) -> None:
    fields(
        [
            ("name", one["name"]),
            ("driver", one["driver"]),
            ("from", one["source"]),
            ("state", one["state"]),
            ("error", one["error"]),
            ("listed", f"{local(one['snapshot_time'])}" if one["snapshot_time"] else None),
            *((name.replace("_", " "), count) for name, count in one["counts"].items()),
            ("host suffix", one.get("host_suffix") or None),
            ("every", f"{one['interval_seconds']:g} s"),
            ("added", f"{local(one['created_time'])} by {one['created_by']}" if one["created_time"] else None),
            ("changed", local(one["changed_time"]) if one["changed_time"] else None),
        ]
    )
    for title, values in (("options", one["options"]), ("told by the driver", one["told"])):
        if values:
            say(f"{title}:")
            fields(values.items(), indent="  ")


STATUS_COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("STATE", lambda one: one["state"]),
    Column("AGE", lambda one: _ago(one["snapshot_age_seconds"]), right=True),
    Column("EVERY", lambda one: _every(one), right=True),
    Column("TAKES", lambda one: _takes(one["snapshot_seconds"]), right=True),
    Column("DIFFERENCES", lambda one: _differences(one["differences"])),
    Column("CONDITIONS", lambda one: " ".join(one["conditions"]) or None),
    Column("ERROR", lambda one: one["error"] or None, shrink=True),
)


def _every(one: dict[str, Any]) -> str:
    return "on request" if one["period_seconds"] is None else f"{one['period_seconds']:g}s"


def _takes(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.2f}s"


def _differences(found: dict[str, int]) -> str | None:
    """What the last listing found that no change had told."""
    said = (f"{sign}{found[name]}" for name, sign in (("added", "+"), ("changed", "~"), ("gone", "-")) if found[name])
    return " ".join(said) or None


@app.command()
def status(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of one VIM only, and in full.")] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """How well each cloud is known: how old that is, how often it is listed, what is wrong with our view of it.

    \b
      nfvigil vim status
      nfvigil vim status lab
    """
    with connect(context) as client:
        if name is not None:
            emit(client.get(path_of(name)), form, draw_status)
            return
        found = list(client.items(VIMS, limit=None))
    emit(found, form, lambda items: table(items, STATUS_COLUMNS, empty="no VIMs"))


def draw_status(one: dict[str, Any]) -> None:
    fields(
        [
            ("name", one["name"]),
            ("state", one["state"]),
            ("error", one["error"]),
            ("conditions", ", ".join(one["conditions"])),
            ("listed", local(one["snapshot_time"]) if one["snapshot_time"] else None),
            ("age", _ago(one["snapshot_age_seconds"])),
            ("every", _every(one)),
            ("takes", _takes(one["snapshot_seconds"])),
            ("last begun", local(one["attempted_time"]) if one["attempted_time"] else None),
            ("under way", "yes" if one["listing"] else None),
            ("failed", f"{one['failures']} times in a row" if one["failures"] else None),
            ("differences", _differences(one["differences"])),
            ("kept without proof", one["unconfirmed"] or None),
            ("put back", one["put_back"] or None),
            *((name.replace("_", " "), count) for name, count in one["counts"].items()),
        ]
    )
    if one["readers"]:
        say("read by:")
        fields(((reader["name"], _reader(reader)) for reader in one["readers"]), indent="  ")


def _reader(reader: dict[str, Any]) -> str:
    every = "with each listing" if reader["interval_seconds"] is None else f"every {reader['interval_seconds']:g} s"
    return f"{every}; failed with {reader['error']}" if reader["error"] else every


@app.command("set")
def change(
    context: typer.Context,
    name: VimName,
    os_cloud: OsCloud = None,
    clouds_file: CloudsFile = None,
    region: Region = None,
    auth_url: AuthUrl = None,
    username: Username = None,
    password_file: PasswordFile = None,
    project: Project = None,
    user_domain: UserDomain = None,
    project_domain: ProjectDomain = None,
    cacert: CaCert = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure/--secure", help="Believe any certificate, or check it.")
    ] = None,
    bus_file: BusFile = None,
    option: Option = None,
    option_file: OptionFile = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="NAME", help="Take an option of the driver out; repeat it.")
    ] = None,
    interval: Interval = None,
    host_suffix: HostSuffix = None,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Watch it, or keep the account and watch it no more.")
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Change what is named, and leave the rest. A new address needs the password with it.

    \b
      nfvigil vim set lab --password-file new-password
      nfvigil vim set lab --interval 300 --option page_size=500 --unset region
      nfvigil vim set lab --disable
    """
    given = Given(
        os_cloud=os_cloud,
        clouds_file=clouds_file,
        region=region,
        auth_url=auth_url,
        username=username,
        password_file=password_file,
        project=project,
        user_domain=user_domain,
        project_domain=project_domain,
        cacert=cacert,
        insecure=insecure,
        bus_file=bus_file,
        option=option or (),
        option_file=option_file or (),
        unset=unset or (),
    )
    options = options_of(given, is_new=False, read=read_file, ask=_ask)
    body: dict[str, Any] = {"options": options} if options else {}
    if interval is not None:
        body["interval_seconds"] = interval
    if host_suffix is not None:
        body["host_suffix"] = host_suffix
    if enable is not None:
        body["enabled"] = enable
    if not body:
        raise RefusedError("nothing is to be changed", [FieldError("set", "say what: --help lists it")])
    with connect(context) as client:
        found = client.patch(path_of(name), body)
    emit(found, form, lambda one: say(printable(f"changed: {one['name']}")))


CHECK_COLUMNS = (
    Column("WHAT", lambda item: item["what"]),
    Column("OK", lambda item: item["ok"]),
    Column("DETAIL", lambda item: item["detail"], shrink=True),
    Column("ADVICE", lambda item: item["advice"] or " ", shrink=True),
)


@app.command()
def check(context: typer.Context, name: VimName, form: FormOption = Form.TABLE) -> None:
    """Will the cloud do what it is going to be asked for? Ends with 1 if anything is not well; nothing is changed."""
    with connect(context) as client:
        found = client.post(path_of(name, "check"))
    _tell(found, form)


def _tell(found: dict[str, Any], form: Form) -> None:
    emit(found, form, lambda one: table(one["items"], CHECK_COLUMNS, empty="nothing was checked"))
    if not found["ok"]:
        raise typer.Exit(Code.REFUSED)


@app.command()
def refresh(
    context: typer.Context,
    name: VimName,
    wait: WaitOption = False,
    wait_max: WaitMaxOption = 300,
    form: FormOption = Form.TABLE,
) -> None:
    """List it again now, rather than when it is time.

    \b
      nfvigil vim refresh lab --wait
    """
    with connect(context) as client:
        found = client.vims.refresh(name)
        if wait:
            found = client.vims.wait_listed(found, most_seconds=wait_max)
    said = "was listed again" if wait else "is listed again"
    emit(found.dict(), form, lambda one: say(printable(f"{said}: {one['name']}")))


@app.command()
def remove(
    context: typer.Context,
    name: VimName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Watch it no more. Its servers and hosts go out of the map; its secrets are gone."""
    if not yes:
        typer.confirm(f"Watch {printable(name)} no more, and forget its secrets?", abort=True, err=True)
    with connect(context) as client:
        client.delete(path_of(name))
    say(printable(f"removed: {name}"))
