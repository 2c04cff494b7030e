"""Something that happened to a resource and is no alarm, in the words in which a cloud's own bus tells of it."""

from __future__ import annotations

from typing import Any

import msgspec


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """``project`` is "" for what is the operator's alone."""

    type: str
    """The event's type, as the cloud's services name it: ``maintenance.host``."""
    payload: dict[str, Any]
    project: str = ""
    vim: str = ""
