"""The VES agent of a VIM in our own API: what is told of it to which collector, and how that goes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import Field

from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.ves import VesConfig
from nfvigil.northbound.etags import answer, require_match, tag_of_view
from nfvigil.northbound.fields import Body, MaybeText, Number, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.problems import PreconditionError
from nfvigil.northbound.tagged import ETAG
from nfvigil.northbound.ves.desk import VesDetail
from nfvigil.northbound.ves.views import VesShape, VesTestShape, desk_of, tagged_view, test_view, ves_view
from nfvigil.northbound.vims import VimName
from nfvigil.ves.config import BACKLOGS_MAX, INTERVAL_MAX, INTERVAL_MIN, PEM_MAX, SECRET_MAX, URL_MAX

administer = for_administrators("ves")

ROOT = "vesagent_config"
Pem = Annotated[str, Field(max_length=PEM_MAX)]
Interval = Annotated[Number, Field(ge=INTERVAL_MIN, le=INTERVAL_MAX)]


class CollectorBody(Body):
    endpoint: Annotated[
        str,
        Field(min_length=1, max_length=URL_MAX, description="It ends with `/eventListener/v5` or `/eventListener/v7`."),
    ]
    username: MaybeText | None = None
    password: Annotated[
        str | None, Field(max_length=SECRET_MAX, description="`***` leaves it as it was.", repr=False)
    ] = None
    ca: Annotated[Pem | None, Field(description="PEM: certificates to believe beside the system's.")] = None
    client_cert: Annotated[Pem | None, Field(description="PEM: with which we say who we are.")] = None
    client_key: Annotated[Pem | None, Field(description="PEM; `***` leaves it as it was.", repr=False)] = None


class BacklogBody(Body):
    domain: Annotated[MaybeText, Field(description="`fault`, `measurement` or `heartbeat`.")]
    type: Annotated[MaybeText | None, Field(description="`vm` or `host`.")] = None
    tenant: Annotated[MaybeText | None, Field(description="The project, by name or id; everybody's if left out.")] = (
        None
    )
    tenantid: MaybeText | None = None
    source: Annotated[MaybeText | None, Field(description="A server's or host's name; all if left out.")] = None
    sourceid: MaybeText | None = None
    poll_interval: Interval | None = None


class VesBody(Body):
    """ONAP's `vesagent_config`."""

    ves_subscription: CollectorBody
    poll_interval_default: Interval | None = None
    backlogs: Annotated[tuple[BacklogBody, ...], Field(max_length=BACKLOGS_MAX)] = ()
    faults: Annotated[
        Text | Annotated[list[Text], Field(min_length=1, max_length=100)] | None,
        Field(description="Which states of a server are faults: `default`, `onap`, or the states."),
    ] = None
    heartbeat_interval: Annotated[
        Annotated[Number, Field(ge=0, le=INTERVAL_MAX)] | None, Field(description="Seconds; 0 for none.")
    ] = None


def _config(parts: Parts, name: str) -> VesConfig:
    found = desk_of(parts).config(name)
    if found is None:
        raise NotFoundError("the VES agent is not configured for this VIM")
    return found


def _shown(detail: VesDetail) -> Response:
    """The ETag is the configuration's: how it stands changes by itself."""
    return answer(ves_view(detail), 200, {"ETag": tag_of_view(tagged_view(detail.config))})


@administer.get("/v1/vims/{name}/ves", response_model=VesShape, responses=problems(404) | ETAG)
async def show_ves(parts: Have, caller: Caller, name: VimName) -> Response:
    """What is told of a VIM to which VES collector, what stands there, and how the delivery goes."""
    detail = await desk_of(parts).show(name)
    if detail is None:
        raise NotFoundError("the VES agent is not configured for this VIM")
    return _shown(detail)


@administer.put("/v1/vims/{name}/ves", response_model=VesShape, responses=problems(404, 409, 412) | ETAG | OF_A_BODY)
async def configure_ves(parts: Have, caller: Caller, request: Request, name: VimName, body: VesBody) -> Response:
    """Say what is told of a VIM to which VES collector, in place of what was. Entries that cannot be served are named
    in `refused`; where none can be, it is refused as a whole, and everything stays as it was.
    """
    desk = desk_of(parts)
    was = None
    if "if-match" in request.headers:
        was = desk.config(name)
        if was is None:
            raise PreconditionError("the VES agent is not configured for this VIM")
        require_match(request, tagged_view(was))
    try:
        detail = await desk.put(name, {ROOT: _document(body)}, by=caller.name, was=was)
    except RefusedError as error:
        raise _in_our_words(error) from error
    await note(parts, caller, "configured the VES agent", name, detail.config.ves_subscription.endpoint)
    return _shown(detail)


def _document(body: VesBody) -> dict[str, Any]:
    return body.model_dump(exclude_none=True, exclude_unset=True, mode="json")


def _in_our_words(error: RefusedError) -> RefusedError:
    """Fields as they were sent here: without what ONAP's clients put around them."""
    error.errors = tuple(FieldError(one.field.removeprefix(f"{ROOT}."), one.reason, one.line) for one in error.errors)
    return error


@administer.delete("/v1/vims/{name}/ves", status_code=204, responses=problems(404, 412))
async def remove_ves(parts: Have, caller: Caller, request: Request, name: VimName) -> Response:
    """Tell its collector no more. What stands there is cleared first; what it has not taken within seconds is dropped,
    and what was told is forgotten.
    """
    require_match(request, tagged_view(_config(parts, name)))
    await desk_of(parts).remove(name)
    await note(parts, caller, "removed the VES agent's configuration", name)
    return Response(None, 204)


@administer.post("/v1/vims/{name}/ves/test", response_model=VesTestShape, responses=problems(404, 409))
async def test_ves(parts: Have, caller: Caller, name: VimName) -> Response:
    """Send its collector a heartbeat now, past everything that waits, and say what it answered."""
    found = await desk_of(parts).test(name)
    await note(parts, caller, "tried the VES collector", name, f"status {found.status}")
    return answer(test_view(found))
