"""The cloud's own words: whoever wants them of some servers gets them with the listing, from every driver we have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from controller_players import new_vim

from nfvigil.controller.vim import Detailing, Vim, listed
from nfvigil.controller.vims.dry_run import DryRunVim
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.controller.vims.suffixed import SuffixedVim
from nfvigil.errors import NotFoundError, RefusedError
from nfvigil.model.reading import ChangedDetails, kept
from nfvigil.model.resource import Port, Server

pytestmark = pytest.mark.anyio


class Wanted:
    """Keeps the words of the servers named; None for those of all."""

    def __init__(self, *servers: str) -> None:
        self.servers = servers
        self.words: dict[str, Any] = {}

    def wants(self, server_id: str) -> bool:
        return not self.servers or server_id in self.servers

    def put(self, key: str, body: memoryview) -> None:
        assert body.readonly
        self.words[key] = msgspec.json.decode(body)


async def words_of(vim: Vim, *servers: str) -> dict[str, Any]:
    wanted = Wanted(*servers)
    await listed(vim, wanted)
    return wanted.words


async def test_only_what_is_wanted_is_handed_over_and_the_listing_is_the_same() -> None:
    vim = new_vim(ports_per_server=2)
    plain = await vim.snapshot()
    server = plain.servers[3]

    wanted = Wanted(server.id)
    snapshot = await vim.detailed_snapshot(wanted)

    assert snapshot == plain
    assert set(wanted.words) == {
        f"server/{server.id}",
        *(f"port/{port.id}" for port in plain.ports if port.server == server.id),
    }


async def test_they_are_in_the_words_of_nova_and_neutron_and_agree_with_the_records() -> None:
    vim = new_vim(ports_per_server=2, volumes_per_server=1)
    snapshot = await vim.snapshot()

    words = await words_of(vim)

    assert len(words) == len(snapshot.servers) + len(snapshot.ports)
    directs = 0
    for port in snapshot.ports:
        said = words[f"port/{port.id}"]
        assert (said["status"], said["device_id"], said["network_id"]) == (port.status, port.server, port.network)
        assert said["binding:host_id"] == port.host
        assert [":" in fixed["ip_address"] for fixed in said["fixed_ips"]] == [False, True]
        directs += said["binding:vnic_type"] == "direct"
        assert ("vlan" in said["binding:vif_details"]) == ("pci_slot" in said["binding:profile"])
    assert directs == len(snapshot.ports) / 2
    for server in snapshot.servers:
        said = words[f"server/{server.id}"]
        assert (said["status"], said["name"], said["tenant_id"]) == (server.status, server.name, server.project)
        assert said["OS-EXT-SRV-ATTR:host"] == server.host
        addresses = [one["addr"] for entries in said["addresses"].values() for one in entries]
        ports = [words[f"port/{port.id}"] for port in snapshot.ports if port.server == server.id]
        assert addresses == [fixed["ip_address"] for port in ports for fixed in port["fixed_ips"]]


async def test_each_port_has_a_mac_and_addresses_of_its_own_and_keeps_them() -> None:
    vim = new_vim(hosts=20, servers_per_host=10, ports_per_server=3)

    words, again = await words_of(vim), await words_of(new_vim(hosts=20, servers_per_host=10, ports_per_server=3))

    assert words == again
    ports = [said for key, said in words.items() if key.startswith("port/")]
    assert len({port["mac_address"] for port in ports}) == len(ports) == 600
    assert len({fixed["ip_address"] for port in ports for fixed in port["fixed_ips"]}) == 1200


async def test_a_change_beside_the_record_is_in_the_next_listing_and_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "cloud"
    vim = new_vim(state_path=str(path))
    snapshot = await vim.snapshot()
    port, other = snapshot.ports[0], snapshot.ports[1]

    vim.change(details={f"port/{port.id}": {"fixed_ips": [{"subnet_id": "s", "ip_address": "192.0.2.7"}]}})
    vim.change(details={f"port/{port.id}": {"mac_address": "fa:16:3e:00:00:01"}, f"port/{other.id}": {"x": 1}})
    vim.change(gone=[f"port/{other.id}"])
    await vim.close()
    again = new_vim(state_path=str(path))
    words = await words_of(again, port.server)

    said = words[f"port/{port.id}"]
    assert (said["mac_address"], said["fixed_ips"][0]["ip_address"]) == ("fa:16:3e:00:00:01", "192.0.2.7")
    assert "192.0.2.7" in str(words[f"server/{port.server}"]["addresses"])
    assert list(again._cloud.details) == [f"port/{port.id}"]
    await again.close()


async def test_nothing_can_be_said_beside_the_record_of_what_is_not_there() -> None:
    vim = new_vim()

    with pytest.raises(NotFoundError):
        vim.change(details={"port/nowhere": {}})
    vim.change(put=[Server(id="new", vim="sim", status="ERROR")], details={"server/new": {"description": "mine"}})
    vim.change(put=[Port(id="new-port", vim="sim", server="new")])

    words = await words_of(vim, "new")
    assert (words["server/new"]["description"], words["server/new"]["fault"]["code"]) == ("mine", 500)
    assert words["port/new-port"]["device_id"] == "new"


async def test_a_dry_run_and_a_suffixed_cloud_hand_them_on_as_they_are() -> None:
    inner = new_vim()
    plain = await words_of(inner)
    suffixed = SuffixedVim(inner=inner, suffix="@east")

    assert await words_of(DryRunVim(inner=inner)) == plain
    assert await words_of(suffixed) == plain
    snapshot = await suffixed.detailed_snapshot(Wanted())
    assert snapshot == await suffixed.snapshot()


async def test_a_driver_that_knows_no_details_is_listed_without_them() -> None:
    class Plain:
        name = "sim"

        def __init__(self, inner: SimulatedVim) -> None:
            self.snapshot = inner.snapshot

    inner = new_vim()
    plain = Plain(inner)
    wanted = Wanted()

    assert not isinstance(plain, Detailing)
    assert await listed(plain, wanted) == await inner.snapshot()
    assert wanted.words == {}


def test_only_what_differs_from_last_time_is_kept() -> None:
    first = ChangedDetails(wants=lambda _: True, known={})
    first.put("server/a", memoryview(b"1"))
    first.put("server/b", memoryview(b"2"))

    second = ChangedDetails(wants=lambda _: True, known=first.digests)
    second.put("server/a", memoryview(b"1"))
    second.put("server/b", memoryview(b"3"))
    second.put("server/c", memoryview(b"4"))

    assert first.changed == {"server/a": b"1", "server/b": b"2"}
    assert second.changed == {"server/b": b"3", "server/c": b"4"}
    assert second.digests.keys() == {"server/a", "server/b", "server/c"}


def test_of_a_list_that_was_begun_anew_the_last_words_count() -> None:
    first = ChangedDetails(wants=lambda _: True, known={})
    first.put("server/a", memoryview(b"1"))

    second = ChangedDetails(wants=lambda _: True, known=first.digests)
    second.put("server/a", memoryview(b"2"))
    second.put("server/a", memoryview(b"1"))

    assert second.changed == {}


def test_of_a_page_only_what_is_shown_is_kept() -> None:
    page, whole = b'[{"a":1},{"b":2}]', b"whole"

    assert kept(memoryview(page)[1:8]) == b'{"a":1}'
    assert kept(memoryview(whole)) is whole
    assert kept(memoryview(bytearray(b"mine"))) == b"mine"


async def test_who_knows_only_what_is_to_be_otherwise_says_that() -> None:
    vim = new_vim(ports_per_server=2)
    before = await vim.snapshot()
    server, other = before.servers[0], before.servers[1]

    vim.edit(
        fields={f"server/{server.id}": {"status": "ERROR"}, "server/new": {"host": "compute-1", "volumes": ["v"]}},
        gone=[f"server/{other.id}"],
        details={"server/new": {"description": "mine"}},
    )

    after = {one.id: one for one in (await vim.snapshot()).servers}
    assert after[server.id] == msgspec.structs.replace(server, status="ERROR")
    assert after["new"] == Server(id="new", vim="sim", host="compute-1", volumes=("v",))
    assert other.id not in after
    assert not [port for port in (await vim.snapshot()).ports if port.server == other.id]
    assert (await words_of(vim, "new"))["server/new"]["description"] == "mine"


@pytest.mark.parametrize(
    ("key", "fields", "named"),
    [
        ("rack/r", {}, "set.rack/r"),
        ("server/", {}, "set.server/"),
        (
            "server/new",
            {"colour": "red", "id": "x", "vim": "y"},
            "set.server/new.colour set.server/new.id set.server/new.vim",
        ),
        ("server/new", {"status": 7}, "set.server/new"),
        ("host/new", {"service_up": "yes"}, "set.host/new"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name_and_nothing_is_changed(
    key: str, fields: dict[str, Any], named: str
) -> None:
    vim = new_vim()
    before = await vim.snapshot()

    with pytest.raises(RefusedError) as refusal:
        vim.edit(fields={"server/other": {}, key: fields})
    with pytest.raises(NotFoundError):
        vim.edit(fields={}, gone=["server/nowhere"])

    assert [error.field for error in refusal.value.errors] == named.split()
    assert await vim.snapshot() == before
