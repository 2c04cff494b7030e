"""Keystone's tokens: asked once, believed for a while, and longer while Keystone is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import msgspec
import pytest
from keystone_standin import PASSWORD, KeystoneStandIn, token_of
from structlog.testing import capture_logs

from nfvigil.controller.vims.openstack.options import checked
from nfvigil.controller.vims.openstack.session import Login, Session
from nfvigil.controller.vims.openstack.transport import AiohttpTransport, Answer
from nfvigil.errors import ForbiddenError, OverloadedError, RefusedError, UnavailableError, VimUnavailableError
from nfvigil.model.identity import Identity, Role
from nfvigil.model.secret import Secret
from nfvigil.model.times import SECOND
from nfvigil.northbound.access import keystone as keystone_module
from nfvigil.northbound.access.asking_keystone import Keystone, KeystoneCannotError
from nfvigil.northbound.access.keystone import KeystoneTokens
from nfvigil.northbound.access.local import hash_of
from nfvigil.northbound.access.personas import KeystoneToken
from nfvigil.northbound.access.settings import RoleNames

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000 * SECOND


class Asked:
    """Keystone in memory, and the clocks of whoever asks it."""

    def __init__(self, **more: Any) -> None:
        self.now = NOW
        self.worth: dict[str, dict[str, Any]] = {"good": self.token("member")}
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.asked: list[str] = []
        self.counted: list[str] = []
        self.tokens = KeystoneTokens(
            look_up=self.look_up,
            names=RoleNames().by_role(),
            clock=lambda: self.now,
            now=lambda: self.now / SECOND,
            count=self.counted.append,
            **more,
        )

    def token(self, *roles: str, seconds: float = 3600) -> dict[str, Any]:
        expires = datetime.fromtimestamp(NOW / SECOND + seconds, UTC).isoformat()
        return token_of(*roles) | {"expires_at": expires}

    async def look_up(self, token: str) -> KeystoneToken | None:
        self.asked.append(token)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        found = self.worth.get(token)
        return None if found is None else msgspec.convert(found, KeystoneToken)

    async def ask(self, token: str = "good") -> Identity | None:
        return await self.tokens.identify(token, hash_of(token))

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    async def settle(self) -> None:
        """Until nothing is asked any more."""
        await asyncio.gather(*self.tokens._asking.values(), return_exceptions=True)
        await asyncio.sleep(0)


async def test_an_answer_is_believed_for_its_time_and_no_longer() -> None:
    site = Asked(cache_seconds=60)

    assert {(await site.ask()).name for _ in range(10)} == {"alice"}  # type: ignore[union-attr]  # it is there
    site.forward(59)
    await site.ask()
    assert site.asked == ["good"]
    site.forward(1)
    del site.worth["good"]
    assert await site.ask() is None
    assert site.asked == ["good", "good"]


async def test_nothing_is_believed_for_more_than_five_minutes_or_than_the_token_lasts() -> None:
    site = Asked(cache_seconds=10_000)
    site.worth["short"] = site.token("member", seconds=10)

    await site.ask()
    await site.ask("short")
    site.forward(10)
    assert await site.ask("short") is None
    site.forward(289)
    await site.ask()
    assert site.asked == ["good", "short", "short"]
    site.forward(1)
    await site.ask()
    assert site.asked == ["good", "short", "short", "good"]


async def test_what_is_not_valid_is_remembered_for_a_moment() -> None:
    site = Asked()
    site.worth["useless"] = site.token("other_role")

    for _ in range(3):
        assert await site.ask("bad") is None
        with pytest.raises(ForbiddenError, match="none of the roles"):
            await site.ask("useless")
    assert site.asked == ["bad", "useless"]
    site.forward(10)
    site.worth["bad"] = site.token("reader")
    assert (await site.ask("bad")).role is Role.READER  # type: ignore[union-attr]  # it is there
    assert site.counted == ["refused", "refused", "valid"]


@pytest.mark.parametrize("token", ["", "a b", "ü", "a\nb", "x" * 4097, "\x00"])
async def test_what_cannot_be_a_token_costs_no_question(token: str) -> None:
    site = Asked()

    assert await site.ask(token) is None
    assert site.asked == []


async def test_many_requests_with_one_token_wait_for_one_question() -> None:
    site = Asked()
    site.gate = asyncio.Event()

    async with anyio.create_task_group() as group:
        first = asyncio.create_task(site.ask())
        for _ in range(20):
            group.start_soon(site.ask)
        await asyncio.sleep(0)
        first.cancel()  # the one that asked goes away
        await asyncio.sleep(0)
        site.gate.set()

    assert site.asked == ["good"]


async def test_too_many_different_tokens_at_once_are_not_queued() -> None:
    site = Asked()
    site.gate = asyncio.Event()
    waiting = [asyncio.create_task(site.ask(f"t{number}")) for number in range(keystone_module.ASKING_MAX)]
    await asyncio.sleep(0)

    with pytest.raises(OverloadedError):
        await site.ask("one-too-many")
    site.gate.set()
    await asyncio.gather(*waiting)
    assert await site.ask("one-too-many") is None


async def test_the_memory_has_a_bound() -> None:
    site = Asked(cache_size=10)

    for number in range(30):
        await site.ask(f"t{number}")

    assert len(site.tokens) == 10


async def test_while_keystone_is_away_who_was_known_goes_on_and_who_was_not_comes_again() -> None:
    site = Asked(cache_seconds=60, grace_seconds=600)
    await site.ask()
    site.error = KeystoneCannotError("connection refused", 3.0)
    site.forward(61)

    with capture_logs() as logs:
        for _ in range(50):
            assert (await site.ask()).name == "alice"  # type: ignore[union-attr]  # it is there
            await site.settle()
        for _ in range(3):
            with pytest.raises(UnavailableError) as caught:
                await site.ask("stranger")
            assert caught.value.retry_after_seconds >= 1
            assert "refused" not in str(caught.value)
            site.forward(1)
    assert [line["event"] for line in logs] == [
        "Keystone cannot be asked: tokens that were good are believed for a while"
    ]
    assert len(site.asked) < 10, "it is left in peace"
    assert site.tokens.status()["error"] == "connection refused"
    assert site.tokens.is_away
    assert site.counted.count("grace") == 50

    site.forward(596)  # 60 and 600 are over
    with pytest.raises(UnavailableError):
        await site.ask()


async def test_who_is_believed_by_grace_does_not_wait_for_a_keystone_that_hangs() -> None:
    site = Asked(cache_seconds=60)
    await site.ask()
    site.forward(61)
    site.error = KeystoneCannotError("no answer within 5 s")
    await site.ask()
    site.gate = asyncio.Event()
    site.forward(60)

    async with asyncio.timeout(1):
        assert await site.ask() is not None
        await asyncio.sleep(0)
        assert await site.ask() is not None
    assert len(site.asked) == 3
    site.gate.set()
    await site.settle()


async def test_when_keystone_is_back_its_word_counts_again() -> None:
    site = Asked(cache_seconds=60)
    await site.ask()
    site.error = KeystoneCannotError("away")
    site.forward(61)
    await site.ask()
    site.error = None
    del site.worth["good"]  # revoked meanwhile
    site.forward(30)

    with capture_logs() as logs:
        assert await site.ask() is not None  # who asks first is still believed, and asks
        await site.settle()
        assert await site.ask() is None
    assert [line["event"] for line in logs] == ["Keystone answers again"]
    assert not site.tokens.is_away
    assert site.tokens.status() == {"answers": True, "away_since_time": None, "error": "", "tokens_known": 1}


async def test_grace_ends_with_the_token_and_there_is_none_where_it_is_not_wanted() -> None:
    short, none = Asked(cache_seconds=60), Asked(cache_seconds=60, grace_seconds=0)
    short.worth["good"] = short.token("member", seconds=100)
    for site in (short, none):
        await site.ask()
        site.error = KeystoneCannotError("away")
        site.forward(61)
    assert await short.ask() is not None
    with pytest.raises(UnavailableError):
        await none.ask()
    short.forward(39)
    with pytest.raises(UnavailableError):
        await short.ask()


async def test_grace_may_end_while_the_question_is_under_way() -> None:
    site = Asked(cache_seconds=60, grace_seconds=10)
    await site.ask()
    site.gate = asyncio.Event()
    site.error = KeystoneCannotError("away")
    site.forward(65)
    asking = asyncio.create_task(site.ask())
    await asyncio.sleep(0)
    site.forward(10)
    site.gate.set()

    with pytest.raises(UnavailableError):
        await asking


async def test_a_fault_of_ours_is_no_word_about_keystone_and_closing_ends_what_is_asked() -> None:
    site = Asked()
    site.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await site.ask()
    assert not site.tokens.is_away
    site.error, site.gate = None, asyncio.Event()
    asking = asyncio.create_task(site.ask())
    await asyncio.sleep(0)

    await site.tokens.close()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert site.tokens._asking == {}


# Over HTTP


@pytest.fixture
def standin() -> Iterator[KeystoneStandIn]:
    with KeystoneStandIn() as standin:
        yield standin


@asynccontextmanager
async def asking(standin: KeystoneStandIn, *, timeout_seconds: float = 5, **auth: str) -> AsyncIterator[Keystone]:
    options = checked("test", {"auth": standin.auth | auth, "timeout_seconds": timeout_seconds})
    session = Session(name="test", options=options, clock=lambda: time.time_ns() // 1000, services=("identity",))
    transport = AiohttpTransport(tls=session.tls)
    try:
        yield Keystone(account=session, transport=transport, timeout_seconds=timeout_seconds)
    finally:
        await transport.close()
        await session.close()


async def test_keystone_is_asked_with_our_own_account_which_logs_in_again_where_it_must(
    standin: KeystoneStandIn,
) -> None:
    standin.tokens["t"] = token_of("member")
    async with asking(standin) as keystone:
        await keystone.begin()
        for _ in range(2):
            found = await keystone.look_up("t")
            assert found is not None
            assert (found.user.name, found.roles[0].name, found.expires_us > NOW) == ("alice", "member", True)
        assert await keystone.look_up("unknown") is None
        assert standin.logins == 1

        standin.log_out()
        assert await keystone.look_up("t") is not None
        assert standin.logins == 2


async def test_a_keystone_that_went_and_came_back_is_found_again(standin: KeystoneStandIn) -> None:
    standin.tokens["t"] = token_of("member")
    async with asking(standin) as keystone:
        assert await keystone.look_up("t") is not None
        standin.stop()
        with pytest.raises(KeystoneCannotError):
            await keystone.look_up("t")
        standin.start()
        assert await keystone.look_up("t") is not None


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        pytest.param(503, b"", "answered 503", id="it cannot"),
        pytest.param(500, b"oh", "answered 500", id="it fails"),
        pytest.param(302, b"", "answered 302", id="it leads elsewhere"),
        pytest.param(404, b"<html>no such page</html>", "answered 404", id="a proxy's word"),
        pytest.param(403, b"{}", "role service or admin", id="we may not"),
        pytest.param(200, b"<html>", "not what it should be", id="no JSON"),
        pytest.param(200, b'{"token": {"user": {}}}', "not what it should be", id="no end"),
        pytest.param(200, b'{"token": {"user": {}, "expires_at": "soon"}}', "not what it should be", id="an odd end"),
        pytest.param(200, b'\xff{"token"', "not what it should be", id="no UTF-8"),
    ],
)
async def test_what_is_no_word_about_the_token_is_no_word_about_the_token(
    standin: KeystoneStandIn, status: int, body: bytes, said: str
) -> None:
    standin.tokens["t"] = token_of("member")
    standin.status, standin.body = status, body

    async with asking(standin) as keystone:
        with pytest.raises(KeystoneCannotError, match=said):
            await keystone.look_up("t")


async def test_a_keystone_that_hangs_is_given_up(standin: KeystoneStandIn) -> None:
    standin.tokens["t"] = token_of("member")
    async with asking(standin, timeout_seconds=0.3) as keystone:
        await keystone.begin()
        standin.delay_seconds = 3
        with pytest.raises(KeystoneCannotError, match=r"no answer within 0\.3 s"):
            await keystone.look_up("t")


async def test_a_wrong_password_of_ours_is_our_trouble_and_not_the_callers(standin: KeystoneStandIn) -> None:
    async with asking(standin, password="wrong") as keystone:
        with pytest.raises(KeystoneCannotError, match="refuses to log us in") as caught:
            await keystone.look_up("t")
    assert PASSWORD not in str(caught.value)


class Account:
    """Logs in without a Keystone."""

    def __init__(self, error: Exception | None = None, endpoint: str = "http://keystone.example/identity/v3/") -> None:
        self.error = error
        self.endpoint = endpoint

    async def login(self, refused: Secret | None = None) -> Login:
        if self.error is not None:
            raise self.error
        endpoints = {"identity": self.endpoint} if self.endpoint else {}
        return Login(token=Secret("ours"), expires_us=0, endpoints=endpoints)


class Wire:
    def __init__(self, *results: Answer | Exception) -> None:
        self.results = [*results]
        self.urls: list[str] = []

    async def __call__(self, method: str, url: str, headers: Any, body: bytes | None) -> Answer:
        assert (method, headers["X-Auth-Token"], headers["X-Subject-Token"], body) == ("GET", "ours", "t", None)
        self.urls.append(url)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


async def look_up(account: Account, wire: Wire) -> KeystoneToken | None:
    return await Keystone(account=account, transport=wire, timeout_seconds=1).look_up("t")


GOOD = Answer(status=200, headers={}, body=msgspec.json.encode({"token": token_of("member")}))


@pytest.mark.parametrize("end", ["", "/", "/v3", "/v3/", "/v2.0"])
async def test_the_address_in_the_catalogue_may_end_in_a_version(end: str) -> None:
    wire = Wire(GOOD)

    assert await look_up(Account(endpoint=f"http://keystone.example/identity{end}"), wire) is not None

    assert wire.urls == ["http://keystone.example/identity/v3/auth/tokens?nocatalog"]


async def test_a_connection_that_was_closed_is_opened_once_more() -> None:
    assert await look_up(Account(), Wire(ConnectionResetError("cut"), GOOD)) is not None
    with pytest.raises(KeystoneCannotError, match="cut"):
        await look_up(Account(), Wire(ConnectionResetError("cut"), ConnectionResetError("cut")))
    with pytest.raises(KeystoneCannotError, match="OSError"):
        await look_up(Account(), Wire(OSError()))
    refused = Answer(status=401, headers={}, body=b"")
    with pytest.raises(KeystoneCannotError, match="our account"):
        await look_up(Account(), Wire(refused, refused))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(VimUnavailableError("away", 7.0), 7.0), (RefusedError("wrong password"), 10.0)],
)
async def test_where_we_cannot_log_in_nobody_is_told_that_his_token_is_wrong(error: Exception, seconds: float) -> None:
    with pytest.raises(KeystoneCannotError) as caught:
        await look_up(Account(error), Wire())
    assert caught.value.retry_after_seconds == seconds

    with pytest.raises(KeystoneCannotError, match="no identity endpoint"):
        await look_up(Account(endpoint=""), Wire())
