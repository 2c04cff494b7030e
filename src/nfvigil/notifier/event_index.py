"""Which event alarms an event may fire: an index that answers in microseconds, however many alarms there are.

    project -> by what they ask for (event type, names of the traits that are to be equal)
            -> by what these traits are to be -> the few alarms that ask for just that

An event is looked up once for each different question, and questions are few: Doctor's 100,000 alarms all ask for
``compute.instance.update`` with an ``instance_id`` and a ``state``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import translate
from functools import lru_cache

from nfvigil.errors import ForbiddenError
from nfvigil.model.event_alarm import CloudEvent, EventAlarm
from nfvigil.notifier.event_values import Test, Value, comparison, holds, values_of

QUESTIONS_MAX = 1_000
"""Different questions of one project: each is looked at for each event of its own."""
SAME_MAX = 1_000
"""Alarms of one project that ask for the very same: all of them fire in the turn that everybody's news waits for."""
_SIGHTS_MAX = 1_024
"""Event types for which it is remembered which questions they touch."""

Values = Mapping[str, Value]


@lru_cache(maxsize=16384)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


@lru_cache(maxsize=65536)
def _fits(pattern: str, names: tuple[str, ...]) -> bool:
    return any(_glob(pattern).match(name) is not None for name in names)


def sees(alarm: EventAlarm, event: CloudEvent) -> bool:
    """Whether its owner may be told of the event: a server may have changed hands since it fired."""
    if alarm.is_operators or not alarm.project:
        return not event.project or alarm.project in ("", event.project)
    return alarm.project == event.project and not event.operators_only


class _Entry:
    """An alarm, and what is left to be compared when it was found by the traits that are to be equal."""

    __slots__ = ("alarm", "rest")

    def __init__(self, alarm: EventAlarm, rest: tuple[Test, ...]) -> None:
        self.alarm = alarm
        self.rest = rest


_Question = tuple[str, tuple[str, ...]]
_Answers = dict[tuple[Value, ...], dict[str, _Entry]]


def _taken_apart(alarm: EventAlarm) -> tuple[_Question, tuple[Value, ...], tuple[Test, ...]]:
    tests = [comparison(condition) for condition in alarm.query]
    equal = {name: value for (name, _, value), one in zip(tests, alarm.query, strict=True) if one.op == "eq"}
    rest = tuple(test for test, one in zip(tests, alarm.query, strict=True) if one.op != "eq")
    names = tuple(sorted(equal))
    return (alarm.event_type, names), tuple(equal[name] for name in names), rest


class _Bucket:
    """The alarms that see the same events with the same traits."""

    def __init__(self) -> None:
        self.questions: dict[_Question, _Answers] = {}
        self._sights: dict[tuple[str, ...], list[tuple[tuple[str, ...], _Answers]]] = {}

    def put(self, alarm: EventAlarm) -> _Entry:
        question, key, rest = _taken_apart(alarm)
        answers = self.questions.get(question)
        if answers is None:
            answers = self.questions[question] = {}
            self._sights.clear()
        entry = answers.setdefault(key, {})[alarm.id] = _Entry(alarm, rest)
        return entry

    def remove(self, alarm: EventAlarm) -> None:
        question, key, _ = _taken_apart(alarm)
        answers = self.questions[question]
        del answers[key][alarm.id]
        if not answers[key]:
            del answers[key]
        if not answers:
            del self.questions[question]
            self._sights.clear()

    def match(self, names: tuple[str, ...], values: Values) -> Iterator[EventAlarm]:
        for traits, answers in self._asked(names):
            try:
                found = answers.get(tuple([values[trait] for trait in traits]))
            except KeyError:  # it lacks one of them
                continue
            for entry in found.values() if found else ():
                if all(holds(test, values) for test in entry.rest):
                    yield entry.alarm

    def _asked(self, names: tuple[str, ...]) -> list[tuple[tuple[str, ...], _Answers]]:
        """The questions that are about events of this type."""
        asked = self._sights.get(names)
        if asked is None:
            if len(self._sights) >= _SIGHTS_MAX:
                self._sights.clear()
            asked = [(traits, answers) for (glob, traits), answers in self.questions.items() if _fits(glob, names)]
            self._sights[names] = asked
        return asked


class EventIndex:
    """All event alarms. One that is put is effective with the next event; nothing is rebuilt for it."""

    def __init__(self, alarms: Iterable[EventAlarm] = ()) -> None:
        self._all: dict[str, EventAlarm] = {}
        self._entries: dict[str, _Entry] = {}
        """Of those that are enabled."""
        self._counts: dict[str, int] = {}
        self._projects: dict[str, _Bucket] = {}
        self._operators: dict[str, _Bucket] = {}
        """By project as well; those of "" see everybody's events."""
        self._types: dict[str, int] = {}
        """How many alarms ask for each glob of event types."""
        self._watched: dict[str, bool] = {}
        self._fired: dict[str, dict[str, None]] = {}
        for alarm in alarms:
            self.put(alarm)

    def __len__(self) -> int:
        return len(self._all)

    def count(self, project: str) -> int:
        return self._counts.get(project, 0)

    def get(self, alarm_id: str) -> EventAlarm | None:
        return self._all.get(alarm_id)

    def check_room(self, alarm: EventAlarm) -> None:
        """ForbiddenError where its project asks for too many different things already, or too often for this one."""
        bucket = self._buckets(alarm).get(alarm.project)
        if bucket is None:
            return
        question, key, _ = _taken_apart(alarm)
        answers = bucket.questions.get(question)
        if answers is None and len(bucket.questions) >= QUESTIONS_MAX:
            raise ForbiddenError(f"the project's alarms ask for {QUESTIONS_MAX} different sets of traits already")
        same = answers.get(key, {}) if answers is not None else {}
        if len(same) >= SAME_MAX and alarm.id not in same:
            raise ForbiddenError(f"{SAME_MAX} of the project's alarms ask for the same traits and values already")

    def put(self, alarm: EventAlarm) -> None:
        """Add it, or take the place of the one with its id."""
        self.remove(alarm.id)
        self._all[alarm.id] = alarm
        self._counts[alarm.project] = self._counts.get(alarm.project, 0) + 1
        if alarm.fired_for:
            self._fired.setdefault(alarm.fired_for, {})[alarm.id] = None
        if alarm.enabled:
            self._entries[alarm.id] = self._buckets(alarm).setdefault(alarm.project, _Bucket()).put(alarm)
            if alarm.event_type not in self._types:
                self._types[alarm.event_type] = 0
                self._watched.clear()
            self._types[alarm.event_type] += 1

    def remove(self, alarm_id: str) -> None:
        """Take it out; nothing happens if it is not in."""
        alarm = self._all.pop(alarm_id, None)
        if alarm is None:
            return
        self._counts[alarm.project] -= 1
        if not self._counts[alarm.project]:
            del self._counts[alarm.project]
        self._forget_fired(alarm)
        if alarm.enabled:
            del self._entries[alarm_id]
            buckets = self._buckets(alarm)
            bucket = buckets[alarm.project]
            bucket.remove(alarm)
            if not bucket.questions:
                del buckets[alarm.project]
            self._types[alarm.event_type] -= 1
            if not self._types[alarm.event_type]:
                del self._types[alarm.event_type]
                self._watched.clear()

    def move(self, alarm: EventAlarm) -> None:
        """It is in another state; what it asks for is as it was. A storm fires thousands, so this is quick."""
        self._forget_fired(self._all[alarm.id])
        self._all[alarm.id] = alarm
        if alarm.fired_for:
            self._fired.setdefault(alarm.fired_for, {})[alarm.id] = None
        entry = self._entries.get(alarm.id)
        if entry is not None:
            entry.alarm = alarm

    def _forget_fired(self, alarm: EventAlarm) -> None:
        fired = self._fired.get(alarm.fired_for)
        if fired is not None:
            fired.pop(alarm.id, None)
            if not fired:
                del self._fired[alarm.fired_for]

    def _buckets(self, alarm: EventAlarm) -> dict[str, _Bucket]:
        return self._operators if alarm.is_operators or not alarm.project else self._projects

    def is_watched(self, event_type: str) -> bool:
        """Whether anybody asks for events of this type at all: what nobody does need not be read."""
        known = self._watched.get(event_type)
        if known is None:
            if len(self._watched) >= _SIGHTS_MAX:
                self._watched.clear()
            known = self._watched[event_type] = any(_fits(glob, (event_type,)) for glob in self._types)
        return known

    def is_wanted(self, names: tuple[str, ...], project: str, resource: str) -> bool:
        """Whether an event by these names could fire anything, or let anything return."""
        if resource in self._fired:
            return True
        has_hearers = bool(self._operators) if not project else project in self._projects or bool(self._operators)
        return has_hearers and any(self.is_watched(name) for name in names)

    def match(self, event: CloudEvent) -> list[EventAlarm]:
        """Those whose type and query the event fits, each once, whatever state they are in."""
        names = (event.event_type, *event.other_names)
        found: list[EventAlarm] = []
        if event.project and not event.operators_only:
            bucket = self._projects.get(event.project)
            if bucket is not None:
                found.extend(bucket.match(names, values_of(event.traits)))
        buckets = self._seeing(event)
        if buckets:
            values = values_of(event.traits + event.physical)
            for bucket in buckets:
                found.extend(bucket.match(names, values))
        return found

    def _seeing(self, event: CloudEvent) -> list[_Bucket]:
        """Administrators': those of its project and those of all; of what is nobody's, all of them."""
        if not event.project:
            return list(self._operators.values())
        return [self._operators[name] for name in (event.project, "") if name in self._operators]

    def fired_for(self, resource: str) -> list[EventAlarm]:
        """Those in the state alarm because of this resource."""
        return [self._all[alarm_id] for alarm_id in self._fired.get(resource, ())]
