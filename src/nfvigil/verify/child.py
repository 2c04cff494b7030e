"""The process of an NFVigil of our own: told everything on standard input, and over when that ends.

So it does not outlive whoever started it, also where that was killed; and the token is on no disk and in no argument.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import msgspec


class Told(msgspec.Struct, frozen=True, kw_only=True):
    settings: dict[str, Any]
    token_hash: str
    directory: str
    """Removed at the end."""


def main() -> None:
    told = msgspec.json.decode(sys.stdin.buffer.readline(), type=Told)
    # Until the service takes signals itself, and after.
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        serve(told)
    finally:
        shutil.rmtree(told.directory, ignore_errors=True)


def serve(told: Told) -> None:
    from nfvigil.app import serve as run_service
    from nfvigil.settings import Settings

    settings = Settings.model_validate(told.settings)
    asyncio.run(_let_in(settings.database_url, told.token_hash))
    run_service(settings)


async def _let_in(database_url: str, token_hash: str) -> None:
    from nfvigil.model.identity import Role
    from nfvigil.store import TokenRecord, open_store

    def clock() -> int:
        return time.time_ns() // 1000

    store = await open_store(database_url, node="verify", clock=clock)
    try:
        record = TokenRecord(
            id="verify", hash=token_hash, name="verify", project=None, role=Role.ADMIN, created_us=clock()
        )
        await store.add_token(record)
    finally:
        await store.close()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _end_with_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
