"""Records that only the store and its callers know: policies as texts, tokens, accounts of clouds."""

from __future__ import annotations

import msgspec

from nfvigil.model.identity import Role


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a policy, as the text that was applied. Of a name at most one version is active."""

    name: str
    version: int
    text: str
    note: str = ""
    created_us: int = 0
    created_by: str = ""
    activated_us: int | None = None

    @property
    def is_active(self) -> bool:
        return self.activated_us is not None


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A local token. The token itself is not kept, only its hash; ``project`` is None where it speaks for none."""

    id: str
    hash: str
    name: str
    project: str | None
    role: Role
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None


class MonitorKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key that a monitor signs with: ``key`` is sealed, and what is in it is not the store's business."""

    id: str
    name: str
    key: bytes
    created_us: int
    created_by: str = ""
    expires_us: int | None = None
    revoked_us: int | None = None

    def __repr__(self) -> str:
        return f"MonitorKeyRecord(id={self.id!r}, name={self.name!r})"


class VimRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a cloud as it is kept: ``options`` are sealed, and what is in them is not the store's business."""

    name: str
    driver: str
    interval_seconds: float
    enabled: bool
    created_us: int
    changed_us: int
    created_by: str
    request: str
    options: bytes
    host_suffix: str = ""

    def __repr__(self) -> str:
        return f"VimRecord(name={self.name!r}, driver={self.driver!r})"


class QueueDepths(msgspec.Struct, frozen=True, kw_only=True):
    """How much waits at each stage."""

    undecided_events: int
    unfinished_actions: int
    pending_deliveries: int
    dead_deliveries: int
    open_alarms: int
    waiting_writes: int
