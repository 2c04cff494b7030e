"""``client.ves``: what is told of a VIM to a VES collector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nfvigil.client.address import place
from nfvigil.client.part import Match, Part, matching
from nfvigil.client.shapes import VesAgent, VesTest


class Ves(Part):
    """The VES agent of each VIM."""

    def show(self, vim: str) -> VesAgent:
        return self._one(VesAgent, "GET", place("v1", "vims", vim, "ves"))

    def put(self, vim: str, config: Mapping[str, Any], *, if_match: Match = None) -> VesAgent:
        """``config`` is ONAP's ``vesagent_config``, whole."""
        path = place("v1", "vims", vim, "ves")
        return self._one(VesAgent, "PUT", path, body=dict(config), headers=matching(if_match))

    def remove(self, vim: str, *, if_match: Match = None) -> None:
        self._http.ask("DELETE", place("v1", "vims", vim, "ves"), headers=matching(if_match))

    def test(self, vim: str) -> VesTest:
        """What its collector answers to a heartbeat."""
        return self._one(VesTest, "POST", place("v1", "vims", vim, "ves", "test"))
