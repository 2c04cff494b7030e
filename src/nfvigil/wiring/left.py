"""What an earlier process left in the store, and whether these settings still fit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nfvigil.desks.desk import BASE
from nfvigil.errors import SettingsError
from nfvigil.inspector.state import State
from nfvigil.model.event import Event
from nfvigil.model.ids import EventIds
from nfvigil.model.times import SECOND
from nfvigil.settings import Settings
from nfvigil.situation import hosts_with_alarms
from nfvigil.southbound.limits import Limits
from nfvigil.store import Store

PAGE = 5_000


class Left(NamedTuple):
    state: State
    undecided: list[Event]
    recent: list[Event]
    ids: EventIds


async def what_was_left(store: Store, settings: Settings, clock: Callable[[], int]) -> Left:
    memory = await store.memory()
    memory.pop(BASE, None)
    since_us = clock() - int(settings.intake.repeat_window_seconds * SECOND)
    undecided = await _undecided_events(store)
    last = undecided[-1].id if undecided else await store.cursor()
    return Left(
        state=State(faults=await store.open_faults(), alarms=await store.open_alarms(), memory=memory),
        undecided=undecided,
        recent=await store.recent_events(since_us, Limits().repeats_max),
        ids=EventIds(clock, settings.node_number, last=last),
    )


async def _undecided_events(store: Store) -> list[Event]:
    found: list[Event] = []
    after = await store.cursor()
    while page := await store.undecided(after, PAGE):
        found.extend(page)
        after = page[-1].id
    return found


def check_suffixes(settings: Settings, state: State) -> None:
    """The alarms of an earlier process name hosts as they were called then."""
    for vim in settings.vims:
        suffix = vim.host_suffix
        for host in sorted(hosts_with_alarms(state, vim.name)):
            if not (host.endswith(suffix) if suffix else "@" not in host):
                raise SettingsError(
                    f"the host_suffix of the VIM {vim.name} is another one than when {host} got its alarm: "
                    "put it back until there are no alarms on hosts of this VIM"
                )
