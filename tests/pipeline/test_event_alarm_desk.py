"""What people ask for about event alarms, and the cloud's bus, over a service whose parts run in this process."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nfvigil.app import open_service
from nfvigil.desks import event_alarms as event_alarm_desk
from nfvigil.desks.event_alarms import EventAlarmDesk
from nfvigil.errors import (
    ForbiddenError,
    NotFoundError,
    OverloadedError,
    RefusedError,
    StoreUnavailableError,
    UnavailableError,
)
from nfvigil.model.event_alarm import AodhState, CloudEvent, Condition, EventAlarm
from nfvigil.model.times import SECOND
from nfvigil.running import Service
from nfvigil.settings import Settings
from nfvigil.store import upgrade
from nfvigil.store.event_alarm_query import EventAlarmQuery
from nfvigil.wiring.event_alarms import LateTap

pytestmark = pytest.mark.anyio
BY = ("blue", "me")


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings.model_validate({"dev": True, "database_url": f"sqlite:///{tmp_path}/n.db"} | more)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with our schema: to make one for each test would take most of its time."""
    path = tmp_path_factory.mktemp("template") / "n.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def service(tmp_path: Path, template: Path) -> AsyncIterator[Service]:
    shutil.copy(template, tmp_path / "n.db")
    async with open_service(settings(tmp_path, aodh={"quota": 3})) as made, running(made):
        yield made


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    works = [asyncio.ensure_future(work) for work in (service.pipeline.run(), service.alarming.run())]
    yield
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


@pytest.fixture
def desk(service: Service) -> EventAlarmDesk:
    return service.alarming


def wish(name: str = "w", **given: Any) -> EventAlarm:
    values: dict[str, Any] = {
        "project": "blue",
        "event_type": "x.y",
        "query": (Condition("traits.colour", "eq", "red"),),
        "alarm_actions": ("http://127.0.0.1:1/hook",),
    }
    return EventAlarm(id=name, name=name, user="me", **values | given)


def happened(message_id: str = "m", **given: Any) -> CloudEvent:
    values: dict[str, Any] = {"generated_us": 1, "project": "blue", "traits": (("colour", 1, "red"),)}
    return CloudEvent(message_id=message_id, event_type="x.y", **values | given)


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def history(desk: EventAlarmDesk) -> list[str]:
    return [one.type.value async for page in desk.changes(EventAlarmQuery(project=None)) for one in page]


def state(desk: EventAlarmDesk, name: str = "w") -> AodhState | None:
    found = desk._alarms.index.get(name)
    return found.state if found else None


async def test_what_passes_by_on_the_bus_fires_and_is_written_before_it_counts_as_kept(
    service: Service, desk: EventAlarmDesk
) -> None:
    await desk.create(wish(), by=BY)

    assert desk.wants("x.y")
    assert not desk.wants("x.z")
    desk.take(happened())
    await desk.kept()

    assert (await desk.show("w", "blue")).state is AodhState.ALARM
    (notification,) = await service.store.notifications("w")
    assert notification.event is not None
    assert notification.event["payload"]["current"] == "alarm"
    assert await service.store.fired_events(10) == ["m"]
    assert sorted(await history(desk)) == ["creation", "state transition"]
    assert desk.counts == {"taken": 1, "fired": 1}


async def test_what_we_tell_the_bus_ourselves_fires_nothing_when_it_passes_by(tmp_path: Path) -> None:
    bus = {"name": "lab", "url": "rabbit://u:p@127.0.0.1:2/", "publisher_id": "compute.us"}
    async with open_service(settings(tmp_path, buses=[bus])) as service, running(service):
        desk = service.alarming
        await desk.create(wish(repeat_actions=True), by=BY)

        desk.take(happened("ours", nfvigil="compute.us"))
        desk.take(happened("another's", nfvigil="compute.them"))
        desk.take(happened("the cloud's"))
        await desk.kept()

        assert desk.counts == {"own": 1, "taken": 2, "fired": 2}
        assert await service.store.fired_events(10) == ["another's", "the cloud's"]


async def test_after_a_restart_a_message_that_fired_is_known_and_numbers_go_on(tmp_path: Path) -> None:
    async with open_service(settings(tmp_path)) as first, running(first):
        await first.alarming.create(wish(repeat_actions=True), by=BY)
        first.alarming.take(happened("m1"))
        await first.alarming.kept()

    async with open_service(settings(tmp_path)) as second, running(second):
        for name in ("m1", "m2"):
            second.alarming.take(happened(name))
        await second.alarming.kept()
        assert [one.seq for one in await second.store.notifications("w")] == [1, 2]
        assert (await second.alarming.show("w", None)).state is AodhState.ALARM


async def test_what_is_too_much_is_dropped_and_counted_and_a_reader_of_the_bus_waits_for_a_while_only(
    service: Service, desk: EventAlarmDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_alarm_desk, "WAITING_MAX", 2)
    monkeypatch.setattr(event_alarm_desk, "KEPT_SECONDS", 0.05)
    await desk.create(wish(repeat_actions=True), by=BY)

    async with service.pipeline.between_turns():
        desk.take(happened("m0", generated_us=0))
        await until(lambda: not desk._waiting)
        for number in range(1, 4):
            desk.take(happened(f"m{number}"))
        await desk.kept()
        assert await service.store.notifications("w") == [], "it went on without it being written"
    await until(lambda: desk.counts["fired"] == 3)

    assert desk.counts["dropped"] == 1
    told = [(one.event or {})["payload"] for one in await service.store.notifications("w")]
    assert told[0]["reason_data"]["event"]["generated"] > "2026", "an event without a time has ours"


async def test_an_event_that_breaks_the_evaluation_does_not_end_it(
    desk: EventAlarmDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.create(wish(), by=BY)
    real = desk._alarms.heard
    calls: list[int] = []

    def heard(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("broken")
        return real(*given)

    monkeypatch.setattr(desk._alarms, "heard", heard)
    desk.take(happened("m1"))
    await desk.kept()
    desk.take(happened("m2"))
    await desk.kept()

    assert state(desk) is AodhState.ALARM


async def test_a_change_is_in_effect_at_once_and_in_the_history(service: Service, desk: EventAlarmDesk) -> None:
    made = await desk.create(wish(), by=BY)
    service.dispatcher.pause("w", True)

    def another(before: EventAlarm) -> EventAlarm:
        return replace(before, query=(Condition("traits.colour", "eq", "blue"),), state=AodhState.OK)

    changed = await desk.change("w", "blue", another, by=BY)
    desk.take(happened())
    await desk.kept()

    assert (changed.created_us, changed.state) == (made.created_us, AodhState.OK)
    assert changed.state_us == changed.changed_us >= made.changed_us
    assert state(desk) is AodhState.OK, "red is not asked for any more"
    changes = [one async for page in desk.changes(EventAlarmQuery(project="blue")) for one in page]
    assert '"rule"' in changes[0].detail
    assert '"name"' not in changes[0].detail, "only what is different"
    assert (await service.store.subscription("w", "blue")) is not None


async def test_a_pause_outlives_a_change(service: Service, desk: EventAlarmDesk) -> None:
    await desk.create(wish(), by=BY)
    known = desk._matcher.get("w")
    assert known is not None
    desk._matcher.put(replace(known, paused=True))

    await desk.change("w", None, lambda before: replace(before, name="another"), by=BY)

    way = await service.store.subscription("w")
    assert way is not None
    assert (way.paused, way.name) == (True, "another")


async def test_deleted_it_is_gone_everywhere(service: Service, desk: EventAlarmDesk) -> None:
    await desk.create(wish(), by=BY)
    desk.take(happened())
    await desk.kept()

    await desk.delete("w", "blue")

    assert (desk.count, desk._matcher.get("w"), desk.wants("x.y")) == (0, None, False)
    assert await service.store.check() == []
    assert await history(desk) == []
    for ask in (desk.show("w", "blue"), desk.delete("w", None), desk.set_state("w", None, AodhState.OK, by=BY)):
        with pytest.raises(NotFoundError, match="Alarm w not found"):
            await ask


async def test_another_project_cannot_touch_it(desk: EventAlarmDesk) -> None:
    await desk.create(wish(), by=BY)

    for ask in (
        desk.change("w", "red", lambda before: before, by=BY),
        desk.delete("w", "red"),
        desk.set_state("w", "red", AodhState.OK, by=BY),
        desk.set_auto_ok("w", "red", True, by=BY),
        desk.show("w", "red"),
    ):
        with pytest.raises(NotFoundError, match="not found in project red"):
            await ask


async def test_a_project_has_so_many_and_no_more_also_not_by_a_change(desk: EventAlarmDesk) -> None:
    for number in range(3):
        await desk.create(wish(f"w{number}"), by=BY)
    await desk.create(wish("other", project="red"), by=BY)

    with pytest.raises(ForbiddenError, match="Alarm quota exceeded for user me on project blue"):
        await desk.create(wish("w3"), by=BY)
    with pytest.raises(ForbiddenError, match="quota"):
        await desk.change("other", None, lambda before: replace(before, project="blue"), by=BY)


async def test_actions_that_are_not_done_here_are_refused_with_the_reason(desk: EventAlarmDesk) -> None:
    for actions, reason in (
        (("trust+http://x",), "a trust of Keystone's"),
        (("zaqar://",), "Zaqar"),
        (("trust+heat://x",), "Heat"),
        (("ftp://x/",), "http, https, log and test are"),
        (("http://[::1",), "Unable to parse"),
        (("http://169.254.169.254/latest",), "169.254"),
        (tuple(f"http://127.0.0.1/{number}" for number in range(17)), "maximum value 16"),
    ):
        with pytest.raises(RefusedError) as caught:
            await desk.create(wish(ok_actions=actions), by=BY)

        (flaw,) = caught.value.errors
        assert flaw.field.startswith("ok_actions")
        assert reason in flaw.reason
    assert desk.count == 0


async def test_log_and_test_are_taken(desk: EventAlarmDesk) -> None:
    await desk.create(wish(alarm_actions=("log://", "test://")), by=BY)
    desk.take(happened())
    await desk.kept()

    await until(lambda: desk._alarms.tested)
    assert [url for url, _ in desk._alarms.tested] == ["test://"]


async def test_auto_ok_is_kept_with_the_alarm(service: Service, desk: EventAlarmDesk) -> None:
    await desk.create(wish(), by=BY)

    await desk.set_auto_ok("w", None, True, by=BY)

    assert (await desk.show("w", None)).auto_ok is True
    found = desk._alarms.index.get("w")
    assert found is not None
    assert found.auto_ok is True


async def test_while_the_store_is_away_a_state_is_promised_and_nothing_else_is(
    service: Service, desk: EventAlarmDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_alarm_desk, "STATE_SECONDS", 0.05)
    await desk.create(wish(), by=BY)
    real = service.store.commit

    async def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(service.store, "commit", away)
    monkeypatch.setattr(service.store, "put_event_alarm", away)
    with pytest.raises(UnavailableError, match="as soon as"):
        await desk.set_state("w", "blue", AodhState.OK, by=BY)
    with pytest.raises(StoreUnavailableError):
        await desk.create(wish("v"), by=BY)
    with pytest.raises(OverloadedError, match="still being written"):
        async with service.pipeline.between_turns(0.01):
            raise AssertionError("something is under way")
    monkeypatch.setattr(service.store, "commit", real)

    async with service.pipeline.between_turns(10 * SECOND):
        pass
    assert (await desk.show("w", "blue")).state is AodhState.OK
    assert desk.count == 1


async def test_a_late_tap_passes_all_on(desk: EventAlarmDesk) -> None:
    await desk.create(wish(), by=BY)
    tap = LateTap(lambda: desk)

    assert tap.wants("x.y")
    tap.take(happened())
    await tap.kept()

    assert state(desk) is AodhState.ALARM
