"""O-RAN's configuration of the alarm service: for how many days cleared alarms are kept."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Request, Response

from nfvigil.errors import FieldError, RefusedError
from nfvigil.northbound.etags import require_match, tagged_answer
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.o2ims.desk import ServiceConfiguration, check_reader, o2ims_of
from nfvigil.northbound.o2ims.shapes import ConfigurationBody, ConfigurationPatch, ConfigurationShape
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.notifier.o2ims import PREFIX

read = for_administrators("o2ims")
administer = for_administrators("o2ims")

PATH = f"{PREFIX}/alarmServiceConfiguration"
EXTENSIONS_MAX_BYTES = 16_384
CHANGES = problems(412) | OF_A_BODY | ETAG


def view(configuration: ServiceConfiguration) -> dict[str, Any]:
    return {"retentionPeriod": configuration.retention_days, "extensions": configuration.extensions}


@read.get(PATH, response_model=ConfigurationShape, responses=ETAG | NOT_MODIFIED)
async def o2_configuration(parts: Have, caller: Caller, request: Request) -> Response:
    """The configuration, with its ETag."""
    check_reader(caller)
    return tagged_answer(request, view(await o2ims_of(parts).configuration()))


async def _configure(parts: Parts, caller: Caller, request: Request, days: int, extensions: dict[str, Any]) -> Response:
    if len(msgspec.json.encode(extensions)) > EXTENSIONS_MAX_BYTES:
        reason = f"takes more than {EXTENSIONS_MAX_BYTES} bytes"
        raise RefusedError("the configuration is refused", [FieldError("extensions", reason)])
    changed = ServiceConfiguration(retention_days=days, extensions=extensions)
    await o2ims_of(parts).configure(changed)
    await note(parts, caller, "configured the retention of alarms", "alarmServiceConfiguration", f"{days} days")
    return tagged_answer(request, view(changed))


@administer.put(PATH, response_model=ConfigurationShape, responses=CHANGES)
async def replace_o2_configuration(parts: Have, caller: Caller, request: Request, body: ConfigurationBody) -> Response:
    """All of it anew."""
    require_match(request, view(await o2ims_of(parts).configuration()))
    return await _configure(parts, caller, request, body.retentionPeriod, body.extensions)


@administer.patch(PATH, response_model=ConfigurationShape, responses=CHANGES)
async def change_o2_configuration(parts: Have, caller: Caller, request: Request, body: ConfigurationPatch) -> Response:
    """Some of it. An extension that is null goes (JSON merge patch)."""
    before = await o2ims_of(parts).configuration()
    require_match(request, view(before))
    extensions = merged(before.extensions, body.extensions or {})
    return await _configure(parts, caller, request, body.retentionPeriod or before.retention_days, extensions)


def merged(before: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396."""
    after = dict(before)
    for name, value in patch.items():
        inner = after.get(name)
        if value is None:
            after.pop(name, None)
        elif isinstance(value, dict):
            after[name] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            after[name] = value
    return after
