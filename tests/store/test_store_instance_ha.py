"""Masakari's notifications among the events of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from nfvigil.model.change import Change
from nfvigil.model.event import Event, Status
from nfvigil.model.ids import event_id_at
from nfvigil.model.instance_ha import DOOR, RECORD, notification_uuid
from nfvigil.store import Store

OpenStore = Callable[..., Awaitable[Store]]
SECOND = 1_000_000
BEGIN = 1_800_000_000_000_000


def uuid(number: int) -> str:
    return notification_uuid(BEGIN + number * SECOND, bytes([number]) * 8)


def record(number: int, door: str = DOOR) -> Event:
    at_us = BEGIN + number * SECOND
    return Event(
        id=event_id_at(at_us) + 1024,
        type=RECORD,
        resource=f"host/c-{number}",
        time_us=at_us,
        received_us=at_us,
        status=Status.UNKNOWN,
        door=door,
        monitor_event_id=uuid(number),
    )


def follower(number: int, place: int) -> Event:
    first = record(number)
    return Event(
        id=first.id + 1024 * place,
        type="compute.host.down",
        resource=first.resource,
        time_us=first.time_us,
        received_us=first.received_us,
        door=DOOR,
        related_to=(uuid(number),),
    )


@pytest.mark.anyio
async def test_notifications_are_found_by_uuid_number_and_page(store: Store) -> None:
    await store.add_events([record(1), follower(1, 1), record(2), record(3, door="v1"), follower(2, 1), record(4)])

    assert [one.resource for one in await store.ha_notifications()] == ["host/c-4", "host/c-2", "host/c-1"]
    assert [one.resource for one in await store.ha_notifications(before=record(4).id, limit=2)] == ["host/c-2"]
    assert [one.resource for one in await store.ha_notifications(since_us=record(2).received_us)] == [
        "host/c-4",
        "host/c-2",
    ]
    for name in (uuid(2), str(record(2).id >> 10)):
        found = await store.ha_notification(name)
        assert found is not None
        assert found.resource == "host/c-2"
    for name in (
        uuid(3),
        uuid(5),
        "x",
        "9" * 16,
        "9" * 40,
        "ffffffff-ffff-7000-8000-000000000000",
        "00000000-0000-4000-8000-000000000000",
    ):
        assert await store.ha_notification(name) is None


@pytest.mark.anyio
async def test_what_follows_from_a_notification_stands_behind_it(store: Store) -> None:
    await store.add_events([record(1), follower(1, 1), follower(1, 2), record(2)])

    first, second = await store.ha_cases([record(1), record(2)])

    assert ([one.id for one in first.followers], second.followers) == ([follower(1, 1).id, follower(1, 2).id], ())
    assert (first.decisions, first.actions) == ((), ())
    assert first.decided_to == 0

    await store.commit(Change(cursor=follower(1, 2).id))

    (again,) = await store.ha_cases([record(1)])
    assert again.decided_to == follower(1, 2).id
