"""The event doors as the description of the API tells of them: they are plain routes that FastAPI does not know.

The doors take more spellings than this: what monitors need to know is here, and what they may send is larger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nfvigil.model.event import Flag, ReceiptState, Status
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity
from nfvigil.northbound.guarded import ANY_PROBLEM, OF_A_BODY, problems
from nfvigil.northbound.problems import MEDIA_TYPE

EVENTS_MAX = 1000
_WORD = {"type": "string", "maxLength": 255, "pattern": "^[\\x20-\\x7E]*$"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7E]+$"}
_TIME = {"type": "string", "format": "date-time"}
_LEAD = {"type": "number", "minimum": 0, "maximum": 315_360_000}
_RELATED = {"type": "array", "items": _WORD, "maxItems": 100}
_TYPE = {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}$", "example": "compute.host.down"}
_STATUS = {"enum": [*Status]}
_SEVERITY = {"enum": [*Severity]}

_DETAILS: dict[str, Any] = {
    "type": "object",
    "description": "Doctor's words, and anything else that the monitor knows.",
    "properties": {
        "hostname": _NAME | {"example": "compute-1"},
        "status": _STATUS,
        "severity": _SEVERITY,
        "source": _WORD,
        "cause": _WORD,
        "monitor": _WORD,
        "monitor_id": _WORD,
        "monitor_event_id": _WORD,
        "related_to": _RELATED,
        "relatedto": _RELATED,
        "lead_time_seconds": _LEAD,
        "happened_time": _TIME,
    },
    "propertyNames": {"pattern": "^[a-z][a-z_]{0,63}$"},
    "maxProperties": 50,
    "additionalProperties": {
        "anyOf": [_WORD, {"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 10**9}]
    },
}

_OWN: dict[str, Any] = {
    "type": "object",
    "description": "One observation. It names its resource in `resource`, or a host in `details.hostname`.",
    "required": ["type", "resource"],
    "additionalProperties": False,
    "properties": {
        "type": _TYPE,
        "resource": {
            "type": "string",
            "pattern": f"^({'|'.join(Kind)})/[\\x21-\\x7E]{{1,255}}$",
            "example": "host/compute-1",
        },
        "time": _TIME | {"description": "When it was observed; the time of receipt if left out."},
        "status": _STATUS | {"default": "down"},
        "severity": _SEVERITY,
        "source": _WORD,
        "cause": _WORD,
        "monitor": _WORD,
        "monitor_event_id": _WORD | {"description": "By it, repeats are known."},
        "related_to": _RELATED,
        "lead_time_seconds": _LEAD | {"description": "It has not happened yet: it is expected in so many seconds."},
        "happened_time": _TIME,
        "details": _DETAILS,
    },
}

_DOCTOR: dict[str, Any] = {
    "type": "object",
    "description": "Doctor's EventNotification.",
    "required": ["type", "details"],
    "additionalProperties": False,
    "properties": {
        "time": _TIME,
        "type": _TYPE,
        "details": _DETAILS | {"required": ["hostname"]},
    },
}

_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["state"],
    "properties": {
        "state": {"enum": [*ReceiptState]},
        "id": {"type": "string"},
        "flags": {"type": "array", "items": {"enum": [*Flag]}},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Flaw"}},
    },
}

_MAINTENANCE: dict[str, Any] = {
    "type": "object",
    "description": "Aodh's alarm about `maintenance.host`: the traits `host` and `state` count.",
    "required": ["reason_data"],
    "properties": {
        "reason_data": {
            "type": "object",
            "required": ["event"],
            "properties": {
                "event": {
                    "type": "object",
                    "required": ["traits"],
                    "properties": {
                        "traits": {
                            "type": "array",
                            "example": [["host", 1, "compute-1"], ["state", 1, "IN_MAINTENANCE"]],
                            "items": {"type": "array", "minItems": 3, "maxItems": 3},
                        }
                    },
                }
            },
        }
    },
}

_REDFISH: dict[str, Any] = {
    "type": "object",
    "description": "An Event of Redfish.",
    "required": ["Events"],
    "properties": {
        "Context": {"type": "string"},
        "Events": {"type": "array", "maxItems": EVENTS_MAX, "items": {"type": "object", "required": ["MessageId"]}},
    },
}


_REFUSED: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457), with a receipt for every event of the message where it could be read.",
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Flaw"}},
        "events": {"type": "array", "items": _RECEIPT},
    },
}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(name: str) -> dict[str, Any]:
    """One, a list, or the wrappings of either."""
    several = {"type": "array", "items": _ref(name), "minItems": 1, "maxItems": EVENTS_MAX}
    return {
        "anyOf": [
            _ref(name),
            several,
            _wrapped("event", _ref(name)),
            _wrapped("events", several),
        ]
    }


def _wrapped(word: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [word], "properties": {word: schema}, "additionalProperties": False}


def _operation(name: str, text: str, body: dict[str, Any], good: Mapping[Any, Any], **more: Any) -> dict[str, Any]:
    errors = problems(400, 401, 403, 503) | OF_A_BODY | ANY_PROBLEM
    errors[400] = {
        "description": "Some or all of it was refused; `errors` says what.",
        "content": {MEDIA_TYPE: {"schema": _ref("RefusedEvents")}},
    }
    return {
        "tags": ["events"],
        "operationId": name,
        "summary": text.partition(".")[0],
        "description": text,
        "security": [{"token": []}, {"bearer": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {str(status): answer for status, answer in {**good, **errors}.items()},
    } | more


def event_paths() -> dict[str, Any]:
    """``paths`` and ``components`` for ``create_api(extra_paths=...)``."""
    receipts = {"application/json": {"schema": _ref("Receipts")}}
    each = {
        "200": {"description": "All events were taken in.", "content": receipts},
        "207": {"description": "Some were refused; their receipts say why.", "content": receipts},
    }
    plain = {"200": {"description": "They were taken in.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    empty = {
        "200": {"description": "It was taken in.", "content": {"application/json": {"schema": {"type": "object"}}}}
    }
    doctor = "Doctor's inspector: events as its monitors send them. What was answered with 200 is durable."
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "paths": {
            "/v1/events": {
                "post": _operation(
                    "send_events",
                    "Send events in our own form. What was answered with 2xx is durable; there is a receipt an event.",
                    _many("Event"),
                    each,
                )
            },
            "/v1/formats/{name}/events": {
                "post": _operation(
                    "send_events_in_a_format",
                    "Send events in the form of an installed format.",
                    {},
                    each | problems(404),
                    parameters=[name],
                )
            },
            "/v1/redfish/{host}/events": {
                "post": _operation(
                    "send_redfish_events",
                    "Send Redfish events of this host's BMC. There is a receipt a record.",
                    _REDFISH,
                    each | problems(404),
                    parameters=[name | {"name": "host"}],
                )
            },
            "/events": {
                "put": _operation("put_doctor_events", doctor, _many("DoctorEvent"), plain),
                "post": _operation("post_doctor_events", doctor, _many("DoctorEvent"), plain),
            },
            "/v1/event": {
                "post": _operation("send_vitrage_event", "Vitrage's event API. One event.", _ref("DoctorEvent"), empty)
            },
            "/maintenance": {
                "post": _operation(
                    "tell_of_maintenance",
                    "The Doctor admin tool's door. A host enters or leaves maintenance.",
                    _MAINTENANCE,
                    plain,
                )
            },
        },
        "components": {
            "schemas": {
                "Event": _OWN,
                "DoctorEvent": _DOCTOR,
                "RefusedEvents": _REFUSED,
                "Receipts": {
                    "type": "object",
                    "required": ["events"],
                    "properties": {"events": {"type": "array", "items": _RECEIPT}},
                },
            }
        },
    }
