"""Puts the parts of recovery together: what may begin, how a host is proven off, who calls HOLD."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nfvigil.brakes.gate import Gate
from nfvigil.brakes.limits import Limits
from nfvigil.brakes.watch import OutageWatch
from nfvigil.controller.fencing.fence import Fence, FenceDriver
from nfvigil.controller.fencing.fencer import Fencer
from nfvigil.controller.fencing.registry import Fences, read_fences
from nfvigil.controller.fencing.simulated_clouds import SimulatedClouds
from nfvigil.controller.runner import Controller
from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.controller.vims.suffixed import SuffixedVim, inmost
from nfvigil.desks.recovery import Records, RecoveryDesk
from nfvigil.errors import RefusedError, SettingsError
from nfvigil.lookout import LookOut
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.situation import LiveSituation


class Recovery(NamedTuple):
    """The parts that decide whether what is planned may begin, and prove that a host is off."""

    desk: RecoveryDesk
    gate: Gate
    watch: OutageWatch
    look_out: LookOut
    fencer: Fencer


def put_recovery_together(
    settings: Settings,
    pipeline: Pipeline,
    store: Records,
    fences: Fences,
    *,
    controller: Callable[[], Controller],
    clock: Callable[[], int],
) -> Recovery:
    limits = Limits(**settings.brakes.model_dump())

    def fence_for(vim: str, host: str) -> Fence:
        there = controller().vim(vim)
        if not isinstance(there, SuffixedVim):
            return fences.fence_for(vim, host)
        if not there.has(host):
            raise RefusedError(f"{host} is no name of a host in {vim}: they end with {there.suffix}")
        return fences.fence_for(vim, there.plain(host), own_only=True)

    desk = RecoveryDesk(
        pipeline=pipeline,
        store=store,
        allowed=settings.instructions.model_dump(),
        fence_for=fence_for,
        waiting=lambda: controller().held,
    )
    watch = OutageWatch(domains=lambda vim: situation.domains(vim), keep=desk.call_hold, limits=limits)
    situation = LiveSituation(
        state=pipeline.state,
        resource_map=pipeline.map,
        clock=clock,
        unconfirmed_hold=watch.reason,
        doubted=pipeline.doubted,
    )
    gate = Gate(situation=situation, limits=limits, clock=clock)
    fencer = Fencer(
        fence_for=fence_for,
        may_switch_off=gate.may_switch_off,
        proof=situation.proof,
        record=desk.prove,
        void=desk.void,
        clock=clock,
    )
    return Recovery(
        desk, gate, watch, LookOut(watch=watch, gate=gate, controller=controller, is_failed=situation.is_failed), fencer
    )


def fences_of(settings: Settings, vims: Mapping[str, Vim], clock: Callable[[], int]) -> Fences:
    """Those of the file; where there is none, the simulated clouds' own switches."""
    simulated = {name: cloud for name, vim in vims.items() if isinstance(cloud := inmost(vim), SimulatedVim)}
    drivers: dict[str, FenceDriver] = {"simulated": SimulatedClouds(clouds=simulated)} if simulated else {}
    if settings.fences is None:
        text = json.dumps(
            {"fences": {"*": [{"vim": name, "driver": "simulated", "cloud": name} for name in simulated]}}
        )
        return read_fences(text if simulated else "fences: {}\n", clock=clock, drivers=drivers)
    try:
        text = settings.fences.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the fences {settings.fences}: {error}") from error
    return read_fences(text, clock=clock, source=str(settings.fences), drivers=drivers)
