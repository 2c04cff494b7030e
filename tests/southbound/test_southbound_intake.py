"""Intake: what is believed, what is refused and why, and what is known already."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nfvigil.errors import StoreUnavailableError, UnavailableError
from nfvigil.model.event import Event, Flag, Receipt, ReceiptState, Status
from nfvigil.model.ids import EventIds
from nfvigil.model.raw import RawEvent, Refusal
from nfvigil.model.severity import Severity
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.limits import Limits, TooLargeError

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000 + 678901
HOST = {"hostname": "compute-1"}


class Clock:
    def __init__(self) -> None:
        self.us = NOW_US

    def __call__(self) -> int:
        return self.us


class Shelf:
    """Keeps events, or does not."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.open = asyncio.Event()
        self.open.set()
        self.is_broken = False
        self.calls = 0

    async def keep(self, events: Sequence[Event]) -> None:
        self.calls += 1
        await self.open.wait()
        if self.is_broken:
            raise StoreUnavailableError("the disk is full")
        self.events.extend(events)


def intake(shelf: Shelf, clock: Clock, **more: object) -> Intake:
    zone = ZoneInfo("Europe/Berlin")
    return Intake(keep=shelf.keep, ids=EventIds(clock), clock=clock, zone=zone, **more)  # type: ignore[arg-type]  # table


async def take_one(raw: RawEvent) -> tuple[Receipt, Event | None]:
    shelf = Shelf()
    receipts = await intake(shelf, Clock()).take([raw], "v1")
    return receipts[0], shelf.events[0] if shelf.events else None


def down(**more: object) -> RawEvent:
    fields: dict[str, object] = {"type": "compute.host.down", "time": NOW.isoformat(), "details": HOST}
    return RawEvent(**{**fields, **more})  # type: ignore[arg-type]  # the table below has wrong types on purpose


@pytest.mark.anyio
async def test_an_event_is_kept_as_it_was_observed() -> None:
    details = {
        "hostname": " compute-1 ",
        "status": "FAILED",
        "severity": 5,
        "source": "ping",
        "cause": "link-down",
        "monitorID": "monitor-1",
        "monitorEventID": 123,
        "relatedTo": ["a", 7],
        "interface": "eth0",
        "nothing": None,
    }

    receipt, event = await take_one(down(details=details))

    assert event is not None
    assert receipt == Receipt(state=ReceiptState.ACCEPTED, id=event.id)
    assert event == Event(
        id=event.id,
        type="compute.host.down",
        resource="host/compute-1",
        time_us=NOW_US,
        received_us=NOW_US,
        status=Status.DOWN,
        severity=Severity.CRITICAL,
        source="ping",
        cause="link-down",
        monitor="monitor-1",
        monitor_event_id="123",
        related_to=("a", "7"),
        details={"interface": "eth0", "nothing": None},
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("raw", "resource"),
    [
        (down(), "host/compute-1"),
        (down(resource="server/abc"), "server/abc"),
        (down(resource={"kind": "switch", "id": "leaf-1"}), "switch/leaf-1"),
        (down(resource="volume/host@lvm#pool/1"), "volume/host@lvm#pool/1"),
        (down(details={"resource": "port/p-1"}), "port/p-1"),
        (down(type="compute.instance.down", details=HOST | {"server_id": "s-1"}), "server/s-1"),
        (down(type="compute.host.nic.error", details=HOST | {"port_id": "p-1"}), "host/compute-1"),
        (down(type="network.switch.down", details={"switch": "leaf-1"}), "switch/leaf-1"),
        (down(type="power.pdu.down", details={"pdu": "pdu-1"}), "pdu/pdu-1"),
    ],
)
async def test_an_event_is_about_the_resource_that_it_names(raw: RawEvent, resource: str) -> None:
    _, event = await take_one(raw)

    assert event is not None
    assert event.resource == resource


@pytest.mark.anyio
async def test_a_host_name_beside_another_resource_stays_in_the_details() -> None:
    _, event = await take_one(down(resource="server/abc"))

    assert event is not None
    assert event.details == HOST


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("down", "down"),
        (" Down ", "down"),
        ("FAILURE", "down"),
        ("up", "up"),
        ("OK", "up"),
        ("resolved", "up"),
        ("unknown", "unknown"),
        ("no data", "unknown"),
        ("degraded", "down"),
    ],
)
async def test_status_words_of_other_dialects_are_read(word: str, status: str) -> None:
    _, event = await take_one(down(status=word))

    assert event is not None
    assert event.status == status


@pytest.mark.anyio
async def test_a_cleared_severity_without_a_status_means_up() -> None:
    _, event = await take_one(down(severity="ok"))

    assert event is not None
    assert (event.status, event.is_clear) == (Status.UP, True)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("time", "time_us", "flags"),
    [
        ("2026-01-02T03:04:05.678901Z", NOW_US, ()),
        ("2026-01-02T04:04:05.678901+01:00", NOW_US, ()),
        ("2026-01-02 04:04:05.678901", NOW_US, (Flag.NAIVE_TIME,)),
        ("2026-01-02T04:04:00", NOW_US - 5_678_901, (Flag.NAIVE_TIME,)),
        ("20260102T030405.678901Z", NOW_US, ()),
        (NOW_US / 1e6, NOW_US, ()),
        (NOW_US // 10**6, NOW_US - 678_901, ()),
        ("2026-01-02T03:04:35.678901Z", NOW_US + 30_000_000, ()),
        ("2026-01-02T02:04:05.678901Z", NOW_US - 3_600_000_000, ()),
        ("2026-01-02T03:04:36Z", NOW_US, (Flag.FUTURE_TIME,)),
        ("2026-01-02T02:04:05Z", NOW_US, (Flag.STALE_TIME,)),
        ("2016-04-12T08:00:00.12345", NOW_US, (Flag.NAIVE_TIME, Flag.STALE_TIME)),
        ("9999-12-31T23:59:59Z", NOW_US, (Flag.FUTURE_TIME,)),
        ("0001-01-01T00:00:00Z", NOW_US, (Flag.STALE_TIME,)),
        (0, NOW_US, (Flag.STALE_TIME,)),
        (None, NOW_US, (Flag.NO_TIME,)),
    ],
)
async def test_a_time_is_believed_or_flagged(time: object, time_us: int, flags: tuple[Flag, ...]) -> None:
    receipt, event = await take_one(down(time=time))

    assert event is not None
    assert (event.time_us, event.flags, receipt.flags) == (time_us, flags, flags)
    believed = not {Flag.FUTURE_TIME, Flag.STALE_TIME} & {*flags}
    assert event.details == ({} if believed else {"claimed_time": time})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("happened", "happened_us", "details"),
    [
        ((NOW - timedelta(seconds=1)).isoformat(), NOW_US - 1_000_000, {}),
        ("2016-04-12T08:00:00Z", None, {"claimed_happened_time": "2016-04-12T08:00:00Z"}),
    ],
)
async def test_the_time_of_the_fault_itself_is_believed_within_the_same_bounds(
    happened: str, happened_us: int | None, details: dict[str, str]
) -> None:
    _, event = await take_one(down(happened_time=happened))

    assert event is not None
    assert (event.happened_us, event.details) == (happened_us, details)


LONG = "x" * 2000
DEEP: dict[str, object] = {}
for _ in range(20):
    DEEP = {"a": DEEP}

WRONG: list[tuple[RawEvent, str, str]] = [
    (down(type=None), "type", "missing"),
    (down(details={}), "details.hostname", "missing"),
    (down(details={"hostname": None}), "details.hostname", "missing"),
    *[(down(type=bad), "type", "dotted word") for bad in ("", " ", "a b", "ü", "a\n", ".a", "a" * 256, "a\0", "a/b")],
    (down(type="nfvigil.vdu.deleted"), "type", "NFVigil says itself"),
    *[(down(type=bad), "type", "must be text") for bad in (1, 1.5, True, [], {}, ["a"])],
    *[(down(details={"hostname": bad}), "details.hostname", "must be text") for bad in (1, 1.5, True, [], {}, ["a"])],
    *[
        (down(details={"hostname": bad}), "details.hostname", "must be a name")
        for bad in ("", " ", "a b", "a\0", "a\nb", "\ud800", "x" * 256)
    ],
    *[(down(details={name: []}), f"details.{name}", "must be text") for name in ("server_id", "port_id", "switch")],
    *[(down(resource=bad), "resource", "must begin") for bad in ("", "x", "x/y", "HOST/a", {}, {"kind": 1}, "/a")],
    *[(down(resource=bad), "resource", "must be a name") for bad in ("host/", "host/a b", {"kind": "host", "id": ""})],
    *[(down(resource=bad), "resource", "kind/id") for bad in (1, True, [], 1.5)],
    (down(resource={"kind": "host"}), "resource", "must be text, not null"),
    *[(down(details=HOST | {"status": bad}), "details.status", "must be text") for bad in (1, True, [], {})],
    *[(down(status=bad), "status", "must be down, up or unknown") for bad in ("", "sideways", "döwn")],
    *[(down(severity=bad), "severity", "must be one of") for bad in ("", "worst", True, 1.5, [], {}, "1" * 20)],
    *[
        (down(time=bad), "time", "ISO 8601")
        for bad in ("", " ", "now", "yesterday", "2026-13-01", "2026-02-30T00:00:00Z", "25:00", "1" * 65, "a\0b")
    ],
    *[(down(time=bad), "time", "must be an ISO") for bad in (True, [], {}, ["2026-01-02"])],
    *[(down(time=bad), "time", "number of seconds") for bad in (-1, 1e11, float("nan"), float("inf"), 10**30)],
    (down(happened_time="never"), "happened_time", "ISO 8601"),
    *[
        (down(details=HOST | {key: bad}), f"details.{key}", "must be text")
        for key in ("monitor", "monitor_id", "monitorID", "monitor_event_id", "monitorEventID", "source", "cause")
        for bad in (True, [], {}, 1.5)
    ],
    *[(down(**{key: LONG}), key, "at most 1024") for key in ("monitor", "monitor_event_id", "source", "cause")],
    *[(down(**{key: "a\0b"}), key, "NUL") for key in ("monitor", "monitor_event_id", "source", "cause")],
    (down(cause="\udfff"), "cause", "surrogate"),
    *[(down(details=HOST | {"relatedto": bad}), "details.relatedto", "must be a list") for bad in ({}, 1.5)],
    (down(related_to=[[]]), "related_to[0]", "must be text"),
    (down(related_to=["a", None]), "related_to[1]", "must be text"),
    (down(related_to=["a"] * 101), "related_to", "at most 100"),
    *[
        (down(lead_time_seconds=bad), "lead_time_seconds", "number of seconds")
        for bad in (-1, "1", True, [], float("nan"), float("inf"), 1e12)
    ],
    (down(details=HOST | {"a": LONG}), "details.a", "at most 1024"),
    (down(details=HOST | {"a": "b\0"}), "details.a", "NUL"),
    (down(details=HOST | {"a": "\ud83d"}), "details.a", "surrogate"),
    (down(details=HOST | {"a": {"b": ["\0"]}}), "details.a.b[0]", "NUL"),
    (down(details=HOST | {"a": float("nan")}), "details.a", "finite"),
    (down(details=HOST | {"a": [float("inf")]}), "details.a[0]", "finite"),
    (down(details=HOST | {"a": 1 << 63}), "details.a", "64 bits"),
    (down(details=HOST | {"a": -(1 << 80)}), "details.a", "64 bits"),
    (down(details=HOST | {"a": b"bytes"}), "details.a", "JSON does not have"),
    (down(details=HOST | {"a": DEEP}), "details.a.a.a.a.a.a.a.a", "nested more than 8"),
    (down(details=HOST | {"a": [0] * 300}), "details", "more than 256"),
    (down(details=HOST | {f"k{i}": 1 for i in range(300)}), "details", "more than 256"),
    (down(details=HOST | {"a": [1 << 70] * 100}), "details", "too much that is wrong"),
    (down(details=HOST | {"k" * 300: 1}), "details", "a key"),
    (down(details=HOST | {"k\0": 1}), "details", "a key"),
    (down(details=HOST | {"a": {"k" * 300: 1}}), "details.a", "a key"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("raw", "field", "reason"), WRONG, ids=[f"{i}-{row[1]}" for i, row in enumerate(WRONG)])
async def test_what_is_wrong_is_refused_by_its_field(raw: RawEvent, field: str, reason: str) -> None:
    receipt, event = await take_one(raw)

    assert event is None
    assert receipt.state is ReceiptState.REFUSED
    assert [text for name, text in receipt.errors if name == field and reason in text], receipt.errors


@pytest.mark.anyio
async def test_every_wrong_field_of_an_event_is_named() -> None:
    details = {"hostname": 5, "status": "sideways", "severity": "worst", "monitor": [], "note": "\0"}

    receipt, _ = await take_one(down(path="events[3]", type="", time="now", details=details))

    assert [field.removeprefix("events[3].") for field, _ in receipt.errors] == [
        "details.note",
        "type",
        "details.hostname",
        "time",
        "details.status",
        "details.severity",
        "details.monitor",
    ]


@pytest.mark.anyio
async def test_a_bad_event_does_not_harm_its_neighbours() -> None:
    shelf = Shelf()
    batch = [down(), down(type=""), Refusal(errors=(("events[2]", "must be an object"),)), down()]

    receipts = await intake(shelf, Clock()).take(batch, "v1")

    assert [receipt.state for receipt in receipts] == ["accepted", "refused", "refused", "accepted"]
    assert [receipts[0].id, receipts[3].id] == [event.id for event in shelf.events]


@pytest.mark.anyio
async def test_more_events_than_the_bound_are_refused_whole() -> None:
    shelf = Shelf()

    with pytest.raises(TooLargeError):
        await intake(shelf, Clock(), limits=Limits(events_max=2)).take([down()] * 3, "v1")

    assert not shelf.events


def named(monitor_event_id: str = "1", **more: object) -> RawEvent:
    return down(**({"monitor": "m", "monitor_event_id": monitor_event_id} | more))


SAME = [
    ("the same", named(), True),
    ("another spelling of the status", named(status="failed"), True),
    ("another time", named(time=(NOW + timedelta(seconds=2)).isoformat()), True),
    ("another id", named("2"), False),
    ("another monitor", named(monitor="n"), False),
    ("another type", named(type="compute.host.nic.error"), False),
    ("another resource", named(details={"hostname": "compute-2"}), False),
    ("another status", named(status="up"), False),
    ("another severity", named(severity="critical"), False),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("raw", "is_repeat"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
async def test_a_repeat_has_the_same_type_resource_monitor_id_and_state(raw: RawEvent, is_repeat: bool) -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())
    first = (await door.take([named()], "v1"))[0]

    second = (await door.take([raw], "v1"))[0]

    assert second.state == (ReceiptState.REPEAT if is_repeat else ReceiptState.ACCEPTED)
    assert (second.id == first.id) is is_repeat
    assert len(shelf.events) == (1 if is_repeat else 2)


@pytest.mark.anyio
async def test_an_event_without_an_id_of_its_monitors_is_never_a_repeat() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())

    await door.take([down(), down()], "v1")
    await door.take([down()], "v1")

    assert len(shelf.events) == 3


@pytest.mark.anyio
async def test_repeats_inside_one_batch_are_known() -> None:
    shelf = Shelf()

    receipts = await intake(shelf, Clock()).take([named(), named(), named(status="up"), named(status="up")], "v1")

    assert [receipt.state for receipt in receipts] == ["accepted", "repeat", "accepted", "repeat"]
    assert shelf.calls == 1


@pytest.mark.anyio
async def test_a_fault_that_comes_back_after_a_clear_is_no_repeat() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())

    # The clear may come under another type and id: what counts is that the resource was well meanwhile.
    sent = [named(), named(), named("9", type="compute.host.up", status="up"), named(), named()]
    states = [(await door.take([raw], "v1"))[0].state for raw in sent]

    assert states == ["accepted", "repeat", "accepted", "accepted", "repeat"]


@pytest.mark.anyio
async def test_a_repeat_counts_anew_after_the_window() -> None:
    shelf, clock = Shelf(), Clock()
    door = intake(shelf, clock)
    states = []
    for minutes in (0, 59, 61, 62):
        clock.us = NOW_US + minutes * 60_000_000
        states.append((await door.take([named(time=None)], "v1"))[0].state)

    assert states == ["accepted", "repeat", "accepted", "repeat"]


@pytest.mark.anyio
async def test_an_alarm_cleared_by_hand_may_be_raised_again() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())
    await door.take([named(), named(details={"hostname": "compute-2"})], "v1")

    door.forget("host/compute-1")

    again = [await door.take([raw], "v1") for raw in (named(), named(), named(details={"hostname": "compute-2"}))]
    assert [receipts[0].state for receipts in again] == ["accepted", "repeat", "repeat"]


@pytest.mark.anyio
async def test_repeats_are_known_over_a_restart() -> None:
    shelf, clock = Shelf(), Clock()
    first = (await intake(shelf, clock).take([named()], "v1"))[0]

    receipt = (await intake(Shelf(), clock, recent=shelf.events).take([named()], "v1"))[0]

    assert receipt == Receipt(state=ReceiptState.REPEAT, id=first.id)


@pytest.mark.anyio
async def test_the_memory_of_repeats_is_bounded_and_forgets_the_oldest() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock(), limits=Limits(repeats_max=3))
    await door.take([named(str(number)) for number in range(4)], "v1")

    receipts = await door.take([named("3"), named("1"), named("0")], "v1")

    assert [receipt.state for receipt in receipts] == ["repeat", "repeat", "accepted"]


@pytest.mark.anyio
async def test_the_memory_of_clears_is_bounded_and_then_takes_nothing_for_a_repeat() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock(), limits=Limits(repeats_max=3))
    await door.take([named()], "v1")
    await door.take([down(status="up", details={"hostname": f"h-{number}"}) for number in range(4)], "v1")

    assert (await door.take([named()], "v1"))[0].state == "accepted"


@pytest.mark.anyio
async def test_what_could_not_be_kept_is_not_taken_for_known() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())
    shelf.is_broken = True
    with pytest.raises(StoreUnavailableError):
        await door.take([named()], "v1")
    shelf.is_broken = False

    receipt = (await door.take([named()], "v1"))[0]

    assert receipt.state is ReceiptState.ACCEPTED
    assert len(shelf.events) == 1


async def until_calls(shelf: Shelf, calls: int) -> None:
    async with asyncio.timeout(5):
        while shelf.calls < calls:  # noqa: ASYNC110  # the shelf counts, and tells nobody
            await asyncio.sleep(0)


@pytest.mark.anyio
@pytest.mark.parametrize("is_broken", [False, True])
async def test_a_repeat_is_answered_only_when_the_first_is_durable(is_broken: bool) -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())
    shelf.open.clear()
    async with asyncio.timeout(5):
        first = asyncio.ensure_future(door.take([named()], "v1"))
        await until_calls(shelf, 1)
        second = asyncio.ensure_future(door.take([named()], "v1"))
        await asyncio.wait([second], timeout=0.01)
        was_done = second.done()
        shelf.is_broken = is_broken
        shelf.open.set()
        ends = await asyncio.gather(first, second, return_exceptions=True)

    assert not was_done
    if is_broken:
        assert all(isinstance(end, UnavailableError) for end in ends)
    else:
        assert [end[0].state for end in ends if isinstance(end, list)] == ["accepted", "repeat"]


@pytest.mark.anyio
async def test_two_batches_that_repeat_each_other_do_not_wait_for_ever() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())
    shelf.open.clear()
    async with asyncio.timeout(5):
        one = asyncio.ensure_future(door.take([named("1")], "v1"))
        await until_calls(shelf, 1)
        two = asyncio.ensure_future(door.take([named("2"), named("1")], "v1"))
        three = asyncio.ensure_future(door.take([named("2"), named("3")], "v1"))
        await until_calls(shelf, 3)
        shelf.open.set()
        await asyncio.gather(one, two, three)

    assert sorted(event.monitor_event_id for event in shelf.events) == ["1", "2", "3"]


@pytest.mark.anyio
async def test_a_sender_that_goes_away_leaves_nobody_waiting() -> None:
    shelf = Shelf()
    door = intake(shelf, Clock())
    shelf.open.clear()
    async with asyncio.timeout(5):
        first = asyncio.ensure_future(door.take([named()], "v1"))
        await until_calls(shelf, 1)
        second = asyncio.ensure_future(door.take([named()], "v1"))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(UnavailableError):
            await second
        shelf.open.set()

        assert (await door.take([named()], "v1"))[0].state == "accepted"
