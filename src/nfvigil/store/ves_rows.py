"""What a change writes of the VES agent's states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete

from nfvigil.model.ves import VesState
from nfvigil.store import rows
from nfvigil.store.ops import Conflict, Execute, Insert, Op
from nfvigil.store.ves_schema import ves_states

SOURCES_MAX = 500
"""In one statement."""


def state_ops(states: Sequence[VesState], dropped: Iterable[tuple[str, str, str]]) -> list[Op]:
    """``dropped``: (VIM, backlog, source). What is dropped and there again in one change is there."""
    by_backlog: dict[tuple[str, str], list[str]] = {}
    for vim, backlog, source in dropped:
        by_backlog.setdefault((vim, backlog), []).append(source)
    ops: list[Op] = []
    for (vim, backlog), sources in by_backlog.items():
        mine = delete(ves_states).where(ves_states.c.vim == vim, ves_states.c.backlog == backlog)
        ops.extend(
            Execute(statement=mine.where(ves_states.c.source.in_(sources[first : first + SOURCES_MAX])))
            for first in range(0, len(sources), SOURCES_MAX)
        )
    if states:
        values = [(one.vim, one.backlog, one.source, rows.encode(one)) for one in states]
        ops.append(Insert(table=ves_states, rows=values, conflict=Conflict.REPLACE))
    return ops
