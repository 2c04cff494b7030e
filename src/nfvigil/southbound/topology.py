"""Reads the static topology: what stands in which rack, hangs on which switch and PDU, and what hosts are also called.

    # Every section and every field is optional. Hosts come from the cloud; here they get
    # their place and their other names.
    hosts:
      compute-1:
        aliases: [compute-1.example.net, compute-1-bmc]
        rack: rack-1
        nics: {eth0: {switch: leaf-1}, eth1: {switch: leaf-2}}
        disks: [sda, sdb]
      compute-2: {aliases: [compute-2.example.net], rack: rack-1, pdus: [pdu-3]}
    racks:
      rack-1: {zone: zone-1, pdus: [pdu-1, pdu-2]}
    switches:
      leaf-1: {uplinks: [spine-1], hosts: [compute-2], attributes: {vendor: acme}}
      leaf-2: {uplinks: [spine-1]}
      spine-1: {redundant: true}
    pdus:
      pdu-1: {}
      pdu-2: {}
      pdu-3: {hosts: [compute-3]}

Keys: ``rack/rack-1``, ``switch/leaf-1``, ``pdu/pdu-1``; a NIC or disk is named by its host too:
``nic/compute-1:eth0``, ``disk/compute-1:sda``. Links say who depends on whom: rack to host, PDU to rack or host,
NIC to host, switch to host, switch to the switch below it. A disk has no link; its device names its host.

A link alone does not say that a fault takes the other side down: who has two PDUs, switches or NICs lives on with
one. A device is ``redundant`` where the file says so, or where everything that depends on it has another one of the
same kind; where only some of its dependants do, it is not, and whoever needs to know per dependant counts the links.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.resource import Device, Kind, key_of, split_key
from nfvigil.model.topology import Topology
from nfvigil.yaml_nodes import NodeReader, compose, is_a, line_of

SIZE_MAX = 16 << 20

_SECTIONS = {"hosts": Kind.HOST, "racks": Kind.RACK, "switches": Kind.SWITCH, "pdus": Kind.PDU}
_FIELDS = {
    Kind.HOST: ("aliases", "rack", "nics", "disks", "pdus", "switches"),
    Kind.RACK: ("zone", "pdus", "hosts", "redundant", "attributes"),
    Kind.SWITCH: ("zone", "uplinks", "hosts", "redundant", "attributes"),
    Kind.PDU: ("zone", "hosts", "racks", "redundant", "attributes"),
    Kind.NIC: ("switch", "redundant", "attributes"),
}
_LINKS = {"rack": Kind.RACK, "racks": Kind.RACK, "pdus": Kind.PDU, "uplinks": Kind.SWITCH, "switches": Kind.SWITCH}
_LINKS |= {"switch": Kind.SWITCH, "hosts": Kind.HOST}
_DOWNWARD = {"hosts", "racks"}
"""Fields that name what depends on this one; the others name what this one depends on."""


def load_topology(path: Path) -> Topology:
    """Read the file; raises SettingsError with every error in it and its line."""
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise SettingsError(f"the topology file {path} cannot be read: {error.strerror}") from error
    return read_topology(text, source=str(path))


def read_topology(text: str | bytes, *, source: str = "topology") -> Topology:
    """Read the text of a topology file; ``source`` is named in the error."""
    reader = _Reader()
    topology = reader.read(compose(text, source=source, what="topology", size_max=SIZE_MAX))
    reader.raise_errors(source)
    return topology


class _Reader(NodeReader):
    """Walks the nodes of one file and collects what it says, and everything that is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self._devices: dict[str, Device] = {}
        self._explicit: set[str] = set()
        self._links: dict[tuple[str, str], tuple[str, int]] = {}
        """(from, to) -> (field, line) of where it was said first."""
        self._hosts: dict[str, str] = {}
        """Canonical names by their folded form."""
        self._aliases: dict[str, str] = {}
        self._racks: dict[str, str] = {}
        """Rack of each host."""

    def read(self, root: yaml.Node | None) -> Topology:
        if root is None:
            return Topology()
        # Names first: a link may lead to what stands further down.
        sections = [
            (_SECTIONS[name], name, list(self._named_items(node, name)))
            for name, _, node in self._items(root, "", tuple(_SECTIONS))
        ]
        for kind, section, items in sections:
            for name, key_node, _ in items:
                if kind is Kind.HOST:
                    if self._hosts.setdefault(name.lower(), name) != name:
                        self._wrong(key_node, section, f"{name!r} differs from another host only in its capitals")
                else:
                    self._add(kind, name, f"{section}.{name}", key_node)
        for kind, section, items in sections:
            if kind is Kind.HOST:
                for name, _, node in items:
                    self._read_aliases(name, node, f"{section}.{name}")
        for kind, section, items in sections:
            for name, _, node in items:
                self._read_fields(kind, key_of(kind, name), node, f"{section}.{name}")
        self._find_cycles()
        self._place()
        return Topology(tuple(self._devices.values()), tuple(self._links), dict(self._aliases))

    def _read_aliases(self, host: str, node: yaml.Node, path: str) -> None:
        """Aliases of all hosts are read before any link, which may use them."""
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            if key.value != "aliases":
                continue
            for alias, item in self._texts(value, f"{path}.aliases"):
                folded = alias.lower()
                if self._hosts.get(folded, host) != host:
                    self._wrong(item, f"{path}.aliases", f"{alias!r} is the name of another host")
                elif self._aliases.get(folded, host) != host:
                    self._wrong(item, f"{path}.aliases", f"{alias!r} is an alias of {self._aliases[folded]} already")
                elif folded != host.lower():
                    self._aliases[folded] = host
                    self._aliases[alias] = host

    def _read_fields(self, kind: Kind, key: str, node: yaml.Node, path: str) -> None:
        for field, _, value in self._items(node, path, _FIELDS[kind]):
            where = f"{path}.{field}"
            if field in ("rack", "switch"):
                name = self._text(value, where)
                if name is not None:
                    self._link(field, name, key, value, where)
            elif field in _LINKS:
                for name, item in self._texts(value, where):
                    self._link(field, name, key, item, where)
            elif field == "nics":
                self._read_nics(key, value, where)
            elif field == "disks":
                host = split_key(key)[1]
                for name, item in self._texts(value, where):
                    self._add(Kind.DISK, f"{host}:{name}", where, item, host=host, label=name)
            elif field != "aliases":
                self._set(key, field, value, where)

    def _read_nics(self, host_key: str, node: yaml.Node, path: str) -> None:
        host = split_key(host_key)[1]
        for name, key_node, value in self._named_items(node, path):
            where = f"{path}.{name}"
            nic = self._add(Kind.NIC, f"{host}:{name}", where, key_node, host=host, label=name)
            self._links.setdefault((nic, host_key), (where, line_of(key_node)))
            for field, _, item in self._items(value, where, _FIELDS[Kind.NIC]):
                if field == "switch":
                    switch = self._text(item, f"{where}.switch")
                    if switch is not None:
                        self._link(field, switch, host_key, item, f"{where}.switch")
                else:
                    self._set(nic, field, item, f"{where}.{field}")

    def _add(self, kind: Kind, name: str, path: str, node: yaml.Node, *, host: str = "", label: str = "") -> str:
        key = key_of(kind, name)
        if key in self._devices:
            self._wrong(node, path, f"{label or name!r} is there twice")
        else:
            self._devices[key] = Device(id=name, name=label or name, kind=kind, host=host)
        return key

    def _set(self, key: str, field: str, node: yaml.Node, path: str) -> None:
        """``zone``, ``redundant`` or ``attributes`` of a device."""
        value: Any
        if field == "redundant":
            if not is_a(node, "bool"):
                self._wrong(node, path, "must be true or false")
                return
            value = node.value.lower() in ("true", "yes", "on")
            self._explicit.add(key)
        elif field == "attributes":
            value = {name: item.value for name, item in self._scalars(node, path)}
        else:
            value = self._text(node, path)
        if value is not None and key in self._devices:
            device = self._devices[key]
            fields = {name: getattr(device, name) for name in device.__struct_fields__}
            self._devices[key] = Device(**fields | {field: value})

    def _link(self, field: str, name: str, key: str, node: yaml.Node, path: str) -> None:
        kind = _LINKS[field]
        if kind is Kind.HOST:
            # Not checked against the section: hosts come from the cloud.
            other = key_of(kind, self._hosts.get(name.lower()) or self._aliases.get(name.lower()) or name)
        else:
            other = key_of(kind, name)
            if other not in self._devices:
                self._wrong(node, path, f"there is no {kind} {name!r} in this file")
                return
        link = (key, other) if field in _DOWNWARD else (other, key)
        if kind is Kind.RACK or (field == "hosts" and key.startswith("rack/")):
            rack, host = link
            if host.startswith("host/") and self._racks.setdefault(host, rack) != rack:
                self._wrong(node, path, f"{split_key(host)[1]!r} stands in {split_key(self._racks[host])[1]} already")
                return
        self._links.setdefault(link, (path, line_of(node)))

    def _find_cycles(self) -> None:
        """Only switches can depend on each other in a circle; each circle is told once, by its links."""
        below: dict[str, list[str]] = defaultdict(list)
        for upper, lower in self._links:
            if lower.startswith("switch/"):
                below[upper].append(lower)
        done: set[str] = set()
        for start in list(below):
            if start in done:
                continue
            way: list[str] = [start]
            branches = [iter(below[start])]
            while way:
                following = next(branches[-1], None)
                if following is None:
                    done.add(way.pop())
                    branches.pop()
                elif following in way:
                    circle = [*way[way.index(following) :], following]
                    field, line = self._links[way[-1], following]
                    names = " -> ".join(split_key(key)[1] for key in circle)
                    self.errors.append(FieldError(field, f"closes a circle of dependence: {names}", line))
                elif following not in done:
                    way.append(following)
                    branches.append(iter(below.get(following, ())))

    def _place(self) -> None:
        """Give NICs and disks their rack's zone, and find what is redundant without the file saying so."""
        above: Mapping[tuple[str, str], int] = self._counts()
        dependants: dict[str, list[str]] = defaultdict(list)
        for upper, lower in self._links:
            dependants[upper].append(lower)
        for key, device in self._devices.items():
            zone = device.zone
            if device.host and not zone:
                rack = self._devices.get(self._racks.get(key_of(Kind.HOST, device.host), ""))
                zone = rack.zone if rack else ""
            redundant = device.redundant
            if key not in self._explicit and device.kind in (Kind.PDU, Kind.SWITCH, Kind.NIC):
                below = dependants.get(key, ())
                redundant = bool(below) and all(above[lower, device.kind] > 1 for lower in below)
            if (zone, redundant) != (device.zone, device.redundant):
                fields = {name: getattr(device, name) for name in device.__struct_fields__}
                self._devices[key] = Device(**fields | {"zone": zone, "redundant": redundant})

    def _counts(self) -> Mapping[tuple[str, str], int]:
        """How many devices of each kind each thing depends on."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for upper, lower in self._links:
            counts[lower, split_key(upper)[0]] += 1
        return counts
