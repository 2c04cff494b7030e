"""What a VNF's user says of its interfaces, on the record of one of its servers. Pure."""

from __future__ import annotations

from collections.abc import Sequence, Set

from msgspec.structs import replace

from nfvigil.model.vnf import VnfcInterface
from nfvigil.model.vnf_record import Interface, Vdu
from nfvigil.vnf.rules import is_gone, message_of


def named(vdu: Vdu, said: Sequence[VnfcInterface], *, lets_go: bool = False) -> Vdu:
    """``vdu`` itself where it fits already. One that no cloud has shown yet is there without an address; of one that
    is not named, nothing is said: it manages nothing. With ``lets_go``, one that is gone and not named is wanted back
    by nobody: it goes, and its message with it.
    """
    interfaces, backup = vdu.interfaces, vdu.interfaces_backup
    message = vdu.message
    if lets_go:
        ports = {one.port for one in said}
        interfaces, backup = _wanted(interfaces, ports), _wanted(backup, ports)
        if interfaces is not vdu.interfaces:
            message = message_of(vdu.status, interfaces)
    interfaces = _named(interfaces, said, adds=not vdu.is_deleted)
    backup = _named(backup, said, adds=False)
    if interfaces == vdu.interfaces and backup == vdu.interfaces_backup:
        return vdu
    return replace(vdu, interfaces=interfaces, interfaces_backup=backup, message=message)


def said_of(vdu: Vdu) -> tuple[VnfcInterface, ...]:
    """What somebody must have said for its record to be so."""
    return tuple(
        VnfcInterface(port=one.port, name=one.name, manages_vdu=one.manages_vdu, manages_vnf=one.manages_vnf)
        for one in vdu.interfaces or vdu.interfaces_backup
        if one.name or one.manages_vdu or one.manages_vnf
    )


def _wanted(interfaces: tuple[Interface, ...], ports: Set[str]) -> tuple[Interface, ...]:
    wanted = tuple(one for one in interfaces if one.port in ports or not is_gone(one))
    return interfaces if len(wanted) == len(interfaces) else wanted


def _named(interfaces: tuple[Interface, ...], said: Sequence[VnfcInterface], *, adds: bool) -> tuple[Interface, ...]:
    by_port = {one.port: one for one in said}
    nothing = VnfcInterface(port="")
    found = [_as(one, by_port.pop(one.port, nothing)) for one in interfaces]
    if adds:
        found += [_as(Interface(port=one.port), one) for one in by_port.values()]
    return tuple(found)


def _as(interface: Interface, said: VnfcInterface) -> Interface:
    return replace(interface, name=said.name, manages_vdu=said.manages_vdu, manages_vnf=said.manages_vnf)
