"""Who wants to hear of an alarm: an index of subscriptions that answers in microseconds.

Most subscriptions name their resources (one per server, as with Aodh) and are found by them. The others are
kept by what they ask for: any number that ask for the same is looked at once.

    project -> bucket -> by resource id -> the few that name it, looked at one by one
                      -> by VNF         -> likewise
                      -> by shape       -> remembered per sight of an alarm: fault type, kind, state, cloud ...
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from functools import lru_cache

import msgspec

from nfvigil.model.alarm import Alarm, Audience, VimState
from nfvigil.model.resource import is_infrastructure, split_key
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Filter, Mode, Subscription

_ADMIN = ""
_COMPOSED_ELSEWHERE = frozenset({"aodh", "ves"})
"""Owners of subscriptions whose messages are made by another part: they are known here, and match nothing."""
_Sight = tuple[str, str, str, str, str, str, bool, bool, str]
"""What shapes see of an alarm."""
_SIGHTS_MAX = 4096
"""How many kinds of alarms a bucket remembers the shapes of: fault types are few, but monitors may invent some."""


@lru_cache(maxsize=16384)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def _glob_fits(pattern: str, fault_type: str) -> bool:
    stem = pattern[:-1] if pattern.endswith("*") else pattern
    if "*" in stem or "?" in stem or "[" in stem:
        return _glob(pattern).match(fault_type) is not None
    # Nearly all are a plain name or the beginning of one: no expression to compile.
    return fault_type == stem if stem is pattern else fault_type.startswith(stem)


@lru_cache(maxsize=65536)
def _one_fits(patterns: tuple[str, ...], fault_type: str) -> bool:
    return any(_glob_fits(pattern, fault_type) for pattern in patterns)


def _fits(wanted: Filter, kind: str, alarm: Alarm) -> bool:
    """Everything but the resource ids."""
    return (
        wanted.min_severity.rank <= alarm.severity.rank
        and (not wanted.resource_types or kind in wanted.resource_types)
        and (not wanted.resource_states or alarm.resource_state in wanted.resource_states)
        and (not wanted.fault_types or _one_fits(wanted.fault_types, alarm.fault_type))
        and (not wanted.severities or _severity(alarm) in wanted.severities)
        and _is_of_place(wanted, kind, alarm)
        and _fits_by_words(wanted, alarm)
    )


def _is_of_place(wanted: Filter, kind: str, alarm: Alarm) -> bool:
    """By where it is: never changes in an alarm's life, and is asked of a deed's end as well."""
    return (wanted.physical is None or is_infrastructure(kind) is wanted.physical) and (
        not wanted.vims or alarm.vim in wanted.vims
    )


def _severity(alarm: Alarm) -> Severity:
    return alarm.severity if alarm.is_open else Severity.CLEARED


def _fits_by_words(wanted: Filter, alarm: Alarm) -> bool:
    return (
        (not wanted.event_types or alarm.event_type in wanted.event_types)
        and (not wanted.probable_causes or alarm.probable_cause in wanted.probable_causes)
        and (not wanted.vnfs or alarm.vnf in wanted.vnfs)
        and (not wanted.only_vnfs or bool(alarm.vnf))
    )


def _fits_for_good(wanted: Filter, kind: str, name: str, alarm: Alarm) -> bool:
    """As ``_fits``, by what never changes in an alarm's life: neither severity nor state."""
    return (
        (not wanted.resource_types or kind in wanted.resource_types)
        and (not wanted.fault_types or _one_fits(wanted.fault_types, alarm.fault_type))
        and _is_of_place(wanted, kind, alarm)
        and _fits_by_words(wanted, alarm)
        and _names(wanted, name, alarm)
        # One that takes the first news only has heard of an alarm if it is let through now: else that is to come.
        and (not wanted.news or _fits(wanted, kind, alarm))
    )


def _names(wanted: Filter, name: str, alarm: Alarm) -> bool:
    return not wanted.resource_ids or name in wanted.resource_ids or alarm.resource in wanted.resource_ids


def _may_hear(subscription: Subscription, alarm: Alarm) -> bool:
    if alarm.audience is Audience.NONE:
        return False
    if subscription.project == _ADMIN:
        return True
    return alarm.audience is Audience.OWNERS and alarm.project == subscription.project


def _shape(wanted: Filter) -> Filter:
    """The same filter as all that ask for the same: the order of a list means nothing."""
    return msgspec.structs.replace(
        wanted,
        resource_types=tuple(sorted(set(wanted.resource_types))),
        resource_states=tuple(sorted(set(wanted.resource_states))),
        fault_types=tuple(sorted(set(wanted.fault_types))),
        vims=tuple(sorted(set(wanted.vims))),
        severities=tuple(sorted(set(wanted.severities))),
        event_types=tuple(sorted(set(wanted.event_types))),
        probable_causes=tuple(sorted(set(wanted.probable_causes))),
        # These say what is told of an alarm, not which alarms: they split no shape.
        occasions=None,
        events=(),
        only_last_clear=False,
        news=(),
    )


class _Bucket:
    """The subscriptions of one project, or the administrator's."""

    def __init__(self) -> None:
        self.by_resource: dict[str, dict[str, Subscription]] = {}
        self.by_vnf: dict[str, dict[str, Subscription]] = {}
        self.by_shape: dict[Filter, dict[str, Subscription]] = {}
        self._sights: dict[_Sight, list[dict[str, Subscription]]] = {}
        self._samples: dict[_Sight, Alarm] = {}

    def put(self, subscription: Subscription) -> None:
        wanted = subscription.filter
        named = self._named(wanted)
        if named is not None:
            index, names = named
            for name in names:
                index.setdefault(name, {})[subscription.id] = subscription
            return
        shape = _shape(wanted)
        members = self.by_shape.get(shape)
        if members is None:
            members = self.by_shape[shape] = {}
            for sight, shapes in self._sights.items():
                if _fits(wanted, sight[1], self._samples[sight]):
                    shapes.append(members)
        members[subscription.id] = subscription

    def _named(self, wanted: Filter) -> tuple[dict[str, dict[str, Subscription]], tuple[str, ...]] | None:
        """The index that leads to a filter, and the names under which it stands there; None for its shape's."""
        if wanted.resource_ids:
            return self.by_resource, wanted.resource_ids
        return (self.by_vnf, wanted.vnfs) if wanted.vnfs else None

    def remove(self, subscription: Subscription) -> None:
        wanted = subscription.filter
        named = self._named(wanted)
        if named is not None:
            index, names = named
            for name in names:
                members = index.get(name, {})
                members.pop(subscription.id, None)
                if not members:
                    index.pop(name, None)
        else:
            shape = _shape(wanted)
            members = self.by_shape[shape]
            del members[subscription.id]
            if not members:
                del self.by_shape[shape]
                for shapes in self._sights.values():
                    shapes[:] = [shape for shape in shapes if shape is not members]

    def match(self, kind: str, name: str, alarm: Alarm) -> Iterator[Subscription]:
        by_key = self.by_resource.get(alarm.resource)
        by_name = self.by_resource.get(name)
        for members in (by_key, by_name):
            if members is None:
                continue
            for subscription in members.values():
                twice = members is by_name and by_key is not None and subscription.id in by_key
                if not twice and _fits(subscription.filter, kind, alarm):
                    yield subscription
        if alarm.vnf:
            for subscription in self.by_vnf.get(alarm.vnf, {}).values():
                if _fits(subscription.filter, kind, alarm):
                    yield subscription
        for members in self._shapes_for(kind, alarm):
            yield from members.values()

    def _shapes_for(self, kind: str, alarm: Alarm) -> list[dict[str, Subscription]]:
        sight: _Sight = (
            alarm.fault_type,
            kind,
            alarm.resource_state.value,
            alarm.severity.value,
            alarm.event_type.value,
            alarm.probable_cause,
            bool(alarm.vnf),
            alarm.is_open,
            alarm.vim,
        )
        shapes = self._sights.get(sight)
        if shapes is None:
            if len(self._sights) >= _SIGHTS_MAX:
                self._sights.clear()
                self._samples.clear()
            shapes = [members for wanted, members in self.by_shape.items() if _fits(wanted, kind, alarm)]
            self._sights[sight] = shapes
            self._samples[sight] = alarm
        return shapes

    @property
    def is_empty(self) -> bool:
        return not self.by_resource and not self.by_vnf and not self.by_shape


class Matcher:
    """All subscriptions. A new one is effective with the next call; nothing is rebuilt for it."""

    def __init__(self, subscriptions: Iterable[Subscription] = ()) -> None:
        self._all: dict[str, Subscription] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._by_event: dict[str, dict[str, Subscription]] = {}
        self._owned: dict[str, dict[str, Subscription]] = {}
        """By the API that made them."""
        for subscription in subscriptions:
            self.put(subscription)

    def __len__(self) -> int:
        return len(self._all)

    def put(self, subscription: Subscription) -> None:
        """Add it, or take the place of the one with its id."""
        self.remove(subscription.id)
        self._all[subscription.id] = subscription
        if subscription.owner in _COMPOSED_ELSEWHERE:
            return
        self._buckets.setdefault(subscription.project, _Bucket()).put(subscription)
        for event_type in subscription.filter.events:
            self._by_event.setdefault(event_type, {})[subscription.id] = subscription
        self._owned.setdefault(subscription.owner, {})[subscription.id] = subscription

    def remove(self, subscription_id: str) -> None:
        """Take it out; nothing happens if it is not in."""
        known = self._all.pop(subscription_id, None)
        if known is None or known.owner in _COMPOSED_ELSEWHERE:
            return
        self._owned.get(known.owner, {}).pop(subscription_id, None)
        bucket = self._buckets[known.project]
        bucket.remove(known)
        if bucket.is_empty:
            del self._buckets[known.project]
        for event_type in known.filter.events:
            self._by_event.get(event_type, {}).pop(subscription_id, None)

    def get(self, subscription_id: str) -> Subscription | None:
        return self._all.get(subscription_id)

    def owned_by(self, owner: str) -> list[Subscription]:
        """Those that one API made, or the settings."""
        return list(self._owned.get(owner, {}).values())

    def match_event(self, event_type: str, project: str, vim: str) -> Sequence[Subscription]:
        """Those that ask for events of this type and may hear of it: the project's ("" is the operator's) and the
        administrator's.
        """
        return [
            subscription
            for subscription in self._by_event.get(event_type, {}).values()
            if subscription.project in (_ADMIN, project)
            and (not subscription.filter.vims or vim in subscription.filter.vims)
        ]

    def match(self, alarm: Alarm) -> Sequence[Subscription]:
        """Those whose filter the alarm passes as it is now, each once.

        Its severity is the alarm's own also when it is cleared, so what let the raise through lets the clear through.
        """
        if alarm.audience is Audience.NONE:
            return ()
        kind, name = split_key(alarm.resource)
        found: list[Subscription] = []
        if alarm.project != _ADMIN and alarm.audience is Audience.OWNERS:
            bucket = self._buckets.get(alarm.project)
            if bucket is not None:
                found.extend(bucket.match(kind, name, alarm))
        bucket = self._buckets.get(_ADMIN)
        if bucket is not None:
            found.extend(bucket.match(kind, name, alarm))
        return found

    def match_resource(self, alarm: Alarm) -> Sequence[Subscription]:
        """Those that ask for the resource, whatever else they filter: how a deed on it ended is no fault of a type or
        a severity. It looks at every subscription of the project: deeds are few.
        """
        kind, name = split_key(alarm.resource)
        return [
            subscription
            for project in {alarm.project, _ADMIN}
            for subscription in self._all_of(project)
            if _may_hear(subscription, alarm)
            and (not subscription.filter.resource_types or kind in subscription.filter.resource_types)
            and _is_of_place(subscription.filter, kind, alarm)
            and _names(subscription.filter, name, alarm)
        ]

    def _all_of(self, project: str) -> list[Subscription]:
        bucket = self._buckets.get(project)
        if bucket is None:
            return []
        every = (*bucket.by_resource.values(), *bucket.by_vnf.values(), *bucket.by_shape.values())
        return list({id: subscription for members in every for id, subscription in members.items()}.values())

    def match_for_good(self, alarm: Alarm) -> Sequence[Subscription]:
        """Those that the alarm may have reached at some time of its life, whatever its severity and state were then.

        It looks at every subscription of the project: for the start of the process, not for the hot path.
        """
        kind, name = split_key(alarm.resource)
        found: list[Subscription] = []
        for project in {alarm.project, _ADMIN}:
            bucket = self._buckets.get(project)
            if bucket is None:
                continue
            named = bucket.by_resource.get(alarm.resource, {}) | bucket.by_resource.get(name, {})
            named |= bucket.by_vnf.get(alarm.vnf, {})
            shaped = (s for members in bucket.by_shape.values() for s in members.values())
            found.extend(
                subscription
                for subscription in (*named.values(), *shaped)
                if _may_hear(subscription, alarm) and _fits_for_good(subscription.filter, kind, name, alarm)
            )
        return found

    def covered(self, subscription: Subscription, alarms: Iterable[Alarm]) -> list[Alarm]:
        """The open alarms that it would have heard of: the present state for one that is new."""
        found: list[Alarm] = []
        for alarm in alarms:
            kind, name = split_key(alarm.resource)
            if (
                alarm.is_open
                and subscription.owner not in _COMPOSED_ELSEWHERE
                and _may_hear(subscription, alarm)
                and _names(subscription.filter, name, alarm)
                and _fits(subscription.filter, kind, alarm)
                and not (subscription.mode is Mode.CONFIRMED and alarm.vim_state is VimState.PENDING)
            ):
                found.append(alarm)
        return found
