"""The runner: in parallel where it may, in order where it must, and never for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import pytest
from controller_players import Reports, Told, new_action, new_vim, running, until
from hypothesis import given
from hypothesis import strategies as st

from nfvigil.controller.lane import Job, Lane
from nfvigil.controller.order import Order
from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.failure import Failure
from nfvigil.errors import (
    FenceUnavailableError,
    NotYetError,
    OverloadedError,
    RefusedError,
    StoreUnavailableError,
    VimUnavailableError,
)
from nfvigil.model.action import RANK, Action, ActionState, Outcome
from nfvigil.model.cloud_state import state_now
from nfvigil.model.permit import Go, Permit, Wait

pytestmark = pytest.mark.anyio

STATES = ("force_down", "server_error", "port_data_plane_down")


def ids(actions: Sequence[Action]) -> list[str]:
    return [action.id for action in actions]


def after(action_id: str, others: Sequence[str], vim: Told) -> bool:
    """Whether it began only when all the others were over."""
    return all(vim.over.index(other) < vim.over.index(action_id) for other in others)


async def test_actions_run_at_once_up_to_the_limit_and_no_further() -> None:
    gate = asyncio.Event()

    async def wait(_action: Action) -> Outcome:
        await gate.wait()
        return Outcome(changed=True)

    vim, reports = Told(wait), Reports()
    actions = [new_action("server_error", f"server/{n}") for n in range(20)]

    async with running(vim, reports, limit=5) as controller:
        controller.offer(actions)
        await until(lambda: vim.busy == 5)
        assert controller.in_flight() == {"sim": 5}
        assert controller.depth() == {"sim": 20}
        gate.set()
        done = await reports.until_over(ids(actions))

    assert vim.busy_max == 5
    assert {action.state for action in done.values()} == {ActionState.DONE}
    assert all(action.started_us and action.ended_us and action.attempts == 1 for action in done.values())
    assert controller.depth() == {"sim": 0}


async def test_one_vim_state_is_set_and_restored_one_at_a_time_in_the_order_offered() -> None:
    vim, reports = Told(), Reports()
    actions = [new_action("server_error", "server/1", event_id=n, undo_of="x" if n % 2 else "") for n in range(10)]

    async with running(vim, reports) as controller:
        for action in actions:
            controller.offer([action])
        await reports.until_over(ids(actions))

    assert vim.busy_max == 1
    assert ids(vim.begun) == ids(actions)


async def test_a_deed_waits_until_every_state_of_its_event_is_set() -> None:
    vim, reports = Told(), Reports()
    evacuate = new_action("evacuate", "server/1", event_id=7)
    other = new_action("evacuate", "server/2", event_id=8)
    states = [new_action(kind, f"x/{n}", event_id=7) for n, kind in enumerate(STATES * 20)]

    async with running(vim, reports, limit=3) as controller:
        controller.offer([evacuate, other, *states])
        await reports.until_over(ids([evacuate, other, *states]))

    assert after(evacuate.id, ids(states), vim)
    assert vim.begun[0].id == other.id


async def test_a_deed_goes_on_when_a_state_is_given_up() -> None:
    async def refuse_states(action: Action) -> Outcome:
        if action.kind == "force_down":
            raise RefusedError("no")
        return Outcome(changed=True)

    reports = Reports()
    actions = [new_action("force_down", "host/1"), new_action("evacuate", "server/1")]

    async with running(Told(refuse_states), reports) as controller:
        controller.offer(actions)
        last = await reports.until_over(ids(actions))

    assert [last[action.id].state for action in actions] == [ActionState.FAILED, ActionState.DONE]


async def test_what_was_set_is_restored_from_the_host_down() -> None:
    vim, reports = Told(), Reports()
    undos = [new_action(kind, f"x/{n}", event_id=9, undo_of="x") for n, kind in enumerate(sorted(RANK) * 5)]

    async with running(vim, reports, limit=10) as controller:
        controller.offer(undos)
        await reports.until_over(ids(undos))

    assert [RANK[action.kind] for action in vim.begun] == sorted((RANK[a.kind] for a in undos), reverse=True)
    assert vim.busy_max == 10


async def test_a_transient_error_is_tried_again_and_seen_to_be() -> None:
    fails = iter([VimUnavailableError("503", 0), TimeoutError(), ConnectionResetError("reset")])

    async def third_time_lucky(_action: Action) -> Outcome:
        if (error := next(fails, None)) is not None:
            raise error
        return Outcome(changed=True, text="done at last")

    reports, seen = Reports(), []
    action = new_action("force_down", "host/1")

    async with running(Told(third_time_lucky), reports, observe=lambda *what: seen.append(what)) as controller:
        controller.offer([action])
        last = (await reports.until_over([action.id]))[action.id]

    assert (last.state, last.attempts, last.result) == (ActionState.DONE, 4, "done at last")
    assert any(a.state is ActionState.RUNNING and a.result == "try 1: 503" for a in reports.all)
    assert [(kind, outcome) for kind, _, outcome in seen] == [("force_down", "retried")] * 3 + [("force_down", "done")]


def always(error: Exception) -> Callable[[Action], Awaitable[Outcome]]:
    async def fail(_action: Action) -> Outcome:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "tries", "reason"),
    [
        (VimUnavailableError("503", 0), 3, "given up after 3 tries: 503"),
        (RefusedError("no such server"), 1, "refused: no such server"),
        (KeyError("bug"), 1, "the driver of sim failed: KeyError('bug')"),
    ],
)
async def test_what_cannot_be_done_ends_as_failed_with_the_reason(error: Exception, tries: int, reason: str) -> None:
    vim, reports = Told(always(error)), Reports()
    bad, beside = new_action("force_down", "host/1"), new_action("reboot", "server/9", event_id=2)

    async with running(vim, reports, attempts_max=3, plugins={"reboot": reboot}) as controller:
        controller.offer([bad, beside])
        last = await reports.until_over([bad.id, beside.id])

    assert (last[bad.id].state, last[bad.id].result, len(vim.begun)) == (ActionState.FAILED, reason, tries)
    assert (last[beside.id].state, last[beside.id].result) == (ActionState.DONE, "by a plugin on sim")


async def reboot(vim: Vim, _action: Action) -> Outcome:
    return Outcome(changed=True, text=f"by a plugin on {vim.name}")


async def test_a_call_that_hangs_is_cut_off() -> None:
    async def hang(_action: Action) -> Outcome:
        await asyncio.Event().wait()
        return Outcome(changed=True)

    reports = Reports()
    action = new_action("force_down", "host/1")

    async with running(Told(hang), reports, timeout_seconds=0.01, attempts_max=2) as controller:
        controller.offer([action])
        last = await reports.until_over([action.id])

    assert "no answer within 0.01 s" in last[action.id].result


async def test_a_dead_vim_does_not_hold_up_a_healthy_one() -> None:
    dead, healthy, reports = new_vim(), new_vim(), Reports()
    dead.inject(Failure(dead=True, timeout_seconds=30))
    at_dead = [new_action("server_error", f"server/{n}", vim="dead") for n in range(500)]
    servers = (await healthy.snapshot()).servers
    at_healthy = [new_action("server_error", f"server/{s.id}", vim="healthy") for s in servers]
    deed = new_action("reboot", f"server/{servers[0].id}", vim="healthy")

    async with running({"dead": dead, "healthy": healthy}, reports) as controller:
        controller.offer([*at_dead, *at_healthy, deed])
        last = await reports.until_over(ids([*at_healthy, deed]))

        assert controller.depth() == {"dead": 500, "healthy": 0}

    assert {action.state for action in last.values()} == {ActionState.DONE}


async def test_all_that_wait_for_a_dead_vim_are_given_up_at_the_deadline_and_few_of_them_tried() -> None:
    vim, reports = Told(always(VimUnavailableError("gone", 0))), Reports()
    actions = [new_action("server_error", f"server/{n}") for n in range(2000)]
    deed = new_action("evacuate", "server/1")

    async with running(vim, reports, deadline_seconds=0.2, deed_timeout_seconds=0.3, attempts_max=1000) as controller:
        controller.offer([*actions, deed])
        last = await reports.until_over(ids([*actions, deed]))

    assert {action.state for action in last.values()} == {ActionState.FAILED}
    assert Counter(action.result for action in last.values())["given up: sim has not answered for 0.2 s"] > 1000
    assert len(vim.begun) < 500


async def test_a_silent_vim_is_asked_by_one_call_at_a_time() -> None:
    async def no_answer(_action: Action) -> Outcome:
        await asyncio.sleep(0.001)
        raise VimUnavailableError("gone", 0)

    vim = Told(no_answer)

    async with running(vim, limit=16, attempts_max=1000) as controller:
        controller.offer([new_action("server_error", f"server/{n}") for n in range(200)])
        await until(lambda: len(vim.begun) > 16 and vim.busy == 0)
        vim.busy_max = 0
        tried = len(vim.begun)
        await until(lambda: len(vim.begun) > tried + 10)

    assert vim.busy_max == 1


async def test_what_waited_behind_one_that_was_given_up_has_its_own_chance() -> None:
    async def first_fails(action: Action) -> Outcome:
        if not action.undo_of:
            raise VimUnavailableError("503", 0)
        return Outcome(changed=True)

    reports = Reports()
    deed = new_action("force_down", "host/1", before="False")
    undo = new_action("force_down", "host/1", before="False", undo_of=deed.id, event_id=2)
    short = {"deadline_seconds": 0.05, "backoff_seconds": 0.06, "backoff_max_seconds": 0.06}

    async with running(Told(first_fails), reports, **short) as controller:
        controller.offer([deed, undo])
        last = await reports.until_over([deed.id, undo.id])

    assert last[deed.id].result.startswith("given up")
    assert last[undo.id].state is ActionState.DONE


async def test_a_result_that_comes_while_an_older_one_is_being_reported_is_not_lost() -> None:
    fails = iter([VimUnavailableError("503", 0)])
    reports, gate = Reports(), asyncio.Event()

    async def answer(_action: Action) -> Outcome:
        if (error := next(fails, None)) is not None:
            raise error
        return Outcome(changed=True)

    async def report(actions: Sequence[Action]) -> None:
        await reports(actions)
        await gate.wait()

    action = new_action("force_down", "host/1")

    async with running(Told(answer), report) as controller:
        controller.offer([action])
        await until(lambda: controller.depth() == {"sim": 0})
        gate.set()
        last = await reports.until_over([action.id])

    assert [a.state for a in reports.all] == [ActionState.RUNNING, ActionState.DONE]
    assert last[action.id].attempts == 2


async def test_a_slow_vim_gets_all_its_time() -> None:
    async def slow(_action: Action) -> Outcome:
        await asyncio.sleep(0.02)
        return Outcome(changed=True)

    reports = Reports()
    actions = [new_action("server_error", f"server/{n}") for n in range(40)]

    async with running(Told(slow), reports, limit=2, deadline_seconds=0.1) as controller:
        controller.offer(actions)
        last = await reports.until_over(ids(actions))

    assert {action.state for action in last.values()} == {ActionState.DONE}


async def test_a_vim_that_comes_back_is_used_fully_again() -> None:
    vim, reports = new_vim(servers_per_host=100), Reports()
    servers = (await vim.snapshot()).servers
    vim.inject(Failure(error_rate=1))
    actions = [new_action("server_error", f"server/{s.id}") for s in servers]

    async with running(vim, reports, attempts_max=1000) as controller:
        controller.offer(actions)
        await until(lambda: len(reports.calls) > 3)
        vim.heal()
        last = await reports.until_over(ids(actions))

    assert {action.state for action in last.values()} == {ActionState.DONE}


async def test_results_wait_for_a_store_that_is_away() -> None:
    away = [StoreUnavailableError("disk full", 0)] * 3
    reports = Reports()

    async def report(actions: Sequence[Action]) -> None:
        if away:
            raise away.pop()
        await reports(actions)

    vim = Told()
    actions = [new_action("server_error", f"server/{n}") for n in range(50)]

    async with running(vim, report) as controller:
        controller.offer(actions)
        await reports.until_over(ids(actions))
        await until(lambda: controller.unreported == 0)

    assert len(vim.begun) == 50
    assert len(reports.calls) < 10


async def test_many_results_are_one_report() -> None:
    gate, reports = asyncio.Event(), Reports()

    async def report(actions: Sequence[Action]) -> None:
        await gate.wait()
        await reports(actions)

    actions = [new_action("server_error", f"server/{n}") for n in range(301)]

    async with running(Told(), report) as controller:
        controller.offer(actions)
        await until(lambda: controller.unreported == 301)
        gate.set()
        await reports.until_over(ids(actions))

    assert len(reports.calls) <= 2


async def test_an_action_offered_twice_is_done_once() -> None:
    vim, reports, gate = Told(), Reports(), asyncio.Event()

    async def report(actions: Sequence[Action]) -> None:
        await gate.wait()
        await reports(actions)

    action = new_action("reboot", "server/1")

    async with running(vim, report) as controller:
        controller.offer([action, action])
        controller.offer([action])
        await until(lambda: controller.unreported == 1)
        controller.offer([action])
        gate.set()
        last = await reports.until_over([action.id])
        controller.offer([last[action.id]])

    assert ids(vim.begun) == [action.id]


async def test_more_than_the_bound_is_not_taken_and_none_of_it() -> None:
    async with running(Told(), waiting_max=3) as controller:
        controller.offer([new_action("reboot", "server/0")])
        with pytest.raises(OverloadedError):
            controller.offer([new_action("reboot", f"server/{n}") for n in range(1, 4)])

        assert controller.depth() == {"sim": 1}


async def test_what_belongs_together_is_taken_however_much_it_is_when_nothing_waits() -> None:
    async with running(Told(), waiting_max=3) as controller:
        controller.offer([new_action("reboot", f"server/{n}") for n in range(4)])

        assert controller.depth() == {"sim": 4}


async def test_an_action_for_a_vim_that_is_not_there_fails_at_once() -> None:
    vim, reports = Told(), Reports()
    stray, only = new_action("reboot", "server/1", vim="moon"), new_action("reboot", "server/1", vim="")

    async with running(vim, reports) as controller:
        controller.offer([stray, only])
        last = await reports.until_over([stray.id, only.id])

    assert last[stray.id].result == "no VIM named 'moon' is configured"
    assert last[only.id].state is ActionState.DONE


async def test_a_refused_deed_needs_no_undo() -> None:
    vim, reports = Told(always(RefusedError("not allowed"))), Reports()
    deed = new_action("force_down", "host/1", before="False")
    undo = new_action("force_down", "host/1", before="False", undo_of=deed.id, event_id=2)

    async with running(vim, reports) as controller:
        controller.offer([deed, undo])
        last = await reports.until_over([deed.id, undo.id])

    assert last[undo.id].state is ActionState.SKIPPED
    assert last[undo.id].result == "there is nothing to undo: not allowed"
    assert ids(vim.begun) == [deed.id]


async def test_what_the_map_did_not_know_yet_is_what_is_restored() -> None:
    async def answer(action: Action) -> Outcome:
        return Outcome(changed=False, text="is True already", was="True")

    vim, reports = Told(answer), Reports()
    deed = new_action("force_down", "host/1", before="False")
    undo = new_action("force_down", "host/1", before="False", undo_of=deed.id, event_id=2)

    async with running(vim, reports) as controller:
        controller.offer([deed, undo])
        await reports.until_over([deed.id, undo.id])

    assert [one.before for one in vim.begun] == ["False", "True"], "it was set by somebody else, just before"


@pytest.mark.parametrize("again", [True, False], ids=["found in the store", "its answer was lost"])
async def test_what_may_be_our_own_doing_is_not_what_was_before(again: bool) -> None:
    answers = iter([] if again else [VimUnavailableError("lost", 0)])

    async def answer(action: Action) -> Outcome:
        if error := next(answers, None):
            raise error
        return Outcome(changed=False, text="is True already", was="True")

    vim, reports = Told(answer), Reports()
    deed = new_action("force_down", "host/1", before="False")
    undo = new_action("force_down", "host/1", before="False", undo_of=deed.id, event_id=2)

    async with running(vim, reports) as controller:
        controller.offer([deed, undo], again=again)
        await reports.until_over([deed.id, undo.id])

    assert vim.begun[-1].before == "False"


async def test_what_was_not_restored_is_still_ours() -> None:
    async def answer(action: Action) -> Outcome:
        if action.id == failing.id:
            raise RefusedError("not now")
        return Outcome(changed=bool(action.undo_of), was="True")

    first = new_action("force_down", "host/1", before="True")
    failing = new_action("force_down", "host/1", before="False", undo_of=first.id, event_id=2)
    second = new_action("force_down", "host/1", before="False", event_id=3)
    last = new_action("force_down", "host/1", before="False", undo_of=second.id, event_id=4)
    third = new_action("force_down", "host/1", before="False", event_id=5)
    theirs = new_action("force_down", "host/1", before="False", undo_of=third.id, event_id=6)
    vim, reports = Told(answer), Reports()

    async with running(vim, reports) as controller:
        controller.offer([first, failing, second, last, third, theirs])
        await reports.until_over([theirs.id])

    found = {one.id: one.before for one in vim.begun}
    assert (found[last.id], found[theirs.id]) == ("False", "True")


@pytest.mark.parametrize("again", [True, False], ids=["found in the store", "its answer was lost"])
async def test_a_deed_that_may_have_had_effect_is_undone_even_if_it_was_refused(again: bool) -> None:
    answers = iter([] if again else [VimUnavailableError("lost", 0)])

    async def answer(action: Action) -> Outcome:
        if not action.undo_of:
            raise next(answers, RefusedError("not now"))
        return Outcome(changed=True)

    vim, reports = Told(answer), Reports()
    deed = new_action("force_down", "host/1", before="False")
    undo = new_action("force_down", "host/1", before="False", undo_of=deed.id, event_id=2)

    async with running(vim, reports) as controller:
        controller.offer([deed, undo], again=again)
        last = await reports.until_over([deed.id, undo.id])

    assert last[undo.id].state is ActionState.DONE


async def test_a_deed_that_waits_for_somebody_is_planned_and_not_tried_each_time_it_is_asked_about() -> None:
    asked, is_over = 0, False

    async def fence(vim: Vim, action: Action) -> Outcome:
        nonlocal asked
        asked += 1
        if is_over:
            return Outcome(changed=True, text="off")
        raise NotYetError("waits for an operator")

    reports = Reports()
    fenced = new_action("fence", "host/compute-1")
    async with running(Told(), reports, plugins={"fence": fence}) as controller:
        controller.offer([fenced])
        for number in range(1, 4):
            await until(lambda: fenced.id in reports.last and asked >= number and controller.held == 1)  # noqa: B023
            waits = reports.last[fenced.id]
            assert (waits.state, waits.attempts, waits.result) == (ActionState.PLANNED, 0, "waits for an operator")
            controller.reconsider()
        is_over = True
        await until(lambda: reports.last[fenced.id].state.is_over)

    assert reports.last[fenced.id].attempts == 1


async def test_closing_lets_calls_end_and_reports_them_but_begins_nothing_new() -> None:
    gate, reports = asyncio.Event(), Reports()

    async def wait(_action: Action) -> Outcome:
        await gate.wait()
        return Outcome(changed=True)

    vim = Told(wait)
    actions = [new_action("server_error", f"server/{n}") for n in range(10)]

    async with running(vim, reports, limit=4) as controller:
        controller.offer(actions)
        await until(lambda: vim.busy == 4)
        closing = asyncio.ensure_future(controller.close(grace_seconds=10))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.wait_for(closing, 5)

    assert len(reports.last) == len(vim.begun) == 4


async def test_closing_does_not_wait_for_ever() -> None:
    vim = new_vim()
    vim.inject(Failure(dead=True, timeout_seconds=60))

    async with running(vim) as controller:
        controller.offer([new_action("force_down", "host/compute-1")])
        await until(lambda: controller.in_flight() == {"sim": 1})
        await asyncio.wait_for(controller.close(grace_seconds=0.05), 5)
        assert controller.in_flight() == {"sim": 0}, "what hangs is let go, and found again after a start"


async def test_everything_done_again_after_a_crash_ends_the_same() -> None:
    vim = new_vim()
    server = (await vim.snapshot()).servers[0]
    actions = [
        new_action("force_down", "host/compute-1", before="False"),
        new_action("server_error", f"server/{server.id}", before="ACTIVE"),
        new_action("evacuate", f"server/{server.id}", params={"proof_us": 1}),
    ]
    lost = Reports()
    async with running(vim, lost) as controller:
        controller.offer(actions)
        await lost.until_over(ids(actions))
    after_first = await vim.snapshot()

    reports = Reports()
    async with running(vim, reports) as controller:
        controller.offer(actions, again=True)
        last = await reports.until_over(ids(actions))

    after_second = await vim.snapshot()
    assert after_second.hosts == after_first.hosts
    assert [server.host for server in after_second.servers] == [server.host for server in after_first.servers]
    assert last[actions[2].id].result.startswith("was done before")


@pytest.mark.parametrize("seed", range(5))
async def test_a_fault_and_its_clear_on_a_bad_cloud_leave_it_as_it_was(seed: int) -> None:
    vim, reports = new_vim(seed=seed, hosts=2, servers_per_host=5, ports_per_server=2), Reports()
    first_day = await vim.snapshot()
    kinds = {
        "force_down": first_day.hosts[:1],
        "service_disable": first_day.hosts[:1],
        "server_error": first_day.servers,
        "volume_error": first_day.volumes,
        "port_admin_down": first_day.ports,
        "port_data_plane_down": first_day.ports,
    }
    deeds = [
        new_action(kind, f"{kind_of(thing)}/{thing.id}", before=state_now(kind, thing), params={"reason": "fault"})
        for kind, things in kinds.items()
        for thing in things
    ]
    undos = [new_action(d.kind, d.target, before=d.before, params=d.params, undo_of=d.id, event_id=2) for d in deeds]
    vim.inject(Failure(error_rate=0.3, lost_answer_rate=0.3))

    async with running(vim, reports, attempts_max=100) as controller:
        controller.offer(deeds)
        controller.offer(undos)
        last = await reports.until_over(ids([*deeds, *undos]))
    vim.heal()

    assert ActionState.FAILED not in {action.state for action in last.values()}
    assert await vim.snapshot() == first_day


def kind_of(thing: object) -> str:
    return type(thing).__name__.lower()


offers = st.lists(
    st.lists(
        st.builds(
            lambda kind, target, event, undo: (kind, target, event, undo),
            st.sampled_from([*sorted(RANK), "evacuate", "reboot"]),
            st.integers(0, 3),
            st.integers(0, 2),
            st.booleans(),
        ),
        max_size=8,
    ),
    max_size=4,
)


@given(offers=offers, pick=st.randoms(use_true_random=False))
def test_nothing_waits_for_ever_and_no_order_is_broken(
    offers: list[list[tuple[str, int, int, bool]]], pick: Random
) -> None:
    order, lane = Order(), Lane(limit=1, pause_seconds=1, pause_max_seconds=1)
    ready: list[Job] = []
    over: list[Job] = []
    offered: list[Job] = []
    for batch in offers:
        jobs = [
            Job(
                action=new_action(kind, f"x/{target}", event_id=event, undo_of="u" if undo else ""),
                lane=lane,
                vim="sim",
                offered_at=0,
                may_have_changed=False,
            )
            for kind, target, event, undo in batch
        ]
        offered += jobs
        ready += order.add(jobs)
        for _ in range(pick.randint(0, len(ready))):
            finish_one(order, ready, over, pick)
    while ready:
        finish_one(order, ready, over, pick)

    assert {id(job) for job in over} == {id(job) for job in offered}
    for mark in {job.action.mark for job in offered}:
        assert [j for j in over if j.action.mark == mark] == [j for j in offered if j.action.mark == mark]
    assert order._marks == {}
    assert order._events == {}


def finish_one(order: Order, ready: list[Job], over: list[Job], pick: Random) -> None:
    job = ready.pop(pick.randrange(len(ready)))
    over.append(job)
    ready += order.over(job)


async def test_a_deed_is_followed_for_as_long_as_one_may_take_however_often_the_cloud_is_away() -> None:
    calls = 0

    async def answer(_action: Action) -> Outcome:
        nonlocal calls
        calls += 1
        if calls <= 30:
            raise VimUnavailableError("away", 0)
        return Outcome(changed=True)

    vim, reports = Told(answer), Reports()
    deed, state = new_action("evacuate", "server/1"), new_action("force_down", "host/1", event_id=2)

    async with running(vim, reports, backoff_seconds=0.001, backoff_max_seconds=0.01, attempts_max=8) as controller:
        controller.offer([deed])
        last = await reports.until_over([deed.id])
        calls = 0
        controller.offer([state])
        last |= await reports.until_over([state.id])

    assert last[deed.id].state is ActionState.DONE
    assert last[state.id].state is ActionState.FAILED


async def test_a_deed_is_given_up_when_it_has_taken_too_long() -> None:
    vim, reports = Told(always(VimUnavailableError("away", 0))), Reports()
    deed = new_action("evacuate", "server/1")

    async with running(vim, reports, backoff_seconds=0.01, deed_timeout_seconds=0.1) as controller:
        controller.offer([deed])
        last = await reports.until_over([deed.id])

    assert last[deed.id].state is ActionState.FAILED


async def test_a_bmc_that_is_away_does_not_make_its_cloud_silent() -> None:
    async def answer(action: Action) -> Outcome:
        if action.kind == "fence":
            raise FenceUnavailableError("no answer", 0)
        return Outcome(changed=True)

    vim, reports = Told(answer), Reports()
    fence, other = new_action("fence", "host/1"), new_action("reboot", "server/1", event_id=2)

    async with running(vim, reports, deadline_seconds=0.01) as controller:
        controller.offer([fence])
        await until(lambda: len(vim.begun) > 20)
        await asyncio.sleep(0.02)
        controller.offer([other])
        last = await reports.until_over([other.id])

    assert last[other.id].state is ActionState.DONE
    assert last[fence.id].state is not ActionState.FAILED


async def test_brakes_that_fail_hold_and_take_nobody_along() -> None:
    vim, reports = Told(), Reports()
    broken = new_action("evacuate", "server/1")
    well = new_action("reboot", "server/2", event_id=2)

    def gate(action: Action) -> Permit:
        if action is broken:
            raise ZeroDivisionError("a mistake of ours")
        return Go(action)

    async with running(vim, reports, gate=gate) as controller:
        controller.offer([broken, well])
        await reports.until_over([well.id])

        assert controller.held == 1
    assert [action.id for action in vim.begun] == [well.id]


async def test_what_waited_at_the_gate_is_not_given_up_for_the_first_calls_that_are_missed() -> None:
    is_open, away = False, 8

    async def answer(_action: Action) -> Outcome:
        nonlocal away
        if away:
            away -= 1
            raise VimUnavailableError("503", 0)
        return Outcome(changed=True)

    def gate(action: Action) -> Permit:
        return Go(action) if is_open else Wait("held")

    vim, reports = Told(answer), Reports()
    deeds = [new_action("evacuate", f"server/{number}", event_id=number + 1) for number in range(40)]
    async with running(vim, reports, gate=gate, deadline_seconds=0.3) as controller:
        controller.offer(deeds)
        await asyncio.sleep(0.6)
        is_open = True
        controller.reconsider()
        await reports.until_over(ids(deeds))

    assert {reports.last[deed.id].state for deed in deeds} == {ActionState.DONE}
