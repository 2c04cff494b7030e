"""How an ETag is declared in the description of the API."""

from __future__ import annotations

from typing import Any

_HEADER = {"ETag": {"description": "For `If-Match`: which state this is.", "schema": {"type": "string"}}}

ETAG: dict[int | str, dict[str, Any]] = {200: {"headers": _HEADER}}
CREATED: dict[int | str, dict[str, Any]] = {
    201: {"headers": _HEADER | {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}}
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as the caller has it (`If-None-Match`)."}}
