"""Puts the parts together that event alarms are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol
from uuid import uuid4

from nfvigil.controller.vim import Tap
from nfvigil.desks.event_alarms import EventAlarmDesk
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.event_alarm import CloudEvent
from nfvigil.model.resource import Port, Server, Volume
from nfvigil.northbound.metrics import Metrics
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.notifier.event_alarms import KNOWN_MAX, EventAlarms
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.own_events import says_broken
from nfvigil.notifier.safety import Safety
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.store import Store


class Tellers(Protocol):
    """The parts that bring messages on their way."""

    @property
    def matcher(self) -> Matcher: ...
    @property
    def composer(self) -> Composer: ...
    @property
    def safety(self) -> Safety: ...
    @property
    def dispatcher(self) -> Dispatcher: ...
    @property
    def event_alarms(self) -> EventAlarms: ...


async def event_alarms_of(
    store: Store, settings: Settings, composer: Composer, state: State, resource_map: ResourceMap
) -> EventAlarms:
    """As an earlier process left them."""

    def host_of(resource: str) -> str:
        record = resource_map.get(resource)
        return record.host if isinstance(record, Server | Port | Volume) else ""

    def is_ill(resource: str) -> bool:
        return any(says_broken(state.alarms[one]) for one in state.alarms_on.get(resource, ()) if one in state.alarms)

    return EventAlarms(
        alarms=await store.all_event_alarms(),
        known=await store.fired_events(KNOWN_MAX),
        numbers=composer,
        host_of=host_of,
        is_ill=is_ill,
        auto_ok=settings.aodh.auto_ok,
    )


def put_alarming_together(
    settings: Settings, pipeline: Pipeline, store: Store, tellers: Tellers, *, clock: Callable[[], int]
) -> EventAlarmDesk:
    return EventAlarmDesk(
        alarms=tellers.event_alarms,
        pipeline=pipeline,
        store=store,
        matcher=tellers.matcher,
        dispatcher=tellers.dispatcher,
        composer=tellers.composer,
        safety=tellers.safety,
        clock=clock,
        new_id=lambda: str(uuid4()),
        quota=settings.aodh.quota,
        own_publishers={bus.publisher_id for bus in settings.buses},
    )


class LateTap:
    """A tap for drivers that are opened before there is anybody to listen; they listen later."""

    def __init__(self, find: Callable[[], Tap]) -> None:
        self._find = find

    def wants(self, event_type: str) -> bool:
        return self._find().wants(event_type)

    def take(self, event: CloudEvent) -> None:
        self._find().take(event)

    async def kept(self) -> None:
        await self._find().kept()


def show_event_alarms(metrics: Metrics, alarming: EventAlarmDesk) -> None:
    """How many there are, and what became of the events of the clouds' buses."""
    metrics.gauge("event_alarms", lambda: float(alarming.count))
    for what in ("taken", "dropped", "fired", "own"):
        metrics.gauge(f"bus_events_{what}", partial(_counted, alarming, what))


def _counted(alarming: EventAlarmDesk, what: str) -> float:
    return float(alarming.counts[what])
