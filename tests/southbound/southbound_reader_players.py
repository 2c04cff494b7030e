"""Readers of an unruly cloud: one that paints a picture of it by the rules, and one that trips over everything."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

import msgspec

from nfvigil.model.reading import ChangedDetails, Details, Reading
from nfvigil.model.resource import CloudRecord, Port, Server, key_of_record

T = TypeVar("T")


class Picture:
    """Believes what is listed, forgets what is gone, and keeps the rest as it is known."""

    def __init__(self, *, chance: Random, is_there: Callable[[str], bool]) -> None:
        self.records: dict[str, CloudRecord] = {}
        self.words: dict[str, bytes] = {}
        self.false: list[str] = []
        self._chance = chance
        self._is_there = is_there
        self._digests: dict[str, int] = {}

    def interval_seconds(self, _vim: str) -> float | None:
        return self._chance.choice((None, None, 20.0))

    def begin(self, _vim: str) -> Details | None:
        return ChangedDetails(wants=bool, known=self._digests)

    def missing(self, reading: Reading) -> list[str]:
        listed = {key_of_record(record) for record in (*reading.servers.values(), *reading.ports.values())}
        return [key for key in self.records if key not in listed]

    def take(self, reading: Reading, details: Details | None) -> None:
        assert isinstance(details, ChangedDetails)
        self.false += [key for key in reading.gone if self._is_there(key)]
        for record in (*reading.servers.values(), *reading.ports.values()):
            self.records[key_of_record(record)] = record
        self.words |= details.changed
        self._digests |= details.digests
        for key in reading.gone:
            self.records.pop(key, None)
            self.words.pop(key, None)
            self._digests.pop(key, None)

    def forget(self, vim: str) -> None: ...

    def truth(self, of: dict[str, CloudRecord]) -> dict[str, CloudRecord]:
        """As much of the cloud as it paints."""
        return {key: record for key, record in of.items() if isinstance(record, Server | Port)}

    def told(self) -> dict[str, CloudRecord]:
        """What the words say that it kept."""
        return {key: msgspec.json.decode(said, type=CloudRecord) for key, said in self.words.items()}


class Tripping:
    """Fails where it can, and expects what nobody has."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def interval_seconds(self, _vim: str) -> float | None:
        return self._trip(None)

    def begin(self, _vim: str) -> Details | None:
        return self._trip(self)

    def wants(self, _server_id: str) -> bool:
        return self._trip(True)

    def put(self, key: str, _body: memoryview) -> None:
        self._trip(key)

    def missing(self, _reading: Reading) -> list[str]:
        return self._trip(["server/never-was", "port/never-was", "nonsense", ""])

    def take(self, _reading: Reading, _details: Details | None) -> None:
        self._trip(None)

    def forget(self, vim: str) -> None:
        self._trip(vim)

    def _trip(self, value: T) -> T:
        if self._chance.random() < 0.1:
            raise KeyError("tripped")
        return value
