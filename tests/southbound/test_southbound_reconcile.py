"""What Alertmanager has, against what we know of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from monitoring_messages import NOW_US, alert

from nfvigil.errors import UnavailableError
from nfvigil.model.event import Event, Receipt
from nfvigil.model.fault import Assertion, Fault
from nfvigil.model.ids import EventIds, event_id_at
from nfvigil.model.raw import Item
from nfvigil.southbound.alertmanager_api import AlertmanagerApi, Listing
from nfvigil.southbound.formats.alertmanager import AlertmanagerFormat
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.reconcile import UNREACHABLE, Reconciler

MINUTE = 60_000_000
MONITOR = "alertmanager/nfvi/{}"


def listed(fingerprint: str = "1a", state: str = "active", receiver: str = "nfvi", **more: Any) -> dict[str, Any]:
    """An alert as the API has it."""
    return alert(fingerprint=fingerprint) | {"status": {"state": state}, "receivers": [{"name": receiver}]} | more


class Site:
    """A reconciler beside an inspector of five lines: every fault stands until its monitor takes it back."""

    def __init__(self) -> None:
        self.us = NOW_US
        self.answer: Listing | None = Listing(alerts=[], since_us=NOW_US - 60 * MINUTE)
        self.faults: dict[tuple[str, str, str], Fault] = {}
        self.events: list[Event] = []
        self.counts: list[tuple[str, int]] = []
        self._intake = Intake(keep=self._keep, ids=EventIds(self.clock), clock=self.clock, zone=UTC)
        self.reconciler = self.new()

    def new(self) -> Reconciler:
        return Reconciler(
            form=AlertmanagerFormat(receiver="nfvi", api_url="http://x"),
            source=self,
            take=self._take,
            faults=lambda: list(self.faults.values()),
            clock=self.clock,
            count=lambda door, word, number: self.counts.append((word, number)),
        )

    def clock(self) -> int:
        return self.us

    async def listing(self) -> Listing:
        if self.answer is None:
            raise UnavailableError("it does not answer")
        return self.answer

    async def _take(self, items: Sequence[Item], door: str) -> Sequence[Receipt]:
        return await self._intake.take(items, door)

    async def _keep(self, events: Sequence[Event]) -> None:
        self.events.extend(events)
        for event in events:
            key = (event.type, event.resource, event.monitor)
            if event.is_clear:
                self.faults.pop(key, None)
                continue
            word = Assertion(event_id=event.id, event_type=event.type, resource=event.resource, monitor=event.monitor)
            self.faults[key] = Fault(
                id="f",
                type=event.type,
                resource=event.resource,
                rule="r",
                event_id=event.id,
                raised_us=0,
                assertions=(word,),
            )

    def knows(self, fingerprint: str, receiver: str = "nfvi", at_us: int = NOW_US - 10 * MINUTE) -> None:
        monitor = f"alertmanager/{receiver}/{fingerprint}"
        word = Assertion(event_id=event_id_at(at_us), event_type="prometheus.X", resource="host/c", monitor=monitor)
        self.faults["prometheus.X", "host/c", monitor] = Fault(
            id=fingerprint, type="x", resource="host/c", rule="r", event_id=1, raised_us=0, assertions=(word,)
        )

    def has(self, *alerts: dict[str, Any], minutes: int = 60) -> None:
        self.answer = Listing(alerts=[*alerts], since_us=NOW_US - minutes * MINUTE)

    async def turn(self, number: int = 1) -> list[tuple[str, str]]:
        before = len(self.events)
        for _ in range(number):
            self.us += MINUTE // 2
            await self.reconciler.turn()
        return [(event.monitor, str(event.status)) for event in self.events[before:]]


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.anyio
async def test_what_was_missed_is_raised_once(site: Site) -> None:
    site.has(listed("1a"), listed("2b", "suppressed"), listed("3c", receiver="others"))

    assert await site.turn() == [(MONITOR.format("1a"), "down")]
    assert await site.turn(3) == []
    assert ("missed", 1) in site.counts


@pytest.mark.anyio
async def test_an_alarm_that_was_cleared_by_hand_is_not_raised_again(site: Site) -> None:
    site.has(listed("1a"))
    await site.turn()
    site.faults.clear()

    assert await site.turn(3) == []
    site.has(listed("1a", startsAt="2026-01-02T03:30:00Z"))
    assert await site.turn() == [(MONITOR.format("1a"), "down")]


@pytest.mark.anyio
async def test_what_vanished_is_cleared_after_two_complete_answers(site: Site) -> None:
    site.knows("1a")
    site.knows("2b", receiver="others")
    site.has()

    assert await site.turn() == []
    assert await site.turn() == [(MONITOR.format("1a"), "up")]
    assert await site.turn(2) == []
    assert [word.monitor for fault in site.faults.values() for word in fault.assertions] == ["alertmanager/others/2b"]


@pytest.mark.anyio
async def test_what_is_silenced_has_not_vanished(site: Site) -> None:
    site.knows("1a")
    site.has(listed("1a", "suppressed"))

    assert await site.turn(3) == []


@pytest.mark.anyio
async def test_an_alertmanager_that_has_just_begun_clears_nothing(site: Site) -> None:
    site.knows("1a")
    site.has(minutes=-1)

    assert await site.turn(4) == []


@pytest.mark.anyio
async def test_an_answer_that_failed_in_between_begins_the_count_anew(site: Site) -> None:
    site.knows("1a")
    site.has()
    await site.turn()
    site.answer = None
    await site.turn()
    site.has()

    assert await site.turn() == []
    assert await site.turn() == [(MONITOR.format("1a"), "up")]


@pytest.mark.anyio
async def test_what_came_in_after_we_asked_is_not_missing(site: Site) -> None:
    site.has()
    await site.turn()
    site.knows("1a", at_us=site.us + MINUTE)

    assert await site.turn() == []


@pytest.mark.anyio
async def test_one_that_cannot_be_asked_is_an_alarm_until_it_answers(site: Site) -> None:
    site.knows("1a")
    site.answer = None

    assert await site.turn() == []
    assert await site.turn(3) == [("nfvigil/alertmanager", "down")]
    assert site.events[-1].type == UNREACHABLE
    site.has(listed("1a"))
    assert await site.turn(2) == [("nfvigil/alertmanager", "up")]


@pytest.mark.anyio
async def test_its_alarm_is_taken_back_by_the_next_process(site: Site) -> None:
    site.answer = None
    await site.turn(2)
    site.reconciler = site.new()
    site.has()

    assert await site.turn() == [("nfvigil/alertmanager", "up")]


@pytest.fixture
async def server() -> AsyncIterator[dict[str, Any]]:
    """An Alertmanager's API that answers what it is told to."""
    told: dict[str, Any] = {"status": {"uptime": "2026-01-02T00:00:00.5Z"}, "alerts": [], "code": 200, "seen": []}

    async def answer(request: web.Request) -> web.StreamResponse:
        told["seen"].append((str(request.rel_url), request.headers.get("Authorization")))
        value = told["status" if request.path.endswith("status") else "alerts"]
        if isinstance(value, bytes):
            return web.Response(body=value, status=told["code"], headers={"Location": "/elsewhere"})
        return web.json_response(value, status=told["code"])

    app = web.Application()
    app.router.add_get("/api/v2/status", answer)
    app.router.add_get("/api/v2/alerts", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield told
    await runner.cleanup()


@pytest.mark.anyio
async def test_all_alerts_are_asked_for_with_the_token(server: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    server["alerts"] = [listed()]

    listing = await AlertmanagerApi(url=server["url"], token_file=str(tmp_path / "token")).listing()

    assert (listing.alerts, listing.since_us) == ([listed()], 1_767_312_000_500_000)
    assert {header for _, header in server["seen"]} == {"Bearer s3cret"}
    assert "silenced=true&inhibited=true&unprocessed=true" in server["seen"][1][0]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "wrong",
    [
        {"code": 500},
        {"code": 302, "alerts": b""},
        {"alerts": {}},
        {"alerts": [5]},
        {"alerts": [{"fingerprint": ""}]},
        {"alerts": b"["},
        {"alerts": b"[" * 100_000},
        {"alerts": b"\xff"},
        {"status": {}},
        {"status": []},
    ],
)
async def test_an_answer_that_is_not_whole_is_none(server: dict[str, Any], wrong: dict[str, Any]) -> None:
    server.update(wrong)

    with pytest.raises(UnavailableError):
        await AlertmanagerApi(url=server["url"]).listing()


@pytest.mark.anyio
async def test_an_answer_without_end_is_given_up(server: dict[str, Any]) -> None:
    server["alerts"] = [listed()] * 100

    with pytest.raises(UnavailableError, match="more than 1000 bytes"):
        await AlertmanagerApi(url=server["url"], answer_max_bytes=1000).listing()


@pytest.mark.anyio
async def test_nobody_there_and_a_token_that_cannot_be_read(server: dict[str, Any], tmp_path: Path) -> None:
    for api in (
        AlertmanagerApi(url="http://127.0.0.1:1"),
        AlertmanagerApi(url=server["url"], token_file=str(tmp_path)),
    ):
        with pytest.raises(UnavailableError):
            await api.listing()


@pytest.mark.anyio
@pytest.mark.parametrize("error", [UnavailableError("the database is away"), KeyError("a bug")])
async def test_it_goes_on_when_our_own_database_is_away_or_something_else_failed(site: Site, error: Exception) -> None:
    site.has(listed("1a"))
    turns: list[str] = []
    enough = asyncio.Event()

    async def take(items: Sequence[Item], door: str) -> Sequence[Receipt]:
        turns.append(door)
        if len(turns) == 3:
            enough.set()
        raise error

    form = AlertmanagerFormat(receiver="nfvi", api_url="http://x", poll_seconds=0.001)
    reconciler = Reconciler(form=form, source=site, take=take, faults=list, clock=site.clock)
    task = asyncio.create_task(reconciler.run())
    try:
        async with asyncio.timeout(10):
            await enough.wait()
    finally:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
