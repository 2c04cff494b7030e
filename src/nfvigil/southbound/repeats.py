"""What was seen lately, so that a monitor which says the same again costs nothing downstream."""

from __future__ import annotations

from asyncio import Future
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from nfvigil.model.event import Event, Status
from nfvigil.model.severity import Severity

Key = tuple[str, str, str, str]


class _Seen(msgspec.Struct, gc=False):
    """The last event of a key. ``kept`` is set while it is on its way to the disk: True if it arrived there.

    There are a hundred thousand of these: the garbage collector is not to walk over them.
    """

    id: int
    status: Status
    severity: Severity | None
    received_us: int
    kept: Future[bool] | None


class Repeats:
    """Bounded memory of (type, resource, monitor, monitor_event_id) with the last status and severity.

    A repeat says the same as the last event of its key within the window. The window is counted from the event
    that was kept, so that one which is repeated for ever is taken in anew once a window. A clear makes what the
    resource had before it forgotten: the same fault may come back under the same id.
    """

    def __init__(self, *, window_us: int, size_max: int, recent: Iterable[Event] = ()) -> None:
        self._window_us = window_us
        self._size_max = size_max
        self._seen: OrderedDict[Key, _Seen] = OrderedDict()
        self._cleared: OrderedDict[str, int] = OrderedDict()
        for event in sorted(recent, key=lambda event: event.id):
            self.add(event, None)

    def __len__(self) -> int:
        return len(self._seen)

    def find(self, event: Event) -> _Seen | None:
        """What ``event`` repeats, or None. Without an id of its monitor's it never is a repeat."""
        if not event.monitor_event_id:
            return None
        seen = self._seen.get((event.type, event.resource, event.monitor, event.monitor_event_id))
        if seen is None or seen.status is not event.status or seen.severity is not event.severity:
            return None
        if event.received_us - seen.received_us > self._window_us:
            return None
        cleared = self._cleared.get(event.resource)
        return None if cleared is not None and seen.id < cleared else seen

    def add(self, event: Event, kept: Future[bool] | None) -> None:
        if event.is_clear:
            self._mark(event.resource, event.id)
        if not event.monitor_event_id:
            return
        key = (event.type, event.resource, event.monitor, event.monitor_event_id)
        self._seen[key] = _Seen(event.id, event.status, event.severity, event.received_us, kept)
        self._seen.move_to_end(key)
        if len(self._seen) > self._size_max:
            self._seen.popitem(last=False)

    def settle(self, events: Iterable[Event], *, kept: bool) -> None:
        """The events are on the disk, or (not ``kept``) are not: then they were never seen."""
        for event in events:
            if event.monitor_event_id:
                key = (event.type, event.resource, event.monitor, event.monitor_event_id)
                seen = self._seen.get(key)
                if seen is not None and seen.id == event.id:
                    if kept:
                        seen.kept = None
                    else:
                        del self._seen[key]

    def forget(self, resource: str, before_id: int) -> None:
        """Events of ``resource`` with ids below ``before_id`` are repeated no more."""
        self._mark(resource, before_id)

    def _mark(self, resource: str, event_id: int) -> None:
        self._cleared[resource] = event_id
        self._cleared.move_to_end(resource)
        if len(self._cleared) > self._size_max:
            # Which resource is dropped from here may have had its fault cleared: forget what was seen of all.
            self._cleared.clear()
            self._seen.clear()
