"""From an event to a verdict. Pure: event, policy, map and state in, values out; no clock, no I/O.

event -> which fault, on what -> alarm there -> what follows from it -> what to set, what to do, whom to tell
"""

from __future__ import annotations

from nfvigil.inspector import internal, ours, vdus
from nfvigil.inspector.brakes import void_proof
from nfvigil.inspector.faults import take_back, take_word
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.resource_map import Lookup, Recorder
from nfvigil.inspector.state import State
from nfvigil.inspector.turn import Turn
from nfvigil.model.event import Event
from nfvigil.model.verdict import Decision, Reason


def decide(event: Event, policy: CompiledPolicy, lookup: Lookup, state: State) -> Decision:
    """Decide about one event. ``state`` is as before afterwards: apply the verdict to it once it is durable."""
    recorder = Recorder(lookup)
    with state.trial():
        turn = Turn(event, policy, recorder, state)
        if event.door == internal.DOOR and event.type.startswith(internal.OURS):
            ours.handle(turn)
        elif event.type.startswith(internal.OURS):
            turn.say(Reason.NOT_SELECTED, resource=event.resource, text="nobody but NFVigil itself says this")
        else:
            key = recorder.resolve(event.resource) or event.resource
            if event.type == internal.MAINTENANCE:
                ours.maintenance(turn, key)
            elif event.is_clear:
                take_back(turn, key)
                void_proof(turn, key, f"{event.monitor or 'somebody'} reports {key} as up")
            else:
                take_word(turn, key)
        vdus.free(turn, turn.ended)
        turn.finish()
        verdict = turn.verdict()
    return Decision(event=event, verdict=verdict, entries=recorder.entries())
