"""Which conditions of OSM's VDUs began and ended, and which were told. Pure, but for what it remembers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from nfvigil.model.vnf_record import VduCondition, VduNews
from nfvigil.vnf.osm.records import Conditions, Result
from nfvigil.vnf.osm.tasks import Skip

NOT_THERE = (Skip.NO_RECORD, Skip.NO_VDUR, Skip.OTHER_SERVER)
"""Whoever is not in the record any more has nothing wrong with him."""

Place = tuple[str, str, str, int, str]
"""VIM, server, and where in which record."""


class _Told(NamedTuple):
    result: Result
    conditions: Conditions


class Told:
    """What was told of and has not ended. After a start nothing is known: what is still on is told again."""

    def __init__(self) -> None:
        self._told: dict[Place, _Told] = {}

    def news(self, results: Iterable[Result]) -> list[VduNews]:
        """What is to be told of these. It counts as told when ``remember`` says so."""
        return [one for result in results for one in self._news(result)]

    def remember(self, results: Iterable[Result]) -> None:
        for result in results:
            place = place_of(result)
            if result.skip is None and result.conditions:
                self._told[place] = _Told(result, result.conditions)
            elif result.skip is None or result.skip in NOT_THERE:
                self._told.pop(place, None)

    def left(self, places: Collection[Place]) -> list[Result]:
        """Those of what is not monitored any more, as if it were well."""
        return [
            told.result._replace(conditions=frozenset(), was=told.conditions)
            for place, told in self._told.items()
            if place not in places
        ]

    def _news(self, result: Result) -> list[VduNews]:
        told = self._told.get(place_of(result))
        before = told.conditions if told is not None else frozenset()
        if result.skip is not None:
            if told is None or result.skip not in NOT_THERE:
                return []
            result = told.result._replace(conditions=frozenset())
        begun = sorted(result.conditions - before)
        ended = sorted((before | result.was) - result.conditions)
        return [
            *(_one(result, condition, port, is_on=False) for condition, port in ended),
            *(_one(result, condition, port, is_on=True) for condition, port in begun),
        ]


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
