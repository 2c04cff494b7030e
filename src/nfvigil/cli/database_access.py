"""Opens the database for one piece of work: which one is meant, and what is in the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nfvigil.cli.failures import first_of_ours
from nfvigil.client.moments import now_us

if TYPE_CHECKING:
    from nfvigil.sealing.keys import Keys
    from nfvigil.store import Store

Found = TypeVar("Found")

NODE = "cli"
"""Our name in leases: it is no process that decides, acts or tells, so it never holds any."""


def database_url(config: Path | None, database: str | None) -> str:
    """As the service itself would find it: file, environment, command line, the later winning."""
    from nfvigil.settings import load

    return load(config, {"database_url": database}).database_url


def keys_in(config: Path | None, database: str | None) -> Keys:
    """The keys to the secrets in the database, where the service itself would look for them."""
    from nfvigil.accounts.vault import keys_of
    from nfvigil.settings import load

    settings = load(config, {"database_url": database})
    secrets = settings.secrets
    return keys_of(given=secrets.keys.get_secret_value(), key_file=secrets.key_file, database_url=settings.database_url)


def on_store(
    work: Callable[[Store], Awaitable[Found]],
    *,
    config: Path | None,
    database: str | None,
    read_only: bool = False,
    beside: bool = False,
    alone: bool = False,
) -> Found:
    """What ``work`` comes to on the open database. ``read_only`` and ``beside`` may run beside a service; ``alone``
    on PostgreSQL, too, may not.
    """
    return run(_work(work, database_url(config, database), read_only=read_only, beside=beside, alone=alone))


async def _work(
    work: Callable[[Store], Awaitable[Found]], url: str, *, read_only: bool, beside: bool, alone: bool
) -> Found:
    from nfvigil.store import open_store

    store = await open_store(url, node=NODE, clock=now_us, read_only=read_only, beside=beside, alone=alone)
    try:
        return await work(store)
    finally:
        await store.close()


def run(work: Coroutine[Any, Any, Found]) -> Found:
    """Run a coroutine; of a group of errors, what counts is ours."""
    import asyncio  # help does not wait for it

    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        error = first_of_ours(group)
        if error is None:
            raise
        raise error from group
