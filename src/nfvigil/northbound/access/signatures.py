"""Monitors that sign what they send, by the Standard Webhooks specification: an HMAC over id, time and body."""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from nfvigil.errors import ConflictError, OverloadedError, UnknownCallerError
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.secret import Secret
from nfvigil.model.signed import HEADER, SignedMessage
from nfvigil.model.times import SECOND
from nfvigil.northbound.access.replays import Replays, Seen

ID = "webhook-id"
STAMP = "webhook-timestamp"
KEY = "webhook-key"
"""Which key it is, by its name. Ours: without it all of them are tried."""

TOLERANCE_SECONDS = 300
SIGNATURES_MAX = 10
HEADER_MAX_CHARS = 2048
WORK_MAX_BYTES = 8 << 20
"""So much is hashed for one message at most, over all keys that are tried."""

KEY_PREFIX = "whsec_"
NOT_VALID = "the signature is not valid"


class MonitorKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    key: Secret
    """``whsec_`` and base64, as a monitor's library takes it."""
    expires_us: int | None = None

    @property
    def raw(self) -> bytes:
        return binascii.a2b_base64(self.key.reveal().removeprefix(KEY_PREFIX))


class KeyRing(Protocol):
    """Where the keys are."""

    async def keys(self) -> Sequence[MonitorKey]: ...
    async def newer(self) -> Sequence[MonitorKey] | None:
        """Read again, unless that was just done."""


class _Stamped(msgspec.Struct, frozen=True):
    """What the headers say."""

    id: str
    stamp: int
    key: str
    signatures: tuple[bytes, ...]


class Signatures:
    def __init__(self, *, ring: KeyRing, clock: Callable[[], int], replays: Replays | None = None) -> None:
        self._ring = ring
        self._clock = clock
        self._replays = Replays(tolerance=TOLERANCE_SECONDS) if replays is None else replays
        self._last = ""
        """The key that fitted last: monitors send many messages in a row."""

    async def identify(self, message: SignedMessage, headers: Mapping[str, str]) -> Identity:
        """UnknownCallerError where it is not signed by a monitor of ours, ConflictError where it came already."""
        now_us = self._clock()
        stamped = stamped_of(headers)
        if abs(now_us // SECOND - stamped.stamp) > TOLERANCE_SECONDS:
            raise UnknownCallerError(f"{STAMP} is more than {TOLERANCE_SECONDS} s from our clock")
        body = await message.body()
        found = await self._find(stamped, body, lambda: self._ring.keys())
        if found is None:
            found = await self._find(stamped, body, self._newer)
        if found is None:
            raise UnknownCallerError(NOT_VALID)
        self._last = found.id
        self._see(found, stamped, message, now_us // SECOND)
        return Identity(name=found.name, project=None, role=Role.MONITOR, id=found.id, via=Via.SIGNATURE)

    async def _newer(self) -> Sequence[MonitorKey]:
        keys = await self._ring.newer()
        if keys is None:
            return ()
        self._replays.keep_only(frozenset(key.id for key in keys))
        return keys

    async def _find(
        self, stamped: _Stamped, body: bytes, read: Callable[[], Awaitable[Sequence[MonitorKey]]]
    ) -> MonitorKey | None:
        now_us = self._clock()
        keys = [
            key
            for key in await read()
            if (not stamped.key or key.name == stamped.key) and (key.expires_us is None or key.expires_us > now_us)
        ]
        keys.sort(key=lambda key: key.id != self._last)
        if len(body) * len(keys) > WORK_MAX_BYTES and len(keys) > 1:
            raise UnknownCallerError(f"the message is too large to try all keys on it: name yours in {KEY}")
        return next((key for key in keys if is_signed(key.raw, stamped, body)), None)

    def _see(self, key: MonitorKey, stamped: _Stamped, message: SignedMessage, now: int) -> None:
        seen = self._replays.begin(key.id, stamped.id, stamped.stamp, now)
        if seen is Seen.TAKEN:
            raise ConflictError(f"the message {stamped.id} was taken in already")
        if seen is Seen.UNDER_WAY:
            raise OverloadedError(f"the message {stamped.id} is being taken in just now")
        if seen is Seen.TOO_OLD:
            raise OverloadedError("too many signed messages at once: send this one again with a new time and signature")
        message.when_settled(lambda is_taken: self._replays.settle(key.id, stamped.id, is_taken=is_taken))


def stamped_of(headers: Mapping[str, str]) -> _Stamped:
    """UnknownCallerError where the headers are not what the specification asks for."""
    message_id, stamp = headers.get(ID, ""), headers.get(STAMP, "")
    given = headers.get(HEADER, "")
    if not message_id or len(message_id) > 255 or not message_id.isascii() or not message_id.isprintable():
        raise UnknownCallerError(f"a signed message has an id in {ID}")
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
        raise UnknownCallerError(f"a signed message has its time in {STAMP}, in seconds since 1970")
    parts = given[:HEADER_MAX_CHARS].split(" ")[:SIGNATURES_MAX]
    signatures = tuple(_bytes(part.removeprefix("v1,")) for part in parts if part.startswith("v1,"))
    if not signatures:
        raise UnknownCallerError(f"{HEADER} holds no signature of version v1")
    return _Stamped(message_id, int(stamp), headers.get(KEY, ""), signatures)


def is_signed(key: bytes, stamped: _Stamped, body: bytes) -> bool:
    wanted = hmac.digest(key, f"{stamped.id}.{stamped.stamp}.".encode() + body, "sha256")
    # Each is looked at, so that the time taken does not tell which one was nearly right.
    return sum(hmac.compare_digest(wanted, one) for one in stamped.signatures) > 0


def _bytes(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:  # also what is no ASCII
        return b""
