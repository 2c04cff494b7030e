"""Masakari's API for reading: the notifications that came in, and how far each got. Administrators only: a notification
is about a host.

They are sent to the door in southbound, at the same addresses. The description of our API leaves all this out: it is
another's, and described there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi import Query as QueryParameters
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field

from nfvigil.errors import FieldError, NfvigilError, NotFoundError, RefusedError
from nfvigil.model.instance_ha import NotificationStatus, NotificationType, host_uuid, notification_view, status_of
from nfvigil.model.times import parse
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import AS_WHOLE, Query, Text
from nfvigil.northbound.guarded import AdminRoute, Caller, for_administrators
from nfvigil.northbound.parts import Have, Parts
from nfvigil.northbound.problems import problem_of
from nfvigil.store.instance_ha_records import HaCase

LIMIT_MAX = 1000
PAGE = 100
LOOKED_AT_MAX = 5_000
"""So many notifications are looked at for one answer: a filter that fits few is answered with what was found."""
ROOTS = ("/v1", "/instance-ha/v1")

_NAMES = {
    HTTPStatus.BAD_REQUEST: "badRequest",
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "itemNotFound",
    HTTPStatus.SERVICE_UNAVAILABLE: "serviceUnavailable",
}


class MasakariRoute(AdminRoute):
    """Errors are in the form of OpenStack's older APIs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def in_its_form(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                places = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
                return _fault(HTTPStatus.BAD_REQUEST, places[:1000])
            except NfvigilError as error:
                ours = problem_of(error)
                kept = {k: v for k, v in ours.headers.items() if k in ("retry-after", "www-authenticate")}
                return _fault(HTTPStatus(ours.status_code), str(error), kept)

        return in_its_form


def _fault(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {_NAMES.get(status, "computeFault"): {"code": status.value, "message": message}}
    shown = answer(body, status=status)
    shown.headers.update(headers or {})
    return shown


public = APIRouter(tags=["masakari"])
read = for_administrators("masakari")
read.route_class = MasakariRoute


class NotificationParameters(Query):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    limit: Annotated[int, AS_WHOLE, Field(ge=1, le=LIMIT_MAX)] = LIMIT_MAX
    marker: Text | None = None
    type: NotificationType | None = None
    status: NotificationStatus | None = None
    source_host_uuid: Text | None = None
    generated_since: Annotated[Text | None, Field(alias="generated-since")] = None
    sort_key: Literal["generated_time", "created_at"] | None = None
    """They come in the order in which they were taken in, whichever it is."""
    sort_dir: Literal["asc", "desc"] | None = None


Parameters = Annotated[NotificationParameters, QueryParameters()]
Uuid = Annotated[Text, Path(description="The notification's uuid.")]


def _status(case: HaCase) -> str:
    return status_of(case.record, case.followers, case.decisions, case.actions, decided_to=case.decided_to)


def _view(case: HaCase, *, whole: bool = False) -> dict[str, Any]:
    done = [one.ended_us or one.started_us or 0 for one in case.actions]
    times = [one.decided_us for one in case.decisions] + done
    updated_us = max(times, default=0) or None
    return notification_view(case.record, _status(case), updated_us=updated_us, actions=case.actions if whole else None)


async def _list(parts: Parts, parameters: NotificationParameters) -> Response:
    before = 0
    if parameters.marker is not None:
        marked = await parts.store.ha_notification(parameters.marker)
        if marked is None:
            raise RefusedError("the request is wrong", [FieldError("marker", "there is no such notification")])
        before = marked.id
    since_us = _since(parameters.generated_since)
    found: list[dict[str, Any]] = []
    looked_at = 0
    while looked_at < LOOKED_AT_MAX and len(found) < parameters.limit:
        records = await parts.store.ha_notifications(before=before, limit=PAGE)
        if not records:
            break
        looked_at += len(records)
        before = records[-1].id
        wanted = [
            record
            for record in records
            if (parameters.type is None or record.details.get("type") == parameters.type)
            and (since_us is None or _generated_us(record.details) >= since_us)
            and parameters.source_host_uuid in (None, host_uuid(str(record.details.get("hostname"))))
        ]
        cases = await parts.store.ha_cases(wanted)
        found += [_view(case) for case in cases if parameters.status in (None, _status(case))]
    found = found[: parameters.limit]
    if parameters.sort_dir == "asc":
        found.reverse()
    return answer({"notifications": found})


async def _show(parts: Parts, uuid: str) -> Response:
    record = await parts.store.ha_notification(uuid)
    if record is None:
        raise NotFoundError(f"Notification with id {uuid} could not be found.")
    (case,) = await parts.store.ha_cases([record])
    return answer({"notification": _view(case, whole=True)})


def _since(given: str | None) -> int | None:
    if given is None:
        return None
    try:
        return parse(given, UTC)[0]
    except (ValueError, OverflowError) as error:
        wrong = [FieldError("generated-since", "must be an ISO 8601 time")]
        raise RefusedError("the request is wrong", wrong) from error


def _generated_us(details: dict[str, Any]) -> int:
    """As the door has written it down: a time in any case."""
    return parse(str(details["generated_time"]), UTC)[0]


@read.get("/v1/notifications", include_in_schema=False)
@read.get("/instance-ha/v1/notifications", include_in_schema=False)
async def list_notifications(parts: Have, caller: Caller, parameters: Parameters) -> Response:
    """Masakari's notifications, the newest first."""
    return await _list(parts, parameters)


@read.get("/v1/{project_id}/notifications", include_in_schema=False)
@read.get("/instance-ha/v1/{project_id}/notifications", include_in_schema=False)
async def list_notifications_of_project(
    parts: Have, caller: Caller, project_id: Text, parameters: Parameters
) -> Response:
    """The same where the address has a project in it."""
    return await _list(parts, parameters)


@read.get("/v1/notifications/{uuid}", include_in_schema=False)
@read.get("/instance-ha/v1/notifications/{uuid}", include_in_schema=False)
async def show_notification(parts: Have, caller: Caller, uuid: Uuid) -> Response:
    """One of Masakari's notifications, and what was done about it."""
    return await _show(parts, uuid)


@read.get("/v1/{project_id}/notifications/{uuid}", include_in_schema=False)
@read.get("/instance-ha/v1/{project_id}/notifications/{uuid}", include_in_schema=False)
async def show_notification_of_project(parts: Have, caller: Caller, project_id: Text, uuid: Uuid) -> Response:
    """The same where the address has a project in it."""
    return await _show(parts, uuid)


@public.get("/instance-ha", include_in_schema=False)
@public.get("/instance-ha/", include_in_schema=False)
async def show_versions(request: Request) -> Response:
    """Which versions there are: clients of OpenStack ask this before anything else."""
    return answer({"versions": [_version(request)]})


@public.get("/instance-ha/v1", include_in_schema=False)
@public.get("/instance-ha/v1/", include_in_schema=False)
async def show_version(request: Request) -> Response:
    """This version."""
    return answer({"version": _version(request)})


def _version(request: Request) -> dict[str, Any]:
    base = str(request.base_url).rstrip("/")
    return {
        "id": "v1.0",
        "status": "CURRENT",
        "version": "1.0",
        "min_version": "1.0",
        "updated": "2016-07-01T11:33:21Z",
        "links": [{"rel": "self", "href": f"{base}/instance-ha/v1/"}],
    }
