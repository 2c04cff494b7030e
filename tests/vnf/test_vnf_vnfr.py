"""A VNF comes from OSM's record of it, and goes back as one, with everything that is not ours as it was."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace
from vnf_cloud import AT_US, port_words, server_words
from vnf_documents import ACCOUNT, KEY, document, info, vdur

from nfvigil.errors import RefusedError
from nfvigil.model.vnf import Vnf, Vnfc, VnfSource
from nfvigil.model.vnf_record import DELETED, Interface, Vdu, VduDetails, VnfRecord
from nfvigil.vnf.rules import DELETED_EXTERNALLY, follow, gone, gone_message, message_of, status_message
from nfvigil.vnf.vnfr import KEPT_AS, vnfr_of
from nfvigil.vnf.vnfr_reading import DOCUMENT_MAX, VDURS_MAX, vnf_of_vnfr
from nfvigil.vnf.words import seen_port, seen_server

VIMS = {ACCOUNT: "lab"}


def taken(given: Mapping[str, Any]) -> tuple[Vnf, VnfRecord]:
    return vnf_of_vnfr(given, project="blue", vim_of=VIMS)


def with_vdur(*vdurs: dict[str, Any]) -> dict[str, Any]:
    return document() | {"vdur": list(vdurs)}


def with_info(**fields: Any) -> dict[str, Any]:
    return with_vdur(vdur(vim_info={KEY: info(**fields)}))


# In


def test_a_document_is_a_vnf_and_its_record() -> None:
    vnf, record = taken(document())

    assert replace(vnf, extra={}) == Vnf(
        id="0c1d2e3f-vnf",
        project="blue",
        name="epc_vnfd",
        vnfcs=(Vnfc(id="vdur-0", server="s-0", vdu="mme"),),
        source=VnfSource.API,
    )
    assert record == VnfRecord(
        project="blue",
        id="0c1d2e3f-vnf",
        ip_address="10.0.0.1",
        vdus=(
            Vdu(
                id="vdur-0",
                server="s-0",
                vim="lab",
                vdu="mme",
                name="mme-0",
                status="ACTIVE",
                host="compute-1",
                ip_address="10.0.0.1",
                interfaces=(
                    Interface(
                        port="p-0-0",
                        name="eth0",
                        network="net-mgmt",
                        mac_address="fa:16:3e:00:00:01",
                        ip_address="10.0.0.1",
                        host="compute-1",
                        manages_vdu=True,
                        manages_vnf=True,
                    ),
                    Interface(
                        port="p-0-1",
                        name="xe0",
                        network="net-internal",
                        mac_address="fa:16:3e:00:00:02",
                        ip_address="10.1.0.1;2001:db8::7",
                        host="compute-1",
                        pci="0000:03:10.1",
                        vlan=100,
                    ),
                ),
            ),
        ),
    )


def test_nothing_is_kept_twice() -> None:
    kept = taken(document())[0].extra[KEPT_AS]

    assert kept["vdur"] == [
        {
            "_id": "vdur-0",
            "id": "vdur-0",
            "count-index": 0,
            "vdu-name": "mme",
            "vim-id": "s-0",
            "pdu-type": None,
            "interfaces": [
                {
                    "name": "eth0",
                    "type": "VIRTIO",
                    "mgmt-interface": True,
                    "mgmt-vnf": True,
                    "ns-vld-id": "mgmtnet",
                },
                {"name": "xe0", "type": "SR-IOV", "mgmt-interface": False, "vnf-vld-id": "internal"},
            ],
            "vim_info": {
                KEY: {
                    "vim_flavor_id": "m1.tiny",
                    "refresh_at": -1,
                    "interfaces": [{"vim_interface_id": "p-0-0", "position": 1}],
                }
            },
        }
    ]
    assert "ip-address" not in kept


def test_the_document_that_was_given_is_left_as_it_is() -> None:
    mine = document()

    taken(mine)

    assert mine == document()


def test_a_name_of_its_own_goes_before_that_of_its_descriptor() -> None:
    assert taken(document() | {"name": "epc-1"})[0].name == "epc-1"
    assert taken(document() | {"name": {"odd": 1}})[0].name == "epc_vnfd"
    assert taken({**document(), "vnfd-ref": None})[0].name == ""


@pytest.mark.parametrize(
    "left_out",
    [
        pytest.param({"vim_info": None}, id="no vim_info"),
        pytest.param({"vim_info": {}}, id="an empty vim_info"),
        pytest.param({"vim_info": {KEY: None}}, id="nothing for its account"),
        pytest.param({"vim_info": {"other": {"vim_id": "s"}}}, id="no account"),
        pytest.param({"vim_info": {KEY: {"vim_id": None}}, "vim-id": None}, id="no server yet"),
    ],
)
def test_a_vdu_without_a_server_is_no_component_and_stays_in_the_document(left_out: dict[str, Any]) -> None:
    mine = with_vdur(vdur(0, **left_out), vdur(1))

    vnf, record = taken(mine)

    assert [one.id for one in vnf.vnfcs] == [one.id for one in record.vdus] == ["vdur-1"]
    assert vnfr_of(vnf, record, {})["vdur"][0] == mine["vdur"][0]


def test_the_account_of_the_vdu_says_which_vim_info_counts_or_else_the_first_does() -> None:
    other = info(vim_id="s-other")

    both = {"vim:other": other, KEY: info()}
    found = vnf_of_vnfr(with_vdur(vdur(vim_info=both)), project="p", vim_of=VIMS)[1]
    own = {"vim-account-id": "other", "vim_info": {KEY: info(), "vim:other": other}}
    mine = vnf_of_vnfr(with_vdur(vdur(**own)), project="p", vim_of={"other": "far"})[1]
    first = vnf_of_vnfr(with_vdur(vdur(vim_info={"vim:other": other})), project="p", vim_of={"other": "far"})[1]

    assert [one.vdus[0].server for one in (found, mine, first)] == ["s-0", "s-other", "s-other"]
    assert [one.vdus[0].vim for one in (found, mine, first)] == ["lab", "far", "far"]


def test_an_account_that_nobody_named_is_the_cloud_that_has_the_server() -> None:
    record = vnf_of_vnfr(document(), project="p", vim_of={}, vim_of_server={"s-0": "far"}.get)[1]

    assert record.vdus[0].vim == "far"


def test_a_server_that_was_deleted_is_known_by_what_the_vdu_says_of_it() -> None:
    lost = info(vim_id=None, vim_name=None, vim_status="DELETED", vim_message="Deleted externally", interfaces=None)
    lost |= {"interfaces_backup": info()["interfaces"]}

    found = taken(with_vdur(vdur(status="DELETED", vim_info={KEY: lost})))[1].vdus[0]

    assert (found.server, found.name, found.status, found.message) == (
        *("s-0", "mme-0", "DELETED", "Deleted externally"),
    )
    assert found.interfaces == ()
    assert [(one.port, one.name, one.manages_vdu) for one in found.interfaces_backup] == [
        *(("p-0-0", "eth0", True), ("p-0-1", "xe0", False)),
    ]


@pytest.mark.parametrize(
    ("message", "of_first", "of_second"),
    [
        pytest.param("Interface p-0-1 deleted externally.", "", "Interface p-0-1 deleted externally.", id="OSM's"),
        pytest.param(
            "VIM status reported ERROR; Interface p-0-0 status: DOWN; Interface p-0-1 deleted externally.",
            "Interface p-0-0 status: DOWN",
            "Interface p-0-1 deleted externally.",
            id="several",
        ),
        pytest.param("Interface p-0-11 deleted externally.", "", "", id="another port's"),
    ],
)
def test_an_interface_has_its_part_of_the_message(message: str, of_first: str, of_second: str) -> None:
    found = taken(with_info(vim_message=message))[1].vdus[0]

    assert found.message == message
    assert [one.message for one in found.interfaces] == [of_first, of_second]


def test_a_message_of_many_lines_is_one() -> None:
    assert taken(with_info(vim_message="no\n  host\tis\x00valid"))[1].vdus[0].message == "no   host is valid"


def test_a_backup_beside_interfaces_is_of_the_same_interfaces() -> None:
    backup = [info()["interfaces"][1], {"vim_interface_id": "p-9"}]

    found = taken(with_info(interfaces_backup=backup))[1].vdus[0]

    assert [(one.port, one.name) for one in found.interfaces_backup] == [("p-0-1", "xe0"), ("p-9", "")]


AT = f"vdur[0].vim_info.{KEY}"


@pytest.mark.parametrize(
    ("mine", "fields"),
    [
        ({}, ["id"]),
        ({**document(), "_id": None, "id": ""}, ["id"]),
        ({**document(), "id": 5}, ["id"]),
        ({**document(), "id": "a\nb"}, ["id"]),
        ({**document(), "vnfd-ref": "x" * 256}, ["vnfd-ref"]),
        ({**document(), "name": "a\x00"}, ["name"]),
        ({**document(), "ip-address": ["10.0.0.1"]}, ["ip-address"]),
        ({**document(), "vdur": {}}, ["vdur"]),
        ({**document(), "vdur": [5, vdur(), None]}, ["vdur[0]", "vdur[2]"]),
        ({**document(), "vdur": [{}] * (VDURS_MAX + 1)}, ["vdur"]),
        (with_vdur(vdur(0), vdur(1, id="vdur-0")), ["vdur[1].id"]),
        (with_vdur({"name": "mme"}), ["vdur[0].id"]),
        (with_vdur(vdur(0), vdur(1, vim_info={KEY: info(1, vim_id="s-0")})), [f"vdur[1].vim_info.{KEY}.vim_id"]),
        (with_vdur(vdur(vim_info={"vim:nobody": info()})), ["vdur[0].vim_info.vim:nobody"]),
        (with_vdur(vdur(interfaces="eth0")), ["vdur[0].interfaces"]),
        (with_vdur(vdur(**{"vdu-id-ref": 7, "ip-address": 7})), ["vdur[0].vdu-id-ref", "vdur[0].ip-address"]),
        (with_info(vim_id=7), [f"{AT}.vim_id"]),
        (with_info(vim_status=["x"], vim_name={"a": 1}), [f"{AT}.vim_name", f"{AT}.vim_status"]),
        (with_info(vim_message=5), [f"{AT}.vim_message"]),
        (with_info(compute_node=5), [f"{AT}.compute_node"]),
        (with_info(interfaces=5), [f"{AT}.interfaces"]),
        (with_info(interfaces=[[]]), [f"{AT}.interfaces[0]"]),
        (with_info(interfaces=[{"vim_interface_id": f"p-{n}"} for n in range(201)]), [f"{AT}.interfaces"]),
        (with_info(interfaces=[{}]), [f"{AT}.interfaces[0].vim_interface_id"]),
        (with_info(interfaces=[{"vim_interface_id": ["p"]}]), [f"{AT}.interfaces[0].vim_interface_id"]),
        (with_info(interfaces=[{"vim_interface_id": "p"}] * 2), [f"{AT}.interfaces[1].vim_interface_id"]),
        (with_info(interfaces=[{"vim_interface_id": "p", "vlan": "x"}]), [f"{AT}.interfaces[0].vlan"]),
        (with_info(interfaces=[{"vim_interface_id": "p", "mac_address": 5}]), [f"{AT}.interfaces[0].mac_address"]),
        (with_info(interfaces_backup=[{"vim_interface_id": "p", "pci": 5}]), [f"{AT}.interfaces_backup[0].pci"]),
        ({**document(), "when": object()}, [""]),
        ({**document(), "huge": "x" * DOCUMENT_MAX}, [""]),
        ({**document(), "half": "\ud800"}, [""]),
        ([document()], [""]),
    ],
)
def test_what_is_wrong_is_said_by_field(mine: Any, fields: list[str]) -> None:
    with pytest.raises(RefusedError) as caught:
        taken(mine)

    assert [one.field for one in caught.value.errors] == fields


def test_a_document_as_deep_as_the_sea_is_refused() -> None:
    mine: dict[str, Any] = document()
    for _ in range(100_000):
        mine = {"a": mine}

    with pytest.raises(RefusedError, match="no JSON"):
        taken(mine)


def test_what_is_wrong_is_said_at_once_and_not_without_end() -> None:
    with pytest.raises(RefusedError) as caught:
        taken(with_vdur(*({"id": 5} for _ in range(VDURS_MAX))))

    assert len(caught.value.errors) == 100


# Out


def test_a_document_comes_out_as_it_went_in() -> None:
    mine = document()
    mine["vdur"][0]["vim_info"][KEY] |= {"vim_details": None}
    for one in mine["vdur"][0]["vim_info"][KEY]["interfaces"]:
        one |= {"vim_info": None, "vlan": one["vlan"] and int(one["vlan"])}

    assert vnfr_of(*taken(mine), {}) == mine


def test_an_interface_of_the_descriptor_without_a_port_keeps_what_is_said_of_it() -> None:
    mine = vdur()
    mine["interfaces"].append({"name": "xe1", "ip-address": "10.2.0.1", "pci": "0000:03:10.2"})

    (out,) = vnfr_of(*taken(with_vdur(mine)), {})["vdur"]

    assert out["interfaces"][2] == {"name": "xe1", "ip-address": "10.2.0.1", "pci": "0000:03:10.2"}


def test_what_became_of_the_server_is_under_osms_keys() -> None:
    vnf, record = taken(document())
    server = server_words("s-0", status="ERROR", name="mme-one", host="compute-2")
    bodies = {
        "p-0-0": port_words("p-0-0", "10.0.0.9", device_id="s-0", vif_details={"vlan": 7}),
        "p-0-1": port_words("p-0-1", device_id="s-0", status="DOWN"),
        "p-9": port_words("p-9", "10.0.9.9", device_id="s-0"),
    }
    seen = {name: seen_port(body) for name, body in bodies.items()}
    vdu = follow(record.vdus[0], seen_server(server), seen, at_us=AT_US, adopts=True).vdu
    record = replace(record, ip_address="10.0.0.9", vdus=(vdu,))

    out = vnfr_of(vnf, record, {"vdur-0": VduDetails(server=server, ports=bodies)})

    (mine,) = out["vdur"]
    found = mine["vim_info"][KEY]
    assert out["ip-address"] == "10.0.0.9"
    assert {name: mine[name] for name in ("name", "status", "vim-id", "ip-address")} == {
        "name": "mme-one",
        "status": "ERROR",
        "vim-id": "s-0",
        "ip-address": "10.0.0.9",
    }
    assert {name: found[name] for name in ("vim_id", "vim_name", "vim_status", "vim_message", "refresh_at")} == {
        "vim_id": "s-0",
        "vim_name": "mme-one",
        "vim_status": "ERROR",
        "vim_message": "VIM status reported ERROR; Interface p-0-1 status: DOWN",
        "refresh_at": -1,
    }
    assert yaml.safe_load(found["vim_details"])["OS-EXT-SRV-ATTR:host"] == "compute-2"
    assert "user_data" not in found["vim_details"]
    first, second, third = found["interfaces"]
    assert yaml.safe_load(first.pop("vim_info"))["id"] == "p-0-0"
    assert first == {
        "vim_interface_id": "p-0-0",
        "vim_net_id": "net-1",
        "mac_address": seen["p-0-0"].mac_address,
        "ip_address": "10.0.0.9",
        "compute_node": "compute-2",
        "pci": None,
        "vlan": 7,
        "mgmt_vnf_interface": True,
        "mgmt_vdu_interface": True,
        "position": 1,
    }
    assert (second["ip_address"], second["compute_node"]) == ("10.1.0.1;2001:db8::7", "compute-1")
    assert (third["vim_interface_id"], third["ip_address"]) == ("p-9", "10.0.9.9")
    assert [(one.get("name"), one["ip-address"], one["mac-address"]) for one in mine["interfaces"]] == [
        ("eth0", "10.0.0.9", seen["p-0-0"].mac_address),
        ("xe0", "10.1.0.1;2001:db8::7", "fa:16:3e:00:00:02"),
        (None, "10.0.9.9", seen["p-9"].mac_address),
    ]
    assert taken(out) == (vnf, replace(record, vdus=(replace(vdu, changed_us=0),)))


def test_a_server_that_was_deleted_has_nulls_and_a_backup() -> None:
    vnf, record = taken(document())
    record = replace(record, vdus=(gone(record.vdus[0], at_us=AT_US).vdu,))

    (out,) = vnfr_of(vnf, record, {})["vdur"]

    found = out["vim_info"][KEY]
    assert (out["status"], out["vim-id"], out["name"]) == ("DELETED", "s-0", "mme-0")
    assert [found[name] for name in ("vim_status", "vim_message", "vim_id", "vim_name", "interfaces")] == [
        *("DELETED", "Deleted externally", None, None, None),
    ]
    assert [one["vim_interface_id"] for one in found["interfaces_backup"]] == ["p-0-0", "p-0-1"]
    assert found["interfaces_backup"][0]["position"] == 1
    assert "vim_message" not in found["interfaces_backup"][0]


def test_a_server_that_is_back_has_no_backup_any_more() -> None:
    vnf, record = taken(document())
    lost = gone(record.vdus[0], at_us=AT_US).vdu
    seen = {one.id: one for one in (seen_port(port_words(port, device_id="s-0")) for port in ("p-0-0", "p-0-1"))}
    back = follow(lost, seen_server(server_words("s-0")), seen, at_us=AT_US, adopts=True).vdu

    found = vnfr_of(vnf, replace(record, vdus=(back,)), {})["vdur"][0]["vim_info"][KEY]

    assert "interfaces_backup" not in found
    assert [one["vim_interface_id"] for one in found["interfaces"]] == ["p-0-0", "p-0-1"]


def test_a_vnf_that_we_were_told_of_is_a_document_too() -> None:
    vnf = Vnf(
        id="epc",
        project="blue",
        name="epc-1",
        vnfcs=(Vnfc(id="mme-a", server="s-0", vdu="mme"), Vnfc(id="mme-b", server="s-1", vdu="mme")),
    )
    seen = {"p-1": seen_port(port_words("p-1", device_id="s-0"))}
    vdu = Vdu(
        id="mme-a",
        server="s-0",
        vdu="mme",
        vim="lab",
        interfaces=(Interface(port="p-1", name="eth0", manages_vdu=True, manages_vnf=True),),
    )
    vdu = follow(vdu, seen_server(server_words("s-0")), seen, at_us=AT_US, adopts=True).vdu

    out = vnfr_of(vnf, VnfRecord(project="blue", id="epc", vdus=(vdu,)), {})

    assert {name: value for name, value in out.items() if name != "vdur"} == {
        "_id": "epc",
        "id": "epc",
        "nsr-id-ref": "epc",
        "vnfd-ref": "epc-1",
        "vnfd-id": "epc-1",
        "vim-account-id": "lab",
        "ip-address": None,
        "_admin": {"projects_read": ["blue"], "projects_write": ["blue"], "nsState": "INSTANTIATED"},
    }
    first, second = out["vdur"]
    assert [first[name] for name in ("_id", "id", "count-index", "vdu-id-ref", "vdu-name", "name", "status")] == [
        *("mme-a", "mme-a", 0, "mme", "mme", "mme-1", "ACTIVE"),
    ]
    assert first["interfaces"] == [
        {
            "name": "eth0",
            "mgmt-interface": True,
            "mgmt-vnf": True,
            "ip-address": "10.0.0.1",
            "mac-address": "fa:16:3e:00:00:06",
            "compute_node": "compute-1",
            "pci": None,
            "vlan": None,
        }
    ]
    assert list(first["vim_info"]) == ["vim:lab"]
    assert (second["id"], second["count-index"], second["status"], second["vim_info"]) == ("mme-b", 1, None, {})
    assert [one["id"] for one in vnfr_of(vnf, None, {})["vdur"]] == ["mme-a", "mme-b"]


def test_a_component_that_the_vnf_has_no_more_is_not_in_the_document_and_a_new_one_is() -> None:
    vnf, record = taken(with_vdur(vdur(0), vdur(1)))
    vnf = replace(vnf, name="epc-2", vnfcs=(vnf.vnfcs[1], Vnfc(id="new", server="s-9", vdu="mme")))
    record = replace(record, vdus=record.vdus[1:])

    out = vnfr_of(vnf, record, {})

    assert [(one["id"], one["vim-id"], one["count-index"]) for one in out["vdur"]] == [
        *(("vdur-1", "s-1", 1), ("new", "s-9", 1)),
    ]
    assert out["name"] == "epc-2"


# There and back


WORD = some.text("abcxyz-.:é 7", min_size=1, max_size=12)
ADDRESS = some.sampled_from(["", "10.0.0.1", "10.0.0.1;2001:db8::7"])


@some.composite
def an_interface(draw: some.DrawFn, number: int) -> Interface:
    port = f"p-{number}"
    messages = ["", "", gone_message(port), status_message(port, "DOWN")]
    return Interface(
        port=port,
        name=draw(some.just("") | WORD),
        network=draw(some.just("") | WORD),
        mac_address=draw(some.just("") | WORD),
        ip_address=draw(ADDRESS),
        host=draw(some.sampled_from(["", "compute-1", "compute-2"])),
        pci=draw(some.just("") | WORD),
        vlan=draw(some.none() | some.integers(0, 4095)),
        manages_vdu=draw(some.booleans()),
        manages_vnf=draw(some.booleans()),
        message=draw(some.sampled_from(messages)),
    )


@some.composite
def a_vdu(draw: some.DrawFn, number: int) -> Vdu:
    is_live = draw(some.booleans())
    status = draw(some.sampled_from(["", "ACTIVE", "ERROR", "SHUTOFF"])) if is_live else DELETED
    interfaces = tuple(draw(an_interface(one)) for one in range(draw(some.integers(0, 3))))
    message = DELETED_EXTERNALLY
    if is_live:
        message = (
            message_of(status, interfaces) if status else "; ".join(filter(None, (one.message for one in interfaces)))
        )
    has_backup = not is_live or draw(some.booleans())
    return Vdu(
        id=f"v-{number}",
        server=f"s-{number}",
        vim="lab",
        vdu=draw(some.just("") | WORD),
        name=draw(some.just("") | WORD),
        status=status,
        message=message,
        host=draw(some.sampled_from(["", "compute-1", "compute-2"])),
        ip_address=draw(ADDRESS),
        interfaces=interfaces if is_live else (),
        interfaces_backup=interfaces if has_backup else (),
    )


@some.composite
def a_vnf(draw: some.DrawFn) -> tuple[Vnf, VnfRecord]:
    vdus = tuple(draw(a_vdu(number)) for number in range(draw(some.integers(0, 3))))
    vnf = Vnf(
        id=draw(WORD),
        project="blue",
        name=draw(some.just("") | WORD),
        vnfcs=tuple(Vnfc(id=one.id, server=one.server, vdu=one.vdu) for one in vdus),
    )
    return vnf, VnfRecord(project="blue", id=vnf.id, ip_address=draw(ADDRESS), vdus=vdus)


FOREIGN = some.dictionaries(
    some.sampled_from(["alpha", "beta", "gamma"]), some.none() | WORD | some.lists(WORD) | some.just({"a": [1.5]})
)


def sprinkled(out: dict[str, Any], draw: some.DataObject) -> dict[str, Any]:
    """With keys of somebody else's in every object of it."""
    out = deepcopy(out)
    own = {}
    for one in (out, *out["vdur"]):
        one |= draw.draw(FOREIGN)
    for one in out["vdur"]:
        for interface in one["interfaces"]:
            interface |= draw.draw(FOREIGN)
        for found in one["vim_info"].values():
            found |= draw.draw(FOREIGN)
            for interface in (*(found["interfaces"] or ()), *found.get("interfaces_backup", ())):
                place = (one["id"], interface["vim_interface_id"])
                interface |= own.setdefault(place, draw.draw(FOREIGN))
    return out


def back(given: dict[str, Any]) -> tuple[Vnf, VnfRecord]:
    return vnf_of_vnfr(given, project="blue", vim_of={"lab": "lab"})


@settings(max_examples=60, deadline=None)
@given(a_vnf())
def test_a_vnf_that_goes_out_comes_back_as_it_was(mine: tuple[Vnf, VnfRecord]) -> None:
    vnf, record = mine

    vnf_back, record_back = back(vnfr_of(vnf, record, {}))

    assert record_back == record
    assert replace(vnf_back, extra={}) == vnf
    assert back(vnfr_of(vnf_back, record_back, {})) == (vnf_back, record_back)


@settings(max_examples=60, deadline=None)
@given(a_vnf(), some.data())
def test_what_is_not_ours_is_where_it_was(mine: tuple[Vnf, VnfRecord], data: some.DataObject) -> None:
    given_out = sprinkled(vnfr_of(*mine, {}), data)

    assert vnfr_of(*back(given_out), {}) == given_out
    assert back(vnfr_of(*back(given_out), {})) == back(given_out)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers(-5, 1 << 40) | some.floats(allow_nan=False) | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(["id", "a"]), inner, max_size=2),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a document, with a key of it."""
    if isinstance(value, dict):
        return [place for key, one in value.items() for place in ((value, key), *places(one))]
    if isinstance(value, list):
        return [place for key, one in enumerate(value) for place in ((value, key), *places(one))]
    return []


@settings(max_examples=100, deadline=None)
@given(some.lists(some.tuples(some.integers(0, 1000), JSON), min_size=1, max_size=4))
def test_whatever_a_document_is_it_is_refused_or_comes_out_again(changes: list[tuple[int, Any]]) -> None:
    mine = with_vdur(vdur(0), vdur(1, vim_info={KEY: info(1, interfaces_backup=[{"vim_interface_id": "p-1-0"}])}))
    for number, value in changes:
        found = places(mine)
        container, key = found[number % len(found)]
        container[key] = value
    try:
        vnf, record = taken(mine)
    except RefusedError:
        return

    out = vnfr_of(vnf, record, {})

    vnf_back, record_back = taken(out)
    assert (replace(vnf_back, extra={}), record_back) == (replace(vnf, extra={}), record)
    assert vnfr_of(vnf_back, record_back, {}) == out
