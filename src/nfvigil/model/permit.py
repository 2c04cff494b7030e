"""Whether an action may begin now: the answer of the brakes to the controller."""

from __future__ import annotations

import msgspec

from nfvigil.model.action import Action


class Go(msgspec.Struct, frozen=True):
    """It may, in this form: what it rests on (a fencing proof) is in its parameters."""

    action: Action


class Wait(msgspec.Struct, frozen=True):
    """Not yet; ask again when something has changed, and in any case after so many seconds where time alone may
    change it.
    """

    reason: str
    seconds: float | None = None


class Refuse(msgspec.Struct, frozen=True):
    """Never: what it was for is over, or it has waited too long. ``failed`` where that is bad news."""

    reason: str
    failed: bool = False


Permit = Go | Wait | Refuse
