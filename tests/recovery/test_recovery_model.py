"""No interleaving starts a second copy: monitors that lie, BMCs and clouds that fail, people, crashes, in any order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from recovery_world import BY_ITSELF, POLICY, World

from nfvigil.controller.fencing.simulated import FenceFailure
from nfvigil.controller.vims.failure import HEALTHY, Failure
from nfvigil.errors import RefusedError
from nfvigil.model.event import Status
from nfvigil.model.identity import Identity, Role
from virtual_time import VirtualLoop

EXAMPLES = int(os.environ.get("NFVIGIL_TEST_MODEL_EXAMPLES", "15"))
HOSTS = [f"compute-{number}" for number in range(1, 4)]
hosts = st.sampled_from(HOSTS)
monitors = st.sampled_from(["ping", "ping-2", "bmc", ""])
FAILURES = (
    Failure(calls=("evacuate",), error_rate=1.0),
    Failure(calls=("evacuate",), error_rate=0.7),
    Failure(error_rate=0.5),
    Failure(lost_answer_rate=0.7),
    Failure(dead=True, timeout_seconds=5),
    Failure(calls=("force_down",), refuse="no"),
)


class Recovery(RuleBasedStateMachine):
    """Small brakes, so that much happens: what is looked for is a second copy, not slowness."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.world = World(
            options={"hosts": 3, "servers_per_host": 2, "projects": 1, "zones": 1, "servers_max_per_host": 6},
            policy=POLICY % BY_ITSELF,
            brakes={"outage_hosts": 4, "outage_share": 1.0, "share": 0.5, "host_every_seconds": 1, "settle_seconds": 0},
        )
        self.run(self.world.start())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.world.kill())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    @rule(monitor=monitors, host=hosts, status=st.sampled_from([Status.DOWN, Status.DOWN, Status.UP]))
    def somebody_says_something_true_or_not(self, monitor: str, host: str, status: Status) -> None:
        self.run(self.world.say(monitor, host, status))

    @rule(host=hosts, is_true=st.booleans(), seconds=st.sampled_from([0.0, 1.5, 5.0]))
    def two_say_that_a_host_is_down(self, host: str, is_true: bool, seconds: float) -> None:
        if is_true:
            self.world.sim.power(host, False)
        self.run(self.world.say("ping", host))
        self.run(self.world.say("bmc", host))
        self.run(asyncio.sleep(seconds))

    @rule(host=hosts)
    def a_host_dies(self, host: str) -> None:
        self.world.sim.power(host, False)

    @rule(host=hosts)
    def a_host_gets_its_power_back(self, host: str) -> None:
        self.world.sim.power(host, True)

    @rule(host=hosts)
    def a_host_gets_its_power_back_and_its_compute_service_is_slow_to_report(self, host: str) -> None:
        # Where an operator has said that it stays off, and nothing that could be asked answers, nobody can know.
        if host not in self.world.promised:
            self.world.power_back_in_silence(host)

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.3, 1.0, 2.5, 11.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(host=hosts, failure=st.sampled_from([None, *FenceFailure]))
    def a_bmc_fails_or_is_repaired(self, host: str, failure: FenceFailure | None) -> None:
        # One that says "off" of a host that is on, twice and with a gap, no software can find out.
        self.world.fence_fails(host, failure)

    @rule(failure=st.sampled_from([HEALTHY, HEALTHY, *FAILURES]))
    def the_cloud_fails_or_is_repaired(self, failure: Failure) -> None:
        self.world.sim.inject(failure)

    @precondition(lambda self: any(not self.world.sim.is_powered(host) for host in HOSTS))
    @rule(data=st.data())
    def an_operator_confirms_what_is_true(self, data: st.DataObject) -> None:
        host = data.draw(st.sampled_from([host for host in HOSTS if not self.world.sim.is_powered(host)]))
        self.run(self.world.confirm_off(host))

    @rule(index=st.integers(0, 5), kind=st.sampled_from(["evacuate", "live_migrate"]), operator=st.booleans())
    def somebody_instructs(self, index: int, kind: str, operator: bool) -> None:
        servers = sorted(self.world.pipeline.map.records)
        server = [key for key in servers if key.startswith("server/")][index]
        project = getattr(self.world.pipeline.map.get(server), "project", "")
        owner = Identity(name="vnfm", project=project, role=Role.MEMBER)
        if operator:
            self.run(self.world.instruct(kind, server, override_brakes=True))
        else:
            self.run(self.world.instruct(kind, server, owner))

    @rule(on=st.booleans())
    def an_operator_holds_or_releases(self, on: bool) -> None:
        desk = self.world.desk
        try:
            self.run((desk.hold if on else desk.release)("sim", by="ann", text="x"))
        except RefusedError:
            pass

    @rule()
    def it_is_killed_and_started_again(self) -> None:
        self.run(self.world.kill())
        self.run(self.world.start())

    @rule(index=st.integers(0, 5), host=hosts)
    def a_server_is_moved_behind_our_back(self, index: int, host: str) -> None:
        snapshot = self.world.sim._cloud.snapshot(0)
        server = snapshot.servers[index]
        if self.world.sim.is_powered(host) and self.world.sim.is_powered(server.host):
            self.world.sim.change(put=[msgspec.structs.replace(server, host=host)])

    @invariant()
    def nothing_runs_twice_and_nothing_healthy_is_switched_off(self) -> None:
        assert self.world.violations == []


Recovery.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRecoveryModel = pytest.mark.timeout(120 if EXAMPLES <= 100 else 0)(Recovery.TestCase)
