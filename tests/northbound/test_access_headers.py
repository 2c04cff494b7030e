"""Headers that say who somebody is are a middleware's to set: what a caller sends of them, nothing here ever sees."""

from __future__ import annotations

from typing import Any

import pytest
from northbound_fakes import call, make_world
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nfvigil.northbound.access.headers import WithoutIdentityHeaders

NAMES = [
    *("X-Identity-Status", "X-Service-Identity-Status", "X-User-Id", "X-User-Name", "X-User-Domain-Id"),
    *("X-User-Domain-Name", "X-User", "X-Project-Id", "X-Project-Name", "X-Project-Domain-Id"),
    *("X-Project-Domain-Name", "X-Roles", "X-Role", "X-Domain-Id", "X-Domain-Name", "X-Tenant", "X-Tenant-Id"),
    *("X-Tenant-Name", "X-Service-User-Id", "X-Service-Roles", "X-Service-Project-Id", "X-Service-Catalog"),
    *("X-Service-Token", "X-Is-Admin-Project", "OpenStack-System-Scope", "X-Remote-User", "Remote-User"),
    *("X-System-Scope", "X-Service-Domain-Name"),
]


async def seen_by(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    await WithoutIdentityHeaders(inner)({"type": "http", "headers": headers}, None, None)  # type: ignore[arg-type]  # unused
    return seen


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_a_header_of_identity_is_taken_out_however_it_is_spelt(name: str) -> None:
    mixed = "".join(c.upper() if n % 2 else c.lower() for n, c in enumerate(name)).replace("-", "_", 1)
    spelt = (name, name.upper(), name.lower(), name.replace("-", "_"), mixed)

    seen = await seen_by([(b"host", b"here"), *((one.encode(), b"planted") for one in spelt)])

    assert seen == [(b"host", b"here")]


@pytest.mark.anyio
async def test_all_other_headers_stay_as_they_are() -> None:
    kept = [
        *((b"x-auth-token", b"nfv_x"), (b"authorization", b"Bearer x"), (b"content-type", b"application/json")),
        *((b"webhook-signature", b"v1,x"), (b"x-forwarded-for", b"1.2.3.4"), (b"user-agent", b"curl")),
        *((b"x-openstack-request-id", b"req-1"), (b"if-match", b"*")),
    ]

    assert await seen_by(kept) == kept


@pytest.mark.anyio
async def test_what_is_no_request_passes() -> None:
    passed: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    await WithoutIdentityHeaders(inner)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # unused

    assert passed == ["lifespan"]


@pytest.mark.anyio
async def test_no_route_of_the_service_sees_what_was_planted() -> None:
    async def show(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.headers))

    world = make_world(extra_routes=[Route("/show", show)])
    planted = {name: "admin" for one in NAMES for name in (one.lower(), one.lower().replace("-", "_"))}

    answer = await call(world.call.app, "GET", "/show", b"", {"x-auth-token": "x", **planted})

    assert answer.json == {"x-auth-token": "x"}
    listed = await world.call("GET", "/v1/events", by="member-a", headers=planted)
    assert listed.status == 403
    assert (await world.call("GET", "/v1/alarms", by=None, headers=planted)).status == 401
