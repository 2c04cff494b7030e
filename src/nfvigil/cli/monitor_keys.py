"""``nfvigil monitor-key``: keys that monitors sign their messages with; works on the database itself, as ``token``."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.database_access import on_store
from nfvigil.cli.moments import age
from nfvigil.cli.noting import note
from nfvigil.cli.options import ConfigOption, DatabaseOption, FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, printable, say, table
from nfvigil.cli.tokens import credentials_of, the_one
from nfvigil.client.moments import now_us, seconds_of
from nfvigil.model.times import SECOND, iso, iso_or_none

if TYPE_CHECKING:
    from nfvigil.store import Store
    from nfvigil.store.records import MonitorKeyRecord

app = typer.Typer(
    no_args_is_help=True,
    help="Give monitors keys to sign what they send. Works on the database itself, not over the API.",
)

COLUMNS = (
    Column("ID", lambda key: key["id"][:8]),
    Column("NAME", lambda key: key["name"], shrink=True),
    Column("MADE", lambda key: age(key["created_time"]), right=True),
    Column("BY", lambda key: key["created_by"], shrink=True),
    Column("EXPIRES", lambda key: age(key["expires_time"]) if key["expires_time"] else "never", right=True),
    Column("REVOKED", lambda key: age(key["revoked_time"]), right=True),
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who signs with it.")],
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="SPAN", help="Good for so long: 12h, 30d; for ever if left out.")
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Make a key and print it, this once: it is kept encrypted.

    It signs by the Standard Webhooks specification, in the headers webhook-id, webhook-timestamp and
    webhook-signature. A running service knows it at once.

    \b
      nfvigil monitor-key create ping-monitor > ping-monitor.key
    """
    expires_us = None if expires is None else now_us() + int(seconds_of(expires, "expires") * SECOND)

    async def make(store: Store) -> tuple[MonitorKeyRecord, str]:
        credentials = credentials_of(store, config, database)
        made = await credentials.create_monitor_key(name=name, by=_user(), expires_us=expires_us)
        await note(store, "monitor key made", made[0].id, name)
        return made

    record, key = on_store(make, config=config, database=database, beside=True)

    def draw(_: Any) -> None:
        complain(printable(f"id {record.id}, monitor {record.name}; it is not shown again:"))
        say(key)

    emit({**_view(record), "key": key}, form, draw)


@app.command("list")
def list_keys(config: ConfigOption = None, database: DatabaseOption = None, form: FormOption = Form.TABLE) -> None:
    """Which monitors have one, also expired and revoked ones. The keys themselves are not shown."""
    found = on_store(lambda store: store.monitor_keys(), config=config, database=database, read_only=True)
    emit([*map(_view, found)], form, lambda items: table(items, COLUMNS, empty="no keys"))


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, or the first characters of it.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
) -> None:
    """Take a key back. A running service believes it for some seconds more."""

    async def take_back(store: Store) -> str:
        found = the_one([one.id for one in await store.monitor_keys()], key, "key")
        await store.revoke_monitor_key(found)
        await note(store, "monitor key revoked", found)
        return found

    say(f"revoked: {on_store(take_back, config=config, database=database, beside=True)}")


def _view(record: MonitorKeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "created_time": iso(record.created_us),
        "created_by": record.created_by,
        "expires_time": iso_or_none(record.expires_us),
        "revoked_time": iso_or_none(record.revoked_us),
    }


def _user() -> str:
    """Who types, for the list."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a system without a name for us
        return ""
