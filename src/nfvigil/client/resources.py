"""``client.resources``, ``client.hosts``, ``client.brakes``, ``client.capacity``: what there is, and its power."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nfvigil.client.address import place, resource_place
from nfvigil.client.answers import Page
from nfvigil.client.part import Part
from nfvigil.client.shapes import Brakes, Capacity, Impact, Power, Proof, Resource, ResourceDetail

RESOURCES = "/v1/resources"


class Resources(Part):
    """Resources, by their keys: ``host/compute-1``, ``server/<id>``."""

    def list(
        self, kind: str, *, project: str | None = None, limit: int | None = None, marker: str | None = None
    ) -> Iterator[Resource]:
        return self._all(Resource, RESOURCES, {"kind": kind, "project": project}, limit, marker)

    def page(
        self, kind: str, *, project: str | None = None, limit: int | None = None, marker: str | None = None
    ) -> Page[Resource]:
        return self._page(Resource, RESOURCES, {"kind": kind, "project": project}, limit, marker)

    def show(self, key: str) -> ResourceDetail:
        """One, what hangs on it, who owns something there, and its open alarms."""
        return self._one(ResourceDetail, "GET", resource_place(key))

    def impact(self, key: str, *, type: str | None = None) -> Impact:
        """Who would be told, and what would be done, if it died now. Nothing of it is done."""
        return self._one(Impact, "GET", resource_place(key, "resources", "impact"), parameters={"type": type})


class Hosts(Part):
    """Hosts, by any of their names."""

    def list(self, *, limit: int | None = None, marker: str | None = None) -> Iterator[Resource]:
        return self._all(Resource, RESOURCES, {"kind": "host"}, limit, marker)

    def page(self, *, limit: int | None = None, marker: str | None = None) -> Page[Resource]:
        return self._page(Resource, RESOURCES, {"kind": "host"}, limit, marker)

    def show(self, host: str) -> ResourceDetail:
        return self._one(ResourceDetail, "GET", resource_place(f"host/{host.removeprefix('host/')}"))

    def power(self, host: str) -> Power:
        """What its BMC says, asked now."""
        return self._one(Power, "GET", place("v1", "hosts", host, "power"))

    def confirm_off(self, host: str, *, reason: str) -> Proof:
        """Say that it is off and stays so. If it is not, what was on it runs twice."""
        return self._one(Proof, "POST", place("v1", "hosts", host, "confirm-off"), body={"reason": reason})


class BrakesPart(Part):
    """What holds automatic recovery back."""

    def show(self) -> Brakes:
        return self._one(Brakes, "GET", "/v1/brakes")

    def hold(self, vim: str, *, reason: str) -> Brakes:
        return self._one(Brakes, "PUT", place("v1", "brakes", "holds", vim), body={"reason": reason})

    def release(self, vim: str, *, reason: str) -> Brakes:
        return self._one(Brakes, "POST", place("v1", "brakes", "holds", vim, "release"), body={"reason": reason})

    def automation(self, on: bool, *, reason: str) -> Brakes:
        """The kill switch."""
        body: dict[str, Any] = {"on": on, "reason": reason}
        return self._one(Brakes, "PUT", "/v1/brakes/automation", body=body)


class CapacityPart(Part):
    """What usable hosts have left."""

    def list(self, by: str = "zone") -> Iterator[Capacity]:
        return self._all(Capacity, "/v1/capacity", {"by": by}, None)
