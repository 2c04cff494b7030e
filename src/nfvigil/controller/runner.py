"""Does the planned actions: many at once, each after what it must wait for, until done or given up.

Per VIM: the states of an event are set in parallel under a limit, one at a time and in order for each VIM state
(``Action.mark``); restored from the highest rank down (the host first, then what is on it); and what is done once
(rank 0) waits until every state of its event is over.

    offer -> blocked (counts what it waits for) -> ready queue -> a worker of the VIM -> result -> report, many at once
                                                      ^--- later, after a transient error ---'

The actions are rows in the store before they come here. Whatever is not reported when the process dies is offered
again at the next start and performed once more, which changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import TypeVar

import msgspec
import structlog

from nfvigil.controller.lane import Job, Lane
from nfvigil.controller.order import Order
from nfvigil.controller.vim import ActionPlugin, Vim
from nfvigil.errors import NotYetError, OverloadedError, RefusedError, UnavailableError, VimUnavailableError
from nfvigil.model.action import Action, ActionKind, ActionState, Outcome, is_state
from nfvigil.model.permit import Go, Permit, Refuse, Wait

replace = msgspec.structs.replace
T = TypeVar("T")

GATE_SECONDS = 10.0
"""How long an action that may not begin yet waits until it is asked about again, if nobody says so before."""
REPORT_MAX = 2_000
"""Results in one call of ``report``."""
REMEMBERED_MAX = 100_000
RETRY_REPORT_MAX_SECONDS = 30.0

log = structlog.get_logger(__name__)

Gate = Callable[[Action], Permit]
"""Whether an action may begin now, and in which form."""
Observe = Callable[[str, float, str], None]
"""Told of every try: the kind of action, its seconds, and ``done``, ``skipped``, ``failed`` or ``retried``."""


class Controller:
    """Runs until ``close``; ``offer`` takes work before, while and whatever the VIMs do."""

    def __init__(
        self,
        *,
        vims: Mapping[str, Vim],
        report: Callable[[Sequence[Action]], Awaitable[None]],
        clock: Callable[[], int],
        limit: int = 32,
        timeout_seconds: float = 30.0,
        attempts_max: int = 8,
        deadline_seconds: float = 120.0,
        backoff_seconds: float = 0.25,
        backoff_max_seconds: float = 15.0,
        deed_limit: int = 16,
        deed_timeout_seconds: float = 900.0,
        undo_patience_seconds: float = 86_400.0,
        gate: Gate = Go,
        waiting_max: int = 200_000,
        plugins: Mapping[str, ActionPlugin] | None = None,
        observe: Observe | None = None,
    ) -> None:
        self._vims: dict[str, Vim] = {}
        self._report = report
        self._clock = clock
        self._timeout = timeout_seconds
        self._attempts_max = attempts_max
        self._deadline = deadline_seconds
        self._limits = {False: deed_limit, True: limit}
        self._deed_timeout = deed_timeout_seconds
        self._patience = undo_patience_seconds
        self._gate = gate
        self._backoff = backoff_seconds
        self._backoff_max = backoff_max_seconds
        self._waiting_max = waiting_max
        self._plugins = dict(plugins or {})
        self._observe = observe or (lambda _kind, _seconds, _outcome: None)
        self._chance = Random()  # noqa: S311 - jitter is no secret
        self._lanes: dict[str, dict[bool, Lane]] = {}
        """By VIM: one lane for states (True), one for deeds, so that evacuations of minutes do not hold up alarms."""
        self._workers: dict[str, list[asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._held: dict[str, Job] = {}
        """Those that the gate does not let begin yet."""
        self._jobs: dict[str, Job] = {}
        self._order = Order()
        self._refused: dict[str, str] = {}
        """Ids of actions that changed nothing for certain, and why: their undo has nothing to undo."""
        self._found: dict[str, str] = {}
        """Ids of actions that found their state other than it was planned by, and what they found."""
        self._unrestored: dict[str, None] = {}
        """Marks that we set and have not restored: finding them set says nothing about anybody else."""
        self._results: dict[str, Action] = {}
        self._has_results = asyncio.Event()
        self._all_reported = asyncio.Event()
        self._all_reported.set()
        self._stop = asyncio.Event()
        self._stopped: asyncio.Event | None = None
        self._grace_seconds = 0.0
        for name, vim in vims.items():
            self.add_vim(name, vim)

    # Which clouds there are

    def add_vim(self, name: str, vim: Vim) -> None:
        """From now on actions for it are taken; another one of its name gives way, with the actions under way there."""
        self._vims[name] = vim
        if name not in self._lanes:
            self._lanes[name] = {
                of_states: Lane(limit=limit, pause_seconds=self._backoff, pause_max_seconds=self._backoff_max)
                for of_states, limit in self._limits.items()
            }
            self._staff(name)

    def vim(self, name: str) -> Vim | None:
        """The cloud of this name, if there is one in use."""
        return self._vims.get(name)

    async def remove_vim(self, name: str) -> None:
        """Nothing more is done there. What waits or is under way is given up: nobody can know how it would end."""
        self._vims.pop(name, None)
        for lane in self._lanes.pop(name, {}).values():
            lane.close()
        workers = self._workers.pop(name, [])
        for worker in workers:
            worker.cancel()
        if workers:
            await asyncio.wait(workers)
        for job in [job for job in self._jobs.values() if job.vim == name]:
            if job.timer is not None:
                job.timer.cancel()
            if job.action.id in self._jobs:
                self._finish(job, ActionState.FAILED, f"given up: the VIM {name} was removed")

    def _staff(self, name: str) -> None:
        if self._group is not None:
            self._workers[name] = [
                self._group.create_task(self._work(name, lane), name=f"controller {name} {number}")
                for lane in self._lanes[name].values()
                for number in range(lane.limit)
            ]

    # What goes in, and how much of it is left

    def offer(self, actions: Sequence[Action], *, again: bool = False) -> None:
        """Take these on. Those under way or over already are passed by, so that anything may be offered twice.

        ``again`` says that they were found in the store: an earlier process may have done them already.
        OverloadedError, and none of them is taken, where more would be waiting than the bound allows: they are to be
        offered again. Whoever comes when nothing waits is always taken: what belongs together cannot be parted.
        """
        if self._stop.is_set():
            return
        fresh = {action.id: action for action in actions if not self._is_known(action)}
        if self._jobs and len(self._jobs) + len(fresh) > self._waiting_max:
            raise OverloadedError(f"{len(self._jobs)} actions are waiting already")
        now = _monotonic()
        jobs = []
        for action in fresh.values():
            vim = self._vim_of(action)
            if vim is None:
                self._keep(self._over(action, ActionState.FAILED, f"no VIM named {action.vim!r} is configured"))
                continue
            job = Job(
                action=action,
                lane=self._lanes[vim][is_state(action.kind)],
                vim=vim,
                offered_at=now,
                may_have_changed=again or action.attempts > 0 or bool(action.params.get("again")),
            )
            self._jobs[action.id] = job
            job.lane.jobs += 1
            jobs.append(job)
        for job in self._order.add(jobs):
            job.lane.push(job)
        for job in jobs:
            if not job.action.undo_of:
                self._supersede(self._order.first_of(job), job)

    def _supersede(self, job: Job, by: Job) -> None:
        """What is on its way back and waits (for a host to report) need not be restored: it is wanted again. And what
        the brakes hold back of what is automatic does not hold up the same thing where somebody asks for it.
        """
        is_instead = (
            job.action.id in self._held and job.action.origin.is_automatic and not by.action.origin.is_automatic
        )
        if job is not by and job.timer is not None and (job.action.undo_of or is_instead):
            job.is_superseded = True
            job.lane.push_now(job)

    def reconsider(self) -> None:
        """Something has changed that the gate looks at: those that it holds back are asked about again, now."""
        held, self._held = self._held, {}
        for job in held.values():
            job.lane.push_now(job)

    @property
    def held(self) -> int:
        """Actions that the gate does not let begin yet."""
        return len(self._held)

    def _is_known(self, action: Action) -> bool:
        result = self._results.get(action.id)
        return action.id in self._jobs or action.state.is_over or (result is not None and result.state.is_over)

    def depth(self) -> dict[str, int]:
        """Actions that are not over, per VIM."""
        return {name: sum(lane.jobs for lane in lanes.values()) for name, lanes in self._lanes.items()}

    def in_flight(self) -> dict[str, int]:
        """Calls that wait for an answer right now, per VIM."""
        return {name: sum(lane.active for lane in lanes.values()) for name, lanes in self._lanes.items()}

    @property
    def unreported(self) -> int:
        """Results that the store has not taken yet."""
        return len(self._results)

    # The machinery

    async def run(self) -> None:
        """Work until ``close`` is called."""
        self._stopped = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for name in self._lanes:
                    self._staff(name)
                reporter = group.create_task(self._report_all(), name="controller report")
                await self._stop.wait()
                self._group = None
                workers = [worker for staff in self._workers.values() for worker in staff]
                # What does not end in time is cut off, and done again at the next start.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._grace_seconds):
                        if workers:
                            await asyncio.wait(workers)
                        await self._all_reported.wait()
                for task in (*workers, reporter):
                    task.cancel()
        finally:
            self._stopped.set()

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Begin nothing new, let what is under way end and be reported; ``run`` has returned afterwards."""
        self._grace_seconds = grace_seconds
        self._stop.set()
        for lanes in self._lanes.values():
            for lane in lanes.values():
                lane.close()
        if self._stopped is not None:
            await self._stopped.wait()

    async def _work(self, name: str, lane: Lane) -> None:
        while (job := await lane.take()) is not None:
            try:
                await self._try(self._vims[name], job)
            finally:
                lane.give_back()
            # A VIM that answers without waiting must not keep everybody else from their turn.
            await asyncio.sleep(0)

    async def _try(self, vim: Vim, job: Job) -> None:
        action = job.action
        if action.undo_of in self._refused:
            self._finish(job, ActionState.SKIPPED, f"there is nothing to undo: {self._refused.pop(action.undo_of)}")
            return
        if job.is_superseded:
            text = "not restored: it was asked for again meanwhile" if action.undo_of else "not done: it was instructed"
            self._finish(job, ActionState.SKIPPED, text)
            return
        if action.undo_of in self._found:
            job.action = action = replace(action, before=self._found.pop(action.undo_of))
        if not self._may_begin(job) or self._is_hopeless(job):
            return
        action = job.action
        begun = _monotonic()
        job.tries += 1
        if job.tries == 1:
            job.first_try_at = begun
        job.action = replace(
            action,
            state=ActionState.RUNNING,
            attempts=action.attempts + 1,
            started_us=action.started_us or self._clock(),
        )
        if action.kind == ActionKind.EVACUATE:
            self._keep(job.action)  # whoever takes it up after us has to know that the cloud may have been asked
        plugin = self._plugins.get(action.kind)
        word = "failed"
        try:
            async with asyncio.timeout(self._timeout if is_state(action.kind) else self._deed_timeout):
                outcome = await (vim.perform(job.action) if plugin is None else plugin(vim, job.action))
        except RefusedError as error:
            job.lane.answered()
            if not job.may_have_changed and is_state(action.kind) and not action.undo_of:
                _remember(self._refused, action.id, str(error))
            self._finish(job, ActionState.FAILED, f"refused: {error}")
        except NotYetError as error:
            job.tries -= 1
            job.lane.answered()
            job.action = action  # it was no try: one that waits for an operator is not tried every second
            if action.kind == ActionKind.EVACUATE:
                self._keep(action)
            word = "waits"
            self._hold(job, str(error))
        except (UnavailableError, OSError) as error:
            word = self._unavailable(job, error)
        except Exception as error:
            # A driver's own fault is that action's only: its neighbours go on.
            log.exception("a VIM driver failed", vim=job.vim, action=action.id, kind=action.kind)
            self._finish(job, ActionState.FAILED, f"the driver of {job.vim} failed: {error!r}")
        else:
            job.lane.answered()
            word = self._done(job, outcome)
        self._observe(action.kind, _monotonic() - begun, word)

    def _may_begin(self, job: Job) -> bool:
        """Whether the gate lets it; else it is held back and asked about again, or over."""
        was_held = self._held.pop(job.action.id, None) is not None
        try:
            permit = self._gate(job.action)
        except Exception as error:
            # Brakes that fail hold: neither may it begin, nor may it take everybody else's actions along.
            log.exception("the brakes failed", action=job.action.id, kind=job.action.kind)
            permit = Wait(f"waits: the brakes failed: {error!r}")
        if isinstance(permit, Go):
            job.action = permit.action
            if was_held:
                job.tries = 0  # what it waited for is no time that it was tried
            return True
        if isinstance(permit, Refuse):
            self._finish(job, ActionState.FAILED if permit.failed else ActionState.SKIPPED, permit.reason)
            if is_state(job.action.kind) and not job.may_have_changed:
                _remember(self._refused, job.action.id, permit.reason)
            return False
        self._hold(job, permit.reason, permit.seconds)
        return False

    def _hold(self, job: Job, reason: str, seconds: float | None = None) -> None:
        if job.action.undo_of and _monotonic() - job.offered_at >= self._patience:
            self._finish(job, ActionState.FAILED, f"given up after {self._patience:g} s: {reason}")
            return
        if job.action.result != reason:
            job.action = replace(job.action, result=reason)
            self._keep(job.action)  # so that whoever asks why nothing happens finds the reason
        self._held[job.action.id] = job
        # Whoever changes something says so (``reconsider``); this is for what only time changes, and for good measure.
        slowly = GATE_SECONDS * (1 + len(self._held) / 1000)
        job.lane.push_later(job, slowly if seconds is None else min(seconds, slowly))

    def _done(self, job: Job, outcome: Outcome) -> str:
        state = ActionState.DONE if outcome.changed else ActionState.SKIPPED
        action = job.action
        is_first = not job.may_have_changed and action.mark not in self._unrestored
        if is_state(action.kind) and not action.undo_of and is_first and outcome.was not in (None, action.before):
            # Somebody was faster than the map: what they set is theirs, and stays when the alarm goes.
            _remember(self._found, action.id, outcome.was)
            job.action = replace(action, found=outcome.was)
        self._finish(job, state, outcome.text)
        return state.value

    def _unavailable(self, job: Job, error: UnavailableError | OSError) -> str:
        """Try again later, or give it up. Whether it took effect is unknown."""
        job.may_have_changed = True
        if isinstance(error, VimUnavailableError | OSError):  # a BMC that is away says nothing about the cloud
            job.lane.missed()
        reason = str(error) or f"no answer within {self._timeout:g} s"
        at_least = error.retry_after_seconds if isinstance(error, UnavailableError) else 0.0
        now = _monotonic()
        if self._has_tried_enough(job, now):
            self._finish(job, ActionState.FAILED, f"given up after {job.action.attempts} tries: {reason}")
            return "failed"
        job.action = replace(job.action, result=f"try {job.action.attempts}: {reason}")
        self._keep(job.action)
        longest = min(self._backoff_max, self._backoff * 2.0 ** (job.tries - 1))
        # Half of it at random, so that those that failed together do not come back together.
        delay = min(max(longest * (0.5 + self._chance.random() / 2), at_least), self._backoff_max)
        job.lane.push_later(job, delay)
        return "retried"

    def _has_tried_enough(self, job: Job, now: float) -> bool:
        if job.action.undo_of:
            # A host that is repaired over the weekend reports then, and a cloud that is away comes back: what we set
            # must not stay set for ever because of it.
            return now - job.first_try_at >= self._patience
        if not is_state(job.action.kind):
            # What the cloud was asked for goes on there, whether or not it answers: how it ended is asked for as long
            # as a deed may take.
            return now - job.first_try_at >= self._deed_timeout
        return job.tries >= self._attempts_max or now - job.first_try_at >= self._deadline

    def _is_hopeless(self, job: Job) -> bool:
        """Gives it up where the VIM has shown no sign of life for as long as one action may take.

        Only this bounds those that wait behind a dead VIM; behind one that is merely slow, nobody is given up
        untried.
        """
        if job.action.kind == ActionKind.FENCE:
            return False  # that its cloud is silent says nothing of a BMC
        silent_since = max(job.offered_at, job.lane.silent_since)
        may_be_under_way = job.tries > 0 and not is_state(job.action.kind)
        patience = self._deed_timeout if may_be_under_way else self._deadline
        if job.action.undo_of or not job.lane.is_silent or _monotonic() - silent_since < patience:
            return False
        self._finish(job, ActionState.FAILED, f"given up: {job.vim} has not answered for {patience:g} s")
        return True

    def _finish(self, job: Job, state: ActionState, result: str) -> None:
        is_unsure = state is ActionState.FAILED and (job.may_have_changed or bool(job.action.undo_of))
        if is_state(job.action.kind) and (is_unsure or job.is_superseded):
            _remember(self._unrestored, job.action.mark, None)
        elif job.action.undo_of:
            self._unrestored.pop(job.action.mark, None)
        self._keep(self._over(job.action, state, result))
        del self._jobs[job.action.id]
        self._held.pop(job.action.id, None)
        job.lane.jobs -= 1
        for freed in self._order.over(job):
            freed.lane.push(freed)

    def _over(self, action: Action, state: ActionState, result: str) -> Action:
        return replace(action, state=state, ended_us=self._clock(), result=result)

    def _vim_of(self, action: Action) -> str | None:
        if action.vim in self._vims:
            return action.vim
        return next(iter(self._vims)) if not action.vim and len(self._vims) == 1 else None

    # What comes out

    def _keep(self, action: Action) -> None:
        self._results[action.id] = action
        self._has_results.set()
        self._all_reported.clear()

    async def _report_all(self) -> None:
        """Hand the results over, all that there are at a time; keep them while nobody can take them."""
        failures = 0
        while True:
            await self._has_results.wait()
            batch = list(self._results.values())[:REPORT_MAX]
            try:
                await self._report(batch)
            except UnavailableError as error:
                failures += 1
                delay = max(error.retry_after_seconds, self._backoff * 2.0 ** min(failures, 10))
                log.warning("results of actions cannot be kept yet", results=len(self._results), reason=str(error))
                await asyncio.sleep(min(delay, RETRY_REPORT_MAX_SECONDS))
                continue
            failures = 0
            for action in batch:
                if self._results.get(action.id) is action:  # Unless there is a newer one by now.
                    del self._results[action.id]
            if not self._results:
                self._has_results.clear()
                self._all_reported.set()


def _remember(kept: dict[str, T], key: str, value: T) -> None:
    kept[key] = value
    if len(kept) > REMEMBERED_MAX:
        del kept[next(iter(kept))]


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
