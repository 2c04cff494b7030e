"""What the gate says where it knows too little."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nfvigil.brakes.gate import Gate, Witnesses
from nfvigil.brakes.limits import Limits
from nfvigil.model.action import Action, Origin
from nfvigil.model.permit import Go, Permit, Wait

FENCE = Action(id="f", kind="fence", target="host/h", vim="sim", event_id=1, alarm_id="a", planned_us=0)


class Known:
    """All that the gate asks about; the map knows the host, or it does not."""

    def __init__(self, groups: Mapping[str, Collection[str]]) -> None:
        self._groups = groups

    def is_automation_off(self) -> str:
        return ""

    def hold(self, vim: str) -> str:
        return ""

    def is_open(self, alarm_id: str) -> bool:
        return True

    def host_of(self, action: Action) -> str:
        return action.target

    def is_failed(self, host: str) -> bool:
        return True

    def proof(self, host: str) -> Mapping[str, Any] | None:
        return None

    def witnesses(self, key: str) -> Witnesses:
        return Witnesses(monitors=frozenset({"ping-1", "bmc-1"}))

    def groups(self, host: str) -> Mapping[str, Collection[str]]:
        return self._groups

    def fenced(self, vim: str) -> Collection[str]:
        return ()


def asked(groups: Mapping[str, Collection[str]], action: Action = FENCE) -> Permit:
    limits = Limits(paths={"ping": ["ping-*"], "bmc": ["bmc-*"]}, settle_seconds=0)
    return Gate(situation=Known(groups), limits=limits, clock=lambda: 1)(action)


def test_a_host_that_the_map_does_not_know_is_not_switched_off() -> None:
    assert asked({"VIM sim": ["host/h"]}) == Go(FENCE)
    assert asked({}) == Wait("waits: its host is not in the resource map")


def test_an_operator_who_overrides_the_brakes_switches_it_off_all_the_same() -> None:
    by_hand = Action(
        id="f", kind="fence", target="host/h", vim="sim", event_id=1, origin=Origin.OPERATOR,
        params={"override_brakes": True},
    )  # fmt: skip

    assert asked({}, by_hand) == Go(by_hand)
