"""An account of a cloud: which driver looks after it, and with what."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

SUFFIX = r"^(@[A-Za-z0-9][A-Za-z0-9_-]{0,30})?$"
"""Of a host's name: an @ is in no host's own name, so that it is seen where the name ends."""


class Source(StrEnum):
    """Who says that the account is there, and so who may change it."""

    SETTINGS = "settings"
    API = "api"
    OSM = "osm"
    """An OSM installation: it is changed there, and nothing of it is kept here."""


class VimAccount(msgspec.Struct, frozen=True, kw_only=True):
    """``options`` is the driver's own mapping. Secrets may be in it, so it is not printed."""

    name: str
    driver: str
    options: dict[str, Any] = {}
    interval_seconds: float = 60
    """Between two listings of everything."""
    enabled: bool = True
    """Whether the cloud is watched, and acted on."""
    host_suffix: str = ""
    """What its hosts' names get behind them, so that they differ from those of other clouds: ``@east``."""
    source: Source = Source.API
    created_us: int = 0
    changed_us: int = 0
    created_by: str = ""
    request: str = ""
    """What the request that made it was known by, if it may be sent again; else ""."""

    def __repr__(self) -> str:
        return f"VimAccount(name={self.name!r}, driver={self.driver!r}, source={self.source.value!r})"


class VimChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different. None leaves a thing as it is."""

    options: dict[str, Any] | None = None
    """Put over those that there are (RFC 7396): null takes an option out, and ``***`` leaves a secret as it was."""
    interval_seconds: float | None = None
    enabled: bool | None = None
    host_suffix: str | None = None

    def __repr__(self) -> str:
        return f"VimChange(interval_seconds={self.interval_seconds!r}, enabled={self.enabled!r})"
