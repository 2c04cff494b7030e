"""The Server Notifier: where Tacker registers the servers of a VNF, to be told to heal them.

Tacker's management driver sends no headers of its own, and may name the project by its name, which is not known here.
So whose a registration is follows from the token and from the server, and not from the address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.model.identity import Identity
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Kind, ResourceState, key_of
from nfvigil.model.subscription import Endpoint, Filter, Subscription
from nfvigil.model.tacker import FaultRow
from nfvigil.model.verdict import News
from nfvigil.model.vnf import VnfSource
from nfvigil.northbound.basic import with_token
from nfvigil.northbound.etags import HEADERS, answer
from nfvigil.northbound.fields import Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, WriteRoute, for_writers, problems
from nfvigil.northbound.parts import Have, Parts, note

OWNER = "tacker"
FORMAT = "tacker"
ROOT = "/server_notifier/v2/{tenant}/servers/{server_id}/alarms"
IDS_MAX = 100

_ACTION = re.compile(r"/vnf_instances/([^/?#]{1,255})/servers/([^/?#]{1,255})/notify/?$")
_PROJECT_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotifierRoute(WriteRoute):
    """Takes the token as the password of HTTP Basic as well: an address is all that Tacker can be given."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            return await handle(with_token(request))

        return answered


write = for_writers("tacker")
write.route_class = NotifierRoute

Tenant = Annotated[Text, Path(description="The project, by id or by name.")]
ServerId = Annotated[Text, Path(description="The server's id.")]
AlarmId = Annotated[Text, Path(description="As it was answered.")]
FaultId = Annotated[str, Field(min_length=1, max_length=255)]
Address = Annotated[str, Field(min_length=8, max_length=2048, pattern=r"^https?://[\x21-\x7E]+$")]


class ServerNotificationRegisterRequest(BaseModel):
    """Fields that a later Tacker adds are passed by."""

    model_config = ConfigDict(extra="ignore")
    fault_action: Annotated[Address | None, Field(description="Where faults are told.")] = None
    recovery_action: Annotated[Address | None, Field(description="Not told: Tacker has no use for it.")] = None
    fault_id: Annotated[
        FaultId | Annotated[list[FaultId], Field(max_length=IDS_MAX)] | None,
        Field(description="Of which faults, by the ids of the table; all of them if left out."),
    ] = None


class ServerNotificationRegisterResponse(Shape):
    alarm_id: str
    fault_action: str
    fault_id: list[str]


@write.post(
    ROOT,
    status_code=201,
    response_model=ServerNotificationRegisterResponse,
    responses=problems(404) | OF_A_BODY,
)
async def register_server(
    parts: Have, caller: Caller, tenant: Tenant, server_id: ServerId, body: ServerNotificationRegisterRequest
) -> Response:
    """Tell Tacker from now on when this server must be healed, and now if that is so already.

    The same registration again is the same. The VNF that `fault_action` names becomes known by it.
    """
    if body.fault_action is None:
        raise RefusedError("the registration is wrong", [FieldError("fault_action", "is needed")])
    project = _project(parts, caller, tenant, server_id)
    rows = _rows(parts, body.fault_id)
    try:
        parts.desk.check_endpoint(body.fault_action)
    except RefusedError as error:
        reason = "; ".join(one.reason for one in error.errors) or error.message
        raise RefusedError("the registration is wrong", [FieldError("fault_action", reason)]) from error
    alarm_id = stable_id("tacker", project, server_id, body.fault_action)
    vnf_id = _vnf_of(body.fault_action)
    subscription = Subscription(
        id=alarm_id,
        project=project,
        name=f"Tacker: {vnf_id or server_id}",
        filter=Filter(
            resource_ids=(key_of(Kind.SERVER, server_id),),
            resource_states=(ResourceState.DOWN, ResourceState.ERROR),
            fault_types=tuple(dict.fromkeys(glob for row in rows for glob in row.faults)),
            news=(News.RAISED,),
        ),
        endpoints=(Endpoint(id=stable_id(alarm_id, 0), url=body.fault_action, format=FORMAT),),
        created_us=parts.clock(),
        created_by=caller.name,
        owner=OWNER,
        extra={
            "vnf": vnf_id,
            "server": server_id,
            "rows": [
                {"fault_id": row.fault_id, "fault_type": row.fault_type.value, "faults": list(row.faults)}
                for row in rows
            ],
        },
    )
    known = await parts.store.subscription(alarm_id, project)
    if known is None or (known.filter, known.extra) != (subscription.filter, subscription.extra):
        if vnf_id:
            await parts.vnf.desk.add_server(project, vnf_id, server_id, source=VnfSource.TACKER, by=caller.name)
        covered = await parts.desk.subscribe(subscription)
        await note(parts, caller, "subscribed", alarm_id, OWNER)
        if covered and known is None:
            await parts.desk.tell(alarm_id, covered)
    shown = {
        "alarm_id": alarm_id,
        "fault_action": body.fault_action,
        "fault_id": [row.fault_id for row in rows],
    }
    return answer(shown, 201, {"Location": f"{_path(tenant, server_id)}/{alarm_id}"})


def _path(tenant: str, server_id: str) -> str:
    return ROOT.format(tenant=quote(tenant, safe=""), server_id=quote(server_id, safe=""))


def _project(parts: Parts, caller: Identity, tenant: str, server_id: str) -> str:
    """Whose registration it is. A project may name a server that no cloud has told of yet, or another's: it hears of
    its own servers only, and does not learn by the answer which of them there are.
    """
    if caller.scope is not None:
        if not caller.scope:
            raise ForbiddenError("your token speaks for no project")
        return caller.scope
    is_id = _PROJECT_ID.fullmatch(tenant) is not None
    project = parts.vnf.server_project(server_id) or (tenant if is_id else "")
    if not project or (is_id and project.replace("-", "") != tenant.replace("-", "")):
        raise NotFoundError("there is no such server in this project")
    return project


def _rows(parts: Parts, given: str | list[str] | None) -> tuple[FaultRow, ...]:
    table = parts.vnf.tacker_faults
    wanted = [given] if isinstance(given, str) else given or []
    rows = tuple(row for row in table if not wanted or row.fault_id in wanted)
    if not rows:
        known = ", ".join(dict.fromkeys(row.fault_id for row in table))
        raise RefusedError("the registration is wrong", [FieldError("fault_id", f"there are {known}")])
    return rows


def _vnf_of(action: str) -> str:
    match = _ACTION.search(action)
    return match.group(1) if match is not None else ""


@write.delete(f"{ROOT}/{{alarm_id}}", status_code=204, responses=problems(404))
async def unregister_server(
    parts: Have, caller: Caller, tenant: Tenant, server_id: ServerId, alarm_id: AlarmId
) -> Response:
    """Tell no more. With its last server the VNF is forgotten, if nobody but Tacker told of it."""
    found = await parts.store.subscription(alarm_id, caller.scope)
    if found is None or found.owner != OWNER or found.extra.get("server") != server_id:
        raise NotFoundError("there is no such registration")
    await parts.desk.unsubscribe(alarm_id)
    if found.extra.get("vnf"):
        await parts.vnf.desk.drop_server(found.project, found.extra["vnf"], server_id, source=VnfSource.TACKER)
    await note(parts, caller, "unsubscribed", alarm_id, OWNER)
    return Response(None, 204, HEADERS)
