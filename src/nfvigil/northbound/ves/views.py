"""How the VES agent of a VIM is shown in our own API."""

from __future__ import annotations

from typing import Any

from nfvigil.errors import NotFoundError
from nfvigil.model.secret_fields import HIDDEN
from nfvigil.model.times import iso
from nfvigil.model.ves import VesConfig, VesState
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.parts import Parts
from nfvigil.northbound.shapes import Id, Time
from nfvigil.northbound.ves.desk import VesBacklogDetail, VesDesk, VesDetail, VesTest, shown_errors
from nfvigil.ves.config import backlog_document, config_document


class RefusedEntry(Shape):
    field: str
    """Which entry, and what of it: `backlogs[1].source`."""
    reason: str


class RaisedSource(Shape):
    source_id: str
    name: str
    severity: str
    state: str
    """The server's or host's state that was told."""
    event_id: Id
    sequence: int
    raised_time: Time
    told_time: Time


class VesBacklogShape(Shape):
    """What is looked at, in ONAP's words, and what came of it."""

    backlog_uuid: Id
    domain: str
    type: str
    tenant: str
    tenant_id: str
    source: str
    server_id: str
    """Of the server or host, where one is named."""
    poll_interval: float
    api_method: str
    api_link: str
    collected_time: Time | None
    last_event_time: Time | None
    raised: list[RaisedSource]
    """Sources whose alarm stands at the collector."""


class CollectorShape(Shape):
    """How it stands with the collector."""

    subscription_id: Id
    """Whose deliveries they are: see `/v1/subscriptions/{id}/deliveries`."""
    paused: bool
    locked: bool
    """Password and key cannot be decrypted, so nothing is sent."""
    pending: int
    delivered: int
    dead: int
    delivered_time: Time | None
    """When it took something last, since the start."""
    last_status: int
    last_error: str
    skipped: dict[str, int]
    """Events that were not told because enough of their kind were waiting, by domain, since the start."""


class VesShape(Shape):
    vim: str
    config: dict[str, Any]
    """As it was given; a password or key is shown as `***`, and sent back so it stays."""
    changed_time: Time
    changed_by: str
    backlogs: list[VesBacklogShape]
    refused: list[RefusedEntry]
    """Entries that there is no backlog of. One whose source is not there yet is looked at when it is."""
    collector: CollectorShape


class VesTestShape(Shape):
    ok: bool
    endpoint: str
    status: int
    """The collector's HTTP status; 0 for no answer."""
    detail: str
    seconds: float


def desk_of(parts: Parts) -> VesDesk:
    if parts.ves is None:
        raise NotFoundError("there is no VES agent here")
    return parts.ves


def tagged_view(config: VesConfig) -> dict[str, Any]:
    """What can be changed, and so what an ETag is of."""
    return {
        "config": config_document(config),
        "changed_time": iso(config.changed_us),
        "changed_by": config.changed_by,
    }


def ves_view(detail: VesDetail) -> dict[str, Any]:
    view = {"vim": detail.config.vim, **tagged_view(detail.config)}
    secrets = {"password": detail.has_password, "client_key": detail.has_key}
    view["config"]["ves_subscription"] |= {name: HIDDEN for name, is_there in secrets.items() if is_there}
    return view | {
        "backlogs": [_backlog_view(one) for one in detail.backlogs],
        "refused": shown_errors(detail.refusals),
        "collector": {
            "subscription_id": detail.subscription,
            "paused": detail.is_paused,
            "locked": detail.is_locked,
            "pending": detail.pending,
            "delivered": detail.delivered,
            "dead": detail.dead,
            "delivered_time": _time(detail.delivered_us),
            "last_status": detail.last_status,
            "last_error": detail.last_error,
            "skipped": detail.skipped,
        },
    }


def _backlog_view(one: VesBacklogDetail) -> dict[str, Any]:
    return backlog_document(one.backlog) | {
        "collected_time": _time(one.collected_us),
        "last_event_time": _time(one.last.last_us if one.last is not None else None),
        "raised": [_raised_view(state) for state in one.raised],
    }


def _raised_view(state: VesState) -> dict[str, Any]:
    return {
        "source_id": state.source,
        "name": state.name,
        "severity": state.severity,
        "state": state.status,
        "event_id": state.event_id,
        "sequence": state.sequence,
        "raised_time": iso(state.start_us),
        "told_time": iso(state.last_us),
    }


def test_view(found: VesTest) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "endpoint": found.endpoint,
        "status": found.status,
        "detail": found.detail,
        "seconds": found.seconds,
    }


def _time(us: int | None) -> str | None:
    return iso(us) if us else None
