"""Which conditions of OSM's VDUs began and ended, and which were told. Pure, but for what it remembers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from nfvigil.model.vnf_record import VduCondition, VduNews
from nfvigil.vnf.osm.records import Conditions, Result
from nfvigil.vnf.osm.tasks import Skip

NOT_THERE = (Skip.NO_RECORD, Skip.NO_VDUR, Skip.OTHER_SERVER)
"""Whoever is not in the record any more has nothing wrong with him."""

Place = tuple[str, str, str, int, str]
"""VIM, server, and where in which record."""


NONE: Conditions = frozenset()
IN_ERROR = (VduCondition.ERROR, "")


class _Told(NamedTuple):
    result: Result
    conditions: Conditions


class Told:
    """What was told of and has not ended. After a start: ``standing`` are the conditions that stand as faults,
    ``undecided`` is what was said and has not come to anything yet.
    """

    def __init__(self, standing: Iterable[VduNews] = (), undecided: Iterable[VduNews] = ()) -> None:
        self._told: dict[Place, _Told] = {}
        self._stood: dict[str, dict[str, list[VduNews]]] = {}
        """By record and VDU: of those nothing was seen yet."""
        self._unsure: dict[Place, Conditions] = {}
        """What may have been told or taken back: it was being said when the log went away."""
        said = list(undecided)
        self._doubted = {(one.vnf, one.vnfc, one.condition, one.port) for one in said}
        """Whichever way it was said: it is said anew when it is looked at."""
        for one in [*standing, *said]:
            self._stood.setdefault(one.vnf, {}).setdefault(one.vnfc, []).append(one)

    def of(self, result: Result) -> Conditions:
        told = self._told.get(place_of(result))
        stood = self._stood.get(result.work.target.vnfr, {}).get(result.vnfc, ())
        return frozenset((one.condition, one.port) for one in stood) if told is None else told.conditions

    def news(self, results: Iterable[Result]) -> list[VduNews]:
        """What is to be told of these. It counts as told when ``remember`` says so."""
        return [one for result in results for one in self._news(result)]

    def doubt(self, results: Iterable[Result]) -> None:
        """The news of these was being said, and nobody knows how far that got."""
        for result in results:
            place = place_of(result)
            self._unsure[place] = self._unsure.get(place, NONE) | (self.of(result) ^ result.conditions)

    def remember(self, results: Iterable[Result]) -> None:
        for result in results:
            place, vnfr = place_of(result), result.work.target.vnfr
            if result.skip is None or result.skip in NOT_THERE:
                self._unsure.pop(place, None)
            if result.skip is None:
                self._stood.get(vnfr, {}).pop(result.vnfc, None)
            elif result.skip is Skip.NO_RECORD:
                self._stood.pop(vnfr, None)
            if result.skip is None and result.conditions:
                self._told[place] = _Told(result, result.conditions)
            elif result.skip is None or result.skip in NOT_THERE:
                self._told.pop(place, None)

    def left(self, places: Collection[Place]) -> list[Result]:
        """Those of what is not monitored any more, as if it were well."""
        return [
            told.result._replace(conditions=frozenset()) for place, told in self._told.items() if place not in places
        ]

    def strange(self, vnfrs: Collection[str]) -> list[VduNews]:
        """The ends of what stood when we started, and is of no record that is monitored now."""
        return [
            replace(one, is_on=False)
            for vnfr, by_vdu in self._stood.items()
            if vnfr not in vnfrs
            for stood in by_vdu.values()
            for one in stood
        ]

    def forget_strange(self, vnfrs: Collection[str]) -> None:
        self._stood = {vnfr: by_vdu for vnfr, by_vdu in self._stood.items() if vnfr in vnfrs}

    def _news(self, result: Result) -> list[VduNews]:
        told, unsure = self._told.get(place_of(result)), self._unsure.get(place_of(result), NONE)
        by_vdu = self._stood.get(result.work.target.vnfr, {})
        if result.skip is not None:
            if result.skip not in NOT_THERE:
                return []
            gone = list(by_vdu.values()) if result.skip is Skip.NO_RECORD else []
            ended = [replace(one, is_on=False) for stood in gone for one in stood]
            return ended + (_ends(told.result, told.conditions | unsure) if told is not None else [])
        # What stood is ended in the words that it was told in: they are its name in the log.
        stood = by_vdu.get(result.vnfc, ()) if told is None else ()
        mine = [one for one in stood if one.project == result.project]
        on = {(one.condition, one.port) for one in mine} & result.conditions
        ended = [replace(one, is_on=False) for one in stood if one not in mine or (one.condition, one.port) not in on]
        sure = (one for one in mine if (one.vnf, one.vnfc, one.condition, one.port) not in self._doubted)
        before = frozenset((one.condition, one.port) for one in sure) if told is None else told.conditions
        begun = [_one(result, *one, is_on=True) for one in sorted(result.conditions - (before - unsure))]
        ends = unsure | (NONE if told is None else told.conditions)
        return ended + _ends(result, ends - result.conditions) + begun


def _ends(result: Result, conditions: Conditions) -> list[VduNews]:
    return [_one(result, *one, is_on=False) for one in sorted(conditions)]


def place_of(result: Result) -> Place:
    work = result.work
    return (work.vim, work.target.server, *work.target.place)


def _one(result: Result, condition: VduCondition, port: str, *, is_on: bool) -> VduNews:
    target = result.work.target
    return VduNews(
        condition=condition,
        is_on=is_on,
        project=result.project,
        vnf=target.vnfr,
        vnfc=result.vnfc,
        vim=result.work.vim,
        server=target.server,
        name=result.name,
        host=result.host,
        port=port,
        text=result.text if is_on else "",
    )
