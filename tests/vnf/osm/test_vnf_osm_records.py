"""OSM's VNF records: what a change in the cloud is written as, and that nobody's write is lost by it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import yaml
from osm_players import ACCOUNT, KEY, PROJECT, VNFR, interface, port_words, record, server_words, vdur

from nfvigil.model.vnf_record import VduCondition
from nfvigil.vnf.osm.database import OsmDatabase
from nfvigil.vnf.osm.records import Plan, Result, Work, planned, project_in
from nfvigil.vnf.osm.tasks import Skip, Target
from nfvigil.vnf.osm.vdur import MISSING, Words, is_ours, value_at
from nfvigil.vnf.words import without_user_data

INFO = f"vdur.0.vim_info.{KEY}"


def target(server: str = "s-1", number: int = 0, key: str = KEY) -> Target:
    return Target(account=ACCOUNT, server=server, vnfr=VNFR, number=number, key=key)


def body(words: dict[str, Any]) -> bytes:
    return without_user_data(msgspec.json.encode(words))


def there(server: str = "s-1", number: int = 0, *, ports: dict[str, Any] | None = None, **more: Any) -> Work:
    """A server as the cloud says it; ``ports`` in the place of its one port."""
    if ports is None:
        ports = {f"p-{server}": port_words(f"p-{server}", server)}
    words = {port: body(one) if one is not None else None for port, one in ports.items()}
    return Work(target(server, number), "edge", Words(body(server_words(server, **more)), words), PROJECT, "compute-1")


def away(server: str = "s-1", number: int = 0) -> Work:
    return Work(target(server, number), "edge", None)


class Records:
    """A database with one record, and the plans for it carried out."""

    def __init__(self, mongo: Any, document: dict[str, Any]) -> None:
        self.mongo = mongo
        self.database = OsmDatabase(mongo)
        mongo["vnfrs"].insert_one(copy.deepcopy(document))

    @property
    def document(self) -> Any:
        return self.mongo["vnfrs"].find_one({"_id": VNFR})

    def at(self, path: str) -> Any:
        return value_at(self.document, path)

    def plan(self, *works: Work) -> Plan:
        return planned(VNFR, self.database.records([VNFR]).get(VNFR), works)

    def follow(self, *works: Work) -> Plan:
        """One round; what is written is then as it is to be, so that the next finds nothing to do."""
        plan = self.plan(*works)
        if plan.sets:
            assert self.database.change(plan.filter, plan.sets)
        assert self.plan(*works).sets == {}
        return plan


Make = Callable[..., Records]


@pytest.fixture
def made(mongo: Any) -> Make:
    """Records that a first round has brought in line, so that a test sees its own change only."""

    def make(document: dict[str, Any] | None = None, *works: Work) -> Records:
        records = Records(mongo, document or record())
        records.follow(*(works or (there(),)))
        return records

    return make


# What is written


def test_the_first_round_writes_the_clouds_words_and_nothing_else(mongo: Any) -> None:
    plan = Records(mongo, record()).follow(there())

    assert plan.sets.keys() == {f"{INFO}.vim_details", f"{INFO}.interfaces.0.vim_info"}
    details = plan.sets[f"{INFO}.vim_details"]
    assert "user_data" not in details
    assert yaml.safe_load(details)["status"] == "ACTIVE"
    assert yaml.safe_load(plan.sets[f"{INFO}.interfaces.0.vim_info"])["id"] == "p-s-1"


def test_nothing_is_written_when_nothing_changed(made: Make) -> None:
    records = made()

    plan = records.plan(there())

    assert (plan.sets, plan.filter) == ({}, {})


def test_a_status_is_written_to_both_places(made: Make) -> None:
    records = made()

    plan = records.follow(there(status="SHUTOFF"))

    assert plan.sets.keys() == {f"{INFO}.vim_status", f"{INFO}.vim_details", "vdur.0.status"}
    assert records.at("vdur.0.status") == records.at(f"{INFO}.vim_status") == "SHUTOFF"
    assert records.at(f"{INFO}.vim_message") is None


def test_a_status_that_is_not_fine_is_a_message_which_goes_away_again(made: Make) -> None:
    records = made()

    records.follow(there(status="ERROR"))
    assert records.at(f"{INFO}.vim_message") == "VIM status reported ERROR"

    records.follow(there(status="ACTIVE"))
    assert records.at(f"{INFO}.vim_message") is None


def test_a_new_name_is_written(made: Make) -> None:
    records = made()

    records.follow(there(name="renamed"))

    assert records.at("vdur.0.name") == records.at(f"{INFO}.vim_name") == "renamed"


def test_a_migration_is_another_compute_node(made: Make) -> None:
    records = made()

    plan = records.follow(there(**{"OS-EXT-SRV-ATTR:host": "compute-2"}))

    assert records.at(f"{INFO}.interfaces.0.compute_node") == "compute-2"
    assert plan.sets.keys() == {f"{INFO}.vim_details", f"{INFO}.interfaces.0.compute_node"}


def test_an_address_goes_to_every_place_that_shows_it(made: Make) -> None:
    records = made()
    fixed = [{"ip_address": "192.0.2.9"}, {"ip_address": "2001:db8::9"}]

    records.follow(there(ports={"p-s-1": port_words(fixed_ips=fixed, mac_address="fa:16:3e:00:00:09")}))

    both = "192.0.2.9;2001:db8::9"
    assert records.at(f"{INFO}.interfaces.0.ip_address") == both
    assert records.at("vdur.0.interfaces.0.ip-address") == both
    assert records.at("vdur.0.ip-address") == both
    assert records.at("ip-address") == both
    assert records.at("vdur.0.interfaces.0.mac-address") == "fa:16:3e:00:00:09"
    assert VNFR not in records.document, "where the original writes it by mistake"


def test_what_manages_nothing_leaves_the_management_addresses(made: Make) -> None:
    unit = vdur(info={"interfaces": [interface("p-s-1", mgmt_vdu_interface=None, mgmt_vnf_interface=None)]})
    records = made(record(unit))

    plan = records.follow(there(ports={"p-s-1": port_words(fixed_ips=[{"ip_address": "192.0.2.9"}])}))

    assert records.at("vdur.0.interfaces.0.ip-address") == "192.0.2.9"
    assert "ip-address" not in plan.sets
    assert "vdur.0.ip-address" not in plan.sets


def test_vlan_and_pci_are_written_where_there_are_any(made: Make) -> None:
    records = made()
    bound = {"binding:vif_details": {"vlan": 400}, "binding:profile": {"pci_slot": "0000:86:17.4"}}

    records.follow(there(ports={"p-s-1": port_words(**bound)}))

    assert records.at(f"{INFO}.interfaces.0.vlan") == 400
    assert records.at(f"{INFO}.interfaces.0.pci") == "0000:86:17.4"


def test_an_interface_that_is_gone_is_a_message_and_stays_as_it_was(made: Make) -> None:
    records = made()

    plan = records.follow(there(ports={"p-s-1": None}))

    assert plan.sets == {f"{INFO}.vim_message": "Interface p-s-1 deleted externally."}
    assert plan.results[0].conditions == {(VduCondition.INTERFACE_GONE, "p-s-1")}
    records.follow(there())
    assert records.at(f"{INFO}.vim_message") is None


def test_an_interface_that_is_not_well_is_a_message_with_its_status(made: Make) -> None:
    records = made()

    records.follow(there(ports={"p-s-1": port_words(status="DOWN", mac_address="fa:16:3e:00:00:09")}))

    assert records.at(f"{INFO}.vim_message") == "Interface p-s-1 status: DOWN"
    assert records.at(f"{INFO}.interfaces.0.mac_address") == "fa:16:3e:00:00:01"


def test_of_an_interface_that_nobody_can_say_anything_of_the_message_stays(made: Make) -> None:
    records = made()
    records.follow(there(ports={"p-s-1": port_words(status="DOWN")}))

    plan = records.plan(there(ports={}))

    assert plan.sets == {}


def test_words_on_a_port_that_cannot_be_read_say_nothing(made: Make) -> None:
    records = made()

    plan = records.plan(there(ports={"p-s-1": {"id": "p-s-1"}}))

    assert plan.sets == {}


def test_a_message_of_osms_own_stays_until_there_is_something_to_say(made: Make) -> None:
    records = made(record(vdur(info={"vim_message": "Error at create: no quota"})))
    assert records.at(f"{INFO}.vim_message") == "Error at create: no quota"

    records.follow(there(status="ERROR"))

    assert records.at(f"{INFO}.vim_message") == "VIM status reported ERROR"


def test_a_record_that_has_never_had_a_message_gets_none(made: Make) -> None:
    unit = vdur()
    del unit["vim_info"][KEY]["vim_message"]
    records = made(record(unit))

    assert "vim_message" not in records.at(INFO)
    records.follow(there(status="ERROR"))
    records.follow(there())
    assert records.at(f"{INFO}.vim_message") is None


@pytest.mark.parametrize(
    ("message", "is_it"),
    [
        ("Deleted externally", True),
        ("VIM status reported ERROR", True),
        ("VIM status reported ERROR; Interface p deleted externally.", True),
        ("Interface p status: DOWN", True),
        ("Error: Interface p status: DOWN", False),
        ("VimConnException", False),
    ],
)
def test_whose_message_it_is(message: str, is_it: bool) -> None:
    assert is_ours(message) is is_it


# Deletion


def test_a_deletion_is_reported_once_with_the_last_good_interfaces(made: Make) -> None:
    records = made()
    before = records.at(f"{INFO}.interfaces")

    plan = records.follow(away())

    info = records.at(INFO)
    assert {name: info[name] for name in ("vim_status", "vim_message", "vim_id", "vim_name", "interfaces")} == {
        "vim_status": "DELETED",
        "vim_message": "Deleted externally",
        "vim_id": None,
        "vim_name": None,
        "interfaces": None,
    }
    assert info["interfaces_backup"] == before
    assert records.at("vdur.0.status") == "DELETED"
    assert records.at("vdur.0.name") == "vm-s-1"
    assert plan.results[0].conditions == {(VduCondition.DELETED, "")}


def test_a_deletion_that_was_not_true_is_undone(made: Make) -> None:
    records = made()
    before = records.document
    records.follow(away())

    fixed = [{"ip_address": "192.0.2.9"}]
    plan = records.follow(there(ports={"p-s-1": port_words(fixed_ips=fixed)}))

    info = records.at(INFO)
    assert (info["vim_status"], info["vim_message"], info["vim_id"]) == ("ACTIVE", None, "s-1")
    assert [one["ip_address"] for one in info["interfaces"]] == ["192.0.2.9"]
    assert [one.keys() for one in info["interfaces"]] == [
        one.keys() for one in before["vdur"][0]["vim_info"][KEY]["interfaces"]
    ]
    assert records.at("vdur.0.status") == "ACTIVE"
    assert plan.results[0].conditions == frozenset()


def test_a_deleted_server_without_interfaces_comes_back_without(made: Make) -> None:
    records = made(record(vdur(info={"interfaces": []})), there(ports={}))
    records.follow(away())
    assert "interfaces_backup" not in records.at(INFO)

    records.follow(there(ports={}))

    assert records.at(f"{INFO}.interfaces") is None


def test_the_project_of_a_server_that_is_gone_stands_in_the_record(made: Make) -> None:
    records = made()

    assert records.plan(away()).results[0].project == PROJECT
    assert project_in(None) == project_in("{}") == ""


# What is passed by


@pytest.mark.parametrize(
    ("document", "skip"),
    [
        pytest.param(record() | {"vdur": None}, Skip.NO_VDUR, id="no VDUs"),
        pytest.param(record() | {"vdur": []}, Skip.NO_VDUR, id="out of range"),
        pytest.param(record() | {"vdur": {"0": vdur()}}, Skip.NO_VDUR, id="VDUs in an object"),
        pytest.param(record() | {"vdur": [None]}, Skip.NO_VDUR, id="a VDU that is null"),
        pytest.param(record(vdur() | {"vim_info": None}), Skip.NO_VDUR, id="no vim_info"),
        pytest.param(record(vdur() | {"vim_info": []}), Skip.NO_VDUR, id="vim_info is a list"),
        pytest.param(record(vdur() | {"vim_info": {}}), Skip.NO_VDUR, id="vim_info of no cloud"),
        pytest.param(record(vdur() | {"vim_info": {KEY: {}}}), Skip.NO_VDUR, id="empty vim_info"),
        pytest.param(record(vdur() | {"vim_info": {KEY: "x"}}), Skip.NO_VDUR, id="vim_info is a text"),
        pytest.param(record(vdur("s-2")), Skip.OTHER_SERVER, id="healed: another server by now"),
    ],
)
def test_odd_records_are_passed_by(mongo: Any, document: dict[str, Any], skip: Skip) -> None:
    plan = Records(mongo, document).plan(there())

    assert plan.sets == {}
    assert [result.skip for result in plan.results] == [skip]


def test_a_record_that_is_not_there_is_passed_by() -> None:
    assert [result.skip for result in planned(VNFR, None, [there(), away("s-2", 1)]).results] == [Skip.NO_RECORD] * 2


def test_words_on_a_server_that_cannot_be_read_change_nothing(mongo: Any) -> None:
    work = there()._replace(words=Words(b'{"id": "s-1"}', {}))

    assert Records(mongo, record()).plan(work).results == (Result(work, Skip.SHAPE),)


def test_odd_parts_of_a_record_are_left_alone(mongo: Any) -> None:
    odd = [7, {"vim_interface_id": None}, interface("p-s-1", vlan="x", ip_address=7, compute_node=None)]
    unit = vdur(info={"interfaces": odd, "vim_name": 7, "vim_message": 7}, interfaces="none", name=None)
    records = Records(mongo, record(unit))

    records.follow(there())

    found = records.at(f"{INFO}.interfaces")
    assert found[:2] == odd[:2]
    assert found[2]["ip_address"] == "192.0.2.1"
    assert records.at("vdur.0.interfaces") == "none"
    assert records.at("vdur.0.name") == "vm-s-1"


def test_an_interface_that_the_vdu_does_not_show_is_not_made(mongo: Any) -> None:
    for shown in ([], [None]):
        records = Records(mongo, record(vdur(interfaces=shown)))

        records.follow(there(ports={"p-s-1": port_words(mac_address="fa:16:3e:00:00:09")}))

        assert records.at("vdur.0.interfaces") == shown
        mongo["vnfrs"].drop()


def test_a_port_without_addresses_leaves_the_one_that_is_shown(made: Make) -> None:
    records = made()

    records.follow(there(ports={"p-s-1": port_words(fixed_ips=[], mac_address="")}))

    assert records.at(f"{INFO}.interfaces.0.ip_address") is None
    assert records.at("vdur.0.interfaces.0.ip-address") == "192.0.2.1"
    assert records.at("vdur.0.interfaces.0.mac-address") is None


def test_a_vdu_without_an_id_is_called_by_its_place(mongo: Any) -> None:
    unit = vdur()
    del unit["_id"], unit["id"]

    plan = Records(mongo, record(unit)).follow(there())

    assert plan.results[0].vnfc == "vdur.0"


def test_a_vdu_without_an_address_gets_none_from_an_interface_that_does_not_manage_it(mongo: Any) -> None:
    unit = vdur(info={"interfaces": [interface("p-s-1", mgmt_vdu_interface=False)]})
    del unit["ip-address"]
    records = Records(mongo, record(unit))

    records.follow(there())

    assert "ip-address" not in records.at("vdur.0")


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.0.b", 1), ("a.1", MISSING), ("a.x", MISSING), ("a.0.b.c", MISSING), ("b", MISSING), ("b.c", MISSING)],
)
def test_a_path_leads_to_what_is_there(path: str, value: object) -> None:
    assert value_at({"a": [{"b": 1}]}, path) == value


# Several VDUs, and who speaks for the VNF


def both(**more: Any) -> tuple[Work, Work]:
    return there(**more), there("s-2", 1)


def test_all_vdus_of_a_record_are_one_update(made: Make) -> None:
    records = made(record(vdur(), vdur("s-2")), *both())

    plan = records.plan(there(status="SHUTOFF"), away("s-2", 1))
    assert records.database.change(plan.filter, plan.sets)

    assert [one["status"] for one in records.document["vdur"]] == ["SHUTOFF", "DELETED"]


def test_of_several_vdus_that_manage_the_vnf_the_first_gives_its_address(made: Make) -> None:
    records = made(record(vdur(), vdur("s-2")), *both())
    moved = {"p-s-2": port_words("p-s-2", "s-2", fixed_ips=[{"ip_address": "192.0.2.77"}])}

    records.follow(there("s-2", 1, ports=moved))

    assert records.at("vdur.1.ip-address") == "192.0.2.77"
    assert records.at("ip-address") == "192.0.2.1"


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(None, id="no VDU"),
        pytest.param({"vim_info": None}, id="no vim_info"),
        pytest.param({"vim_info": {"vim:x": None}}, id="of another cloud, empty"),
        pytest.param({"vim_info": {"vim:x": {"interfaces": None}}}, id="deleted"),
        pytest.param({"vim_info": {"vim:x": {"interfaces": [None, {}]}}}, id="odd interfaces"),
    ],
)
def test_a_vdu_that_does_not_manage_it_does_not_speak(mongo: Any, first: Any) -> None:
    document = record()
    del document["ip-address"]
    document["vdur"] = [first, vdur("s-2")]
    records = Records(mongo, document)

    records.follow(there("s-2", 1))

    assert records.at("ip-address") == "192.0.2.1"


def test_only_the_vnfs_address_may_be_what_is_different(made: Make) -> None:
    records = made()
    records.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"ip-address": "192.0.2.99"}})

    plan = records.follow(there())

    assert plan.sets == {"ip-address": "192.0.2.1"}
    assert plan.filter[f"{INFO}.vim_id"] == {"$eq": "s-1"}


# Somebody else is quicker


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param({"vdur.0.status": "ERROR"}, id="the very field"),
        pytest.param({f"{INFO}.vim_details": "theirs"}, id="another field that is written"),
        pytest.param({f"{INFO}.vim_id": "s-9"}, id="it is another server by now"),
        pytest.param({"vdur.0._id": "another"}, id="it is another VDU by now"),
        pytest.param({"vdur": []}, id="the VDUs are gone"),
        pytest.param({"vdur.0.vim_info": {}}, id="the cloud is gone from it"),
    ],
)
def test_what_another_process_has_changed_is_never_overwritten(made: Make, theirs: dict[str, Any]) -> None:
    records = made()
    plan = records.plan(there(status="SHUTOFF"))
    records.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": theirs})
    before = records.document

    assert records.database.change(plan.filter, plan.sets) is False
    assert records.document == before


def test_what_another_process_changes_elsewhere_stays_and_hinders_nobody(made: Make) -> None:
    records = made(record(vdur(), vdur("s-2")), *both())
    plan = records.plan(there(status="SHUTOFF"))
    records.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"vdur.1.status": "BUILD", "nsState": "SCALING"}})

    assert records.database.change(plan.filter, plan.sets) is True
    assert records.at("vdur.0.status") == "SHUTOFF"
    assert (records.at("vdur.1.status"), records.at("nsState")) == ("BUILD", "SCALING")


@pytest.mark.parametrize("path", [f"{INFO}.interfaces", "vdur.0.interfaces"])
def test_an_interface_in_the_place_of_another_is_not_overwritten_even_where_all_else_is_equal(
    made: Make, path: str
) -> None:
    records = made()
    plan = records.plan(there(ports={"p-s-1": port_words(mac_address="fa:16:3e:00:00:77")}))
    another = {**records.at(f"{path}.0"), "vim_interface_id": "p-new", "name": "eth7"}
    records.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {path: [another, records.at(f"{path}.0")]}})

    assert not records.database.change(plan.filter, plan.sets)

    assert records.at(f"{path}.0") == another


def test_what_appeared_meanwhile_is_not_overwritten(mongo: Any) -> None:
    unit = vdur()
    del unit["status"]
    records = Records(mongo, record(unit))
    plan = records.plan(there())
    mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"vdur.0.status": "BUILD"}})

    assert records.database.change(plan.filter, plan.sets) is False


def test_values_that_look_like_operators_are_values(made: Make) -> None:
    records = made(record(vdur(name={"$gt": ""})), there(name="vm"))

    assert records.at("vdur.0.name") == "vm"
