"""`nfvigil serve`: reads the settings and runs the service until it is told to end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from nfvigil.cli.options import single
from nfvigil.cli.output import fail
from nfvigil.errors import NfvigilError, RefusedError

app = single()

NAME = "simulated"


@app.command()
def serve(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML file with the settings.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    database: Annotated[
        str | None,
        typer.Option(help="sqlite:///PATH (absolute with a fourth slash) or postgresql://USER@HOST:PORT/NAME."),
    ] = None,
    dev: Annotated[bool, typer.Option("--dev", help="No authentication; on loopback only.")] = False,
    topology: Annotated[Path | None, typer.Option(help="Topology file.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Policy file, put in force if it changed.")] = None,
    simulate: Annotated[
        str | None, typer.Option(metavar="HOSTSxSERVERS", help="Serve a simulated cloud, with so many servers a host.")
    ] = None,
    vim_options: Annotated[
        str | None, typer.Option(metavar="JSON", help="More options of the simulated cloud, as an object.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json.")] = None,
) -> None:
    """Run the service until SIGINT or SIGTERM."""
    from nfvigil.settings import load

    settings = load(
        config,
        {
            "host": host,
            "port": port,
            "database_url": database,
            "dev": True if dev else None,
            "topology": topology,
            "policy": policy,
            "vims": _simulated(simulate, vim_options),
            "log_level": log_level,
            "log_format": log_format,
        },
    )
    from nfvigil.app import serve as run  # the whole service: only where it is run

    try:
        code = run(settings)
    except* NfvigilError as group:
        fail(_first(group))
    raise typer.Exit(code)


def _simulated(size: str | None, more: str | None) -> list[dict[str, Any]] | None:
    """The one cloud of the settings, or None where it was not asked for."""
    if size is None:
        if more is not None:
            raise typer.BadParameter("is for the simulated cloud: it goes with --simulate", param_hint="--vim-options")
        return None
    match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", size)
    if match is None:
        raise typer.BadParameter("must be hosts and servers a host, such as 5x4", param_hint="--simulate")
    options: Any = {}
    if more is not None:
        try:
            options = json.loads(more)
        except ValueError as error:
            raise typer.BadParameter(f"is no JSON: {error}", param_hint="--vim-options") from error
        if not isinstance(options, dict):
            raise typer.BadParameter("must be an object", param_hint="--vim-options")
    sizes = {"hosts": int(match[1]), "servers_per_host": int(match[2])}
    return [{"name": NAME, "driver": "simulated", "options": {**sizes, **options}}]


def _first(group: BaseExceptionGroup[NfvigilError]) -> NfvigilError:
    for one in group.exceptions:
        return _first(one) if isinstance(one, BaseExceptionGroup) else one
    return RefusedError(group.message)
