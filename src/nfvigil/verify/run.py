"""A whole verification, from looking for a place to the last thing removed, whatever happens in between."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec

from nfvigil.errors import NfvigilError, UnavailableError
from nfvigil.model.secret import Secret
from nfvigil.verify import checks
from nfvigil.verify.claim import Claim, own_claim
from nfvigil.verify.cloud import Cloud
from nfvigil.verify.fault import Commands, Fault, PlayedMonitor
from nfvigil.verify.logins import administrator
from nfvigil.verify.measure import OTHERS, OURS, Measure, Round
from nfvigil.verify.own_service import OwnService
from nfvigil.verify.plan import RUN_MAX_SECONDS, Plan, Wanted
from nfvigil.verify.progress import Progress
from nfvigil.verify.receiver import Receiver, own_address
from nfvigil.verify.removal import Removal
from nfvigil.verify.report import Result
from nfvigil.verify.service import Service

RESTORE_SECONDS = 30.0
"""For NFVigil to take back what it did; then the host is let up by hand."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STUBBORN = 3
"""So many more Ctrl-C end the tidying up as well."""


class InterruptedRunError(NfvigilError):
    """Somebody told us to stop; everything was tidied up."""


class Stage:
    """What one run has made so far. ``play`` makes and measures, ``clear`` takes away; clear is always called."""

    def __init__(self, *, wanted: Wanted, cloud: Cloud, removal: Removal, progress: Progress) -> None:
        self.rounds: list[Round] = []
        self.plan: Plan | None = None
        self._wanted = wanted
        self._cloud = cloud
        self._removal = removal
        self._progress = progress
        self.receiver = Receiver()
        self._own: OwnService | None = None
        self._service: Service | None = None
        self._fault: Fault | None = None
        self._measure: Measure | None = None
        self._subscriptions: list[str] = []
        self._claim: Claim | None = None
        self._faulty_round = 0

    async def make_plan(self) -> Plan:
        self.plan = await self._cloud.plan(secrets.token_hex(4))
        return self.plan

    async def play(self, plan: Plan) -> None:
        for line in plan.lines():
            self._progress.say(line)
        await self.make(plan)
        try:
            async with asyncio.timeout(RUN_MAX_SECONDS):
                for size in self._wanted.sizes:
                    await self.boot(plan, size)
                    for _ in range(self._wanted.rounds):
                        await self.round(size)
        except TimeoutError as error:
            raise UnavailableError(f"the run was ended after {RUN_MAX_SECONDS:g} s") from error

    async def make(self, plan: Plan) -> None:
        self._progress.say("making projects, user and network ...")
        self._claim = own_claim(host=plan.host.name, now_s=time.time())
        await self._cloud.make_project(plan, self._claim.text())
        await self._cloud.make_owner(plan)
        await self._cloud.make_network(plan)
        service = await self._connect(plan)
        await self.receiver.open(await own_address(service.url))
        for project, endpoint in ((self._cloud.project, OURS), (self._cloud.other_project, OTHERS)):
            url, name = self.receiver.url(endpoint), f"{plan.name}-{endpoint}"
            mode = self._wanted.mode.value
            made = await service.subscribe(name=name, project=project, url=url, mode=mode)
            self._subscriptions.append(made)
        self._fault = self._make_fault(plan, service)
        self._measure = Measure(
            plan=plan,
            cloud=self._cloud,
            service=service,
            receiver=self.receiver,
            fault=self._fault,
            progress=self._progress,
            on_fault=self._on_fault,
        )

    async def _connect(self, plan: Plan) -> Service:
        if self._wanted.url:
            self._service = Service(
                url=self._wanted.url, token=Secret(self._wanted.token), timeout_seconds=self._wanted.timeout_seconds
            )
            if not await self._service.is_ready():
                raise UnavailableError(f"NFVigil at {self._wanted.url} is not ready")
            await self._forget_subscriptions(self._service)
            return self._service
        self._progress.say("starting an NFVigil of our own, which lists the cloud ...")
        self._own = await OwnService.start(self._wanted, plan.run)
        self._service = self._own.service
        await self._own.wait_ready(self._wanted.wait_seconds)
        return self._service

    async def _forget_subscriptions(self, service: Service) -> None:
        """Those of runs of which nothing else is left."""
        runs = await self._cloud.keystone.runs()
        for subscription, name in (await service.subscriptions()).items():
            if name.rpartition("-")[0] not in runs:
                self._progress.say(f"ending the subscription {name}, left by a run that is over ...")
                await service.unsubscribe(subscription)

    def _make_fault(self, plan: Plan, service: Service) -> Fault:
        wanted = self._wanted
        if wanted.is_simulated:
            return PlayedMonitor(service=service, plan=plan)
        return Commands(inject=wanted.inject, restore=wanted.restore, host=plan.host.name, seconds=wanted.wait_seconds)

    async def boot(self, plan: Plan, size: int) -> None:
        """Until there are so many servers on the host."""
        self._progress.say(f"booting servers on {plan.host.name} until there are {size} ...")
        await self._cloud.make_servers(plan, size, lambda done, of: self._progress.count("servers ACTIVE", done, of))

    async def round(self, size: int) -> Round:
        assert self._measure is not None  # make made it
        found = await self._measure.round(size, len(self.rounds) + 1)
        self.rounds.append(found)
        return found

    async def _on_fault(self, is_faulty: bool, number: int) -> None:
        """The claim is written before the host may fail, so that whoever tidies up after us knows."""
        assert self._claim is not None
        self._faulty_round = number if is_faulty else 0
        self._claim = msgspec.structs.replace(self._claim, is_faulty=is_faulty)
        await self._cloud.keystone.claim(self._cloud.project, self._claim)

    # Taking it away

    async def clear(self) -> list[str]:
        """What is left, in sentences. The host comes first; what fails does not keep the rest from being done."""
        wrong: list[str] = []
        for step in (self._bring_back, self._leave_service, self._let_up, self._remove):
            try:
                wrong += await step()
            except Exception as error:  # also one that nobody thought of: a host must not stay forced down for it
                wrong.append(str(error) or type(error).__name__)
        return [each for each in wrong if each]

    async def _bring_back(self) -> list[str]:
        """By whoever made it fail: then NFVigil takes back what it did."""
        if not self._faulty_round or self.plan is None or self._fault is None:
            return []
        self._progress.say(f"bringing {self.plan.host.name} back ...")
        try:
            await self._fault.end(self._faulty_round)
            async with asyncio.timeout(RESTORE_SECONDS):
                while not await self._is_settled():  # noqa: ASYNC110  # the cloud sets no event of ours
                    await asyncio.sleep(0.5)
        except TimeoutError:
            pass  # It is done by hand.
        except NfvigilError as error:
            # What was only played has not happened: letting the host up by hand is enough.
            return [] if self._wanted.is_simulated else [str(error)]
        return []

    async def _let_up(self) -> list[str]:
        """By hand too, now that no NFVigil of ours forces it down any more."""
        if self._claim is None or not self._claim.is_faulty:
            return []
        wrong = await self._removal.let_up(self._claim.host)
        if not wrong:
            self._claim = msgspec.structs.replace(self._claim, is_faulty=False)
        return [wrong]

    async def _is_settled(self) -> bool:
        assert self.plan is not None
        assert self._service is not None
        is_quiet = not await self._service.alarms_on_host(self.plan.host.name)
        return is_quiet and await self._cloud.is_up(self.plan.host.name)

    async def _leave_service(self) -> list[str]:
        wrong = []
        if self._service is not None and self._own is None:
            for subscription in self._subscriptions:
                try:
                    await self._service.unsubscribe(subscription)
                except NfvigilError as error:
                    wrong.append(f"a subscription could not be ended: {error}")
            await self._service.close()
        if self._own is not None:
            await self._own.stop()
        await self.receiver.close()
        return wrong

    async def _remove(self) -> list[str]:
        if self._claim is None or self.plan is None:
            return []
        # By its name: what was sent before we were told to stop may have been made without our knowing its id.
        found = (await self._cloud.keystone.runs()).get(self.plan.name)
        if found is None:
            return []
        if self._wanted.keep:
            await self._cloud.keystone.claim(found[0], msgspec.structs.replace(self._claim, is_kept=True))
            return []
        self._progress.say("removing what was made ...")
        return await self._removal.remove(self.plan.name, found[0], self._claim)


async def fault_management(wanted: Wanted, progress: Progress) -> Result:
    """Raises where it cannot be begun, or was stopped; what was measured and checked is in the result."""
    async with opened(wanted, progress) as (cloud, removal):
        await tidy(removal, progress, also_kept=False)
        stage = Stage(wanted=wanted, cloud=cloud, removal=removal, progress=progress)
        plan = await stage.make_plan()
        work = asyncio.create_task(stage.play(plan))
        began = time.time()
        with _Ender(work, progress) as ender:
            try:
                await asyncio.wait([work])
            finally:
                work.cancel()
                await asyncio.wait([work])
                wrong = await ender.finish(stage.clear())
        for each in wrong:
            progress.say(f"NOT TIDY: {each}")
        if work.cancelled():
            left = "; ".join(wrong) or "everything was tidied up"
            raise InterruptedRunError(f"told to stop; {left}")
        work.result()
        kept = plan.name if wanted.keep else ""
        facts = {"cloud": wanted.cloud, "host": plan.host.name, "image": plan.image_name, "flavor": plan.flavor_name}
        facts |= await cloud.facts()
        return Result(
            run=plan.run,
            facts=facts,
            limit_seconds=wanted.limit_seconds,
            mode=wanted.mode,
            began_s=began,
            rounds=tuple(stage.rounds),
            end=tuple(checks.at_the_end(wrong, kept)),
        )


async def dry_run(wanted: Wanted, progress: Progress) -> list[str]:
    """What would be made, and what earlier runs have left; nothing is changed."""
    async with opened(wanted, progress) as (cloud, removal):
        dead, let_alone = await removal.leftovers(also_kept=False)
        plan = await cloud.plan("RUN")
        return [
            *plan.lines(),
            *[f"{name}, left by a run that is over, would be removed first" for name in dead],
            *let_alone,
        ]


async def cleanup(wanted: Wanted, progress: Progress) -> list[str]:
    """What could not be removed."""
    async with opened(wanted, progress) as (_, removal):
        return await tidy(removal, progress, also_kept=True)


async def tidy(removal: Removal, progress: Progress, *, also_kept: bool) -> list[str]:
    """Take away what runs that are over have left."""
    dead, let_alone = await removal.leftovers(also_kept=also_kept)
    wrong = []
    for name, (project, claim) in dead.items():
        progress.say(f"removing {name}, left by a run that is over ...")
        wrong += await removal.remove(name, project, claim)
    for sentence in [*let_alone, *wrong]:
        progress.say(sentence)
    return wrong


@asynccontextmanager
async def opened(wanted: Wanted, progress: Progress) -> AsyncIterator[tuple[Cloud, Removal]]:
    admin = administrator(wanted)
    cloud = Cloud(admin=admin, wanted=wanted)
    try:
        yield cloud, Removal(admin=admin, progress=progress)
    finally:
        await cloud.close()


class _Ender:
    """Ctrl-C, SIGTERM and SIGHUP end the work, and then not the tidying up, unless somebody insists."""

    def __init__(self, work: asyncio.Task[None], progress: Progress) -> None:
        self._task: asyncio.Task[Any] = work
        self._progress = progress
        # What whoever started us wants to be ignored (nohup) stays so.
        self._signals = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._is_clearing = False
        self._told = 0

    def __enter__(self) -> Self:
        for number in self._signals:
            asyncio.get_running_loop().add_signal_handler(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)

    async def finish(self, clearing: Coroutine[Any, Any, list[str]]) -> list[str]:
        """After the work has ended, however it did."""
        self._task = asyncio.create_task(clearing)
        self._is_clearing, self._told = True, 0
        await asyncio.wait([self._task])
        if self._task.cancelled():
            raise InterruptedRunError("the tidying up was ended too: --cleanup-only goes on with it")
        found: list[str] = self._task.result()
        return found

    def _stop(self) -> None:
        self._told += 1
        if not self._is_clearing:
            if self._told == 1:
                self._progress.say("told to stop: tidying up ...")
                self._task.cancel()
        elif self._told < STUBBORN:
            self._progress.say(f"still tidying up; {STUBBORN - self._told} more times ends it and leaves the rest")
        else:
            self._task.cancel()
