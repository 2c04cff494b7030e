"""Monitors that sign: what is let in, what is refused, and what comes a second time."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from nfvigil.errors import ConflictError, NfvigilError, OverloadedError, UnknownCallerError
from nfvigil.model.identity import Role, Via
from nfvigil.model.secret import Secret
from nfvigil.model.signed import SignedMessage
from nfvigil.model.times import SECOND
from nfvigil.northbound.access.monitor_keys import create_key
from nfvigil.northbound.access.replays import Replays, Seen
from nfvigil.northbound.access.signatures import MonitorKey, Signatures

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000
BODY = b'{"type": "compute.host.down", "resource": "host/compute-1"}'


@dataclass
class Ring:
    kept: list[MonitorKey] = field(default_factory=list)
    later: list[MonitorKey] | None = None

    async def keys(self) -> Sequence[MonitorKey]:
        return self.kept

    async def newer(self) -> Sequence[MonitorKey] | None:
        return self.later


def key(name: str, *, expires_us: int | None = None) -> MonitorKey:
    return MonitorKey(id=f"id-of-{name}", name=name, key=Secret(create_key()), expires_us=expires_us)


def signed(by: MonitorKey, *, id: str = "msg-1", at: int = NOW, body: bytes = BODY, **more: str) -> dict[str, str]:
    """As the library of the specification signs it."""
    signature = Webhook(by.key.reveal()).sign(id, datetime.fromtimestamp(at, UTC), body.decode())
    headers = {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}
    return headers | {name.replace("_", "-"): value for name, value in more.items()}


def message(body: bytes = BODY) -> SignedMessage:
    async def read() -> bytes:
        return body

    return SignedMessage(read=read)


class Site:
    def __init__(self, *keys: MonitorKey, later: list[MonitorKey] | None = None, ids_max: int = 100) -> None:
        self.now = [NOW * SECOND]
        self.ring = Ring([*keys], later)
        self.replays = Replays(tolerance=300, ids_max=ids_max)
        self.signatures = Signatures(ring=self.ring, clock=lambda: self.now[0], replays=self.replays)

    async def send(self, headers: dict[str, str], body: bytes = BODY, *, is_taken: bool | None = True) -> str:
        """Who it is; ``is_taken`` is what the door makes of it, None while it has not decided."""
        sent = message(body)
        found = await self.signatures.identify(sent, headers)
        assert (found.role, found.via, found.project, found.scope) == (Role.MONITOR, Via.SIGNATURE, None, "")
        if is_taken is not None:
            sent.settle(is_taken)
        return found.name


async def test_what_the_specifications_library_signs_is_let_in() -> None:
    ping, bmc = key("ping"), key("bmc")
    site = Site(ping, bmc)

    assert await site.send(signed(ping)) == "ping"
    assert await site.send(signed(bmc)) == "bmc"
    assert await site.send(signed(bmc, id="msg-2", webhook_key="bmc")) == "bmc"
    assert await site.send(signed(bmc, id="msg.3 of 4", at=NOW - 300)) == "bmc"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"webhook-id": ""}, "id", id="no id"),
        pytest.param({"webhook-id": "x" * 256}, "id", id="an id that is too long"),
        pytest.param({"webhook-id": "ü"}, "id", id="an id that is no ASCII"),
        pytest.param({"webhook-id": "msg-2"}, "not valid", id="another id"),
        pytest.param({"webhook-timestamp": ""}, "its time", id="no time"),
        pytest.param({"webhook-timestamp": "soon"}, "its time", id="a time that is none"),
        pytest.param({"webhook-timestamp": "1" * 13}, "its time", id="a time that is too long"),
        pytest.param({"webhook-timestamp": "-5"}, "its time", id="a time before all"),
        pytest.param({"webhook-timestamp": "\u0663"}, "its time", id="digits of others"),
        pytest.param({"webhook-timestamp": str(NOW + 1)}, "not valid", id="another time"),
        pytest.param({"webhook-timestamp": str(NOW - 301)}, "300 s", id="too old"),
        pytest.param({"webhook-timestamp": str(NOW + 301)}, "300 s", id="too new"),
        pytest.param({"webhook-signature": "v1,"}, "not valid", id="an empty signature"),
        pytest.param({"webhook-signature": "v1,!!!"}, "not valid", id="no base64"),
        pytest.param({"webhook-signature": "v1,\u00fc"}, "not valid", id="a signature that is no ASCII"),
        pytest.param({"webhook-signature": "v1a,x"}, "v1", id="a signature of another version"),
        pytest.param({"webhook-signature": " "}, "v1", id="blanks"),
        pytest.param({"webhook-key": "bmc"}, "not valid", id="another's name"),
    ],
)
async def test_a_signature_that_is_not_right_is_refused(change: dict[str, str], said: str) -> None:
    ping = key("ping")
    site = Site(ping, key("bmc"))

    with pytest.raises(UnknownCallerError, match=said):
        await site.send(signed(ping) | change)
    assert len(site.replays) == 0
    assert await site.send(signed(ping)) == "ping"


async def test_a_body_that_was_changed_is_refused_and_what_is_stale_is_not_even_read() -> None:
    ping = key("ping")
    site = Site(ping)

    with pytest.raises(UnknownCallerError, match="not valid"):
        await site.send(signed(ping), BODY + b" ")
    with pytest.raises(UnknownCallerError, match="not valid"):
        await site.send(signed(key("stranger")))

    async def read() -> bytes:
        raise AssertionError("it is read")

    with pytest.raises(UnknownCallerError, match="300 s"):
        await site.signatures.identify(SignedMessage(read=read), signed(ping, at=NOW - 1000))


async def test_one_of_several_signatures_is_enough_but_not_behind_too_many() -> None:
    ping, site = key("ping"), Site()
    site.ring.kept = [ping]
    good, bad = signed(ping)["webhook-signature"], signed(key("x"))["webhook-signature"]

    assert await site.send(signed(ping) | {"webhook-signature": f"v2,x {bad} {good}"}) == "ping"
    with pytest.raises(UnknownCallerError, match="not valid"):
        await site.send(signed(ping, id="2") | {"webhook-signature": " ".join([bad] * 10 + [good])})


async def test_a_key_that_has_ended_does_not_fit_and_one_that_is_new_is_found() -> None:
    ended, new = key("ended", expires_us=NOW * SECOND), key("new", expires_us=NOW * SECOND + 1)
    site = Site(ended, later=[ended, new])

    with pytest.raises(UnknownCallerError):
        await site.send(signed(ended))
    assert await site.send(signed(new)) == "new"


async def test_the_same_id_is_taken_in_once() -> None:
    ping, bmc = key("ping"), key("bmc")
    site = Site(ping, bmc)

    await site.send(signed(ping))
    for again in (signed(ping), signed(ping, at=NOW + 1)):
        with pytest.raises(ConflictError, match="already"):
            await site.send(again)
    # Another monitor's ids are its own.
    assert await site.send(signed(bmc)) == "bmc"
    site.now[0] += 301 * SECOND
    with pytest.raises(UnknownCallerError, match="300 s"):
        await site.send(signed(ping))
    assert await site.send(signed(ping, at=NOW + 301)) == "ping"


async def test_what_was_not_taken_in_may_be_sent_again_and_what_is_under_way_is_waited_for() -> None:
    ping = key("ping")
    site = Site(ping)

    await site.send(signed(ping), is_taken=False)
    await site.send(signed(ping), is_taken=None)
    with pytest.raises(OverloadedError, match="just now"):
        await site.send(signed(ping))


async def test_to_try_every_key_on_a_large_body_is_too_much_work_unless_it_says_which() -> None:
    keys = [key(f"k{number}") for number in range(9)]
    site = Site(*keys)
    body = b'"' + b"x" * 1_000_000 + b'"'

    with pytest.raises(UnknownCallerError, match="webhook-key"):
        await site.send(signed(keys[8], body=body), body)
    assert await site.send(signed(keys[8], body=body, webhook_key="k8"), body) == "k8"


async def test_keys_that_are_gone_leave_no_memory() -> None:
    ping, bmc = key("ping"), key("bmc")
    site = Site(ping, bmc, later=[bmc])
    await site.send(signed(ping))
    await site.send(signed(bmc))

    site.ring.kept = [bmc]
    with pytest.raises(UnknownCallerError):
        await site.send(signed(ping, id="2"))

    assert len(site.replays) == 1


def test_what_is_forgotten_for_want_of_room_cannot_come_again() -> None:
    replays = Replays(tolerance=300, ids_max=3)
    for number in range(5):
        assert replays.begin("k", str(number), NOW + number, NOW) is Seen.NEW
        replays.settle("k", str(number), is_taken=True)

    assert len(replays) == 3
    assert replays.begin("k", "0", NOW, NOW) is Seen.TOO_OLD
    assert replays.begin("k", "1", NOW + 1, NOW) is Seen.TOO_OLD
    assert replays.begin("k", "4", NOW + 4, NOW) is Seen.TAKEN
    # With a new stamp it is the monitor's own word that it sends again.
    assert replays.begin("k", "0", NOW + 5, NOW) is Seen.NEW
    assert replays.begin("other", "0", NOW, NOW) is Seen.NEW


def test_what_was_sent_again_is_remembered_by_its_later_stamp() -> None:
    replays = Replays(tolerance=300)
    assert replays.begin("k", "a", NOW - 200, NOW) is Seen.NEW
    replays.settle("k", "a", is_taken=False)
    assert replays.begin("k", "a", NOW, NOW) is Seen.NEW
    replays.settle("k", "a", is_taken=True)

    assert replays.begin("k", "b", NOW + 200, NOW + 200) is Seen.NEW  # forgets what was stamped before NOW - 100

    assert replays.begin("k", "a", NOW, NOW + 200) is Seen.TAKEN
    assert replays.begin("k", "c", NOW + 400, NOW + 400) is Seen.NEW
    assert len(replays) == 2
    replays.settle("nobody", "x", is_taken=True)


async def test_too_many_at_once_are_told_to_come_again() -> None:
    ping = key("ping")
    site = Site(ping, ids_max=1)
    await site.send(signed(ping, id="1", at=NOW))
    await site.send(signed(ping, id="2", at=NOW + 1))

    with pytest.raises(OverloadedError, match="new time"):
        await site.send(signed(ping, id="3", at=NOW))
    assert issubclass(OverloadedError, NfvigilError)


def test_a_key_is_32_random_bytes_as_libraries_take_them() -> None:
    one, other = create_key(), create_key()

    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32
    assert "whsec" not in repr(key("ping"))
