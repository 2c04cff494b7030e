"""Masakari's door: a notification is kept, answered with its record, and known when it comes again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nfvigil.errors import FieldError, NfvigilError, RefusedError
from nfvigil.model.event import Event, ReceiptState
from nfvigil.model.instance_ha import RECORD, NotificationStatus, NotificationType, notification_uuid, notification_view
from nfvigil.model.resource import Kind, key_of
from nfvigil.model.times import SECOND
from nfvigil.southbound.answers import json_answer, problem_of
from nfvigil.southbound.doors import Door
from nfvigil.southbound.formats.masakari import HaNotification, events_of, read_notification

WINDOW_SECONDS = 180.0
"""Masakari's own default for telling duplicates."""
SUBJECTS_MAX = 10_000

_NAMES = {
    HTTPStatus.BAD_REQUEST: "badRequest",
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.CONFLICT: "conflictingRequest",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "overLimit",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "badMediaType",
    HTTPStatus.TOO_MANY_REQUESTS: "overLimit",
    HTTPStatus.SERVICE_UNAVAILABLE: "serviceUnavailable",
}


class Duplicates:
    """What was said last of each subject. The same within the window is a duplicate, unless something else was said of
    it in between: a host that stopped, started and stopped again has stopped twice.
    """

    def __init__(self, *, window_seconds: float = WINDOW_SECONDS, size_max: int = SUBJECTS_MAX) -> None:
        self._window_us = int(window_seconds * SECOND)
        self._size_max = size_max
        self._last: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()

    def knows(self, notification: HaNotification, now_us: int) -> bool:
        said, at_us = self._last.get(notification.subject, ("", 0))
        return said == notification.said and now_us - at_us <= self._window_us

    def add(self, notification: HaNotification, now_us: int) -> None:
        self._last[notification.subject] = (notification.said, now_us)
        self._last.move_to_end(notification.subject)
        if len(self._last) > self._size_max:
            self._last.popitem(last=False)

    def remember(self, events: Iterable[Event]) -> None:
        """What an earlier process has kept."""
        for event in sorted(events, key=lambda event: event.id):
            details = event.details
            if event.type == RECORD and event.door == "masakari" and details.get("type") in [*NotificationType]:
                known = HaNotification(
                    type=NotificationType(details["type"]),
                    hostname=str(details.get("hostname")),
                    generated_time=str(details.get("generated_time")),
                    payload=dict(details.get("payload") or {}),
                )
                self.add(known, event.received_us)


class MasakariDoor(Door):
    """``is_in_maintenance`` says of a host's key whether it is. Of such a host a notification is refused as Masakari
    refuses it, and kept nevertheless: what is still wrong with it after its maintenance is raised then.
    """

    def __init__(
        self,
        *,
        duplicates: Duplicates,
        is_in_maintenance: Callable[[str], bool],
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._duplicates = duplicates
        self._is_in_maintenance = is_in_maintenance
        self._clock = clock
        self._chance = chance
        self._turn = asyncio.Lock()

    async def _serve(self, request: Request, body: bytes) -> Response:
        notification = read_notification(body)
        # One after another: a duplicate may only be refused once the first one is durable.
        async with self._turn:
            now_us = self._clock()
            if self._duplicates.knows(notification, now_us):
                self._count(self._name, ReceiptState.REPEAT, 1)
                return _fault(HTTPStatus.CONFLICT, "This was notified already, and nothing else since.")
            uuid = notification_uuid(now_us, self._chance(8))
            receipts = await self._intake.take(events_of(notification, uuid), self._name, request.state.sender)
            if wrong := [FieldError(*error) for receipt in receipts for error in receipt.errors]:
                raise RefusedError("the notification is wrong", list(dict.fromkeys(wrong)))
            self._duplicates.add(notification, now_us)
        self._tally(receipts[:1])
        if self._is_in_maintenance(key_of(Kind.HOST, notification.hostname)):
            return _fault(HTTPStatus.CONFLICT, f"Host {notification.hostname} is under maintenance.")
        record = _record(receipts[0].id or 0, uuid, notification, now_us)
        view = notification_view(record, NotificationStatus.NEW)
        return json_answer({"notification": view}, HTTPStatus.ACCEPTED)

    def _refuse(self, error: NfvigilError) -> Response:
        answer = problem_of(error)
        reasons = "; ".join(map(str, error.errors)) if isinstance(error, RefusedError) else ""
        message = f"{error.message}: {reasons}" if isinstance(error, RefusedError) and reasons else str(error)
        headers = {name: value for name, value in answer.headers.items() if name in ("retry-after", "www-authenticate")}
        return _fault(HTTPStatus(answer.status_code), message, headers)


PATHS = (
    "/v1/notifications",
    "/v1/{project_id}/notifications",
    "/instance-ha/v1/notifications",
    "/instance-ha/v1/{project_id}/notifications",
)
"""Where senders find it: the address of the catalogue may have a project in it."""


def masakari_routes(door: MasakariDoor) -> list[Route]:
    return [
        Route(path, door.__call__, methods=["POST"], name=f"masakari-notifications-{index}")
        for index, path in enumerate(PATHS)
    ]


def _record(event_id: int, uuid: str, notification: HaNotification, now_us: int) -> Event:
    """The record as it was just kept, as far as its answer shows it."""
    return Event(
        id=event_id,
        type=RECORD,
        resource=key_of(Kind.HOST, notification.hostname),
        time_us=now_us,
        received_us=now_us,
        monitor_event_id=uuid,
        details={
            "type": notification.type.value,
            "hostname": notification.hostname,
            "generated_time": notification.generated_time,
            "payload": notification.payload,
        },
    )


def _fault(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error in the form of OpenStack's older APIs."""
    answer = json_answer({_NAMES.get(status, "computeFault"): {"code": status.value, "message": message}}, status)
    answer.headers.update(headers or {})
    return answer
