"""What a record reads in the words of Nova and Neutron, and what is kept of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from msgspec import UNSET
from vnf_cloud import SERVER, port_words, server_words

from nfvigil.errors import RefusedError
from nfvigil.vnf.words import (
    ADDRESSES_MAX,
    WORDS_MAX,
    SeenPort,
    SeenServer,
    seen_port,
    seen_server,
    text_of,
    without_user_data,
)

LONG = "x" * 10_000_000


def test_a_server_is_read() -> None:
    seen = seen_server(server_words())

    assert seen == SeenServer(id=SERVER, status="ACTIVE", name="mme-1", host="compute-1")


def test_a_port_is_read() -> None:
    words = port_words("p-1", "10.0.0.1", "2001:db8::7", profile={"pci_slot": "0000:03:10.1"}, vif_details={"vlan": 7})

    assert seen_port(words) == SeenPort(
        id="p-1",
        status="ACTIVE",
        server=SERVER,
        network="net-1",
        mac_address="fa:16:3e:00:00:06",
        addresses=("10.0.0.1", "2001:db8::7"),
        host="compute-1",
        pci="0000:03:10.1",
        vlan=7,
    )


def test_a_port_as_its_owner_sees_it_says_nothing_of_its_binding() -> None:
    words = {name: value for name, value in json.loads(port_words("p-1")).items() if not name.startswith("binding:")}

    seen = seen_port(json.dumps(words).encode())

    assert (seen.host, seen.pci, seen.vlan) == (UNSET, UNSET, UNSET)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(b"", "", id="nothing"),
        pytest.param(b'{"id": "a", "status": "ACTIVE"', "", id="cut off"),
        pytest.param(b'{"id": "\xff", "status": "ACTIVE"}', "", id="no UTF-8"),
        pytest.param(b"[]", "", id="a list"),
        pytest.param(b'{"id": "a", "name":' + b"[" * 100_000, "", id="deep"),
        pytest.param(b'{"status": "ACTIVE"}', "id", id="no id"),
        pytest.param(b'{"id": "", "status": "ACTIVE"}', "id", id="an empty id"),
        pytest.param(b'{"id": 5, "status": "ACTIVE"}', "id", id="a number for an id"),
        pytest.param(b'{"id": "a\\u0000b", "status": "ACTIVE"}', "id", id="an id that no database takes"),
        pytest.param(json.dumps({"id": LONG, "status": "ACTIVE"}).encode(), "id", id="a huge id"),
        pytest.param(b'{"id": "a"}', "status", id="no status"),
        pytest.param(b'{"id": "a", "status": null}', "status", id="null for a status"),
        pytest.param(b'{"id": "a", "status": ["ACTIVE"]}', "status", id="a list for a status"),
    ],
)
def test_what_must_be_there_is_there_or_nothing_is_believed(body: bytes, field: str) -> None:
    for read in (seen_server, seen_port):
        with pytest.raises(RefusedError) as caught:
            read(body)
        assert [one.field for one in caught.value.errors] == [field]
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"name": None}, {"name": ""}, id="no name"),
        pytest.param({"name": 5}, {"name": ""}, id="a number for a name"),
        pytest.param(
            {"name": "a\x00b\nc\x7f\x85\u2028d"}, {"name": "a\ufffdb\ufffdc\ufffd\ufffd\ufffdd"}, id="controls"
        ),
        pytest.param({"name": "Zür\u00a0ich 東京"}, {"name": "Zür\u00a0ich 東京"}, id="any language"),
        pytest.param({"name": LONG}, {"name": "x" * 255}, id="a huge name"),
        pytest.param({"status": LONG}, {"status": "x" * 64}, id="a huge status"),
        pytest.param({"status": "a\nb"}, {"status": "a\ufffdb"}, id="a status of two lines"),
        pytest.param({"host": {"a": 1}}, {"host": ""}, id="an object for a host"),
        pytest.param({"id": "s-2"}, {"id": "s-2"}, id="another id"),
    ],
)
def test_what_may_be_odd_of_a_server_is_read_as_far_as_it_makes_sense(
    fields: dict[str, Any], said: dict[str, Any]
) -> None:
    seen = seen_server(server_words(**fields))

    assert {name: getattr(seen, name) for name in said} == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"fixed_ips": None}, {"addresses": (), "ip_address": ""}, id="null for the addresses"),
        pytest.param({"fixed_ips": "10.0.0.1"}, {"addresses": ()}, id="a text for the addresses"),
        pytest.param(
            {"fixed_ips": [None, "10.0.0.1", {}, {"ip_address": None}, {"ip_address": "10.0.0.2"}]},
            {"addresses": ("10.0.0.2",)},
            id="some that are none",
        ),
        pytest.param(
            {"fixed_ips": [{"ip_address": str(number)} for number in range(100)]},
            {"addresses": tuple(map(str, range(ADDRESSES_MAX)))},
            id="very many addresses",
        ),
        pytest.param({"device_id": None}, {"server": ""}, id="a port of nobody"),
        pytest.param({"mac_address": None, "network_id": 7}, {"mac_address": "", "network": ""}, id="no MAC"),
        pytest.param({"profile": "x", "vif_details": "y"}, {"pci": UNSET, "vlan": UNSET}, id="texts for objects"),
        pytest.param({"profile": [1], "vif_details": [1]}, {"pci": UNSET, "vlan": UNSET}, id="lists for objects"),
        pytest.param({"profile": {"pci_slot": 7}}, {"pci": ""}, id="a number for a PCI slot"),
        pytest.param({"vif_details": {"vlan": 0}}, {"vlan": 0}, id="VLAN 0"),
        pytest.param({"vif_details": {"vlan": "0100"}}, {"vlan": 100}, id="a VLAN as text"),
        pytest.param({"vif_details": {"vlan": "²"}}, {"vlan": None}, id="a VLAN that is no number"),
        pytest.param({"vif_details": {"vlan": "9" * 9999}}, {"vlan": None}, id="a VLAN of 9999 digits"),
        pytest.param({"vif_details": {"vlan": -1}}, {"vlan": None}, id="a VLAN below none"),
        pytest.param({"vif_details": {"vlan": 1 << 24}}, {"vlan": None}, id="a VLAN beyond all"),
        pytest.param({"vif_details": {"vlan": True}}, {"vlan": None}, id="true for a VLAN"),
        pytest.param({"vif_details": {"vlan": 7.5}}, {"vlan": None}, id="a part of a VLAN"),
    ],
)
def test_what_may_be_odd_of_a_port_is_read_as_far_as_it_makes_sense(
    fields: dict[str, Any], said: dict[str, Any]
) -> None:
    seen = seen_port(port_words("p-1", **fields))

    assert {name: getattr(seen, name) for name in said} == said


def test_words_that_lack_all_that_they_may_lack_are_read() -> None:
    assert seen_server(b'{"id": "s", "status": "BUILD"}') == SeenServer(id="s", status="BUILD")
    assert seen_port(b'{"id": "p", "status": "DOWN"}') == SeenPort(id="p", status="DOWN")


def test_user_data_is_not_kept() -> None:
    kept = without_user_data(server_words())

    assert b"IyEvYmluL3No" not in kept
    assert json.loads(kept) == {
        name: value for name, value in json.loads(server_words()).items() if not name.endswith("user_data")
    }
    assert seen_server(kept) == seen_server(server_words())
    assert without_user_data(kept) == kept


def test_what_is_kept_has_a_bound_and_what_fits_is_kept() -> None:
    kept = without_user_data(server_words(metadata={"a": LONG}, description="said", tags=["x" * (WORDS_MAX - 1000)]))

    assert len(kept) <= WORDS_MAX
    assert json.loads(kept).keys() >= {"id", "status", "description", "tags"}
    assert "metadata" not in json.loads(kept)


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b'{"a": ', b"\xff", b'{"a":' + b"[" * 100_000])
def test_what_is_no_resource_is_not_kept(body: bytes) -> None:
    with pytest.raises(RefusedError):
        without_user_data(body)


def test_words_are_shown_as_osm_writes_them_yaml_in_flow_style_of_width_256() -> None:
    words = {"description": "word " * 200, "tags": [f"tag-{number}" for number in range(100)]}

    text = text_of(server_words(**words))

    kept = json.loads(without_user_data(server_words(**words)))
    assert text == yaml.safe_dump(kept, default_flow_style=True, width=256)
    assert yaml.safe_load(text) == kept
    assert "user_data" not in text


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\x00b\x07\n c \u2028\ufeff", id="controls"),
        pytest.param("2020-01-01", id="what would be a date"),
        pytest.param("yes", id="what would be true"),
        pytest.param("1e5", id="what would be a number"),
        pytest.param("{a: [b, *c, &d, !!e]} # f", id="YAML in a text"),
        pytest.param("x" * 5000, id="a long word"),
        pytest.param([[], {}, [{}], None, True, 1.5, -7, 10**15], id="all sorts"),
        pytest.param({"é": "ß", "": "", "a b": [""]}, id="odd names"),
        pytest.param([["same"], ["same"]], id="the same twice"),
    ],
)
def test_whatever_the_words_are_their_text_means_the_same(value: object) -> None:
    body = json.dumps({"value": value}).encode()

    text = text_of(body)

    assert yaml.safe_load(text) == {"value": value}
    assert "&" not in text.replace("&d", "")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b"", "", id="no words"),
        pytest.param(b"[1]", "", id="no object"),
        pytest.param(b'{"n": 1e999, "user_data": 5}', '{"n":1e999}', id="a number beyond all bounds"),
        pytest.param(
            b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", '{"a":' + "[" * 40 + "]" * 40 + "}", id="too many levels"
        ),
    ],
)
def test_what_is_not_written_as_yaml_stays_as_it_is(body: bytes, text: str) -> None:
    assert text_of(body) == text
