"""What a decision means to those who listen to a cloud's own bus, beside its alarms: a host's maintenance.

``maintenance.scheduled``, the negotiation with a project, has no cause yet: it would be a second line here.
"""

from __future__ import annotations

from nfvigil.inspector import internal
from nfvigil.inspector.resource_map import Lookup
from nfvigil.inspector.state import MAINTENANCE
from nfvigil.model.event import Event
from nfvigil.model.happening import Happening
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import split_key
from nfvigil.model.verdict import Decision

IN_MAINTENANCE = "IN_MAINTENANCE"
MAINTENANCE_COMPLETE = "MAINTENANCE_COMPLETE"


def happenings_of(decision: Decision, lookup: Lookup) -> list[Happening]:
    """In the order in which they were decided; what changed nothing did not happen."""
    return [
        _maintenance(decision.event, name.removeprefix(MAINTENANCE), lookup, is_over=value is None)
        for name, value in decision.verdict.memory.items()
        if name.startswith(MAINTENANCE)
    ]


def _maintenance(event: Event, key: str, lookup: Lookup, *, is_over: bool) -> Happening:
    """As Doctor's admin tool tells it. A project's alarm needs a project, and of whose session it is we know nothing
    but what the event says.
    """
    record = lookup.get(key)
    session = str(event.details.get("session_id") or stable_id("maintenance", event.id))
    return Happening(
        type=internal.MAINTENANCE,
        payload={
            "project_id": str(event.details.get("project_id") or ""),
            # Without what is put behind the names of hosts that several clouds have: the bus is one cloud's.
            "host": split_key(key)[1].partition("@")[0],
            "state": MAINTENANCE_COMPLETE if is_over else IN_MAINTENANCE,
            "session_id": session,
        },
        vim=record.vim if record is not None else "",
    )
