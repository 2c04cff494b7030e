"""What the API asks of whoever tells VES collectors of clouds. Nothing that is answered holds a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from nfvigil.errors import FieldError
from nfvigil.model.ves import VesBacklog, VesConfig, VesState


class VesBacklogDetail(msgspec.Struct, frozen=True, kw_only=True):
    backlog: VesBacklog
    collected_us: int
    """When it was looked at last; 0 for not yet."""
    raised: tuple[VesState, ...]
    """Of sources whose alarm stands."""
    last: VesState | None
    """Of the last event."""


class VesDetail(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with one cloud's agent."""

    config: VesConfig
    """Without password and key."""
    has_password: bool
    has_key: bool
    is_locked: bool
    """They cannot be decrypted, so nothing is sent."""
    is_paused: bool
    backlogs: tuple[VesBacklogDetail, ...]
    refusals: tuple[FieldError, ...]
    """Entries that there is no backlog of (``backlogs[1].source``), and why."""
    subscription: str
    """Whose deliveries they are."""
    pending: int
    delivered: int
    dead: int
    delivered_us: int | None
    """When the collector took something last, since the start."""
    last_status: int
    last_error: str
    skipped: dict[str, int]
    """What was not told because too much was waiting, by domain, since the start."""


class VesTest(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector answered."""

    ok: bool
    endpoint: str
    status: int
    """0 for no answer."""
    detail: str
    seconds: float


class VesDesk(Protocol):
    def vim_of(self, *names: str) -> str:
        """The VIM that one of these, the first that fits, is known by. NotFoundError where there is none."""

    def config(self, vim: str) -> VesConfig | None:
        """Without its secrets. NotFoundError where there is no such VIM."""

    async def show(self, vim: str) -> VesDetail | None: ...

    async def put(self, vim: str, document: Any, *, by: str, was: VesConfig | None = None) -> VesDetail:
        """``document`` as ONAP's clients send it; None for the one that is in force, or else stored with the VIM.

        RefusedError where nothing of it can be served; ConflictError where it is not any more what it ``was``.
        """

    async def remove(self, vim: str) -> bool:
        """Whether there was anything."""

    async def test(self, vim: str) -> VesTest:
        """Send the collector a sign of life now, past everything that waits. NotFoundError where there is none."""


def shown_errors(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    return [{"field": one.field, "reason": one.reason} for one in errors]
