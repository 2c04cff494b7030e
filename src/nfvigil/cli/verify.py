"""``nfvigil verify``: prove on a cloud, with its credentials, that a fault is told in time and set right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nfvigil.cli.failures import Code, first_of_ours
from nfvigil.cli.options import Service
from nfvigil.cli.terminal import complain, printable, say
from nfvigil.cli.verify_options import (
    AllowSharedHostOption,
    BusOption,
    CleanupOnlyOption,
    CloudsFileOption,
    DryRunOption,
    FlavorOption,
    Form,
    FormOption,
    HostOption,
    ImageOption,
    InjectOption,
    KeepOption,
    LimitOption,
    ModeOption,
    Monitor,
    MonitorOption,
    News,
    OsCloudOption,
    OutputOption,
    RegionOption,
    RestoreOption,
    RoundsOption,
    ServersOption,
    WaitOption,
)
from nfvigil.errors import NfvigilError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from nfvigil.verify.plan import Wanted
    from nfvigil.verify.report import Result

INTERRUPTED = 130
"""As a shell has it for what Ctrl-C ended."""

app = typer.Typer(no_args_is_help=True, help="Prove on a cloud that a fault is told in time and set right.")


@app.command("fault-management")
def fault_management(
    context: typer.Context,
    os_cloud: OsCloudOption,
    clouds_file: CloudsFileOption = None,
    region: RegionOption = "",
    servers: ServersOption = "1,10",
    rounds: RoundsOption = 1,
    host: HostOption = "",
    allow_shared_host: AllowSharedHostOption = False,
    flavor: FlavorOption = "",
    image: ImageOption = "",
    limit: LimitOption = 1.0,
    mode: ModeOption = News.BOTH,
    monitor: MonitorOption = Monitor.SIMULATED,
    inject: InjectOption = "",
    restore: RestoreOption = "",
    bus: BusOption = None,
    wait: WaitOption = 120.0,
    form: FormOption = Form.TABLE,
    output: OutputOption = None,
    dry_run: DryRunOption = False,
    keep: KeepOption = False,
    cleanup_only: CleanupOnlyOption = False,
) -> None:
    """Let a host fail for NFVigil, and see that owners know in time and the cloud follows.

    It makes two projects, a user, a network and servers, all on one host that nobody else uses; subscribes; sends the
    event of a host that is down; measures until the owner has the news; looks at every state in Nova and Neutron,
    before, during and after; and removes everything again, also after Ctrl-C. What a killed run has left is removed by
    the next one. Ends with 0 only if every check and the limit hold.

    With --url (or NFVIGIL_URL) the NFVigil that watches the cloud is verified; without, one of our own is started
    for it, which ends with the command. --timeout is for each answer, --wait for each step.

    \b
      nfvigil verify fault-management --os-cloud admin --dry-run
      nfvigil verify fault-management --os-cloud admin --servers 1,10,25,50 --rounds 5
      nfvigil verify fault-management --os-cloud admin --format junit --output fault-management.xml
    """
    service = context.find_object(Service)
    assert service is not None  # the root command puts it there
    given = {
        "cloud": os_cloud,
        "clouds_file": str(clouds_file) if clouds_file else "",
        "region": region,
        "rounds": rounds,
        "host": host,
        "allow_shared_host": allow_shared_host,
        "flavor": flavor,
        "image": image,
        "limit_seconds": limit,
        "inject": inject,
        "restore": restore,
        "bus": tuple(bus or ()),
        "wait_seconds": wait,
        "timeout_seconds": service.timeout_seconds,
        "keep": keep,
    }
    if _is_given(context, "url"):
        given |= {"url": service.url, "token": service.token()}
    wanted = _wanted(given, servers, mode)
    _end(_run(_play(wanted, dry_run, cleanup_only)), form, output)


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether somebody named it; else the root command has its usual value."""
    source = context.find_root().get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")


def _wanted(given: dict[str, Any], servers: str, mode: News) -> Wanted:
    from nfvigil.model.subscription import Mode  # help does not wait for any of it
    from nfvigil.verify.plan import Wanted, check, sizes_of

    wanted = Wanted(**given, sizes=sizes_of(servers), mode=Mode(mode.value))
    check(wanted)
    return wanted


async def _play(wanted: Wanted, dry_run: bool, cleanup_only: bool) -> Result | list[str]:
    from nfvigil.verify import run
    from nfvigil.verify.progress import Progress

    progress = Progress()
    if dry_run:
        for line in await run.dry_run(wanted, progress):
            say(printable(line))
        return []
    if cleanup_only:
        return await run.cleanup(wanted, progress)
    return await run.fault_management(wanted, progress)


def _run(work: Coroutine[Any, Any, Result | list[str]]) -> Result | list[str]:
    import asyncio

    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except NfvigilError as error:
        from nfvigil.verify.run import InterruptedRunError

        if not isinstance(error, InterruptedRunError):
            raise
        complain(printable(str(error)))
        raise typer.Exit(INTERRUPTED) from error
    except BaseExceptionGroup as group:
        first = first_of_ours(group)
        if first is None:
            raise
        raise first from group


def _end(found: Result | list[str], form: Form, output: Path | None) -> None:
    if isinstance(found, list):
        raise typer.Exit(Code.REFUSED if found else Code.OK)
    from nfvigil.verify.report import as_json, as_junit, as_table, verdict

    text = {Form.TABLE: as_table, Form.JSON: as_json, Form.JUNIT: as_junit}[form](found)
    if output is None:
        say(text.rstrip("\n"))
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise RefusedError(f"{output} cannot be written: {error.strerror}; {verdict(found)}") from error
        say(verdict(found))
    raise typer.Exit(Code.OK if found.is_ok else Code.REFUSED)
