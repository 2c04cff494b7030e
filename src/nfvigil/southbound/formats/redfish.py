"""Redfish events, as a BMC posts them to a subscriber: one message with several records.

    {"@odata.type": "#Event.v1_7_0.Event", "Context": "host/compute-1", "Events": [{"MessageId":
      "Power.1.0.PowerSupplyFailed", "EventTimestamp": "...", "OriginOfCondition": {"@odata.id": "/redfish/v1/..."}}]}

A record does not say which machine it is about. That is, in this order: the host in the door's address, the ``Context``
of the subscription, the address that the BMC calls from, which is a name of the host if the topology says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from nfvigil.model.raw import Ignored, Item, RawEvent, Refusal
from nfvigil.model.severity import Severity
from nfvigil.southbound.formats.foreign import (
    TypeWord,
    as_object,
    document,
    host_named,
    kept,
    many,
    moment,
    options_of,
    short,
    text,
    type_word,
)
from nfvigil.southbound.formats.redfish_messages import Condition, meaning_of

SEVERITIES = {"critical": Severity.CRITICAL, "warning": Severity.WARNING, "ok": Severity.CLEARED}
"""Of messages that no table knows. Some BMCs write Informational and the like: that is no fault."""


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a maker's own message means."""

    type: TypeWord
    status: Literal["down", "up", "unknown"] = "down"


class RedfishOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[formats.redfish]``."""

    context_names_host: bool = True
    """Whether the ``Context`` of subscriptions is the name of a host; ``host/<name>`` always is."""
    types: dict[str, TypeWord] = {}
    """Condition to event type, instead of ours: ``link = "compute.host.nic.error"``."""
    messages: dict[str, Message] = {}
    """A maker's own messages, by id as it comes or by its key (``PSU0001``): ``{type = "...", status = "down"}``."""


class RedfishFormat:
    """Plugin ``redfish``."""

    name = "redfish"

    def __init__(self, **options: Any) -> None:
        self.options = options_of(options, RedfishOptions)

    def decode(self, body: bytes) -> Sequence[Item]:
        return self.decode_of(body)

    def decode_of(self, body: bytes, *, host: str = "", address: str = "") -> list[Item]:
        """``host`` is what the door's address names, ``address`` where the message came from."""
        message = as_object(document(body), "a Redfish event")
        host = host or self._host(text(message.get("Context"))) or address
        items: list[Item] = []
        for index, record in enumerate(many(message.get("Events"), "Events")):
            path = f"Events[{index}]"
            if not isinstance(record, dict):
                items.append(Refusal(errors=((path, "must be an object"),)))
                continue
            own = self._host(text(record.get("Context")))
            items += self._read(path, record, host or own)
        return items

    def _host(self, context: str) -> str:
        for prefix in ("host/", "nfvigil:"):
            if context.startswith(prefix):
                return context.removeprefix(prefix)
        return context if self.options.context_names_host else ""

    def _read(self, path: str, record: dict[str, Any], host: str) -> list[Item]:
        message_id = text(record.get("MessageId"))
        errors: list[tuple[str, str]] = []
        if not message_id:
            errors.append((f"{path}.MessageId", "is missing: it says what has happened"))
        if not host:
            errors.append(("Context", "is missing: name the host here, or in the address that the BMC posts to"))
        if errors:
            return [Refusal(errors=tuple(errors))]
        key = message_id.rpartition(".")[2]
        severity = SEVERITIES.get(text(record.get("MessageSeverity") or record.get("Severity")).lower())
        own = self.options.messages.get(message_id) or self.options.messages.get(key)
        if own is not None:
            return [self._event(path, record, host, Condition(own.type, own.type, ()), own.status, None)]
        begins, ends = meaning_of(key)
        found = [self._event(path, record, host, one, "up", None) for one in ends]
        if begins is not None:
            # The fault type's own severity where the catalogue has it, the BMC's where it is only the BMC's word.
            worth = severity if begins.type.startswith("redfish.") and severity is not Severity.CLEARED else None
            found.append(self._event(path, record, host, begins, "down", worth))
        if found:
            return [*found]
        if severity in (None, Severity.CLEARED):
            return [Ignored(path=path, reason=f"{short(message_id, 200)} is no fault, and ends none that is known")]
        condition = Condition(key, f"redfish.{type_word(key)}", ())
        return [self._event(path, record, host, condition, "down", severity)]

    def _event(
        self, path: str, record: dict[str, Any], host: str, condition: Condition, status: str, severity: Severity | None
    ) -> RawEvent:
        origin = record.get("OriginOfCondition")
        place = text(origin.get("@odata.id")) if isinstance(origin, dict) else text(origin)
        arguments = record.get("MessageArgs")
        if not place and isinstance(arguments, list) and arguments:
            place = text(arguments[0])
        event_id = text(record.get("EventId"))
        time = text(record.get("EventTimestamp"))
        return RawEvent(
            path=path,
            type=self.options.types.get(condition.name, condition.type),
            time=moment(time),
            resource=host_named(host),
            status=status,
            severity=severity,
            source="redfish",
            cause=short(text(record.get("Message")) or text(record.get("MessageId"))),
            monitor=short(f"redfish/{condition.name}/{place}"),
            # Some BMCs count their events from 1 after each start.
            monitor_event_id=short(f"{event_id}/{time}", 200) if event_id else None,
            details={"record": kept(record)},
        )
