"""A notification of the cloud's own bus as an event with traits, the way Ceilometer makes it for Aodh.

Pure. What is not text, a number or a truth makes no trait, and what a project may not know is kept apart: by the name
of the trait, and by its value where that speaks of the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack.envelope import BODY_MAX
from nfvigil.model.event_alarm import CloudEvent, Trait
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Kind, key_of
from nfvigil.model.times import SECOND

TRAITS_MAX = 128
TEXT_MAX = 1024
"""Longer texts make no trait."""

_PROJECT = ("tenant_id", "project_id")
_MOMENT = re.compile(r"(_at|_beginning|_ending|_timestamp)\Z")
_PHYSICAL = re.compile(r"host|node|hypervisor|compute|agent|publisher|pci|segment|rack|cell|physical|vif|profile")
_INITIATOR = re.compile(r"action_initiator_|_context_")
"""Whoever had it done, which may be the operator."""
_INNOCENT = frozenset({"hostname", "host_name", "host_status"})
"""A server's own name, which its owner gave it."""
_NAME_MIN = 3
"""Shorter names of hosts are not looked for in values: too much contains them."""
_INNER = ("nova_object.data", "port", "network", "volume", "subnet", "router", "floatingip")
"""Where a payload keeps what it is about."""
_IDS = {"compute.instance": ("instance_id", Kind.SERVER), "instance": ("uuid", Kind.SERVER)}


class _Whole(msgspec.Struct, frozen=True, gc=False):
    inner: str | msgspec.UnsetType = msgspec.field(name="oslo.message", default=msgspec.UNSET)
    message_id: str | None = None
    unique_id: str | None = msgspec.field(name="_unique_id", default=None)
    publisher_id: str | None = None
    event_type: str = ""
    timestamp: str | None = None
    request_id: str | None = msgspec.field(name="_context_request_id", default=None)
    project_id: str | None = msgspec.field(name="_context_project_id", default=None)
    user_id: str | None = msgspec.field(name="_context_user_id", default=None)
    payload: Any = None


_DECODER = msgspec.json.Decoder(_Whole)


def event_of(body: bytes) -> CloudEvent | None:
    """None where it cannot be read, or names no type."""
    if len(body) > BODY_MAX:
        return None
    try:
        message = _DECODER.decode(body)
        if not isinstance(message.inner, msgspec.UnsetType):
            message = _DECODER.decode(message.inner)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not message.event_type or not isinstance(message.payload, dict):
        return None
    return _event(message, _flat(message.payload))


def _event(message: _Whole, values: dict[str, Any]) -> CloudEvent:
    publisher = message.publisher_id or ""
    # Not that of the request: who asks for a change, such as an administrator, is not whose it is.
    owner = next((str(values[name]) for name in _PROJECT if values.get(name)), "")
    service, _, where = publisher.replace(":", ".", 1).partition(".")
    common = {
        "service": service,
        "request_id": message.request_id,
        "project_id": owner,
        "tenant_id": owner,
        "user_id": message.user_id if owner and message.project_id == owner else "",
    }
    traits = {name: value for name, value in common.items() if value} | values
    resource = _named(message.event_type, values)
    if resource:
        traits.setdefault("instance_id", resource[1])
        traits.setdefault("resource_id", resource[1])
    elif "id" in values:
        traits.setdefault("resource_id", values["id"])
    whole = list(_traits(traits))[:TRAITS_MAX]
    shown, physical = _parted(whole, where)
    at_us = _us(message.timestamp)
    return CloudEvent(
        message_id=message.message_id or message.unique_id or stable_id("told", publisher, at_us, message.event_type),
        event_type=message.event_type,
        generated_us=at_us,
        project=owner,
        traits=tuple(shown),
        physical=tuple(physical),
        resource=key_of(*resource) if resource else "",
        is_well=bool(resource) and str(values.get("state", "")).lower() == "active",
        # Whatever name it goes by: the cloud's own services number requests and messages apart.
        nfvigil=publisher if message.message_id and message.request_id == f"req-{message.message_id}" else "",
    )


def _flat(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload's own values, and those of the one thing that it is about."""
    found = {name: value for name, value in payload.items() if _is_plain(value) and not name.startswith("nova_object.")}
    for name in _INNER:
        inner = payload.get(name)
        if isinstance(inner, dict):
            found |= {key: value for key, value in inner.items() if _is_plain(value)}
    return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not (isinstance(value, str) and len(value) > TEXT_MAX)


def _named(event_type: str, values: dict[str, Any]) -> tuple[Kind, str] | None:
    for start, (name, kind) in _IDS.items():
        if event_type.startswith(f"{start}.") and isinstance(values.get(name), str):
            return kind, str(values[name])
    return None


def _traits(values: dict[str, Any]) -> Iterator[Trait]:
    for name, value in values.items():
        if isinstance(value, bool):
            yield name, 1, str(value)
        elif isinstance(value, int):
            yield name, 2, value
        elif isinstance(value, float):
            yield name, 3, value
        elif _MOMENT.search(name):
            moment = _moment(value)
            if moment is not None:
                yield name, 4, moment.isoformat()
        else:
            yield name, 1, value


def _parted(traits: list[Trait], where: str) -> tuple[list[Trait], list[Trait]]:
    """What the project may know, and what only administrators may."""
    named = {str(value) for name, _, value in traits if isinstance(value, str) and _is_physical(name)} | {where}
    hosts = [name for name in named if len(name) >= _NAME_MIN]
    shown: list[Trait] = []
    physical: list[Trait] = []
    for trait in traits:
        name, _, value = trait
        tells = isinstance(value, str) and any(host in value for host in hosts)
        (physical if _is_physical(name) or tells else shown).append(trait)
    return shown, physical


def _is_physical(name: str) -> bool:
    return name not in _INNOCENT and (_PHYSICAL.search(name) or _INITIATOR.match(name)) is not None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _us(timestamp: str | None) -> int:
    moment = _moment(timestamp or "")
    if moment is None:
        return 0
    whole = moment.replace(tzinfo=UTC)
    return int(whole.timestamp()) * SECOND + whole.microsecond
