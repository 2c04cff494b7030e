"""What somebody wants to be otherwise in the simulated cloud: a few fields of a record, by its key. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nfvigil.controller.vims.layout import Thing
from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.resource import Host, Kind, Network, Port, Server, Volume, split_key

_TYPES: dict[str, type[Thing]] = {
    Kind.HOST: Host,
    Kind.SERVER: Server,
    Kind.PORT: Port,
    Kind.VOLUME: Volume,
    Kind.NETWORK: Network,
}
FIXED = ("id", "vim")


def edited(key: str, fields: Mapping[str, Any], *, before: Thing | None, vim: str) -> Thing:
    """The record with these fields; a new one where there was none. RefusedError names what is wrong."""
    kind, name = split_key(key)
    shape = _TYPES.get(kind)
    if shape is None or not name:
        raise RefusedError("nothing was changed", [FieldError(f"set.{key}", f"is none of {', '.join(_TYPES)}")])
    errors = [FieldError(f"set.{key}.{field}", "is not to be set") for field in fields if field not in _fields(shape)]
    if errors:
        raise RefusedError("nothing was changed", errors)
    was: dict[str, Any] = {} if before is None else msgspec.structs.asdict(before)
    try:
        return msgspec.convert({**was, **fields, "type": kind, "id": name, "vim": vim}, shape)
    except msgspec.ValidationError as error:
        raise RefusedError("nothing was changed", [FieldError(f"set.{key}", str(error))]) from error


def _fields(shape: type[Thing]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(shape)} - set(FIXED)
