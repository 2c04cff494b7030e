"""Writes the audit log as requests come in: what is begun, how it ended, who was refused, how often nobody was known.

What is begun is in the log before it is done, and how it ended is a line after it. So nothing is changed by hand that
is not written down; where it cannot be, the request is refused. Refusals and looks in an emergency change nothing:
the same again within a minute is counted and not written one by one, or anybody could fill the log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import uuid4

import msgspec
import structlog
from starlette.requests import Request

from nfvigil.errors import UnavailableError
from nfvigil.model.audit import AuditRecord, Outcome
from nfvigil.model.identity import Identity

EVERY_SECONDS = 60.0
COUNTED_MAX = 10_000
"""Different refusals, and addresses of strangers, that are counted at once."""
WAIT_SECONDS = 0.5
"""How long an answer that changes nothing waits for its line: a database that hangs must not hold it up."""
TEXT_MAX = 1000
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Details:
    """What the operation itself says of what it did."""

    what: str = ""
    target: str = ""
    texts: list[str] = field(default_factory=list)


_details: ContextVar[Details | None] = ContextVar("details of an audited request", default=None)


def say(what: str, target: str, text: str = "") -> bool:
    """What the request under way does; False where there is none that is audited."""
    details = _details.get()
    if details is None:
        return False
    details.what, details.target = details.what or what, details.target or target
    if text:
        details.texts.append(text)
    return True


class AuditNotes:
    """``add`` keeps one line, and raises UnavailableError where it cannot."""

    def __init__(
        self,
        *,
        add: Callable[[AuditRecord], Awaitable[None]],
        clock: Callable[[], int],
        new_id: Callable[[], str] = lambda: str(uuid4()),
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._add = add
        self._clock = clock
        self._new_id = new_id
        self._every_seconds = every_seconds
        self._counted: dict[AuditRecord, list[int]] = {}
        self._strangers: dict[str, int] = {}
        self._adding: set[asyncio.Task[None]] = set()

    async def begin(self, request: Request, rule: str, caller: Identity) -> AuditRecord:
        """UnavailableError where it cannot be written: then nothing may be done."""
        record = self._record(request, rule, caller, Outcome.PENDING)
        await self._add(record)
        _details.set(Details())
        return record

    async def end(self, begun: AuditRecord, status: int, text: str = "") -> None:
        """It is done by then: that it was begun is in the log, and must do if this cannot be written."""
        details, outcome = _details.get() or Details(), Outcome.SUCCESS if status < 400 else Outcome.FAILURE
        _details.set(None)
        texts = [*details.texts, *([text] if text else [])]
        ended = msgspec.structs.replace(
            begun,
            at_us=self._clock(),
            what=details.what or begun.what,
            target=details.target or begun.target,
            text="; ".join(texts)[:TEXT_MAX],
            outcome=outcome,
            status=status,
        )
        try:
            await self._add(ended)
        except UnavailableError as error:
            _log.error("how a request ended is not in the audit log", request=begun.request, reason=str(error))

    async def refused(self, request: Request, rule: str, caller: Identity) -> None:
        await self._count(self._record(request, rule, caller, Outcome.FAILURE, 403), "refused")

    async def looked(self, request: Request, rule: str, caller: Identity) -> None:
        """Somebody who may only in an emergency has looked at something."""
        await self._count(self._record(request, rule, caller, Outcome.SUCCESS), "read")

    def stranger(self, request: Request) -> None:
        """Somebody showed what vouches for nobody."""
        address = _address(request)
        if address not in self._strangers and len(self._strangers) >= COUNTED_MAX:
            address = "others"
        self._strangers[address] = self._strangers.get(address, 0) + 1

    async def run(self) -> None:
        """Write now and then what was only counted, until cancelled."""
        while True:
            await asyncio.sleep(self._every_seconds)
            await self.flush()

    async def flush(self) -> None:
        strangers, self._strangers = self._strangers, {}
        counted, self._counted = self._counted, {}
        lines = [
            msgspec.structs.replace(record, at_us=self._clock(), text=f"{more[0]} more times")
            for record, more in counted.items()
            if more[0]
        ]
        if strangers:
            worst = sorted(strangers.items(), key=lambda one: -one[1])[:10]
            lines.append(
                AuditRecord(
                    at_us=self._clock(),
                    who="unknown",
                    what="authentication failed",
                    text=f"{sum(strangers.values())} times; from "
                    + ", ".join(f"{name}: {count}" for name, count in worst),
                    outcome=Outcome.FAILURE,
                    status=401,
                )
            )
        with suppress(UnavailableError):
            for line in lines:
                await self._add(line)

    async def _count(self, record: AuditRecord, what: str) -> None:
        # Whatever it was asked of: else a caller could fill the log with names that he makes up.
        same = msgspec.structs.replace(record, at_us=0, request="", target="", what=what)
        known = self._counted.get(same)
        if known is not None:
            known[0] += 1
            return
        if len(self._counted) < COUNTED_MAX:
            self._counted[same] = [0]
            adding = asyncio.create_task(self._add_in_time(msgspec.structs.replace(record, what=what)))
            self._adding.add(adding)
            adding.add_done_callback(self._adding.discard)
            await asyncio.wait([adding], timeout=WAIT_SECONDS)

    async def _add_in_time(self, record: AuditRecord) -> None:
        with suppress(UnavailableError):  # nothing was done
            await self._add(record)

    def _record(self, request: Request, rule: str, caller: Identity, outcome: Outcome, status: int = 0) -> AuditRecord:
        return AuditRecord(
            at_us=self._clock(),
            who=caller.name,
            who_id=caller.id,
            project=caller.project or "",
            role=caller.role.value,
            via=caller.via.value,
            what=rule.rpartition(":")[2],
            rule=rule,
            method=request.method,
            target=_printable(request.url.path)[:512],
            outcome=outcome,
            status=status,
            address=_address(request),
            request=self._id_of(request),
        )

    def _id_of(self, request: Request) -> str:
        """Ours, as a caller may give one to many requests; and behind it the caller's, if it looks like one."""
        given = request.headers.get("x-openstack-request-id", request.headers.get("x-request-id", ""))
        return f"req-{self._new_id()}" + (f"/{given}" if _REQUEST_ID.fullmatch(given) else "")


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "nowhere"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
