"""Tokens for callers that know HTTP Basic only: the password is the token, the user's name says nothing."""

from __future__ import annotations

import binascii
from base64 import b64decode

from starlette.requests import Request

_HEADER = b"authorization"


def with_token(request: Request) -> Request:
    """The request as its caller would have sent it with ``X-Auth-Token``; as it is, where it has no Basic."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or "x-auth-token" in request.headers:
        return request
    try:
        _, _, token = b64decode(given.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return request
    headers = [(name, value) for name, value in request.scope["headers"] if name != _HEADER]
    headers.append((b"x-auth-token", token.encode("ascii")))
    return Request({**request.scope, "headers": headers}, request.receive)
