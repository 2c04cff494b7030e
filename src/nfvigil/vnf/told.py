"""Which conditions of VDUs the inspector has been told of, and so what is news. Pure.

Nothing of it is kept: after a start it is what stands as a fault, and what records say to be gone. Of a server in
ERROR a record does not say whether that was told, for it may have been our own doing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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

    def of(self, key: Key, vdu: str) -> Conditions:
        return self._told.get(key, {}).get(vdu, NONE)

    def put(self, key: Key, vdu: str, conditions: Conditions) -> None:
        if conditions:
            self._told.setdefault(key, {})[vdu] = conditions
        elif vdu in self._told.get(key, ()):
            del self._told[key][vdu]
            if not self._told[key]:
                del self._told[key]

    def begin(self, records: Iterable[VnfRecord], standing: Iterable[VduNews]) -> list[VduNews]:
        """After a start. ``standing`` are the conditions that stand as faults; returns the ends of those that are of
        no VNF any more: their VNF went, and we did before we said so.
        """
        known: dict[str, tuple[Key, Vdu]] = {}
        for record in records:
            for vdu in record.vdus:
                known[f"{record.project}/{record.id}/{vdu.id}"] = (record.key, vdu)
                self.put(record.key, vdu.id, conditions_of(vdu) - {IN_ERROR})
        ends = []
        for news in standing:
            # Joined, as it stands in the fault: what of it is the project is not to be seen there.
            found = known.get(f"{news.project}/{news.vnf}/{news.vnfc}")
            if found is not None and news.server in ("", found[1].server):
                key, vdu = found
                self.put(key, vdu.id, self.of(key, vdu.id) | {(news.condition, news.port)})
            else:
                ends.append(replace(news, is_on=False, text="it is of no VNF that we know"))
        return ends

    def ends(self, record: VnfRecord, vdus: Iterable[Vdu]) -> list[VduNews]:
        """These VDUs are not the VNF's any more: nothing is told of them from now on."""
        found = []
        for vdu in vdus:
            found += [
                news_of(record, vdu, condition, is_on=False, text="it is of no VNF any more")
                for condition in sorted(self.of(record.key, vdu.id))
            ]
            self.put(record.key, vdu.id, NONE)
        return found


def to_tell(conditions: Conditions, told: Conditions, *, is_ours: bool) -> Conditions:
    """Of what is so, what is to be told: not an ERROR that we set, unless it was there before."""
    return conditions - {IN_ERROR} if is_ours and IN_ERROR not in told else conditions


def news_between(record: VnfRecord, vdu: Vdu, told: Conditions, now: Conditions, host: str) -> Iterator[VduNews]:
    for condition in sorted(told - now):
        yield news_of(record, vdu, condition, is_on=False, host=host)
    for condition in sorted(now - told):
        yield news_of(record, vdu, condition, is_on=True, host=host)


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
    host: str = "",
    text: str = "",
) -> VduNews:
    kind, port = condition
    if is_on:
        text = _TEXTS.get(kind) or gone_message(port)
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
        text=text,
    )
