"""``nfvigil token``: who may do what; works on the database itself, so that the first administrator can begin."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.database_access import keys_in, on_store
from nfvigil.cli.moments import age
from nfvigil.cli.noting import note
from nfvigil.cli.options import ConfigOption, DatabaseOption, FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, say, table
from nfvigil.client.moments import now_us, seconds_of
from nfvigil.errors import ConflictError, NotFoundError
from nfvigil.model.times import SECOND, iso, iso_or_none

if TYPE_CHECKING:
    from nfvigil.northbound.access.credentials import Credentials
    from nfvigil.store import Store
    from nfvigil.store.records import TokenRecord

app = typer.Typer(no_args_is_help=True, help="Say who may do what. Works on the database itself, not over the API.")


class Role(StrEnum):
    READER = "reader"
    MEMBER = "member"
    MANAGER = "manager"
    ADMIN = "admin"
    SERVICE = "service"
    MONITOR = "monitor"


@app.command()
def create(
    role: Annotated[
        Role, typer.Option("--role", help="monitor: sends events; reader, member, manager; admin: all; service.")
    ],
    project: Annotated[str | None, typer.Option("--project", metavar="PROJECT", help="For whom it speaks.")] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Who it is, for the audit log; the role if left out.")
    ] = "",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="SPAN", help="Good for so long: 12h, 30d; for ever if left out.")
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Make a token and print it, this once: only its hash is kept.

    A running service knows it at once.

    \b
      nfvigil token create --role admin --name alice > ~/.nfvigil-token
      nfvigil token create --role member --project 4f0c... --expires 30d
      nfvigil token create --role monitor --name ping-monitor
    """
    from nfvigil.model import identity

    expires_us = None if expires is None else now_us() + int(seconds_of(expires, "expires") * SECOND)

    async def make(store: Store) -> tuple[TokenRecord, str]:
        credentials = credentials_of(store, config, database)
        made = await credentials.create_token(
            role=identity.Role(role.value), project=project, name=name, expires_us=expires_us
        )
        await note(store, "token made", made[0].id, f"{made[0].name}, role {role.value}, project {project or '-'}")
        return made

    record, token = on_store(make, config=config, database=database, beside=True)

    def draw(_: Any) -> None:
        complain(f"id {record.id}, role {role.value}, project {project or '-'}; it is not shown again:")
        say(token)

    emit({"token": token, **token_view(record)}, form, draw)


def token_view(record: Any) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "project": record.project,
        "role": record.role.value,
        "created_time": iso(record.created_us),
        "expires_time": iso_or_none(record.expires_us),
        "revoked_time": iso_or_none(record.revoked_us),
    }


TOKEN_COLUMNS = (
    Column("ID", lambda token: token["id"][:8]),
    Column("NAME", lambda token: token["name"], shrink=True),
    Column("ROLE", lambda token: token["role"]),
    Column("PROJECT", lambda token: token["project"], shrink=True),
    Column("MADE", lambda token: age(token["created_time"]), right=True),
    Column("EXPIRES", lambda token: age(token["expires_time"]) if token["expires_time"] else "never", right=True),
    Column("REVOKED", lambda token: age(token["revoked_time"]), right=True),
)


@app.command("list")
def list_tokens(config: ConfigOption = None, database: DatabaseOption = None, form: FormOption = Form.TABLE) -> None:
    """Whom there are tokens for, also expired and revoked ones. The tokens themselves are not kept."""
    found = on_store(lambda store: store.tokens(), config=config, database=database, read_only=True)
    emit([*map(token_view, found)], form, lambda items: table(items, TOKEN_COLUMNS, empty="no tokens"))


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="The id of the token, or the first characters of it.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
) -> None:
    """Take a token back. A running service believes it for some seconds more."""

    async def take_back(store: Store) -> str:
        found = the_one([one.id for one in await store.tokens()], token, "token")
        await store.revoke_token(found)
        await note(store, "token revoked", found)
        return found

    say(f"revoked: {on_store(take_back, config=config, database=database, beside=True)}")


def credentials_of(store: Store, config: Path | None, database: str | None) -> Credentials:
    """What makes and revokes them in the service, on a database that was opened here."""
    from uuid import uuid4

    from nfvigil.northbound.access.credentials import Credentials

    return Credentials(store=store, keys=keys_in(config, database), clock=now_us, new_id=lambda: str(uuid4()))


def the_one(ids: list[str], begins: str, what: str) -> str:
    """The id that begins so."""
    found = [one for one in ids if one.startswith(begins)]
    if not found or not begins:
        raise NotFoundError(f"there is no {what} whose id begins with {begins!r}")
    if len(found) > 1:
        raise ConflictError(f"{len(found)} ids begin with {begins}: give more of it")
    return found[0]
