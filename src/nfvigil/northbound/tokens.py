"""Tokens, and the keys that monitors sign with: who has one, make one, take one back. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Path, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import NotFoundError
from nfvigil.model.identity import Role
from nfvigil.model.times import iso, iso_or_none
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Body, MaybeText, Moment, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, note
from nfvigil.northbound.shapes import Time
from nfvigil.store.records import MonitorKeyRecord, TokenRecord

administer = for_administrators("tokens")

SHOWN_ONCE = {"Cache-Control": "no-store"}
"""No cache may keep a secret, also not the caller's own."""
CREATED: dict[int | str, dict[str, Any]] = {
    201: {"headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}}
}

TokenId = Annotated[Text, Path(description="The id of the token.")]
KeyId = Annotated[Text, Path(description="The id of the key.")]
Expires = Annotated[Moment | None, Field(description="When it ends; never if left out.")]

Record = TypeVar("Record", TokenRecord, MonitorKeyRecord)


class TokenBody(Body):
    role: Role
    project: Annotated[
        Text | None, Field(description="For whom it speaks: a member and a manager need one, monitors have none.")
    ] = None
    name: Annotated[MaybeText, Field(description="Who has it, for the audit log; the role if left out.")] = ""
    expires_time: Expires = None


class MonitorKeyBody(Body):
    name: Annotated[Text, Field(description="Who signs with it.")]
    expires_time: Expires = None


class TokenHead(Shape):
    """A token, of which only the hash is kept."""

    id: str
    name: str
    project: str | None
    role: Role
    created_time: Time
    expires_time: Time | None
    revoked_time: Time | None


class TokenMade(TokenHead):
    token: str
    """Shown this once."""


class MonitorKeyHead(Shape):
    """A key that a monitor signs with."""

    id: str
    name: str
    created_time: Time
    created_by: str
    expires_time: Time | None
    revoked_time: Time | None


class MonitorKeyMade(MonitorKeyHead):
    key: str
    """Shown this once: `whsec_` and base64."""


def token_view(record: TokenRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "project": record.project,
        "role": record.role.value,
        "created_time": iso(record.created_us),
        "expires_time": iso_or_none(record.expires_us),
        "revoked_time": iso_or_none(record.revoked_us),
    }


def monitor_key_view(record: MonitorKeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "created_time": iso(record.created_us),
        "created_by": record.created_by,
        "expires_time": iso_or_none(record.expires_us),
        "revoked_time": iso_or_none(record.revoked_us),
    }


def _after(records: Sequence[Record], marker: str | None, limit: int) -> Sequence[Record]:
    """They are sorted by id here, which stays when others come and go."""
    return sorted((one for one in records if one.id > (marker or "")), key=lambda one: one.id)[:limit]


@administer.get("/v1/tokens", response_model=Listing[TokenHead])
async def list_tokens(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """Whom there are tokens for, by id; also expired and revoked ones."""
    found = _after(await parts.credentials.tokens(), parameters.marker, parameters.limit)
    return answer(await page(found, parameters.limit, lambda one: one.id, token_view))


@administer.post("/v1/tokens", status_code=201, response_model=TokenMade, responses=CREATED | OF_A_BODY)
async def create_token(parts: Have, caller: Caller, body: TokenBody) -> Response:
    """Make a token. It is in the answer, and nowhere else: only its hash is kept."""
    record, token = await parts.credentials.create_token(
        role=body.role, project=body.project, name=body.name, expires_us=body.expires_time
    )
    await note(parts, caller, "made a token", record.id, f"{record.role} {record.project or '-'} {record.name}")
    headers = SHOWN_ONCE | {"Location": f"/v1/tokens/{record.id}"}
    return answer({**token_view(record), "token": token}, 201, headers)


@administer.get("/v1/tokens/{id}", response_model=TokenHead, responses=problems(404))
async def show_token(parts: Have, caller: Caller, id: TokenId) -> Response:
    """One token."""
    found = next((one for one in await parts.credentials.tokens() if one.id == id), None)
    if found is None:
        raise NotFoundError("there is no such token")
    return answer(token_view(found))


@administer.delete("/v1/tokens/{id}", status_code=204, responses=problems(404))
async def revoke_token(parts: Have, caller: Caller, id: TokenId) -> Response:
    """Take a token back. It is not believed any more when this returns."""
    record = await parts.credentials.revoke_token(id)
    await note(parts, caller, "revoked a token", record.id, f"{record.role} {record.project or '-'} {record.name}")
    return Response(None, 204)


@administer.get("/v1/monitor-keys", response_model=Listing[MonitorKeyHead])
async def list_monitor_keys(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """Which monitors have a key to sign with, by id; also expired and revoked ones."""
    found = _after(await parts.credentials.monitor_keys(), parameters.marker, parameters.limit)
    return answer(await page(found, parameters.limit, lambda one: one.id, monitor_key_view))


@administer.post(
    "/v1/monitor-keys", status_code=201, response_model=MonitorKeyMade, responses=problems(409) | CREATED | OF_A_BODY
)
async def create_monitor_key(parts: Have, caller: Caller, body: MonitorKeyBody) -> Response:
    """Make a key that a monitor signs its messages with. It is in this answer, and encrypted in the database."""
    record, key = await parts.credentials.create_monitor_key(
        name=body.name, by=caller.name, expires_us=body.expires_time
    )
    await note(parts, caller, "made a monitor's key", record.id, record.name)
    headers = SHOWN_ONCE | {"Location": f"/v1/monitor-keys/{record.id}"}
    return answer({**monitor_key_view(record), "key": key}, 201, headers)


@administer.get("/v1/monitor-keys/{id}", response_model=MonitorKeyHead, responses=problems(404))
async def show_monitor_key(parts: Have, caller: Caller, id: KeyId) -> Response:
    """One key, without the key itself."""
    found = next((one for one in await parts.credentials.monitor_keys() if one.id == id), None)
    if found is None:
        raise NotFoundError("there is no such key")
    return answer(monitor_key_view(found))


@administer.delete("/v1/monitor-keys/{id}", status_code=204, responses=problems(404))
async def revoke_monitor_key(parts: Have, caller: Caller, id: KeyId) -> Response:
    """Take a key back: what is signed with it is not believed any more when this returns."""
    await parts.credentials.revoke_monitor_key(id)
    await note(parts, caller, "revoked a monitor's key", id)
    return Response(None, 204)
