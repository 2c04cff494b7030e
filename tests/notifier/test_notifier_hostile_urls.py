"""Nobody makes us call what is not theirs: every hostile URL is tried with the real client, and the canary stays dry.

The lookup is the system's but for the names of ``hostile_urls.NAMES``; the address is checked when it is connected to.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest
from hostile_urls import METADATA, NAMES, PLAIN
from notifier_players import until

from nfvigil.errors import NfvigilError, RefusedError
from nfvigil.notifier.control_plane import ControlPlane
from nfvigil.notifier.poster import HttpPoster, target_of
from nfvigil.notifier.resolver import Resolver, look_up
from nfvigil.notifier.safety import CONTROL, Safety

pytestmark = pytest.mark.anyio


class Ear:
    """Listens, counts what reaches it, and answers what it is told to."""

    def __init__(self) -> None:
        self.hits: list[bytes] = []
        self.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.port = 0

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits.append(b"")
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.hits[-1] += head
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def listen(self, *addresses: str) -> list[asyncio.Server]:
        servers = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            servers.append(await asyncio.start_server(self.hear, address, self.port, family=family))
            self.port = servers[-1].sockets[0].getsockname()[1]
        return servers


@pytest.fixture
async def ears() -> AsyncIterator[tuple[Ear, Ear]]:
    """The canary and the endpoint that may be called."""
    canary, good = Ear(), Ear()
    async with AsyncExitStack() as stack:
        for server in [*await canary.listen("127.0.0.1", "::1"), *await good.listen("127.0.0.2")]:
            await stack.enter_async_context(server)
        yield canary, good


def names(host: str) -> Sequence[str]:
    return NAMES.get(host.lower().rstrip(".")) or look_up(host)


OURS = Safety(allow_loopback=True, deny=["127.0.0.1/32", "::1/128"])


async def try_it(url: str, *, safety: Safety = OURS, look_up: Callable[[str], Sequence[str]] = names) -> str:
    """As a subscription would: looked at when it is made, and called all the same. Says why it did not arrive."""
    refusals = []
    try:
        safety.check_url(url)
    except RefusedError as error:
        refusals.append(str(error))
    poster = HttpPoster(resolver=Resolver(safety=safety, look_up=look_up))
    try:
        answer = await poster.post(target_of(url, {}), {}, b"{}", 2.0)
        refusals.append(f"answered {answer.status}")
    except (NfvigilError, ValueError, UnicodeError) as error:
        refusals.append(str(error))
    finally:
        await poster.close()
    return "; ".join(refusals)


@pytest.mark.parametrize("url", [pytest.param(url, id=name) for name, url in PLAIN])
async def test_a_hostile_url_does_not_reach_the_canary(url: str, ears: tuple[Ear, Ear]) -> None:
    canary, good = ears
    filled = url.replace("{port}", str(canary.port)).replace("{good}", str(good.port))

    said = await try_it(filled.replace("{overflow}", str(65536 + canary.port)))

    assert canary.hits == []
    assert said
    assert not any(b"GET / HTTP" in hit for hit in good.hits)


async def look_and_call(url: str, safety: Safety) -> None:
    safety.check_url(url)
    poster = HttpPoster(resolver=Resolver(safety=safety, look_up=names))
    try:
        await poster.post(target_of(url, {}), {}, b"{}", 1.0)
    finally:
        await poster.close()


@pytest.mark.parametrize("url", [pytest.param(url, id=name) for name, url in METADATA])
async def test_metadata_and_the_like_are_never_called_whatever_is_allowed(url: str) -> None:
    everything = Safety(allow_loopback=True, allow=["0.0.0.0/0", "::/0"])

    with pytest.raises(RefusedError) as refusal:
        await look_and_call(url, everything)

    assert "refused" in str(refusal.value)


async def test_the_canary_hears_who_may_call_it(ears: tuple[Ear, Ear]) -> None:
    """Else the tests above would pass with everything broken."""
    canary, _ = ears

    said = await try_it(f"http://canary.example:{canary.port}/", safety=Safety(allow_loopback=True))

    assert said == "answered 204"
    assert len(canary.hits) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("header", ["Location", "Refresh", "Alt-Svc"])
async def test_nobody_is_followed(status: int, header: str, ears: tuple[Ear, Ear]) -> None:
    canary, good = ears
    there = {
        "Location": f"http://127.0.0.1:{canary.port}/",
        "Refresh": f"0; url=http://127.0.0.1:{canary.port}/",
        "Alt-Svc": f'h2="127.0.0.1:{canary.port}"; ma=60',
    }
    good.answer = f"HTTP/1.1 {status} There\r\n{header}: {there[header]}\r\nContent-Length: 0\r\n\r\n".encode()

    said = await try_it(f"http://allowed.example:{good.port}/")

    assert said == f"answered {status}"
    assert len(good.hits) == 1
    assert canary.hits == []


async def test_a_name_that_changes_between_the_look_and_the_call_does_not_get_through(ears: tuple[Ear, Ear]) -> None:
    canary, good = ears
    answers = [("127.0.0.2",), ("127.0.0.1",), ("127.0.0.2", "127.0.0.1"), ("::1",), ("::ffff:127.0.0.1",)]
    resolver = Resolver(safety=OURS, look_up=lambda host: answers[0], fresh_seconds=0.0, stale_seconds=0.0)
    poster = HttpPoster(resolver=resolver, idle_max=0)
    target = target_of(f"http://fickle.example:{canary.port}/", {})
    refused = 0

    while answers:
        try:
            await poster.post(target, {}, b"{}", 2.0)
        except RefusedError:
            refused += 1
        except NfvigilError:
            pass  # 127.0.0.2 does not listen at the canary's port.
        del answers[0]
    await poster.close()

    assert refused == 3
    assert canary.hits == []
    assert good.hits == []


async def test_no_header_of_ours_that_lets_somebody_in_goes_out(ears: tuple[Ear, Ear]) -> None:
    _, good = ears

    await try_it(f"http://allowed.example:{good.port}/hook?who=me")

    sent = good.hits[0].lower()
    assert sent.startswith(b"post /hook?who=me http/1.1\r\nhost: allowed.example")
    assert not any(word in sent for word in (b"authorization", b"x-auth-token", b"cookie", b"proxy"))


# What NFVigil itself works with


async def control(*places: str, names: dict[str, tuple[str, ...]] | None = None) -> ControlPlane:
    def find(host: str) -> Sequence[str]:
        if names is None or host not in names:
            raise socket.gaierror(-2, "Name or service not known")
        return names[host]

    plane = ControlPlane(places=lambda: places, look_up=find)
    await plane.refresh()
    return plane


async def test_our_own_door_and_the_clouds_are_refused_by_address_and_port_and_their_neighbours_are_not() -> None:
    plane = await control(
        "127.0.0.1:12345",
        "https://keystone.example/v3",
        "amqp://bus.example",
        "postgresql://10.0.0.9:5433",
        "[fd00::9]:8774",
        "nonsense:port",
        "ipmi.example",
        names={"keystone.example": ("10.0.0.1", "fd00::1"), "bus.example": ("10.0.0.2",)},
    )
    safety = Safety(allow_loopback=True, is_control=plane.covers)

    for host, port in (
        ("127.0.0.1", 12345),
        ("10.0.0.1", 443),
        ("fd00::1", 443),
        ("10.0.0.2", 5672),
        ("10.0.0.9", 5433),
        ("fd00::9", 8774),
        ("::ffff:10.0.0.9", 5433),
    ):
        assert safety.refusal(host, port) == "a service that NFVigil itself works with"
    assert safety.refusal("127.0.0.1", 8080) == ""
    assert safety.refusal("10.0.0.1", 9090) == ""
    for url in ("https://KEYSTONE.example./v3/", "https://keystone.example:443/", "http://10.0.0.9:5433/"):
        with pytest.raises(RefusedError, match="itself works with"):
            safety.check_url(url)
    safety.check_url("https://keystone.example:8443/hook")


async def test_a_port_that_is_open_everywhere_is_refused_at_every_address_of_this_machine() -> None:
    plane = await control("0.0.0.0:12345")
    safety = Safety(allow_loopback=True, is_control=plane.covers)

    assert safety.refusal("127.0.0.1", 12345)
    assert safety.refusal("127.0.0.9", 12345)
    assert safety.refusal("::1", 12345)
    assert safety.refusal("192.0.2.1", 12345) == ""
    assert safety.refusal("127.0.0.1", 12346) == ""


async def test_what_we_reach_by_loopback_is_refused_at_the_other_addresses_of_this_machine_too() -> None:
    plane = await control("postgresql://localhost", "127.0.0.1:12345", names={"localhost": ("127.0.0.1", "::1")})

    assert plane.covers("127.0.0.9", 5432)  # any address of this machine; it has no other for certain
    assert plane.covers("127.0.0.9", 12345)
    assert not plane.covers("192.0.2.1", 5432)
    assert not plane.covers("127.0.0.9", 5433)


@pytest.mark.parametrize("place", ["[FD00:0:0::0009]:8774", "[::ffff:10.0.0.9]:8774"])
async def test_a_place_is_refused_however_its_address_is_spelt(place: str) -> None:
    safety = Safety(is_control=(await control(place)).covers)

    assert safety.refusal("10.0.0.9" if "ffff" in place else "fd00::9", 8774) == CONTROL


async def test_a_place_whose_name_cannot_be_looked_up_now_is_still_refused() -> None:
    known = {"keystone.example": ("10.0.0.1",)}
    plane = await control("https://keystone.example", names=known)
    known.clear()

    await plane.refresh()

    assert plane.covers("10.0.0.1", 443)
    assert plane.covers("keystone.example", 443)


async def test_there_is_a_limit_to_the_places_and_new_ones_are_found() -> None:
    places = ["10.0.0.1:1"]
    plane = ControlPlane(places=lambda: places, interval_seconds=0.01)
    await plane.refresh()
    places.append("10.0.0.2:2")

    running = asyncio.create_task(plane.run())
    await until(lambda: plane.covers("10.0.0.2", 2))
    running.cancel()

    places.extend(f"10.1.{number // 256}.{number % 256}:80" for number in range(20_001))
    await plane.refresh()
    assert plane.covers("10.1.0.0", 80)
    assert not plane.covers("10.1.78.32", 80)
