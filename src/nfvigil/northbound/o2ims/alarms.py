"""O-RAN's alarms: the list, one of them, and what an SMO may change in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from starlette.responses import StreamingResponse

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.model.alarm import Alarm
from nfvigil.model.resource import INFRASTRUCTURE, is_infrastructure, split_key
from nfvigil.northbound.etags import HEADERS, answer, require_match, tagged_answer
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.o2ims.desk import check_reader
from nfvigil.northbound.o2ims.selection import Selection, read_selection
from nfvigil.northbound.o2ims.shapes import RECORD_FIELDS, Modifications, Record, Selecting, Uuid, VersionsShape
from nfvigil.northbound.paging import shown
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.notifier.o2ims import PREFIX, record
from nfvigil.store.alarm_query import AlarmQuery
from nfvigil.store.alarm_records import AlarmPage

read = for_administrators("o2ims")
administer = for_administrators("o2ims")

PAGE = 500
VERSION = "1.0.0"
_encode = msgspec.json.Encoder().encode

RecordId = Annotated[Uuid, Path(description="The alarm's id.")]


@read.get("/o2ims-infrastructureMonitoring/api_versions", response_model=VersionsShape)
async def o2_versions(caller: Caller) -> Response:
    """Every version of this interface."""
    check_reader(caller)
    return answer({"uriPrefix": PREFIX.rpartition("/")[0], "apiVersions": [{"version": VERSION}]})


@read.get(f"{PREFIX}/api_versions", response_model=VersionsShape)
async def o2_minor_versions(caller: Caller) -> Response:
    """Every version of this major version."""
    check_reader(caller)
    return answer({"uriPrefix": PREFIX, "apiVersions": [{"version": VERSION}]})


@read.get(f"{PREFIX}/alarms", response_model=list[Record])
async def o2_alarms(parts: Have, caller: Caller, parameters: Annotated[Selecting, QueryParameters()]) -> Response:
    """All alarms on the infrastructure that are kept, the newest first, also those that are cleared.

    The interface knows no pages, so they come in one answer, written as it is read.
    """
    check_reader(caller)
    wanted = read_selection(
        filter=parameters.filter,
        fields=parameters.fields,
        exclude_fields=parameters.exclude_fields,
        names=RECORD_FIELDS,
    )
    # The first page before the answer begins: a database that is away is an error of its own, not half a list.
    first = await parts.store.alarm_page(_query(None))
    return StreamingResponse(_written(parts, first, wanted), headers=HEADERS, media_type="application/json")


def _query(place: tuple[int, str] | None) -> AlarmQuery:
    return AlarmQuery(project=None, resource_kinds=INFRASTRUCTURE, place=place, limit=PAGE)


async def _written(parts: Parts, page: AlarmPage, wanted: Selection) -> AsyncIterator[bytes]:
    lead = b"["
    while True:
        records = [one for one in await shown(page.alarms, record) if wanted.fits(one)]
        if records:
            yield lead + b",".join(_encode(wanted.shown(one)) for one in records)
            lead = b","
        if page.following is None:
            break
        # Not by its last alarm: that one may be purged meanwhile, and half a list cannot be taken back.
        page = await parts.store.alarm_page(_query(page.following))
    yield b"[]" if lead == b"[" else b"]"


async def _find(parts: Parts, record_id: str) -> Alarm:
    alarm = await parts.store.alarm(record_id.lower(), None)
    if alarm is None or not is_infrastructure(split_key(alarm.resource)[0]):
        raise NotFoundError("there is no such alarm")
    return alarm


@read.get(
    f"{PREFIX}/alarms/{{alarmEventRecordId}}",
    response_model=Record,
    responses=problems(404) | ETAG | NOT_MODIFIED,
)
async def o2_alarm(parts: Have, caller: Caller, request: Request, alarmEventRecordId: RecordId) -> Response:
    """One alarm, with its ETag."""
    check_reader(caller)
    return tagged_answer(request, record(await _find(parts, alarmEventRecordId)))


@administer.patch(
    f"{PREFIX}/alarms/{{alarmEventRecordId}}",
    response_model=Modifications,
    responses=problems(404, 409, 412) | OF_A_BODY | ETAG,
)
async def change_o2_alarm(
    parts: Have, caller: Caller, request: Request, alarmEventRecordId: RecordId, body: Modifications
) -> Response:
    """Acknowledge it, or clear it by hand (severity 5), or both."""
    alarm = await _find(parts, alarmEventRecordId)
    require_match(request, record(alarm))
    if body.alarmAcknowledged is None and body.perceivedSeverity is None:
        reason = "alarmAcknowledged or perceivedSeverity is needed, and null is neither"
        raise RefusedError("nothing is to be changed", [FieldError("body", reason)])
    if not alarm.is_open:
        raise ConflictError("the alarm is cleared: it does not change any more")
    if body.perceivedSeverity is not None and not alarm.fault:
        # Looked at first, so that it is not acknowledged and then refused.
        raise ConflictError(
            "the alarm only follows from others: clear its root cause", [FieldError("rootCauseAlarm", alarm.root)]
        )
    changed: dict[str, Any] = {}
    if body.alarmAcknowledged is not None:
        acked = body.alarmAcknowledged
        alarm = await parts.desk.acknowledge(alarm.id, by=caller.name, project=None, acked=acked)
        changed["alarmAcknowledged"] = acked
    if body.perceivedSeverity is not None:
        alarm = await parts.desk.clear(alarm.id, by=caller.name)
        await note(parts, caller, "cleared an alarm", alarm.id, "by the O2 interface")
        changed["perceivedSeverity"] = body.perceivedSeverity
    return answer(changed, headers={"ETag": tagged_answer(request, record(alarm)).headers["ETag"]})
