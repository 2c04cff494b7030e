"""``nfvigil serve``: run the service until it is told to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nfvigil.cli.options import ConfigOption, DatabaseOption
from nfvigil.errors import FieldError, SettingsError


def serve(
    config: ConfigOption = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port to listen on.", show_default="12345"),
    ] = None,
    database: DatabaseOption = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="No authentication: everybody is administrator. On loopback only.")
    ] = False,
    topology: Annotated[
        Path | None, typer.Option("--topology", metavar="FILE", help="Racks, switches, PDUs and links, in YAML.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Put in force at the start if it is another.")
    ] = None,
    vim: Annotated[
        list[str] | None,
        typer.Option(
            "--vim",
            metavar="[NAME=]DRIVER[:OPTION=VALUE,...]",
            help="A cloud, instead of those in the settings; repeat it. The driver 'simulated' needs no outside.",
        ),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
    ] = None,
    log_format: Annotated[str | None, typer.Option("--log-format", metavar="FORMAT", help="json or text.")] = None,
) -> None:
    """Run the service until SIGINT or SIGTERM.

    Without --dev every caller needs a token: 'nfvigil token create' makes them. Settings come from --config, then the
    environment (NFVIGIL_...), then these options, each winning over the one before.

    \b
      nfvigil serve --dev --vim simulated:hosts=20,servers_per_host=10
      nfvigil serve --config /etc/nfvigil/nfvigil.toml
    """
    overrides: dict[str, Any] = {
        "host": host,
        "port": port,
        "database_url": database,
        "dev": dev or None,
        "topology": topology,
        "policy": policy,
        "vims": [vim_of(one) for one in vim] if vim else None,
        "log_level": log_level,
        "log_format": log_format,
    }
    from nfvigil.settings import load

    settings = load(config, overrides)
    from nfvigil.app import serve as run_service
    from nfvigil.cli.failures import first_of_ours

    try:
        code = run_service(settings)
    except BaseExceptionGroup as group:
        error = first_of_ours(group)
        if error is None:
            raise
        raise error from group
    raise typer.Exit(code)


def vim_of(text: str) -> dict[str, Any]:
    """``lab=simulated:hosts=20,latency_seconds=0.1`` as the settings have it."""
    head, _, options = text.partition(":")
    name, sign, driver = head.rpartition("=")
    if not driver or (sign and not name):
        raise SettingsError("the settings are wrong", [FieldError("vim", f"names no driver: {text!r}")])
    return {"name": name or driver, "driver": driver, "options": dict(_option(one) for one in _split(options))}


def _split(options: str) -> list[str]:
    return [one for one in options.split(",") if one.strip()]


def _option(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise SettingsError("the settings are wrong", [FieldError("vim", f"{text!r} is not OPTION=VALUE")])
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value  # a word, such as a path
