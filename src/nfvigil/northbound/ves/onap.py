"""ONAP MultiCloud's API of the VES agent, at the paths of both of its plugins: what is told of a cloud region."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import msgspec
from fastapi import Body as JsonBody
from fastapi import Path, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from nfvigil.errors import NfvigilError
from nfvigil.model.identity import Identity
from nfvigil.model.secret_fields import HIDDEN
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Shape, Text
from nfvigil.northbound.guarded import AdminRoute, Caller, for_administrators
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.problems import problem_of, validation_problem
from nfvigil.northbound.ves.desk import VesDetail, shown_errors
from nfvigil.northbound.ves.views import desk_of
from nfvigil.ves.config import backlog_document, config_document

ROOTS = ("/api/multicloud-fcaps", "/api/multicloud-titaniumcloud")
V0 = "/v0/{vimid}/vesagent"
V1 = "/v1/{cloud_owner}/{cloud_region_id}/vesagent"

VimId = Annotated[Text, Path(description="The cloud's owner and its region, with `_` between them.")]
CloudOwner = Annotated[Text, Path(description="The cloud's owner.")]
CloudRegion = Annotated[Text, Path(description="The region.")]
Document = Annotated[
    Any,
    JsonBody(
        description='`{"vesagent_config": {...}}`; left out, it is the one that is stored with the VIM.',
        openapi_examples={
            "all servers of a tenant": {
                "value": {
                    "vesagent_config": {
                        "ves_subscription": {
                            "endpoint": "http://collector.example:8080/eventListener/v7",
                            "username": "agent",
                            "password": "secret",
                        },
                        "poll_interval_default": 10,
                        "backlogs": [{"domain": "fault", "type": "vm", "tenant": "core"}],
                    }
                }
            }
        },
    ),
]


class Reason(Shape):
    field: str
    reason: str


class VesAgentError(Shape):
    """An error as ONAP's API has it, and every reason beside it."""

    error: str
    reasons: list[Reason]


class VesAgentShape(Shape):
    vesagent_config: dict[str, Any] | None
    """Null where the agent is not configured. Its password is shown as `***`, and sent back so it stays."""
    vesagent_backlogs: list[dict[str, Any]]
    refused: list[Reason]
    """Entries of `backlogs` that there is no backlog of."""


class VesAgentRoute(AdminRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def in_its_form(request: Request) -> Response:
            try:
                return await handle(request)
            except (NfvigilError, RequestValidationError, HTTPException) as error:
                return _fault(error)

        return in_its_form


def _fault(error: NfvigilError | RequestValidationError | HTTPException) -> Response:
    """The status and the headers of our own API."""
    if isinstance(error, HTTPException):
        return _failed(error.status_code, {"error": str(error.detail)}, dict(error.headers or {}))
    ours = validation_problem(error) if isinstance(error, RequestValidationError) else problem_of(error)
    told = msgspec.json.decode(bytes(ours.body))
    kept = {name: ours.headers[name] for name in ("retry-after", "www-authenticate") if name in ours.headers}
    reasons = [{"field": one["field"], "reason": one["reason"]} for one in told.get("errors", ())]
    message = "; ".join([told["detail"], *(f"{one['field']}: {one['reason']}" for one in reasons)])
    return _failed(ours.status_code, {"error": message, "reasons": reasons}, kept)


def _failed(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode({"reasons": [], **body}), status, headers, media_type="application/json")


administer = for_administrators("ves agent")
administer.route_class = VesAgentRoute
administer.responses = {
    400: {"description": "Nothing of it can be served; `reasons` says why, by entry.", "model": VesAgentError},
    404: {"description": "No VIM is known by this name.", "model": VesAgentError},
    "default": {"description": "Another error.", "model": VesAgentError},
}


def _view(detail: VesDetail | None) -> dict[str, Any]:
    if detail is None:
        return {"vesagent_config": None, "vesagent_backlogs": [], "refused": []}
    config = config_document(detail.config)
    if detail.has_password:
        config["ves_subscription"]["password"] = HIDDEN
    if detail.has_key:
        config["ves_subscription"]["client_key"] = HIDDEN
    return {
        "vesagent_config": config,
        "vesagent_backlogs": [backlog_document(one.backlog) for one in detail.backlogs],
        "refused": shown_errors(detail.refusals),
    }


def _vim_of_id(parts: Parts, vimid: str) -> str:
    owner, sign, region = vimid.partition("_")
    return desk_of(parts).vim_of(vimid, *([region] if sign and owner and region else []))


def _vim_of_region(parts: Parts, owner: str, region: str) -> str:
    return desk_of(parts).vim_of(f"{owner}_{region}", region)


async def _show(parts: Parts, vim: str) -> Response:
    return answer(_view(await desk_of(parts).show(vim)))


async def _configure(parts: Parts, caller: Identity, vim: str, document: Any) -> Response:
    if document == {} or document == {"vesagent_config": None}:
        document = None
    detail = await desk_of(parts).put(vim, document, by=caller.name)
    await note(parts, caller, "configured the VES agent", vim, detail.config.ves_subscription.endpoint)
    return answer(_view(detail), 201)


async def _remove(parts: Parts, caller: Identity, vim: str) -> Response:
    await desk_of(parts).remove(vim)
    await note(parts, caller, "removed the VES agent's configuration", vim)
    return answer({})


@administer.get(ROOTS[0] + V0, response_model=VesAgentShape)
@administer.get(ROOTS[1] + V0, response_model=VesAgentShape)
async def show_vesagent(parts: Have, caller: Caller, vimid: VimId) -> Response:
    """What is told of a cloud to its VES collector, as ONAP's clients know it."""
    return await _show(parts, _vim_of_id(parts, vimid))


@administer.post(ROOTS[0] + V0, status_code=201, response_model=VesAgentShape)
@administer.post(ROOTS[1] + V0, status_code=201, response_model=VesAgentShape)
async def configure_vesagent(parts: Have, caller: Caller, vimid: VimId, document: Document = None) -> Response:
    """Say what is told of a cloud to which VES collector, in place of what was. 201 with what is looked at from now on;
    400 where nothing of it can be served.
    """
    return await _configure(parts, caller, _vim_of_id(parts, vimid), document)


@administer.delete(ROOTS[0] + V0)
@administer.delete(ROOTS[1] + V0)
async def remove_vesagent(parts: Have, caller: Caller, vimid: VimId) -> Response:
    """Tell the collector no more: what stands there is cleared, then the configuration goes, and all that is remembered
    for it. A collector that does not take the clears within seconds is not waited for.
    """
    return await _remove(parts, caller, _vim_of_id(parts, vimid))


@administer.get(ROOTS[0] + V1, response_model=VesAgentShape)
@administer.get(ROOTS[1] + V1, response_model=VesAgentShape)
async def show_vesagent_of_region(
    parts: Have, caller: Caller, cloud_owner: CloudOwner, cloud_region_id: CloudRegion
) -> Response:
    """The same by owner and region."""
    return await _show(parts, _vim_of_region(parts, cloud_owner, cloud_region_id))


@administer.post(ROOTS[0] + V1, status_code=201, response_model=VesAgentShape)
@administer.post(ROOTS[1] + V1, status_code=201, response_model=VesAgentShape)
async def configure_vesagent_of_region(
    parts: Have, caller: Caller, cloud_owner: CloudOwner, cloud_region_id: CloudRegion, document: Document = None
) -> Response:
    """The same by owner and region."""
    return await _configure(parts, caller, _vim_of_region(parts, cloud_owner, cloud_region_id), document)


@administer.delete(ROOTS[0] + V1)
@administer.delete(ROOTS[1] + V1)
async def remove_vesagent_of_region(
    parts: Have, caller: Caller, cloud_owner: CloudOwner, cloud_region_id: CloudRegion
) -> Response:
    """The same by owner and region."""
    return await _remove(parts, caller, _vim_of_region(parts, cloud_owner, cloud_region_id))
