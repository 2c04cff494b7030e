"""The driver under test, against the lab: opened as the service opens it, and actions by kind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from nfvigil.controller.plugins import open_vim
from nfvigil.controller.vims.openstack.options import checked
from nfvigil.controller.vims.openstack.session import Session
from nfvigil.controller.vims.openstack.transport import AiohttpTransport, Answer
from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.errors import UnavailableError
from nfvigil.model.action import Action, Outcome

_numbers = count(1)


def clock() -> int:
    return time.time_ns() // 1000


def new_action(kind: str, target: str, **fields: Any) -> Action:
    return Action(
        **{"id": f"a{next(_numbers)}", "kind": kind, "target": target, "vim": "lab", "event_id": 1, "attempts": 1}
        | fields
    )


def undo(action: Action, before: str) -> Action:
    return msgspec.structs.replace(action, id=f"{action.id}-undo", undo_of=action.id, before=before)


@asynccontextmanager
async def driver(clouds_yaml: Path, **options: Any) -> AsyncIterator[OpenStackVim]:
    given = {"cloud": "admin", "clouds_file": str(clouds_yaml)} | options
    vim = open_vim(driver="openstack", name="lab", options=given, clock=clock)
    assert isinstance(vim, OpenStackVim)
    try:
        yield vim
    finally:
        await vim.close()


@asynccontextmanager
async def driver_of_an_old_nova(clouds_yaml: Path, newest: str) -> AsyncIterator[OpenStackVim]:
    """The lab's Nova says that it speaks no newer microversion than this."""
    options = checked("lab", {"cloud": "admin", "clouds_file": str(clouds_yaml)})
    session = Session(name="lab", options=options, clock=clock)
    http = AiohttpTransport(tls=session.tls)

    async def older(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        answer = await http(method, url, headers, body)
        if b'"min_version"' not in answer.body:
            return answer
        document = msgspec.json.decode(answer.body)
        document["version"]["version"] = newest
        return msgspec.structs.replace(answer, body=msgspec.json.encode(document))

    vim = OpenStackVim(name="lab", options=options, clock=clock, identity=session, transport=older)
    try:
        yield vim
    finally:
        await vim.close()
        await http.close()
        await session.close()


async def until_it_can(work: Callable[[], Awaitable[Outcome]], *, seconds: float = 60.0) -> Outcome:
    """As the controller does: what is unavailable is tried again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await work()
        except UnavailableError as error:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(min(error.retry_after_seconds, 1.0))
