"""How a VDU's record follows its cloud: the rules of OSM's monitoring of VMs, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from vnf_cloud import AT_US, SERVER, followed, interface, port_words, ports, server_words, vdu

from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduChange, VduCondition
from nfvigil.vnf.rules import INTERFACES_MAX, Followed, conditions_of, gone

FINE = ("ACTIVE", "PAUSED", "SUSPENDED", "SHUTOFF", "BUILD")
BAD = ("ERROR", "UNKNOWN", "RESIZE", "VERIFY_RESIZE", "MIGRATING", "REBOOT", "SHELVED_OFFLOADED", "SOFT_DELETED")


def told(found: Followed) -> list[tuple[str, ...]]:
    """The lines of the history, short: about what, what it was, what it is."""
    return [(*filter(None, (one.kind.value, one.interface, one.field)), one.before, one.after) for one in found.changes]


# The server


@pytest.mark.parametrize("status", FINE)
def test_a_server_in_this_status_is_fine(status: str) -> None:
    found = followed(vdu(status="ERROR", message="VIM status reported ERROR"), server_words(status=status), {})

    assert (found.vdu.status, found.vdu.message, found.conditions) == (status, "", frozenset())


@pytest.mark.parametrize("status", BAD)
def test_any_other_status_is_a_message(status: str) -> None:
    found = followed(vdu(), server_words(status=status), {})

    assert (found.vdu.status, found.vdu.message) == (status, f"VIM status reported {status}")


def test_a_server_in_error_is_a_condition_and_one_that_is_merely_busy_is_none() -> None:
    assert followed(vdu(), server_words(status="ERROR"), {}).conditions == {(VduCondition.ERROR, "")}
    assert followed(vdu(), server_words(status="REBOOT"), {}).conditions == frozenset()


def test_a_server_is_called_and_is_where_the_cloud_says() -> None:
    found = followed(vdu(), server_words(name="mme-one", host="compute-2"), {})

    assert (found.vdu.name, found.vdu.host, found.vdu.changed_us) == ("mme-one", "compute-2", AT_US)
    assert told(found) == [("name", "mme-1", "mme-one"), ("host", "compute-1", "compute-2")]


def test_a_server_that_is_on_no_host_has_none() -> None:
    assert followed(vdu(), server_words(host=None), {}).vdu.host == ""


def test_the_first_listing_fills_a_record_that_knows_the_server_only() -> None:
    found = followed(Vdu(id="v-1", server=SERVER, vim="lab"), server_words(), ports(port_words("p-1")), adopts=True)

    assert found.vdu == vdu("p-1", changed_us=AT_US)
    assert told(found) == [
        ("status", "", "ACTIVE"),
        ("name", "", "mme-1"),
        ("host", "", "compute-1"),
        ("interface", "p-1", "port", "", "p-1"),
    ]


# Its interfaces


ALL = {"network_id": "net-9", "mac_address": "fa:16:3e:99:99:99", "profile": {"pci_slot": "0000:03:10.1"}}


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED", "BUILD"])
def test_a_healthy_interface_is_as_its_port_is(status: str) -> None:
    seen = ports(port_words("p-1", "10.0.0.9", status=status, vif_details={"vlan": 100}, **ALL))

    found = followed(vdu("p-1"), server_words(host="compute-2"), seen)

    assert found.vdu.interfaces == (
        Interface(
            port="p-1",
            network="net-9",
            mac_address="fa:16:3e:99:99:99",
            ip_address="10.0.0.9",
            host="compute-2",
            pci="0000:03:10.1",
            vlan=100,
        ),
    )
    assert told(found) == [
        ("host", "compute-1", "compute-2"),
        ("interface", "p-1", "network", "net-1", "net-9"),
        ("interface", "p-1", "mac_address", "fa:16:3e:00:00:06", "fa:16:3e:99:99:99"),
        ("interface", "p-1", "ip_address", "10.0.0.1", "10.0.0.9"),
        ("interface", "p-1", "pci", "", "0000:03:10.1"),
        ("interface", "p-1", "vlan", "", "100"),
    ]


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        pytest.param(("10.0.0.1", "10.0.0.2"), "10.0.0.1;10.0.0.2", id="two of one family"),
        pytest.param(("2001:db8::7", "10.0.0.1"), "2001:db8::7;10.0.0.1", id="both families, in the port's order"),
    ],
)
def test_several_fixed_addresses_are_joined(addresses: tuple[str, ...], said: str) -> None:
    found = followed(vdu(interface("p-1", manages_vdu=True)), server_words(), ports(port_words("p-1", *addresses)))

    assert (found.vdu.interfaces[0].ip_address, found.vdu.ip_address) == (said, said)


def test_a_port_that_lost_its_addresses_has_none() -> None:
    seen = ports(port_words("p-1", fixed_ips=[]))

    assert followed(vdu("p-1"), server_words(), seen).vdu.interfaces[0].ip_address == ""


@pytest.mark.parametrize(
    ("details", "was", "said"),
    [
        pytest.param({"vlan": 7}, None, 7, id="one"),
        pytest.param({"vlan": "7"}, None, 7, id="one as text"),
        pytest.param({"port_filter": True}, 7, None, id="details without one: it has none now"),
        pytest.param({}, 7, 7, id="empty details: nobody said anything"),
        pytest.param(None, 7, 7, id="no details: nobody said anything"),
    ],
)
def test_the_vlan_is_that_of_the_vif_details_if_there_are_any(details: Any, was: int | None, said: int | None) -> None:
    found = followed(vdu(interface("p-1", vlan=was)), server_words(), ports(port_words("p-1", vif_details=details)))

    assert found.vdu.interfaces[0].vlan == said


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        pytest.param({"pci_slot": "0000:03:10.2"}, "0000:03:10.2", id="another one"),
        pytest.param({}, "", id="a profile without one: it has none now"),
        pytest.param(None, "0000:03:10.1", id="no profile: nobody said anything"),
    ],
)
def test_the_pci_slot_is_that_of_the_binding_profile(profile: Any, said: str) -> None:
    record = vdu(interface("p-1", pci="0000:03:10.1"))

    found = followed(record, server_words(), ports(port_words("p-1", profile=profile)))

    assert found.vdu.interfaces[0].pci == said


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(ports(gone=["p-1"]), id="the cloud says that there is no such port"),
        pytest.param(ports(port_words("p-1", device_id="s-2")), id="it is another server's now"),
        pytest.param(ports(port_words("p-1", device_id="")), id="it was detached"),
    ],
)
def test_an_interface_whose_port_is_not_there_was_deleted_externally(seen: Any) -> None:
    record = vdu("p-1", "p-2")

    found = followed(record, server_words(), seen)

    assert found.vdu.message == "Interface p-1 deleted externally."
    assert found.vdu.interfaces == (replace(record.interfaces[0], message=found.vdu.message), record.interfaces[1])
    assert found.conditions == {(VduCondition.INTERFACE_GONE, "p-1")}
    assert told(found) == [
        ("message", "", "Interface p-1 deleted externally."),
        ("interface", "p-1", "message", "", "Interface p-1 deleted externally."),
    ]


def test_an_interface_that_nobody_can_say_anything_of_is_as_it_was() -> None:
    record = vdu("p-1", interface("p-2", message="Interface p-2 status: DOWN"), message="Interface p-2 status: DOWN")

    assert followed(record, server_words(), {}).vdu is record


@pytest.mark.parametrize("status", ["DOWN", "ERROR", "N/A"])
def test_an_interface_that_is_not_healthy_has_a_message_and_is_not_updated(status: str) -> None:
    record = vdu(interface("p-1", manages_vdu=True, manages_vnf=True), ip_address="10.0.0.1")
    seen = ports(port_words("p-1", "10.0.0.9", status=status, vif_details={"vlan": 7}, **ALL))

    found = followed(record, server_words(), seen)

    message = f"Interface p-1 status: {status}"
    assert found.vdu == replace(
        record, message=message, interfaces=(replace(record.interfaces[0], message=message),), changed_us=AT_US
    )
    assert (found.manages_vnf, found.conditions) == (None, frozenset())


def test_whatever_is_wrong_is_said_the_server_first_then_its_interfaces_in_the_records_order() -> None:
    seen = ports(port_words("p-1", status="DOWN"), port_words("p-3"), gone=["p-2"])

    found = followed(vdu("p-2", "p-3", "p-1"), server_words(status="ERROR"), seen)

    assert found.vdu.message == (
        "VIM status reported ERROR; Interface p-2 deleted externally.; Interface p-1 status: DOWN"
    )
    assert found.conditions == {(VduCondition.ERROR, ""), (VduCondition.INTERFACE_GONE, "p-2")}


def test_messages_go_when_what_they_tell_of_is_over() -> None:
    before = vdu("p-1", "p-2", changed_us=AT_US)
    bad = followed(before, server_words(status="ERROR"), ports(port_words("p-1", status="DOWN"), gone=["p-2"])).vdu

    found = followed(bad, server_words(), ports(port_words("p-1"), port_words("p-2")))

    assert (found.vdu, found.conditions) == (before, frozenset())
    assert told(found) == [
        ("status", "ERROR", "ACTIVE"),
        (
            "message",
            "VIM status reported ERROR; Interface p-1 status: DOWN; Interface p-2 deleted externally.",
            "",
        ),
        ("interface", "p-1", "message", "Interface p-1 status: DOWN", ""),
        ("interface", "p-2", "message", "Interface p-2 deleted externally.", ""),
    ]


def test_an_interface_that_is_back_is_as_its_port_is_now() -> None:
    bad = followed(vdu("p-1"), server_words(), ports(gone=["p-1"])).vdu

    back = followed(bad, server_words(), ports(port_words("p-1", "10.0.0.9")))

    assert back.vdu.interfaces == (interface("p-1", ip_address="10.0.0.9"),)
    assert back.conditions == frozenset()


def test_a_server_that_moved_has_its_interfaces_where_it_is_and_that_is_told_once() -> None:
    found = followed(vdu("p-1", "p-2"), server_words(host="compute-2"), ports(port_words("p-1"), port_words("p-2")))

    assert {found.vdu.host, *(one.host for one in found.vdu.interfaces)} == {"compute-2"}
    assert told(found) == [("host", "compute-1", "compute-2")]


def test_an_interface_that_nobody_said_anything_new_of_moves_with_its_server() -> None:
    down = interface("p-2", message="Interface p-2 status: DOWN")
    record = vdu("p-1", down, message=down.message)

    found = followed(record, server_words(host="compute-2"), {})

    assert found.vdu.interfaces == (interface("p-1", host="compute-2"), down)


def test_an_interface_that_was_down_while_its_server_moved_follows_when_it_is_healthy() -> None:
    moved = followed(vdu("p-1"), server_words(host="compute-2"), ports(port_words("p-1", status="DOWN"))).vdu

    found = followed(moved, server_words(host="compute-2"), ports(port_words("p-1")))

    assert (moved.interfaces[0].host, found.vdu.interfaces[0].host) == ("compute-1", "compute-2")
    assert ("interface", "p-1", "host", "compute-1", "compute-2") in told(found)


# Management addresses


def test_a_vdu_has_the_address_of_the_interface_that_manages_it() -> None:
    record = vdu("p-1", interface("p-2", manages_vdu=True), ip_address="10.0.0.1")

    found = followed(record, server_words(), ports(port_words("p-1"), port_words("p-2", "10.0.0.9")))

    assert found.vdu.ip_address == "10.0.0.9"
    assert told(found)[0] == ("address", "ip_address", "10.0.0.1", "10.0.0.9")


def test_a_vnf_has_the_address_of_the_interface_that_manages_it_however_often_it_is_asked() -> None:
    seen = ports(port_words("p-1", "10.0.0.9"))

    first = followed(vdu(interface("p-1", manages_vnf=True)), server_words(), seen)
    second = followed(first.vdu, server_words(), seen)

    assert (first.manages_vnf, second.manages_vnf, second.changes) == ("10.0.0.9", "10.0.0.9", ())
    assert first.vdu.ip_address == ""


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(ports(gone=["p-1"]), id="it is gone"),
        pytest.param(ports(port_words("p-1", "10.0.0.9", status="DOWN")), id="it is not healthy"),
        pytest.param(ports(port_words("p-1", fixed_ips=[])), id="it has no address"),
        pytest.param({}, id="nobody can say"),
    ],
)
def test_a_management_address_stays_while_its_interface_has_none_to_give(seen: Any) -> None:
    record = vdu(interface("p-1", manages_vdu=True, manages_vnf=True), ip_address="10.0.0.1")

    found = followed(record, server_words(), seen)

    assert (found.vdu.ip_address, found.manages_vnf) == ("10.0.0.1", None)


def test_of_two_interfaces_that_manage_a_vdu_the_first_healthy_one_gives_its_address() -> None:
    record = vdu(*(interface(one, manages_vdu=True) for one in ("p-1", "p-2", "p-3")))
    seen = ports(port_words("p-1", status="DOWN"), port_words("p-2", "10.0.0.2"), port_words("p-3", "10.0.0.3"))

    assert followed(record, server_words(), seen).vdu.ip_address == "10.0.0.2"


# Interfaces that the record does not know


def test_ports_of_the_server_become_interfaces_where_the_record_is_our_own() -> None:
    seen = ports(port_words("p-3"), port_words("p-2"), port_words("p-9", device_id="s-2"), port_words("p-1"))

    assert [one.port for one in followed(vdu("p-2"), server_words(), seen, adopts=True).vdu.interfaces] == [
        *("p-2", "p-1", "p-3"),
    ]
    assert [one.port for one in followed(vdu("p-2"), server_words(), seen).vdu.interfaces] == ["p-2"]


def test_a_new_interface_that_is_not_healthy_has_a_message_and_what_is_known_of_it() -> None:
    found = followed(vdu(), server_words(), ports(port_words("p-1", status="DOWN")), adopts=True)

    assert found.vdu.interfaces == (interface("p-1", message="Interface p-1 status: DOWN"),)
    assert found.vdu.message == "Interface p-1 status: DOWN"


def test_a_full_record_lets_the_oldest_go_that_is_gone_and_that_nobody_named() -> None:
    names = [f"p-{number:03}" for number in range(INTERFACES_MAX)]
    record = vdu(interface("p-000", name="eth0"), *names[1:])
    lost = followed(record, server_words(), ports(gone=["p-000", "p-007", "p-009"])).vdu

    found = followed(lost, server_words(), ports(port_words("q-1")), adopts=True)

    assert [one.port for one in found.vdu.interfaces] == [*names[:7], *names[8:], "q-1"]
    assert ("interface", "p-007", "port", "p-007", "") in told(found)
    assert found.conditions == {(VduCondition.INTERFACE_GONE, "p-000"), (VduCondition.INTERFACE_GONE, "p-009")}


def test_a_full_record_takes_no_more_where_none_is_gone() -> None:
    record = vdu(*(f"p-{number:03}" for number in range(INTERFACES_MAX)))

    assert followed(record, server_words(), ports(port_words("q-1")), adopts=True).vdu is record


# Deleted


def test_a_server_that_is_gone_is_reported_once() -> None:
    record = vdu("p-1", "p-2", ip_address="10.0.0.1")

    found = gone(record, at_us=AT_US)
    again = gone(found.vdu, at_us=AT_US + 1)

    assert found.vdu == replace(
        record,
        status="DELETED",
        message="Deleted externally",
        interfaces=(),
        interfaces_backup=record.interfaces,
        changed_us=AT_US,
    )
    assert found.changes == (
        VduChange(vdu="v-1", kind=ChangeKind.DELETED, before="ACTIVE", after="DELETED", at_us=AT_US),
    )
    assert again == Followed(found.vdu, (), None, frozenset({(VduCondition.DELETED, "")}))
    assert again.vdu is found.vdu


def test_a_server_that_the_cloud_lists_as_deleted_is_gone() -> None:
    assert followed(vdu("p-1"), server_words(status="DELETED"), {}) == gone(vdu("p-1"), at_us=AT_US)


def test_an_older_backup_is_of_a_better_time_than_interfaces_with_a_message() -> None:
    record = vdu("p-1", interfaces_backup=(interface("p-0"),))
    bad = followed(record, server_words(), ports(gone=["p-1"])).vdu

    assert gone(record, at_us=AT_US).vdu.interfaces_backup == record.interfaces
    assert gone(bad, at_us=AT_US).vdu.interfaces_backup == record.interfaces_backup


def test_without_an_older_backup_interfaces_are_kept_whatever_is_wrong_as_the_deletion_may_be_undone() -> None:
    bad = followed(vdu("p-1", "p-2"), server_words(), ports(port_words("p-1", "10.0.0.9", status="DOWN"))).vdu

    lost = gone(bad, at_us=AT_US).vdu
    back = followed(lost, server_words(), {})

    assert lost.interfaces_backup == (interface("p-1", message="Interface p-1 status: DOWN"), interface("p-2"))
    assert back.vdu == bad


def test_a_deletion_that_was_not_true_is_undone() -> None:
    record = vdu(interface("p-1", manages_vdu=True, name="eth0"), "p-2", ip_address="10.0.0.1", changed_us=AT_US)
    seen = ports(port_words("p-1"), port_words("p-2"))

    found = followed(gone(record, at_us=AT_US).vdu, server_words(), seen)

    assert (found.vdu, found.conditions) == (record, frozenset())
    assert told(found) == [("returned", "DELETED", "ACTIVE"), ("message", "Deleted externally", "")]


def test_a_server_that_is_back_is_as_the_cloud_says_it_now() -> None:
    seen = ports(port_words("p-1", "10.0.0.9"), gone=["p-2"])

    found = followed(
        gone(vdu("p-1", "p-2", "p-3"), at_us=AT_US).vdu, server_words(status="SHUTOFF", host="compute-2"), seen
    )

    assert found.vdu.interfaces == (
        interface("p-1", ip_address="10.0.0.9", host="compute-2"),
        interface("p-2", message="Interface p-2 deleted externally."),
        interface("p-3", host="compute-2"),
    )
    assert (found.vdu.status, found.vdu.interfaces_backup) == ("SHUTOFF", ())
    assert told(found) == [
        ("returned", "DELETED", "SHUTOFF"),
        ("message", "Deleted externally", "Interface p-2 deleted externally."),
        ("host", "compute-1", "compute-2"),
        ("interface", "p-1", "ip_address", "10.0.0.1", "10.0.0.9"),
        ("interface", "p-2", "message", "", "Interface p-2 deleted externally."),
    ]


# Nothing


@pytest.mark.parametrize(
    ("record", "server", "seen"),
    [
        pytest.param(vdu(), server_words(), {}, id="a server alone"),
        pytest.param(vdu("p-1"), server_words(), ports(port_words("p-1")), id="a healthy interface"),
        pytest.param(
            vdu(interface("p-1", message="Interface p-1 status: DOWN"), message="Interface p-1 status: DOWN"),
            server_words(),
            ports(port_words("p-1", "10.9.9.9", status="DOWN")),
            id="an interface that still is not",
        ),
        pytest.param(vdu(), server_words(metadata={"a": "b"}, progress=7), {}, id="what a record has no word for"),
    ],
)
def test_where_nothing_changed_the_record_is_the_very_same(record: Vdu, server: bytes, seen: Any) -> None:
    found = followed(record, server, seen, adopts=True)

    assert found.vdu is record
    assert (found.changes, found.conditions) == ((), conditions_of(record))


def test_a_rebuilt_server_is_the_same_one_throughout() -> None:
    seen = ports(port_words("p-1", status="DOWN"))

    during = followed(vdu("p-1"), server_words(status="REBUILD"), seen)
    after = followed(during.vdu, server_words(), ports(port_words("p-1")))

    assert during.vdu.message == "VIM status reported REBUILD; Interface p-1 status: DOWN"
    assert (after.vdu, after.conditions) == (vdu("p-1", changed_us=AT_US), frozenset())
