"""All ways in, in their order: tokens of ours and of others, signatures, open doors, the account for breaking glass."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet
from northbound_credentials import FakeCredentials
from northbound_fakes import Answer, FakeStore, call
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from nfvigil.errors import NfvigilError, StoreUnavailableError, UnavailableError
from nfvigil.model.event import Event
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.ids import EventIds
from nfvigil.model.times import SECOND
from nfvigil.northbound.access.break_glass import BREAK_GLASS, BreakGlass
from nfvigil.northbound.access.credentials import Credentials
from nfvigil.northbound.access.monitor_keys import OpenKeys
from nfvigil.northbound.access.open_doors import OpenDoors, address_of
from nfvigil.northbound.access.pace import Pace
from nfvigil.northbound.access.settings import OpenDoor, RateSettings
from nfvigil.northbound.access.signatures import Signatures
from nfvigil.northbound.auth import Guard, create_token
from nfvigil.northbound.problems import problem_of
from nfvigil.sealing.keys import Keys
from nfvigil.southbound.doors import routes
from nfvigil.southbound.formats.doctor import DoctorFormat
from nfvigil.southbound.intake import Intake
from nfvigil.store.records import TokenRecord

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000
EVENT = {"type": "compute.host.down", "resource": "host/compute-1", "status": "down"}
DOCTOR = {"type": "compute.host.down", "details": {"hostname": "compute-1", "status": "down"}}
SECRET, SECRET_HASH = create_token()


@dataclass
class Foreign:
    """Keystone in a line."""

    known: dict[str, Identity] = field(default_factory=dict)
    is_away: bool = False

    async def identify(self, token: str, hashed: str) -> Identity | None:
        if self.is_away:
            raise UnavailableError("Keystone is away", 2.0)
        return self.known.get(token)


class Site:
    """The doors and one other route behind a guard that has everything."""

    def __init__(self, *, dev: bool = False, doors: Sequence[OpenDoor] = (), **rate: float) -> None:
        self.now = NOW * SECOND
        self.events: list[Event] = []
        self.strangers: list[str] = []
        self.counted: list[str] = []
        self.refused: list[str] = []
        self.error: Exception | None = None
        self.store = FakeStore()
        self.foreign = Foreign()
        self.kept = FakeCredentials(self.store.tokens, kept_keys={})
        keys = Keys(given=Fernet.generate_key().decode())
        self.open_keys = OpenKeys(store=self.kept, keys=keys, clock=self.clock)
        self.break_glass = BreakGlass(hashed=SECRET_HASH, clock=self.clock)
        settings = RateSettings.model_validate({"failures_per_minute": 5, **rate})
        self.guard = Guard(
            store=self.store,
            clock=self.clock,
            dev=dev,
            foreign=self.foreign,
            signatures=Signatures(ring=self.open_keys, clock=self.clock),
            open_doors=OpenDoors(doors),
            break_glass=self.break_glass,
            pace=Pace(settings=settings, clock=self.clock, count=self.counted.append),
            refused=self.refused.append,
            stranger=lambda request: self.strangers.append(request.url.path),
        )
        self.credentials = Credentials(
            store=self.kept,
            keys=keys,
            clock=self.clock,
            new_id=lambda: f"key-{len(self.kept.kept_keys)}",
            forget_token=self.guard.forget,
            forget_keys=self.open_keys.forget,
        )
        intake = Intake(keep=self.keep, ids=EventIds(self.clock), clock=self.clock, zone=UTC)
        events = routes(intake=intake, guard=self.guard.at_door, formats={"doctor": DoctorFormat()})
        self.app = Starlette(routes=[*events, Route("/who", self.show, methods=["GET", "POST"])])
        self.app.router.redirect_slashes = False

    def clock(self) -> int:
        return self.now

    async def keep(self, events: Sequence[Event]) -> None:
        if self.error is not None:
            raise self.error
        self.events.extend(events)

    async def show(self, request: Request) -> Response:
        try:
            return JSONResponse(msgspec.to_builtins(await self.guard(request)))
        except NfvigilError as error:
            return problem_of(error)

    def token(self, role: Role, name: str = "someone", project: str | None = None) -> str:
        token, hashed = create_token()
        self.store.tokens[hashed] = TokenRecord(
            id=f"id-of-{name}", hash=hashed, name=name, project=project, role=role, created_us=NOW
        )
        return token

    async def who(self, token: str | None = None, address: str = "10.0.0.9", **headers: str) -> Answer:
        return await self.send("GET", "/who", None, address, self._headers(token, headers))

    async def event(
        self,
        path: str = "/v1/events",
        token: str | None = None,
        address: str = "10.0.0.9",
        body: Any = EVENT,
        **headers: str,
    ) -> Answer:
        return await self.send("POST", path, body, address, self._headers(token, headers))

    async def send(self, method: str, path: str, body: Any, address: str, headers: dict[str, str]) -> Answer:
        async def from_there(scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "client": (address, 5)}, receive, send)

        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await call(from_there, method, path, raw, {"content-type": "application/json", **headers})

    @staticmethod
    def _headers(token: str | None, headers: dict[str, str]) -> dict[str, str]:
        given = {} if token is None else {"x-auth-token": token}
        return given | {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
async def site() -> Site:
    return Site()


def sign(key: str, body: Any = EVENT, *, id: str = "1", at: int = NOW) -> dict[str, str]:
    signature = Webhook(key).sign(id, datetime.fromtimestamp(at, UTC), json.dumps(body))
    return {"webhook_id": id, "webhook_timestamp": str(at), "webhook_signature": signature}


async def test_tokens_of_ours_and_of_keystone_are_told_apart(site: Site) -> None:
    site.foreign.known["gAAAA-of-keystone"] = Identity(name="bob", project="B", role=Role.MEMBER, via=Via.KEYSTONE)
    ours = site.token(Role.SERVICE, "tacker", "A")

    mine, theirs = (await site.who(ours)).json, (await site.who("gAAAA-of-keystone")).json

    assert (mine["name"], mine["role"], mine["project"], mine["via"], mine["id"]) == (
        *("tacker", "service", "A", "local"),
        "id-of-tacker",
    )
    assert (theirs["name"], theirs["via"]) == ("bob", "keystone")
    assert (await site.who("unknown")).status == 401
    assert (await site.who("nfv_unknown")).status == 401
    assert site.refused == ["token", "token"]


async def test_a_keystone_that_is_away_is_said_so_and_local_tokens_do_not_need_it(site: Site) -> None:
    site.foreign.is_away = True

    away = await site.who("gAAAA-of-keystone")

    assert (away.status, away.headers["retry-after"]) == (503, "2")
    assert site.refused == []
    assert (await site.who(site.token(Role.READER, project="A"))).status == 200
    assert (await site.event(token="gAAAA-of-keystone")).status == 503
    assert (await site.event(token=site.token(Role.MONITOR))).status == 200


async def test_without_keystone_a_foreign_token_is_not_valid() -> None:
    guard = Guard(store=FakeStore(), clock=lambda: NOW * SECOND)

    assert await guard.identify("gAAAA-of-keystone") is None


async def test_a_signed_event_is_taken_in_at_every_door_in_its_monitors_name(site: Site) -> None:
    _, key = await site.credentials.create_monitor_key(name="ping")

    for number, path in enumerate(("/v1/events", "/events", "/v1/event", "/v1/formats/doctor/events")):
        body = EVENT if path == "/v1/events" else DOCTOR
        answer = await site.event(path, body=body, **sign(key, body, id=str(number)))
        assert answer.status == 200, (path, answer)
    assert len(site.events) == 4


async def test_a_signed_event_is_refused_for_what_is_wrong_with_it(site: Site) -> None:
    _, key = await site.credentials.create_monitor_key(name="ping")

    assert (await site.event(body=EVENT | {"status": "up"}, **sign(key))).status == 401
    assert (await site.event(**sign(key, at=NOW - 1000))).status == 401
    assert (await site.event(body=b"[", **sign(key))).status == 401
    # The media type and the size are looked at before anything is hashed.
    assert (await site.event(**sign(key), content_type="text/plain")).status == 415
    assert (await site.event(body=b"x" * 2_000_000, **sign(key))).status == 413
    assert (await site.event(body={}, **sign(key, {}))).status == 400
    assert site.refused == ["signature"] * 3
    assert site.events == []


async def test_a_signed_event_comes_in_once_but_again_where_the_first_was_not_kept(site: Site) -> None:
    _, key = await site.credentials.create_monitor_key(name="ping")
    site.error = StoreUnavailableError("the disk is full")
    assert (await site.event(**sign(key))).status == 503

    site.error = None
    assert (await site.event(**sign(key))).status == 200
    assert (await site.event(**sign(key))).status == 409
    assert (await site.event(**sign(key, at=NOW + 1))).status == 409
    assert len(site.events) == 1


async def test_a_key_that_was_revoked_just_now_does_not_sign_any_more(site: Site) -> None:
    record, key = await site.credentials.create_monitor_key(name="ping")
    assert (await site.event(**sign(key))).status == 200

    await site.credentials.revoke_monitor_key(record.id)

    assert (await site.event(**sign(key, id="2"))).status == 401
    assert site.kept.kept_keys[record.id].key == b""


async def test_a_signature_opens_no_other_route_and_a_token_beside_it_counts(site: Site) -> None:
    _, key = await site.credentials.create_monitor_key(name="ping")

    assert (await site.send("POST", "/who", EVENT, "10.0.0.9", site._headers(None, sign(key)))).status == 401
    assert (await site.event(token="nfv_wrong", **sign(key))).status == 401
    assert (await site.event(token=site.token(Role.MONITOR), **sign(key, id="2"))).status == 200
    assert (await site.event(token=site.token(Role.READER, project="A"), **sign(key, id="3"))).status == 403


async def test_keys_that_cannot_be_opened_are_told_of_once_and_let_nobody_in(site: Site) -> None:
    _, key = await site.credentials.create_monitor_key(name="ping")
    stranger = Keys(given=Fernet.generate_key().decode())
    open_keys = OpenKeys(store=site.kept, keys=stranger, clock=site.clock)

    with capture_logs() as logs:
        assert await open_keys.keys() == []
        assert await open_keys.newer() is None, "that was just done"
        site.now += 5 * SECOND
        assert await open_keys.keys() == []
    assert [(line["log_level"], line["monitors"]) for line in logs] == [("error", ["ping"])]
    assert key not in str(logs)


@pytest.mark.parametrize("text", ["", "nonsense"])
async def test_without_a_usable_file_of_keys_it_is_said_which_monitors_that_concerns(
    site: Site, text: str, tmp_path: Any
) -> None:
    await site.credentials.create_monitor_key(name="ping")
    if text:
        (tmp_path / "keys").write_text(text)
    open_keys = OpenKeys(store=site.kept, keys=Keys(path=tmp_path / "keys"), clock=site.clock)

    with capture_logs() as logs:
        assert await open_keys.keys() == []
    assert logs[0]["monitors"] == ["ping"]


async def test_many_signed_events_at_once_read_the_keys_once(site: Site) -> None:
    _, key = await site.credentials.create_monitor_key(name="ping")
    reads: list[None] = []
    monitor_keys = site.kept.monitor_keys

    async def slow(**more: Any) -> Any:
        reads.append(None)
        await asyncio.sleep(0.01)
        return await monitor_keys(**more)

    site.kept.monitor_keys = slow  # type: ignore[method-assign]  # it counts
    answers = await asyncio.gather(*(site.event(**sign(key, id=str(number))) for number in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert len(reads) == 1


async def test_a_key_that_is_revoked_while_the_keys_are_read_is_not_believed_after_that(site: Site) -> None:
    record, key = await site.credentials.create_monitor_key(name="ping")
    monitor_keys, go = site.kept.monitor_keys, asyncio.Event()

    async def slow(**more: Any) -> Any:
        found = await monitor_keys(**more)
        await go.wait()
        return found

    site.kept.monitor_keys = slow  # type: ignore[method-assign]  # it waits
    sending = asyncio.create_task(site.event(**sign(key)))
    await asyncio.sleep(0.01)
    await site.credentials.revoke_monitor_key(record.id)
    go.set()

    assert (await sending).status == 200, "it came before that"
    assert (await site.event(**sign(key, id="2"))).status == 401


async def test_a_token_that_is_revoked_while_it_is_asked_for_is_not_believed_after_that(site: Site) -> None:
    token = site.token(Role.READER, project="A")
    find_token, go = site.store.find_token, asyncio.Event()

    async def slow(hash: str) -> Any:
        found = await find_token(hash)
        await go.wait()
        return found

    site.store.find_token = slow  # type: ignore[method-assign]  # it waits
    asking = asyncio.create_task(site.who(token))
    await asyncio.sleep(0.01)
    await site.credentials.revoke_token("id-of-someone")
    later = asyncio.create_task(site.who(token))
    await asyncio.sleep(0.01)
    go.set()

    assert (await asking).status == 200, "it came before that"
    assert (await later).status == 401
    assert (await site.who(token)).status == 401


# Open doors

LAN = OpenDoor(name="doctor-lan", doors=["/events"], networks=["10.1.0.0/24", "fd00::/64"])


@pytest.mark.parametrize(
    ("path", "address", "is_open"),
    [
        ("/events", "10.1.0.7", True),
        ("/events", "10.1.1.7", False),
        ("/events", "::ffff:10.1.0.7", True),
        ("/events", "fd00::7", True),
        ("/events", "fd00::7%eth0", True),
        ("/events", "fd01::7", False),
        ("/events", "testclient", False),
        ("/v1/events", "10.1.0.7", False),
        ("/events/", "10.1.0.7", False),
        ("/maintenance", "10.1.0.7", False),
    ],
)
async def test_a_door_is_open_for_its_network_and_nothing_else_is(path: str, address: str, is_open: bool) -> None:
    site = Site(doors=[LAN])

    answer = await site.event(path, address=address, body=DOCTOR)

    assert answer.status == (200 if is_open else 404 if path.endswith("s/") else 401)
    assert len(site.events) == is_open


async def test_the_name_of_an_open_door_is_who_comes_by_it_and_headers_do_not_move_anybody() -> None:
    site = Site(doors=[LAN])

    for header in ("x_forwarded_for", "forwarded", "x_real_ip", "x_client_ip", "true_client_ip"):
        answer = await site.event("/events", body=DOCTOR, **{header: "10.1.0.7"})
        assert answer.status == 401, header
    scope = {"type": "http", "path": "/events", "headers": [], "client": ("10.1.0.7", 5)}
    found = OpenDoors([LAN]).identify(Request(scope))
    assert found == Identity(name="doctor-lan", project=None, role=Role.MONITOR, via=Via.NETWORK)
    assert OpenDoors([LAN]).identify(Request(scope | {"client": None})) is None
    assert address_of("nowhere") is None
    # A token that is sent there counts as anywhere else.
    assert (await site.event("/events", token="nfv_x", address="10.1.0.7", body=DOCTOR)).status == 401


@pytest.mark.parametrize("header", [{"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}])
async def test_a_web_page_does_not_come_in_by_an_open_door(header: dict[str, str]) -> None:
    site = Site(doors=[LAN])

    assert (await site.event("/events", address="10.1.0.7", body=DOCTOR, **header)).status == 403
    assert site.events == []


async def test_what_is_no_event_door_is_not_open_even_if_it_is_named_as_one() -> None:
    site = Site(doors=[OpenDoor(name="x", doors=["/who"], networks=["10.1.0.0/24"])])

    assert (await site.who(address="10.1.0.7")).status == 401


async def test_no_door_is_open_by_itself(site: Site) -> None:
    for path in ("/events", "/v1/events", "/v1/event", "/maintenance"):
        assert (await site.event(path, address="127.0.0.1", body=DOCTOR)).status == 401


async def test_in_development_mode_a_signature_must_be_right_all_the_same() -> None:
    site = Site(dev=True)
    local = {"host": "localhost"}

    assert (await site.event(**local)).status == 200
    assert (await site.event(**local, **sign("whsec_" + "A" * 43 + "="))).status == 401


# Breaking glass


async def test_breaking_glass_reads_all_and_works_without_database_and_keystone(site: Site) -> None:
    site.foreign.is_away = True
    site.error = StoreUnavailableError("the database is away")

    with capture_logs() as logs:
        answer = await site.who(SECRET, address="10.0.0.1")

    shown = answer.json
    assert (shown["role"], shown["sees_all"], shown["via"]) == ("reader", True, "break-glass")
    assert (BREAK_GLASS.scope, BREAK_GLASS.may_write, BREAK_GLASS.may_send_events) == (None, False, False)
    assert [(line["log_level"], line["address"], line["asked"]) for line in logs] == [
        ("warning", "10.0.0.1", "GET /who")
    ]
    assert site.store.asked_for_tokens == 0
    assert (await site.event(token=SECRET)).status == 403


async def test_each_use_is_noted_once_a_minute_for_an_address(site: Site) -> None:
    with capture_logs() as logs:
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
            await site.who(SECRET, address=address)
        site.now += 60 * SECOND
        await site.who(SECRET, address="10.0.0.1")

    assert [line["address"] for line in logs] == ["10.0.0.1", "10.0.0.2", "10.0.0.1"]
    assert SECRET not in str(logs)
    assert SECRET_HASH not in str(logs)


async def test_what_is_remembered_of_its_use_has_a_bound() -> None:
    account = BreakGlass(hashed=SECRET_HASH, clock=lambda: NOW)
    with capture_logs():
        for number in range(1500):
            assert account.use(str(number), "GET /") is BREAK_GLASS
    assert len(account._told) == 1000


async def test_without_a_hash_there_is_no_such_account(site: Site) -> None:
    account = BreakGlass(hashed="", clock=site.clock)

    assert not account.fits("")
    assert not site.break_glass.fits(SECRET_HASH[:-1] + "x")
    assert site.break_glass.fits(SECRET_HASH)


# Pace


async def test_a_caller_that_asks_too_often_is_told_when_to_come_again() -> None:
    site = Site(per_second=1, burst=3)
    greedy, other = site.token(Role.READER, "greedy", "A"), site.token(Role.READER, "other", "A")

    answers = [await site.who(greedy) for _ in range(5)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert answers[-1].json["title"] == "Too Many Requests"
    assert (await site.who(other)).status == 200
    site.now += SECOND
    assert (await site.who(greedy)).status == 200
    assert site.counted == ["requests", "requests"]


async def test_event_doors_have_a_bound_of_their_own_that_answers_alike() -> None:
    site = Site(per_second=1, burst=1, events_per_second=1, events_burst=2)
    monitor = site.token(Role.MONITOR)

    answers = [await site.event(token=monitor) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert answers[2].json["status"] == 429
    assert len(site.events) == 2


async def test_tokens_cannot_be_tried_and_who_was_good_before_goes_on(site: Site) -> None:
    good, unseen = site.token(Role.READER, "good", "A"), site.token(Role.READER, "unseen", "A")
    assert (await site.who(good)).status == 200

    statuses = [(await site.who(f"nfv_{number}")).status for number in range(10)]

    assert statuses == [401] * 5 + [429] * 5
    assert (await site.who("guess")).status == 429
    # Also a right one is not told from a wrong one, unless it was good there lately.
    assert (await site.who(unseen)).status == 429
    assert (await site.who(good)).status == 200
    assert (await site.who(unseen, address="10.0.0.10")).status == 200
    site.now += 60 * SECOND
    assert (await site.who(unseen)).status == 200


async def test_who_has_a_network_of_ipv6_has_no_more_tries_than_others(site: Site) -> None:
    statuses = [(await site.who(f"nfv_{number}", address=f"2001:db8::{number}")).status for number in range(10)]

    assert statuses == [401] * 5 + [429] * 5
    assert (await site.who("nfv_11", address="2001:db8:0:1::1")).status == 401
    assert (await site.who("nfv_12", address="::ffff:10.0.0.1")).status == 401


async def test_a_monitor_whose_token_has_ended_locks_nobody_out(site: Site) -> None:
    for _ in range(100):
        assert (await site.event(token="nfv_ended")).status == 401

    assert (await site.event(token=site.token(Role.MONITOR))).status == 200


async def test_a_monitor_with_a_wrong_key_locks_neither_tokens_nor_proven_keys_out(site: Site) -> None:
    _, key = await site.credentials.create_monitor_key(name="ping")
    assert (await site.event(**sign(key, id="first"))).status == 200
    wrong = "whsec_" + "A" * 43 + "="

    for number in range(20):
        await site.event(**sign(wrong, id=str(number)))

    assert (await site.event(**sign(key, id="second"))).status == 200
    assert (await site.event(token=site.token(Role.MONITOR))).status == 200
    other = [(await site.event(address="10.9.9.9", **sign(wrong, id=str(number)))).status for number in range(7)]
    assert other == [401] * 5 + [429] * 2
