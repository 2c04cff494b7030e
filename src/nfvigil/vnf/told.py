"""Which conditions of VDUs the inspector has been told of, and so what is news. Pure.

Nothing of it is kept: after a start it is what stands as a fault, and what records say to be gone. Of a server in
ERROR a record does not say whether that was told, for it may have been our own doing.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from nfvigil.model.vnf_record import Vdu, VduCondition, VduNews, VnfRecord
from nfvigil.vnf.records import Key
from nfvigil.vnf.rules import DELETED_EXTERNALLY, ERROR, conditions_of, gone_message

Conditions = frozenset[tuple[VduCondition, str]]
"""Each with its port, or ""."""

NONE: Conditions = frozenset()
IN_ERROR = (VduCondition.ERROR, "")


class Told:
    def __init__(self) -> None:
        self._told: dict[Key, dict[str, Conditions]] = {}
        """By VDU; those of which something was told."""
        self._doubted: dict[tuple[Key, str], Conditions] = {}
        """What may have been told or taken back: it was being said when the log went away."""

    def of(self, key: Key, vdu: str) -> Conditions:
        return self._told.get(key, {}).get(vdu, NONE)

    def is_so(self, key: Key, vdu: str, conditions: Conditions) -> bool:
        """Whether this was told, all of it and nothing else."""
        return self.of(key, vdu) == conditions and (key, vdu) not in self._doubted

    def put(self, key: Key, vdu: str, conditions: Conditions) -> None:
        self._doubted.pop((key, vdu), None)
        if conditions:
            self._told.setdefault(key, {})[vdu] = conditions
        elif vdu in self._told.get(key, ()):
            del self._told[key][vdu]
            if not self._told[key]:
                del self._told[key]

    def doubt(self, key: Key, vdu: str, conditions: Conditions) -> None:
        """This was to be told, and nobody knows whether it was."""
        told = self.of(key, vdu)
        doubted = self._doubted.get((key, vdu), NONE) | (told ^ conditions)
        self.put(key, vdu, told - doubted)
        self._doubted[key, vdu] = doubted

    def news(self, record: VnfRecord, vdu: Vdu, now: Conditions, host: str) -> list[VduNews]:
        """What is to be said so that this is told: first what ends, then what begins."""
        told = self.of(record.key, vdu.id)
        ends = (told | self._doubted.get((record.key, vdu.id), NONE)) - now
        found = [news_of(record, vdu, one, is_on=False, host=host) for one in sorted(ends)]
        return found + [news_of(record, vdu, one, is_on=True, host=host) for one in sorted(now - told)]

    def begin(
        self, records: Iterable[VnfRecord], standing: Iterable[VduNews], undecided: Iterable[VduNews] = ()
    ) -> list[VduNews]:
        """After a start. ``standing`` are the conditions that stand as faults, ``undecided`` is what was said and has
        not come to anything yet. Returns the ends of those that are of no VNF any more: their VNF went, and we did
        before we said so.
        """
        known: dict[str, tuple[Key, Vdu]] = {}
        for record in records:
            for vdu in record.vdus:
                known[f"{record.project}/{record.id}/{vdu.id}"] = (record.key, vdu)
                self.put(record.key, vdu.id, conditions_of(vdu) - {IN_ERROR})
        ends = []
        for news, is_decided in [*((one, True) for one in standing), *((one, False) for one in undecided)]:
            # Joined, as it stands in the fault: what of it is the project is not to be seen there.
            found = known.get(f"{news.project}/{news.vnf}/{news.vnfc}")
            if found is None or news.server not in ("", found[1].server):
                ends.append(replace(news, is_on=False, text="it is of no VNF that we know"))
                continue
            key, vdu = found
            told = self.of(key, vdu.id)
            condition = frozenset({(news.condition, news.port)})
            if is_decided:
                self.put(key, vdu.id, told | condition)
            else:  # whichever way it was said: it is said anew when the server is looked at
                self.doubt(key, vdu.id, told - condition if condition <= told else told | condition)
        return ends

    def ends(self, record: VnfRecord, vdus: Iterable[Vdu]) -> list[VduNews]:
        """These VDUs are not the VNF's any more: nothing is told of them from now on."""
        found = []
        for vdu in vdus:
            found += [replace(one, text="it is of no VNF any more") for one in self.news(record, vdu, NONE, "")]
            self.put(record.key, vdu.id, NONE)
        return found

    def let_go(self, record: VnfRecord, vdu: Vdu, ports: Iterable[str]) -> list[VduNews]:
        """The VDU has not these interfaces any more, and stays."""
        lost = frozenset((VduCondition.INTERFACE_GONE, port) for port in ports)
        told, doubted = self.of(record.key, vdu.id), self._doubted.get((record.key, vdu.id), NONE)
        ends = lost & (told | doubted)
        if ends:
            self.put(record.key, vdu.id, told - lost)
            if doubted - lost:
                self._doubted[record.key, vdu.id] = doubted - lost
        found = [news_of(record, vdu, one, is_on=False, host="") for one in sorted(ends)]
        return [replace(one, text="it is no interface of the VNF any more") for one in found]


def to_tell(conditions: Conditions, told: Conditions, *, is_ours: bool) -> Conditions:
    """Of what is so, what is to be told: not an ERROR that we set, unless it was there before."""
    return conditions - {IN_ERROR} if is_ours and IN_ERROR not in told else conditions


_TEXTS = {
    VduCondition.ERROR: f"VIM status reported {ERROR}",
    VduCondition.DELETED: DELETED_EXTERNALLY,
}


def news_of(
    record: VnfRecord,
    vdu: Vdu,
    condition: tuple[VduCondition, str],
    *,
    is_on: bool,
    host: str,
) -> VduNews:
    kind, port = condition
    return VduNews(
        condition=kind,
        is_on=is_on,
        project=record.project,
        vnf=record.id,
        vnfc=vdu.id,
        vim=vdu.vim,
        server=vdu.server,
        name=vdu.name,
        host=host,
        port=port,
        text=(_TEXTS.get(kind) or gone_message(port)) if is_on else "",
    )
