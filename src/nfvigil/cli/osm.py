"""``nfvigil osm``: how it stands with an OSM installation, and what would be watched in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.failures import Code
from nfvigil.cli.options import EPILOG, ConfigOption, FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, fields, say, table
from nfvigil.errors import NotFoundError

if TYPE_CHECKING:
    from nfvigil.vnf.osm.survey import Survey

app = typer.Typer(no_args_is_help=True, help="See how it stands with an OSM installation, and what is watched in it.")


@app.command(epilog=EPILOG)
def status(context: typer.Context, form: FormOption = Form.TABLE) -> None:
    """How does it stand with OSM, as the service sees it? For administrators. Ends with 3 if it cannot be reached."""
    with connect(context) as client:
        health = client.ask("GET", "/readyz", accept=frozenset({503}))
    found = health.get("details", {}).get("osm")
    if found is None:
        raise NotFoundError("the service knows no OSM (settings: [osm] url), or does not tell you of it")
    emit(found, form, _draw_status)
    if found["error"]:
        raise typer.Exit(Code.AWAY)


def _draw_status(found: dict[str, Any]) -> None:
    names = ("error", "accounts", "servers", "pending", "writes", "conflicts", "refused")
    fields([(name, found[name]) for name in names if found[name] not in ("", None)])
    fields([(f"passed by: {reason}", number) for reason, number in found["skipped"].items()])
    fields([(f"account {name}", error) for name, error in found["troubles"].items()])
    fields([("no details from", vim) for vim in found["without_details"]])


@app.command()
def check(config: ConfigOption = None, form: FormOption = Form.TABLE) -> None:
    """Say what would be watched and monitored in OSM by these settings; ends with 1 if an account cannot be used.

    It asks OSM's database itself, and changes nothing in it. No service need be running.
    """
    import msgspec

    found = _survey(config)
    emit(msgspec.to_builtins(found), form, _draw_check)
    if not found.is_well:
        raise typer.Exit(Code.REFUSED)


def _survey(config: Any) -> Survey:
    from nfvigil.settings import load
    from nfvigil.wiring.osm import survey_of

    return survey_of(load(config))


def _draw_check(found: dict[str, Any]) -> None:
    table(found["accounts"], _ACCOUNTS, empty="OSM has no accounts of these types")
    say()
    fields([("servers to monitor", found["servers"])])
    fields([(f"passed by: {reason}", number) for reason, number in found["skipped"].items()])
    if any(one["error"] for one in found["accounts"]):
        complain("accounts with an error are not watched")


_ACCOUNTS = (
    Column("ACCOUNT", lambda one: one["name"]),
    Column("TYPE", lambda one: one["type"]),
    Column("VIM", lambda one: one["vim"] if one["is_led"] else f"{one['vim']} (there anyway)"),
    Column("SERVERS", lambda one: one["servers"], right=True),
    Column("ERROR", lambda one: one["error"]),
)
