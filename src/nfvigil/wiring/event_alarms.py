"""Puts the parts together that event alarms are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import uuid4

from nfvigil.controller.vim import Tap
from nfvigil.desks.event_alarms import EventAlarmDesk
from nfvigil.model.event_alarm import CloudEvent
from nfvigil.northbound.metrics import Metrics
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.store import Store
from nfvigil.wiring.tellers import Tellers


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
