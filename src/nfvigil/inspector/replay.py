"""Make recorded decisions again and see whether they come out the same, to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from nfvigil.inspector.decide import decide
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.resource_map import RecordedMap
from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.verdict import Verdict


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it lies in the store; the verdict stays bytes, for those are what is compared."""

    event: Event
    verdict: msgspec.Raw
    entries: dict[str, Any] = {}
    decided_us: int = 0


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """The state before the first decision that is still kept."""

    faults: tuple[Fault, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    memory: dict[str, Any] = {}
    last: int = 0
    """The last event whose decision is in it; later ones may still be kept."""

    def state(self) -> State:
        return State(faults=self.faults, alarms=self.alarms, memory=self.memory)

    @classmethod
    def of(cls, state: State, last: int) -> Base:
        return cls(
            faults=tuple(state.faults.values()),
            alarms=tuple(state.alarms.values()),
            memory=dict(state.memory),
            last=last,
        )


_recorded = msgspec.json.Decoder(Recorded)
_verdict = msgspec.json.Decoder(Verdict)


def replay(
    decisions: Iterable[bytes], policy_of: Callable[[str], CompiledPolicy], state: State
) -> Iterable[tuple[Event, bytes, bytes]]:
    """For each recorded decision, in their order: the event, the verdict as recorded, the verdict as made now.

    ``state`` is the one before the first of them and follows the record, so that one difference is one difference.
    """
    for body in decisions:
        recorded = _recorded.decode(body)
        old = _verdict.decode(recorded.verdict)
        again = decide(recorded.event, policy_of(old.policy), RecordedMap(recorded.entries), state)
        yield recorded.event, bytes(recorded.verdict), msgspec.json.encode(again.verdict)
        state.apply(old)


def fold(decisions: Iterable[bytes], state: State) -> None:
    """Bring ``state`` to where it was after these decisions."""
    for body in decisions:
        state.apply(_verdict.decode(_recorded.decode(body).verdict))
