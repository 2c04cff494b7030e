"""What a start must know of actions that were given up before it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from nfvigil.inspector.state import RESTORING, State
from nfvigil.model.action import Action, ActionState
from nfvigil.model.alarm import Alarm, Mark
from nfvigil.model.change import Change
from nfvigil.running import failed_actions
from nfvigil.store import open_store

pytestmark = pytest.mark.anyio


def failed(event_id: int, number: int) -> Action:
    return Action(
        id=f"{event_id}-{number}",
        kind="server_error",
        target=f"server/{number}",
        event_id=event_id,
        state=ActionState.FAILED,
    )


async def test_every_action_that_an_open_event_had_given_up_is_found(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/n.db", node="n", clock=lambda: 1)
    raised = Alarm(id="a", fault_type="x", resource="host/h", event_id=7, event_us=0, raised_us=0)
    marked = Mark("port_data_plane_down", "port/p", "ACTIVE", "8-0", 8)
    state = State(
        alarms=[raised, msgspec.structs.replace(raised, id="b", resource="host/i", marks=(marked,))],
        memory={f"{RESTORING}9": {}},
    )
    try:
        # Of a rack of servers behind a dead VIM, of marks that came later, and of what could not be restored.
        actions = [failed(7, number) for number in range(2500)] + [failed(8, 0), failed(9, 0), failed(10, 0)]
        await store.commit(Change(actions=tuple(actions)))

        found = await failed_actions(store, state)
    finally:
        await store.close()

    assert {event_id: len(targets) for event_id, targets in found.items()} == {7: 2500, 8: 1, 9: 1}
