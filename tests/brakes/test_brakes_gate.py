"""May it begin now? Every answer of the gate, from what is known at that moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import pytest

from nfvigil.brakes.gate import Gate, Witnesses
from nfvigil.brakes.limits import Limits, paths_of
from nfvigil.model.action import Action, Origin
from nfvigil.model.permit import Go, Permit, Refuse, Wait

SECOND = 1_000_000
HOUR = 3_600 * SECOND
FENCE = Action(id="f", kind="fence", target="host/h", vim="sim", event_id=1, alarm_id="a", planned_us=0)
EVACUATE = Action(
    id="e", kind="evacuate", target="server/s", vim="sim", event_id=1, alarm_id="a", params={"source": "h"}
)
REBOOT = Action(id="r", kind="reboot", target="server/s", vim="sim", event_id=1, alarm_id="a")
MARK = Action(id="m", kind="force_down", target="host/h", vim="sim", event_id=1, alarm_id="a")
PATHS = {"ping": ["ping-*"], "bmc": ["bmc-*"]}
BOTH = Witnesses(words=frozenset({("ping-1", ""), ("bmc-1", "")}))
PROOF = {"epoch": 7, "at_us": 5}
TEN = [f"host/{number}" for number in range(9)]


class Known:
    """All that the gate asks about, as a test says it."""

    def __init__(
        self,
        *,
        off: str = "",
        held: str = "",
        open_: bool = True,
        failed: bool = True,
        proofs: Mapping[str, Mapping[str, Any]] | None = None,
        witnesses: Witnesses = BOTH,
        groups: Mapping[str, Collection[str]] | None = None,
        doubt: str = "",
    ) -> None:
        self.off, self.held, self.open, self.failed = off, held, open_, failed
        self.proofs = dict(proofs or {})
        self._witnesses = witnesses
        self._doubt = doubt
        self._groups = {"VIM sim": ["host/h", *TEN]} if groups is None else groups

    def is_automation_off(self) -> str:
        return self.off

    def hold(self, vim: str) -> str:
        return self.held

    def is_open(self, alarm_id: str) -> bool:
        return self.open

    def host_of(self, action: Action) -> str:
        return f"host/{action.params['source']}" if "source" in action.params else action.target

    def doubt(self, host: str) -> str:
        return self._doubt

    def is_failed(self, host: str) -> bool:
        return self.failed

    def proof(self, host: str) -> Mapping[str, Any] | None:
        return self.proofs.get(host)

    def witnesses(self, key: str) -> Witnesses:
        return self._witnesses

    def groups(self, host: str) -> Mapping[str, Collection[str]]:
        return self._groups

    def fenced(self, vim: str) -> Collection[str]:
        return list(self.proofs)


def begun(action: Action) -> Action:
    return msgspec.structs.replace(action, attempts=1)


def ask(action: Action, known: Known | None = None, *, now_us: int = HOUR, **limits: Any) -> Permit:
    chosen = Limits(**{"paths": PATHS, "settle_seconds": 0, "wait_max_seconds": 86_400, **limits})
    return Gate(situation=known or Known(), limits=chosen, clock=lambda: now_us)(action)


def by(action: Action, origin: Origin, **params: Any) -> Action:
    alarm_id = "" if origin in (Origin.OWNER, Origin.OPERATOR) else action.alarm_id
    return msgspec.structs.replace(action, origin=origin, alarm_id=alarm_id, params={**action.params, **params})


PROVEN = Known(proofs={"host/h": PROOF})


@pytest.mark.parametrize(
    ("action", "known", "reason"),
    [
        pytest.param(FENCE, Known(), "", id="two witnesses fence"),
        pytest.param(
            FENCE,
            Known(witnesses=Witnesses(words=frozenset({("ping-1", ""), ("ping-2", "")}))),
            "another witness: 2 independent ones are needed, so far ping",
            id="two monitors on one path are one witness",
        ),
        pytest.param(FENCE, Known(witnesses=Witnesses()), "so far nobody", id="nobody is none"),
        pytest.param(
            by(FENCE, Origin.OPERATOR),
            Known(witnesses=Witnesses(words=frozenset({("ping-1", "")}))),
            "",
            id="an operator is a witness",
        ),
        pytest.param(by(FENCE, Origin.OPERATOR), Known(witnesses=Witnesses()), "so far operator", id="not two"),
        pytest.param(FENCE, PROVEN, "", id="what is proven off may be said to be"),
        pytest.param(FENCE, Known(groups={}), "not in the resource map", id="an unknown host waits"),
        pytest.param(EVACUATE, Known(), "the proof that its host is off", id="no proof, no evacuation"),
        pytest.param(EVACUATE, PROVEN, "", id="with it"),
        pytest.param(FENCE, Known(held="3 hosts failed"), "HOLD: 3 hosts failed", id="hold stops fencing"),
        pytest.param(by(EVACUATE, Origin.OWNER), Known(held="x"), "HOLD: x", id="and an owner's evacuation"),
        pytest.param(by(REBOOT, Origin.OWNER), Known(held="x"), "", id="not an owner's reboot of its own server"),
        pytest.param(REBOOT, Known(held="x"), "HOLD", id="but a reboot that nobody asked for"),
        pytest.param(MARK, Known(held="x"), "", id="nor what is restored later"),
        pytest.param(
            by(FENCE, Origin.OPERATOR, override_brakes=True), Known(held="x"), "", id="an operator overrides a hold"
        ),
        pytest.param(
            by(FENCE, Origin.OPERATOR, override_brakes=True),
            Known(witnesses=Witnesses()),
            "so far operator",
            id="but no witness",
        ),
        pytest.param(by(EVACUATE, Origin.OPERATOR, override_brakes=True), Known(), "the proof", id="and no proof"),
        pytest.param(by(FENCE, Origin.OWNER, override_brakes=True), Known(held="x"), "HOLD", id="an owner does not"),
        pytest.param(MARK, Known(off="ann"), "switched off by ann", id="the kill switch stops what is automatic"),
        pytest.param(by(REBOOT, Origin.OWNER), Known(off="ann"), "", id="and nothing that was asked for"),
        pytest.param(REBOOT, Known(), "", id="two witnesses reboot"),
        pytest.param(REBOOT, Known(witnesses=Witnesses()), "another witness", id="and fewer do not"),
        pytest.param(by(REBOOT, Origin.OWNER), Known(witnesses=Witnesses()), "", id="its owner needs none"),
        pytest.param(
            by(REBOOT, Origin.RECOVERY, not_before_us=HOUR + 5 * SECOND), Known(), "as its owner wants", id="not before"
        ),
        pytest.param(by(REBOOT, Origin.RECOVERY, not_before_us=HOUR), Known(), "", id="but then"),
    ],
)
def test_what_may_begin_and_what_waits_for_what(action: Action, known: Known, reason: str) -> None:
    permit = ask(action, known)

    if reason:
        assert isinstance(permit, Wait)
        assert reason in permit.reason
    else:
        assert isinstance(permit, Go)


def test_states_wait_for_a_hold_where_that_is_wanted() -> None:
    assert isinstance(ask(MARK, Known(held="x"), hold_states=True), Wait)


def test_what_is_restored_is_never_held_back() -> None:
    undo = msgspec.structs.replace(MARK, undo_of="m")

    assert ask(undo, Known(off="ann", held="x", open_=False), hold_states=True) == Go(undo)


def test_an_evacuation_takes_the_proof_along_that_it_rests_on() -> None:
    permit = ask(EVACUATE, PROVEN)

    assert isinstance(permit, Go)
    assert permit.action.params == {"source": "h", "proof_us": 5, "fence_epoch": 7}


@pytest.mark.parametrize(
    ("action", "known", "failed"),
    [
        (FENCE, Known(open_=False, failed=False), False),
        (REBOOT, Known(open_=False), False),
        (EVACUATE, Known(failed=False), False),
        (by(EVACUATE, Origin.OWNER), Known(failed=False), True),
    ],
)
def test_what_is_over_is_not_done_any_more(action: Action, known: Known, failed: bool) -> None:
    permit = ask(action, known)

    assert isinstance(permit, Refuse)
    assert permit.failed is failed


def test_what_has_waited_for_a_day_is_given_up() -> None:
    permit = ask(FENCE, Known(held="x"), now_us=25 * HOUR)

    assert permit == Refuse("given up: it has waited for 86400 s", failed=True)


def test_the_first_that_fails_is_given_a_moment_as_it_may_be_one_of_many() -> None:
    assert ask(FENCE, now_us=2 * SECOND, settle_seconds=5) == Wait("waits 5 s for others that may fail too", 3.0)
    assert isinstance(ask(FENCE, now_us=5 * SECOND, settle_seconds=5), Go)


class Clock:
    def __init__(self) -> None:
        self.now_us = HOUR

    def __call__(self) -> int:
        return self.now_us


def test_one_host_after_the_other_and_all_of_its_deeds_at_once() -> None:
    clock, known = Clock(), Known()
    gate = Gate(situation=known, limits=Limits(paths=PATHS, settle_seconds=0, share=1.0), clock=clock)
    other = msgspec.structs.replace(FENCE, id="g", target="host/0")
    elsewhere = msgspec.structs.replace(FENCE, id="x", target="host/z", vim="another")
    assert isinstance(gate(FENCE), Go)
    known.proofs["host/h"] = PROOF

    assert gate(other) == Wait("waits: one host in 10 s", 10.0)
    assert isinstance(gate(EVACUATE), Go), "it belongs to the host that has begun"
    assert isinstance(gate(elsewhere), Go), "another cloud has its own pace"
    clock.now_us += 10 * SECOND
    assert isinstance(gate(other), Go)


def test_a_host_that_an_operator_has_confirmed_off_is_paced_like_any_other() -> None:
    clock = Clock()
    known = Known(proofs={"host/h": PROOF})
    gate = Gate(situation=known, limits=Limits(paths=PATHS, settle_seconds=0, share=1.0), clock=clock)
    gate(msgspec.structs.replace(FENCE, target="host/0"))

    assert gate(EVACUATE) == Wait("waits: one host in 10 s", 10.0)


@pytest.mark.parametrize(("size", "at_a_time"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (500, 50)])
def test_of_an_aggregate_a_tenth_at_a_time_and_one_always(size: int, at_a_time: int) -> None:
    clock = Clock()
    hosts = [f"host/{number}" for number in range(size)]
    gate = Gate(
        situation=Known(groups={"aggregate a": hosts}), limits=Limits(paths=PATHS, settle_seconds=0), clock=clock
    )
    begun = 0
    for host in hosts:
        clock.now_us += 11 * SECOND
        begun += isinstance(gate(msgspec.structs.replace(FENCE, target=host)), Go)

    assert begun == min(size, at_a_time)


def test_a_host_that_returned_makes_room_for_the_next() -> None:
    clock = Clock()
    gate = Gate(situation=Known(), limits=Limits(paths=PATHS, settle_seconds=0), clock=clock)
    other = msgspec.structs.replace(FENCE, target="host/0")
    gate(FENCE)
    clock.now_us += 60 * SECOND
    full = gate(other)

    gate.returned("host/h")

    assert isinstance(full, Wait)
    assert "1 of 10 hosts are off, and no more than 1 may" in full.reason
    assert isinstance(gate(other), Go)


@pytest.mark.parametrize(
    ("known", "now_us", "why_not"),
    [
        (Known(), HOUR, ""),
        (Known(open_=False, failed=False), HOUR, "is over"),
        (Known(open_=False), HOUR, ""),
        (Known(off="ann"), HOUR, "switched off"),
        (Known(held="x"), HOUR, "HOLD"),
        (Known(witnesses=Witnesses()), HOUR, "another witness"),
        (Known(), 25 * HOUR, "given up"),
    ],
)
def test_right_before_the_order_everything_is_asked_again(known: Known, now_us: int, why_not: str) -> None:
    gate = Gate(situation=known, limits=Limits(paths=PATHS), clock=lambda: now_us)

    found = gate.may_switch_off(FENCE)

    assert why_not in found
    assert bool(found) is bool(why_not)


@pytest.mark.parametrize(
    ("paths", "monitors", "is_enough"),
    [
        ({}, {"ping-1"}, True),
        ({}, set(), False),
        ({"management": ["ping-*", "vim"]}, {"ping-1"}, False),
        ({"management": ["ping-*", "vim"], "oob": ["bmc"]}, {"bmc"}, True),
        ({"management": ["ping-*"]}, {"ping-1"}, True),
        ({"management": ["ping-*"]}, {"ping-1", "unassigned"}, True),
    ],
)
def test_the_clouds_own_heartbeat_counts_by_the_path_that_it_takes(
    paths: dict[str, list[str]], monitors: set[str], is_enough: bool
) -> None:
    known = Known(witnesses=Witnesses(words=frozenset((monitor, "") for monitor in monitors), vim_agrees=True))

    assert isinstance(ask(FENCE, known, paths=paths), Go) is is_enough


def test_a_monitor_that_nobody_assigned_adds_nothing_beside_one_that_is() -> None:
    known = Known(witnesses=Witnesses(words=frozenset({("ping-1", ""), ("unassigned", "")})))

    assert isinstance(ask(FENCE, known), Wait)


@pytest.mark.parametrize(
    ("action", "known", "goes"),
    [
        pytest.param(EVACUATE, Known(open_=False, proofs={"host/h": PROOF}), False, id="not begun"),
        pytest.param(begun(EVACUATE), Known(open_=False, proofs={"host/h": PROOF}), True, id="begun"),
        pytest.param(begun(EVACUATE), Known(open_=False, failed=False), True, id="begun, and its host is back"),
        pytest.param(begun(REBOOT), Known(open_=False), False, id="another deed"),
    ],
)
def test_an_evacuation_that_ended_its_own_alarm_is_followed_to_its_end(
    action: Action, known: Known, goes: bool
) -> None:
    assert isinstance(ask(action, known), Go) is goes


def test_without_a_proof_an_evacuation_that_was_begun_is_only_asked_about() -> None:
    carried = msgspec.structs.replace(begun(EVACUATE), params={"source": "h", "proof_us": 5, "fence_epoch": 7})

    permit = ask(carried, Known())

    assert isinstance(permit, Go)
    assert permit.action.params == {"source": "h"}


@pytest.mark.parametrize("action", [FENCE, EVACUATE])
def test_a_host_whose_name_another_cloud_has_as_well_is_left_alone_whoever_asks(action: Action) -> None:
    known = Known(proofs={"host/h": PROOF}, doubt="several VIMs have a host h")

    asked = ask(by(action, Origin.OPERATOR, override_brakes=True), known)

    assert asked == Wait("waits: several VIMs have a host h")
    gate = Gate(situation=known, limits=Limits(paths=PATHS), clock=lambda: 1)
    assert gate.may_switch_off(FENCE) == "waits: several VIMs have a host h"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param({("ping-1", "a"), ("bmc-1", "b")}, {"net", "bmc"}, id="two paths, two credentials"),
        pytest.param({("ping-1", "a"), ("bmc-1", "a")}, {"bmc"}, id="one that calls itself two is one"),
        pytest.param({("ping-1", "a"), ("bmc-1", "")}, {"net", "bmc"}, id="an administrator passes on a word"),
        pytest.param({("ping-1", ""), ("bmc-1", "")}, {"net", "bmc"}, id="an administrator passes on two"),
        pytest.param({("ping-1", "a"), ("bmc-1", "a"), ("bmc-2", "b")}, {"net", "bmc"}, id="each finds its own"),
        pytest.param(
            {("ping-1", "a"), ("bmc-1", "a"), ("agent-1", "b"), ("agent-1", "c")}, {"agent", "bmc"}, id="not two by one"
        ),
        pytest.param({("x", "a"), ("y", "b")}, {"monitors"}, id="nobody assigned them"),
        pytest.param({("x", "a"), ("ping-1", "b")}, {"net"}, id="one beside an assigned one"),
        pytest.param(set(), set(), id="nobody"),
    ],
)
def test_a_credential_is_one_witness_whatever_it_calls_itself(words: set[tuple[str, str]], found: set[str]) -> None:
    paths = {"net": ["ping-*"], "bmc": ["bmc-*"], "agent": ["agent-*"]}

    assert paths_of(words, paths) == found
