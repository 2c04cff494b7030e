"""Recovery as it is lived through: hosts die, are proven off, and are evacuated, or are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from recovery_world import BY_ITSELF, OPERATOR, POLICY, World

from nfvigil.controller.fencing.simulated import FenceFailure
from nfvigil.controller.vims.failure import HEALTHY, Failure
from nfvigil.errors import ConflictError, NotFoundError, RefusedError
from nfvigil.model.action import ActionState
from nfvigil.model.event import Status
from nfvigil.model.identity import Identity, Role
from nfvigil.model.verdict import News
from virtual_time import run_virtually

SMALL = {"hosts": 20, "servers_per_host": 2, "projects": 1, "zones": 1}


POLICY_WITH_FAN = (
    POLICY % BY_ITSELF
    + """
  - {name: fan, when: {type: compute.host.fan}, state: normal}
"""
)


def play(story: Callable[[World], Awaitable[None]], **more: object) -> World:
    async def run() -> World:
        there = World(**{"options": SMALL, "policy": POLICY % BY_ITSELF, **more})
        await there.start()
        await story(there)
        await there.kill()
        return there

    there = run_virtually(run())
    assert there.violations == []
    return there


def states(there: World, kind: str) -> set[ActionState]:
    return {action.state for action in there.actions(kind)}


def test_a_host_that_two_witnesses_give_up_is_fenced_and_evacuated() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1")
        await there.rest(30)

    there = play(story)

    assert states(there, "fence") == {ActionState.DONE} or states(there, "fence") == {ActionState.SKIPPED}
    assert len(there.vim.evacuated) == 2
    assert not there.sim._cloud.servers_on("compute-1")


def test_one_witness_tells_the_owners_and_switches_nothing_off() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1")
        await there.say("ping-2", "compute-1")  # another monitor that looks the same way
        await there.rest(3600)

    there = play(story)

    assert len(there.heard(News.RAISED)) == 3
    assert there.switched_off == []
    assert states(there, "fence") == {ActionState.PLANNED}
    assert "another witness" in there.actions("fence")[0].result


def test_one_credential_is_one_witness_whatever_monitors_it_calls_itself() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1", sender="local:stolen")
        await there.say("bmc", "compute-1", sender="local:stolen")
        await there.rest(3600)

    there = play(story)

    assert len(there.heard(News.RAISED)) == 3
    assert there.switched_off == []
    assert "another witness" in there.actions("fence")[0].result


def test_two_monitors_with_a_credential_each_are_two_witnesses() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1", sender="local:a")
        await there.say("bmc", "compute-1", sender="signature:b")
        await there.rest(30)

    there = play(story)

    assert [host for _, host in there.switched_off] == ["compute-1"]


def test_a_fan_that_fails_is_no_witness_that_its_host_is_down() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1")
        await there.say("bmc", "compute-1", kind="compute.host.fan")
        await there.rest(600)

    assert play(story, policy=POLICY_WITH_FAN).switched_off == []


def test_a_host_is_fenced_by_hand_only_while_it_is_known_to_be_down() -> None:
    async def story(there: World) -> None:
        with pytest.raises(ConflictError, match="not known to be down"):
            await there.desk.instruct(OPERATOR, "fence", "host/compute-1", {})
        await there.say("ping", "compute-1")
        there.fence_fails("compute-1", FenceFailure.UNREACHABLE)
        await there.desk.instruct(OPERATOR, "fence", "host/compute-1", {})
        await there.rest(20)
        await there.say("ping", "compute-1", Status.UP)
        there.fence_fails("compute-1", None)
        await there.rest(3600)

    there = play(story, policy=POLICY % "")

    assert there.switched_off == [], "what it was for is over"


def test_an_operator_who_overrides_does_not_queue_behind_what_is_held_back() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1", "compute-2", "compute-3")
        await there.rest(30)
        assert there.vim.evacuated == []
        await there.desk.instruct(OPERATOR, "fence", "host/compute-1", {"override_brakes": True})
        await there.rest(30)
        assert [proof.host for proof in there.desk.brakes().proofs] == ["compute-1"]

    play(story)


def test_hosts_that_failed_long_ago_are_no_mass_failure_when_their_alarms_change() -> None:
    async def story(there: World) -> None:
        for host in ("compute-1", "compute-2", "compute-3"):
            await there.say("ping", host)
            await there.rest(3600)
        for alarm in list(there.pipeline.state.alarms.values()):
            if alarm.resource.startswith("host/"):
                event = there.pipeline.event("nfvigil.alarm.acknowledged", alarm.resource, alarm_id=alarm.id, by="ann")
                await there.pipeline.ask(event)
        assert there.desk.brakes().holds == ()

    play(story, policy=POLICY % "")


def test_an_alarm_that_clears_on_a_host_that_is_still_down_makes_no_room_for_another() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1", kind="compute.host.fan")
        there.fence_fails("compute-1", FenceFailure.UNREACHABLE)
        await there.down("compute-1")
        await there.rest(70)
        await there.say("ping", "compute-1", Status.UP, kind="compute.host.fan")
        await there.down("compute-2")
        await there.rest(120)
        assert {a.state for a in there.actions("fence") if a.target == "host/compute-2"} == {ActionState.PLANNED}

    play(story, policy=POLICY_WITH_FAN, options={**SMALL, "hosts": 19})


def test_the_silence_of_nova_compute_is_a_witness() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1")
        await there.rest(5)
        there.sim.power("compute-1", False)
        await there.rest(30)

    assert len(play(story).vim.evacuated) == 2


def test_a_host_that_is_back_before_the_second_witness_is_left_alone() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1")
        await there.rest(5)
        await there.say("ping", "compute-1", Status.UP)
        await there.say("bmc", "compute-2")
        await there.rest(60)

    there = play(story)

    assert there.switched_off == []
    assert {a.state for a in there.actions("evacuate") if a.params["source"] == "compute-1"} == {ActionState.SKIPPED}


def test_a_bmc_that_cannot_be_reached_is_no_proof() -> None:
    async def story(there: World) -> None:
        there.fence_fails("compute-1", FenceFailure.UNREACHABLE)
        await there.down("compute-1")
        await there.rest(1200)

    there = play(story)

    assert states(there, "fence") == {ActionState.FAILED}
    assert states(there, "evacuate") == {ActionState.PLANNED}
    assert any(alarm.fault_type == "nfvigil.action.failed" for note in there.told for alarm in note.alarms)


def test_an_operator_who_has_pulled_the_plug_is_believed() -> None:
    async def story(there: World) -> None:
        there.fence_fails("compute-1", FenceFailure.UNREACHABLE)
        await there.down("compute-1")
        await there.rest(300)
        await there.confirm_off("compute-1")
        await there.rest(60)

    there = play(story)

    assert len(there.vim.evacuated) == 2


def test_a_host_without_a_machine_that_fences_it_waits_for_its_operator() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1")
        await there.rest(3600)
        assert "confirm-off compute-1" in there.actions("fence")[0].result
        assert there.vim.evacuated == []
        await there.confirm_off("compute-1")
        await there.rest(60)

    there = play(story, fences="fences: {'*': {driver: manual}}\n")

    assert len(there.vim.evacuated) == 2
    assert states(there, "fence") == {ActionState.SKIPPED}


def test_a_proof_ends_when_the_host_reports_again() -> None:
    async def story(there: World) -> None:
        there.sim.inject(Failure(calls=("evacuate",), error_rate=1.0))
        await there.down("compute-1")
        await there.rest(20)
        assert there.desk.brakes().proofs
        there.sim.power("compute-1", True)
        await there.rest(1)
        assert there.desk.brakes().proofs == ()
        there.sim.inject(HEALTHY)
        await there.rest(60)

    there = play(story)

    # It is fenced no second time by the plan of the first, and nothing is evacuated from a host that lives.
    assert there.vim.evacuated == []


def test_a_host_that_came_back_while_we_were_away_is_not_proven_off_any_more() -> None:
    async def story(there: World) -> None:
        there.fence_fails("compute-1", FenceFailure.UNREACHABLE)
        there.sim.inject(Failure(calls=("evacuate",), error_rate=1.0))
        await there.down("compute-1")
        await there.confirm_off("compute-1")
        await there.rest(12)
        there.sim.power("compute-1", True)
        await there.kill()
        there.sim.inject(HEALTHY)
        await there.start()
        await there.rest(600)

    assert play(story).vim.evacuated == []


def test_a_host_that_has_power_again_and_is_silent_still_is_looked_at_right_before() -> None:
    async def story(there: World) -> None:
        there.sim.inject(Failure(calls=("evacuate",), error_rate=1.0))
        await there.down("compute-1")
        await there.rest(12)
        assert there.desk.brakes().proofs
        there.power_back_in_silence("compute-1")
        there.sim.inject(HEALTHY)
        await there.rest(60)

    there = play(story)

    assert there.vim.evacuated == []
    assert any("has power again" in action.result for action in there.actions("evacuate"))


def test_a_witness_that_takes_its_word_back_while_the_bmc_is_slow_stops_the_order() -> None:
    async def story(there: World) -> None:
        there.fence_fails("compute-1", FenceFailure.UNREACHABLE)
        await there.say("ping", "compute-1")
        await there.say("bmc", "compute-1")
        await there.rest(20)
        await there.say("bmc", "compute-1", Status.UP)
        there.fence_fails("compute-1", None)
        await there.rest(600)

    assert play(story).switched_off == []


def test_a_host_that_is_well_again_gets_everything_back_in_order_once_it_reports() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1")
        await there.rest(30)
        await there.say("ping", "compute-1", Status.UP)
        await there.say("bmc", "compute-1", Status.UP)
        await there.rest(120)
        host = there.sim._cloud.host("compute-1")
        assert host.forced_down, "up for its monitors, but its compute service has not reported"
        there.sim.power("compute-1", True)
        await there.rest(60)
        assert not there.sim._cloud.host("compute-1").forced_down

    there = play(story, policy=POLICY % "")

    assert {server.status for server in there.sim._cloud.servers_on("compute-1")} == {"ACTIVE"}
    ended = [action for action in there.store.rows.values() if action.undo_of]
    down = next(action for action in ended if action.kind == "force_down")
    assert all((other.ended_us or 0) >= (down.ended_us or 0) for other in ended)


def test_a_host_that_dies_again_before_it_was_given_back_stays_down() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1")
        await there.rest(10)
        await there.say("ping", "compute-1", Status.UP)
        await there.say("bmc", "compute-1", Status.UP)
        await there.rest(30)
        await there.say("ping", "compute-1")
        await there.rest(30)

    there = play(story, policy=POLICY % "")

    assert there.sim._cloud.host("compute-1").forced_down
    assert there.unfinished(states=True) == []
    assert any("asked for again" in action.result for action in there.store.rows.values())


def test_what_an_operator_had_forced_down_right_before_stays_so_also_after_a_restart() -> None:
    async def story(there: World) -> None:
        host = there.sim._cloud.host("compute-1")
        there.sim._cloud._put(msgspec.structs.replace(host, forced_down=True))  # the map does not know it yet
        await there.say("ping", "compute-1")
        await there.rest(5)
        await there.kill()
        await there.start()
        await there.say("ping", "compute-1", Status.UP)
        await there.rest(60)

    there = play(story, policy=POLICY % "")

    assert there.sim._cloud.host("compute-1").forced_down
    assert {server.status for server in there.sim._cloud.servers_on("compute-1")} == {"ACTIVE"}


def test_three_hosts_within_a_minute_are_a_hold_until_an_operator_releases_it() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1", "compute-2", "compute-3")
        await there.rest(600)
        assert there.switched_off == []
        assert there.vim.evacuated == []
        assert there.desk.brakes().holds[0].text == "3 hosts failed within 60 s"
        await there.kill()
        await there.start()
        await there.rest(60)
        assert there.vim.evacuated == [], "a restart releases nothing"
        await there.desk.release("sim", by="ann", text="a rack's power")
        await there.rest(600)

    there = play(story)

    assert len(there.heard(News.RAISED)) == 3 * 3 + 1, "all are told, and the administrator of the HOLD"
    assert len(there.vim.evacuated) == 4, "of twenty hosts, two at a time"


def test_a_third_of_a_zone_is_a_hold_before_three_hosts_are() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1")
        await there.down("compute-3")
        await there.rest(60)
        assert there.desk.brakes().holds

    assert play(story, options={**SMALL, "hosts": 12, "zones": 2}).vim.evacuated == []


def test_a_host_down_while_its_cloud_cannot_be_seen_is_a_hold() -> None:
    async def story(there: World) -> None:
        await there.desk.say("sim", "unreachable", True, "no answer")
        await there.down("compute-1")
        await there.rest(30)
        await there.desk.say("sim", "unreachable", False, "")
        await there.rest(600)
        assert "cannot be reached while" in there.desk.brakes().holds[0].text

    assert play(story).switched_off == []


def test_while_a_cloud_cannot_be_seen_nothing_destructive_is_done_there() -> None:
    async def story(there: World) -> None:
        await there.say("ping", "compute-1")
        await there.rest(120)
        await there.desk.say("sim", "unreachable", True, "no answer")
        await there.say("bmc", "compute-1")
        await there.rest(60)
        assert there.switched_off == []
        await there.desk.say("sim", "unreachable", False, "")
        await there.rest(60)

    assert len(play(story).vim.evacuated) == 2, "and it goes on by itself: no host failed meanwhile"


def test_the_kill_switch_stops_what_nobody_asked_for_and_no_news() -> None:
    async def story(there: World) -> None:
        await there.desk.switch_automation(False, by="ann", text="change night")
        await there.down("compute-1")
        await there.rest(600)
        assert not there.sim._cloud.host("compute-1").forced_down
        assert len(there.heard(News.RAISED)) == 4
        await there.desk.switch_automation(True, by="ann", text="over")
        await there.rest(60)

    there = play(story)

    assert len(there.vim.evacuated) == 2
    assert there.sim._cloud.host("compute-1").forced_down


def test_what_the_kill_switch_held_back_is_not_done_for_a_host_that_is_well_again() -> None:
    async def story(there: World) -> None:
        await there.desk.switch_automation(False, by="ann", text="change night")
        await there.say("ping", "compute-1")
        await there.rest(60)
        await there.say("ping", "compute-1", Status.UP)
        await there.rest(5)
        await there.desk.switch_automation(True, by="ann", text="over")
        await there.rest(60)

    there = play(story)

    assert not there.sim._cloud.host("compute-1").forced_down
    assert {server.status for server in there.sim._cloud.servers_on("compute-1")} == {"ACTIVE"}
    assert there.unfinished(states=True) == []


def owner_of(there: World, server: str) -> Identity:
    record = there.pipeline.map.get(server)
    assert record is not None
    return Identity(name="vnfm", project=record.project, role=Role.MEMBER)


def test_an_owner_instructs_and_hears_how_it_went() -> None:
    async def story(there: World) -> None:
        server = f"server/{there.sim._cloud.servers_on('compute-1')[0].id}"
        action = await there.desk.instruct(owner_of(there, server), "reboot", server, {})
        assert action.state is ActionState.PLANNED
        await there.rest(5)
        done = await there.desk.instruction(f"{action.event_id}-{action.id}", owner_of(there, server).project)
        assert done.state is ActionState.DONE
        assert there.heard(News.ACTION) == [server]

    play(story)


def test_an_owner_may_have_evacuated_what_lost_its_host_and_nothing_else() -> None:
    async def story(there: World) -> None:
        server = f"server/{there.sim._cloud.servers_on('compute-1')[0].id}"
        owner = owner_of(there, server)
        with pytest.raises(ConflictError, match="not known to be down"):
            await there.desk.instruct(owner, "evacuate", server, {})
        await there.down("compute-1")
        await there.rest(2)
        await there.desk.instruct(owner, "evacuate", server, {})
        await there.rest(60)
        stranger = Identity(name="x", project="another", role=Role.MEMBER)
        with pytest.raises(NotFoundError):
            await there.desk.instruct(stranger, "reboot", server, {})
        with pytest.raises(RefusedError, match=r"params\.host"):
            await there.desk.instruct(owner, "reboot", server, {"host": "compute-2"})

    assert len(play(story, policy=POLICY % "").vim.evacuated) == 1


def test_the_same_instruction_under_the_same_key_is_done_once() -> None:
    async def story(there: World) -> None:
        server = f"server/{there.sim._cloud.servers_on('compute-1')[0].id}"
        owner = owner_of(there, server)
        first = await there.desk.instruct(owner, "reboot", server, {}, key="k")
        again = await there.desk.instruct(owner, "reboot", server, {}, key="k")
        assert (again.id, again.event_id) == (first.id, first.event_id)
        with pytest.raises(ConflictError, match="another instruction"):
            await there.desk.instruct(owner, "stop", server, {}, key="k")

    assert len(play(story).actions("reboot")) == 1


def test_what_an_owner_has_defined_is_done_after_its_say_and_for_its_servers_only() -> None:
    async def story(there: World) -> None:
        mine, _ = there.sim._cloud.servers_on("compute-1")
        owner = owner_of(there, f"server/{mine.id}")
        wanted = {"host_down": {"action": "evacuate", "after_seconds": 120}}
        await there.desk.define_recovery(owner, f"server/{mine.id}", wanted)
        await there.down("compute-1")
        await there.rest(60)
        assert there.vim.evacuated == []
        await there.rest(120)
        assert there.vim.evacuated == [mine.id]

    play(story, policy=POLICY % "")


def test_nothing_is_done_where_nobody_has_defined_anything() -> None:
    async def story(there: World) -> None:
        await there.down("compute-1")
        await there.rest(3600)

    there = play(story, policy=POLICY % "")

    assert there.switched_off == []
    assert {action.kind for action in there.store.rows.values()} == {"force_down", "server_error"}


def test_the_silence_of_most_hosts_is_the_clouds_own_trouble_and_no_witness() -> None:
    async def story(there: World) -> None:
        for number in range(1, 12):  # as where RabbitMQ is away: their heartbeats do not arrive, and that is all
            there.sim.power(f"compute-{number}", False)
        await there.rest(5)
        await there.say("ping", "compute-1")
        await there.rest(600)
        there.sim.power("compute-11", True)
        await there.rest(60)

    there = play(story)

    assert len(there.switched_off) <= 1
    (fence,) = there.actions("fence")
    assert fence.started_us is not None
    assert fence.started_us - fence.planned_us >= 600_000_000
