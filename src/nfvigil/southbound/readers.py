"""Those who read every listing beside the map. One that raises hears no more of that listing, and harms nobody."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from nfvigil.model.reading import Details, Reader, Reading, kept
from nfvigil.model.resource import Kind, split_key
from nfvigil.model.vim_status import ReaderStatus

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Readers:
    def __init__(self, readers: Sequence[Reader] = ()) -> None:
        self._readers = tuple(readers)
        self._status: dict[str, tuple[ReaderStatus, ...]] = {}
        """By VIM: as they were after its last listing."""

    def begin(self, vim: str) -> Hearing:
        """A listing begins."""
        return Hearing([Share(vim=vim, reader=reader) for reader in self._readers])

    def end(self, vim: str, hearing: Hearing) -> None:
        """A listing was believed and handed out."""
        self._status[vim] = tuple(
            ReaderStatus(name=share.name, interval_seconds=share.interval_seconds(), error=share.error)
            for share in hearing.shares
        )

    def interval_seconds(self, vim: str) -> float | None:
        """How often the one needs them who needs them most often."""
        wishes = (one.interval_seconds for one in self._status.get(vim, ()))
        return min((wish for wish in wishes if wish is not None and wish >= 0), default=None)

    def status(self, vim: str) -> tuple[ReaderStatus, ...]:
        return self._status.get(vim) or tuple(ReaderStatus(name=name_of(reader)) for reader in self._readers)

    def forget(self, vim: str) -> None:
        for reader in self._readers:
            Share(vim=vim, reader=reader).forget()
        self._status.pop(vim, None)


class Share:
    """One reader's share in one listing. ``error`` is why it hears no more of it, or ""."""

    def __init__(self, *, vim: str, reader: Reader) -> None:
        self.name = name_of(reader)
        self.error = ""
        self.details: Details | None = None
        self._vim = vim
        self._reader = reader

    def begin(self) -> None:
        self.details = self._ask(lambda: self._reader.begin(self._vim), None)

    def wants(self, server_id: str) -> bool:
        try:
            return not self.error and self.details is not None and self.details.wants(server_id)
        except Exception as error:
            self._failed(error)
            return False

    def put(self, key: str, body: memoryview) -> None:
        try:
            if self.details is not None:
                self.details.put(key, body)
        except Exception as error:
            self._failed(error)

    def missing(self, reading: Reading) -> Sequence[str]:
        return self._ask(lambda: [key for key in self._reader.missing(reading) if split_key(key)], ())

    def take(self, reading: Reading) -> None:
        self._ask(lambda: self._reader.take(reading, self.details), None)

    def interval_seconds(self) -> float | None:
        return self._ask(lambda: _seconds(self._reader.interval_seconds(self._vim)), None)

    def forget(self) -> None:
        self._ask(lambda: self._reader.forget(self._vim), None)

    def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        try:
            return question()
        except Exception as error:
            self._failed(error)
            return otherwise

    def _failed(self, error: Exception) -> None:
        # What it says may hold what nobody should read in an answer: that is for the log.
        self.error = type(error).__name__
        _log.error("a reader of listings failed", reader=self.name, vim=self._vim, exc_info=error)


class Hearing:
    """Who hears of one listing."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self.shares = shares
        for share in shares:
            share.begin()

    @property
    def details(self) -> Details | None:
        """For the driver: what any of them wants."""
        shares = [share for share in self.shares if share.details is not None]
        return AllDetails(shares) if len(shares) > 1 else shares[0] if shares else None

    def missing(self, reading: Reading) -> dict[str, None]:
        """What any of them expected, and is not there."""
        found: dict[str, None] = {}
        for share in self._well():
            for key in share.missing(reading):
                kind, name = split_key(key)
                listed = reading.servers if kind == Kind.SERVER else reading.ports if kind == Kind.PORT else None
                if listed is not None and name not in listed:
                    found[key] = None
        return found

    def take(self, reading: Reading) -> None:
        for share in self._well():
            share.take(reading)

    def _well(self) -> list[Share]:
        return [share for share in self.shares if not share.error]


class AllDetails:
    """Hands what a driver reads to those who want it; ``put`` goes with the last ``wants``."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self._shares = shares
        self._wanting: list[Share] = []

    def wants(self, server_id: str) -> bool:
        self._wanting = [share for share in self._shares if share.wants(server_id)]
        return bool(self._wanting)

    def put(self, key: str, body: memoryview) -> None:
        body = memoryview(kept(body))  # one copy for all
        for share in self._wanting:
            share.put(key, body)


def _seconds(wish: float | None) -> float | None:
    """Whatever a reader of others returned is a finite number, or this raises."""
    if wish is not None and not math.isfinite(wish):
        raise ValueError("this is no time")
    return wish


def name_of(reader: Reader) -> str:
    """What it calls itself, or what its class is called."""
    return str(getattr(reader, "name", "")) or type(reader).__name__
