"""May this action begin now? Asked right before each one, with what is known then.

undo                          always: resolution is never held back
automatic, its alarm cleared  never: the host is well again
automatic, kill switch off    waits
destructive, HOLD             waits until an operator releases it
fence, evacuate               waits while it is not clear which host is meant
fence                         two witnesses; the aggregate's and the pace's brake
evacuate                      a proof that its host is off, which holds now
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

from nfvigil.brakes.limits import DESTRUCTIVE, MONITORS, OPERATOR, VIM, Limits, path_of, paths_of
from nfvigil.model.action import Action, ActionKind, Origin, is_state
from nfvigil.model.permit import Go, Permit, Refuse, Wait
from nfvigil.model.times import SECOND, iso

PROOF_PARAMS = frozenset({"proof_us", "fence_epoch"})
"""What an evacuation carries of the proof that its host is off."""


class Witnesses(msgspec.Struct, frozen=True, kw_only=True):
    """Who says that something is wrong with a resource."""

    words: frozenset[tuple[str, str]] = frozenset()
    """(monitor, sender) of those whose word stands, for the resource's own fault or one that it follows from."""
    vim_agrees: bool = False
    """Whether the cloud itself says so, of its own knowledge: not because we told it to."""


class Situation(Protocol):
    """What is known at this moment."""

    def is_automation_off(self) -> str:
        """Who switched automatic actions off, or ""."""

    def hold(self, vim: str) -> str:
        """Why nothing destructive may happen there, or ""."""

    def is_open(self, alarm_id: str) -> bool: ...

    def host_of(self, action: Action) -> str:
        """Key of the host that a deed is about: its target, or where the server was when it was decided."""

    def doubt(self, host: str) -> str:
        """Why it is not clear which host that is, or ""."""

    def is_failed(self, host: str) -> bool:
        """Whether an alarm stands for which the host is forced down."""

    def proof(self, host: str) -> Mapping[str, Any] | None:
        """``epoch`` and ``at_us`` of the proof that the host is off, while it holds."""

    def witnesses(self, key: str) -> Witnesses: ...

    def groups(self, host: str) -> Mapping[str, Collection[str]]:
        """The aggregates that the host is in (else its zone, else its VIM), with all their hosts."""

    def fenced(self, vim: str) -> Collection[str]:
        """Keys of the hosts there that are proven off."""


class Gate:
    """Keeps in mind which hosts it has let go, and when. Everything else is the situation's.

    After a restart the hosts with a proof count, and those whose actions were under way are let through again.
    """

    def __init__(self, *, situation: Situation, limits: Limits, clock: Callable[[], int]) -> None:
        self._situation = situation
        self._limits = limits
        self._clock = clock
        self._begun: dict[str, tuple[str, int]] = {}
        """Host -> its VIM, and when the first destructive step on it was let go."""

    def __call__(self, action: Action) -> Permit:
        """Whether it may begin. A deed that is let go counts at once: what comes next is measured against it."""
        if action.undo_of:
            return Go(action)
        now_us = self._clock()
        refused = self._is_over(action, now_us)
        if refused is not None:
            return refused
        waits = self._automatic(action) or self._held(action)
        if waits:
            return Wait(waits)
        early_us = int(action.params.get("not_before_us", 0)) - now_us
        if early_us > 0:
            return Wait(f"waits until {iso(now_us + early_us)}, as its owner wants", early_us / SECOND)
        if action.kind == ActionKind.FENCE:
            return self._fence(action, now_us)
        if action.kind == ActionKind.EVACUATE:
            return self._evacuate(action, now_us)
        if action.kind in DESTRUCTIVE and action.origin.is_automatic:
            missing = self._missing_witness(action, action.target)
            return Wait(missing) if missing else self._settling(action, now_us) or Go(action)
        return Go(action)

    def may_switch_off(self, action: Action) -> str:
        """Why a fence that was let go must not give its order now, or "": asked right before each order, for minutes
        may have passed, and a witness may have taken its word back.
        """
        now_us = self._clock()
        over = self._is_over(action, now_us)
        if over is not None:
            return over.reason
        doubt = self._doubt(action.target)
        return self._automatic(action) or self._held(action) or doubt or self._missing_witness(action, action.target)

    def returned(self, host: str) -> None:
        """The host is back: it takes no place under the brakes any more."""
        self._begun.pop(host, None)

    # What holds for all

    def _is_over(self, action: Action, now_us: int) -> Refuse | None:
        # An evacuation that was begun may be what ended its alarm: how it went is for the cloud to say.
        purpose = action.alarm_id or str(action.params.get("for", ""))
        if purpose and not _is_begun(action) and not self._stands(action, purpose):
            return Refuse("not done: what it was for is over, its alarm is cleared")
        since_us = max(action.planned_us, int(action.params.get("not_before_us", 0)))
        if now_us - since_us > self._limits.wait_max_seconds * SECOND:
            return Refuse(f"given up: it has waited for {self._limits.wait_max_seconds:g} s", failed=True)
        return None

    def _stands(self, action: Action, alarm_id: str) -> bool:
        """Whether what it is for still stands. A host may be down for several reasons, of which one is over."""
        is_still_down = action.kind == ActionKind.FENCE and self._situation.is_failed(action.target)
        return is_still_down or self._situation.is_open(alarm_id)

    def _automatic(self, action: Action) -> str:
        if not action.origin.is_automatic:
            return ""
        who = self._situation.is_automation_off()
        return f"waits: automatic actions are switched off by {who}" if who else ""

    def _held(self, action: Action) -> str:
        """A HOLD stops what is automatic, and what is fenced and evacuated whoever wants it."""
        if is_state(action.kind):
            is_stopped = self._limits.hold_states
        else:
            is_stopped = action.origin.is_automatic or action.kind in (ActionKind.FENCE, ActionKind.EVACUATE)
        if not is_stopped or _overrides(action):
            return ""
        reason = self._situation.hold(action.vim)
        return f"waits: HOLD: {reason}" if reason else ""

    # Fence and evacuate

    def _doubt(self, host: str) -> str:
        """Nobody overrides this: the switch that is found by the name may be a healthy host's."""
        doubt = self._situation.doubt(host)
        return f"waits: {doubt}" if doubt else ""

    def _fence(self, action: Action, now_us: int) -> Permit:
        if doubt := self._doubt(action.target):
            return Wait(doubt)
        if self._situation.proof(action.target) is not None:
            return Go(action)  # It is off already: this only says so.
        missing = self._missing_witness(action, action.target)
        if missing:
            return Wait(missing)
        return self._paced(action, action.target, now_us)

    def _evacuate(self, action: Action, now_us: int) -> Permit:
        host = self._situation.host_of(action)
        if doubt := self._doubt(host):
            return Wait(doubt)
        proof = self._situation.proof(host)
        if proof is None and _is_begun(action):
            # Only to hear how it went: where the cloud has not begun, it is refused without a proof.
            params = {name: value for name, value in action.params.items() if name not in PROOF_PARAMS}
            return Go(msgspec.structs.replace(action, params=params))
        if proof is None and not self._situation.is_failed(host):
            return Refuse("not done: its host is not down any more", failed=not action.origin.is_automatic)
        if proof is None:
            return Wait("waits for the proof that its host is off")
        paced = self._paced(action, host, now_us)
        if not isinstance(paced, Go):
            return paced
        params = {**action.params, "proof_us": proof["at_us"], "fence_epoch": proof["epoch"]}
        return Go(msgspec.structs.replace(action, params=params))

    def _missing_witness(self, action: Action, key: str) -> str:
        found = self._situation.witnesses(key)
        paths = paths_of(found.words, self._limits.paths)
        if found.vim_agrees:
            # Its heartbeats may share a network with monitors: then they are one witness.
            paths.add(VIM if path_of(VIM, self._limits.paths) == MONITORS else path_of(VIM, self._limits.paths))
        if action.origin is Origin.OPERATOR:
            paths.add(OPERATOR)
        if len(paths) >= self._limits.witnesses:
            return ""
        seen = ", ".join(sorted(paths)) or "nobody"
        return f"waits for another witness: {self._limits.witnesses} independent ones are needed, so far {seen}"

    def _paced(self, action: Action, host: str, now_us: int) -> Permit:
        """One host after the other, and not too many of those that stand in for one another."""
        if host in self._begun or _overrides(action):
            self._begin(host, action.vim, now_us)
            return Go(action)
        settling = self._settling(action, now_us)
        if settling is not None:
            return settling
        gap_us = int(self._limits.host_every_seconds * SECOND)
        latest = max((at for vim, at in self._begun.values() if vim == action.vim), default=None)
        if latest is not None and now_us - latest < gap_us:
            left = (latest + gap_us - now_us) / SECOND
            return Wait(f"waits: one host in {self._limits.host_every_seconds:g} s", left)
        gone = {*self._situation.fenced(action.vim), *self._begun}
        groups = self._situation.groups(host)
        if not groups:  # after a start the cloud may not have been read yet: nobody knows how many are a tenth
            return Wait("waits: its host is not in the resource map")
        for name, members in groups.items():
            most = max(1, int(self._limits.share * len(members)))
            others = [other for other in members if other in gone and other != host]
            if len(others) >= most:
                return Wait(
                    f"waits: of {name}, {len(others)} of {len(members)} hosts are off, and no more than {most} may"
                )
        self._begin(host, action.vim, now_us)
        return Go(action)

    def _settling(self, action: Action, now_us: int) -> Wait | None:
        early_us = action.planned_us + int(self._limits.settle_seconds * SECOND) - now_us
        if early_us <= 0:
            return None
        return Wait(f"waits {self._limits.settle_seconds:g} s for others that may fail too", early_us / SECOND)

    def _begin(self, host: str, vim: str, now_us: int) -> None:
        self._begun.setdefault(host, (vim, now_us))


def _is_begun(action: Action) -> bool:
    """Whether the cloud may have been asked for this evacuation already."""
    return action.kind == ActionKind.EVACUATE and action.attempts > 0


def _overrides(action: Action) -> bool:
    """An administrator who says so is not held back by hold, pace and share. Proof and witnesses stay."""
    return action.origin is Origin.OPERATOR and bool(action.params.get("override_brakes"))
