"""Keeping in step with the alarms: lists, changes and the stream, over the real store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from northbound_fakes import EVENT, NOW, PEOPLE, Client, alarm, make_world

from nfvigil.errors import UnknownCallerError
from nfvigil.model.alarm import Alarm, AlarmState, HistoryEntry
from nfvigil.model.change import Change
from nfvigil.model.severity import Severity
from nfvigil.model.verdict import Decision, News, Verdict
from nfvigil.northbound import alarm_stream
from nfvigil.northbound.alarm_stream import _Follower
from nfvigil.northbound.api import new_id
from nfvigil.northbound.auth import Guard, create_token
from nfvigil.northbound.feed import AlarmFeed
from nfvigil.northbound.places import Place
from nfvigil.store import Store, TokenRecord, open_store
from nfvigil.store.alarm_query import AlarmQuery

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite:///{tmp_path}/n.db", node="n", clock=lambda: NOW)
    yield store
    await store.close()


@pytest.fixture
async def ask(store: Store) -> Client:
    world = make_world()
    tokens = {}
    for name, (project, role) in PEOPLE.items():
        tokens[name], hashed = create_token()
        await store.add_token(TokenRecord(id=name, hash=hashed, name=name, project=project, role=role, created_us=NOW))
    client = Client(world.call.app, tokens)
    client.parts = replace(
        world.call.parts, store=store, guard=Guard(store=store, clock=lambda: NOW), clock=lambda: NOW, new_id=new_id
    )
    return client


async def put(store: Store, *some: Alarm, what: str = "raised") -> None:
    history = tuple(HistoryEntry(alarm_id=one.id, at_us=NOW, what=what) for one in some)
    await store.commit(Change(alarms=some, history=history))


def ended(one: Alarm) -> Alarm:
    return msgspec.structs.replace(one, state=AlarmState.CLEARED, cleared_us=NOW + 9)


A, B, HOST = alarm("a", "server/s-a", "A"), alarm("b", "server/s-b", "B"), alarm("h", "host/compute-1", "")


# Lists and changes


async def test_every_page_of_a_list_has_the_cursor_of_the_first(store: Store, ask: Client) -> None:
    await put(store, A, B, HOST)

    first = (await ask("GET", "/v1/alarms?limit=2")).json
    await put(store, ended(B), what="cleared")
    second = (await ask("GET", f"/v1/alarms?limit=2&marker={first['next']}")).json
    changes = (await ask("GET", f"/v1/alarms?changed_after={second['cursor']}")).json

    assert (len(first["items"]), first["more"], second["next"], second["more"]) == (2, True, None, False)
    assert first["generation"] == second["generation"] == changes["generation"]
    assert [(one["id"], one["state"]) for one in changes["items"]] == [("b", "cleared")]


async def test_a_cursor_tells_a_project_nothing_of_others(store: Store, ask: Client) -> None:
    await put(store, A)
    before = (await ask("GET", "/v1/alarms", by="member-a")).json["cursor"]
    same = (await ask("GET", "/v1/alarms", by="member-a")).json["cursor"]
    await put(store, B)
    after = (await ask("GET", "/v1/alarms", by="member-a")).json["cursor"]

    assert len({before, same, after}) == 3, "it changes each time, whether anything happened or not"
    assert (await ask("GET", f"/v1/alarms?changed_after={before}", by="member-a")).json["items"] == []
    stolen = await ask("GET", f"/v1/alarms?changed_after={before}", by="manager-b")
    assert stolen.status == 410


@pytest.mark.parametrize("where", ["changed_after={}", "marker={}/1/a"])
async def test_a_cursor_of_another_past_is_refused_with_what_to_do(store: Store, ask: Client, where: str) -> None:
    await put(store, A)
    cursor = (await ask("GET", "/v1/alarms")).json["cursor"]
    for wrong in ("0123456789ab" + cursor[12:], cursor[:13] + "A" * 64):
        answer = await ask("GET", "/v1/alarms?" + where.format(wrong))

        assert answer.status == 410
        assert answer.problem["detail"].startswith("resync")
        assert answer.problem["type"] == "/docs#problem-410"


async def test_who_may_have_missed_what_was_purged_is_told_to_begin_anew(store: Store, ask: Client) -> None:
    await put(store, A, B)
    cursors = {who: (await ask("GET", "/v1/alarms", by=who)).json["cursor"] for who in ("member-a", "manager-b")}
    await put(store, ended(A), what="cleared")
    await store.purge(NOW + 86_400_000_000)

    assert (await ask("GET", f"/v1/alarms?changed_after={cursors['member-a']}", by="member-a")).status == 410
    assert (await ask("GET", f"/v1/alarms?changed_after={cursors['manager-b']}", by="manager-b")).status == 200
    assert (await ask("GET", "/v1/alarms?changed_after=0", by="member-a")).status == 200


async def test_who_saw_how_it_ended_does_not_mind_that_it_is_purged(store: Store, ask: Client) -> None:
    await put(store, A)
    cursor = (await ask("GET", "/v1/alarms")).json["cursor"]
    await put(store, ended(A), what="cleared")
    cursor = (await ask("GET", f"/v1/alarms?changed_after={cursor}")).json["cursor"]
    await store.purge(NOW + 86_400_000_000)

    assert (await ask("GET", f"/v1/alarms?changed_after={cursor}")).status == 200


@pytest.mark.parametrize("more", ["state=open", "acked=false", "root_only=true", "marker=x"])
async def test_what_would_let_alarms_leave_unseen_does_not_go_with_changes(ask: Client, more: str) -> None:
    answer = await ask("GET", f"/v1/alarms?changed_after=0&{more}")

    assert answer.status == 400
    assert answer.problem["errors"][0]["field"] == more.partition("=")[0]


async def test_a_comment_is_a_change_too(store: Store, ask: Client) -> None:
    await put(store, A)
    cursor = (await ask("GET", "/v1/alarms")).json["cursor"]

    reader = ask.parts.feed.join("a", "A")

    assert (await ask("POST", "/v1/alarms/a/comments", {"text": "on it"})).status == 201

    async with asyncio.timeout(5):
        await reader.wait(60)
    assert [one["id"] for one in (await ask("GET", f"/v1/alarms?changed_after={cursor}")).json["items"]] == ["a"]


# The stream


class Stream:
    """A request that stays open, and what came of it."""

    def __init__(self, ask: Client, address: str, by: str, **headers: str) -> None:
        path, _, query = address.partition("?")
        sent = {"x-auth-token": ask.tokens[by], **headers}
        self._scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in sent.items()],
            "server": ("localhost", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        ask.app.state.parts = ask.parts
        self._left = asyncio.Event()
        self._is_asked = False
        self.status = 0
        self.text = ""
        self.is_over = False
        self._news = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._task = asyncio.create_task(ask.app(self._scope, self._receive, self._send))

    async def _receive(self) -> Any:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.may_read.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message.get("body", b"").decode()
            self.is_over = not message.get("more_body", False)
        self._news.set()

    async def until(self, fits: Callable[..., bool]) -> None:
        async with asyncio.timeout(10):
            while not fits(self):
                self._news.clear()
                await self._news.wait()

    @property
    def events(self) -> list[tuple[str, str, Any]]:
        """(event, id, data)"""
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in fields:
                found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
        return found

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event, data["alarm"]["id"]) for event, _, data in self.events if "alarm" in data]

    @property
    def last_id(self) -> str:
        return [line for line in self.text.splitlines() if line.startswith("id: ")][-1][4:]

    async def leave(self) -> None:
        self._left.set()
        await asyncio.wait_for(self._task, 10)


def open_stream(ask: Client, address: str = "/v1/alarms/stream", by: str = "admin", **headers: str) -> Stream:
    return Stream(ask, address, by, **headers)


async def test_a_stream_tells_a_project_what_happens_to_its_own(store: Store, ask: Client) -> None:
    stream = open_stream(ask, by="member-a")
    await stream.until(lambda one: "id: " in one.text)

    for number, (changes, what) in enumerate((((A, B, HOST), "raised"), ((ended(A), ended(B)), "cleared")), start=1):
        await put(store, *changes, what=what)
        ask.parts.feed.hint(["A", "B", ""])
        await stream.until(lambda one, number=number: len(one.told) == number)

    assert stream.told == [("raised", "a"), ("cleared", "a")]
    assert "compute-1" not in stream.text
    await stream.leave()
    assert len(ask.parts.feed) == 0


async def test_a_stream_goes_on_where_it_ended(store: Store, ask: Client) -> None:
    await put(store, A)
    first = open_stream(ask, "/v1/alarms/stream?after=0")
    await first.until(lambda one: len(one.told) == 1)
    await first.leave()
    await put(store, B)

    second = open_stream(ask, last_event_id=first.last_id)
    await second.until(lambda one: len(one.told) == 1)

    assert second.told == [("raised", "b")]
    await second.leave()


async def test_a_slow_reader_misses_no_alarm_and_holds_up_nobody(store: Store, ask: Client) -> None:
    slow, quick = open_stream(ask), open_stream(ask)
    await slow.until(lambda one: "id: " in one.text)
    await quick.until(lambda one: "id: " in one.text)
    slow.may_read.clear()
    for start in range(0, 240, 20):
        await put(store, *(alarm(f"n{number}", f"server/{number}", "A") for number in range(start, start + 20)))
        ask.parts.feed.hint(["A"])
    await quick.until(lambda one: len(one.told) == 240)

    slow.may_read.set()
    await slow.until(lambda one: len(one.told) >= 240)

    assert [name for _, name in slow.told] == [f"n{number}" for number in range(240)]
    await slow.leave()
    await quick.leave()


async def test_a_stream_has_the_filters_of_the_list(store: Store, ask: Client) -> None:
    stream = open_stream(ask, "/v1/alarms/stream?after=0&min_severity=major&resource_type=server&project=A")
    minor = alarm("m", "server/s-a", "A", severity=Severity.MINOR)
    await put(store, minor, A, B, HOST)
    ask.parts.feed.hint(["A"])
    await stream.until(lambda one: len(one.told) == 1)

    await put(store, msgspec.structs.replace(A, severity=Severity.WARNING), what="changed")
    ask.parts.feed.hint(["A"])
    await stream.until(lambda one: len(one.told) == 2)

    assert stream.told == [("raised", "a"), ("changed", "a")], "who heard that it was severe hears that it is no more"
    await stream.leave()


async def test_a_stream_ends_when_its_token_does(store: Store, ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_stream, "LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(alarm_stream, "KEEP_ALIVE_SECONDS", 0.1)
    stream = open_stream(ask, by="reader-a")
    await stream.until(lambda one: ": keep-alive" in one.text)
    assert not stream.is_over

    async def revoked(request: Any) -> Any:
        raise UnknownCallerError("the token is not valid")

    object.__setattr__(ask.parts, "guard", revoked)
    await stream.until(lambda one: one.is_over)

    assert stream.events[-1][0] == "end"
    await stream.leave()


async def test_streams_have_a_bound_for_each_caller_and_for_all(ask: Client) -> None:
    object.__setattr__(ask.parts, "feed", AlarmFeed(readers_max=2, per_caller_max=1))
    one, other = open_stream(ask, by="member-a"), open_stream(ask, by="admin")
    await one.until(lambda stream: "id: " in stream.text)
    await other.until(lambda stream: "id: " in stream.text)

    for again in (open_stream(ask, by="member-a"), open_stream(ask, by="manager-b")):
        await again.until(lambda stream: stream.is_over)
        assert again.status == 503

    await one.leave()
    third = open_stream(ask, by="manager-b")
    await third.until(lambda stream: "id: " in stream.text)
    await third.leave()
    await other.leave()


async def test_a_stream_of_another_past_is_refused_and_one_that_is_overtaken_ends(store: Store, ask: Client) -> None:
    await put(store, A)
    cursor = (await ask("GET", "/v1/alarms")).json["cursor"]
    refused = open_stream(ask, f"/v1/alarms/stream?after=0123456789ab{cursor[12:]}")
    await refused.until(lambda one: one.is_over)
    assert refused.status == 410

    await put(store, ended(A), what="cleared")
    await store.purge(NOW + 86_400_000_000)
    late = open_stream(ask, f"/v1/alarms/stream?after={cursor}")
    await late.until(lambda one: one.is_over)
    assert late.status == 410


async def test_an_open_stream_that_a_purge_overtakes_says_so_and_ends(store: Store, ask: Client) -> None:
    await put(store, A)
    stream = open_stream(ask, "/v1/alarms/stream?after=0")
    await stream.until(lambda one: one.told == [("raised", "a")])

    await put(store, ended(A), what="cleared")
    await store.purge(NOW + 86_400_000_000)
    ask.parts.feed.hint(["A"])

    await stream.until(lambda one: one.is_over)
    assert [event for event, _, _ in stream.events] == ["raised", "resync"]
    await stream.leave()


@pytest.mark.parametrize("told", ["alarms", "silent"])
async def test_what_is_decided_wakes_its_readers_at_once(told: str) -> None:
    feed = AlarmFeed()
    mine, theirs = feed.join("a", "A"), feed.join("b", "B")
    alarms: dict[str, Any] = {told: ((News.RAISED, A),) if told == "alarms" else (A,)}

    feed.decided([Decision(event=EVENT, verdict=Verdict(event_id=7, **alarms))])

    async with asyncio.timeout(5):
        await mine.wait(60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await theirs.wait(60)


async def test_when_the_service_ends_so_do_its_streams(ask: Client) -> None:
    object.__setattr__(ask.parts, "feed", AlarmFeed())
    stream = open_stream(ask)
    await stream.until(lambda one: "id: " in one.text)

    ask.parts.feed.close()

    await stream.until(lambda one: one.is_over)
    late = open_stream(ask)
    await late.until(lambda one: one.is_over)
    assert late.status == 503


async def test_a_reader_that_goes_cuts_off_no_look_into_the_database() -> None:
    goes_on, feed, seen = asyncio.Event(), AlarmFeed(), []

    async def look(query: AlarmQuery) -> None:
        await goes_on.wait()
        seen.append(query)

    parts: Any = SimpleNamespace(store=SimpleNamespace(alarm_changes=look), feed=feed)
    nobody: Any = None
    follower = _Follower(parts, nobody, nobody, AlarmQuery(project="A"), Place(0, 0), feed.join("a", "A"))
    looking = asyncio.create_task(follower._look())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    goes_on.set()
    async with asyncio.timeout(5), feed.looking, feed.looking:
        assert len(seen) == 1


async def test_head_of_a_stream_ends_at_once(ask: Client) -> None:
    answer = await ask("HEAD", "/v1/alarms/stream", is_described=False)

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert len(ask.parts.feed) == 0
