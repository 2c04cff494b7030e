"""Subscriptions and policies, when the store fails in between or two people want something at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from nfvigil.desks.desk import Desk
from nfvigil.errors import NotFoundError, StoreUnavailableError
from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm, AlarmState
from nfvigil.model.resource import ResourceState
from nfvigil.model.subscription import Endpoint, Filter, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.safety import Safety
from nfvigil.store.records import PolicyRecord

pytestmark = pytest.mark.anyio

POLICY = "policy: {name}\nrules:\n  - {{name: one, when: {{type: x}}}}\n"


class Shelf:
    """A store that fails or lingers when it is told to."""

    def __init__(self) -> None:
        self.fails = 0
        self.rows = {"s"}
        self.is_slow = False
        self.active: list[str] = []

    async def delete_subscription(self, name: str) -> None:
        if name not in self.rows:
            raise NotFoundError("there is none")
        self.fails -= 1
        if self.fails == 0:
            raise StoreUnavailableError("away")
        self.rows.remove(name)
        self.fails -= 1
        if self.fails == 0:
            raise StoreUnavailableError("away")

    async def put_subscription(self, subscription: Subscription) -> None:
        await asyncio.sleep(0.01)
        self.rows.add(subscription.id)

    async def add_policy(self, name: str, text: str, *, by: str) -> PolicyRecord:
        return PolicyRecord(name=name, version=1, text=text, created_us=0, created_by=by)

    async def activate_policy(self, name: str, _version: int) -> None:
        self.active.append(name)
        await asyncio.sleep(0.05 if name == "a" else 0)

    async def policies(self, **_: Any) -> list[PolicyRecord]:
        return []

    async def audit(self, *_: Any) -> None:
        await asyncio.sleep(0)


def desk_over(shelf: Shelf) -> tuple[Desk, Matcher, Any]:
    subscription = Subscription(id="s", endpoints=(Endpoint(id="e", url="http://192.0.2.1/"),))
    matcher = Matcher([subscription])
    methods = ("put", "put_subscription", "remove", "remove_subscription", "pause", "forget")
    idle = SimpleNamespace(**dict.fromkeys(methods, _nothing))
    pipeline = SimpleNamespace(policy=None)
    parts: dict[str, Any] = dict.fromkeys(
        ("dispatcher", "heartbeats", "safety", "channels", "composer", "health"), idle
    )
    desk = Desk(pipeline=pipeline, store=shelf, matcher=matcher, simulation=None, clock=lambda: 1, **parts)  # type: ignore[arg-type]  # stand-ins
    return desk, matcher, pipeline


def _nothing(*_: object) -> None:
    """An idle part."""


async def test_a_subscription_that_could_not_be_deleted_still_hears() -> None:
    shelf = Shelf()
    desk, matcher, _ = desk_over(shelf)
    shelf.fails = 1

    with pytest.raises(StoreUnavailableError):
        await desk.unsubscribe("s")
    assert matcher.get("s") is not None

    await desk.unsubscribe("s")
    assert matcher.get("s") is None
    assert not shelf.rows


async def test_a_deletion_that_got_half_way_can_be_asked_for_again() -> None:
    shelf = Shelf()
    desk, matcher, _ = desk_over(shelf)
    shelf.fails = 2

    with pytest.raises(StoreUnavailableError):
        await desk.unsubscribe("s")

    await desk.unsubscribe("s")
    assert matcher.get("s") is None


async def test_a_pause_does_not_bring_a_deleted_subscription_back() -> None:
    shelf = Shelf()
    desk, matcher, _ = desk_over(shelf)

    await asyncio.gather(desk.pause("s", True), desk.unsubscribe("s"), return_exceptions=True)

    assert matcher.get("s") is None
    assert not shelf.rows


async def test_of_two_policies_applied_at_once_the_one_in_force_is_the_one_that_is_kept_so() -> None:
    shelf = Shelf()
    desk, _, pipeline = desk_over(shelf)

    await asyncio.gather(*(desk.apply_policy(POLICY.format(name=name), by="me") for name in ("a", "b")))

    assert pipeline.policy.policy.name == shelf.active[-1]


async def test_who_is_given_an_alarm_when_it_subscribes_hears_that_it_is_over() -> None:
    shelf = Shelf()
    desk, matcher, pipeline = desk_over(shelf)
    composer = Composer(matcher=matcher, seqs={}, channels=load_channels())
    desk._composer = composer
    desk._channels, desk._safety = load_channels(), Safety(allow_loopback=False)
    alarm = Alarm(id="a", fault_type="x", resource="server/1", project="p", event_id=1, event_us=0, raised_us=0)
    pipeline.state = State(alarms=[alarm])
    late = Subscription(
        id="late",
        project="p",
        filter=Filter(resource_states=(ResourceState.DOWN,)),
        endpoints=(Endpoint(id="l", url="http://192.0.2.1/"),),
    )

    assert await desk.subscribe(late) == [alarm]
    over = msgspec.structs.replace(alarm, state=AlarmState.CLEARED, cleared_us=2, resource_state=ResourceState.NORMAL)
    told, _ = composer.compose([(News.CLEARED, over)], 2, 2)

    assert "late" in {notification.subscription for notification in told}
