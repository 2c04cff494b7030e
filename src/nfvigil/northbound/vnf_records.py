"""What became of a VNF's components, and the cloud's own words on them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import Query as QueryParameters
from fastapi import Response
from pydantic import Field

from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.vnf_answers import HistoryQuery
from nfvigil.model.vnf_record import ChangeKind, VduDetails
from nfvigil.northbound.etags import HEADERS, answer
from nfvigil.northbound.fields import Moment, Shape, Text
from nfvigil.northbound.guarded import Caller, for_readers, problems
from nfvigil.northbound.paging import Listing, Page, shown
from nfvigil.northbound.parts import Have
from nfvigil.northbound.shapes import Id
from nfvigil.northbound.vnf_scope import OfProject, OfWhom, VnfId, find_vnf
from nfvigil.northbound.vnf_veil import veiled_change, veiled_details
from nfvigil.northbound.vnf_views import LineShape, line_view
from nfvigil.vnf.words import text_of

read = for_readers("vnfs")

LIST_MAX = 100
ANSWER_MAX_BYTES = 4 << 20
"""Of the clouds' words; one component's are shown whole."""
YAML = "application/yaml"
NEXT = "NFVigil-Next"
"""The marker of the next page, percent-encoded, where the answer has no room for it."""


class HistoryParameters(Page):
    project: OfWhom = None
    component: Annotated[Text | None, Field(description="Of this component only.")] = None
    kind: Annotated[
        tuple[ChangeKind, ...], Field(max_length=LIST_MAX, description="Only lines about that; repeat it.")
    ] = ()
    since: Annotated[Moment | None, Field(description="Then or later.")] = None


class Form(StrEnum):
    JSON = "json"
    YAML = "yaml"


class DetailsParameters(OfProject):
    component: Annotated[Text | None, Field(description="Of this component only.")] = None
    format: Annotated[Form, Field(description="`yaml`: text as OSM writes it into its records.")] = Form.JSON
    marker: Annotated[Text | None, Field(description="`next` of the page before.")] = None


class DetailsShape(Shape):
    component_id: Id
    server: dict[str, Any] | None
    """Nova's words, without `user_data`; null where they are not known. A project is shown what is its own."""
    ports: dict[str, dict[str, Any]]
    """Neutron's words, by port."""


@read.get("/v1/vnfs/{vnf_id}/history", response_model=Listing[LineShape], responses=problems(404, 409))
async def show_vnf_history(
    parts: Have, caller: Caller, vnf_id: VnfId, parameters: Annotated[HistoryParameters, QueryParameters()]
) -> Response:
    """What became of its components, the oldest first: each change of status, host, address, interface and message.

    A page may be short, and says where to go on.
    """
    vnf = find_vnf(parts, caller, vnf_id, parameters.project)
    wanted = HistoryQuery(
        component=parameters.component,
        kinds=tuple(parameters.kind),
        since_us=parameters.since,
        after=_number(parameters.marker),
        limit=parameters.limit,
    )
    found = await parts.vnf.records.history(vnf, wanted)
    changes = [line.change for line in found.lines]
    if caller.scope is not None:
        veiled = [veiled_change(one, caller.scope) for one in changes]
        changes = [one for one in veiled if one is not None]
    following = None if found.following is None else str(found.following)
    return answer({"items": await shown(changes, line_view), "next": following})


def _number(marker: str | None) -> int:
    if marker is None:
        return 0
    if not (marker.isascii() and marker.isdecimal() and len(marker) < 20 and int(marker) < 1 << 63):
        raise RefusedError("the request is wrong", [FieldError("marker", "is not the `next` of a page of this list")])
    return int(marker)


_AS_YAML: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {YAML: {"schema": {"type": "string"}}},
        "headers": {NEXT: {"description": "Of text: the marker of the next page.", "schema": {"type": "string"}}},
    }
}


@read.get("/v1/vnfs/{vnf_id}/details", response_model=Listing[DetailsShape], responses=problems(404, 409) | _AS_YAML)
async def show_vnf_details(
    parts: Have, caller: Caller, vnf_id: VnfId, parameters: Annotated[DetailsParameters, QueryParameters()]
) -> Response:
    """The cloud's own words on its components, as of the last listing. A VNF without a record has none."""
    vnf = find_vnf(parts, caller, vnf_id, parameters.project)
    if parameters.component is not None and all(one.id != parameters.component for one in vnf.vnfcs):
        raise NotFoundError("there is no such component")
    known = await parts.vnf.records.details(vnf)
    some, following = _page(known, parameters, caller.scope)
    if parameters.format is Form.YAML:
        more = {} if following is None else {NEXT: quote(following, safe="")}
        return Response("".join(_text(*one) for one in some.items()), 200, HEADERS | more, media_type=YAML)
    return answer({"items": [_view(*one) for one in some.items()], "next": following})


def _page(
    known: Mapping[str, VduDetails], parameters: DetailsParameters, scope: str | None
) -> tuple[dict[str, VduDetails], str | None]:
    """As much as one answer holds, and where the next goes on."""
    some: dict[str, VduDetails] = {}
    size = 0
    for component in sorted(known):
        if parameters.component not in (None, component) or component <= (parameters.marker or ""):
            continue
        details = known[component] if scope is None else veiled_details(known[component])
        size += len(details.server) + sum(map(len, details.ports.values()))
        if some and size > ANSWER_MAX_BYTES:
            return some, list(some)[-1]
        some[component] = details
    return some, None


def _view(component: str, details: VduDetails) -> dict[str, Any]:
    return {
        "component_id": component,
        "server": msgspec.Raw(details.server) if details.server else None,
        "ports": {port: msgspec.Raw(body) for port, body in details.ports.items() if body},
    }


def _text(component: str, details: VduDetails) -> str:
    """A document for the server and for each port, as OSM's ``vim_details`` and ``vim_info`` have them."""
    whose = msgspec.json.encode(component).decode()
    documents = [(f"server of component {whose}", details.server)] if details.server else []
    documents += [(f"port {port} of component {whose}", body) for port, body in details.ports.items() if body]
    return "".join(f"--- # {title}\n{text_of(body).rstrip()}\n" for title, body in documents)
