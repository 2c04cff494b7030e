"""Which state of a thing a caller has seen: ETag, If-Match and If-None-Match (RFC 9110)."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from nfvigil.northbound.problems import PreconditionError

_encode = msgspec.json.Encoder().encode

HEADERS = {"Cache-Control": "private, no-cache", "Vary": "X-Auth-Token, Authorization"}
"""What one caller was shown is not for another, and shared caches do not know X-Auth-Token."""


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(value), status, HEADERS | (headers or {}), media_type="application/json")


def tag_of(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def tag_of_view(view: Any) -> str:
    """For what is shown with more than can be changed: the tag of the part that ``require_match`` is to look at."""
    return tag_of(_encode(view))


def tagged_answer(request: Request, view: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """With its ETag, or 304 where a reader has that already."""
    body = _encode(view)
    headers = HEADERS | {"ETag": tag_of(body)} | (headers or {})
    if request.method == "GET" and _matches(request.headers.get("if-none-match"), headers["ETag"], weakly=True):
        return Response(None, 304, headers)
    return Response(body, status, headers, media_type="application/json")


def require_match(request: Request, view: Any) -> None:
    """PreconditionError unless ``view`` is what the caller has seen, or it did not say what it has seen."""
    wanted = request.headers.get("if-match")
    if wanted is not None and not _matches(wanted, tag_of(_encode(view)), weakly=False):
        raise PreconditionError("it was changed since you have seen it: read it again")


def _matches(given: str | None, tag: str, *, weakly: bool) -> bool:
    if given is None:
        return False
    if given.strip() == "*":
        return True
    tags = [one.strip() for one in given[:4096].split(",")]
    return tag in tags or (weakly and f"W/{tag}" in tags)
