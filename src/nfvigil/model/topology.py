"""What the cloud does not know of its own hardware: devices, what depends on what, and other names for hosts."""

from __future__ import annotations

import msgspec

from nfvigil.model.resource import Device


class Topology(msgspec.Struct, frozen=True):
    """The static topology, as read from its file.

    A link ``(a, b)`` of resource keys says that b depends on a: switch to host, PDU to rack or host, rack to
    host, NIC to host, switch to the switch below it. ``aliases`` leads from another name of a host to its
    canonical one.
    """

    devices: tuple[Device, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    aliases: dict[str, str] = {}
