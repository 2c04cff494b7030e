"""Reads OSM's VNF record (``vnfrs``): everything that is wrong with it is told at once, by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_record import Interface, Vdu, VnfRecord
from nfvigil.vnf.rules import BETWEEN_MESSAGES, INTERFACES_MAX, gone_message, status_message
from nfvigil.vnf.vnfr import (
    KEPT_AS,
    OF_INFO,
    OF_INFO_INTERFACE,
    OF_VDUR,
    OF_VDUR_INTERFACE,
    VIM_KEY,
    default_name,
    host_of,
    info_key,
    vdur_id,
)
from nfvigil.vnf.words import cleaned, vlan_of

DOCUMENT_MAX = 1 << 20
VDURS_MAX = 1000
TEXT_MAX = 255
ADDRESSES_MAX = 8192
MESSAGE_MAX = 100_000
ERRORS_MAX = 100

_CONTROLS = re.compile("[\x00-\x1f\x7f]+")


def vnf_of_vnfr(
    document: Mapping[str, Any],
    *,
    project: str,
    vim_of: Mapping[str, str],
    vim_of_server: Callable[[str], str | None] = lambda server: None,
) -> tuple[Vnf, VnfRecord]:
    """The VNF that a document tells of, and its record; RefusedError names every wrong field.

    ``vim_of`` has our names of OSM's VIM accounts; where it lacks one, ``vim_of_server`` is asked whose the server is.
    A VDU without a server yet is no component; it stays in the document.
    """
    kept = _copied(document)
    reader = _Reader(kept, vim_of, vim_of_server)
    vnf_id = reader.id(kept.get("id") or kept.get("_id"), "id")
    name = kept.get("name")
    if isinstance(name, str) and name != default_name(kept):
        reader.text(kept.pop("name"), "name")
    else:
        name = reader.text(default_name(kept), "vnfd-ref")
    ip_address = reader.text(kept.pop("ip-address", None), "ip-address", ADDRESSES_MAX)
    vdus = tuple(reader.vdus())
    reader.raise_errors()
    vnf = Vnf(
        id=vnf_id,
        project=project,
        name=name,
        vnfcs=tuple(Vnfc(id=one.id, server=one.server, vdu=one.vdu) for one in vdus),
        extra={KEPT_AS: kept},
    )
    return vnf, VnfRecord(project=project, id=vnf_id, ip_address=ip_address, vdus=vdus)


def _copied(document: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON that nobody else has a hand on, within the bound."""
    try:
        body = msgspec.json.encode(document)
        if len(body) > DOCUMENT_MAX:
            raise RefusedError("the VNF record is too large", [FieldError("", f"more than {DOCUMENT_MAX} bytes")])
        copied = msgspec.json.decode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RefusedError("the VNF record is no JSON", [FieldError("", str(error)[:200])]) from error
    if not isinstance(copied, dict):
        raise RefusedError("the VNF record is wrong", [FieldError("", "must be an object")])
    return copied


class _Reader:
    """Walks the document, takes out what the record holds, and collects what is wrong."""

    def __init__(
        self, document: dict[str, Any], vim_of: Mapping[str, str], vim_of_server: Callable[[str], str | None]
    ) -> None:
        self._document = document
        self._vim_of = vim_of
        self._vim_of_server = vim_of_server
        self._errors: list[FieldError] = []
        self._seen: set[tuple[str, str]] = set()

    def raise_errors(self) -> None:
        if self._errors:
            raise RefusedError("the VNF record is wrong", self._errors[:ERRORS_MAX])

    def vdus(self) -> Iterator[Vdu]:
        vdurs = self.list(self._document.get("vdur"), "vdur", VDURS_MAX)
        for number, vdur in enumerate(vdurs):
            path = f"vdur[{number}]"
            vdu_id = self.unique(vdur_id(vdur), f"{path}.id")
            key = info_key(vdur, self._document)
            server = vdur["vim_info"][key].get("vim_id") or vdur.get("vim-id") if key else None
            if key and server:
                yield self._vdu(vdur, key, path, vdu_id, server)

    def _vdu(self, vdur: dict[str, Any], key: str, path: str, vdu_id: str, server: Any) -> Vdu:
        info = vdur["vim_info"][key]
        at = f"{path}.vim_info.{key}"
        server = self.unique(server, f"{at}.vim_id")
        message = self.text(_one_line(info.get("vim_message")), f"{at}.vim_message", MESSAGE_MAX)
        own = self.list(vdur.get("interfaces"), f"{path}.interfaces", INTERFACES_MAX)
        interfaces = _playing(self._interfaces(info.get("interfaces"), f"{at}.interfaces"), own)
        backup = self._interfaces(info.get("interfaces_backup"), f"{at}.interfaces_backup")
        backup = _playing_as(interfaces, backup) if interfaces else _playing(backup, own)
        vdu = Vdu(
            id=vdu_id,
            server=server,
            vim=self._vim(key, server, at),
            vdu=self.text(vdur.get("vdu-id-ref"), f"{path}.vdu-id-ref"),
            name=self.text(info.get("vim_name") or vdur.get("name"), f"{at}.vim_name"),
            status=self.text(info.get("vim_status") or vdur.get("status"), f"{at}.vim_status"),
            message=message,
            host=self.text(info.get("compute_node", host_of(interfaces or backup)), f"{at}.compute_node"),
            ip_address=self.text(vdur.get("ip-address"), f"{path}.ip-address", ADDRESSES_MAX),
            interfaces=_with_messages(interfaces, message),
            interfaces_backup=backup,
        )
        if not self._errors:
            _take_out(vdur, info, len(interfaces or backup))
            vdur["vim-id"] = server
        return vdu

    def _interfaces(self, given: Any, path: str) -> tuple[Interface, ...]:
        found: dict[str, Interface] = {}
        for number, one in enumerate(self.list(given, path, INTERFACES_MAX)):
            at = f"{path}[{number}]"
            port = self.id(one.get("vim_interface_id"), f"{at}.vim_interface_id")
            if port and port in found:
                self._wrong(f"{at}.vim_interface_id", "is another interface's too")
            found[port] = Interface(
                port=port,
                network=self.text(one.get("vim_net_id"), f"{at}.vim_net_id"),
                mac_address=self.text(one.get("mac_address"), f"{at}.mac_address"),
                ip_address=self.text(one.get("ip_address"), f"{at}.ip_address", ADDRESSES_MAX),
                host=self.text(one.get("compute_node"), f"{at}.compute_node"),
                pci=self.text(one.get("pci"), f"{at}.pci"),
                vlan=self._vlan(one.get("vlan"), f"{at}.vlan"),
                manages_vdu=bool(one.get("mgmt_vdu_interface")),
                manages_vnf=bool(one.get("mgmt_vnf_interface")),
                message=self.text(_one_line(one.get("vim_message")), f"{at}.vim_message", MESSAGE_MAX),
            )
        return tuple(found.values())

    def _vim(self, key: str, server: str, at: str) -> str:
        vim = self._vim_of.get(key.removeprefix(VIM_KEY)) or self._vim_of_server(server)
        if not vim:
            self._wrong(at, "is no VIM account that is known here, and no cloud has told of the server")
        return vim or ""

    def _vlan(self, given: Any, path: str) -> int | None:
        vlan = vlan_of(given)
        if vlan is None and given is not None:
            self._wrong(path, "must be a VLAN's number")
        return vlan

    def list(self, given: Any, path: str, items_max: int) -> Sequence[dict[str, Any]]:
        """Of objects; nothing is an empty one."""
        if given is None:
            return ()
        if not isinstance(given, list):
            self._wrong(path, "must be a list")
            return ()
        if len(given) > items_max:
            self._wrong(path, f"has more than {items_max}")
            return ()
        wrong = [number for number, one in enumerate(given) if not isinstance(one, dict)]
        for number in wrong:
            self._wrong(f"{path}[{number}]", "must be an object")
        return () if wrong else given

    def unique(self, given: Any, path: str) -> str:
        found = self.id(given, path)
        mark = (path.rpartition(".")[2], found)
        if found and mark in self._seen:
            self._wrong(path, "is another component's too")
        self._seen.add(mark)
        return found

    def id(self, given: Any, path: str) -> str:
        if given is None or given == "":
            self._wrong(path, "is missing")
        return self.text(given, path)

    def text(self, given: Any, path: str, length_max: int = TEXT_MAX) -> str:
        """Nothing is an empty one."""
        if given is None:
            return ""
        if not isinstance(given, str):
            self._wrong(path, "must be text")
        elif len(given) > length_max:
            self._wrong(path, f"has more than {length_max} characters")
        elif _CONTROLS.search(given):
            self._wrong(path, "has a control character")
        else:
            return given
        return ""

    def _wrong(self, path: str, reason: str) -> None:
        self._errors.append(FieldError(path, reason))


def _one_line(message: Any) -> Any:
    """A cloud's own messages, which OSM keeps here too, have lines."""
    return cleaned(_CONTROLS.sub(" ", message), MESSAGE_MAX) if isinstance(message, str) else message


def _playing(interfaces: tuple[Interface, ...], own: Sequence[dict[str, Any]]) -> tuple[Interface, ...]:
    """With name and part of the descriptor's interface in the same place."""
    found = list(interfaces)
    for number, (one, said) in enumerate(zip(interfaces, own, strict=False)):
        found[number] = replace(
            one,
            name=cleaned(said.get("name"), TEXT_MAX),
            manages_vdu=one.manages_vdu or bool(said.get("mgmt-interface")),
            manages_vnf=one.manages_vnf or bool(said.get("mgmt-vnf")),
        )
    return tuple(found)


def _playing_as(known: tuple[Interface, ...], interfaces: tuple[Interface, ...]) -> tuple[Interface, ...]:
    """With name and part of the same port's."""
    by_port = {one.port: one for one in known}
    return tuple(
        replace(one, name=as_.name, manages_vdu=as_.manages_vdu, manages_vnf=as_.manages_vnf)
        if (as_ := by_port.get(one.port))
        else one
        for one in interfaces
    )


def _with_messages(interfaces: tuple[Interface, ...], message: str) -> tuple[Interface, ...]:
    """Each with its part of the VDU's message."""
    said = message.split(BETWEEN_MESSAGES)
    found = []
    for one in interfaces:
        about = (gone_message(one.port), status_message(one.port, ""))
        mine = next((part for part in said if part == about[0] or part.startswith(about[1])), "")
        found.append(replace(one, message=mine))
    return tuple(found)


def _take_out(vdur: dict[str, Any], info: dict[str, Any], interfaces: int) -> None:
    """What the record holds, so that nothing is kept twice."""
    own: dict[str, dict[str, Any]] = {}
    for one in (*(info.get("interfaces_backup") or ()), *(info.get("interfaces") or ())):
        left = {name: value for name, value in one.items() if name not in OF_INFO_INTERFACE}
        if left:
            own[one["vim_interface_id"]] = own.get(one["vim_interface_id"], {}) | left
    for name in OF_INFO:
        info.pop(name, None)
    if own:
        info["interfaces"] = [left | {"vim_interface_id": port} for port, left in own.items()]
    for name in OF_VDUR:
        vdur.pop(name, None)
    said = vdur.pop("interfaces", None) or []
    for one in said[:interfaces]:
        for name in OF_VDUR_INTERFACE:
            one.pop(name, None)
    while said and not said[-1]:
        said.pop()
    if said:
        vdur["interfaces"] = said
