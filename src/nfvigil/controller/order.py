"""What waits for what: counters instead of waiting tasks, so that thousands of actions cost nothing while they wait.

An action waits for the earlier ones of its mark; an undo for the undos of its event with a higher rank; what is done
once for all states of its event. Along these edges the rank never falls, and among equals it is the order of offering
that counts, so nobody ever waits in a ring.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence

from nfvigil.controller.lane import Job
from nfvigil.model.action import RANK, is_state


class _Event:
    """One event's actions in one VIM: how many of which are not over, and who waits for them."""

    __slots__ = ("deeds_waiting", "open", "states", "undos", "undos_waiting")

    def __init__(self) -> None:
        self.open = 0
        self.states = 0
        self.undos: Counter[int] = Counter()
        """By rank."""
        self.undos_waiting: list[Job] = []
        self.deeds_waiting: list[Job] = []

    def count(self, job: Job, by: int) -> None:
        rank = RANK.get(job.action.kind, 0)
        self.open += by
        if rank:
            self.states += by
            if job.action.undo_of:
                self.undos[rank] += by

    def holds_back(self, job: Job) -> bool:
        rank = RANK.get(job.action.kind, 0)
        if not rank:
            return self.states > 0
        return bool(job.action.undo_of) and any(n and higher > rank for higher, n in self.undos.items())


class Order:
    """Keeps the actions that are not over, and says which ones are free to begin."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], deque[Job]] = {}
        self._events: dict[tuple[str, int], _Event] = {}

    def first_of(self, job: Job) -> Job:
        """The one of its mark that all others of it wait for."""
        return self._marks[job.vim, job.action.mark][0]

    def add(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of them that may begin at once."""
        # All are counted before one is held back: in one event, they may come in any order.
        for job in jobs:
            self._events.setdefault((job.vim, job.action.event_id), _Event()).count(job, 1)
        for job in jobs:
            self._hold_back(job)
        return [job for job in jobs if not job.waits]

    def _hold_back(self, job: Job) -> None:
        earlier = self._marks.setdefault((job.vim, job.action.mark), deque())
        if earlier:
            job.waits += 1
        earlier.append(job)
        event = self._events[job.vim, job.action.event_id]
        if event.holds_back(job):
            job.waits += 1
            (event.undos_waiting if is_state(job.action.kind) else event.deeds_waiting).append(job)

    def over(self, job: Job) -> Iterator[Job]:
        """Those that may begin now that this one is over."""
        mark = (job.vim, job.action.mark)
        same_mark = self._marks[mark]
        same_mark.popleft()  # It is this one: the others wait for it.
        if same_mark:
            yield from _released(same_mark[0])
        else:
            del self._marks[mark]

        key = (job.vim, job.action.event_id)
        event = self._events[key]
        event.count(job, -1)
        if not event.open:
            del self._events[key]
        rank = RANK.get(job.action.kind, 0)
        if job.action.undo_of and event.undos_waiting and not event.undos[rank]:
            event.undos_waiting, waiting = [], event.undos_waiting
            for other in waiting:
                if event.holds_back(other):
                    event.undos_waiting.append(other)
                else:
                    yield from _released(other)
        if not event.states and event.deeds_waiting:
            event.deeds_waiting, waiting = [], event.deeds_waiting
            for other in waiting:
                yield from _released(other)


def _released(job: Job) -> Iterator[Job]:
    job.waits -= 1
    if not job.waits:
        yield job
