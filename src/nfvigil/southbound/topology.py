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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.resource import Device, Kind, key_of, split_key
from nfvigil.model.topology import Topology

SIZE_MAX = 16 << 20
_ERRORS_MAX = 200
_DEPTH_MAX = 20

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

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    if len(text) > SIZE_MAX:
        raise SettingsError(f"{source} is larger than {SIZE_MAX} bytes")
    try:
        _check_depth(text, source)
        root = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise SettingsError(f"{source} is not YAML", [FieldError("", str(error.problem), line)]) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(f"{source} is not YAML", [FieldError("", reason)]) from error
    reader = _Reader()
    topology = reader.read(root)
    if reader.errors:
        found = sorted(reader.errors, key=lambda error: error.line)
        raise SettingsError(f"{source} has {len(found)} error{'s'[: len(found) > 1]}", found[:_ERRORS_MAX])
    return topology


def _check_depth(text: str | bytes, source: str) -> None:
    """The fast composer recurses in C without a bound: a file of brackets would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH_MAX:
                error = FieldError("", f"is nested more than {_DEPTH_MAX} levels deep", _line(event))
                raise SettingsError(f"{source} is no topology", [error])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reader:
    """Walks the nodes of one file and collects what it says, and everything that is wrong with it."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
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
            self._links.setdefault((nic, host_key), (where, _line(key_node)))
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
            if not _is(node, "bool"):
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
        self._links.setdefault(link, (path, _line(node)))

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

    # The nodes themselves

    def _items(self, node: yaml.Node, path: str, known: tuple[str, ...]) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """The fields of a mapping; unknown and repeated ones are errors. Nothing (``spine-1:``) is an empty one."""
        prefix = f"{path}." if path else ""
        for name, key, value in self._pairs(node, path):
            if name not in known:
                self._wrong(key, f"{prefix}{name}", f"is not known here; known are {', '.join(known)}")
            else:
                yield name, key, value

    def _named_items(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """The entries of a section by their names."""
        for name, key, value in self._pairs(node, path):
            if self._text(key, path) is not None:
                yield name, key, value

    def _scalars(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.ScalarNode]]:
        for name, _, value in self._pairs(node, path):
            if isinstance(value, yaml.ScalarNode) and len(value.value) <= 1024:
                yield name, value
            else:
                self._wrong(value, f"{path}.{name}", "must be one value of at most 1024 characters")

    def _pairs(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        if _is(node, "null"):
            return
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, path, f"must be a mapping (name: ...), not {_kind(node)}")
            return
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._wrong(key, path, "has a name that is no text")
            elif key.value in seen:
                self._wrong(key, path, f"{key.value!r} is there twice, first in line {seen[key.value]}")
            else:
                seen[key.value] = _line(key)
                yield key.value, key, value

    def _texts(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node]]:
        if _is(node, "null"):
            return
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(node, path, f"must be a list, not {_kind(node)}")
            return
        seen: set[str] = set()
        for item in node.value:
            text = self._text(item, path)
            if text is not None and text in seen:
                self._wrong(item, path, f"{text!r} is there twice")
            elif text is not None:
                seen.add(text)
                yield text, item

    def _text(self, node: yaml.Node, path: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or not _is(node, "str"):
            value = f"; write '{node.value}'" if isinstance(node, yaml.ScalarNode) and node.value else ""
            self._wrong(node, path, f"must be text, not {_kind(node)}{value}")
            return None
        text: str = node.value
        if not 0 < len(text) <= 255 or any(letter <= " " or letter == "\x7f" for letter in text):
            self._wrong(node, path, "must be 1 to 255 characters without spaces")
            return None
        return text

    def _wrong(self, node: yaml.Node, path: str, reason: str) -> None:
        self.errors.append(FieldError(path, reason, _line(node)))


def _line(node: yaml.Node | yaml.CollectionStartEvent) -> int:
    mark = node.start_mark
    return mark.line + 1 if mark else 0


def _is(node: yaml.Node, tag: str) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"tag:yaml.org,2002:{tag}"


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    name = str(node.tag).rpartition(":")[2]
    return {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing", "str": "text"}.get(
        name, name
    )
