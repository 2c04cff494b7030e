"""The command line: ``nfvigil NOUN VERB``. What is heavy is imported by the command that needs it: help is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nfvigil.cli import (
    actions,
    alarms,
    audit,
    brakes,
    break_glass,
    capacity,
    database,
    deliveries,
    demo,
    event_alarms,
    events,
    hosts,
    instructions,
    monitor_keys,
    permissions,
    policies,
    profiles,
    recovery,
    resources,
    serving,
    simulation,
    status,
    subscriptions,
    tokens,
    traps,
    verify,
    ves,
    vims,
    vnfs,
)
from nfvigil.cli.failures import report
from nfvigil.cli.options import EPILOG, URL, Service
from nfvigil.cli.terminal import say
from nfvigil.errors import NfvigilError

ANYWHERE = ("--url", "--token-file", "--timeout")
"""Options of the root command that may also stand behind a command."""


class Root(TyperGroup):
    """The root command: takes its options from anywhere on the line, and turns our errors into exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, in_front(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except NfvigilError as error:
            raise typer.Exit(report(error)) from error


def in_front(args: list[str]) -> list[str]:
    """The same arguments, with those of the root command first. Behind ``--`` nothing is an option."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(args)
    for arg in waiting:
        if arg == "--":
            rest += [arg, *waiting]
        elif arg in ANYWHERE:
            value = next(waiting, None)
            front += [arg] if value is None else [arg, value]
        elif arg.startswith(tuple(f"{name}=" for name in ANYWHERE)):
            front.append(arg)
        else:
            rest.append(arg)
    return front + rest


app = typer.Typer(
    name="nfvigil",
    cls=Root,
    no_args_is_help=True,
    rich_markup_mode=None,  # with it, help takes twice as long
    pretty_exceptions_enable=False,  # it prints local variables, and a token may be one
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 110},
    epilog="Ends with 0: all is well; 1: refused or failed; 2: wrong use; 3: the service is away; "
    "4: there is no such thing; 5: you may not.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from nfvigil import __version__

        say(f"nfvigil {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    url: Annotated[
        str, typer.Option("--url", envvar="NFVIGIL_URL", metavar="URL", help="Where the service listens.")
    ] = URL,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            envvar="NFVIGIL_TOKEN_FILE",
            metavar="FILE",
            help="Holds your token; or put the token itself into NFVIGIL_TOKEN. There is no option for it, because "
            "everybody on a machine can read the arguments of a command.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=3600, metavar="SECONDS", help="How long to wait for an answer.")
    ] = 30.0,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Fault management for telco clouds: who is affected, what the cloud says, who has to know.

    \b
    Begin with
      nfvigil demo                            a host dies in a simulated cloud, and its owners know
      nfvigil serve --dev --vim simulated     a service to play with
    """
    context.obj = Service(url=url, token_file=token_file, timeout_seconds=timeout)


app.command()(serving.serve)
app.command()(demo.demo)
app.command(epilog=EPILOG)(status.status)
app.command(epilog=EPILOG)(capacity.capacity)
app.command(epilog=EPILOG)(instructions.instruct)
for name, group in {
    "event": events.app,
    "alarm": alarms.app,
    "subscription": subscriptions.app,
    "event-alarm": event_alarms.app,
    "delivery": deliveries.app,
    "vim": vims.app,
    "vnf": vnfs.app,
    "ves": ves.app,
    "resource": resources.app,
    "action": actions.app,
    "instruction": instructions.app,
    "recovery": recovery.app,
    "brakes": brakes.app,
    "host": hosts.app,
    "policy": policies.app,
    "profile": profiles.app,
    "simulation": simulation.app,
}.items():
    app.add_typer(group, name=name, epilog=EPILOG)
app.command(epilog=EPILOG)(policies.replay)
app.command("policy-check")(permissions.policy_check)
app.command("policy-sample")(permissions.policy_sample)
app.add_typer(audit.app, name="audit")
app.add_typer(database.app, name="db")
app.add_typer(tokens.app, name="token")
app.add_typer(monitor_keys.app, name="monitor-key")
app.add_typer(break_glass.app, name="break-glass")
app.add_typer(verify.app, name="verify", epilog=EPILOG)
app.command("trap-handler", epilog=EPILOG)(traps.trap_handler)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no UTF-8 shows a question mark rather than a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    app(prog_name="nfvigil")


if __name__ == "__main__":
    main()
