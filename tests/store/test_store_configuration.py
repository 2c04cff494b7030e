"""What is configured at run time is kept, and cleared alarms may be kept longer or shorter than the rest."""

from __future__ import annotations

from typing import Any

import pytest
from store_sample import START_US, alarm, cleared, entry, fault

from nfvigil.model.change import Change
from nfvigil.store.alarm_query import AlarmQuery

pytestmark = pytest.mark.anyio
LONG_AFTER = START_US + 1_000_000_000


async def test_what_is_configured_is_kept_by_name(store: Any) -> None:
    assert await store.configuration("a") is None

    await store.put_configuration("a", {"days": 7, "more": {"x": [1, "ü"]}})
    await store.put_configuration("b", {})
    await store.put_configuration("a", {"days": 8})

    assert await store.configuration("a") == {"days": 8}
    assert await store.configuration("b") == {}


async def test_cleared_alarms_go_by_a_time_of_their_own(store: Any) -> None:
    old, young = (cleared(alarm(name), START_US + at) for name, at in (("old", 5), ("young", 50)))
    await store.commit(
        Change(alarms=(old, young), history=(entry(old), entry(young)), faults=(fault(cleared_us=START_US + 50),))
    )

    kept = await store.purge(LONG_AFTER, START_US + 1)
    assert (kept.alarms, kept.faults) == (0, 1), "the fault goes, its alarm stays"

    assert (await store.purge(0, START_US + 20)).alarms == 1
    assert [one.id for one in await store.alarms(AlarmQuery(project=None))] == ["young"]
    assert await store.history("old") == []
