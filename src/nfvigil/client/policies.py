"""``client.policies``, ``client.faults``: what is decided on an event, and where the time went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nfvigil.client.address import place
from nfvigil.client.part import Part
from nfvigil.client.shapes import Fault, Lint, Policy, Profile

POLICIES = "/v1/policies"


class Policies(Part):
    """Policies, by name and version."""

    def list(self) -> Iterator[Policy]:
        return self._all(Policy, POLICIES, {}, None)

    def show(self, name: str, *, version: int | None = None) -> Policy:
        """With its text; the newest version if none is named."""
        return self._one(Policy, "GET", place("v1", "policies", name), parameters={"version": version})

    def lint(self, text: str) -> Lint:
        return self._one(Lint, "POST", f"{POLICIES}/lint", body={"text": text})

    def apply(self, text: str) -> Policy:
        """Make it the next version of its name, and put it in force."""
        return self._one(Policy, "POST", POLICIES, body={"text": text})

    def rollback(self, name: str, *, version: int | None = None) -> Policy:
        body: dict[str, Any] = {} if version is None else {"version": version}
        return self._one(Policy, "POST", place("v1", "policies", name, "rollback"), body=body)


class Faults(Part):
    """Faults, and their profiles."""

    def list(self, *, state: str = "open", limit: int | None = None, marker: str | None = None) -> Iterator[Fault]:
        return self._all(Fault, "/v1/faults", {"state": state}, limit, marker)

    def show(self, fault_id: str) -> Fault:
        return self._one(Fault, "GET", place("v1", "faults", fault_id))

    def profile(self, fault_or_alarm_id: str) -> Profile:
        return self._one(Profile, "GET", place("v1", "faults", fault_or_alarm_id, "profile"))
