"""A list that is read again: what is as it was is not read twice, and nothing that is another now is taken for it."""

from __future__ import annotations

import msgspec
import pytest

from nfvigil.controller.vims.openstack import rereading, wire
from nfvigil.controller.vims.openstack.reading import Pool, port_of
from nfvigil.controller.vims.openstack.rereading import Rereading
from nfvigil.errors import VimUnavailableError
from nfvigil.model.reading import ChangedDetails
from nfvigil.model.resource import Kind, Port


def words(port: str, **fields: object) -> msgspec.Raw:
    known = {
        "id": port,
        "status": "ACTIVE",
        "network_id": "n1",
        "admin_state_up": True,
        "device_id": "s1",
        "device_owner": "compute:nova",
        "binding:host_id": "compute-1",
    }
    return msgspec.Raw(msgspec.json.encode(known | fields))


def make(port: wire.WirePort) -> Port:
    return port_of(port, vim="cloud", pool=Pool())


@pytest.fixture
def ports() -> Rereading[wire.WirePort, Port]:
    return Rereading(what="Neutron", kind=Kind.PORT, shape=wire.WirePort, whose=lambda port: port.device_id)


def read(ports: Rereading[wire.WirePort, Port], *page: msgspec.Raw, anew: bool = False) -> list[Port]:
    ports.begin(anew=anew)
    items = ports.read(page, make, None)
    ports.end()
    return [item.record for item in items]


def test_what_is_as_it_was_is_the_same_record(ports: Rereading[wire.WirePort, Port]) -> None:
    first = read(ports, words("p1"), words("p2"))

    second = read(ports, words("p2"), words("p1"))

    assert second[0] is first[1]
    assert second[1] is first[0]


def test_what_is_another_now_is_read(ports: Rereading[wire.WirePort, Port]) -> None:
    (before,) = read(ports, words("p1"))

    (after,) = read(ports, words("p1", status="DOWN"))

    assert (before.status, after.status) == ("ACTIVE", "DOWN")


def test_what_hangs_on_something_else_is_made_anew(ports: Rereading[wire.WirePort, Port]) -> None:
    (before,) = read(ports, words("p1"))

    (after,) = read(ports, words("p1"), anew=True)

    assert after == before
    assert after is not before


def test_a_list_that_broke_off_does_not_count(ports: Rereading[wire.WirePort, Port]) -> None:
    first = read(ports, words("p1"), words("p2"))
    ports.begin()
    ports.read([words("p1", status="DOWN")], make, None)

    assert [one is other for one, other in zip(read(ports, words("p1"), words("p2")), first, strict=True)] == [
        True,
        True,
    ]


def test_digests_that_are_the_same_by_chance_confuse_nothing(
    ports: Rereading[wire.WirePort, Port], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "hash", lambda _body: 7, raising=False)
    read(ports, words("p1"))

    (other,) = read(ports, words("p2"))

    assert other.id == "p2"


def test_words_that_are_not_what_they_should_be_are_no_answer(ports: Rereading[wire.WirePort, Port]) -> None:
    ports.begin()

    with pytest.raises(VimUnavailableError, match="Neutron: the answer is not what it should be"):
        ports.read([msgspec.Raw(b'{"id": "p1"}')], make, None)


def test_whoever_wants_a_servers_words_gets_them_whether_they_are_new_or_not(
    ports: Rereading[wire.WirePort, Port],
) -> None:
    page = [words("p1"), words("p2", device_id="s2"), words("p3", device_id="")]
    for _ in range(2):
        details = ChangedDetails(wants=lambda server: server == "s1", known={})
        ports.begin()
        ports.read(page, make, details)
        ports.end()

        assert details.changed == {"port/p1": bytes(page[0])}
