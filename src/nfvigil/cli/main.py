"""`nfvigil`: finds the command that is meant and imports only that one, so that help and completion are quick."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from nfvigil import __version__
from nfvigil.cli.options import URL, Connection


class Entry(NamedTuple):
    """Where a command is: ``app`` of this module."""

    module: str
    help: str
    is_group: bool = True


ENTRIES = {
    "serve": Entry("serve", "Run the service.", is_group=False),
    "demo": Entry("demo", "See the whole service at work on a simulated cloud.", is_group=False),
    "event": Entry("events", "Send events as a monitor does, and look at those that came in."),
    "alarm": Entry("alarms", "List, follow, explain, acknowledge and clear alarms."),
    "subscription": Entry("subscriptions", "Who is told of what, where, and what came of it."),
    "resource": Entry("resources", "What there is, who is on it, and who would be told if it died."),
    "action": Entry("actions", "What was done in the cloud."),
    "policy": Entry("policies", "Check, try out, apply and take back policies."),
    "profile": Entry("profiles", "Where the time went between a fault and its news."),
    "replay": Entry("replays", "Decide recorded events again and compare.", is_group=False),
    "simulation": Entry("simulation", "Let the simulated cloud fail."),
    "token": Entry("tokens", "Make, list and revoke tokens."),
    "db": Entry("database", "Upgrade, check, save and tidy up the database."),
}

_COMPLETION = ("install_completion", "show_completion")


class LazyGroup(TyperGroup):
    """Knows its commands by name and help line, and imports the one that is used."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        known = {name: TyperCommand(name, help=entry.help) for name, entry in ENTRIES.items()}
        self.commands = {**known, **self.commands}
        self._loaded: set[str] = set()

    def load(self, name: str) -> None:
        """Put the command itself in the place of its help line."""
        entry = ENTRIES.get(name)
        if entry is None or name in self._loaded:
            return
        module = f"{__package__}.{entry.module}"
        if find_spec(module) is None:
            raise typer.BadParameter(f"this version of nfvigil comes without the command {name!r}")
        app = import_module(module).app
        command = get_group(app) if entry.is_group else get_command(app)
        command.name = name
        command.params = [one for one in command.params if one.name not in _COMPLETION]
        self.commands[name] = command
        self._loaded.add(name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args:
            self.load(args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        from nfvigil.cli.output import handled

        with handled():
            return super().invoke(ctx)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


@app.callback()
def root(
    ctx: typer.Context,
    url: Annotated[str, typer.Option(envvar="NFVIGIL_URL", help="Where the service is.")] = URL,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="NFVIGIL_TOKEN_FILE", help="File with your token; without it the variable NFVIGIL_TOKEN is used."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds to wait for an answer.")] = 30.0,
) -> None:
    """Fault management for telco clouds.

    Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the service is away, 4 no such thing, 5 not allowed.
    """
    ctx.obj = Connection(url=url, token_file=token_file, timeout=timeout)


@app.command()
def version() -> None:
    """Print the version."""
    print(f"nfvigil {__version__}")


def main() -> None:
    app(prog_name="nfvigil")


if __name__ == "__main__":
    main()
