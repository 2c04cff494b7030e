"""When a backlog is looked at: on a grid, so that it neither drifts nor misses a listing that came a bit early."""

from __future__ import annotations

from nfvigil.model.times import SECOND
from nfvigil.model.ves import VesBacklog, VesState


def interval_us(backlog: VesBacklog) -> int:
    return max(1, round(backlog.poll_interval * SECOND))


def next_us(backlog: VesBacklog, state: VesState | None) -> int:
    """When it is due; ``state`` is its own."""
    return state.collected_us + interval_us(backlog) if state is not None and state.collected_us else 0


def collected_us(backlog: VesBacklog, state: VesState | None, now_us: int) -> int | None:
    """What ``collected_us`` becomes if it is looked at now; None where it is not due.

    Each point of the grid is looked at once, by the first listing that is nearer to it than to the one before.
    """
    last = state.collected_us if state is not None else 0
    step = interval_us(backlog)
    if not last or last - now_us > step:
        return now_us  # the first time; or the clock was put back
    points = (now_us - last + step // 2) // step
    return last + points * step if points > 0 else None
