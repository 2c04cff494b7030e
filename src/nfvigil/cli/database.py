"""``nfvigil db``: bring the database up to date, check it, copy it, make it smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.database_access import database_url, keys_in, on_store, run
from nfvigil.cli.failures import Code
from nfvigil.cli.moments import local
from nfvigil.cli.noting import note
from nfvigil.cli.options import ConfigOption, DatabaseOption, FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import complain, fields, printable, say
from nfvigil.client.moments import now_us, seconds_of
from nfvigil.model.times import SECOND, iso

if TYPE_CHECKING:
    from nfvigil.store import Store

app = typer.Typer(
    no_args_is_help=True,
    help="Bring the database up to date, check it, copy it, make it smaller. Works on the database itself.",
)


@app.command()
def upgrade(config: ConfigOption = None, database: DatabaseOption = None) -> None:
    """Bring the schema up to date, as 'serve' does when it starts."""
    from nfvigil.store import upgrade as upgrade_database

    before, after = run(upgrade_database(database_url(config, database)))
    if before == after:
        say(f"up to date: {after}")
    else:
        say(f"upgraded from {before} to {after}" if before else f"made: {after}")


@app.command()
def check(config: ConfigOption = None, database: DatabaseOption = None, form: FormOption = Form.TABLE) -> None:
    """Say what is wrong with the database; ends with 1 if anything is. It may be in use."""
    found = on_store(lambda store: store.check(), config=config, database=database, read_only=True)
    emit(found, form, _draw_problems)
    if found:
        raise typer.Exit(Code.REFUSED)


def _draw_problems(problems: list[str]) -> None:
    for problem in problems:
        say(printable(problem))
    if not problems:
        complain("all is well")


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Must not exist yet.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
) -> None:
    """Copy the database as of one instant, while it is in use.

    The copy is an SQLite file whatever the original is; 'nfvigil serve --database sqlite:///FILE' opens it. It is
    readable by its owner only; the keys to the secrets in it are not in it.
    """
    size = on_store(lambda store: store.backup(target), config=config, database=database, read_only=True)
    say(f"{target}: {size} bytes")


@app.command("rotate-key")
def rotate_key(
    drop_old: Annotated[
        bool,
        typer.Option("--drop-old", help="Instead, forget all keys but the newest; on no running service's database."),
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Make a new key for the secrets in the database, and encrypt them all with it. The service may be running.

    The new key is in the key file before anything is encrypted with it, and the old ones stay until --drop-old, so
    that it may be broken off at any time and run again. Keys in the variable NFVIGIL_SECRETS__KEYS are changed by you:
    put the new one in front, start the service again, run this, then take the old ones out.

    \b
      nfvigil db rotate-key
      nfvigil db rotate-key --drop-old
    """
    from nfvigil.accounts import rotation

    keys = keys_in(config, database)
    if drop_old:
        dropped = on_store(lambda store: rotation.drop_old(store, keys), config=config, database=database, alone=True)
        emit({"dropped": dropped}, form, lambda found: say(f"{found['dropped']} old keys are gone"))
        return

    async def rotate(store: Store) -> rotation.Rotation:
        rotated = await rotation.rotate(store, keys)
        await note(store, "keys rotated", "", f"{rotated.resealed} accounts sealed anew")
        return rotated

    done = on_store(rotate, config=config, database=database, beside=True)
    found = {"new_key": done.new_key, "resealed": done.resealed, "locked": list(done.locked)}
    emit(found, form, _draw_rotated)
    if done.locked:
        raise typer.Exit(Code.REFUSED)


def _draw_rotated(found: dict[str, Any]) -> None:
    say(f"{'a new key was made' if found['new_key'] else 'no new key'}; encrypted anew: {found['resealed']}")
    for name in found["locked"]:
        complain(printable(f"locked, and left as it is: {name}"))


@app.command()
def purge(
    older_than: Annotated[str, typer.Option("--older-than", metavar="SPAN", help="Over for so long: 30d, 12h.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how much that would be; it is tried on a copy.")
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Remove what has been over for long: cleared alarms, delivered notifications, ended actions, decided events.

    What stands, waits or is under way stays, with all that led to it. A running service purges by itself; on an SQLite
    file it has to be stopped for this command.

    \b
      nfvigil db purge --older-than 30d --dry-run
    """
    before_us = now_us() - int(seconds_of(older_than, "older-than") * SECOND)
    if dry_run:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="nfvigil-purge-") as directory:
            copy = Path(directory) / "copy.db"
            on_store(lambda store: store.backup(copy), config=config, database=database, read_only=True)
            removed = _purge(before_us, None, f"sqlite:///{copy}")
    else:
        removed = _purge(before_us, config, database)
    found = {"before_time": iso(before_us), "dry_run": dry_run, "removed": removed}
    emit(found, form, _draw_purged)


def _purge(before_us: int, config: Path | None, database: str | None) -> dict[str, int]:
    import msgspec

    from nfvigil.retention import purge as purge_store

    async def purge_it(store: Store) -> Any:
        gone = await purge_store(store, before_us)
        await note(store, "purged", "", f"what was over before {iso(before_us)}")
        return gone

    removed = on_store(purge_it, config=config, database=database)
    return dict(msgspec.to_builtins(removed))


def _draw_purged(found: dict[str, Any]) -> None:
    say(f"{'would be removed' if found['dry_run'] else 'removed'}, over before {local(found['before_time'])}:")
    fields(((word, str(number)) for word, number in found["removed"].items()), indent="  ")
