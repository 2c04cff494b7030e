"""What is refused when a subscription is made, and where webhooks never go."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

import pytest
from notifier_players import CHANNELS, SECRET, subscription, until

from nfvigil.errors import RefusedError, SettingsError, UnavailableError
from nfvigil.model.subscription import Endpoint, Filter, Subscription
from nfvigil.notifier.admission import check_subscription
from nfvigil.notifier.resolver import Resolver
from nfvigil.notifier.safety import Safety, check_url


@pytest.mark.parametrize(
    "url",
    [
        "http://vnfm.example.net/hook",
        "https://10.0.0.8:8443/a/b?c=d",
        "http://[2001:db8::1]:8080/",
        "http://192.168.1.1",
        "http://bücher.example/x",
    ],
)
def test_an_ordinary_url_is_fine(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://a.example/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("//a.example/", "http:// or https://"),
        ("http:///nohost", "no host"),
        ("http://user:pw@a.example/", "user name or password"),
        ("http://user@a.example/", "user name or password"),
        ("http://a.example/#part", "fragment"),
        ("http://a.example:99999/", "ort"),
        ("http://a.example:0/", "port 0"),
        ("http://a.example/\r\nX: y", "control character"),
        ("http://a b.example/", "space"),
        ("http://a.example\\@b.example/", "backslash"),
        ("http://[::1/", "cannot be read"),
        ("http://a..b.example/", "not a host name"),
        (f"http://{'a' * 64}.example/", "not a host name"),
        ("http://a.example/" + "x" * 2048, "longer"),
        ("http://127.0.0.1/", "loopback"),
        ("http://localhost:80/", "loopback"),
        ("http://[::1]/", "loopback"),
        ("http://[::ffff:127.0.0.1]/", "loopback"),
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://[::ffff:169.254.169.254]/", "link-local"),
        ("http://[64:ff9b::a9fe:a9fe]/", "link-local"),
        ("http://[2002:a9fe:a9fe::1]/", "link-local"),
        ("http://[fe80::1%25eth0]/", "link-local"),
        ("http://[fd00:ec2::254]/", "metadata"),
        ("http://100.100.100.200/", "metadata"),
        ("http://0.0.0.0/", "no address"),
        ("http://224.0.0.1/", "multicast"),
        ("http://255.255.255.255/", "reserved"),
    ],
)
def test_a_dangerous_or_broken_url_is_refused_with_its_reason(url: str, reason: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        check_url(url)

    assert reason in str(refusal.value)
    assert {error.field for error in refusal.value.errors} == {"url"}


def test_loopback_may_be_allowed_but_metadata_never() -> None:
    check_url("http://127.0.0.1:8080/", True)
    check_url("http://localhost/", True)

    with pytest.raises(RefusedError):
        check_url("http://169.254.169.254/", True)


def test_the_operator_decides_about_networks() -> None:
    safety = Safety(allow=["10.0.0.0/8", "169.254.0.0/16"], deny=["10.9.0.0/16"])

    assert safety.refusal("10.1.2.3") == ""
    assert "denied" in safety.refusal("10.9.2.3")
    assert "not in the networks" in safety.refusal("192.0.2.1")
    assert "link-local" in safety.refusal("169.254.1.1")
    with pytest.raises(SettingsError, match=r"deny\[1\]"):
        Safety(deny=["10.0.0.0/8", "nonsense"])


def _endpoint(**given: str) -> Endpoint:
    return Endpoint(**({"id": "e1", "url": "http://vnfm.example.net/"} | given))


@pytest.mark.parametrize(
    ("one", "field", "reason"),
    [
        (subscription(endpoints=()), "endpoints", "at least one"),
        (subscription(endpoints=(_endpoint(), _endpoint())), "endpoints", "same id"),
        (subscription(endpoints=tuple(_endpoint(id=f"e{n}") for n in range(17))), "endpoints", "more than 16"),
        (subscription(endpoints=(_endpoint(url="http://127.0.0.1/"),)), "endpoints[0].url", "loopback"),
        (
            subscription(endpoints=(_endpoint(format="pigeon"),)),
            "endpoints[0].format",
            "'pigeon' is not known; known are " + ", ".join(sorted(CHANNELS)),
        ),
        (subscription(endpoints=(_endpoint(format="signed"),)), "endpoints[0].secret", "needs a secret"),
        (subscription(endpoints=(_endpoint(format="signed", secret="whsec_*"),)), "endpoints[0].secret", "base64"),
        (subscription(endpoints=(_endpoint(format="signed", secret="whsec_YQ=="),)), "endpoints[0].secret", "shorter"),
        (subscription(endpoints=(_endpoint(token="a\r\nb"),)), "endpoints[0].token", "printable"),
        (subscription(heartbeat_seconds=0.1), "heartbeat_seconds", "must be 0"),
        (subscription(heartbeat_seconds=float("nan")), "heartbeat_seconds", "must be 0"),
        (subscription(filter=Filter(fault_types=("",))), "filter.fault_types[0]", "characters"),
        (subscription(filter=Filter(fault_types=("*a" * 9,))), "filter.fault_types[0]", "stars"),
        (subscription(filter=Filter(resource_ids=("x",) * 1001)), "filter.resource_ids", "more than"),
    ],
)
def test_a_subscription_that_cannot_be_served_is_refused_when_it_is_made(
    one: Subscription, field: str, reason: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        check_subscription(one, channels=CHANNELS, safety=Safety())

    assert [error.field for error in refusal.value.errors] == [field]
    assert reason in str(refusal.value)


def test_a_good_subscription_is_taken_and_all_faults_of_a_bad_one_are_named() -> None:
    good = subscription(endpoints=(_endpoint(format="signed", secret=SECRET, token="t"),), heartbeat_seconds=60)
    check_subscription(good, channels=CHANNELS, safety=Safety())

    bad = subscription(endpoints=(_endpoint(url="x", format="y"), _endpoint(id="e2", token="\0")))
    with pytest.raises(RefusedError) as refusal:
        check_subscription(bad, channels=CHANNELS, safety=Safety())
    assert len(refusal.value.errors) >= 3


def _resolver(look_up: Callable[[str], Sequence[str]], **given: float) -> Resolver:
    return Resolver(safety=Safety(), look_up=look_up, **given)  # type: ignore[arg-type]  # numbers only


@pytest.mark.anyio
async def test_a_name_that_leads_to_metadata_is_refused_and_its_good_addresses_are_used() -> None:
    rebound = _resolver(lambda host: ["169.254.169.254"])
    mixed = _resolver(lambda host: ["127.0.0.1", "192.0.2.7"])

    with pytest.raises(RefusedError, match="link-local"):
        await rebound.resolve("innocent.example")
    assert await mixed.resolve("mixed.example") == ["192.0.2.7"]
    rebound.close()
    mixed.close()


@pytest.mark.anyio
async def test_odd_spellings_of_an_address_are_seen_through() -> None:
    resolver = Resolver(safety=Safety())

    for host in ("2130706433", "0x7f.1", "127.1"):
        with pytest.raises(RefusedError, match="loopback"):
            await resolver.resolve(host)
    with pytest.raises(RefusedError, match="loopback"):
        await resolver.resolve("127.0.0.1")
    resolver.close()


@pytest.mark.anyio
async def test_a_known_address_is_used_while_the_name_server_is_away() -> None:
    answers: list[Sequence[str]] = [["192.0.2.7"]]
    asked = 0

    def look_up(host: str) -> Sequence[str]:
        nonlocal asked
        asked += 1
        if answers:
            return answers.pop(0)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    resolver = _resolver(look_up, fresh_seconds=0.0)

    assert await resolver.resolve("vnfm.example") == ["192.0.2.7"]
    assert await resolver.resolve("vnfm.example") == ["192.0.2.7"]
    await until(lambda: asked == 2)
    with pytest.raises(UnavailableError, match="Temporary failure"):
        await resolver.resolve("other.example")
    resolver.close()


@pytest.mark.anyio
async def test_a_name_without_an_address_is_away() -> None:
    resolver = _resolver(lambda host: [])

    with pytest.raises(UnavailableError, match="no address"):
        await resolver.resolve("empty.example")
    resolver.close()
