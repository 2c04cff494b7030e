"""What a VNF record reads in the cloud's own words on a server and on a port: Nova's and Neutron's JSON.

What must be there is an id and a status; all else is taken where it makes sense, and left empty where it does not: a
cloud that says something odd of one port is still believed on the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml
from msgspec import UNSET, Raw, UnsetType

from nfvigil.errors import FieldError, RefusedError

ID_MAX = 255
TEXT_MAX = 255
STATUS_MAX = 64
ADDRESS_MAX = 64
ADDRESSES_MAX = 64
"""Of one port."""
VLAN_MAX = 0xFFFFFF
"""Whatever a cloud calls one: a VXLAN's number has 24 bits."""
WORDS_MAX = 256 * 1024
"""Bytes that are kept of one server or port."""
SECRET_KEYS = ("user_data", "OS-EXT-SRV-ATTR:user_data")
YAML_WIDTH = 256
DEPTH_MAX = 32
"""Of what is written as YAML: each level indents all that is in it."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class SeenServer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    id: str
    status: str
    name: str = ""
    host: str = ""
    """"" where it is on none, or only administrators are told."""


class SeenPort(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Of what Neutron tells administrators only, UNSET says that we were not told."""

    id: str
    status: str
    server: str = ""
    """Neutron's ``device_id``."""
    network: str = ""
    mac_address: str = ""
    addresses: tuple[str, ...] = ()
    host: str | UnsetType = UNSET
    pci: str | UnsetType = UNSET
    """"" where the port has a binding profile without one."""
    vlan: int | UnsetType | None = UNSET
    """None where the port has VIF details without one."""

    @property
    def ip_address(self) -> str:
        return ";".join(self.addresses)


class _Server(msgspec.Struct, gc=False):
    id: Any = None
    status: Any = None
    name: Any = None
    host: Any = msgspec.field(name="OS-EXT-SRV-ATTR:host", default=None)


class _Port(msgspec.Struct):
    id: Any = None
    status: Any = None
    device_id: Any = None
    network_id: Any = None
    mac_address: Any = None
    fixed_ips: Any = None
    host: Any = msgspec.field(name="binding:host_id", default=UNSET)
    profile: Any = msgspec.field(name="binding:profile", default=None)
    vif_details: Any = msgspec.field(name="binding:vif_details", default=None)


_server = msgspec.json.Decoder(_Server)
_port = msgspec.json.Decoder(_Port)
_fields = msgspec.json.Decoder(dict[str, Raw])
_anything = msgspec.json.Decoder()


def seen_server(body: bytes) -> SeenServer:
    """RefusedError where it is no server, or what must be there is not."""
    given = _decoded(_server, body, "server")
    return SeenServer(
        id=_id(given.id, "server"),
        status=_status(given.status, "server"),
        name=cleaned(given.name, TEXT_MAX),
        host=cleaned(given.host, TEXT_MAX),
    )


def seen_port(body: bytes) -> SeenPort:
    """RefusedError where it is no port, or what must be there is not."""
    given = _decoded(_port, body, "port")
    profile, details = given.profile, given.vif_details
    return SeenPort(
        id=_id(given.id, "port"),
        status=_status(given.status, "port"),
        server=cleaned(given.device_id, ID_MAX),
        network=cleaned(given.network_id, ID_MAX),
        mac_address=cleaned(given.mac_address, ADDRESS_MAX),
        addresses=tuple(_addresses(given.fixed_ips)),
        host=UNSET if given.host is UNSET else cleaned(given.host, TEXT_MAX),
        pci=cleaned(profile.get("pci_slot"), ADDRESS_MAX) if isinstance(profile, dict) else UNSET,
        # An unbound port has empty details: they say nothing of a VLAN, as if there were none.
        vlan=vlan_of(details.get("vlan")) if isinstance(details, dict) and details else UNSET,
    )


def without_user_data(body: bytes) -> bytes:
    """The words as they are kept: without what may hold secrets, and at most ``WORDS_MAX`` bytes of them.

    Fields are kept in the cloud's order; one that does not fit any more is left out.
    """
    kept: dict[str, Raw] = {}
    size = 2
    for name, value in _decoded(_fields, body, "resource").items():
        if name in SECRET_KEYS:
            continue
        # Escaped, a character of a name may take six bytes.
        size_with = size + 6 * len(name) + len(memoryview(value)) + 4
        if size_with <= WORDS_MAX:
            kept[name] = value
            size = size_with
    return msgspec.json.encode(kept)


def text_of(body: bytes) -> str:
    """The words as YAML in flow style, for people and for OSM (``vim_details``, ``vim_info``); without user data.

    What is too deep for that stays the JSON that it is, which is flow style too; what is no JSON object says nothing.
    """
    try:
        kept = without_user_data(body)
    except RefusedError:
        return ""
    try:
        words = _anything.decode(kept)
    except msgspec.DecodeError:  # a number beyond all bounds
        return kept.decode()
    if _is_deep(words):
        return kept.decode()
    text: str = yaml.dump(words, Dumper=_Dumper, default_flow_style=True, width=YAML_WIDTH)
    return text


def _is_deep(words: Any) -> bool:
    level = [words]
    for _ in range(DEPTH_MAX):
        lists = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        if not lists:
            return False
        level = [one for some in lists for one in some]
    return True


def cleaned(given: Any, length_max: int) -> str:
    """A text that any database and terminal takes; "" for what is none."""
    if given.__class__ is not str:
        return ""
    text: str = given if len(given) <= length_max else given[:length_max]
    return text if text.isprintable() else _UNPRINTABLE.sub("\ufffd", text)


def vlan_of(given: Any) -> int | None:
    """Neutron's drivers say it as a number or as text; None for what is none."""
    if given.__class__ is str and given.isascii() and given.isdigit() and len(given) <= 8:
        given = int(given)
    return given if given.__class__ is int and 0 <= given <= VLAN_MAX else None


def _addresses(given: Any) -> Iterator[str]:
    """In the port's order. What is no address is not there."""
    if isinstance(given, list):
        for one in given[:ADDRESSES_MAX]:
            if isinstance(one, dict) and (address := cleaned(one.get("ip_address"), ADDRESS_MAX)):
                yield address


def _id(given: Any, what: str) -> str:
    """Never cut or cleaned: it would be another one's."""
    if given.__class__ is not str or not 0 < len(given) <= ID_MAX or not given.isprintable():
        raise RefusedError(f"the cloud's words on a {what} cannot be read", [FieldError("id", "is none")])
    text: str = given
    return text


def _status(given: Any, what: str) -> str:
    if status := cleaned(given, STATUS_MAX):
        return status
    raise RefusedError(f"the cloud's words on a {what} cannot be read", [FieldError("status", "is none")])


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes, what: str) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(
            f"the cloud's words on a {what} cannot be read", [FieldError("", str(error)[:200])]
        ) from error
