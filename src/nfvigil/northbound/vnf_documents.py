"""VNFs as OSM's records: taken over from one, and written as one."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query as QueryParameters
from fastapi import Response
from msgspec.structs import replace
from pydantic import AfterValidator, Field

from nfvigil.errors import FieldError, ForbiddenError, RefusedError
from nfvigil.model.vnf_answers import Imported, VnfStanding
from nfvigil.northbound.etags import answer, tag_of_view
from nfvigil.northbound.fields import Body, Flag, Query, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.parts import Have, note
from nfvigil.northbound.plain_json import plain_json
from nfvigil.northbound.tagged import CREATED
from nfvigil.northbound.vnf_scope import Of, VnfId, find_vnf, owner_of
from nfvigil.northbound.vnf_veil import veiled_details, veiled_record, without_places
from nfvigil.northbound.vnf_views import VnfShape, told_view, vnf_view
from nfvigil.northbound.vnfs import check_id

read = for_readers("vnfs")
write = for_writers("vnfs")

DEPTH_MAX = 32
ENTRIES_MAX = 100_000
VIMS_MAX = 1000

Document = Annotated[
    dict[str, Any], AfterValidator(plain_json(depth=DEPTH_MAX, entries=ENTRIES_MAX)), Field(max_length=1000)
]


EXAMPLE: dict[str, Any] = {
    "id": "0c1d2e3f",
    "vnfd-ref": "epc_vnfd",
    "vdur": [
        {
            "id": "4d5e6f70",
            "vdu-id-ref": "mme",
            "status": "ACTIVE",
            "interfaces": [{"name": "eth0", "mgmt-interface": True, "mgmt-vnf": True}],
            "vim_info": {
                "vim:a1b2c3d4": {
                    "vim_id": "0b7c5d9e",
                    "vim_status": "ACTIVE",
                    "interfaces": [{"vim_interface_id": "178f4dd6", "ip_address": "10.0.0.1"}],
                }
            },
        }
    ],
}


class ImportBody(Body):
    vnfr: Annotated[
        Document,
        Field(description="OSM's record, as its database or its northbound interface has it.", examples=[EXAMPLE]),
    ]
    project: Annotated[Text | None, Field(description="For administrators: whose it is.")] = None
    vims: Annotated[
        dict[Text, Text],
        Field(
            default_factory=dict,
            max_length=VIMS_MAX,
            description="For administrators: our names of OSM's VIM accounts, by their ids. Needed where no cloud has "
            "told of a server yet.",
        ),
    ]


class ImportParameters(Query):
    dry_run: Annotated[Flag, Field(description="Say what it would be, and keep nothing.")] = False


class ImportedShape(Shape):
    vnf: VnfShape
    notes: list[str]
    """What whoever sent it should look at, such as a server that no cloud has told of."""


_TRIED: dict[int | str, dict[str, Any]] = {
    200: {"model": ImportedShape, "description": "What it would be (`dry_run`)."}
}
_IMPORTED = problems(409) | OF_A_BODY | _TRIED | CREATED


@write.post(
    "/v1/vnfs/import",
    status_code=201,
    response_model=ImportedShape,
    responses=problems(409) | OF_A_BODY | _TRIED | CREATED,
)
async def import_vnf(
    parts: Have, caller: Caller, body: ImportBody, parameters: Annotated[ImportParameters, QueryParameters()]
) -> Response:
    """Take a VNF over from OSM's record of it: its components, their interfaces, and how they were last seen. What
    the record says beside that is kept, and comes out again with an export.
    """
    if body.vims and caller.scope is not None:
        raise ForbiddenError(
            "which clouds there are is for administrators", [FieldError("vims", "is not for projects")]
        )
    clouds = {one.account.name for one in parts.vims.details()}
    flaws = [
        FieldError(f"vims.{account}", "is no VIM of ours") for account, vim in body.vims.items() if vim not in clouds
    ]
    if flaws:
        raise RefusedError("the VNF is wrong", flaws)
    found = parts.vnf.records.read(
        body.vnfr,
        project=owner_of(body.project, caller),
        vims=body.vims,
        by=caller.name,
        may_name_unknown=caller.scope is None,
    )
    if caller.scope is not None:
        found = replace(found, record=without_places(found.record))
    check_id(found.vnf.id, "vnfr.id")
    if parameters.dry_run:
        would = VnfStanding(vnf=found.vnf, record=found.record, recorded=frozenset(one.id for one in found.vnf.vnfcs))
        return answer(_view(found, would, caller.scope, parts.clock()))
    made = await parts.vnf.records.keep(found)
    await note(parts, caller, "imported a VNF", made.id)
    headers = {"ETag": tag_of_view(told_view(made)), "Location": f"/v1/vnfs/{quote(made.id, safe='')}"}
    return answer(_view(found, parts.vnf.records.standing(made), caller.scope, parts.clock()), 201, headers)


def _view(found: Imported, standing: VnfStanding, scope: str | None, now_us: int) -> dict[str, Any]:
    return {"vnf": vnf_view(standing, scope, now_us), "notes": list(found.notes)}


@read.get("/v1/vnfs/{vnf_id}/vnfr", response_model=dict[str, Any], responses=problems(404, 409))
async def export_vnf(parts: Have, caller: Caller, vnf_id: VnfId, of: Of) -> Response:
    """The VNF as OSM's record: components with status, addresses and the cloud's own words, under OSM's keys. A
    project's has no hosts, and nothing of how ports are bound.
    """
    vnf = find_vnf(parts, caller, vnf_id, of.project)
    known = await parts.vnf.records.details(vnf)
    record = parts.vnf.records.standing(vnf).record
    if caller.scope is not None:
        record = veiled_record(record, caller.scope)
        known = {one: veiled_details(details) for one, details in known.items()}
    return answer(parts.vnf.records.export(vnf, record, known))
