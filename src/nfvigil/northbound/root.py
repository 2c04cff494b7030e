"""Where somebody begins who knows nothing but our address: which versions there are, and what leads where."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import Field

from nfvigil import __version__
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.front import VERSION
from nfvigil.northbound.guarded import ANY_PROBLEM

public = APIRouter(tags=["service"], responses=ANY_PROBLEM)

_LISTS = ("alarms", "subscriptions", "deliveries", "resources", "actions", "instructions", "recovery", "vnfs")


class Link(Shape):
    rel: str
    href: str


class Version(Shape):
    id: str
    status: str
    version: str = Field(description="Of `v1`: for `NFVigil-API-Version`.")
    links: list[Link]


class Versions(Shape):
    product: str
    versions: list[Version]
    links: list[Link]


_VERSION = {
    "id": "v1",
    "status": "CURRENT",
    "version": VERSION,
    "links": [
        {"rel": "self", "href": "/v1"},
        *({"rel": name, "href": f"/v1/{name}"} for name in _LISTS),
        {"rel": "stream", "href": "/v1/alarms/stream"},
    ],
}
_AODH = {"id": "v2", "status": "CURRENT", "version": "2", "links": [{"rel": "self", "href": "/v2"}]}
"""Aodh's, for event alarms."""
_ROOT = {
    "product": f"NFVigil {__version__}",
    "versions": [_VERSION, _AODH],
    "links": [
        {"rel": "description", "href": "/openapi.json"},
        {"rel": "documentation", "href": "/docs"},
        {"rel": "health", "href": "/healthz"},
        {"rel": "readiness", "href": "/readyz"},
    ],
}


@public.get("/", response_model=Versions)
async def show_versions() -> Response:
    """Which versions of the API there are."""
    return answer(_ROOT)


@public.get("/v1", response_model=Version)
async def show_version() -> Response:
    """This version, and where its lists are."""
    return answer(_VERSION)
