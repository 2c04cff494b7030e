"""The HTTP doors for events: our own, and those that Doctor's and Vitrage's monitors know already.

Plain Starlette routes, because every microsecond here is part of the time from a fault to its owner.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from traceback import extract_tb

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nfvigil.errors import FieldError, ForbiddenError, NfvigilError
from nfvigil.model.event import Receipt, ReceiptState
from nfvigil.model.identity import Identity
from nfvigil.model.raw import Item
from nfvigil.model.signed import HEADER, LENT, SignedMessage
from nfvigil.southbound.answers import (
    MediaTypeError,
    SlowBodyError,
    json_answer,
    problem,
    problem_of,
    receipt_view,
    refused,
)
from nfvigil.southbound.formats import Format
from nfvigil.southbound.formats.aodh import AodhMaintenanceFormat
from nfvigil.southbound.formats.doctor import DoctorFormat
from nfvigil.southbound.formats.nfvigil import NfvigilFormat
from nfvigil.southbound.formats.redfish import RedfishFormat
from nfvigil.southbound.formats.vitrage import VitrageFormat
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.limits import Limits, TooLargeError

Guard = Callable[[Request], Awaitable[Identity]]
"""Who is asking; raises UnknownCallerError or ForbiddenError."""

Allow = Callable[[Request, Identity], Awaitable[None]]
"""Whether this caller may send events here; raises ForbiddenError."""

Count = Callable[[str, str, int], None]
"""Metrics: (door, outcome, how many). Outcomes: accepted, repeat, refused, ignored or a format's own word for that, and
for a message unavailable, or failed where its format did."""

_log = structlog.get_logger("nfvigil")


class FormatFailedError(Exception):
    """The plugin has a bug, or returned what it may not."""


Answer = Callable[[Sequence[Receipt]], Response]


def routes(
    *,
    intake: Intake,
    guard: Guard,
    allow: Allow | None = None,
    formats: Mapping[str, Format] | None = None,
    count: Count = lambda door, outcome, number: None,
) -> list[Route]:
    """``formats`` are the installed ones by name; each has a door of its own at ``/v1/formats/{name}/events``."""

    def door(name: str, form: Format, answer: Answer) -> Door:
        kind = RedfishDoor if isinstance(form, RedfishFormat) else Door
        return kind(name=name, form=form, answer=answer, intake=intake, guard=guard, allow=allow, count=count)

    plugins = {name: door(name, form, answer_each) for name, form in (formats or {}).items()}

    async def by_host(request: Request) -> Response:
        found = plugins.get(RedfishFormat.name)
        return await found(request) if found else problem(HTTPStatus.NOT_FOUND, "the format redfish is not installed")

    async def by_format(request: Request) -> Response:
        found = plugins.get(request.path_params["name"])
        if found is None:
            known = ", ".join(sorted(plugins)) or "none"
            return problem(HTTPStatus.NOT_FOUND, f"there is no such format; installed are: {known}")
        return await found(request)

    doctor = door("doctor", DoctorFormat(), answer_ok)
    vitrage = door("vitrage", VitrageFormat(), answer_empty)
    maintenance = door("maintenance", AodhMaintenanceFormat(), answer_ok)
    own = door("v1", NfvigilFormat(), answer_each)
    return [
        Route("/v1/events", own.__call__, methods=["POST"], name="events"),
        Route("/v1/formats/{name}/events", by_format, methods=["POST"], name="events-by-format"),
        Route("/v1/redfish/{host}/events", by_host, methods=["POST"], name="redfish-events-of-host"),
        Route("/events", doctor.__call__, methods=["PUT", "POST"], name="doctor-events"),
        Route("/v1/event", vitrage.__call__, methods=["POST"], name="vitrage-event"),
        Route("/maintenance", maintenance.__call__, methods=["POST"], name="doctor-maintenance"),
    ]


class Door:
    """One address with one format: who asks, what they send, what they hear."""

    def __init__(
        self,
        *,
        name: str,
        form: Format,
        answer: Answer,
        intake: Intake,
        guard: Guard,
        count: Count,
        allow: Allow | None = None,
    ) -> None:
        self._name = name
        self._form = form
        self._answer = answer
        self._intake = intake
        self._guard = guard
        self._allow = allow or _monitors_and_administrators
        self._count = count

    async def __call__(self, request: Request) -> Response:
        if HEADER in request.headers:
            return await self._signed(request)
        return await self._answered(request, lambda: read_json(request, self._intake.limits))

    async def _signed(self, request: Request) -> Response:
        """The body is read by whoever checks the signature over it, and learns there whether it was taken in."""
        message = SignedMessage(read=lambda: read_json(request, self._intake.limits))
        request.scope[LENT] = message
        is_taken = False
        try:
            answer = await self._answered(request, message.body)
            is_taken = answer.status_code < 400
        finally:
            message.settle(is_taken)
        return answer

    async def _answered(self, request: Request, read: Callable[[], Awaitable[bytes]]) -> Response:
        try:
            identity = await self._guard(request)
            await self._allow(request, identity)
            request.state.sender = identity.sender
            return await self._serve(request, await read())
        except NfvigilError as error:
            answer = self._refuse(error)
            self._count(self._name, "unavailable" if answer.status_code >= 500 else "refused", 1)
            return answer
        except FormatFailedError as error:
            self._count(self._name, "failed", 1)
            # Where, and not what: the error's text may have any part of the message in it.
            place = extract_tb(error.__cause__.__traceback__)[-1] if error.__cause__ else None
            where = f"{place.filename}:{place.lineno}" if place else ""
            _log.error("a format failed", door=self._name, error=type(error.__cause__).__name__, where=where)
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except ClientDisconnect:
            # Nobody is there to hear it, but a handler has to return something.
            return problem(HTTPStatus.BAD_REQUEST, "the body was cut off")

    async def _serve(self, request: Request, body: bytes) -> Response:
        """The answer to what an admitted caller has sent."""
        try:
            items = self._decode(request, body)
            if not all(isinstance(item, Item) for item in items):
                raise TypeError("a format's items are RawEvent, Refusal and Ignored")
        except NfvigilError:
            raise
        except Exception as error:
            # A plugin is others' code. With a 5xx most senders try again, and its maker learns of it from the log.
            raise FormatFailedError(f"the format {self._form.name} failed to read this") from error
        receipts = await self._intake.take(items, self._name, request.state.sender)
        self._tally(receipts)
        return self._answer(receipts)

    def _decode(self, request: Request, body: bytes) -> Sequence[Item]:
        return self._form.decode(body)

    def _refuse(self, error: NfvigilError) -> Response:
        return problem_of(error)

    def _tally(self, receipts: Sequence[Receipt]) -> None:
        if len(receipts) == 1:
            self._count(self._name, receipts[0].word or receipts[0].state, receipts[0].number)
            return
        totals: Counter[str] = Counter()
        for receipt in receipts:
            totals[receipt.word or receipt.state] += receipt.number
        for outcome, number in totals.items():
            self._count(self._name, outcome, number)


class RedfishDoor(Door):
    """A BMC says little of who it is: the host may be in the address that it posts to, and it calls from somewhere."""

    _form: RedfishFormat

    async def __call__(self, request: Request) -> Response:
        return await super().__call__(password_as_token(request))

    def _decode(self, request: Request, body: bytes) -> Sequence[Item]:
        host = request.path_params.get("host", "")
        # A socket for both families shows IPv4 addresses wrapped in IPv6: no topology has them so.
        address = request.client.host.removeprefix("::ffff:") if request.client else ""
        return self._form.decode_of(body, host=host, address=address)


def password_as_token(request: Request) -> Request:
    """Many a BMC sends a user and a password and nothing else: the password is its token, whatever the user."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or "x-auth-token" in request.headers:
        return request
    try:
        password = b64decode(coded.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return request
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"authorization"]
    return Request({**request.scope, "headers": [*headers, (b"x-auth-token", password)]}, request.receive)


async def _monitors_and_administrators(request: Request, identity: Identity) -> None:
    if not identity.may_send_events:
        raise ForbiddenError("only monitors and administrators send events")


def answer_each(receipts: Sequence[Receipt]) -> Response:
    """Our own: a receipt an event; 207 where part was refused, 400 where all was."""
    bad = sum([receipt.state is ReceiptState.REFUSED for receipt in receipts])
    if bad and bad == len(receipts):
        return refused(receipts)
    status = HTTPStatus.MULTI_STATUS if bad else HTTPStatus.OK
    return json_answer({"events": [*map(receipt_view, receipts)]}, status)


def answer_ok(receipts: Sequence[Receipt]) -> Response:
    """Doctor's: ``OK``. It knows no partial success, so one refused event makes it an error."""
    bad = any(receipt.state is ReceiptState.REFUSED for receipt in receipts)
    return refused(receipts) if bad else PlainTextResponse("OK")


def answer_empty(receipts: Sequence[Receipt]) -> Response:
    """Vitrage's: an empty object."""
    bad = any(receipt.state is ReceiptState.REFUSED for receipt in receipts)
    return refused(receipts) if bad else json_answer({})


def check_media_type(request: Request) -> None:
    """JSON, or nothing said. Compressed bodies are not read: they could be a thousand times larger than they look."""
    given = request.headers.get("content-type")
    if given is not None and given != "application/json":
        media, _, parameters = given.lower().partition(";")
        media = media.strip()
        if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
            raise MediaTypeError("send application/json", [FieldError("Content-Type", f"is {media[:100] or 'empty'}")])
        charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
        if charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise MediaTypeError("send UTF-8", [FieldError("Content-Type", f"has charset {charset[:100]}")])
    coding = request.headers.get("content-encoding")
    if coding is not None and coding.lower() != "identity":
        raise MediaTypeError("send the body as it is", [FieldError("Content-Encoding", f"is {coding[:100]}")])


async def read_json(request: Request, limits: Limits) -> bytes:
    check_media_type(request)
    return await read_body(request, limits)


async def read_body(request: Request, limits: Limits) -> bytes:
    """All of it, within a size and a time: both what the header promises and what comes is counted."""
    most = limits.body_max_bytes
    told = request.headers.get("content-length")
    if told is not None and told.isdecimal() and int(told[:20]) > most:
        raise TooLargeError(f"the body must be at most {most} bytes, not {told[:20]}")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise TooLargeError(f"the body must be at most {most} bytes")
                chunks.append(chunk)
    except TimeoutError as error:
        raise SlowBodyError(f"the body did not come in within {limits.body_seconds:g} s") from error
    return b"".join(chunks)
