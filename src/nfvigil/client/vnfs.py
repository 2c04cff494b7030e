"""``client.vnfs``: which servers are a VNF, what they are now, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from nfvigil.client.address import place
from nfvigil.client.answers import Page, read
from nfvigil.client.part import Match, Part, keyed, matching
from nfvigil.client.vnf_shapes import ImportedVnf, Vnf, VnfChanges, VnfDetails, VnfLine
from nfvigil.client.vnf_watch import FAILURES_MAX, VnfNews, VnfWatch

VNFS = "/v1/vnfs"
WAIT_SECONDS = 25
"""For a change; the service allows 60."""
SLACK_SECONDS = 5.0
"""An answer takes some time beside the wait."""


class Vnfs(Part):
    """VNFs. ``project`` is for administrators, where several projects have one of an id."""

    def list(
        self,
        *,
        status: str | Sequence[str] | None = None,
        name: str | Sequence[str] | None = None,
        vim: str | Sequence[str] | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Iterator[Vnf]:
        return self._all(Vnf, VNFS, {"status": status, "name": name, "vim": vim}, limit, marker)

    def page(
        self,
        *,
        status: str | Sequence[str] | None = None,
        name: str | Sequence[str] | None = None,
        vim: str | Sequence[str] | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Page[Vnf]:
        return self._page(Vnf, VNFS, {"status": status, "name": name, "vim": vim}, limit, marker)

    def show(self, vnf_id: str, *, project: str | None = None) -> Vnf:
        return self._one(Vnf, "GET", place("v1", "vnfs", vnf_id), parameters={"project": project})

    def create(
        self,
        vnfcs: Sequence[Mapping[str, Any]],
        *,
        vnf_id: str | None = None,
        name: str = "",
        project: str | None = None,
        key: str | None = None,
    ) -> Vnf:
        """``vnfcs``: ``server``, and where wanted ``id``, ``vdu`` and ``interfaces``."""
        body: dict[str, Any] = {"name": name, "vnfcs": [dict(one) for one in vnfcs]}
        body |= {} if vnf_id is None else {"id": vnf_id}
        body |= {} if project is None else {"project": project}
        return self._one(Vnf, "POST", VNFS, body=body, headers=keyed(key))

    def replace(
        self,
        vnf_id: str,
        vnfcs: Sequence[Mapping[str, Any]],
        *,
        name: str = "",
        project: str | None = None,
        if_match: Match = None,
    ) -> Vnf:
        """Its name and its components anew."""
        body = {"name": name, "vnfcs": [dict(one) for one in vnfcs]}
        where = place("v1", "vnfs", vnf_id)
        return self._one(Vnf, "PUT", where, parameters={"project": project}, body=body, headers=matching(if_match))

    def delete(self, vnf_id: str, *, project: str | None = None, if_match: Match = None) -> None:
        """Forget what was told of it, and its record."""
        where = place("v1", "vnfs", vnf_id)
        self._http.ask("DELETE", where, parameters={"project": project}, headers=matching(if_match))

    def history(
        self,
        vnf_id: str,
        *,
        component: str | None = None,
        kind: str | Sequence[str] | None = None,
        since: datetime | str | None = None,
        project: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Iterator[VnfLine]:
        """What became of its components, the oldest first."""
        asked = {"component": component, "kind": kind, "since": since, "project": project}
        return self._all(VnfLine, place("v1", "vnfs", vnf_id, "history"), asked, limit, marker)

    def history_page(
        self,
        vnf_id: str,
        *,
        component: str | None = None,
        kind: str | Sequence[str] | None = None,
        since: datetime | str | None = None,
        project: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Page[VnfLine]:
        asked = {"component": component, "kind": kind, "since": since, "project": project}
        return self._page(VnfLine, place("v1", "vnfs", vnf_id, "history"), asked, limit, marker)

    def details(self, vnf_id: str, *, component: str | None = None, project: str | None = None) -> Iterator[VnfDetails]:
        """The cloud's own words on its components."""
        where = place("v1", "vnfs", vnf_id, "details")
        marker = None
        while True:
            asked = {"component": component, "project": project, "marker": marker}
            page = self._http.ask("GET", where, parameters=asked).value()
            yield from (read(VnfDetails, one) for one in page["items"])
            if page["next"] is None or page["next"] == marker:
                return
            marker = page["next"]

    def details_text(self, vnf_id: str, *, component: str | None = None, project: str | None = None) -> str:
        """The same as YAML, as OSM writes it into its records."""
        where = place("v1", "vnfs", vnf_id, "details")
        texts: list[str] = []
        marker: str | None = None
        while True:
            asked = {"component": component, "project": project, "format": "yaml", "marker": marker}
            reply = self._http.ask("GET", where, parameters=asked)
            texts.append(reply.body.decode("utf-8", "replace"))
            following = reply.headers.get("NFVigil-Next")
            if following is None or unquote(following) == marker:
                return "".join(texts)
            marker = unquote(following)

    def export(self, vnf_id: str, *, project: str | None = None) -> dict[str, Any]:
        """The VNF as OSM's record (``vnfr``)."""
        where = place("v1", "vnfs", vnf_id, "vnfr")
        found: dict[str, Any] = self._http.ask("GET", where, parameters={"project": project}).value()
        return found

    def import_(
        self,
        vnfr: Mapping[str, Any],
        *,
        project: str | None = None,
        vims: Mapping[str, str] | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> ImportedVnf:
        """Take a VNF over from OSM's record of it. ``vims``: NFVigil's names of OSM's VIM accounts, by their ids."""
        body: dict[str, Any] = {"vnfr": dict(vnfr)}
        body |= {} if project is None else {"project": project}
        body |= {"vims": dict(vims)} if vims else {}
        asked = {"dry_run": True if dry_run else None}
        return self._one(
            ImportedVnf, "POST", f"{VNFS}/import", parameters=asked, body=body, headers=keyed(None if dry_run else key)
        )

    def changes(self, after: str | None = None, *, wait_seconds: int = 0, limit: int | None = None) -> VnfChanges:
        """What changed since a cursor, waiting for it if need be; without one, only where now is.

        TooOldError: the service was started anew; take a cursor, list, and compare. ``watch`` does all that.
        """
        asked = {"after": after, "wait": wait_seconds or None, "limit": limit}
        return self._one(VnfChanges, "GET", f"{VNFS}/changes", parameters=asked)

    def watch(
        self,
        *,
        is_wanted: Callable[[Vnf], bool] = lambda _: True,
        failures_max: int = FAILURES_MAX,
        lost: Callable[[Exception], None] = lambda _: None,
    ) -> Iterator[VnfNews]:
        """What becomes different from now on, until the service cannot be had ``failures_max`` times in a row."""
        wait_seconds = max(1, min(WAIT_SECONDS, int(self._http.timeout_seconds - SLACK_SECONDS)))

        return iter(
            VnfWatch(
                changes=lambda after: self.changes(after, wait_seconds=0 if after is None else wait_seconds),
                everything=self.list,
                is_wanted=is_wanted,
                sleep=self._http.sleep,
                clock=self._http.clock,
                lost=lost,
                failures_max=failures_max,
            )
        )
