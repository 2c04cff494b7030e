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


class Order:
    """Keys in the order of the numbers that they were given last; of one project without looking at the others'."""

    def __init__(self) -> None:
        self._all: dict[Key, int] = {}
        self._of: dict[str, dict[Key, int]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def put(self, key: Key, number: int) -> None:
        self.drop(key)
        self._all[key] = number
        self._of.setdefault(key[0], {})[key] = number

    def drop(self, key: Key) -> None:
        if self._all.pop(key, None) is not None:
            own = self._of[key[0]]
            del own[key]
            if not own:
                del self._of[key[0]]

    def drop_first(self) -> int:
        """Its number."""
        key, number = next(iter(self._all.items()))
        self.drop(key)
        return number

    def behind(self, number: int, project: str | None) -> list[tuple[int, Key]]:
        """Those with a higher number, the last first; of every project if that is None."""
        found = []
        for key, place in reversed((self._all if project is None else self._of.get(project, {})).items()):
            if place <= number:
                break
            found.append((place, key))
        return found


class VnfFeed:
    def __init__(self, *, removed_max: int = REMOVED_MAX) -> None:
        self.readers = AlarmFeed(what="the VNFs")
        self._removed_max = removed_max
        self.last = 0
        """The number of the last change."""
        self._changed = Order()
        self._removed = Order()
        self._forgotten = 0
        """Removals up to this number are not known any more."""

    def changed(self, project: str, vnf_id: str) -> None:
        """It is new, or other than it was; that is durable."""
        self._removed.drop((project, vnf_id))
        self._put(self._changed, (project, vnf_id))

    def removed(self, project: str, vnf_id: str) -> None:
        self._changed.drop((project, vnf_id))
        self._put(self._removed, (project, vnf_id))
        while len(self._removed) > self._removed_max:
            self._forgotten = self._removed.drop_first()

    def _put(self, order: Order, key: Key) -> None:
        self.last += 1
        order.put(key, self.last)
        self.readers.hint([key[0]])

    def after(self, number: int, scope: str | None, limit: int) -> VnfChanges | None:
        """What changed behind a place, for one who sees ``scope``; None where that is not known any more."""
        if not self._forgotten <= number <= self.last:
            return None
        found = [(place, key, False) for place, key in self._changed.behind(number, scope)]
        found += [(place, key, True) for place, key in self._removed.behind(number, scope)]
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
