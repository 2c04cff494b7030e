"""What the operations work with: handed to the app when it is made, and found again by each request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from nfvigil.model.event import Event
from nfvigil.model.identity import Identity
from nfvigil.northbound.desk import Desk
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    desk: Desk
    store: Records
    guard: Callable[[Request], Awaitable[Identity]]
    clock: Callable[[], int]
    metrics: Metrics
    read_event: Callable[[bytes], Event]
    """One event in our own form, not kept; RefusedError says what is wrong with it."""
    new_id: Callable[[], str]


def parts_of(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


Have = Annotated[Parts, Depends(parts_of)]
