"""What the documents say of VNF records is what the code does: fields, messages, bounds, and OSM's form of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_docs_reference import first_cells, section, text_of

from nfvigil.errors import RefusedError
from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduCondition, VduDetails, VnfRecord
from nfvigil.vnf import rules, vnfr, words
from nfvigil.vnf.vnfr_reading import VDURS_MAX, vnf_of_vnfr

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "vnf-records.md"
VIMS = {"a1b2c3d4": "lab"}


def reference(heading: str) -> str:
    return section(text_of("vnf-records.md"), heading)


def shown() -> list[dict[str, Any]]:
    """The how-to's documents: OSM's, what the cloud says then, OSM's after that."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", HOW_TO.read_text(), re.DOTALL)]


def test_every_field_of_a_record_is_explained() -> None:
    record, _, rest = reference("## Fields").partition("Of a component")
    component, _, interface = rest.partition("Of an interface")

    assert set(first_cells(record)) == set(VnfRecord.__struct_fields__)
    assert set(first_cells(component)) == set(Vdu.__struct_fields__)
    assert set(first_cells(interface)) == set(Interface.__struct_fields__)


def test_every_key_of_osms_that_the_record_holds_is_named() -> None:
    text = reference("## Fields") + HOW_TO.read_text(encoding="utf-8")

    for key in {*vnfr.OF_INFO, *vnfr.OF_INFO_INTERFACE, *vnfr.OF_VDUR, *vnfr.OF_VDUR_INTERFACE}:
        assert re.search(rf"[`.\"]{key}[`\".]", text), key


def test_the_words_of_servers_and_ports_that_are_fine_are_named() -> None:
    text = reference("## A server that is there")
    server = re.search(r"status is fine if it is (.*?)\.", text, re.DOTALL)
    port = re.search(r"healthy if the port is (.*?)\.", text, re.DOTALL)

    assert server is not None
    assert port is not None
    assert set(re.findall(r"`(\w+)`", server[1])) == rules.FINE_SERVER
    assert set(re.findall(r"`(\w+)`", port[1])) == rules.FINE_PORT


def test_every_message_is_named() -> None:
    gone, down = rules.gone_message("<port>"), rules.status_message("<port>", "<status>")

    assert set(first_cells(reference("## Messages"))) == {
        rules.message_of("<status>", ()),
        gone,
        down,
        rules.DELETED_EXTERNALLY,
    }
    assert f"joined with `{rules.BETWEEN_MESSAGES}`" in reference("## Messages")


def test_every_kind_of_change_and_every_condition_is_named() -> None:
    assert set(first_cells(reference("## History"))) == set(ChangeKind)
    assert set(first_cells(reference("## What is an alarm"))) == {f"nfvigil.vdu.{one}" for one in VduCondition}


@pytest.mark.parametrize(
    ("what", "bound"),
    [
        ("interfaces of a component", str(rules.INTERFACES_MAX)),
        ("addresses of an interface", f"{words.ADDRESSES_MAX} of {words.ADDRESS_MAX} characters"),
        ("a status", f"{words.STATUS_MAX} characters"),
        ("a name, a host", f"{words.TEXT_MAX} characters"),
        ("ids", f"{words.ID_MAX} printable characters"),
        ("the cloud's own words on a server or port", f"{words.WORDS_MAX >> 10} KiB, without `user_data`"),
        ("these words as YAML", f"{words.DEPTH_MAX} levels"),
        ("OSM's record", f"1 MiB, {VDURS_MAX} components"),
    ],
)
def test_every_bound_is_the_one_of_the_code(what: str, bound: str) -> None:
    assert f"| {what} | {bound} |" in reference("## Bounds")


def test_osms_document_comes_in_and_goes_out_as_it_is_shown() -> None:
    before, said, after = shown()
    vnf, record = vnf_of_vnfr(before, project="p", vim_of=VIMS)
    server = json.dumps(said["server"]).encode()
    bodies = {port["id"]: json.dumps(port).encode() for port in said["ports"]}
    ports = {name: words.seen_port(body) for name, body in bodies.items()}

    found = rules.follow(record.vdus[0], words.seen_server(server), ports, at_us=1, adopts=True)

    record = VnfRecord(project="p", id=record.id, ip_address=found.manages_vnf or "", vdus=(found.vdu,))
    details = {found.vdu.id: VduDetails(server=words.without_user_data(server), ports=bodies)}
    assert vnfr.vnfr_of(vnf, record, details) == after
    assert vnf_of_vnfr(after, project="p", vim_of=VIMS)[1].vdus[0].interfaces == found.vdu.interfaces


def test_what_is_wrong_is_said_as_it_is_shown() -> None:
    document = shown()[0]
    document["vdur"][0]["vim_info"]["vim:a1b2c3d4"]["interfaces"][0]["vlan"] = "x"

    with pytest.raises(RefusedError) as caught:
        vnf_of_vnfr(document, project="p", vim_of=VIMS)

    assert [f"`{one}`" in HOW_TO.read_text(encoding="utf-8") for one in caught.value.errors] == [True]
