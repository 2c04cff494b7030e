"""Follow VNFs: what changed since a place, at once or as soon as something does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query as QueryParameters
from fastapi import Response
from pydantic import Field

from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.identity import Identity
from nfvigil.model.vnf import Vnf
from nfvigil.model.vnf_answers import VnfChanges
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import AS_WHOLE, Query, Shape
from nfvigil.northbound.guarded import Caller, for_readers, problems
from nfvigil.northbound.paging import Limit, shown
from nfvigil.northbound.parts import Have, Parts
from nfvigil.northbound.places import Run, opened, sealed
from nfvigil.northbound.problems import GoneError
from nfvigil.northbound.shapes import Id
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.northbound.vnf_views import VnfShape, vnf_view

read = for_readers("vnfs")

WAIT_MAX_SECONDS = 60
PAGE = 100
RESYNC = "resync: take a cursor anew, list the VNFs, and go on from there"
ALL = "*"
"""Whose a cursor is, of one who sees all projects: no project is called so."""

Place = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_=-]{40,128}$")]


class ChangesParameters(Query):
    after: Annotated[
        Place | None, Field(description="`cursor` of the answer before. Left out: only say where now is.")
    ] = None
    wait: Annotated[
        int,
        Field(ge=0, le=WAIT_MAX_SECONDS, description="Seconds to wait for a change where there is none yet."),
        AS_WHOLE,
    ] = 0
    limit: Limit = PAGE


class VnfRef(Shape):
    project_id: str
    id: Id


class ChangesShape(Shape):
    items: list[VnfShape]
    """VNFs that changed since, each once, as it is now."""
    removed: list[VnfRef]
    """Those that we were told of and have forgotten."""
    cursor: str
    """Where to go on from. Good for its holder, and until the service starts anew."""
    more: bool
    """There is more at once."""


@read.get("/v1/vnfs/changes", response_model=ChangesShape, responses=problems(410))
async def follow_vnfs(
    parts: Have, caller: Caller, parameters: Annotated[ChangesParameters, QueryParameters()]
) -> Response:
    """What changed of VNFs that we were told of, or of what their servers are, since a cursor.

    Take a cursor, list the VNFs, then ask here with `after` and `wait` for as long as you like. `410` says that what
    you know cannot be brought up to date, since the service was started anew: begin again, and compare.
    """
    runs = await parts.store.runs()
    feed = parts.vnf.feed
    if parameters.after is None:
        found = VnfChanges(changed=(), removed=(), last=feed.last)
    else:
        found = await _changes(feed, caller, _number(parameters.after, runs, caller), parameters)
    now_us = parts.clock()
    there = [vnf for key in found.changed if (vnf := _vnf(parts, key)) is not None]
    views = await shown(there, lambda one: vnf_view(parts.vnf.records.standing(one), caller.scope, now_us))
    cursor = sealed(f"{runs[-1].name}/{found.last}", runs, _whose(caller))
    removed = [{"project_id": project, "id": vnf_id} for project, vnf_id in found.removed]
    return answer({"items": views, "removed": removed, "cursor": cursor, "more": found.has_more})


async def _changes(feed: VnfFeed, caller: Identity, number: int, parameters: ChangesParameters) -> VnfChanges:
    loop = asyncio.get_running_loop()
    until = loop.time() + parameters.wait
    reader = None
    try:
        while True:
            found = feed.after(number, caller.scope, parameters.limit)
            if found is None:
                raise _gone("is too old")
            left = until - loop.time()
            if found.changed or found.removed or left <= 0 or feed.readers.is_closed:
                return found
            if reader is None:
                reader = feed.readers.join(f"{caller.via}/{caller.id or caller.name}/{caller.scope}", caller.scope)
            await reader.wait(left)
    finally:
        if reader is not None:
            reader.close()


def _vnf(parts: Parts, key: tuple[str, str]) -> Vnf | None:
    """None where it was forgotten meanwhile: the next answer says so."""
    project, vnf_id = key
    try:
        return parts.vnf.desk.vnf(vnf_id, project)
    except NotFoundError:
        return None


def _number(after: str, runs: Sequence[Run], caller: Identity) -> int:
    try:
        text = opened(after, runs, _whose(caller))
    except RefusedError as error:
        raise _gone("is none that was given to you") from error
    run, _, number = text.partition("/")
    if run != runs[-1].name or not re.fullmatch(r"\d{1,18}", number, re.ASCII):
        raise _gone("is of a time before the service was started anew")
    return int(number)


def _whose(caller: Identity) -> str:
    return ALL if caller.scope is None else f"vnfs/{caller.scope}"


def _gone(reason: str) -> GoneError:
    return GoneError(RESYNC, [FieldError("after", reason)])
