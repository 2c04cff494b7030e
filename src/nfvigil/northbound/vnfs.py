"""VNFs that are known to us: so that an alarm says which of them, and which component of it, is hit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import Query as QueryParameters
from fastapi import Request, Response
from pydantic import Field

from nfvigil.errors import FieldError, ForbiddenError, RefusedError
from nfvigil.model.identity import Identity
from nfvigil.model.vnf import Vnf, Vnfc, VnfcInterface
from nfvigil.model.vnf_answers import VnfFilter
from nfvigil.northbound.etags import answer, require_match, tag_of_view
from nfvigil.northbound.fields import Body, MaybeText, Switch, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, shown
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.tagged import CREATED, ETAG
from nfvigil.northbound.vnf_scope import Of, OfProject, VnfId, find_vnf, owner_of
from nfvigil.northbound.vnf_views import VnfShape, told_view, vnf_view

read = for_readers("vnfs")
write = for_writers("vnfs")

VNFCS_MAX = 1000
INTERFACES_MAX = 100
"""Of one component."""
LIST_MAX = 100
RESERVED = frozenset({"changes", "import"})
"""Words of addresses below ``/v1/vnfs``, under which no VNF could be asked for."""


class InterfaceBody(Body):
    port: Annotated[Text, Field(description="Neutron's id of it.", examples=["178f4dd6-9c0e-4a4f-8f0a-2f4b1a7c9e55"])]
    name: Annotated[MaybeText, Field(description="What its user calls it.", examples=["oam"])] = ""
    manages_vdu: Annotated[Switch, Field(description="Its address is the component's management address.")] = False
    manages_vnf: Annotated[Switch, Field(description="Its address is the VNF's management address.")] = False


class VnfcBody(Body):
    server: Text
    id: Annotated[Text | None, Field(description="What the VNF's manager calls it; the server's id if left out.")] = (
        None
    )
    vdu: MaybeText = ""
    interfaces: Annotated[
        tuple[InterfaceBody, ...],
        Field(
            max_length=INTERFACES_MAX,
            description="Those that have a name, or a management address. The cloud says which others there are.",
        ),
    ] = ()


class VnfBody(Body):
    name: MaybeText = ""
    vnfcs: Annotated[tuple[VnfcBody, ...], Field(max_length=VNFCS_MAX)] = ()


class NewVnfBody(VnfBody):
    id: Annotated[Text | None, Field(description="The VNF manager's id; one is made if left out.")] = None
    project: Annotated[Text | None, Field(description="For administrators: whose it is.")] = None


class VnfParameters(Page):
    status: Annotated[
        tuple[Text, ...],
        Field(max_length=LIST_MAX, description="Nova's, or `DELETED`: with a component in it. Any of them fits."),
    ] = ()
    name: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX, description="Called so.")] = ()
    vim: Annotated[
        tuple[Text, ...],
        Field(max_length=LIST_MAX, description="With a component in this cloud; for those who see all projects."),
    ] = ()


def _vnfcs(given: Sequence[VnfcBody]) -> tuple[Vnfc, ...]:
    flaws = [flaw for number, one in enumerate(given) for flaw in _flaws(f"vnfcs[{number}]", one)]
    managing = [
        f"vnfcs[{number}].interfaces[{place}].manages_vnf"
        for number, one in enumerate(given)
        for place, interface in enumerate(one.interfaces)
        if interface.manages_vnf
    ]
    flaws += [FieldError(field, "only one interface can have the VNF's management address") for field in managing[1:]]
    if flaws:
        raise RefusedError("the VNF is wrong", flaws)
    return tuple(
        Vnfc(
            id=one.id or one.server,
            server=one.server,
            vdu=one.vdu,
            interfaces=tuple(VnfcInterface(**interface.model_dump()) for interface in one.interfaces),
        )
        for one in given
    )


def _flaws(field: str, vnfc: VnfcBody) -> list[FieldError]:
    ports: set[str] = set()
    flaws = []
    managing = 0
    for place, one in enumerate(vnfc.interfaces):
        if one.port in ports:
            flaws.append(FieldError(f"{field}.interfaces[{place}].port", "is named twice"))
        ports.add(one.port)
        managing += one.manages_vdu
        if one.manages_vdu and managing > 1:
            flaws.append(
                FieldError(
                    f"{field}.interfaces[{place}].manages_vdu",
                    "only one interface can have the component's management address",
                )
            )
    return flaws


@read.get("/v1/vnfs", response_model=Listing[VnfShape])
async def list_vnfs(parts: Have, caller: Caller, parameters: Annotated[VnfParameters, QueryParameters()]) -> Response:
    """The project's VNFs, or everybody's for an administrator: those that we were told of, and those that servers
    name in their metadata; each beside what its servers are now. A page may be short, and says where to go on.
    """
    if parameters.vim and caller.scope is not None:
        raise ForbiddenError("where servers are is for administrators", [FieldError("vim", "is not for projects")])
    wanted = VnfFilter(statuses=tuple(parameters.status), vims=tuple(parameters.vim), names=tuple(parameters.name))
    found = await parts.vnf.records.page(caller.scope, wanted, parameters.marker or "", parameters.limit)
    now_us = parts.clock()
    views = await shown(found.items, lambda one: vnf_view(one, caller.scope, now_us))
    return answer({"items": views, "next": found.following})


@write.post("/v1/vnfs", status_code=201, response_model=VnfShape, responses=problems(409) | OF_A_BODY | CREATED)
async def create_vnf(parts: Have, caller: Caller, body: NewVnfBody) -> Response:
    """Tell us of a VNF and its servers, which must be the project's own."""
    check_id(body.id)
    made = await parts.vnf.desk.create(
        Vnf(
            id=body.id or parts.new_id(),
            project=owner_of(body.project, caller),
            name=body.name,
            vnfcs=_vnfcs(body.vnfcs),
            created_by=caller.name,
        )
    )
    await note(parts, caller, "told of a VNF", made.id)
    return shown_vnf(parts, caller, made, 201)


def check_id(vnf_id: str | None, field: str = "id") -> None:
    """That it can be asked for, replaced and forgotten: it stands in addresses, and many decode them before a slash
    and a dot are looked at.
    """
    if vnf_id is not None and ("/" in vnf_id or vnf_id in (".", "..")):
        raise RefusedError("the VNF is wrong", [FieldError(field, "must have no '/', and not be '.' or '..'")])
    if vnf_id in RESERVED:
        raise RefusedError("the VNF is wrong", [FieldError(field, f"{vnf_id!r} is a word of this API")])


def shown_vnf(parts: Parts, caller: Identity, vnf: Vnf, status: int = 200) -> Response:
    """The ETag is of what was said of it: what its servers are changes by itself."""
    headers = {"ETag": tag_of_view(told_view(vnf))}
    if status == 201:
        headers["Location"] = f"/v1/vnfs/{quote(vnf.id, safe='')}"
    return answer(vnf_view(parts.vnf.records.standing(vnf), caller.scope, parts.clock()), status, headers)


@read.get("/v1/vnfs/{vnf_id}", response_model=VnfShape, responses=problems(404, 409) | ETAG)
async def show_vnf(parts: Have, caller: Caller, vnf_id: VnfId, of: Of) -> Response:
    """One VNF, and what its servers are now. The ETag is for changing it."""
    return shown_vnf(parts, caller, find_vnf(parts, caller, vnf_id, of.project))


@write.put("/v1/vnfs/{vnf_id}", response_model=VnfShape, responses=problems(404, 409, 412) | OF_A_BODY | ETAG)
async def replace_vnf(parts: Have, caller: Caller, request: Request, vnf_id: VnfId, of: Of, body: VnfBody) -> Response:
    """Its name and its components anew. Open alarms of its servers learn it without being told again."""
    known = _known(parts, caller, request, vnf_id, of)
    wanted = Vnf(id=known.id, project=known.project, name=body.name, vnfcs=_vnfcs(body.vnfcs))
    changed = await parts.vnf.desk.replace(wanted, was_us=known.changed_us)
    await note(parts, caller, "changed a VNF", vnf_id)
    return shown_vnf(parts, caller, changed)


@write.delete("/v1/vnfs/{vnf_id}", status_code=204, responses=problems(404, 409, 412))
async def forget_vnf(parts: Have, caller: Caller, request: Request, vnf_id: VnfId, of: Of) -> Response:
    """Forget what we were told of it, and its record. Alarms that stand keep its name until they are cleared."""
    known = _known(parts, caller, request, vnf_id, of)
    await parts.vnf.desk.remove(known.project, vnf_id)
    await note(parts, caller, "forgot a VNF", vnf_id)
    return Response(None, 204)


def _known(parts: Parts, caller: Identity, request: Request, vnf_id: str, of: OfProject) -> Vnf:
    known = find_vnf(parts, caller, vnf_id, of.project)
    require_match(request, told_view(known))
    return known
