"""One step of the simulated cloud: what becomes different by it, as it is written down before it is so."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.controller.vims.layout import Thing


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes different, as one step."""

    put: tuple[Thing, ...] = ()
    gone: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    """Hosts that lose their power."""
    on: tuple[str, ...] = ()
    """Hosts that get it back."""
    deeds: dict[str, str] = {}
    """Deeds that are done once, by the id of their action: asked for again, they are known."""
    details: dict[str, dict[str, Any]] = {}
    """What Nova or Neutron say otherwise of servers and ports than follows from their records: fields by key."""

    @property
    def is_empty(self) -> bool:
        return not (self.put or self.gone or self.off or self.on or self.deeds or self.details)


NOTHING = Delta()
