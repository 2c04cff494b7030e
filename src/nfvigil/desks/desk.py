"""What people and machines ask for beside sending events: acknowledge, subscribe, apply a policy, look into things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.inspector import internal
from nfvigil.inspector.capacity import Ratios, capacity
from nfvigil.inspector.decide import decide
from nfvigil.inspector.policy import CompiledPolicy, Policy, project_of
from nfvigil.inspector.reading import PolicyError, read_policy
from nfvigil.inspector.replay import Base, replay
from nfvigil.inspector.resource_map import INVERSE, RecordedMap
from nfvigil.inspector.standing import StateQuery, find, keys_named, may_see, of_keys, standing
from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm
from nfvigil.model.answers import (
    Capacity,
    CapacityBy,
    Difference,
    DryRun,
    Health,
    Replay,
    ResourceDetail,
    ResourceStanding,
)
from nfvigil.model.event import Event, Status
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.resource import Kind, split_key
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import Decision, News
from nfvigil.notifier.admission import check_subscription
from nfvigil.notifier.channel import Channel
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.notifier.heartbeat import Heartbeats
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.safety import Safety
from nfvigil.pipeline import Pipeline
from nfvigil.store import Store
from nfvigil.store.records import PolicyRecord

BASE = "base"
"""Memory key of the state before the oldest decision that is kept: where a replay begins."""

WOULD_FAIL = {
    "host": "compute.host.down",
    "nic": "compute.host.nic.error",
    "switch": "network.switch.down",
    "pdu": "power.pdu.down",
    "disk": "compute.host.disk",
    "server": "compute.instance.error",
    "volume": "storage.volume.error",
}
"""The event that stands for "it died", by kind of resource."""


class Desk:
    """One method a wish. Each is durable when it returns, and raises a RefusedError that says what is wrong."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        store: Store,
        matcher: Matcher,
        dispatcher: Dispatcher,
        heartbeats: Heartbeats,
        safety: Safety,
        channels: Mapping[str, Channel],
        composer: Composer,
        health: Callable[[], Awaitable[Health]],
        simulation: SimulatedVim | None,
        clock: Callable[[], int],
        extra_actions: frozenset[str] = frozenset(),
        ratios: Mapping[str, Ratios] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._matcher = matcher
        self._dispatcher = dispatcher
        self._heartbeats = heartbeats
        self._safety = safety
        self._channels = channels
        self._composer = composer
        self._health = health
        self._simulation = simulation
        self._clock = clock
        self._extra_actions = extra_actions
        self._ratios = ratios or {}
        self._changing = asyncio.Lock()
        """Held while the store and what we remember of it differ: two changes at once must end the same in both."""

    # Alarms

    async def acknowledge(self, alarm_id: str, *, by: str, project: str | None, acked: bool) -> Alarm:
        alarm = self._open_alarm(alarm_id, project)
        if bool(alarm.acked_us) is acked:
            raise ConflictError(f"the alarm is {'acknowledged already' if acked else 'not acknowledged'}")
        event = self._pipeline.event(
            internal.ALARM_ACKED, alarm.resource, Status.DOWN if acked else Status.UP, alarm_id=alarm_id, by=by
        )
        return _changed(await self._pipeline.ask(event), alarm_id)

    async def clear(self, alarm_id: str, *, by: str) -> Alarm:
        alarm = self._open_alarm(alarm_id, None)
        if not alarm.fault:
            raise ConflictError(
                "the alarm only follows from others: clear its root cause",
                [FieldError("root_cause_id", alarm.root)],
            )
        event = self._pipeline.event(internal.ALARM_CLEARED, alarm.resource, Status.UP, alarm_id=alarm_id, by=by)
        return _changed(await self._pipeline.ask(event), alarm_id)

    def _open_alarm(self, alarm_id: str, project: str | None) -> Alarm:
        alarm = self._pipeline.state.alarms.get(alarm_id)
        if alarm is None or not may_see(alarm, project):
            raise NotFoundError("there is no open alarm of this id")
        return alarm

    # Subscriptions

    def channels(self) -> Sequence[str]:
        return sorted(self._channels)

    def check_endpoint(self, url: str) -> None:
        self._safety.check_url(url)

    async def subscribe(self, subscription: Subscription) -> list[Alarm]:
        """Durable and effective at once; returns the open alarms that it covers."""
        check_subscription(subscription, channels=self._channels, safety=self._safety)
        await self._store.put_subscription(subscription)
        self._matcher.put(subscription)
        self._dispatcher.put_subscription(subscription)
        self._heartbeats.put(subscription)
        covered = self._matcher.covered(subscription, self._pipeline.state.alarms.values())
        self._composer.inform(subscription, covered)
        return covered

    def owned(self, owner: str, project: str | None) -> list[Subscription]:
        """Those that another API made and that a reader may see, by id."""
        found = (
            one for one in self._matcher.owned_by(owner) if project is None or (project and one.project == project)
        )
        return sorted(found, key=lambda one: one.id)

    async def unsubscribe(self, subscription_id: str) -> None:
        """First in the store: where that is away the subscription is as it was, and hears of everything."""
        async with self._changing:
            self._known(subscription_id)
            with suppress(NotFoundError):  # an earlier try got as far as the store
                await self._store.delete_subscription(subscription_id)
            self._matcher.remove(subscription_id)
            self._heartbeats.remove(subscription_id)
            self._dispatcher.remove_subscription(subscription_id)
            self._composer.forget(subscription_id)

    async def change_subscription(self, was: Subscription, becomes: Subscription) -> list[Alarm]:
        """Durable and effective at once, for what is decided from now on; returns the open alarms that it covers now.

        What waits for an endpoint that it has no more is dropped. ConflictError where it is not any more what it was.
        """
        check_subscription(becomes, channels=self._channels, safety=self._safety)
        gone = {one.id for one in was.endpoints} - {one.id for one in becomes.endpoints}
        # Nothing is composed meanwhile: it would be for endpoints that are gone when it is written down.
        async with self._changing, self._pipeline.writing:
            if self._known(was.id) != was:
                raise ConflictError("the subscription was changed meanwhile: read it again")
            await self._store.change_subscription(becomes, gone)
            self._matcher.put(becomes)
            self._dispatcher.put_subscription(becomes)
            self._heartbeats.put(becomes)
            covered = self._matcher.covered(becomes, self._pipeline.state.alarms.values())
            self._composer.inform(becomes, covered)
        return covered

    def subscribed(self, subscription: Subscription, after: str, limit: int) -> list[ResourceStanding]:
        """How what it asks for stands: what it names, or else what it would hear of now; by key, behind ``after``."""
        there, state = self._pipeline.map, self._pipeline.state
        wanted = subscription.filter
        scope = subscription.project or None
        if wanted.resource_ids:
            kinds = wanted.resource_types or tuple(kind for kind in Kind if scope is None or kind.is_virtual)
            keys = {
                key
                for name in wanted.resource_ids
                for key in keys_named(name, kinds)
                if split_key(key)[0] in kinds and there.get(key) is not None
            }
        else:
            keys = {alarm.resource for alarm in self._matcher.covered(subscription, state.alarms.values())}
        found = of_keys(sorted(key for key in keys if key > after), there, state, scope)[:limit]
        return [
            msgspec.structs.replace(one, alarms=tuple(self._matcher.covered(subscription, one.alarms))) for one in found
        ]

    async def send_again(self, delivery: Delivery) -> None:
        """One that was given up is pending again, with its id. ConflictError where it is not dead."""
        self._known(delivery.subscription)
        await self._dispatcher.flush()
        await self._store.requeue_delivery(delivery)
        self._dispatcher.rewind(delivery.subscription, delivery.seq - 1)

    async def pause(self, subscription_id: str, paused: bool) -> None:
        async with self._changing:
            subscription = msgspec.structs.replace(self._known(subscription_id), paused=paused)
            await self._store.put_subscription(subscription)
            self._matcher.put(subscription)
            self._heartbeats.put(subscription)
            self._dispatcher.pause(subscription_id, paused)

    async def test(self, subscription_id: str) -> Notification:
        return (await self._pipeline.notify(self._known(subscription_id), News.TEST))[0]

    async def tell(self, subscription_id: str, alarms: Sequence[Alarm]) -> None:
        """What stands already, for a consumer that reads no lists."""
        await self._pipeline.notify(self._known(subscription_id), News.SUMMARY, alarms)

    async def replay(self, subscription_id: str, after_seq: int) -> int:
        """Send again what came after ``after_seq``, under the same ids; returns how many deliveries that is."""
        self._known(subscription_id)
        await self._dispatcher.flush()
        count = await self._store.requeue_deliveries(subscription_id, after_seq)
        self._dispatcher.rewind(subscription_id, after_seq)
        return count

    async def beat(self, subscription: Subscription) -> None:
        await self._pipeline.notify(subscription, News.HEARTBEAT)

    def _known(self, subscription_id: str) -> Subscription:
        subscription = self._matcher.get(subscription_id)
        if subscription is None:
            raise NotFoundError("there is no subscription of this id")
        return subscription

    # Policies

    def active_policy(self) -> Policy:
        return self._pipeline.policy.policy

    def lint(self, text: str) -> list[FieldError]:
        try:
            read_policy(text, extra_actions=self._extra_actions)
        except PolicyError as error:
            return list(error.errors)
        return []

    async def apply_policy(self, text: str, *, by: str) -> Policy:
        """Make it the one in force, as the next version of its name. What stands already is not decided anew."""
        policy = read_policy(text, extra_actions=self._extra_actions)
        record = await self._store.add_policy(policy.name, text, by=by)
        return await self._put_in_force(record, by)

    async def roll_back(self, name: str, version: int | None, *, by: str) -> Policy:
        """Put an earlier version in force again: the given one, else the one before the present."""
        if version is None:
            versions = [row.version for row in await self._store.policies() if row.name == name]
            present = self.active_policy()
            earlier = [one for one in versions if present.name != name or one < present.version]
            if not earlier:
                raise NotFoundError(f"there is no earlier version of {name!r}")
            version = max(earlier)
        row = await self._store.policy(name, version)
        if row is None:
            raise NotFoundError(f"there is no policy {name!r} of version {version}")
        return await self._put_in_force(row, by)

    async def _put_in_force(self, record: PolicyRecord, by: str) -> Policy:
        policy = read_policy(record.text, version=record.version, extra_actions=self._extra_actions)
        async with self._changing:
            await put_in_force(self._store, record)
            self._pipeline.policy = CompiledPolicy(policy)
        return policy

    async def dry_run(
        self, text: str | None, event: Event | None, *, since_us: int | None, until_us: int | None, limit: int
    ) -> list[DryRun]:
        """What a policy would decide: on one event as things stand, or on recorded ones as things stood then."""
        policy = self._pipeline.policy
        if text is not None:
            policy = CompiledPolicy(read_policy(text, extra_actions=self._extra_actions))
        if event is not None:
            return [self._told(event, decide(event, policy, self._pipeline.map, self._pipeline.state))]
        runs = []
        base = await self._base()
        state = base.state()
        async for recorded in each_decision(self._store, base.last):
            decision = msgspec.json.decode(recorded, type=Decision)
            at_us = decision.event.received_us
            if until_us is not None and at_us > until_us:
                break
            if (since_us is None or at_us >= since_us) and decision.event.door != internal.DOOR:
                there = RecordedMap(decision.entries)
                runs.append(self._told(decision.event, decide(decision.event, policy, there, state)))
                if len(runs) >= limit:
                    break
            state.apply(decision.verdict)
        return runs

    def impact(self, key: str, event_type: str | None) -> DryRun:
        """Who would be told, and what would be done, if this died now."""
        found = self._pipeline.map.resolve(key)
        if found is None:
            raise NotFoundError("there is no such resource")
        kind = split_key(found)[0]
        event_type = event_type or WOULD_FAIL.get(kind)
        if event_type is None:
            raise RefusedError(
                f"name the event: there is no usual one for a {kind}", [FieldError("type", "is missing")]
            )
        now = self._clock()
        event = Event(id=0, type=event_type, resource=found, time_us=now, received_us=now, door="impact")
        # As if nothing were wrong yet: what stands already would hide who else depends on it.
        return self._told(event, decide(event, self._pipeline.policy, self._pipeline.map, State()))

    def _told(self, event: Event, decision: Decision) -> DryRun:
        told: dict[str, tuple[Subscription, int]] = {}
        for news, alarm in decision.verdict.alarms:
            if news is not News.CONFIRMED:
                for subscription in self._matcher.match(alarm):
                    told[subscription.id] = (subscription, told.get(subscription.id, (subscription, 0))[1] + 1)
        return DryRun(event=event, decision=decision, told=tuple(told.values()))

    async def replay_decisions(self, *, since_us: int | None, limit: int) -> Replay:
        """Make the recorded decisions again, from the first that is kept; compare those since ``since_us``."""
        compiled: dict[str, CompiledPolicy] = {}
        for row in await self._store.policies():
            full = await self._store.policy(row.name, row.version)
            if full is not None:
                policy = read_policy(full.text, version=row.version, extra_actions=self._extra_actions)
                compiled[policy.label] = CompiledPolicy(policy)
        base = await self._base()
        state = base.state()
        count = equal = 0
        different: list[Difference] = []
        async for body in each_decision(self._store, base.last):
            for event, recorded, again in replay([body], compiled.__getitem__, state):
                if since_us is not None and event.received_us < since_us:
                    continue
                count += 1
                if recorded == again:
                    equal += 1
                elif len(different) < 100:
                    different.append(Difference(event_id=event.id, recorded=recorded.decode(), replayed=again.decode()))
            if count >= limit:
                break
        return Replay(replayed=count, equal=equal, different=tuple(different))

    async def _base(self) -> Base:
        base = (await self._store.memory()).get(BASE)
        return msgspec.convert(base, Base) if base else Base()

    # Resources

    async def resources(self, query: StateQuery) -> list[ResourceStanding]:
        return await find(self._pipeline.map, self._pipeline.state, query)

    def resource(self, key: str, project: str | None) -> ResourceDetail:
        there = self._pipeline.map
        found = key if there.get(key) is not None else there.resolve(key)
        record = there.get(found) if found else None
        if found is None or record is None or (project is not None and record.project != project):
            raise NotFoundError("there is no such resource")
        related: dict[str, tuple[str, ...]] = {}
        owners = {record.project} - {""}
        for relation in sorted(INVERSE):
            keys = [
                other
                for other in there.related(found, relation)
                if project is None or project_of(other, there) == project
            ]
            if keys:
                related[relation] = tuple(keys)
                owners.update(owner for owner in (project_of(other, there) for other in keys) if owner)
        alarms = [self._pipeline.state.alarms[one] for one in self._pipeline.state.alarms_on.get(found, ())]
        return ResourceDetail(
            key=found,
            record=record,
            state=standing(found, record, self._pipeline.state, project),
            related=related,
            projects=tuple(sorted(owners)),
            alarms=tuple(alarm for alarm in alarms if may_see(alarm, project)),
        )

    def capacity(self, by: CapacityBy) -> list[Capacity]:
        return capacity(self._pipeline.map, self._pipeline.state, by=by, ratios=self._ratios)

    def simulation(self) -> SimulatedVim | None:
        return self._simulation

    async def health(self) -> Health:
        return await self._health()


async def active_record(store: Store) -> PolicyRecord | None:
    """The policy in force: the one that was activated last."""
    active = await store.policies(active_only=True)
    return max(active, key=lambda record: record.activated_us or 0, default=None)


async def put_in_force(store: Store, record: PolicyRecord) -> PolicyRecord:
    """Activate one; a policy of another name that was in force is so no more."""
    active = await store.activate_policy(record.name, record.version)
    for other in await store.policies(active_only=True):
        if other.name != record.name:
            await store.deactivate_policy(other.name)
    return active


async def each_decision(store: Store, after: int) -> AsyncIterator[bytes]:
    """Every recorded decision behind an event, as its bytes, in order."""
    while page := await store.decisions(after, 500):
        for _, body in page:
            yield body
        after = page[-1][0]


def _changed(decision: Decision, alarm_id: str) -> Alarm:
    for _, alarm in decision.verdict.alarms:
        if alarm.id == alarm_id:
            return alarm
    raise ConflictError("the alarm has changed meanwhile: look at it again")
