"""A VDU of OSM's VNF record (``vdur``) as ours, and ours as changes of that document. Pure.

A change is by path, as MongoDB's ``$set`` has it, and only of what is different.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from nfvigil.errors import RefusedError
from nfvigil.model.vnf_record import Interface, Vdu
from nfvigil.vnf.rules import (
    BETWEEN_MESSAGES,
    DELETED_EXTERNALLY,
    Followed,
    follow,
    gone,
    gone_message,
    status_message,
)
from nfvigil.vnf.words import SeenPort, seen_port, seen_server, text_of

MISSING = object()
"""In the place of what a document does not have."""

_OURS = re.compile(r"VIM status reported .*|Interface \S+ deleted externally\.|Interface \S+ status: .*")
_FIELDS = {
    "mac_address": "mac_address",
    "ip_address": "ip_address",
    "network": "vim_net_id",
    "host": "compute_node",
    "pci": "pci",
    "vlan": "vlan",
}
"""Ours, and OSM's name for it in ``vim_info.interfaces``."""


class Words(NamedTuple):
    """The cloud's own words on a server, without user data."""

    server: bytes
    ports: Mapping[str, bytes | None]
    """By id; None for one that is gone for good, or belongs to another server now."""


class Change(NamedTuple):
    """What a VDU's record is to be."""

    followed: Followed
    sets: dict[str, Any]


class Vdur:
    """One VDU in a document, with the part of it that is about our cloud. RefusedError where it is none."""

    def __init__(self, document: Mapping[str, Any], index: int, key: str) -> None:
        self.path = f"vdur.{index}"
        self.info_path = f"{self.path}.vim_info.{key}"
        vdurs = document.get("vdur")
        raw = vdurs[index] if isinstance(vdurs, list) and index < len(vdurs) else None
        if not isinstance(raw, Mapping):
            raise RefusedError("the record has no such VDU")
        infos = raw.get("vim_info")
        info = infos.get(key) if isinstance(infos, Mapping) else None
        if not isinstance(info, Mapping) or not info:
            raise RefusedError("the VDU has no vim_info of this cloud")
        self.raw: Mapping[str, Any] = raw
        self.info: Mapping[str, Any] = info

    @property
    def id(self) -> str:
        return next((one for name in ("_id", "id") if isinstance(one := self.raw.get(name), str) and one), "")

    @property
    def server(self) -> str:
        """ "" where it was reported as deleted."""
        return _text(self.info.get("vim_id"))

    def vdu(self, server: str, vim: str) -> Vdu:
        message = _text(self.info.get("vim_message"))
        parts = message.split(BETWEEN_MESSAGES)
        interfaces = tuple(_with_message(one, parts) for _, one in self._interfaces("interfaces"))
        return Vdu(
            id=self.id,
            server=server,
            vim=vim,
            name=_text(self.raw.get("name")),
            status=_text(self.info.get("vim_status")),
            message=message,
            host=interfaces[0].host if interfaces else "",
            ip_address=_text(self.raw.get("ip-address")),
            interfaces=interfaces,
            interfaces_backup=tuple(one for _, one in self._interfaces("interfaces_backup")),
        )

    def deleted(self, server: str, vim: str) -> Change:
        """Its server is gone."""
        before = self.vdu(server, vim)
        followed = gone(before, at_us=0)
        wanted: dict[str, Any] = {
            f"{self.info_path}.vim_status": followed.vdu.status,
            f"{self.info_path}.vim_message": followed.vdu.message,
            **{f"{self.info_path}.{name}": None for name in ("vim_id", "vim_name", "interfaces")},
            f"{self.path}.status": followed.vdu.status,
        }
        if followed.vdu.interfaces_backup and followed.vdu.interfaces_backup != before.interfaces_backup:
            wanted[f"{self.info_path}.interfaces_backup"] = copy.deepcopy(self.info["interfaces"])
        return Change(followed, self._different(wanted))

    def followed(self, server: str, vim: str, words: Words) -> Change:
        """Its server is there. RefusedError where the cloud's words on it cannot be read."""
        before = self.vdu(server, vim)
        seen, ports = seen_server(words.server), dict(_seen(words.ports))
        result = follow(before, seen, ports, at_us=0, adopts=False)
        after = result.vdu
        wanted: dict[str, Any] = {
            f"{self.info_path}.vim_status": after.status,
            f"{self.info_path}.vim_message": self._message(after.message),
            f"{self.info_path}.vim_details": text_of(words.server),
            f"{self.info_path}.vim_id": server,
            f"{self.info_path}.vim_name": after.name,
            f"{self.path}.status": after.status,
            f"{self.path}.name": after.name,
        }
        if after.ip_address:
            wanted[f"{self.path}.ip-address"] = after.ip_address
        wanted |= self._wanted_interfaces(before, after, ports, words)
        return Change(result, self._different(wanted))

    def _message(self, message: str) -> object:
        """What somebody else has written stays until there is something to say."""
        old = self.info.get("vim_message", MISSING)
        if message:
            return message
        if isinstance(old, str) and old and not is_ours(old):
            return old
        return None if old is not MISSING else MISSING

    def _wanted_interfaces(
        self, before: Vdu, after: Vdu, ports: Mapping[str, SeenPort | None], words: Words
    ) -> dict[str, Any]:
        is_back = before.is_deleted and not before.interfaces and bool(after.interfaces)
        name = "interfaces_backup" if is_back else "interfaces"
        wanted: dict[str, Any] = {}
        for (place, old), new in zip(self._interfaces(name), after.interfaces, strict=True):
            front = f"{self.info_path}.interfaces.{place}"
            if new.message or ports.get(new.port) is None:
                continue
            for field, theirs in _FIELDS.items():
                if (value := getattr(new, field)) != getattr(old, field):
                    wanted[f"{front}.{theirs}"] = None if value == "" else value
            wanted[f"{front}.vim_info"] = text_of(words.ports[new.port] or b"null")
            wanted |= self._shown(place, new)
        if is_back:
            # The whole list is put back; what is different in it is put into it.
            front = f"{self.info_path}.interfaces."
            restored = copy.deepcopy(self.info[name])
            for path in [path for path in wanted if path.startswith(front)]:
                number, _, field = path.removeprefix(front).partition(".")
                restored[int(number)][field] = wanted.pop(path)
            wanted[front.removesuffix(".")] = restored
        return wanted

    def _shown(self, place: int, interface: Interface) -> dict[str, Any]:
        """The same interface as the VDU itself shows it. One that it does not show is not made."""
        shown = self.raw.get("interfaces")
        if not isinstance(shown, list) or place >= len(shown) or not isinstance(shown[place], Mapping):
            return {}
        front = f"{self.path}.interfaces.{place}"
        address = {f"{front}.ip-address": interface.ip_address} if interface.ip_address else {}
        return {**address, f"{front}.mac-address": interface.mac_address or None}

    def _different(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return {path: value for path, value in wanted.items() if value is not MISSING and self._at(path) != value}

    def _at(self, path: str) -> object:
        """What the document has there now."""
        if path.startswith(f"{self.info_path}."):
            return value_at(self.info, path.removeprefix(f"{self.info_path}."))
        return value_at(self.raw, path.removeprefix(f"{self.path}."))

    def names_of(self, paths: Iterable[str]) -> Iterator[str]:
        """Where it stands whose interfaces these paths are of: in their places may be others by now."""
        for front, name in (
            (f"{self.info_path}.interfaces.", "vim_interface_id"),
            (f"{self.path}.interfaces.", "name"),
        ):
            mine = (path.removeprefix(front) for path in paths if path.startswith(front))
            yield from (f"{front}{place}.{name}" for place in dict.fromkeys(path.partition(".")[0] for path in mine))

    def before(self, paths: Iterator[str]) -> dict[str, Any]:
        """What each path is now, as a filter has it: the write misses where somebody else was quicker."""
        found = {}
        for path in paths:
            value = self._at(path)
            found[path] = {"$exists": False} if value is MISSING else {"$eq": value}
        return found

    def _interfaces(self, name: str) -> list[tuple[int, Interface]]:
        """With their places in the list. What has no port's id is nobody's."""
        raw = self.info.get(name)
        if not isinstance(raw, list):
            return []
        return [
            (place, _interface(one))
            for place, one in enumerate(raw)
            if isinstance(one, Mapping) and _text(one.get("vim_interface_id"))
        ]


def is_ours(message: str) -> bool:
    """Whether a monitor has written it, and not something else of OSM's."""
    return message == DELETED_EXTERNALLY or all(map(_OURS.fullmatch, message.split(BETWEEN_MESSAGES)))


def value_at(holder: object, path: str) -> object:
    """By a path of names and places, or MISSING."""
    for name in path.split("."):
        if isinstance(holder, Mapping):
            holder = holder.get(name, MISSING)
        elif isinstance(holder, list) and name.isdigit() and int(name) < len(holder):
            holder = holder[int(name)]
        else:
            return MISSING
    return holder


def _interface(raw: Mapping[str, Any]) -> Interface:
    vlan = raw.get("vlan")
    return Interface(
        port=_text(raw.get("vim_interface_id")),
        network=_text(raw.get("vim_net_id")),
        mac_address=_text(raw.get("mac_address")),
        ip_address=_text(raw.get("ip_address")),
        host=_text(raw.get("compute_node")),
        pci=_text(raw.get("pci")),
        vlan=vlan if isinstance(vlan, int) else None,
        manages_vdu=bool(raw.get("mgmt_vdu_interface")),
        manages_vnf=bool(raw.get("mgmt_vnf_interface")),
    )


def _with_message(interface: Interface, parts: list[str]) -> Interface:
    front = status_message(interface.port, "")
    for part in parts:
        if part == gone_message(interface.port) or part.startswith(front):
            return Interface(
                **{name: getattr(interface, name) for name in interface.__struct_fields__} | {"message": part}
            )
    return interface


def _seen(ports: Mapping[str, bytes | None]) -> Iterator[tuple[str, SeenPort | None]]:
    """Without those that cannot be read: nobody can say how it is with them."""
    for port, body in ports.items():
        try:
            yield port, seen_port(body) if body is not None else None
        except RefusedError:
            continue


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
