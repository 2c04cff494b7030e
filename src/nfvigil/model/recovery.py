"""What is shown of recovery and its brakes."""

from __future__ import annotations

from typing import Any

import msgspec


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing destructive is done in a VIM: since when, who or what said so, and why."""

    vim: str
    since_us: int
    by: str
    text: str
    hosts: tuple[str, ...] = ()


class ProofView(msgspec.Struct, frozen=True, kw_only=True):
    """A host is proven off. ``epoch`` is another one each time."""

    host: str
    epoch: int
    at_us: int
    driver: str
    by: str


class BrakesView(msgspec.Struct, frozen=True, kw_only=True):
    automation: bool
    automation_off: HoldView | None
    holds: tuple[HoldView, ...]
    proofs: tuple[ProofView, ...]
    waiting: int
    """Actions that the brakes hold back now."""


class RecoveryView(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner wants done: case -> {action, after_seconds}."""

    resource: str
    project: str
    by: str
    set_us: int
    do: dict[str, Any]
