"""A VNF and its record as OSM's VNF record (``vnfrs``): what is where there, and writing one.

What a document says beside that is its own: it is kept with the VNF, and comes out again where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from nfvigil.model.vnf import Vnf
from nfvigil.model.vnf_record import Interface, Vdu, VduDetails, VnfRecord
from nfvigil.vnf.words import text_of

KEPT_AS = "vnfr"
"""The name in ``Vnf.extra`` of what the document says beside the record."""
VIM_KEY = "vim:"

OF_INFO = (
    *("vim_id", "vim_name", "vim_status", "vim_message", "vim_details"),
    *("compute_node", "interfaces", "interfaces_backup"),
)
"""Keys of a VDU's ``vim_info`` that the record holds."""
OF_VDUR = ("vdu-id-ref", "name", "status", "vim-id", "ip-address")
OF_INFO_INTERFACE = (
    *("vim_interface_id", "vim_net_id", "mac_address", "ip_address", "compute_node", "pci", "vlan", "vim_info"),
    *("mgmt_vdu_interface", "mgmt_vnf_interface", "vim_message"),
)
OF_VDUR_INTERFACE = ("ip-address", "mac-address", "compute_node", "pci", "vlan")


def vnfr_of(vnf: Vnf, record: VnfRecord | None, details: Mapping[str, VduDetails]) -> dict[str, Any]:
    """The document. ``details`` are by component; without them it has no ``vim_details`` and ``vim_info``.

    A component that the record does not know yet is there without a status.
    """
    kept = vnf.extra.get(KEPT_AS)
    document: dict[str, Any] = deepcopy(kept) if isinstance(kept, dict) else _new(vnf, record)
    if vnf.name != default_name(document):
        document["name"] = vnf.name
    document["ip-address"] = (record.ip_address if record else "") or None
    document["vdur"] = list(_vdurs(vnf, record, details, document))
    return document


def default_name(document: Mapping[str, Any]) -> str:
    """What a VNF is called whose document does not name it."""
    name = document.get("vnfd-ref")
    return name if isinstance(name, str) else ""


def vdur_id(vdur: Mapping[str, Any]) -> Any:
    """A component's id."""
    return vdur.get("id") or vdur.get("_id")


def info_key(vdur: Mapping[str, Any], document: Mapping[str, Any]) -> str | None:
    """Which of its ``vim_info`` counts: that of its account, or else the first."""
    info = vdur.get("vim_info")
    if not isinstance(info, Mapping):
        return None
    for account in (vdur.get("vim-account-id"), document.get("vim-account-id")):
        if isinstance(account, str) and isinstance(info.get(VIM_KEY + account), Mapping):
            return VIM_KEY + account
    return next((key for key, value in info.items() if key.startswith(VIM_KEY) and isinstance(value, Mapping)), None)


def host_of(interfaces: Sequence[Interface]) -> str:
    """Of a VDU whose document names the compute node of interfaces only."""
    return next((one.host for one in interfaces if one.host), "")


def info_interface(one: Interface, words: bytes | None) -> dict[str, Any]:
    """As it stands in ``vim_info.interfaces``."""
    found: dict[str, Any] = {
        "vim_interface_id": one.port,
        "vim_net_id": one.network or None,
        "mac_address": one.mac_address or None,
        "ip_address": one.ip_address or None,
        "compute_node": one.host or None,
        "pci": one.pci or None,
        "vlan": one.vlan,
        "vim_info": text_of(words) if words else None,
    }
    if one.manages_vdu:
        found["mgmt_vdu_interface"] = True
    if one.manages_vnf:
        found["mgmt_vnf_interface"] = True
    return found


def _new(vnf: Vnf, record: VnfRecord | None) -> dict[str, Any]:
    vim = next((one.vim for one in record.vdus), "") if record else ""
    return {
        "_id": vnf.id,
        "id": vnf.id,
        "nsr-id-ref": vnf.id,
        "vnfd-ref": vnf.name,
        "vnfd-id": vnf.name,
        "vim-account-id": vim or None,
        "_admin": {
            "projects_read": [vnf.project],
            "projects_write": [vnf.project],
            "nsState": "INSTANTIATED",
        },
    }


def _vdurs(
    vnf: Vnf, record: VnfRecord | None, details: Mapping[str, VduDetails], document: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """In the document's order; those that it does not know come last."""
    vdus = {one.id: one for one in record.vdus} if record else {}
    for vnfc in vnf.vnfcs:
        vdus.setdefault(vnfc.id, Vdu(id=vnfc.id, server=vnfc.server, vdu=vnfc.vdu))
    units: Counter[str] = Counter()
    for vdur in document.get("vdur") or ():
        key = info_key(vdur, document)
        vdu = vdus.pop(vdur_id(vdur), None)
        if vdu is not None:
            units[vdu.vdu] += 1
            _write(vdur, vdu, details.get(vdu.id), key)
        elif key and vdur.get("vim-id"):
            continue  # It was a component, and is none any more; without a server it never was one.
        yield vdur
    for vdu in vdus.values():
        new = {"_id": vdu.id, "id": vdu.id, "count-index": units[vdu.vdu], "vdu-name": vdu.vdu}
        units[vdu.vdu] += 1
        _write(new, vdu, details.get(vdu.id), None)
        yield new


def _write(vdur: dict[str, Any], vdu: Vdu, details: VduDetails | None, key: str | None) -> None:
    """What the record says, into the document."""
    vdur["vdu-id-ref"] = vdu.vdu
    vdur["name"] = vdu.name or None
    vdur["status"] = vdu.status or None
    vdur["vim-id"] = vdu.server
    vdur["ip-address"] = vdu.ip_address or None
    vdur["interfaces"] = _vdur_interfaces(vdur.get("interfaces") or [], vdu.interfaces or vdu.interfaces_backup)
    infos = vdur.setdefault("vim_info", {})
    if key or vdu.vim:
        _write_info(infos.setdefault(key or VIM_KEY + vdu.vim, {}), vdu, details)


def _write_info(info: dict[str, Any], vdu: Vdu, details: VduDetails | None) -> None:
    own = {one["vim_interface_id"]: one for one in info.get("interfaces") or ()}
    words = details.ports if details else {}

    def listed(interfaces: Sequence[Interface]) -> list[dict[str, Any]]:
        return [own.get(one.port, {}) | info_interface(one, words.get(one.port)) for one in interfaces]

    info["vim_id"] = None if vdu.is_deleted else vdu.server
    info["vim_name"] = None if vdu.is_deleted else vdu.name or None
    info["vim_status"] = vdu.status or None
    info["vim_message"] = vdu.message or None
    info["vim_details"] = text_of(details.server) if details and details.server else None
    info["interfaces"] = None if vdu.is_deleted and not vdu.interfaces else listed(vdu.interfaces)
    if vdu.interfaces_backup:
        info["interfaces_backup"] = [
            said | {"vim_message": one.message} if one.message else said
            for one, said in zip(vdu.interfaces_backup, listed(vdu.interfaces_backup), strict=True)
        ]
    if vdu.host != host_of(vdu.interfaces or vdu.interfaces_backup):
        info["compute_node"] = vdu.host or None


def _vdur_interfaces(own: Sequence[dict[str, Any]], interfaces: Sequence[Interface]) -> list[dict[str, Any]]:
    """Those of the descriptor, each with the addresses of the port in its place."""
    found = [dict(one) for one in own]
    for number, one in enumerate(interfaces):
        if number == len(found):
            found.append({})
            if one.name:
                found[number]["name"] = one.name
            if one.manages_vdu:
                found[number]["mgmt-interface"] = True
            if one.manages_vnf:
                found[number]["mgmt-vnf"] = True
        found[number] |= {
            "ip-address": one.ip_address or None,
            "mac-address": one.mac_address or None,
            "compute_node": one.host or None,
            "pci": one.pci or None,
            "vlan": one.vlan,
        }
    return found
