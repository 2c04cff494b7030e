"""``nfvigil token``: who may do what; works on the database itself, so that the first administrator can begin."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from nfvigil.cli.database_access import on_store
from nfvigil.cli.moments import age, now_us, seconds_of
from nfvigil.cli.noting import note
from nfvigil.cli.options import ConfigOption, DatabaseOption, FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, say, table
from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.model.times import SECOND, iso, iso_or_none

app = typer.Typer(no_args_is_help=True, help="Say who may do what. Works on the database itself, not over the API.")


class Role(StrEnum):
    READER = "reader"
    MEMBER = "member"
    MANAGER = "manager"
    ADMIN = "admin"
    MONITOR = "monitor"


_OF_A_PROJECT = frozenset({Role.MEMBER, Role.MANAGER})


@app.command()
def create(
    role: Annotated[Role, typer.Option("--role", help="monitor: sends events; reader, member, manager; admin: all.")],
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
    if role in _OF_A_PROJECT and not project:
        raise RefusedError("the token is wrong", [FieldError("project", f"a {role.value} speaks for a project")])
    if role in (Role.ADMIN, Role.MONITOR) and project:
        raise RefusedError("the token is wrong", [FieldError("project", f"the role {role.value} speaks for none")])
    if not (project or "").isprintable() or not name.isprintable():
        raise RefusedError("the token is wrong", [FieldError("name", "holds what is no text")])

    from uuid import uuid4

    from nfvigil.model import identity
    from nfvigil.northbound.auth import create_token
    from nfvigil.store import Store, TokenRecord

    token, hashed = create_token()
    made_us = now_us()
    record = TokenRecord(
        id=str(uuid4()),
        hash=hashed,
        name=name or role.value,
        project=project or None,
        role=identity.Role(role.value),
        created_us=made_us,
        expires_us=None if expires is None else made_us + int(seconds_of(expires, "expires") * SECOND),
    )

    async def add(store: Store) -> None:
        await store.add_token(record)
        await note(store, "token made", record.id, f"{record.name}, role {role.value}, project {project or '-'}")

    on_store(add, config=config, database=database, beside=True)

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
    from nfvigil.store import Store

    async def take_back(store: Store) -> str:
        found = [one.id for one in await store.tokens() if one.id.startswith(token)]
        if not found or not token:
            raise NotFoundError(f"there is no token whose id begins with {token!r}")
        if len(found) > 1:
            raise ConflictError(f"{len(found)} ids begin with {token}: give more of it")
        await store.revoke_token(found[0])
        await note(store, "token revoked", found[0])
        return found[0]

    say(f"revoked: {on_store(take_back, config=config, database=database, beside=True)}")
