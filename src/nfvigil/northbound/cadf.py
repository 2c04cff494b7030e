"""The audit log in DMTF's words: CADF, as every OpenStack service's audit trail speaks it (DSP0262)."""

from __future__ import annotations

from typing import Any

from nfvigil.model.audit import AuditRecord, Outcome
from nfvigil.model.times import iso

EVENT_TYPE_URI = "http://schemas.dmtf.org/cloud/audit/1.0/event"
OBSERVER = {"id": "nfvigil", "typeURI": "service/oss/monitoring", "name": "nfvigil"}
_ACTIONS = {"GET": "read", "HEAD": "read", "POST": "update", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_OUTCOMES = {Outcome.PENDING: "pending", Outcome.SUCCESS: "success", Outcome.FAILURE: "failure"}


def cadf_event(record: AuditRecord) -> dict[str, Any]:
    event: dict[str, Any] = {
        "typeURI": EVENT_TYPE_URI,
        "id": f"nfvigil:audit:{record.id}",
        "eventType": "activity",
        "eventTime": iso(record.at_us),
        "action": _action(record),
        "outcome": _OUTCOMES[record.outcome],
        "initiator": _initiator(record),
        "target": {"id": record.target or "nfvigil", "typeURI": _kind_of_target(record)},
        "observer": OBSERVER,
    }
    if record.status:
        event["reason"] = {"reasonType": "HTTP", "reasonCode": str(record.status)}
    if record.rule:
        event["tags"] = [record.rule]
    said = {"what": record.what, "text": record.text, "request": record.request}
    event["attachments"] = [
        {"name": name, "typeURI": "text/plain", "content": text} for name, text in said.items() if text
    ]
    return event


def _action(record: AuditRecord) -> str:
    if record.status == 401 and not record.rule:
        return "authenticate"
    function = record.rule.rpartition(":")[2]
    return f"{_ACTIONS.get(record.method, 'update')}/{function}" if function else "update"


def _initiator(record: AuditRecord) -> dict[str, Any]:
    initiator: dict[str, Any] = {
        "id": record.who_id or record.who,
        "typeURI": "service/security/account/user",
        "name": record.who,
    }
    if record.project:
        initiator["project_id"] = record.project
    if record.address:
        initiator["host"] = {"address": record.address}
    if record.via:
        initiator["credential"] = {"type": record.via, "token": "***"}
    return initiator


def _kind_of_target(record: AuditRecord) -> str:
    tag = record.rule.split(":")[1] if record.rule.count(":") == 2 else "nfvigil"
    return f"service/oss/monitoring/{tag}"
