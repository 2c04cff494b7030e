"""VNFs that are known to us: so that an alarm says which of them, and which component of it, is hit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.model.identity import Identity
from nfvigil.model.times import iso
from nfvigil.model.vnf import Vnf, Vnfc, VnfSource
from nfvigil.northbound.etags import answer, require_match, tagged_answer
from nfvigil.northbound.fields import Body, MaybeText, Query, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.shapes import Id, Time
from nfvigil.northbound.tagged import CREATED, ETAG, NOT_MODIFIED

read = for_readers("vnfs")
write = for_writers("vnfs")

VnfId = Annotated[Text, Path(description="The VNF instance's id.")]
VNFCS_MAX = 1000


class OfProject(Query):
    project: Annotated[
        Text | None, Field(description="For administrators, where several projects have one of this id.")
    ] = None


Of = Annotated[OfProject, QueryParameters()]


class VnfcBody(Body):
    server: Text
    id: Annotated[Text | None, Field(description="What the VNF's manager calls it; the server's id if left out.")] = (
        None
    )
    vdu: MaybeText = ""


class VnfBody(Body):
    name: MaybeText = ""
    vnfcs: Annotated[tuple[VnfcBody, ...], Field(max_length=VNFCS_MAX)] = ()


class NewVnfBody(VnfBody):
    id: Annotated[Text | None, Field(description="The VNF manager's id; one is made if left out.")] = None
    project: Annotated[Text | None, Field(description="For administrators: whose it is.")] = None


class VnfcShape(Shape):
    id: Id
    server_id: Id
    vdu: str


class VnfShape(Shape):
    id: Id
    project_id: str
    name: str
    vnfcs: list[VnfcShape]
    source: VnfSource
    created_time: Time | None
    """Null for one that is known by its servers' metadata only."""
    changed_time: Time | None
    created_by: str


def vnf_view(vnf: Vnf) -> dict[str, Any]:
    return {
        "id": vnf.id,
        "project_id": vnf.project,
        "name": vnf.name,
        "vnfcs": [{"id": one.id, "server_id": one.server, "vdu": one.vdu} for one in vnf.vnfcs],
        "source": vnf.source.value,
        "created_time": iso(vnf.created_us) if vnf.created_us else None,
        "changed_time": iso(vnf.changed_us) if vnf.changed_us else None,
        "created_by": vnf.created_by,
    }


def _vnfcs(given: Sequence[VnfcBody]) -> tuple[Vnfc, ...]:
    return tuple(Vnfc(id=one.id or one.server, server=one.server, vdu=one.vdu) for one in given)


def _scope(caller: Identity, of: OfProject) -> str | None:
    """Whose VNFs are meant: the caller's, or those of the project that one who sees all names."""
    if of.project is not None and caller.scope not in (None, of.project):
        raise NotFoundError("there is no such VNF")
    return of.project if of.project is not None else caller.scope


@read.get("/v1/vnfs", response_model=Listing[VnfShape])
async def list_vnfs(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """The project's VNFs, or everybody's for an administrator: those that we were told of, and those that servers
    name in their metadata.
    """
    found = parts.vnf.desk.vnfs(caller.scope, parameters.marker or "", parameters.limit)
    return answer(await page(found, parameters.limit, lambda one: f"{one.project}/{one.id}", vnf_view))


@write.post("/v1/vnfs", status_code=201, response_model=VnfShape, responses=problems(409) | OF_A_BODY | CREATED)
async def create_vnf(parts: Have, caller: Caller, request: Request, body: NewVnfBody) -> Response:
    """Tell us of a VNF and its servers, which must be the project's own."""
    made = await parts.vnf.desk.create(
        Vnf(
            id=body.id or parts.new_id(),
            project=_owner(body.project, caller),
            name=body.name,
            vnfcs=_vnfcs(body.vnfcs),
            created_by=caller.name,
        )
    )
    await note(parts, caller, "told of a VNF", made.id)
    return tagged_answer(request, vnf_view(made), 201, {"Location": f"/v1/vnfs/{quote(made.id, safe='')}"})


def _owner(wanted: str | None, caller: Identity) -> str:
    if caller.is_admin:
        if not wanted:
            raise RefusedError("the VNF is wrong", [FieldError("project", "is needed: whose VNF it is")])
        return wanted
    if not caller.scope:
        raise ForbiddenError("your token speaks for no project, so it has no VNFs")
    if wanted is not None and wanted != caller.scope:
        raise ForbiddenError("you can only tell of your own VNFs", [FieldError("project", f"is not {caller.scope}")])
    return caller.scope


@read.get("/v1/vnfs/{vnf_id}", response_model=VnfShape, responses=problems(404, 409) | ETAG | NOT_MODIFIED)
async def show_vnf(parts: Have, caller: Caller, request: Request, vnf_id: VnfId, of: Of) -> Response:
    """One VNF, with its ETag."""
    return tagged_answer(request, vnf_view(parts.vnf.desk.vnf(vnf_id, _scope(caller, of))))


@write.put("/v1/vnfs/{vnf_id}", response_model=VnfShape, responses=problems(404, 409, 412) | OF_A_BODY | ETAG)
async def replace_vnf(parts: Have, caller: Caller, request: Request, vnf_id: VnfId, of: Of, body: VnfBody) -> Response:
    """Its name and its components anew. Open alarms of its servers learn it without being told again."""
    known = _known(parts, caller, request, vnf_id, of)
    wanted = Vnf(id=known.id, project=known.project, name=body.name, vnfcs=_vnfcs(body.vnfcs))
    changed = await parts.vnf.desk.replace(wanted, was_us=known.changed_us)
    await note(parts, caller, "changed a VNF", vnf_id)
    return tagged_answer(request, vnf_view(changed))


@write.delete("/v1/vnfs/{vnf_id}", status_code=204, responses=problems(404, 409, 412))
async def forget_vnf(parts: Have, caller: Caller, request: Request, vnf_id: VnfId, of: Of) -> Response:
    """Forget what we were told of it. Alarms that stand keep its name until they are cleared."""
    known = _known(parts, caller, request, vnf_id, of)
    await parts.vnf.desk.remove(known.project, vnf_id)
    await note(parts, caller, "forgot a VNF", vnf_id)
    return Response(None, 204)


def _known(parts: Parts, caller: Identity, request: Request, vnf_id: str, of: OfProject) -> Vnf:
    known = parts.vnf.desk.vnf(vnf_id, _scope(caller, of))
    require_match(request, vnf_view(known))
    return known
