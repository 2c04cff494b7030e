"""Bringing a database to the schema that this version works with."""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from nfvigil.errors import SettingsError
from nfvigil.store.schema import REVISIONS

_LOCK = 0x6E66_6D67  # Two nodes that start at once must not both upgrade.


async def revision_of(connection: AsyncConnection) -> str | None:
    """The schema's revision, None in an empty database. Raises SettingsError where it is not one of ours."""
    return await connection.run_sync(_revision)


async def bring_up_to_date(connection: AsyncConnection, *, upgrade: bool) -> str:
    """Upgrade what is older, refuse what is newer; returns the revision that was found (or "")."""
    found = await revision_of(connection)
    if found == REVISIONS[-1]:
        return found
    if not upgrade:
        state = f"has the older schema {found}" if found else "is empty"
        raise SettingsError(f"the database {state}: bring it up to date with 'nfvigil db upgrade'")
    await connection.run_sync(run_revisions)
    return found or ""


def _revision(connection: Connection) -> str | None:
    names = set(inspect(connection).get_table_names())
    if "alembic_version" not in names:
        if names:
            raise SettingsError(f"the database is not one of NFVigil's: it has the tables {', '.join(sorted(names))}")
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is None:
        return None
    if found not in REVISIONS:
        raise SettingsError(
            f"the database has the schema {found} of a newer version of NFVigil; this one knows it up to "
            f"{REVISIONS[-1]}: install the newer version, or restore a backup from before the upgrade"
        )
    return str(found)


def run_revisions(connection: Connection, last: str = REVISIONS[-1]) -> None:
    """Run all that are missing up to ``last``, inside the transaction that the connection is in."""
    # Imported here, as a start without anything to upgrade need not wait for it.
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(files("nfvigil.store") / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, last)
