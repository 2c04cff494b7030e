"""The topology file: what it says, and every error in it with its line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvigil.errors import SettingsError
from nfvigil.model.resource import Device, Kind
from nfvigil.model.topology import Topology
from nfvigil.southbound import topology as module
from nfvigil.southbound.topology import load_topology, read_topology

EXAMPLE = textwrap.dedent(str(module.__doc__).partition("\n\n")[2].partition("\nKeys:")[0])


def devices(topology: Topology) -> dict[str, Device]:
    return {f"{device.kind}/{device.id}": device for device in topology.devices}


def test_the_example_of_the_documentation_is_read() -> None:
    topology = read_topology(EXAMPLE)

    assert topology.aliases == {
        "compute-1.example.net": "compute-1",
        "compute-1-bmc": "compute-1",
        "compute-2.example.net": "compute-2",
    }
    assert {*topology.links} == {
        ("rack/rack-1", "host/compute-1"),
        ("rack/rack-1", "host/compute-2"),
        ("pdu/pdu-1", "rack/rack-1"),
        ("pdu/pdu-2", "rack/rack-1"),
        ("pdu/pdu-3", "host/compute-2"),
        ("pdu/pdu-3", "host/compute-3"),
        ("nic/compute-1:eth0", "host/compute-1"),
        ("nic/compute-1:eth1", "host/compute-1"),
        ("switch/leaf-1", "host/compute-1"),
        ("switch/leaf-1", "host/compute-2"),
        ("switch/leaf-2", "host/compute-1"),
        ("switch/spine-1", "switch/leaf-1"),
        ("switch/spine-1", "switch/leaf-2"),
    }
    assert len(topology.links) == 13
    found = devices(topology)
    assert found["rack/rack-1"] == Device(id="rack-1", name="rack-1", kind=Kind.RACK, zone="zone-1")
    assert found["disk/compute-1:sda"] == Device(
        id="compute-1:sda", name="sda", kind=Kind.DISK, zone="zone-1", host="compute-1"
    )
    assert found["switch/leaf-1"].attributes == {"vendor": "acme"}


def test_what_everybody_has_two_of_is_redundant() -> None:
    found = devices(read_topology(EXAMPLE))

    assert {key for key, device in found.items() if device.redundant} == {
        "pdu/pdu-1",  # the rack has two
        "pdu/pdu-2",
        "switch/leaf-2",  # its only host has leaf-1 too; of leaf-1's, compute-2 has no other
        "nic/compute-1:eth0",
        "nic/compute-1:eth1",
        "switch/spine-1",  # the file says so
    }


@pytest.mark.parametrize("said", ["true", "false"])
def test_what_the_file_says_of_redundancy_counts(said: str) -> None:
    text = f"racks: {{r: {{pdus: [a, b]}}}}\npdus: {{a: {{redundant: {said}}}, b: {{}}}}"

    assert devices(read_topology(text))["pdu/a"].redundant is (said == "true")


def test_a_link_may_name_a_host_by_its_alias() -> None:
    topology = read_topology("switches: {s: {hosts: [a.example.net, other]}}\nhosts: {a: {aliases: [A.example.net]}}")

    assert topology.links == (("switch/s", "host/a"), ("switch/s", "host/other"))
    assert topology.aliases["A.example.net"] == "a"


@pytest.mark.parametrize("text", ["", "\n", "# nothing", "{}", "hosts:", "hosts: {a: }", "hosts: {a: {aliases: }}"])
def test_a_file_may_say_little(text: str) -> None:
    assert read_topology(text) == Topology()


WRONG = [
    ("unknown section", "hosts: {}\nroutes: {}", "line 2: routes: is not known here"),
    ("unknown field", "hosts:\n  a:\n    rak: r", "line 3: hosts.a.rak: is not known here; known are aliases, rack"),
    ("unknown field of a NIC", "hosts:\n  a:\n    nics: {eth0: {swich: s}}", "line 3: hosts.a.nics.eth0.swich: is not"),
    ("unknown rack", "hosts:\n  a: {rack: r}", "line 2: hosts.a.rack: there is no rack 'r'"),
    ("unknown PDU", "racks:\n  r:\n    pdus:\n      - p", "line 4: racks.r.pdus: there is no pdu 'p'"),
    ("unknown switch", "hosts: {a: {nics: {e: {switch: s}}}}", "line 1: hosts.a.nics.e.switch: there is no switch 's'"),
    ("unknown uplink", "switches: {a: {uplinks: [b]}}", "line 1: switches.a.uplinks: there is no switch 'b'"),
    ("a host twice", "hosts:\n  a: {}\n  b: {}\n  a: {}", "line 4: hosts: 'a' is there twice, first in line 2"),
    ("a host in other capitals", "hosts:\n  a: {}\n  A: {}", "line 3: hosts: 'A' differs from another host only"),
    ("a section twice", "pdus: {}\npdus: {}", "line 2: 'pdus' is there twice, first in line 1"),
    ("a field twice", "racks: {r: {zone: a, zone: b}}", "line 1: racks.r: 'zone' is there twice"),
    ("a disk twice", "hosts: {a: {disks: [x, x]}}", "line 1: hosts.a.disks: 'x' is there twice"),
    ("an alias of two", "hosts:\n  a: {aliases: [x]}\n  b: {aliases: [X]}", "line 3: hosts.b.aliases: 'X' is an alias"),
    ("an alias twice", "hosts: {a: {aliases: [x, x]}}", "line 1: hosts.a.aliases: 'x' is there twice"),
    ("a host as alias", "hosts:\n  a: {}\n  b: {aliases: [a]}", "line 3: hosts.b.aliases: 'a' is the name of another"),
    ("two racks", "racks: {r: {}, q: {hosts: [a]}}\nhosts: {a: {rack: r}}", "'a' stands in"),
    ("a switch above itself", "switches:\n  a: {uplinks: [a]}", "line 2: switches.a.uplinks: closes a circle"),
    ("a circle", "switches:\n  a: {uplinks: [b]}\n  b: {uplinks: [a]}", "closes a circle of dependence"),
    ("a list for a section", "hosts: [a]", "line 1: hosts: must be a mapping (name: ...), not a list"),
    ("a text for a section", "hosts: a", "line 1: hosts: must be a mapping (name: ...), not text"),
    ("a list for all", "- a", "line 1: must be a mapping (name: ...), not a list"),
    ("a number for a host", "hosts: {a: 5}", "line 1: hosts.a: must be a mapping (name: ...), not a number"),
    ("a number for a name", "hosts: {5: {}}", "line 1: hosts: must be text, not a number; write '5'"),
    ("a truth for a name", "switches: {on: {}}", "line 1: switches: must be text, not true or false; write 'on'"),
    ("a list for a name", "hosts: {[a]: {}}", "line 1: hosts: has a name that is no text"),
    ("a name with a space", "hosts: {a b: {}}", "line 1: hosts: must be 1 to 255 characters without spaces"),
    ("an empty name", "hosts: {'': {}}", "line 1: hosts: must be 1 to 255 characters without spaces"),
    ("a text for a list", "hosts: {a: {aliases: x}}", "line 1: hosts.a.aliases: must be a list, not text"),
    ("a number in a list", "hosts: {a: {disks: [1]}}", "line 1: hosts.a.disks: must be text, not a number; write '1'"),
    ("a list for a text", "hosts: {a: {rack: [r]}}", "line 1: hosts.a.rack: must be text, not a list"),
    ("a word for a truth", "pdus: {a: {redundant: maybe}}", "line 1: pdus.a.redundant: must be true or false"),
    ("nested attributes", "pdus: {a: {attributes: {x: {}}}}", "line 1: pdus.a.attributes.x: must be one value"),
    ("no YAML", "hosts:\n  a: [", "line 3: did not find expected node content"),
    ("a tab", "hosts:\n\ta: {}", "line 2: "),
    ("two documents", "hosts: {}\n---\nhosts: {}", "line 2: but found another document"),
    ("an unknown anchor", "hosts: *a", "line 1: found undefined alias"),
    ("a control character", "hosts: \0", "control characters are not allowed"),
]


@pytest.mark.parametrize(("text", "error"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_an_error_is_told_with_its_line(text: str, error: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_topology(text, source="site.yaml")

    assert caught.value.message.startswith("site.yaml ")
    assert any(error in str(one) for one in caught.value.errors), caught.value


def test_every_error_is_told_in_the_order_of_the_file() -> None:
    text = "\n".join(row[1].replace("\n", " ") for row in [("", "hosts: {a: {rak: r, rack: r}}"), ("", "pdus: 5")])

    with pytest.raises(SettingsError, match="has 3 errors") as caught:
        read_topology(text)

    assert [(error.line, error.field) for error in caught.value.errors] == [
        (1, "hosts.a.rak"),
        (1, "hosts.a.rack"),
        (2, "pdus"),
    ]


def test_one_circle_is_told_once() -> None:
    text = "switches: {a: {uplinks: [b, c]}, b: {uplinks: [c]}, c: {uplinks: [a]}, d: {uplinks: [a]}}"

    with pytest.raises(SettingsError) as caught:
        read_topology(text)

    circles = [error.reason for error in caught.value.errors]
    assert 1 <= len(circles) <= 2  # a-c-a, and a-b-c-a
    assert all("d" not in reason.partition(": ")[2] for reason in circles)


@pytest.mark.parametrize("text", ["hosts:\n  " + "[" * 200_000, "- " * 200_000 + "a"])
def test_a_file_that_is_nested_without_end_does_not_end_the_process(text: str) -> None:
    with pytest.raises(SettingsError, match="nested more than 20 levels"):
        read_topology(text)


def test_nothing_in_the_file_is_run() -> None:
    with pytest.raises(SettingsError):
        read_topology("hosts: {a: !!python/object/apply:os.system ['true']}")


def test_a_large_site_is_read_in_order() -> None:
    hosts = "\n".join(f"  compute-{n}: {{rack: rack-{n // 40}, switches: [leaf-{n // 40}]}}" for n in range(1000))
    racks = ", ".join(f"rack-{n}: {{}}" for n in range(25))
    leaves = ", ".join(f"leaf-{n}: {{uplinks: [spine]}}" for n in range(25))

    topology = read_topology(f"hosts:\n{hosts}\nracks: {{{racks}}}\nswitches: {{{leaves}, spine: {{}}}}\n")

    assert (len(topology.devices), len(topology.links)) == (51, 2025)


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")

    assert load_topology(path) == read_topology(EXAMPLE)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"site\.yaml cannot be read"):
        load_topology(tmp_path / "site.yaml")


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\xff", b"hosts: {\xff: {}}"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        read_topology(data)


WORDS = st.sampled_from(
    ["hosts", "racks", "switches", "pdus", "a", "b", "aliases", "rack", "nics", "disks", "uplinks", "zone", "redundant"]
)
NODES = st.recursive(
    WORDS | st.sampled_from(["1", "true", "null", "''", "*x", "&x y", "!t z", "~"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(WORDS, inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=16,
)


@settings(max_examples=200, deadline=None)
@given(text=NODES | st.text(max_size=40))
def test_no_file_whatsoever_breaks_the_reader(text: str) -> None:
    try:
        read_topology(text)
    except SettingsError as error:
        told = error.errors
    else:
        told = ()

    assert all(error.reason for error in told)
