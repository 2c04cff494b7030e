"""What the API asks of whoever knows the records of VNFs: what their servers are now, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nfvigil.model.vnf import Vnf
from nfvigil.model.vnf_answers import HistoryPage, HistoryQuery, Imported, VnfFilter, VnfPage, VnfStanding
from nfvigil.model.vnf_record import VduDetails, VnfRecord


class VnfRecordDesk(Protocol):
    def standing(self, vnf: Vnf) -> VnfStanding:
        """The VNF beside what its servers are now."""

    async def page(self, project: str | None, wanted: VnfFilter, after: str, limit: int) -> VnfPage:
        """In the order of ``project/id``, those beyond ``after``; ``project`` is None for one who sees all. A page is
        short where it looked at many without finding enough.
        """

    async def history(self, vnf: Vnf, wanted: HistoryQuery) -> HistoryPage:
        """The oldest first."""

    async def details(self, vnf: Vnf) -> Mapping[str, VduDetails]:
        """The cloud's own words on its components, by component."""

    def read(
        self, document: Mapping[str, Any], *, project: str, vims: Mapping[str, str], by: str, may_name_unknown: bool
    ) -> Imported:
        """What OSM's record of a VNF says. ``vims``: our names of OSM's accounts, by their ids. With
        ``may_name_unknown`` it may have servers that no cloud has told of. RefusedError names every wrong field;
        ConflictError where there is one of its id.
        """

    async def keep(self, found: Imported) -> Vnf:
        """Durable at its return, with what the document said of its servers."""

    def export(self, vnf: Vnf, record: VnfRecord, details: Mapping[str, VduDetails]) -> dict[str, Any]:
        """As OSM's record says it."""
