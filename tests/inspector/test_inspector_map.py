"""The resource map: who is where, by which name, and whose surroundings a change concerns."""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec
import pytest

from nfvigil.inspector.resource_map import INVERSE, AnyRecord, RecordedMap, Recorder, ResourceMap
from nfvigil.model.resource import Device, Host, Kind, MapChange, Network, Port, Server, Snapshot, Volume
from nfvigil.model.topology import Topology

TOPOLOGY = Topology(
    devices=(
        Device(id="core", kind=Kind.SWITCH),
        Device(id="leaf", kind=Kind.SWITCH),
        Device(id="feed", kind=Kind.PDU),
        Device(id="r1", kind=Kind.RACK),
        Device(id="c1-eth0", kind=Kind.NIC, host="C1"),
        Device(id="c1-sda", kind=Kind.DISK, host="elsewhere"),
        Device(id="spare", kind=Kind.DISK),
    ),
    links=(
        ("switch/core", "switch/leaf"),
        ("switch/leaf", "host/c1"),
        ("switch/leaf", "host/C2.example.net"),
        ("switch/core", "host/c1"),
        ("pdu/feed", "rack/r1"),
        ("rack/r1", "host/c1"),
        ("nic/c1-eth0", "host/c1"),
        ("disk/c1-sda", "host/c1"),
    ),
    aliases={"bmc-of-one": "c1"},
)
HOSTS = (Host(id="c1", name="Compute One", vim="v", aliases=("c1.example.net",)), Host(id="c2", name="c2", vim="v"))
SERVERS = (
    Server(id="s1", vim="v", project="p", host="c1", group="g", vnf="f", volumes=("d1", "d2")),
    Server(id="s2", vim="v", project="p", host="c2", group="g", vnf="f", volumes=("d2",)),
    Server(id="s3", vim="v", project="q"),
)
PORTS = (
    Port(id="p1", vim="v", project="p", server="s1", network="n"),
    Port(id="p2", vim="v", project="p", server="s1"),
    Port(id="p3", vim="v", project="p", network="n"),
)
VOLUMES = (Volume(id="d1", vim="v", project="p", host="c1"), Volume(id="d2", vim="v", project="p"))
CLOUD = Snapshot(
    vim="v",
    taken_us=0,
    hosts=HOSTS,
    servers=SERVERS,
    ports=PORTS,
    volumes=VOLUMES,
    networks=(Network(id="n", vim="v"),),
)


def loaded() -> ResourceMap:
    there = ResourceMap(TOPOLOGY)
    there.load(CLOUD)
    return there


RELATIONS = [
    ("servers", "host/c1", {"server/s1"}),
    ("hosting", "server/s1", {"host/c1"}),
    ("hosting", "server/s3", set()),
    ("hosting", "host/c1", set()),
    ("dependents", "switch/core", {"switch/leaf", "host/c1"}),
    ("dependents", "pdu/feed", {"rack/r1"}),
    ("depends_on", "host/c1", {"switch/leaf", "switch/core", "rack/r1", "nic/c1-eth0", "disk/c1-sda"}),
    ("depends_on", "switch/leaf", {"switch/core"}),
    ("hosts", "switch/core", {"host/c1", "host/c2"}),
    ("hosts", "pdu/feed", {"host/c1"}),
    ("above", "host/c1", {"switch/leaf", "switch/core", "rack/r1", "pdu/feed", "nic/c1-eth0", "disk/c1-sda"}),
    ("switches", "host/c1", {"switch/leaf", "switch/core"}),
    ("pdus", "host/c1", {"pdu/feed"}),
    ("rack", "host/c1", {"rack/r1"}),
    ("group", "server/s1", {"group/g"}),
    ("group", "server/s3", set()),
    ("members", "group/g", {"server/s1", "server/s2"}),
    ("ports", "server/s1", {"port/p1", "port/p2"}),
    ("ports", "host/c1", {"port/p1", "port/p2"}),
    ("ports", "server/s3", set()),
    ("server", "port/p1", {"server/s1"}),
    ("server", "port/p3", set()),
    ("volumes", "server/s1", {"volume/d1", "volume/d2"}),
    ("volumes", "host/c1", set()),
    ("users", "volume/d2", {"server/s1", "server/s2"}),
    ("peers", "server/s1", {"server/s2"}),
    ("vnf_peers", "server/s1", {"server/s2"}),
    ("vnf_peers", "server/s3", set()),
    ("host", "nic/c1-eth0", {"host/c1"}),
    ("host", "disk/c1-sda", {"host/elsewhere"}),
    ("host", "disk/spare", set()),
    ("parts", "host/c1", {"nic/c1-eth0", "disk/c1-sda"}),
    ("stored_volumes", "host/c1", {"volume/d1"}),
    ("storage", "volume/d1", {"host/c1"}),
    ("storage", "volume/d2", set()),
    ("networks", "port/p1", {"network/n"}),
    ("networks", "port/p2", set()),
    ("attached", "network/n", {"port/p1", "port/p3"}),
    ("loves", "server/s1", set()),
]


@pytest.mark.parametrize(("relation", "key", "expected"), RELATIONS)
def test_what_stands_in_relation_to_what(relation: str, key: str, expected: set[str]) -> None:
    related = loaded().related(key, relation)

    assert set(related) == expected
    assert len(related) == len(expected)


def test_every_relation_that_a_policy_may_name_is_answered_and_has_one_that_leads_back() -> None:
    there = loaded()

    assert set(INVERSE) == {relation for relation, _, _ in RELATIONS} - {"loves"}
    assert set(INVERSE.values()) <= set(INVERSE)
    for relation, back in INVERSE.items():
        if relation in ("ports", "host", "parts"):
            continue  # a host's ports lead back to servers; a part's host is what its record says
        for key in there.records:
            if back == "hosts" and not key.startswith("host/"):
                continue  # a switch stands above a switch, and hosts leads back to hosts alone
            for other in there.related(key, relation):
                assert key in there.related(other, back), f"{key} {relation} {other} {back}"


NAMES = [
    ("host/c1", "host/c1"),
    ("host/C1", "host/c1"),
    ("host/compute one", "host/c1"),
    ("host/c1.example.net", "host/c1"),
    ("host/C1.elsewhere.example", "host/c1"),
    ("host/BMC-of-one", "host/c1"),
    ("host/c3", None),
    ("host/c3.example.net", None),
    ("server/s1", "server/s1"),
    ("server/S1", None),
    ("switch/core", "switch/core"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_what_a_name_stands_for(name: str, expected: str | None) -> None:
    assert loaded().resolve(name) == expected


def test_the_topology_may_call_hosts_by_any_of_their_names() -> None:
    there = ResourceMap(Topology(links=(("switch/a", "host/ONE.example.net"), ("switch/a", "host/alias-of-two"))))
    assert there.related("switch/a", "hosts") == ("host/ONE.example.net", "host/alias-of-two")

    there.apply(MapChange(vim="v", put=(Host(id="one"), Host(id="two", aliases=("alias-of-two",)))))

    assert there.related("switch/a", "hosts") == ("host/one", "host/two")
    assert there.related("host/one", "switches") == there.related("host/two", "above") == ("switch/a",)
    there.apply(MapChange(vim="v", put=(Host(id="two"),)))
    assert there.related("host/two", "above") == ()


def test_a_name_that_two_hosts_had_names_the_one_that_is_left() -> None:
    there = ResourceMap()
    one, two = Host(id="a", aliases=("bmc",)), Host(id="b", aliases=("bmc",))
    there.apply(MapChange(vim="v", put=(one, two)))
    assert there.resolve("host/BMC") is None
    assert there.resolve("host/bmc.example.net") is None

    there.apply(MapChange(vim="v", gone=("host/a",)))

    assert there.resolve("host/BMC") == "host/b"
    there.apply(MapChange(vim="v", gone=("host/b",)))
    assert there.resolve("host/BMC") is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_host_that_is_called_so_goes_before_one_that_is_also_called_so(order: tuple[int, int]) -> None:
    hosts = (Host(id="A"), Host(id="b", aliases=("a",)))
    there = ResourceMap()

    there.apply(MapChange(vim="v", put=tuple(hosts[number] for number in order)))

    assert there.resolve("host/a") == "host/A"


CHANGES: dict[str, tuple[Iterable[AnyRecord], tuple[str, ...], set[str]]] = {
    "nothing": ([SERVERS[0]], (), set()),
    "a mere status": ([msgspec.structs.replace(SERVERS[0], status="ERROR")], (), set()),
    "a volume's status": ([msgspec.structs.replace(VOLUMES[0], status="error")], (), set()),
    "a network's name": ([Network(id="n", vim="v", name="new")], (), set()),
    "a server moves": (
        [msgspec.structs.replace(SERVERS[0], host="c2")],
        (),
        {"server/s1", "host/c1", "host/c2", "group/g", "server/s2", "volume/d1", "volume/d2"},
    ),
    "a server that stands alone moves": (
        [msgspec.structs.replace(SERVERS[2], host="c1")],
        (),
        {"server/s3", "host/c1"},
    ),
    "a host is called otherwise": ([msgspec.structs.replace(HOSTS[1], aliases=("x",))], (), {"host/c2"}),
    "a port is new": ([Port(id="p9", server="s2", network="n")], (), {"port/p9", "server/s2", "network/n"}),
    "a port without server is new": ([Port(id="p9", network="n")], (), {"port/p9", "network/n"}),
    "a port with a server alone is new": ([Port(id="p9", server="s3")], (), {"port/p9", "server/s3"}),
    "a port of nobody is new": ([Port(id="p9")], (), {"port/p9"}),
    "a port changes hands": (
        [msgspec.structs.replace(PORTS[0], server="s3", network="m")],
        (),
        {"port/p1", "server/s1", "server/s3", "network/n", "network/m"},
    ),
    "the last port of a network is gone": (
        [],
        ("port/p1", "port/p3"),
        {"port/p1", "port/p3", "server/s1", "network/n"},
    ),
    "all ports of a server are gone": ([], ("port/p1", "port/p2"), {"port/p1", "port/p2", "server/s1", "network/n"}),
    "a volume moves": (
        [msgspec.structs.replace(VOLUMES[0], host="c2")],
        (),
        {"volume/d1", "host/c1", "host/c2"},
    ),
    "a volume comes to lie somewhere": ([msgspec.structs.replace(VOLUMES[1], host="c2")], (), {"volume/d2", "host/c2"}),
    "a host is gone": ([], ("host/c2",), {"host/c2"}),
    "a network is gone": ([], ("network/n",), {"network/n"}),
    "what was not there is gone": ([], ("server/s9",), set()),
}


@pytest.mark.parametrize(("put", "gone", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_whose_surroundings_a_change_concerns(
    put: Iterable[AnyRecord], gone: tuple[str, ...], expected: set[str]
) -> None:
    there = loaded()

    touched = there.apply(MapChange(vim="v", put=tuple(put), gone=gone))  # type: ignore[arg-type]  # no devices in it

    assert touched == expected
    for record in put:
        assert msgspec.structs.replace(record, vim="v") in there.records.values()
    for key in gone:
        assert there.get(key) is None


def test_what_a_complete_reading_lacks_is_gone_but_not_what_others_have() -> None:
    there = loaded()
    there.load(Snapshot(vim="w", taken_us=0, servers=(Server(id="other", vim="w", project="p"),)))

    touched = there.load(Snapshot(vim="v", taken_us=1, hosts=HOSTS))

    assert {"server/s1", "server/s2", "host/c1"} <= touched
    assert there.count() == {"host": 2, "server": 1, "switch": 2, "pdu": 1, "rack": 1, "nic": 1, "disk": 2}
    assert there.related("host/c1", "servers") == ()


def test_after_any_changes_the_map_is_as_if_it_had_been_read_anew() -> None:
    chance = random.Random(7)
    there = loaded()
    pool: list[AnyRecord] = [*HOSTS, *SERVERS, *PORTS, *VOLUMES]
    for _ in range(300):
        record = chance.choice(pool)
        key = f"{type(record).__name__.lower()}/{record.id}"
        if chance.random() < 0.3:
            there.apply(MapChange(vim="v", gone=(key,)))
        elif isinstance(record, Server):
            moved = msgspec.structs.replace(
                record, host=chance.choice(["c1", "c2", ""]), group=chance.choice(["g", ""])
            )
            there.apply(MapChange(vim="v", put=(moved,)))
        else:
            there.apply(MapChange(vim="v", put=(record,)))  # type: ignore[arg-type]  # no devices in it
        anew = ResourceMap(TOPOLOGY)
        kept = [one for one in there.records.values() if not isinstance(one, Device)]
        anew.apply(MapChange(vim="v", put=tuple(kept)))
        for relation in INVERSE:
            for one in (*there.records, "network/n", "group/g", "host/c1", "volume/d1", "volume/d2"):
                assert set(there.related(one, relation)) == set(anew.related(one, relation)), (one, relation)


def test_resources_are_listed_by_kind_in_pages_and_by_owner() -> None:
    there = loaded()

    assert [key for key, _ in there.find(kind="server", project=None)] == ["server/s1", "server/s2", "server/s3"]
    assert [key for key, _ in there.find(kind="server", project="p")] == ["server/s1", "server/s2"]
    assert [key for key, _ in there.find(kind="server", project=None, after="server/s1", limit=1)] == ["server/s2"]
    assert there.find(kind="host", project="p") == []
    assert there.find(kind="host", project="") == [], "what belongs to nobody is nobody's"


def test_what_was_asked_of_the_map_is_recorded_and_answers_the_same_again() -> None:
    asked = Recorder(loaded())
    asked.related("host/c1", "servers")
    asked.get("server/s1")
    asked.resolve("host/C1")
    answers = [
        asked.resolve("host/C1"),
        asked.resolve("host/c9"),
        asked.get("server/s1"),
        asked.get("nic/c1-eth0"),
        asked.get("server/s9"),
        asked.related("host/c1", "servers"),
    ]

    again = RecordedMap(msgspec.json.decode(msgspec.json.encode(asked.entries())))

    assert answers == [
        again.resolve("host/C1"),
        again.resolve("host/c9"),
        again.get("server/s1"),
        again.get("nic/c1-eth0"),
        again.get("server/s9"),
        again.related("host/c1", "servers"),
    ]
    assert again.resolve("host/never-asked") is None
    assert again.related("host/never-asked", "servers") == ()


def test_a_record_belongs_to_the_vim_that_told_of_it_first() -> None:
    there = ResourceMap()
    there.load(Snapshot(vim="one", taken_us=1, hosts=(Host(id="a"), Host(id="b"))))
    there.load(Snapshot(vim="two", taken_us=1, hosts=(Host(id="b"), Host(id="c"))))

    there.load(Snapshot(vim="one", taken_us=2))

    assert sorted(there.records) == ["host/c"], "the second's host of that name comes in when it is told of again"
    there.load(Snapshot(vim="two", taken_us=2, hosts=(Host(id="b"), Host(id="c"))))
    assert sorted(there.records) == ["host/b", "host/c"]


def test_an_address_is_no_host_that_another_address_begins_like() -> None:
    there = ResourceMap()
    there.load(Snapshot(vim="v", taken_us=1, hosts=(Host(id="10.0.0.7", vim="v"),)))

    assert there.resolve("host/10.0.0.7") == "host/10.0.0.7"
    assert there.resolve("host/10.0.0.99") is None
