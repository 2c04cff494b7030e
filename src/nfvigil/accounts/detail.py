"""An account as it is shown: how it stands with its cloud."""

from __future__ import annotations

from typing import Protocol

from nfvigil.accounts.held import Held
from nfvigil.model.answers import VimDetail, VimState


class Seen(Protocol):
    """How well a cloud is known."""

    @property
    def taken_us(self) -> int | None: ...
    @property
    def age_seconds(self) -> float | None: ...
    @property
    def error(self) -> str: ...
    @property
    def servers(self) -> int: ...
    @property
    def hosts(self) -> int: ...
    @property
    def left_out(self) -> int: ...
    @property
    def mistakable(self) -> int: ...


def detail_of(held: Held, seen: Seen | None) -> VimDetail:
    if held.vim is None or seen is None:
        return VimDetail(account=held.shown, state=held.state, error=held.error)
    state = VimState.UNREAD if seen.taken_us is None else VimState.WATCHED
    return VimDetail(
        account=held.shown,
        state=VimState.FAILING if seen.error else state,
        error=held.safe(seen.error),
        taken_us=seen.taken_us,
        age_seconds=seen.age_seconds,
        counts=_counts(seen) if seen.taken_us is not None else {},
    )


def _counts(seen: Seen) -> dict[str, int]:
    """What two VIMs have by one name is counted where there is any."""
    clashes = {"left_out": seen.left_out, "mistakable": seen.mistakable}
    return {"hosts": seen.hosts, "servers": seen.servers} | {name: count for name, count in clashes.items() if count}
