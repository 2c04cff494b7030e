"""The wiring of what comes in: the intake of events, and the topology of the settings."""

from __future__ import annotations

from collections.abc import Callable

from nfvigil.errors import SettingsError
from nfvigil.model.topology import Topology
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings, zone_of
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.limits import Limits
from nfvigil.southbound.topology import read_topology
from nfvigil.wiring.left import Left


def intake_of(settings: Settings, pipeline: Pipeline, left: Left, *, clock: Callable[[], int]) -> Intake:
    return Intake(
        keep=pipeline.keep,
        ids=left.ids,
        clock=clock,
        zone=zone_of(settings.intake.zone),
        limits=Limits(
            future_seconds=settings.intake.future_seconds,
            stale_seconds=settings.intake.stale_seconds,
            repeat_window_seconds=settings.intake.repeat_window_seconds,
        ),
        recent=left.recent,
    )


def topology_of(settings: Settings) -> Topology | None:
    if settings.topology is None:
        return None
    try:
        return read_topology(settings.topology.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the topology {settings.topology}: {error}") from error
