"""Canaries: secrets that are told from each other, and the search for them in whatever was written or answered."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus


class Hit(NamedTuple):
    secret: str
    """Where it was planted."""
    found: str
    """Where it was found."""


class Canaries:
    """``allowed`` says of which secret it may be read where, and why: a hit there is none."""

    def __init__(self, allowed: dict[Hit, str]) -> None:
        self.allowed = allowed
        self.used: set[Hit] = set()
        self._chance = random.SystemRandom()
        self._secrets: dict[str, tuple[bytes, ...]] = {}

    def plant(self, place: str, length: int = 24) -> str:
        """A new one, with characters in it that are written otherwise in a URL."""
        letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
        text = "".join(self._chance.choice(letters) for _ in range(length - 4))
        return self.know(place, f"{text[:6]}+~{text[6:]}~=")

    def know(self, place: str, secret: str) -> str:
        """One that somebody else has made."""
        assert place not in self._secrets, place
        self._secrets[place] = tuple(dict.fromkeys(forms(secret)))
        return secret

    @property
    def places(self) -> list[str]:
        return list(self._secrets)

    def hits(self, pieces: Iterable[tuple[str, bytes]]) -> list[Hit]:
        """Where one was found that may not be read there."""
        found = []
        for where, data in pieces:
            for place, needles in self._secrets.items():
                if any(needle in data for needle in needles):
                    hit = Hit(place, where)
                    if hit in self.allowed:
                        self.used.add(hit)
                    else:
                        found.append(hit)
        return found


def forms(secret: str) -> Iterator[bytes]:
    """How it may be written: as it is, in JSON, in a URL, and in base64 whatever is before it."""
    raw = secret.encode()
    yield raw
    yield json.dumps(secret)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    for text in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield text.encode()
        yield text.lower().encode()
    for before in range(3):
        # What is left of it is the same whatever stands on its sides.
        inner = base64.b64encode(b"\0" * before + raw)[-(-before * 8 // 6) :]
        kept = inner[: (len(raw) * 8 - (-before * 8 % 6)) // 6].rstrip(b"=")
        yield kept
        yield kept.replace(b"+", b"-").replace(b"/", b"_")


def is_text(data: bytes) -> bool:
    return re.search(rb"\0", data) is None
