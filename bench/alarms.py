#!/usr/bin/env python3
"""Which of 100,000 subscriptions want to hear of an alarm.

As with Aodh, most subscriptions name one server each. The others ask by fault type, severity or kind of resource,
and some are the administrator's. Measured is one alarm against all of them, for alarms on many servers; that a
new subscription is found by the next alarm, and what entering it costs. The reference asks each of the 100,000.

"One project" is the worst that a tenant can do: all 100,000 are its own, each with a filter that no other has.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from random import Random

import _start

_start.ready()

from _figures import finish, options, show, show_machine, spread, table

from nfvigil.model.alarm import Alarm, Audience
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Kind, split_key
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Filter, Subscription
from nfvigil.notifier.matcher import Matcher

SUBSCRIPTIONS, PROJECTS = 100_000, 1000
SHAPES = (
    Filter(fault_types=("compute.instance.*",)),
    Filter(fault_types=("compute.host.*", "compute.instance.down"), min_severity=Severity.MAJOR),
    Filter(resource_types=(Kind.SERVER, Kind.PORT), min_severity=Severity.WARNING),
    Filter(min_severity=Severity.CRITICAL),
    Filter(fault_types=("network.*",)),
)


def server(number: int) -> str:
    return stable_id("server", number)


def many() -> Iterator[Subscription]:
    """Of each project's 100, nine in ten name one of its servers; 100 in all are the administrator's."""
    for number in range(SUBSCRIPTIONS - 100):
        chosen = Filter(resource_ids=(server(number),)) if number % 10 else SHAPES[number // 10 % len(SHAPES)]
        yield Subscription(id=f"s-{number}", project=f"p-{number // 100}", filter=chosen)
    for number in range(100):
        yield Subscription(id=f"a-{number}", filter=SHAPES[number % len(SHAPES)])


def of_one_project() -> Iterator[Subscription]:
    """All in one project, each with a filter of its own; one in a thousand fits our alarms."""
    for number in range(SUBSCRIPTIONS):
        kind = "compute.instance.down" if number % 1000 == 0 else f"acme.unit-{number}.*"
        yield Subscription(id=f"s-{number}", project="p-0", filter=Filter(fault_types=(kind, f"x-{number}")))


def alarms(number: int, random: Random) -> list[Alarm]:
    found = []
    for count in range(number):
        victim = random.randrange(SUBSCRIPTIONS - 100)
        found.append(
            Alarm(
                id=str(count),
                fault_type=random.choice(["compute.instance.down", "compute.instance.at-risk"]),
                resource=f"server/{server(victim)}",
                project=f"p-{victim // 100}",
                severity=random.choice([Severity.CRITICAL, Severity.WARNING]),
                event_id=1,
                event_us=1,
                raised_us=1,
            )
        )
    return found


def one_by_one(subscriptions: Sequence[Subscription], alarm: Alarm) -> list[Subscription]:
    """The reference: the same question, asked of each."""
    kind, name = split_key(alarm.resource)
    rank = alarm.severity.rank
    found = []
    for subscription in subscriptions:
        if subscription.project != alarm.project and subscription.project:
            continue
        if alarm.audience is not Audience.OWNERS and subscription.project:
            continue
        wanted = subscription.filter
        if (
            (not wanted.resource_ids or name in wanted.resource_ids)
            and wanted.min_severity.rank <= rank
            and (not wanted.resource_types or kind in wanted.resource_types)
            and (not wanted.fault_types or any(fnmatchcase(alarm.fault_type, glob) for glob in wanted.fault_types))
        ):
            found.append(subscription)
    return found


def timed_ms(work: Callable[[], object]) -> float:
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / 1e6


def new_one_ms(matcher: Matcher, samples: Sequence[Alarm]) -> list[float]:
    """Enter a subscription for a server and ask for an alarm on it at once: it must be among those found."""
    times = []
    for count, alarm in enumerate(samples):
        new = Subscription(
            id=f"new-{count}", project=alarm.project, filter=Filter(resource_ids=(split_key(alarm.resource)[1],))
        )
        started = time.perf_counter_ns()
        matcher.put(new)
        found = matcher.match(alarm)
        times.append((time.perf_counter_ns() - started) / 1e6)
        assert any(one.id == new.id for one in found), "a new subscription was not found by the next alarm"
        matcher.remove(new.id)
        assert all(one.id != new.id for one in matcher.match(alarm)), "a removed subscription was still found"
    return times


def main() -> None:
    chosen = options(__doc__)
    show_machine()
    random = Random(1)
    subscriptions = list(many())
    started = time.perf_counter()
    matcher = Matcher(subscriptions)
    load_s = time.perf_counter() - started
    samples = alarms(2_000 if chosen.quick else 20_000, random)

    match = [timed_ms(partial(matcher.match, alarm)) for alarm in samples]
    new = new_one_ms(matcher, samples[:500])
    reference = []
    for alarm in samples[: 10 if chosen.quick else 50]:
        started_ns = time.perf_counter_ns()
        expected = one_by_one(subscriptions, alarm)
        reference.append((time.perf_counter_ns() - started_ns) / 1e6)
        assert {one.id for one in matcher.match(alarm)} == {one.id for one in expected}

    worst = Matcher(of_one_project())
    alarm = Alarm(
        id="1", fault_type="compute.instance.down", resource="server/x", project="p-0", event_id=1, event_us=1,
        raised_us=1,
    )  # fmt: skip
    first_ms = timed_ms(lambda: worst.match(alarm))
    later = [timed_ms(lambda: worst.match(alarm)) for _ in range(1000)]

    one, late, fresh, slow = spread(match), spread(later), spread(new), spread(reference)
    show(f"{SUBSCRIPTIONS:,} subscriptions of {PROJECTS:,} projects, {len(samples):,} alarms")
    show(f"Entering all subscriptions takes {load_s:.2f} s.")
    rows = [
        ("match one alarm (ms)", one),
        ("enter a new one and match (ms)", fresh),
        ("one project, 100 found (ms)", late),
        ("reference: asking each (ms)", slow),
    ]
    table(
        ["", "median", "min", "p99", "max"],
        [[name, row["p50"], row["min"], row["p99"], row["max"]] for name, row in rows],
    )
    show(f"The first alarm of its kind in the project with 100,000 filters took {first_ms:.0f} ms.")
    show(f"The reference takes {slow['p50'] / one['p50']:,.0f} times as long.")
    result = {
        "match_ms": one["p50"],
        "match_p99_ms": one["p99"],
        "new_ms": fresh["p50"],
        "one_project_ms": late["p50"],
        "one_project_first_ms": first_ms,
        "reference_match_ms": slow["p50"],
        "load_s": load_s,
        "subscriptions": SUBSCRIPTIONS,
        "rounds": len(samples),
        "spread": {"match_ms": one},
    }
    finish(result, chosen.json)


if __name__ == "__main__":
    main()
