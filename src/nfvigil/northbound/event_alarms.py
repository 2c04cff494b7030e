"""What our own API adds to event alarms: whether one returns to ok by itself. All else is Aodh's API."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Response
from pydantic import Field

from nfvigil.northbound.aodh.asking import alarming_of, by, writable
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Body, Shape, Switch, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_writers, problems
from nfvigil.northbound.parts import Have, note

write = for_writers("event alarms")


class AutoOkBody(Body):
    auto_ok: Annotated[Switch | None, Field(description="null: as the setting `aodh.auto_ok` says.")]


class AutoOkShape(Shape):
    id: str
    auto_ok: bool | None


@write.put("/v1/event-alarms/{alarm_id}/auto-ok", response_model=AutoOkShape, responses=problems(404) | OF_A_BODY)
async def set_auto_ok(
    parts: Have, caller: Caller, alarm_id: Annotated[Text, Path(description="The alarm's id.")], body: AutoOkBody
) -> Response:
    """Whether an event alarm returns to ok when the resource that fired it is well again."""
    await alarming_of(parts).set_auto_ok(alarm_id, writable(caller), body.auto_ok, by=by(caller))
    await note(parts, caller, "event alarm returns by itself", alarm_id, str(body.auto_ok).lower())
    return answer({"id": alarm_id, "auto_ok": body.auto_ok})
