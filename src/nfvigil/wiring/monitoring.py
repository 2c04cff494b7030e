"""The wiring of what monitoring systems send: formats with their settings, their doors, and what asks Alertmanager."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.routing import Route

from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.event import Event
from nfvigil.model.times import SECOND
from nfvigil.northbound.metrics import Metrics
from nfvigil.pipeline import Pipeline
from nfvigil.southbound.alertmanager_api import AlertmanagerApi
from nfvigil.southbound.doors import Allow, Guard, answer_each, routes
from nfvigil.southbound.formats import load_formats
from nfvigil.southbound.formats.alertmanager import AlertmanagerFormat
from nfvigil.southbound.formats.nfvigil import NfvigilFormat
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.masakari import Duplicates, MasakariDoor, masakari_routes
from nfvigil.southbound.reconcile import Reconciler

_log = structlog.get_logger("nfvigil")


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    doors: list[Route]
    beside: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]
    """What runs while we serve."""


def put_monitoring_together(
    options: Mapping[str, Mapping[str, Any]],
    *,
    intake: Intake,
    guard: Guard,
    allow: Allow,
    pipeline: Pipeline,
    metrics: Metrics,
    recent: Sequence[Event],
    clock: Callable[[], int],
) -> Monitoring:
    """``options`` are the settings of formats by name; ``recent`` are events of an earlier process."""
    formats = load_formats(options)
    for name, kind in told_types(options):
        if not pipeline.policy.event_rules(kind):
            _log.warning("no rule of the policy is for this type: its events raise nothing", format=name, type=kind)
    duplicates = Duplicates()
    duplicates.remember(recent)
    masakari = MasakariDoor(
        name="masakari",
        form=NfvigilFormat(),
        answer=answer_each,
        intake=intake,
        guard=guard,
        allow=allow,
        count=metrics.event,
        duplicates=duplicates,
        is_in_maintenance=lambda key: (pipeline.map.resolve(key) or key) in pipeline.state.in_maintenance,
        clock=clock,
        chance=secrets.token_bytes,
    )
    doors = routes(intake=intake, guard=guard, allow=allow, formats=formats, count=metrics.event)
    reconciler = _reconciler(formats.get("alertmanager"), intake, pipeline, metrics, clock)
    return Monitoring(
        doors=[*doors, *masakari_routes(masakari)],
        beside={} if reconciler is None else {"alertmanager": reconciler.run},
    )


def told_types(options: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(format, event type) of all that the settings make of others' alarms."""
    found: set[tuple[str, str]] = set()
    for name, given in options.items():
        words = [given.get("host_type"), *_values(given.get("types"))]
        for field in ("messages", "traps"):
            words += [one.get("type") for one in _values(given.get(field)) if isinstance(one, Mapping)]
        found.update((name, word) for word in words if isinstance(word, str))
    return sorted(found)


def _values(given: object) -> list[object]:
    return list(given.values()) if isinstance(given, Mapping) else []


def _reconciler(
    form: object, intake: Intake, pipeline: Pipeline, metrics: Metrics, clock: Callable[[], int]
) -> Reconciler | None:
    if not isinstance(form, AlertmanagerFormat) or not form.options.api_url:
        return None
    if not form.options.receiver:
        reason = "is needed with api_url: the name of the receiver that sends to us"
        raise SettingsError("the settings are wrong", [FieldError("formats.alertmanager.receiver", reason)])
    reconciler = Reconciler(
        form=form,
        source=AlertmanagerApi(url=form.options.api_url, token_file=form.options.api_token_file),
        take=intake.take,
        faults=lambda: pipeline.state.faults.values(),
        clock=clock,
        count=metrics.event,
    )
    begun_us = clock()
    metrics.gauge(
        "alertmanager_age_seconds",
        lambda: (clock() - (reconciler.answered_us or begun_us)) / SECOND,
        "Since the last complete answer of Alertmanager's API",
    )
    return reconciler
