"""Is this a host that fails, or are it many at once? Many at once are rather our own view, or a disaster. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from nfvigil.brakes.limits import Limits
from nfvigil.model.times import SECOND

SHARE_OF_AT_LEAST = 2
"""One host is no mass, even where it is a third of its domain."""


class Failed(msgspec.Struct, frozen=True):
    """A host of which a failure was seen."""

    host: str
    at_us: int


class Outage(msgspec.Struct, frozen=True):
    hosts: tuple[str, ...]
    reason: str


def outage(failed: Iterable[Failed], domains: Mapping[str, Collection[str]], limits: Limits) -> Outage | None:
    """Whether so many hosts failed within any window of ``outage_seconds`` that it is no single failure.

    ``domains`` are the failure domains of one VIM with their hosts, by a name for people (``zone az-1``).
    """
    ordered = sorted(failed, key=lambda one: (one.at_us, one.host))
    window_us = int(limits.outage_seconds * SECOND)
    first = 0
    for last, latest in enumerate(ordered):
        while latest.at_us - ordered[first].at_us > window_us:
            first += 1
        hosts = sorted({one.host for one in ordered[first : last + 1]})
        found = _too_many(hosts, domains, limits)
        if found is not None:
            return found
    return None


def _too_many(hosts: Sequence[str], domains: Mapping[str, Collection[str]], limits: Limits) -> Outage | None:
    within = f"within {limits.outage_seconds:g} s"
    if len(hosts) >= limits.outage_hosts:
        return Outage(tuple(hosts), f"{len(hosts)} hosts failed {within}")
    for name, members in domains.items():
        inside = [host for host in hosts if host in members]
        if len(inside) >= SHARE_OF_AT_LEAST and len(inside) >= limits.outage_share * len(members):
            return Outage(tuple(inside), f"{len(inside)} of {len(members)} hosts of {name} failed {within}")
    return None
