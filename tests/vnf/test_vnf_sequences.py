"""Whatever happens in a cloud, and in whatever order: after a listing the records say what the cloud says.

NFVIGIL_TEST_VNF_SEQUENCES says how many sequences are tried (10000 before a release), NFVIGIL_TEST_SEED with which
seed it begins: each sequence has its own, and names it when it fails.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import UNSET
from vnf_cloud import port_words, server_words

from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduChange, VduCondition
from nfvigil.vnf.rules import Followed, follow, gone
from nfvigil.vnf.words import SeenPort, seen_port, seen_server

SEQUENCES = int(os.environ.get("NFVIGIL_TEST_VNF_SEQUENCES", "1000"))
FIRST = int(os.environ.get("NFVIGIL_TEST_SEED", "0"))
STEPS = 14

FINE = ("ACTIVE", "PAUSED", "SUSPENDED", "SHUTOFF", "BUILD")
STATUSES = (*FINE, "ERROR", "REBUILD", "VERIFY_RESIZE", "UNKNOWN")
PORT_STATUSES = ("ACTIVE", "ACTIVE", "ACTIVE", "BUILD", "PAUSED", "DOWN", "ERROR")
KEYS = ("v-1", "v-2")


@dataclass
class Cloud:
    """What there is: fields of servers and of ports, in the words of Nova and Neutron."""

    random: random.Random
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ports: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """Ports that the next listing lacks, and that nobody can say anything of."""
    made: int = 0

    def happen(self) -> None:
        server = self.random.choice(KEYS)
        if server not in self.servers:
            self.random.choice((self.create, self.create, self.drop_port))(server)
        else:
            self.random.choice(self.deeds)(server)

    @property
    def deeds(self) -> tuple[Any, ...]:
        return (
            *(self.set_status, self.rename, self.move, self.delete, self.add_port, self.add_port, self.drop_port),
            *(self.set_port_status, self.set_port_status, self.readdress, self.bind, self.hand_over, self.hide),
        )

    def create(self, server: str) -> None:
        """Anew or again: what was deleted may not have been."""
        self.servers[server] = {"name": server, "status": "ACTIVE", "host": "compute-1"}
        for port in self.ports.values():
            if port["was"] == server:
                port["device_id"] = server

    def set_status(self, server: str) -> None:
        self.servers[server]["status"] = self.random.choice(STATUSES)

    def rename(self, server: str) -> None:
        self.servers[server]["name"] = f"{server}-{self.random.randrange(3)}"

    def move(self, server: str) -> None:
        self.servers[server]["host"] = self.random.choice((None, "compute-1", "compute-2", "compute-3"))

    def delete(self, server: str) -> None:
        del self.servers[server]
        for name, port in list(self.ports.items()):
            if port["device_id"] == server:
                if self.random.random() < 0.5:
                    del self.ports[name]
                else:
                    port["device_id"] = ""

    def add_port(self, server: str) -> None:
        self.made += 1
        self.ports[f"p-{self.random.randrange(10)}-{self.made}"] = {"device_id": server, "was": server}

    def drop_port(self, server: str) -> None:
        if self.ports:
            del self.ports[self.random.choice(sorted(self.ports))]

    def set_port_status(self, server: str) -> None:
        self._some_port()["status"] = self.random.choice(PORT_STATUSES)

    def readdress(self, server: str) -> None:
        addresses = self.random.sample(("10.0.0.1", "10.0.0.2", "2001:db8::7"), self.random.randrange(4))
        self._some_port()["fixed_ips"] = [{"ip_address": one} for one in addresses]

    def bind(self, server: str) -> None:
        port = self._some_port()
        port["vif_details"] = self.random.choice(({}, {"port_filter": True}, {"vlan": 7}, {"vlan": "8"}, None))
        port["profile"] = self.random.choice(({}, {"pci_slot": "0000:03:10.1"}, None))

    def hand_over(self, server: str) -> None:
        self._some_port()["device_id"] = self.random.choice((*KEYS, "somebody-else", ""))

    def hide(self, server: str) -> None:
        self.hidden |= set(self.random.sample(sorted(self.ports), min(2, len(self.ports))))

    def _some_port(self) -> dict[str, Any]:
        return self.ports[self.random.choice(sorted(self.ports))] if self.ports else {}

    def seen_ports(self) -> dict[str, SeenPort]:
        words = {name: {key: value for key, value in port.items() if key != "was"} for name, port in self.ports.items()}
        return {name: seen_port(port_words(name, **fields)) for name, fields in words.items()}


class Expected:
    """What the records should say, kept by other means: the last good words on each port, and who was told of what."""

    def __init__(self, vdus: dict[str, Vdu], *, adopts: bool) -> None:
        self.ports_of = {key: [one.port for one in vdu.interfaces] for key, vdu in vdus.items()}
        self.good: dict[tuple[str, str], dict[str, Any]] = {
            (key, one.port): {} for key, vdu in vdus.items() for one in vdu.interfaces
        }
        self.wrong: dict[tuple[str, str], str] = {}
        self.managed: dict[str, str] = {}
        """The last address that the managing interface had while all was well with it."""
        self.given: dict[str, str | None] = {}
        """What it gives now."""
        self.adopts = adopts

    def read(self, key: str, server: dict[str, Any], seen: dict[str, SeenPort], hidden: set[str]) -> None:
        if self.adopts:
            for name in sorted(seen):
                if seen[name].server == key and name not in self.ports_of[key] and name not in hidden:
                    self.ports_of[key].append(name)
                    self.learn(key, server, seen[name])
        self.given[key] = None
        for name in self.ports_of[key]:
            port = seen.get(name)
            if name in hidden:
                if (key, name) not in self.wrong:
                    self.good[key, name]["host"] = server["host"] or ""
                continue
            if port is None or port.server != key:
                self.wrong[key, name] = f"Interface {name} deleted externally."
            elif port.status not in ("ACTIVE", "PAUSED", "BUILD"):
                self.wrong[key, name] = f"Interface {name} status: {port.status}"
            else:
                self.wrong.pop((key, name), None)
                self.learn(key, server, port)
                if name == f"{key}-mgmt" and port.addresses:
                    self.given[key] = self.managed[key] = ";".join(port.addresses)

    def learn(self, key: str, server: dict[str, Any], port: SeenPort) -> None:
        good = self.good.setdefault((key, port.id), {})
        good |= {
            "network": port.network,
            "mac_address": port.mac_address,
            "ip_address": ";".join(port.addresses),
            "host": server["host"] or "",
        }
        good |= {} if port.pci is UNSET else {"pci": port.pci}
        good |= {} if port.vlan is UNSET else {"vlan": port.vlan}

    def forget(self, key: str) -> None:
        """The server is gone: its interfaces are as they were."""
        self.given[key] = None

    def interfaces(self, key: str) -> tuple[Interface, ...]:
        return tuple(
            Interface(
                port=name,
                manages_vdu=name == f"{key}-mgmt",
                manages_vnf=name == f"{key}-mgmt",
                message=self.wrong.get((key, name), ""),
                **self.good[key, name],
            )
            for name in self.ports_of[key]
        )

    def message(self, key: str, status: str) -> str:
        own = [] if status in FINE else [f"VIM status reported {status}"]
        of_ports = [self.wrong[key, name] for name in self.ports_of[key] if (key, name) in self.wrong]
        return "; ".join(own + of_ports)


def replayed(before: Vdu, changes: tuple[VduChange, ...], after: Vdu) -> dict[str, Any]:
    """What the history makes of a record: each line must fit what was there."""
    flat = flattened(before)
    if before.is_deleted and changes:
        flat |= flattened_interfaces(before.interfaces_backup)
    new = flattened(after)
    for line in changes:
        if line.kind in (ChangeKind.DELETED, ChangeKind.RETURNED):
            assert flat["status"] == line.before
            flat["status"] = line.after
            if line.kind is ChangeKind.DELETED:
                flat |= {"message": "Deleted externally"}
                flat = {name: value for name, value in flat.items() if isinstance(name, str)}
        elif line.kind is ChangeKind.INTERFACE and line.field == "port":
            assert line.before == ""
            flat |= {name: value for name, value in new.items() if name[0] == line.interface}
        elif line.kind is ChangeKind.INTERFACE:
            assert flat[line.interface, line.field] == line.before
            flat[line.interface, line.field] = line.after
        else:
            name = line.field or line.kind.value
            assert flat[name] == line.before
            flat[name] = line.after
    return {name: value for name, value in flat.items() if name[1] != "host"}


def flattened(vdu: Vdu) -> dict[Any, str]:
    own = {name: getattr(vdu, name) for name in ("status", "message", "name", "host", "ip_address")}
    return own | flattened_interfaces(vdu.interfaces)


def flattened_interfaces(interfaces: tuple[Interface, ...]) -> dict[Any, str]:
    fields = ("network", "mac_address", "ip_address", "host", "pci", "vlan", "message")
    return {
        (one.port, name): "" if getattr(one, name) is None else str(getattr(one, name))
        for one in interfaces
        for name in fields
    }


def begin(seed: int) -> tuple[Cloud, dict[str, Vdu], bool]:
    """Records of our own know the servers; those of OSM's know their interfaces as well."""
    cloud = Cloud(random.Random(seed))
    adopts = seed % 2 == 0
    interfaces: dict[str, tuple[Interface, ...]] = dict.fromkeys(KEYS, ())
    for key in KEYS:
        cloud.create(key)
        for name in () if adopts else (f"{key}-mgmt", f"{key}-data"):
            cloud.ports[name] = {"device_id": key, "was": key}
            managing = name.endswith("-mgmt")
            interfaces[key] += (Interface(port=name, manages_vdu=managing, manages_vnf=managing),)
    return cloud, {key: Vdu(id=key, server=key, interfaces=interfaces[key]) for key in KEYS}, adopts


def reading(cloud: Cloud, vdu: Vdu, seen: dict[str, SeenPort], *, adopts: bool, at_us: int) -> Followed:
    """As a keeper follows a listing: what the record knows, and the listing lacks, is gone unless nobody can say."""
    server = cloud.servers.get(vdu.server)
    if server is None:
        return gone(vdu, at_us=at_us)
    known = [one.port for one in (*vdu.interfaces, *vdu.interfaces_backup)]
    told: dict[str, SeenPort | None] = {name: port for name, port in seen.items() if name not in cloud.hidden}
    told |= {name: None for name in known if name not in seen and name not in cloud.hidden}
    return follow(vdu, seen_server(server_words(vdu.server, **server)), told, at_us=at_us, adopts=adopts)


def check(vdu: Vdu, cloud: Cloud, expected: Expected) -> None:
    server = cloud.servers.get(vdu.server)
    assert vdu.ip_address == expected.managed.get(vdu.id, "")
    if server is None:
        assert (vdu.status, vdu.message, vdu.interfaces) == ("DELETED", "Deleted externally", ())
        assert vdu.interfaces_backup == expected.interfaces(vdu.id)
        return
    assert (vdu.status, vdu.name, vdu.host) == (server["status"], server["name"], server["host"] or "")
    assert vdu.message == expected.message(vdu.id, server["status"])
    assert vdu.interfaces == expected.interfaces(vdu.id)
    assert vdu.interfaces_backup == ()


def conditions(vdu: Vdu, expected: Expected) -> set[tuple[VduCondition, str]]:
    if vdu.status == "DELETED":
        return {(VduCondition.DELETED, "")}
    found = {
        (VduCondition.INTERFACE_GONE, name)
        for (key, name), message in expected.wrong.items()
        if key == vdu.id and message.endswith("deleted externally.")
    }
    return found | ({(VduCondition.ERROR, "")} if vdu.status == "ERROR" else set())


def run(seed: int) -> None:
    cloud, vdus, adopts = begin(seed)
    expected = Expected(vdus, adopts=adopts)
    for step in range(STEPS):
        cloud.hidden.clear()
        for _ in range(cloud.random.randrange(4)):
            cloud.happen()
        seen = cloud.seen_ports()
        for key, before in vdus.items():
            if key in cloud.servers:
                expected.read(key, cloud.servers[key], seen, cloud.hidden)
            else:
                expected.forget(key)
            found = reading(cloud, before, seen, adopts=adopts, at_us=step)
            after = vdus[key] = found.vdu
            check(after, cloud, expected)
            assert found.conditions == conditions(after, expected)
            assert found.manages_vnf == expected.given[key]
            assert (found.changes == ()) == (after is before)
            new = {name: value for name, value in flattened(after).items() if name[1] != "host"}
            assert replayed(before, found.changes, after) == new
            again = reading(cloud, after, seen, adopts=adopts, at_us=step + 100)
            assert again.vdu is after
            assert again.changes == ()


def test_after_each_listing_the_records_say_what_the_cloud_says() -> None:
    for seed in range(FIRST, FIRST + SEQUENCES):
        try:
            run(seed)
        except AssertionError:
            pytest.fail(f"a sequence failed: repeat it with NFVIGIL_TEST_VNF_SEQUENCES=1 NFVIGIL_TEST_SEED={seed}")
