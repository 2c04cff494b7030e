"""What keeps automatic recovery from doing harm, as the inspector remembers it: holds, the kill switch, proofs.

Whether an action may begin is decided when it is about to (the package ``brakes``); what that rests on is decided
here, through the log, so that it survives a restart and can be explained.
"""

from __future__ import annotations

from typing import Any

from nfvigil.inspector import internal
from nfvigil.inspector.faults import assert_own, take_back
from nfvigil.inspector.marks import set_again
from nfvigil.inspector.state import AUTOMATION_OFF, HOLD, PROOF, RELEASED
from nfvigil.inspector.turn import Turn
from nfvigil.model.resource import split_key
from nfvigil.model.verdict import Reason


def condition(turn: Turn) -> None:
    """Something about our own footing is wrong, or right again: an alarm of the administrator's, and a memory."""
    event = turn.event
    vim = split_key(event.resource)[1]
    if event.type == internal.HOLD:
        _hold(turn, vim)
    elif event.type == internal.AUTOMATION_OFF:
        turn.remember(AUTOMATION_OFF, None if event.is_clear else _who(turn))
    if event.is_clear:
        take_back(turn, event.resource)
        if event.type == internal.VIM_UNREACHABLE:
            set_again(turn, vim)
    else:
        assert_own(turn, event.resource)


def _hold(turn: Turn, vim: str) -> None:
    if turn.event.is_clear:
        turn.remember(f"{HOLD}{vim}", None)
        turn.remember(f"{RELEASED}{vim}", {"at_us": turn.now, **_who(turn)})
    else:
        turn.remember(f"{HOLD}{vim}", {**_who(turn), "hosts": list(turn.event.details.get("hosts", ()))})


def _who(turn: Turn) -> dict[str, Any]:
    details = turn.event.details
    return {"since_us": turn.now, "by": details.get("by", ""), "text": details.get("text", "")}


def proof(turn: Turn) -> None:
    """A host is proven off, or the proof is void. The epoch is the event's number: no two proofs have the same."""
    event = turn.event
    if event.is_clear:
        void_proof(turn, event.resource, str(event.details.get("text", "")))
        return
    details = event.details
    turn.remember(
        f"{PROOF}{event.resource}",
        {"epoch": event.id, "at_us": details["at_us"], "driver": details["driver"], "by": details.get("by", "")},
    )
    turn.say(Reason.CHANGED, resource=event.resource, text=f"proven off by {details['driver']}")


def void_proof(turn: Turn, key: str, text: str) -> None:
    """The host may be on again: what was proven of it does not hold any more."""
    if f"{PROOF}{key}" in turn.state.memory:
        turn.remember(f"{PROOF}{key}", None)
        turn.say(Reason.CHANGED, resource=key, text=f"not proven off any more: {text}")
