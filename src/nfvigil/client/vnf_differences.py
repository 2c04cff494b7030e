"""What became different of a VNF between two looks at it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nfvigil.client.vnf_shapes import Vnf, VnfComponent, VnfInterface

COMPONENT_FIELDS = ("server_id", "status", "message", "name", "vim", "host", "host_id", "ip_address")
INTERFACE_FIELDS = (
    *("name", "network", "mac_address", "ip_address", "host", "pci", "vlan"),
    *("manages_vdu", "manages_vnf", "message"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``component`` and ``interface`` are "" where it is about the whole; ``field`` is "" where it came or went."""

    component: str = ""
    interface: str = ""
    field: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        what = " ".join(
            filter(None, (self.component, f"interface {self.interface}" if self.interface else "", self.field))
        )
        if not self.field:
            return f"{what} {'is gone' if self.before else 'is new'}"
        return f"{what}: {self.before or '-'} -> {self.after or '-'}"


def differences(before: Vnf, after: Vnf) -> tuple[Difference, ...]:
    """Those of what it is, and of what was said of it. How old what is known is, is none."""
    found = [
        Difference(field=name, before=was, after=now)
        for name, was, now in (
            ("name", before.name, after.name),
            ("ip_address", before.record.ip_address, after.record.ip_address),
        )
        if was != now
    ]
    old = {one.id: one for one in before.record.components}
    for one in after.record.components:
        known = old.pop(one.id, None)
        if known is None:
            found.append(Difference(component=one.id, after=one.server_id or one.id))
            known = VnfComponent(id=one.id, server_id=one.server_id)
        found += _of_component(known, one)
    found += [Difference(component=one.id, before=one.server_id or one.id) for one in old.values()]
    return tuple(found)


def _of_component(before: VnfComponent, after: VnfComponent) -> Iterator[Difference]:
    for name in COMPONENT_FIELDS:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Difference(component=after.id, field=name, before=was, after=now)
    old = {one.port: one for one in before.interfaces}
    for one in after.interfaces:
        known = old.pop(one.port, None)
        if known is None:
            yield Difference(component=after.id, interface=one.port, after=one.port)
        else:
            yield from _of_interface(after.id, known, one)
    for gone in old.values():
        yield Difference(component=after.id, interface=gone.port, before=gone.port)


def _of_interface(component: str, before: VnfInterface, after: VnfInterface) -> Iterator[Difference]:
    for name in INTERFACE_FIELDS:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Difference(component=component, interface=after.port, field=name, before=_text(was), after=_text(now))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
