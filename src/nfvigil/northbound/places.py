"""Places in the order in which alarms change, as consumers hold them: ``<generation>.<what only we can read>``.

A number would tell a project how often other projects' alarms change; so a place is sealed, anew each time, and bound
to whose it is. It says how far its holder has come, and how far the changes had come when it began: what was purged up
to there can be nothing that it saw in an earlier state.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nfvigil.errors import FieldError, RefusedError
from nfvigil.northbound.problems import GoneError

BEGINNING = "0"
PATTERN = r"^(0|[0-9a-f]{12}\.[A-Za-z0-9_-]{64})$"
MAX_CHARS = 12 + 1 + 64
RESYNC = "resync: list the alarms anew, and go on with the cursor of that list"
_NONCE = 12
_NUMBER = 8


class Run(Protocol):
    """A start of the service, as the store remembers it."""

    @property
    def name(self) -> str: ...
    @property
    def generation(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def began_change(self) -> int: ...


class Place(msgspec.Struct, frozen=True):
    """Behind the change of the number ``change``, by one who began when the last change had the number ``start``."""

    change: int
    start: int

    @property
    def safe(self) -> int:
        """What was purged up to this number is no loss."""
        return max(self.change, self.start)


def written(place: Place, runs: Sequence[Run], scope: str | None) -> str:
    """A place as its holder gets it; ``scope`` is the holder's."""
    run = runs[-1]
    nonce = secrets.token_bytes(_NONCE)
    plain = place.change.to_bytes(_NUMBER) + place.start.to_bytes(_NUMBER) + bytes.fromhex(run.name)
    sealed = nonce + AESGCM(run.key).encrypt(nonce, plain, _whose(scope))
    return f"{run.generation}.{base64.urlsafe_b64encode(sealed).decode()}"


def read(text: str, runs: Sequence[Run], scope: str | None, field: str) -> Place:
    """GoneError where it is not a place of ``scope`` in the past of this database."""
    generation, _, sealed = text.partition(".")
    now = runs[-1]
    if generation != now.generation:
        raise _gone(field, f"is of another generation than {now.generation}")
    try:
        raw = base64.urlsafe_b64decode(sealed)
        plain = AESGCM(now.key).decrypt(raw[:_NONCE], raw[_NONCE:], _whose(scope))
    except (binascii.Error, ValueError, InvalidTag) as error:
        raise _gone(field, "is none that was given to you") from error
    place = Place(int.from_bytes(plain[:_NUMBER]), int.from_bytes(plain[_NUMBER : 2 * _NUMBER]))
    name = plain[2 * _NUMBER :].hex()
    number = next((number for number, run in enumerate(runs) if run.name == name), None)
    if number is None or (number + 1 < len(runs) and place.safe > runs[number + 1].began_change):
        raise _gone(field, "is of a time that this database does not know: it was put back, or replaced")
    return place


def sealed(marker: str, runs: Sequence[Run], scope: str) -> str:
    """A marker of a list which says what its holder may not know."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.urlsafe_b64encode(
        nonce + AESGCM(runs[-1].key).encrypt(nonce, marker.encode(), _whose(scope))
    ).decode()


def opened(text: str, runs: Sequence[Run], scope: str) -> str:
    """RefusedError where it is none that was given to ``scope``."""
    try:
        raw = base64.urlsafe_b64decode(text)
        return AESGCM(runs[-1].key).decrypt(raw[:_NONCE], raw[_NONCE:], _whose(scope)).decode()
    except (binascii.Error, ValueError, InvalidTag) as error:
        flaw = FieldError("marker", "is not the `next` of a page of this list")
        raise RefusedError("the request is wrong", [flaw]) from error


def too_old(field: str) -> GoneError:
    return _gone(field, "is too old: alarms that changed since were purged")


def _gone(field: str, reason: str) -> GoneError:
    return GoneError(RESYNC, [FieldError(field, reason)])


def _whose(scope: str | None) -> bytes:
    return b"*" if scope is None else b"/" + scope.encode()
