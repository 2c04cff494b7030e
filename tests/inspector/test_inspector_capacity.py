"""Capacity left: which hosts count, what is left on them, and who has no host."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from nfvigil.inspector.capacity import Fitness, Ratios, capacity, fitness_of
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import MAINTENANCE, State
from nfvigil.inspector.usage import NOTHING, Used
from nfvigil.model.alarm import Alarm, AlarmState
from nfvigil.model.answers import Amount, Capacity, CapacityBy, Demand, FreeHost
from nfvigil.model.resource import Host, MapChange, Record, ResourceState, Server, Snapshot, key_of
from nfvigil.model.severity import Severity


def host(id: str, **more: Any) -> Host:
    return Host(**{"id": id, "vim": "v", "zone": "z1", "vcpus": 16, "memory_mb": 64_000} | more)


def server(id: str, on: str, **more: Any) -> Server:
    return Server(**{"id": id, "vim": "v", "project": "p", "host": on, "vcpus": 4, "memory_mb": 8_000} | more)


def alarm(on: str, **more: Any) -> Alarm:
    values = {"id": f"a-{on}", "fault_type": "compute.host.down", "resource": f"host/{on}", "vim": "v", "event_id": 1}
    return Alarm(**values | {"event_us": 1, "raised_us": 1, "severity": Severity.CRITICAL} | more)  # type: ignore[arg-type]  # as given


def map_of(*records: Any) -> ResourceMap:
    there = ResourceMap()
    for vim in sorted({record.vim for record in records}):
        there.apply(MapChange(vim=vim, put=tuple(record for record in records if record.vim == vim)))
    return there


def rows(
    there: ResourceMap,
    state: State | None = None,
    by: CapacityBy = CapacityBy.ZONE,
    **ratios: Ratios,
) -> list[Capacity]:
    return capacity(there, state or State(), by=by, ratios=ratios)


def row(*records: Any, state: State | None = None, **ratios: Ratios) -> Capacity:
    (only,) = rows(map_of(*records), state, **ratios)
    return only


PREDICTED = alarm("c1", predicted=True, resource_state=ResourceState.NORMAL)
DEGRADED = alarm("c1", resource_state=ResourceState.ERROR)
MINOR = alarm("c1", severity=Severity.MINOR)


@pytest.mark.parametrize(
    ("there", "state", "expected"),
    [
        pytest.param({}, State(), Fitness.USABLE, id="all is well"),
        pytest.param({"service_up": False}, State(), Fitness.LOST, id="its service is down"),
        pytest.param({"forced_down": True}, State(), Fitness.LOST, id="it is forced down"),
        pytest.param({"service_enabled": False}, State(), Fitness.CLOSED, id="it is disabled"),
        pytest.param({}, State(memory={f"{MAINTENANCE}host/c1": {}}), Fitness.CLOSED, id="it is in maintenance"),
        pytest.param(
            {"service_up": False}, State(memory={f"{MAINTENANCE}host/c1": {}}), Fitness.LOST, id="maintenance, and down"
        ),
        pytest.param({}, State(alarms=[alarm("c1")]), Fitness.LOST, id="an alarm that the cloud does not know of yet"),
        pytest.param({}, State(alarms=[PREDICTED]), Fitness.CLOSED, id="a failure foretold"),
        pytest.param(
            {}, State(alarms=[alarm("c1", predicted=True)]), Fitness.CLOSED, id="the host's end foretold is not its end"
        ),
        pytest.param({}, State(alarms=[DEGRADED]), Fitness.CLOSED, id="a critical alarm, but its servers live"),
        pytest.param({"service_up": False}, State(alarms=[DEGRADED]), Fitness.LOST, id="the same, and it is down"),
        pytest.param({}, State(alarms=[MINOR]), Fitness.USABLE, id="a minor alarm"),
        pytest.param({}, State(alarms=[alarm("c2")]), Fitness.USABLE, id="another host's alarm"),
        pytest.param(
            {},
            State(alarms=[alarm("c1", state=AlarmState.CLEARED, cleared_us=2)]),
            Fitness.USABLE,
            id="an alarm that is over",
        ),
    ],
)
def test_what_a_host_is_good_for(there: dict[str, Any], state: State, expected: Fitness) -> None:
    assert fitness_of("host/c1", host("c1", **there), state) is expected


def test_what_is_left_is_what_no_server_takes_of_usable_hosts() -> None:
    found = row(host("c1"), host("c2"), server("s1", "c1"), server("s2", "c1", vcpus=2, memory_mb=1_000))

    assert found == Capacity(
        vim="v",
        name="z1",
        hosts=2,
        hosts_usable=2,
        vcpus=Amount(total=32, used=6, left=26),
        memory_mb=Amount(total=128_000, used=9_000, left=119_000),
        largest=FreeHost("c2", 16, 64_000),
    )


def test_a_lost_host_takes_its_room_away_and_its_servers_want_a_place() -> None:
    found = row(host("c1", service_up=False), host("c2"), server("s1", "c1"), server("s2", "c1"), server("s3", "c2"))

    assert (found.hosts, found.hosts_usable, found.hosts_lost) == (2, 1, 1)
    assert found.vcpus == Amount(total=16, used=4, left=12)
    assert found.without_host == Demand(servers=2, vcpus=8, memory_mb=16_000)


def test_servers_on_a_host_in_maintenance_are_well_and_no_room_is_left_there() -> None:
    state = State(memory={f"{MAINTENANCE}host/c1": {}})

    found = row(host("c1"), server("s1", "c1"), state=state)

    assert (found.hosts, found.hosts_usable, found.hosts_lost) == (1, 0, 0)
    assert found.without_host == Demand()
    assert found.vcpus == Amount()
    assert found.largest is None


def test_servers_of_a_host_that_is_not_listed_have_no_host() -> None:
    found = row(server("s1", "gone"))

    assert (found.vim, found.name, found.hosts) == ("v", "", 0)
    assert found.without_host == Demand(servers=1, vcpus=4, memory_mb=8_000)


def test_a_server_that_was_never_on_a_host_or_is_shelved_wants_nothing() -> None:
    assert rows(map_of(server("s1", ""))) == []


def test_what_is_handed_out_twice_counts_twice() -> None:
    found = row(host("c1"), server("s1", "c1"), v=Ratios(cpu=2.5, memory=1.5))

    assert found.vcpus == Amount(total=40, used=4, left=36)
    assert found.memory_mb == Amount(total=96_000, used=8_000, left=88_000)


def test_a_host_that_is_too_full_does_not_make_the_others_smaller() -> None:
    found = row(host("c1", vcpus=2), host("c2"), server("s1", "c1"))

    assert found.vcpus == Amount(total=18, used=4, left=16)


@pytest.mark.parametrize("unknown", [{"vcpus": 0}, {"memory_mb": 0}])
def test_a_host_of_unknown_size_counts_for_nothing_and_is_said_to(unknown: dict[str, int]) -> None:
    found = row(host("c1", **unknown), server("s1", "c1"))

    assert (found.hosts_usable, found.hosts_unsized) == (1, 1)
    assert (found.vcpus, found.memory_mb, found.largest) == (Amount(), Amount(), None)


@pytest.mark.parametrize(("there", "unsized"), [({}, 1), ({"service_up": False}, 1), ({"service_enabled": False}, 0)])
def test_a_server_of_unknown_size_is_said_to_be_one(there: dict[str, Any], unsized: int) -> None:
    assert row(host("c1", **there), server("s1", "c1", vcpus=0, memory_mb=0)).servers_unsized == unsized


@pytest.mark.parametrize(
    ("hosts", "largest"),
    [
        ([host("a", vcpus=8), host("b", vcpus=9)], "b"),
        ([host("a", memory_mb=1), host("b", memory_mb=2)], "b"),
        ([host("b"), host("a")], "a"),
        ([host("a"), host("b")], "a"),
    ],
)
def test_the_largest_free_host_has_most_vcpus_then_most_memory_then_the_first_name(
    hosts: list[Host], largest: str
) -> None:
    found = row(*hosts).largest

    assert found is not None
    assert found.host == largest


HOSTS = (
    host("c1", aggregates=("fast", "z1")),
    host("c2", zone="z2", aggregates=("fast",)),
    host("c3", zone=""),
    host("d1", vim="w", zone="z1"),
)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (CapacityBy.ZONE, {("v", ""): 1, ("v", "z1"): 1, ("v", "z2"): 1, ("w", "z1"): 1}),
        (CapacityBy.AGGREGATE, {("v", ""): 1, ("v", "fast"): 2, ("v", "z1"): 1, ("w", ""): 1}),
        (CapacityBy.VIM, {("v", ""): 3, ("w", ""): 1}),
    ],
)
def test_there_is_a_row_for_each_zone_aggregate_or_vim(by: CapacityBy, expected: dict[tuple[str, str], int]) -> None:
    found = rows(map_of(*HOSTS), by=by)

    assert [(one.vim, one.name) for one in found] == sorted(expected)
    assert {(one.vim, one.name): one.hosts for one in found} == expected


def test_hosts_of_one_name_in_two_clouds_do_not_share_their_servers() -> None:
    there = map_of(host("c1"), server("s1", "c1"), server("s2", "c1", vim="w"))

    assert there.usage.on("v", "c1") == Used(servers=1, vcpus=4, memory_mb=8_000)
    assert there.usage.on("w", "c1") == Used(servers=1, vcpus=4, memory_mb=8_000)


NAMES = some.sampled_from(["c1", "c2", "c3", ""])
SERVERS = some.builds(
    server,
    id=some.sampled_from(["s1", "s2", "s3", "s4"]),
    on=NAMES,
    vcpus=some.integers(0, 4),
    memory_mb=some.integers(0, 4),
    status=some.sampled_from(["ACTIVE", "ERROR"]),
)
SIZED_HOSTS = some.builds(
    host,
    id=some.sampled_from(["c1", "c2"]),
    zone=some.sampled_from(["z1", "z2"]),
    vcpus=some.integers(0, 8),
    service_up=some.booleans(),
)
GONE = some.sampled_from(["server/s1", "server/s2", "host/c1", "host/c2"])
CHANGES = some.builds(
    lambda put, gone: MapChange(vim="v", put=tuple(put), gone=tuple(gone)),
    some.lists(SERVERS | SIZED_HOSTS, max_size=4),
    some.lists(GONE, max_size=2),
)


def snapshot_of(there: dict[str, Record]) -> Snapshot:
    return Snapshot(
        vim="v",
        taken_us=0,
        hosts=tuple(one for one in there.values() if isinstance(one, Host)),
        servers=tuple(one for one in there.values() if isinstance(one, Server)),
    )


@given(some.lists(CHANGES | some.just("listed again"), max_size=12))
def test_sums_kept_with_every_change_are_those_counted_anew(steps: list[Any]) -> None:
    there = ResourceMap()
    model: dict[str, Record] = {}
    for step in steps:
        if step == "listed again":
            model.pop("server/s3", None)
            there.load(snapshot_of(model))
            continue
        for key in step.gone:
            model.pop(key, None)
        model.update({key_of("host" if isinstance(one, Host) else "server", one.id): one for one in step.put})
        there.apply(step)

    anew = ResourceMap()
    anew.load(snapshot_of(model))

    for by in CapacityBy:
        assert rows(there, by=by) == rows(anew, by=by)
    assert sorted(there.usage.hosts()) == sorted(anew.usage.hosts())
    for name in ("c1", "c2", "c3"):
        here = [one for one in model.values() if isinstance(one, Server) and one.host == name]
        counted = Used(
            len(here),
            sum(one.vcpus for one in here),
            sum(one.memory_mb for one in here),
            sum(not one.vcpus for one in here),
        )
        assert there.usage.on("v", name) == (counted if here else NOTHING)


def test_a_server_that_only_changes_its_state_takes_what_it_took() -> None:
    there = map_of(host("c1"), server("s1", "c1"))
    before = there.usage.on("v", "c1")

    there.apply(MapChange(vim="v", put=(msgspec.structs.replace(server("s1", "c1"), status="ERROR"),)))

    assert there.usage.on("v", "c1") == before
