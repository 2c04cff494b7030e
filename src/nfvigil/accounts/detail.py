"""An account as it is shown: how it stands with its cloud."""

from __future__ import annotations

from msgspec.structs import replace

from nfvigil.accounts.held import Held
from nfvigil.model.answers import VimDetail, VimState
from nfvigil.model.vim_status import VimStatus


def detail_of(held: Held, seen: VimStatus | None) -> VimDetail:
    if held.vim is None or seen is None:
        return VimDetail(account=held.shown, state=held.state, error=held.error)
    state = VimState.UNREAD if seen.taken_us is None else VimState.WATCHED
    error = held.safe(seen.error)
    return VimDetail(
        account=held.shown,
        state=VimState.FAILING if seen.error else state,
        error=error,
        status=replace(seen, error=error),
        taken_us=seen.taken_us,
        age_seconds=seen.age_seconds,
        counts=_counts(seen) if seen.taken_us is not None else {},
    )


def _counts(seen: VimStatus) -> dict[str, int]:
    """What two VIMs have by one name is counted where there is any."""
    clashes = {"left_out": seen.left_out, "mistakable": seen.mistakable}
    return {"hosts": seen.hosts, "servers": seen.servers} | {name: count for name, count in clashes.items() if count}
