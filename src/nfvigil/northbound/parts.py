"""What the operations work with: handed to the app when it is made, and found again by each request."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from nfvigil.errors import UnavailableError
from nfvigil.model.event import Event
from nfvigil.model.identity import Identity
from nfvigil.northbound.access.credentials import Credentials
from nfvigil.northbound.aodh.desk import Alarming
from nfvigil.northbound.audit_notes import say
from nfvigil.northbound.desk import Desk
from nfvigil.northbound.feed import AlarmFeed
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.once import Once
from nfvigil.northbound.records import Records
from nfvigil.northbound.recovery_desk import Recovery
from nfvigil.northbound.ves.desk import VesDesk
from nfvigil.northbound.vim_desk import VimDesk
from nfvigil.northbound.vnf_desk import VnfParts

if TYPE_CHECKING:
    from nfvigil.northbound.o2ims.desk import O2imsDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    desk: Desk
    recovery: Recovery
    vims: VimDesk
    credentials: Credentials
    store: Records
    guard: Callable[[Request], Awaitable[Identity]]
    clock: Callable[[], int]
    metrics: Metrics
    read_event: Callable[[bytes], Event]
    """One event in our own form, not kept; RefusedError says what is wrong with it."""
    new_id: Callable[[], str]
    vnf: VnfParts
    o2ims: O2imsDesk | None = None
    alarming: Alarming | None = None
    """Event alarms; None where there are none."""
    ves: VesDesk | None = None
    """The VES agent; None where there is none."""
    feed: AlarmFeed = field(default_factory=AlarmFeed)
    once: Once = field(default_factory=Once)


def parts_of(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


async def note(parts: Parts, caller: Identity, what: str, target: str, text: str = "") -> None:
    """Say for the audit log what somebody did. Where the request itself is not audited, it is a line of its own; it is
    done by then, so it is not refused for want of that.
    """
    if say(what, target, text):
        return
    with contextlib.suppress(UnavailableError):
        await parts.store.audit(caller.name, what, target, text)


Have = Annotated[Parts, Depends(parts_of)]
