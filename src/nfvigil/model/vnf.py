"""A VNF instance as it is known to us: which servers it runs on, and who says so."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class VnfSource(StrEnum):
    """Who told us of it."""

    API = "api"
    METADATA = "metadata"
    """The metadata of its servers. Nothing of it is kept: it is what the resource map says now."""
    TACKER = "tacker"
    """Tacker registered its servers for fault notification."""


class VnfcInterface(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What its user says of one of a component's interfaces: what it is called, and whose management address it has."""

    port: str
    name: str = ""
    manages_vdu: bool = False
    manages_vnf: bool = False


class Vnfc(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One component: a server, by the name that the VNF manager has for it."""

    id: str
    server: str
    vdu: str = ""
    """The unit of the descriptor that it was made from."""
    interfaces: tuple[VnfcInterface, ...] = ()
    """Those that its user named; what others it has, the cloud says."""


class Vnf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``project`` and ``id`` name it together: two projects may have VNFs of one id."""

    id: str
    project: str
    name: str = ""
    vnfcs: tuple[Vnfc, ...] = ()
    source: VnfSource = VnfSource.API
    created_us: int = 0
    changed_us: int = 0
    created_by: str = ""
    extra: dict[str, Any] = {}
    """What its source wants to keep with it. No secrets."""

    @property
    def key(self) -> tuple[str, str]:
        return self.project, self.id
