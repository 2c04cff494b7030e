"""One VNF record as a listing makes it, on its way to being written: what is new about it, and what is news. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from msgspec.structs import replace

from nfvigil.model.vnf_record import ChangeKind, Vdu, VduChange, VduDetails, VduNews, VnfRecord
from nfvigil.vnf.records import PORT, SERVER
from nfvigil.vnf.rules import Followed
from nfvigil.vnf.sight import Hearing, Sight
from nfvigil.vnf.told import Conditions

VNF_ADDRESS = "vnf_ip_address"
"""A change's field: the VNF's own management address, as against the VDU's."""


class Draft:
    def __init__(self, before: VnfRecord, *, servers: Sequence[str], at_us: int) -> None:
        self.before = before
        self.servers = servers
        self.at_us = at_us
        self.changes: list[VduChange] = []
        self.details: dict[str, VduDetails] = {}
        self.news: list[VduNews] = []
        self.told: list[tuple[str, Conditions]] = []
        """By VDU, what is told of it when the news is."""
        self._vdus = list(before.vdus)
        self._ip_address = before.ip_address

    def enter(self, place: int, followed: Followed, sight: Sight) -> Vdu:
        """What became of the VDU at a place; returns it as it is now."""
        after = followed.vdu
        if after.vim != sight.vim:
            after = replace(after, vim=sight.vim)
        self._vdus[place] = after
        self.changes += followed.changes
        address = followed.manages_vnf
        if address is not None and address != self._ip_address:
            self.changes.append(
                VduChange(
                    vdu=after.id,
                    kind=ChangeKind.ADDRESS,
                    field=VNF_ADDRESS,
                    before=self._ip_address,
                    after=address,
                    at_us=self.at_us,
                )
            )
            self._ip_address = address
        words = sight.words(after)
        if words.server or words.ports:
            self.details[after.id] = words
        return after

    def record(self) -> VnfRecord:
        """The very same object where nothing of it changed."""
        is_same = all(now is was for now, was in zip(self._vdus, self.before.vdus, strict=True))
        if is_same and self._ip_address == self.before.ip_address:
            return self.before
        return replace(self.before, vdus=tuple(self._vdus), ip_address=self._ip_address, changed_us=self.at_us)

    def doubted(self, hearing: Hearing) -> set[str]:
        """VDUs whose words we had not before, and that may be kept already: after a start they all are."""
        found = set()
        for vdu in self.before.vdus:
            words = self.details.get(vdu.id)
            if vdu.status and words is not None:
                keys = [SERVER + vdu.server] if words.server else []
                keys += [PORT + port for port in words.ports]
                if any(map(hearing.is_new, keys)):
                    found.add(vdu.id)
        return found

    def leave_out(self, doubted: Set[str], known: Mapping[str, VduDetails]) -> None:
        """Words that are those that are kept; and what is kept of ports that are no interfaces any more goes."""
        for vdu in self._vdus:
            if vdu.id not in doubted:
                continue
            kept, words = known.get(vdu.id, VduDetails()), self.details.pop(vdu.id)
            server = words.server if words.server != kept.server else b""
            ports = {port: body for port, body in words.ports.items() if kept.ports.get(port) != body}
            here = {one.port for one in vdu.interfaces or vdu.interfaces_backup}
            ports.update((port, b"") for port in kept.ports if port not in here)
            if server or ports:
                self.details[vdu.id] = VduDetails(server=server, ports=ports)
