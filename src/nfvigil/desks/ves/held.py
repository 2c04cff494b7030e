"""One cloud's VES agent as it is held in memory: what it looks at, what it has told, what is on its way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

from msgspec.structs import replace

from nfvigil.desks.ves.way import domain_of
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.reading import Reading
from nfvigil.model.subscription import Subscription
from nfvigil.model.ves import VesBacklog, VesConfig, VesEvent, VesState
from nfvigil.store.ves_records import VesRecord
from nfvigil.ves.backlogs import FAULT, reads_listing
from nfvigil.ves.faults import Faults
from nfvigil.ves.machine import Look

HEARTBEATS_MAX = 1
MEASUREMENTS_MAX = 20
MOST_WAITING = {"heartbeat": HEARTBEATS_MAX, "measurement": MEASUREMENTS_MAX}
"""Notifications that wait for a collector which is away: what is of use only now is not piled up. Faults all are."""


class Held:
    """What the store has, and what follows from it. ``config`` is whole, with password and key."""

    def __init__(self, record: VesRecord, config: VesConfig, subscription: Subscription) -> None:
        self.record = record
        self.config = config
        self.subscription = subscription
        self.faults = Faults(config.faults)
        self.states: dict[str, dict[str, VesState]] = {}
        """By backlog and source."""
        self.waiting: dict[str, str] = {}
        """Domains of notifications that are not delivered, by id."""
        self.told: Counter[str] = Counter()
        """Events by domain."""
        self.skipped: Counter[str] = Counter()
        self.reading: Reading | None = None
        """A listing that is to be looked at."""
        self.read_us: int | None = None
        self.delivered_us: int | None = None
        self.is_leaving = False
        """It is being removed: nothing is looked at any more, and what waits goes out."""
        self.has_told_all = asyncio.Event()
        self.has_told_all.set()

    @property
    def vim(self) -> str:
        return self.record.vim

    @property
    def backlogs(self) -> tuple[VesBacklog, ...]:
        return self.record.backlogs

    @cached_property
    def interval_seconds(self) -> float | None:
        return min((one.poll_interval for one in self.backlogs if reads_listing(one)), default=None)

    def become(self, record: VesRecord, config: VesConfig, subscription: Subscription) -> None:
        """Another configuration: what was told of backlogs that stay is known on."""
        has_other_rule = config.faults != self.config.faults
        self.record = record
        self.config = config
        self.subscription = subscription
        self.faults = Faults(config.faults)
        kept = {one.backlog_uuid for one in record.backlogs}
        self.states = {uuid: states for uuid, states in self.states.items() if uuid in kept}
        if has_other_rule:
            self._look_anew()
        self.is_leaving = False
        self.__dict__.pop("interval_seconds", None)

    def _look_anew(self) -> None:
        """By another rule what stands may be none: a backlog that is due in a day does not wait for it."""
        for backlog in self.backlogs:
            own = self.states_of(backlog).get("")
            if backlog.domain == FAULT and own is not None:
                self.states_of(backlog)[""] = replace(own, collected_us=0)

    def states_of(self, backlog: VesBacklog) -> dict[str, VesState]:
        return self.states.setdefault(backlog.backlog_uuid, {})

    def remember(self, states: Iterable[VesState]) -> None:
        for state in states:
            self.states.setdefault(state.backlog, {})[state.source] = state

    def apply(self, backlog: VesBacklog, look: Look) -> None:
        mine = self.states_of(backlog)
        for source in look.dropped:
            mine.pop(source, None)
        for state in look.states:
            mine[state.source] = state

    def may_tell(self, events: Sequence[VesEvent]) -> list[VesEvent]:
        """Without those that would only be piled up."""
        room = {domain: most - self.count_waiting(domain) for domain, most in MOST_WAITING.items()}
        kept = [one for one in events if room.get(one.domain, 1) > 0]
        self.skipped.update(one.domain for one in events if room.get(one.domain, 1) <= 0)
        return kept

    @property
    def has_to_tell(self) -> bool:
        """Whether a collector that hears no more would be left with something that nobody ever sets right."""
        stands = any(one.is_raised for states in self.states.values() for one in states.values())
        return stands or self.count_waiting("fault") > 0

    def count_waiting(self, domain: str) -> int:
        return sum(1 for one in self.waiting.values() if one == domain)

    def observe(self, notification: Notification, delivery: Delivery) -> None:
        """What became of a message of ours."""
        if delivery.state is DeliveryState.PENDING:
            self.waiting[notification.id] = domain_of(notification)
        else:
            self.waiting.pop(notification.id, None)
        if self.waiting:
            self.has_told_all.clear()
        else:
            self.has_told_all.set()
        if delivery.state is DeliveryState.DELIVERED:
            self.delivered_us = delivery.delivered_us
