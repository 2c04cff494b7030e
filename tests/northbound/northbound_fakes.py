"""A desk and a store of a few lines, and a client that checks each answer against the API's own description."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jsonschema import Draft202012Validator
from northbound_aodh import FakeAlarming
from northbound_credentials import make_credentials
from northbound_o2ims import make_o2ims
from northbound_recovery import FakeRecovery
from northbound_ves import FakeVes
from northbound_vims import FakeVims
from northbound_vnfs import Callbacks, vnf_parts

from nfvigil.controller.vims.failure import HEALTHY, Failure
from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.inspector.standing import StateQuery
from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm, AlarmState, Audience, HistoryEntry
from nfvigil.model.answers import (
    Amount,
    Capacity,
    CapacityBy,
    Demand,
    Difference,
    DryRun,
    FreeHost,
    Health,
    Replay,
    ResourceDetail,
    ResourceStanding,
)
from nfvigil.model.audit import AuditQuery, AuditRecord
from nfvigil.model.change import Change
from nfvigil.model.checkpoints import Checkpoint, Profile
from nfvigil.model.event import Event
from nfvigil.model.fault import Assertion, Fault
from nfvigil.model.identity import Role
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.resource import Host, Record, ResourceState, Server, split_key
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import Decision, News, Reason, Step, Verdict
from nfvigil.northbound.api import create_api, new_id
from nfvigil.northbound.auth import Guard, create_token
from nfvigil.northbound.event_doors import event_paths
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.openapi import describe
from nfvigil.northbound.parts import Parts
from nfvigil.store.alarm_query import AlarmQuery
from nfvigil.store.alarm_records import AlarmChanges, AlarmPage
from nfvigil.store.follow_records import Run
from nfvigil.store.instance_ha_records import HaCase
from nfvigil.store.records import PolicyRecord, TokenRecord
from nfvigil.store.requests import RequestRecord

NOW = 1_700_000_000_000_000
POLICY = "name: test\n"
RUN = Run(name="0000aaaa", generation="0123456789ab", key=b"k" * 16, began_change=0)

SERVER_A = Server(id="s-a", name="vm-a", vim="cloud", project="A", host="compute-1")
SERVER_B = Server(id="s-b", name="vm-b", vim="cloud", project="B", host="compute-1")
HOST = Host(id="compute-1", name="compute-1", vim="cloud", zone="nova")
RECORDS: dict[str, Record] = {"server/s-a": SERVER_A, "server/s-b": SERVER_B, "host/compute-1": HOST}

EVENT = Event(id=7, type="compute.host.down", resource="host/compute-1", time_us=NOW, received_us=NOW + 1000)


def alarm(id: str, resource: str, project: str, **more: Any) -> Alarm:
    values: dict[str, Any] = {
        "fault_type": "compute.instance.error",
        "severity": Severity.CRITICAL,
        "event_id": 7,
        "event_us": NOW,
        "raised_us": NOW + 2000,
        "root": "host-alarm",
        "parent": "host-alarm",
        "vim": "cloud",
        "rule": "host_down",
        "policy": "test@1",
        "text": "it is down",
    }
    return Alarm(id=id, resource=resource, project=project, **values | more)


def first_alarms() -> dict[str, Alarm]:
    host = alarm(
        "host-alarm", "host/compute-1", "", root="host-alarm", parent="", fault="f-1", fault_type="compute.host.down"
    )
    old = alarm("old", "server/s-a", "A", state=AlarmState.CLEARED, cleared_us=NOW + 5000, raised_us=NOW)
    secret = alarm("for-admin", "server/s-a", "A", audience=Audience.ADMIN, raised_us=NOW + 100)
    every = [host, alarm("a-1", "server/s-a", "A"), alarm("b-1", "server/s-b", "B"), old, secret]
    return {one.id: one for one in every}


FAULT = Fault(
    id="f-1",
    type="compute.host.down",
    resource="host/compute-1",
    rule="host_down",
    event_id=7,
    raised_us=NOW,
    assertions=(Assertion(event_id=7, event_type="compute.host.down", resource="host/compute-1", time_us=NOW),),
)
PROFILE = Profile(
    fault="f-1",
    type="compute.host.down",
    resource="host/compute-1",
    event_id=7,
    received_us=NOW + 1000,
    checkpoints={
        Checkpoint.DETECTED: NOW,
        Checkpoint.AFFECTED_FOUND: NOW + 2000,
        Checkpoint.VIM_TOLD: NOW + 50_000,
        Checkpoint.RECEIVED: NOW + 8000,
    },
    notified=1,
    acted=2,
)


def action(id: str, target: str, project: str, alarm_id: str) -> Action:
    return Action(
        id=id, kind="server_error", target=target, vim="cloud", project=project, event_id=7, alarm_id=alarm_id,
        before="ACTIVE", planned_us=NOW + 2000, params={"host": "compute-1"}, result="compute-1 said so",
    )  # fmt: skip


DECISION = Decision(
    event=EVENT,
    verdict=Verdict(
        event_id=7,
        policy="test@1",
        steps=(Step(rule="host_down", reason=Reason.RAISED, resource="host/compute-1"),),
        alarms=((News.RAISED, first_alarms()["a-1"]), (News.RAISED, first_alarms()["b-1"])),
        actions=(action("x-a", "server/s-a", "A", "a-1"),),
    ),
    entries={"host/compute-1": HOST},
    decided_us=NOW + 2000,
)


CAPACITY = {
    CapacityBy.ZONE: [
        Capacity(
            vim=vim,
            name=zone,
            hosts=3,
            hosts_usable=1,
            hosts_lost=1,
            vcpus=Amount(total=16, used=4, left=12),
            memory_mb=Amount(total=64_000, used=8_000, left=56_000),
            largest=FreeHost("compute-1", 12, 56_000),
            without_host=Demand(servers=2, vcpus=8, memory_mb=16_000),
        )
        for vim, zone in (("cloud", ""), ("cloud", "nova"), ("cloud-2", "nova"))
    ],
    CapacityBy.AGGREGATE: [],
    CapacityBy.VIM: [Capacity(vim="cloud", name="", hosts=1, hosts_usable=1, hosts_unsized=1, servers_unsized=3)],
}


@dataclass
class FakeStore:
    kept: dict[str, Alarm] = field(default_factory=first_alarms)
    entries: list[HistoryEntry] = field(default_factory=list)
    subscribed: dict[str, Subscription] = field(default_factory=dict)
    tokens: dict[str, TokenRecord] = field(default_factory=dict)
    asked_for_tokens: int = 0
    requests: dict[str, RequestRecord] = field(default_factory=dict)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    ha_kept: list[HaCase] = field(default_factory=list)
    texts: list[PolicyRecord] = field(
        default_factory=lambda: [PolicyRecord(name="test", version=1, text=POLICY, activated_us=NOW)]
    )
    done: list[Action] = field(
        default_factory=lambda: [
            action("x-a", "server/s-a", "A", "a-1"),
            action("x-b", "server/s-b", "B", "b-1"),
            action("x-h", "host/compute-1", "", "host-alarm"),
        ]
    )

    async def find_token(self, hash: str) -> TokenRecord | None:
        self.asked_for_tokens += 1
        return self.tokens.get(hash)

    def _sees(self, one: Alarm, project: str | None) -> bool:
        return project is None or (one.project == project != "" and one.audience is Audience.OWNERS)

    async def alarms(self, query: AlarmQuery) -> list[Alarm]:
        found = [
            one
            for one in sorted(self.kept.values(), key=lambda one: (-one.raised_us, one.id))
            if self._sees(one, query.project)
            and (query.of_project is None or one.project == query.of_project)
            and (not query.open_only or one.is_open)
            and (not query.states or one.state in query.states)
            and (not query.resource_kinds or split_key(one.resource)[0] in query.resource_kinds)
            and (not query.vnfs or one.vnf in query.vnfs)
            and (one.vnf or not query.only_vnfs)
        ]
        ids = [one.id for one in found]
        start = ids.index(query.marker) + 1 if query.marker in ids else 0
        return found[start : start + query.limit]

    async def alarm_changes(self, query: AlarmQuery) -> AlarmChanges:
        since = query.since_change or 0
        found = [one for one in list(self.kept.values())[since:] if self._sees(one, query.project)]
        numbers = tuple(range(since + 1, since + 1 + len(found)))
        last = max(since, len(self.kept))
        return AlarmChanges(last, tuple(found), numbers, ("changed",) * len(found), False, last)

    async def alarm_page(self, query: AlarmQuery) -> AlarmPage:
        found = [
            one
            for one in await self.alarms(msgspec.structs.replace(query, limit=1_000_000))
            if query.place is None or (-one.raised_us, one.id) > (-query.place[0], query.place[1])
        ][: query.limit]
        following = (found[-1].raised_us, found[-1].id) if len(found) == query.limit else None
        return AlarmPage(tuple(found), following, len(self.kept))

    async def last_change(self) -> int:
        return len(self.kept)

    async def runs(self) -> tuple[Run, ...]:
        return (RUN,)

    async def comment(self, entry: HistoryEntry) -> None:
        self.entries.append(entry)

    async def begin_request(self, key: str, content: str) -> RequestRecord | None:
        before = self.requests.get(key)
        if before is None:
            self.requests[key] = RequestRecord(content=content, status=None, answer=b"")
        return before

    async def end_request(self, key: str, status: int, answer: bytes) -> None:
        self.requests[key] = msgspec.structs.replace(self.requests[key], status=status, answer=answer)

    async def forget_request(self, key: str) -> None:
        self.requests.pop(key, None)

    async def alarm(self, alarm_id: str, project: str | None) -> Alarm | None:
        found = self.kept.get(alarm_id)
        return found if found is not None and self._sees(found, project) else None

    async def history(self, alarm_id: str) -> list[HistoryEntry]:
        raised = HistoryEntry(alarm_id=alarm_id, at_us=NOW, what="raised", by="compute-1-bmc", event_id=7)
        return [raised, *(entry for entry in self.entries if entry.alarm_id == alarm_id)]

    async def faults(self, *, standing_only: bool = False, marker: str | None = None, limit: int = 100) -> list[Fault]:
        return [FAULT] if marker is None else []

    async def fault(self, fault_id: str) -> Fault | None:
        return FAULT if fault_id == FAULT.id else None

    async def event(self, event_id: int) -> Event | None:
        return EVENT if event_id == EVENT.id else None

    async def events(self, *, after: int = 0, **asked: Any) -> list[Event]:
        return [EVENT] if after < EVENT.id else []

    async def decision(self, event_id: int) -> Decision | None:
        return DECISION if event_id == EVENT.id else None

    async def owned_alarms(self, project: str, alarm_ids: Collection[str]) -> Collection[str]:
        return {one.id for one in self.kept.values() if one.project == project and one.id in alarm_ids}

    async def actions(self, *, project: str | None, **asked: Any) -> list[Action]:
        return [
            one
            for one in self.done
            if (project is None or one.project == project != "")
            and all(getattr(one, name) == asked[name] for name in ("event_id", "alarm_id", "state") if asked.get(name))
        ]

    async def subscriptions(self, project: str | None = None, **page: Any) -> list[Subscription]:
        return [one for one in self.subscribed.values() if project is None or one.project == project != ""]

    async def subscription(self, subscription_id: str, project: str | None = None) -> Subscription | None:
        found = self.subscribed.get(subscription_id)
        return found if found is not None and (project is None or found.project == project != "") else None

    async def deliveries(self, subscription_id: str, **asked: Any) -> list[Delivery]:
        return [Delivery(id="d-1", notification="n-1", subscription=subscription_id, endpoint="e-1", seq=1)]

    async def deliveries_of(self, project: str | None, **asked: Any) -> list[Delivery]:
        owned = await self.subscriptions(project)
        return [one for own in owned for one in await self.deliveries(own.id)] if asked["after"] is None else []

    async def delivery(self, subscription_id: str, seq: int, part: int, endpoint: str) -> Delivery | None:
        if endpoint != "e-1" or seq > 2:
            return None
        return Delivery(id="d-1", notification="n-1", subscription=subscription_id, endpoint="e-1", seq=seq)

    async def deliveries_of_event(self, event_id: int, limit: int = 1000) -> list[Delivery]:
        return await self.deliveries("somebody")

    async def profile(self, fault_id: str) -> Profile | None:
        return PROFILE if fault_id == PROFILE.fault else None

    async def profiles(self, **asked: Any) -> list[Profile]:
        return [PROFILE]

    async def policies(self) -> list[PolicyRecord]:
        return self.texts

    async def policy(self, name: str, version: int | None = None) -> PolicyRecord | None:
        fits = [one for one in self.texts if one.name == name and version in (None, one.version)]
        return fits[-1] if fits else None

    async def ha_notifications(self, *, before: int = 0, since_us: int | None = None, limit: int = 100) -> list[Event]:
        found = [case.record for case in self.ha_kept if not before or case.record.id < before]
        return sorted(found, key=lambda one: -one.id)[:limit]

    async def ha_notification(self, uuid: str) -> Event | None:
        return next((case.record for case in self.ha_kept if case.record.monitor_event_id == uuid), None)

    async def ha_cases(self, records: Sequence[Event]) -> list[HaCase]:
        return [case for record in records for case in self.ha_kept if case.record.id == record.id]

    async def audit(self, who: str, what: str, target: str = "", text: str = "") -> None:
        self.notes.append((who, what, target))

    async def audit_log(self, query: AuditQuery) -> list[AuditRecord]:
        line = AuditRecord(id=1, at_us=NOW, who="ann", what="hold", target="vim/lab", rule="nfvigil:brakes:hold")
        return [line] if query.before is None else []

    async def commit(self, change: Change) -> None:
        self.entries.extend(change.history)


@dataclass
class FakeCloud:
    failure: Failure = HEALTHY
    edits: list[dict[str, Any]] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        return {
            "name": "cloud", "driver": "simulated", "counts": {"hosts": 1}, "projects": {"A": "A"},
            "failure": msgspec.to_builtins(self.failure), "powered_off": [],
        }  # fmt: skip

    def inject(self, failure: Failure) -> None:
        self.failure = failure

    def heal(self) -> None:
        self.failure = HEALTHY

    def power(self, host: str, on: bool) -> bool:
        if host != "compute-1":
            raise NotFoundError("there is no such host")
        return True

    def edit(self, **wishes: Any) -> None:
        self.edits.append(wishes)


@dataclass
class FakeDesk:
    store: FakeStore
    cloud: FakeCloud | None = field(default_factory=FakeCloud)
    health_now: Health = field(default_factory=lambda: Health(ready=True))
    told: list[tuple[str, list[str]]] = field(default_factory=list)

    async def acknowledge(self, alarm_id: str, *, by: str, project: str | None, acked: bool) -> Alarm:
        found = self.store.kept[alarm_id]
        if not found.is_open:
            raise ConflictError("the alarm is cleared")
        changed = msgspec.structs.replace(found, acked_us=NOW if acked else None, acked_by=by if acked else "")
        self.store.kept[alarm_id] = changed
        return changed

    async def clear(self, alarm_id: str, *, by: str) -> Alarm:
        found = self.store.kept[alarm_id]
        if found.parent:
            raise ConflictError("it only follows from another", [FieldError("root_cause_id", found.root)])
        self.store.kept[alarm_id] = msgspec.structs.replace(found, state=AlarmState.CLEARED, cleared_us=NOW)
        return self.store.kept[alarm_id]

    async def subscribe(self, subscription: Subscription) -> list[Alarm]:
        self.store.subscribed[subscription.id] = subscription
        return [one for one in self.store.kept.values() if subscription.project in ("", one.project) and one.is_open]

    def owned(self, owner: str, project: str | None) -> list[Subscription]:
        found = [one for one in self.store.subscribed.values() if one.owner == owner]
        return [one for one in sorted(found, key=lambda one: one.id) if project is None or one.project == project]

    async def unsubscribe(self, subscription_id: str) -> None:
        self.store.subscribed.pop(subscription_id, None)

    async def pause(self, subscription_id: str, paused: bool) -> None:
        found = self.store.subscribed[subscription_id]
        self.store.subscribed[subscription_id] = msgspec.structs.replace(found, paused=paused)

    async def test(self, subscription_id: str) -> Notification:
        return Notification(id="n-9", subscription=subscription_id, seq=9, news=News.TEST, created_us=NOW)

    async def tell(self, subscription_id: str, alarms: Sequence[Alarm]) -> None:
        self.told.append((subscription_id, [alarm.id for alarm in alarms]))

    async def replay(self, subscription_id: str, after_seq: int) -> int:
        return 3

    def channels(self) -> Sequence[str]:
        return ("aodh", "doctor", "signed")

    def check_endpoint(self, url: str) -> None:
        if "169.254" in url:
            raise RefusedError("nothing is sent there", [FieldError("url", "is link-local")])

    async def apply_policy(self, text: str, *, by: str) -> PolicyRecord:
        if errors := self.lint(text):
            raise RefusedError("the policy is wrong", errors)
        policy = PolicyRecord(name="test", version=len(self.store.texts) + 1, text=text, activated_us=NOW)
        self.store.texts.append(policy)
        return policy

    async def roll_back(self, name: str, version: int | None, *, by: str) -> PolicyRecord:
        found = await self.store.policy(name, version)
        if found is None:
            raise NotFoundError("there is no earlier version")
        return found

    def lint(self, text: str) -> list[FieldError]:
        return [] if "name" in text else [FieldError("name", "is missing", 1)]

    def active_policy(self) -> PolicyRecord:
        return self.store.texts[-1]

    async def dry_run(self, text: str | None, event: Event | None, **asked: Any) -> list[DryRun]:
        return [self.impact("host/compute-1", None)]

    def impact(self, key: str, event_type: str | None) -> DryRun:
        if key not in RECORDS:
            raise NotFoundError("there is no such resource")
        subscriber = Subscription(id="s-1", project="A", name="vnfm")
        return DryRun(event=EVENT, decision=DECISION, told=((subscriber, 1),))

    async def replay_decisions(self, *, since_us: int | None, limit: int) -> Replay:
        return Replay(replayed=2, equal=1, different=(Difference(event_id=7, recorded="{}", replayed="[]"),))

    async def resources(self, query: StateQuery) -> list[ResourceStanding]:
        return [
            ResourceStanding(key=key, record=record, state=ResourceState.NORMAL, zone="nova")
            for key, record in sorted(RECORDS.items())
            if key.split("/")[0] in query.kinds
            and key > query.after
            and (query.project is None or record.project == query.project != "")
            and (not query.ids or record.id in query.ids)
            and (not query.states or ResourceState.NORMAL in query.states)
            and (not query.vims or record.vim in query.vims)
            and (not query.zones or "nova" in query.zones)
        ][: query.limit]

    def subscribed(self, subscription: Subscription, after: str, limit: int) -> list[ResourceStanding]:
        return [
            ResourceStanding(key=key, record=record, state=ResourceState.DOWN)
            for key, record in sorted(RECORDS.items())
            if key > after and record.id in subscription.filter.resource_ids
        ][:limit]

    async def change_subscription(self, was: Subscription, becomes: Subscription) -> list[Alarm]:
        if self.store.subscribed[was.id] != was:
            raise ConflictError("it was changed meanwhile")
        return await self.subscribe(becomes)

    async def send_again(self, delivery: Delivery) -> None:
        if delivery.seq == 2:
            raise ConflictError("it was not given up")

    def resource(self, key: str, project: str | None) -> ResourceDetail:
        record = RECORDS.get(key)
        if record is None or (project is not None and record.project != project):
            raise NotFoundError("there is no such resource")
        return ResourceDetail(
            key=key,
            record=record,
            related={"hosting": ("host/compute-1",), "peers": ("server/s-c",)},
            projects=("A", "B") if project is None else (project,),
            alarms=tuple(one for one in self.store.kept.values() if one.resource == key and one.is_open),
        )

    def capacity(self, by: CapacityBy) -> list[Capacity]:
        return CAPACITY[by]

    def simulation(self) -> FakeCloud | None:
        return self.cloud

    async def health(self) -> Health:
        return self.health_now


class Bug(Exception):
    """What a test breaks the app with."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> Any:
        assert self.headers["content-type"] == "application/problem+json", self.body
        return self.json


class Client:
    """Calls the app in its own event loop, and holds each answer against the description."""

    def __init__(self, app: Any, tokens: Mapping[str, str]) -> None:
        self.app = app
        self.tokens = tokens
        self.parts = app.state.parts

    async def __call__(
        self,
        method: str,
        address: str,
        body: Any = None,
        *,
        by: str | None = "admin",
        headers: Mapping[str, str] | None = None,
        is_described: bool = True,
    ) -> Answer:
        self.app.state.parts = self.parts
        sent = {"x-auth-token": self.tokens[by]} if by else {}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if content:
            sent["content-type"] = "application/json"
        answer = await call(
            self.app, method, address, content, {**sent, **{k.lower(): v for k, v in (headers or {}).items()}}
        )
        if is_described:
            await self._check(method, urlsplit(address).path, answer)
        return answer

    async def _check(self, method: str, path: str, answer: Answer) -> None:
        document = described(self.app)
        operation = _operation(document, method.lower(), path)
        declared = operation["responses"].get(str(answer.status)) or operation["responses"]["default"]
        content = declared.get("content", {})
        media = answer.headers.get("content-type", "").partition(";")[0]
        if not answer.body:
            assert not content, f"{method} {path}: {answer.status} declares a body"
            return
        assert media in content, f"{method} {path}: {answer.status} {media} is not declared"
        if media.endswith("json"):
            schema = {**content[media]["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(answer.json)


def described(app: Any) -> dict[str, Any]:
    """Made once for apps of the same routes: it takes longer than a whole test."""
    routes = tuple((id(getattr(route, "original_router", None)), getattr(route, "path", "")) for route in app.routes)
    if routes not in _DESCRIBED:
        _DESCRIBED[routes] = (app, describe(app, event_paths()))
    return _DESCRIBED[routes][1]


_DESCRIBED: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
"""By what they are made of, each with an app that keeps that alive."""


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", template))


def _operation(document: Mapping[str, Any], method: str, path: str) -> Any:
    fits = [
        template
        for template in document["paths"]
        if _pattern(template).fullmatch(path) and method in document["paths"][template]
    ]
    assert fits, f"{method} {path} is not described"
    return document["paths"][min(fits, key=lambda template: template.count("{"))][method]


async def call(app: Any, method: str, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(address)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()], "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    chunks = [body[start : start + 65536] for start in range(0, len(body), 65536)] or [b""]
    sent: list[Any] = []

    async def receive() -> Any:
        if not chunks:
            await asyncio.Event().wait()  # the caller stays on the line
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    # A server logs what the app could not handle itself; the answer was sent all the same.
    with suppress(Bug):
        await app(scope, receive, send)
    names = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return Answer(sent[0]["status"], names, b"".join(one.get("body", b"") for one in sent[1:]))


PEOPLE = {
    "admin": (None, Role.ADMIN),
    "reader-a": ("A", Role.READER),
    "member-a": ("A", Role.MEMBER),
    "manager-b": ("B", Role.MANAGER),
    "member-nowhere": (None, Role.MEMBER),
    "scraper": (None, Role.READER),
    "monitor": (None, Role.MONITOR),
}


@dataclass
class World:
    store: FakeStore
    desk: FakeDesk
    recovery: FakeRecovery
    vims: FakeVims
    guard: Guard
    metrics: Metrics
    call: Client
    now: list[int]
    callbacks: Callbacks


def read_event(body: bytes) -> Event:
    sent = msgspec.json.decode(body)
    if "type" not in sent:
        raise RefusedError("the event is wrong", [FieldError("type", "is missing")])
    return EVENT


@lru_cache
def _shared_app() -> Any:
    store = FakeStore()
    return create_api(
        desk=FakeDesk(store),
        recovery=FakeRecovery(RECORDS),
        vims=FakeVims(),
        credentials=make_credentials(store.tokens, lambda: NOW),
        store=store,
        guard=Guard(store=store, clock=lambda: NOW),
        clock=lambda: NOW,
        metrics=Metrics(),
        read_event=read_event,
        o2ims=make_o2ims(FakeDesk(store)),
        vnf=vnf_parts(RECORDS, [NOW]),
    )


def make_world(*, dev: bool = False, **more: Any) -> World:
    now = [NOW]
    callbacks = Callbacks()
    store = FakeStore()
    tokens = {}
    for name, (project, role) in PEOPLE.items():
        token, hashed = create_token()
        tokens[name] = token
        store.tokens[hashed] = TokenRecord(id=name, hash=hashed, name=name, project=project, role=role, created_us=NOW)
    guard = Guard(store=store, clock=lambda: now[0], dev=dev)
    desk = FakeDesk(store)
    vims = FakeVims()
    metrics = Metrics()
    recovery = FakeRecovery(RECORDS)
    parts: dict[str, Any] = {
        "desk": desk,
        "recovery": recovery,
        "vims": vims,
        "credentials": make_credentials(store.tokens, lambda: now[0], guard.forget),
        "store": store,
        "guard": guard,
        "clock": lambda: now[0],
        "metrics": metrics,
        "read_event": read_event,
        "o2ims": make_o2ims(desk),
        "alarming": FakeAlarming(NOW),
        "vnf": vnf_parts(RECORDS, now, callbacks),
        "ves": FakeVes(),
    }
    if more:
        app = create_api(**parts, **more)
    else:
        # To make an app takes a quarter of a second: the tests share one, each with parts of its own.
        app = _shared_app()
        app.state.parts = Parts(**parts, new_id=new_id)
    return World(
        store=store,
        desk=desk,
        recovery=recovery,
        vims=vims,
        guard=guard,
        metrics=metrics,
        call=Client(app, tokens),
        now=now,
        callbacks=callbacks,
    )
