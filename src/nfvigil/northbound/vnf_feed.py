"""Which VNFs changed last, and in which order: what somebody who follows them is woken for, and told.

It remembers keys and no states: whoever asks is shown each VNF as it is now, once, however often it changed. An order
is good within one start of the service. Who comes with a place in another one lists anew, and finds what he missed.
"""

from __future__ import annotations

from nfvigil.model.vnf_answers import VnfChanges
from nfvigil.northbound.feed import AlarmFeed

REMOVED_MAX = 10_000
"""VNFs that are gone, and are still told to be."""

Key = tuple[str, str]


class VnfFeed:
    def __init__(self, *, removed_max: int = REMOVED_MAX) -> None:
        self.readers = AlarmFeed(what="the VNFs")
        self._removed_max = removed_max
        self.last = 0
        """The number of the last change."""
        self._changed: dict[Key, int] = {}
        """Both in the order of their numbers."""
        self._removed: dict[Key, int] = {}
        self._forgotten = 0
        """Removals up to this number are not known any more."""

    def changed(self, project: str, vnf_id: str) -> None:
        """It is new, or other than it was; that is durable."""
        self._removed.pop((project, vnf_id), None)
        self._put(self._changed, (project, vnf_id))

    def removed(self, project: str, vnf_id: str) -> None:
        self._changed.pop((project, vnf_id), None)
        self._put(self._removed, (project, vnf_id))
        while len(self._removed) > self._removed_max:
            self._forgotten = self._removed.pop(next(iter(self._removed)))

    def _put(self, order: dict[Key, int], key: Key) -> None:
        order.pop(key, None)
        self.last += 1
        order[key] = self.last
        self.readers.hint([key[0]])

    def after(self, number: int, scope: str | None, limit: int) -> VnfChanges | None:
        """What changed behind a place, for one who sees ``scope``; None where that is not known any more."""
        if not self._forgotten <= number <= self.last:
            return None
        found = [(place, key, False) for place, key in _behind(self._changed, number, scope)]
        found += [(place, key, True) for place, key in _behind(self._removed, number, scope)]
        found.sort()
        shown = found[:limit]
        return VnfChanges(
            changed=tuple(key for _, key, is_gone in shown if not is_gone),
            removed=tuple(key for _, key, is_gone in shown if is_gone),
            last=shown[-1][0] if len(found) > limit else self.last,
            has_more=len(found) > limit,
        )

    def close(self) -> None:
        """The service ends: so do those who wait."""
        self.readers.close()


def _behind(order: dict[Key, int], number: int, scope: str | None) -> list[tuple[int, Key]]:
    found = []
    for key, place in reversed(order.items()):
        if place <= number:
            break
        if scope is None or key[0] == scope:
            found.append((place, key))
    return found
