"""The wiring of the controller: its limits, what holds it back, and who does what is no state of a VIM's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nfvigil.controller.plugins import action_plugins
from nfvigil.controller.runner import Controller
from nfvigil.controller.vim import Vim
from nfvigil.model.action import ActionKind
from nfvigil.northbound.metrics import Metrics
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.wiring.recovery import Recovery


def controller_of(
    vims: Mapping[str, Vim],
    settings: Settings,
    metrics: Metrics,
    pipeline: Pipeline,
    recovery: Recovery,
    *,
    clock: Callable[[], int],
) -> Controller:
    return Controller(
        vims=vims,
        report=pipeline.report,
        clock=clock,
        limit=settings.controller.limit,
        timeout_seconds=settings.controller.timeout_seconds,
        attempts_max=settings.controller.attempts_max,
        deadline_seconds=settings.controller.deadline_seconds,
        deed_limit=settings.controller.deed_limit,
        deed_timeout_seconds=settings.controller.deed_timeout_seconds,
        gate=recovery.gate,
        plugins={
            **action_plugins(),
            ActionKind.FENCE: recovery.fencer.fence,
            ActionKind.EVACUATE: recovery.fencer.evacuate,
        },
        observe=lambda kind, seconds, outcome: metrics.action(kind, outcome, seconds),
    )
