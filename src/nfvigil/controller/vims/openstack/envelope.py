"""Reads one message of OpenStack's notification bus: which resources it is about, or why it cannot be read.

Pure. Whoever may write to the bus may write anything, so only names are taken from it, and only those that cannot
become something else in the path of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from nfvigil.controller.vims.openstack.hints import Hint
from nfvigil.model.resource import Kind

BODY_MAX = 1 << 20
HINTS_MAX = 256
"""Resources named by one notification. One that names more asks for a snapshot instead."""


class Unreadable(StrEnum):
    """Why a message was dropped."""

    TOO_LARGE = "larger than 1 MiB"
    NOT_JSON = "not JSON"
    MALFORMED = "not a notification"
    ENVELOPE = "unknown version of the envelope"
    PAYLOAD = "the payload is not as known"
    NEWER = "a newer major version of the payload"


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """``needs_snapshot`` says that something became different that is not named, or too much to name."""

    id: str
    """The sender's unique id, or "" if it gave none."""
    event_type: str
    publisher: str
    hints: tuple[Hint, ...] = ()
    needs_snapshot: bool = False


def decode(body: bytes) -> Notification | Unreadable:
    """Both wire forms: in oslo's envelope (``messagingv2``, JSON in JSON) and bare (``messaging``)."""
    if len(body) > BODY_MAX:
        return Unreadable.TOO_LARGE
    try:
        message = _MESSAGE.decode(body)
        if not isinstance(message.inner, msgspec.UnsetType):
            if message.version.split(".")[0] != "2":
                return Unreadable.ENVELOPE
            message = _MESSAGE.decode(message.inner)
    except msgspec.ValidationError:
        return Unreadable.MALFORMED
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable.NOT_JSON
    if not message.event_type:
        return Unreadable.MALFORMED
    try:
        told = _read(message)
    except _NewerError:
        return Unreadable.NEWER
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable.PAYLOAD
    hints = tuple(dict.fromkeys(told or ()))
    too_many = len(hints) > HINTS_MAX
    return Notification(
        id=message.unique_id or message.message_id or "",
        event_type=message.event_type,
        publisher=message.publisher_id or "",
        hints=() if too_many else hints,
        needs_snapshot=too_many or told is None,
    )


_Id = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z_-]{1,64}\Z")]
_HostName = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z_-][0-9A-Za-z._-]{0,254}\Z")]
_Word = Annotated[str, Meta(max_length=255)]


class _Message(msgspec.Struct, frozen=True, gc=False):
    """The envelope or what is in it. Bounded texts: the ids are remembered."""

    version: _Word = msgspec.field(name="oslo.version", default="")
    inner: str | msgspec.UnsetType = msgspec.field(name="oslo.message", default=msgspec.UNSET)
    unique_id: _Word | None = msgspec.field(name="_unique_id", default=None)
    message_id: _Word | None = None
    publisher_id: _Word | None = None
    event_type: _Word = ""
    payload: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))


class _Versioned(msgspec.Struct, frozen=True, gc=False):
    name: str = msgspec.field(name="nova_object.name")
    version: Annotated[str, Meta(pattern=r"\A[0-9]{1,4}\.[0-9]{1,4}\Z")] = msgspec.field(name="nova_object.version")
    data: msgspec.Raw = msgspec.field(name="nova_object.data")


class _Instance(msgspec.Struct, frozen=True, gc=False):
    uuid: _Id


class _Task(msgspec.Struct, frozen=True, gc=False):
    instance_uuid: _Id


class _LegacyInstance(msgspec.Struct, frozen=True, gc=False):
    instance_id: _Id


class _Service(msgspec.Struct, frozen=True, gc=False):
    host: _HostName
    binary: str


class _Aggregate(msgspec.Struct, frozen=True, gc=False):
    hosts: list[_HostName] | None = None


class _LegacyAggregate(msgspec.Struct, frozen=True, gc=False):
    host_name: _HostName


class _One(msgspec.Struct, frozen=True, gc=False):
    id: _Id


class _Ports(msgspec.Struct, frozen=True, gc=False):
    """One, several (created in bulk), or the id of one that is gone."""

    port: _One | None = None
    ports: list[_One] = []
    port_id: _Id | None = None


class _Networks(msgspec.Struct, frozen=True, gc=False):
    network: _One | None = None
    networks: list[_One] = []
    network_id: _Id | None = None


class _Volume(msgspec.Struct, frozen=True, gc=False):
    volume_id: _Id


_MESSAGE = msgspec.json.Decoder(_Message)
_VERSIONED = msgspec.json.Decoder(_Versioned)
_INSTANCE = msgspec.json.Decoder(_Instance)
_TASK = msgspec.json.Decoder(_Task)
_LEGACY_INSTANCE = msgspec.json.Decoder(_LegacyInstance)
_SERVICE = msgspec.json.Decoder(_Service)
_AGGREGATE = msgspec.json.Decoder(_Aggregate)
_LEGACY_AGGREGATE = msgspec.json.Decoder(_LegacyAggregate)
_PORTS = msgspec.json.Decoder(_Ports)
_NETWORKS = msgspec.json.Decoder(_Networks)
_VOLUME = msgspec.json.Decoder(_Volume)

_MAJORS = {"InstanceUpdatePayload": 2, "InstanceExistsPayload": 2}
"""The newest major version of a payload that is known here; 1 for all others."""

_STARTS = frozenset(
    {
        *("create", "reboot", "rebuild", "resize", "resize_prep", "resize_finish", "resize_revert"),
        *("live_migration_pre", "resize.prep", "finish_resize", "resize.revert", "live_migration.pre"),
    }
)
"""What a server's status shows from its start on (BUILD, REBOOT, REBUILD, RESIZE, REVERT_RESIZE, MIGRATING): Nova
has set the task state by then. All others only announce what is not so yet; looking would find the old state."""


class _NewerError(Exception):
    """The payload has a newer major version than is known."""


_Told = Iterable[Hint] | None
"""None where something became different that is not named."""


def _read(message: _Message) -> _Told:
    part, _, rest = message.event_type.partition(".")
    reader = _READERS.get(part)
    return reader(rest, message) if reader else ()


def _instance(event: str, message: _Message) -> _Told:
    """Nova's ``instance.*``."""
    if not _is_server_news(event):
        return ()
    return (Hint(kind=Kind.SERVER, id=_INSTANCE.decode(_data(message)).uuid),)


def _compute(event: str, message: _Message) -> _Told:
    """``compute.instance.*`` as Nova used to tell it, and ``compute.exception``: a host on which a call failed."""
    if event == "exception":
        return _publisher(message)
    kind, _, rest = event.partition(".")
    if kind != "instance" or not _is_server_news(rest):
        return ()
    return (Hint(kind=Kind.SERVER, id=_LEGACY_INSTANCE.decode(message.payload).instance_id),)


def _is_server_news(event: str) -> bool:
    if event.endswith(".start"):
        return event.removesuffix(".start") in _STARTS
    return event not in ("", "exists")  # the audit's list of what there was tells nothing new


def _compute_task(event: str, message: _Message) -> _Told:
    """The conductor gave up: the server is in error, and no compute host says so."""
    if event.endswith(".error"):  # the older form has no such ending
        return (Hint(kind=Kind.SERVER, id=_TASK.decode(_data(message)).instance_uuid),)
    return (Hint(kind=Kind.SERVER, id=_LEGACY_INSTANCE.decode(message.payload).instance_id),)


def _service(_: str, message: _Message) -> _Told:
    service = _SERVICE.decode(_data(message))
    return (Hint(kind=Kind.HOST, id=service.host),) if service.binary == "nova-compute" else ()


def _libvirt(event: str, message: _Message) -> _Told:
    return _publisher(message) if event == "connect.error" else ()


def _aggregate(event: str, message: _Message) -> _Told:
    action, _, phase = event.rpartition(".")
    if phase != "end":
        return ()
    if action in ("addhost", "removehost"):
        return (Hint(kind=Kind.HOST, id=_LEGACY_AGGREGATE.decode(message.payload).host_name),)
    if action in ("updateprop", "updatemetadata", "remove_host"):
        return None  # these do not name the hosts; of remove_host's list the host is gone already
    if action not in ("add_host", "update_prop", "update_metadata"):
        return ()
    hosts = _AGGREGATE.decode(_data(message)).hosts or ()
    return [Hint(kind=Kind.HOST, id=host) for host in hosts]


def _port(event: str, message: _Message) -> _Told:
    if not event.endswith(".end"):
        return ()  # the start comes before the database is written
    ports = _PORTS.decode(message.payload)
    return _named(Kind.PORT, ports.port, ports.ports, ports.port_id)


def _network(event: str, message: _Message) -> _Told:
    if not event.endswith(".end"):
        return ()
    networks = _NETWORKS.decode(message.payload)
    return _named(Kind.NETWORK, networks.network, networks.networks, networks.network_id)


def _named(kind: Kind, one: _One | None, several: Iterable[_One], gone: str | None) -> _Told:
    ids = [each.id for each in several]
    ids += [one.id] if one else []
    ids += [gone] if gone else []
    if not ids:
        raise msgspec.ValidationError("it names none")
    return [Hint(kind=kind, id=each) for each in ids]


def _volume(event: str, message: _Message) -> _Told:
    """Cinder. Its API sets the new status before the volume service starts, so starts are news as well."""
    if event in ("", "exists", "usage", "update.start"):
        return ()
    return (Hint(kind=Kind.VOLUME, id=_VOLUME.decode(message.payload).volume_id),)


_READERS: dict[str, Callable[[str, _Message], _Told]] = {
    "instance": _instance,
    "compute": _compute,
    "compute_task": _compute_task,
    "service": _service,
    "libvirt": _libvirt,
    "aggregate": _aggregate,
    "port": _port,
    "network": _network,
    "volume": _volume,
}
"""By the first word of the event's type; all other events are of no interest."""


def _publisher(message: _Message) -> _Told:
    """The host whose nova-compute says it, if one does."""
    binary, _, host = (message.publisher_id or "").partition(":")
    if binary != "nova-compute":
        return ()
    _check_major(message)
    return (Hint(kind=Kind.HOST, id=msgspec.convert(host, _HostName)),)


def _data(message: _Message) -> msgspec.Raw:
    return _check_major(message).data


def _check_major(message: _Message) -> _Versioned:
    """A newer minor version only adds fields; of a newer major one nobody knows what its fields mean."""
    payload = _VERSIONED.decode(message.payload)
    if int(payload.version.partition(".")[0]) > _MAJORS.get(payload.name, 1):
        raise _NewerError
    return payload
