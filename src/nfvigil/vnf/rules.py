"""How a VDU's record follows what its cloud says of the server and its ports. Pure: no store, no clock.

What a record says is only ever changed by a word of the cloud: what nobody can say stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from nfvigil.model.vnf_record import DELETED, ChangeKind, Interface, Vdu, VduChange, VduCondition
from nfvigil.vnf.words import SeenPort, SeenServer

FINE_SERVER = frozenset({"ACTIVE", "PAUSED", "SUSPENDED", "SHUTOFF", "BUILD"})
FINE_PORT = frozenset({"ACTIVE", "PAUSED", "BUILD"})
ERROR = "ERROR"
DELETED_EXTERNALLY = "Deleted externally"
BETWEEN_MESSAGES = "; "
INTERFACES_MAX = 200
"""Of one VDU. One more takes the place of the oldest that was found, and is gone."""

_INTERFACE_FIELDS = ("network", "mac_address", "ip_address", "host", "pci", "vlan", "message")


class Followed(NamedTuple):
    """``vdu`` is the very same object where nothing changed."""

    vdu: Vdu
    changes: tuple[VduChange, ...] = ()
    manages_vnf: str | None = None
    """The VNF's management address, where an interface of this VDU gives it now."""
    conditions: frozenset[tuple[VduCondition, str]] = frozenset()
    """What is wrong now, with the port or ""."""


def follow(vdu: Vdu, server: SeenServer, ports: Mapping[str, SeenPort | None], *, at_us: int, adopts: bool) -> Followed:
    """The record after a listing that has the server.

    ``ports`` are by id. One of the record that is None there is gone for good; one that is missing there is as it was,
    on the server's host: nobody says anything else of it. With ``adopts``, ports of the server that the record does not
    know become interfaces of it.
    """
    if server.status == DELETED:
        return gone(vdu, at_us=at_us)
    known = vdu.interfaces
    if vdu.is_deleted:
        known = known or vdu.interfaces_backup
    interfaces = tuple([_followed(one, server, ports) for one in known])
    if adopts:
        interfaces = _with_found(interfaces, server, ports)
    after = Vdu(
        id=vdu.id,
        server=vdu.server,
        vim=vdu.vim,
        vdu=vdu.vdu,
        name=server.name,
        status=server.status,
        message=message_of(server.status, interfaces),
        host=server.host,
        ip_address=_managed(interfaces, ports, "manages_vdu") or vdu.ip_address,
        interfaces=interfaces,
        interfaces_backup=() if vdu.is_deleted else vdu.interfaces_backup,
        changed_us=vdu.changed_us,
    )
    manages_vnf = _managed(interfaces, ports, "manages_vnf")
    if after == vdu:
        return Followed(vdu, (), manages_vnf, conditions_of(vdu))
    after = replace(after, changed_us=at_us)
    return Followed(after, tuple(_changes(vdu, known, after, at_us)), manages_vnf, conditions_of(after))


def gone(vdu: Vdu, *, at_us: int) -> Followed:
    """The record of a server that was deleted, and not by its VNF's manager. It is reported once."""
    if vdu.is_deleted:
        return Followed(vdu, conditions=conditions_of(vdu))
    # An older one is of a better time, where something is wrong with what there is now.
    backup = vdu.interfaces_backup if vdu.message and vdu.interfaces_backup else vdu.interfaces
    after = replace(
        vdu,
        status=DELETED,
        message=DELETED_EXTERNALLY,
        interfaces=(),
        interfaces_backup=backup,
        changed_us=at_us,
    )
    change = VduChange(vdu=vdu.id, kind=ChangeKind.DELETED, before=vdu.status, after=DELETED, at_us=at_us)
    return Followed(after, (change,), None, conditions_of(after))


def conditions_of(vdu: Vdu) -> frozenset[tuple[VduCondition, str]]:
    """What of a record is an alarm's cause."""
    if vdu.is_deleted:
        return frozenset({(VduCondition.DELETED, "")})
    found = [(VduCondition.INTERFACE_GONE, one.port) for one in vdu.interfaces if is_gone(one)]
    if vdu.status == ERROR:
        found.append((VduCondition.ERROR, ""))
    return frozenset(found)


def message_of(status: str, interfaces: tuple[Interface, ...]) -> str:
    """All that is wrong: first the server, then its interfaces in the record's order."""
    found = [one.message for one in interfaces if one.message]
    if status not in FINE_SERVER:
        found.insert(0, f"VIM status reported {status}")
    return BETWEEN_MESSAGES.join(found)


def gone_message(port: str) -> str:
    return f"Interface {port} deleted externally."


def status_message(port: str, status: str) -> str:
    return f"Interface {port} status: {status}"


def is_gone(interface: Interface) -> bool:
    return bool(interface.message) and interface.message == gone_message(interface.port)


def _followed(interface: Interface, server: SeenServer, ports: Mapping[str, SeenPort | None]) -> Interface:
    port = ports.get(interface.port, UNSET)
    if port is UNSET:
        # Where the server is, is said all the same: Nova and Neutron may tell of a move in two listings.
        has_moved = interface.host != server.host and not interface.message
        return replace(interface, host=server.host) if has_moved else interface
    if port is None or port.server != server.id:
        message = gone_message(interface.port)
    elif port.status not in FINE_PORT:
        message = status_message(interface.port, port.status)
    else:
        return _updated(interface, server, port)
    return interface if interface.message == message else replace(interface, message=message)


def _updated(interface: Interface, server: SeenServer, port: SeenPort) -> Interface:
    after = Interface(
        port=interface.port,
        name=interface.name,
        network=port.network,
        mac_address=port.mac_address,
        ip_address=port.ip_address,
        host=server.host,
        pci=interface.pci if port.pci is UNSET else port.pci,
        vlan=interface.vlan if port.vlan is UNSET else port.vlan,
        manages_vdu=interface.manages_vdu,
        manages_vnf=interface.manages_vnf,
    )
    return interface if after == interface else after


def _with_found(
    known: tuple[Interface, ...], server: SeenServer, ports: Mapping[str, SeenPort | None]
) -> tuple[Interface, ...]:
    """With the server's ports that were not known, in the order of their ids: a listing has none of its own."""
    ids = {one.port for one in known}
    found = sorted(key for key, port in ports.items() if port and port.server == server.id and key not in ids)
    if not found:
        return known
    interfaces = list(known)
    for port_id in found:
        if len(interfaces) >= INTERFACES_MAX:
            oldest = next((one for one in interfaces if is_gone(one) and _was_found(one)), None)
            if oldest is None:
                break
            interfaces.remove(oldest)
        interfaces.append(_found(ports[port_id], server))
    return tuple(interfaces)


def _found(port: SeenPort | None, server: SeenServer) -> Interface:
    assert port is not None
    interface = _updated(Interface(port=port.id), server, port)
    # Nothing better is known of it: so its addresses are taken, whatever is wrong with it.
    return interface if port.status in FINE_PORT else replace(interface, message=status_message(port.id, port.status))


def _was_found(interface: Interface) -> bool:
    """By us: what a VNF's manager told us of has a name or a part to play."""
    return not (interface.name or interface.manages_vdu or interface.manages_vnf)


def _managed(interfaces: tuple[Interface, ...], ports: Mapping[str, SeenPort | None], part: str) -> str | None:
    """The address of the first healthy interface that plays the part; None where nobody can say."""
    for one in interfaces:
        if getattr(one, part) and not one.message and one.ip_address and ports.get(one.port):
            return one.ip_address
    return None


def _changes(before: Vdu, known: tuple[Interface, ...], after: Vdu, at_us: int) -> Iterator[VduChange]:
    """A line for each field that is another one, in the record's order."""

    def line(kind: ChangeKind, was: object, now: object, field: str = "", interface: str = "") -> VduChange:
        return VduChange(
            vdu=after.id, kind=kind, field=field, interface=interface, before=_text(was), after=_text(now), at_us=at_us
        )

    if before.is_deleted:
        yield line(ChangeKind.RETURNED, before.status, after.status)
    elif before.status != after.status:
        yield line(ChangeKind.STATUS, before.status, after.status)
    if before.message != after.message:
        yield line(ChangeKind.MESSAGE, before.message, after.message)
    if before.name != after.name:
        yield line(ChangeKind.NAME, before.name, after.name)
    if before.host != after.host:
        yield line(ChangeKind.HOST, before.host, after.host)
    if before.ip_address != after.ip_address:
        yield line(ChangeKind.ADDRESS, before.ip_address, after.ip_address, "ip_address")
    was = {one.port: one for one in known}
    for one in after.interfaces:
        old = was.pop(one.port, None)
        if old is None:
            yield line(ChangeKind.INTERFACE, "", one.port, "port", one.port)
        if old is None or old is one:
            continue
        for field in _INTERFACE_FIELDS:
            value, new = getattr(old, field), getattr(one, field)
            # A server's move is told once, not again for each of its interfaces.
            if value != new and not (field == "host" and (value, new) == (before.host, after.host)):
                yield line(ChangeKind.INTERFACE, value, new, field, one.port)
    for port in was:
        yield line(ChangeKind.INTERFACE, port, "", "port", port)


def _text(value: object) -> str:
    return "" if value is None else str(value)
