"""What Aodh's clients ask for beside alarms: versions, capabilities, quotas, metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Query as QueryParameter

from nfvigil.errors import ForbiddenError
from nfvigil.northbound.aodh.asking import alarming_of, known_only
from nfvigil.northbound.aodh.bodies import CONTROL_FREE
from nfvigil.northbound.aodh.errors import TAG, UnauthorizedError, reading
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.guarded import ANY_PROBLEM, Caller
from nfvigil.northbound.parts import Have

public = APIRouter(tags=[TAG], responses=ANY_PROBLEM)
read = reading()

RELEASED = "2013-02-13T00:00:00Z"
_CAPABILITIES: dict[str, Any] = {
    "api": {
        "alarms:query:simple": True,
        "alarms:query:complex": True,
        "alarms:history:query:simple": True,
        "alarms:history:query:complex": True,
    },
    "alarm_storage": {"storage:production_ready": True},
}


class Capabilities(Shape):
    api: dict[str, bool]
    alarm_storage: dict[str, bool]


class Quota(Shape):
    resource: str
    limit: int


class Quotas(Shape):
    project_id: str
    quotas: list[Quota]


def _version(request: Request) -> dict[str, Any]:
    base = f"{request.url.scheme}://{request.url.netloc}"
    return {
        "id": "v2",
        "links": [
            {"href": f"{base}/v2", "rel": "self"},
            {"href": "https://docs.openstack.org/", "rel": "describedby", "type": "text/html"},
        ],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.telemetry-v2+json"}],
        "status": "stable",
        "updated": RELEASED,
    }


@public.get("/v2", response_model=dict[str, Any])
@public.get("/v2/", response_model=dict[str, Any], include_in_schema=False)
async def show_version(request: Request) -> Response:
    """This version of Aodh's API. Anybody may ask."""
    return answer({"version": _version(request)})


@read.get("/v2/capabilities", response_model=Capabilities)
@read.get("/v2/capabilities/", response_model=Capabilities, include_in_schema=False)
async def show_capabilities(caller: Caller) -> Response:
    """What can be asked here."""
    return answer(_CAPABILITIES)


@read.get("/v2/quotas", response_model=Quotas)
async def show_quotas(
    parts: Have,
    caller: Caller,
    request: Request,
    project_id: Annotated[str | None, QueryParameter(max_length=255, pattern=CONTROL_FREE)] = None,
) -> Response:
    """How many alarms a project may have; of another one for those who see everybody's."""
    known_only(request, frozenset({"project_id"}))
    own = caller.project or ""
    if project_id and project_id != own and caller.scope is not None:
        raise UnauthorizedError(f"Not Authorized to access project {project_id}")
    quotas = [{"resource": "alarms", "limit": alarming_of(parts).quota}]
    return answer({"project_id": project_id or own, "quotas": quotas})


@read.get("/v2/metrics", response_model=dict[str, Any])
async def show_metrics(caller: Caller) -> Response:
    """Nothing is counted here by alarm: as Aodh says where this is switched off."""
    raise ForbiddenError("metrics endpoint is disabled")
