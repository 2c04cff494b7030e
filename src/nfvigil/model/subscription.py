"""Who wants to hear what, and where: Doctor's SubscribeRequest with several endpoints."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from nfvigil.model.resource import Kind, ResourceState
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.verdict import News


class Mode(StrEnum):
    """Which of the two pieces of news a subscription takes. Clears and changes come with both."""

    RAISED = "raised"
    """At once, in parallel with the VIM writes (Doctor's "shortcut")."""
    CONFIRMED = "confirmed"
    """When the VIM says the same (Doctor's "conservative")."""
    BOTH = "both"


class Occasion(StrEnum):
    """What became of an alarm, as O-RAN's subscriptions tell it apart: an acknowledgement is no ordinary change."""

    NEW = "NEW"
    CHANGE = "CHANGE"
    CLEAR = "CLEAR"
    ACKNOWLEDGE = "ACKNOWLEDGE"


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Doctor's SubscribeFilter: an empty list matches all; lists are OR inside and AND between."""

    resource_types: tuple[Kind, ...] = ()
    resource_ids: tuple[str, ...] = ()
    resource_states: tuple[ResourceState, ...] = ()
    fault_types: tuple[str, ...] = ()
    """Globs: ``compute.host.*``."""
    min_severity: Severity = Severity.CLEARED
    """This one or worse."""
    physical: bool | None = None
    """True: only what is the operator's (hosts, devices, zones, clouds); False: only what is a project's."""
    vims: tuple[str, ...] = ()
    """Only alarms of these clouds."""
    occasions: tuple[Occasion, ...] | None = None
    """Of the news that the mode takes, only these; None for all of it, () for none."""
    events: tuple[str, ...] = ()
    """Types of events to hear of beside alarms, as they happen: ``maintenance.host``."""
    only_last_clear: bool = False
    """What would be taken for "well again" is told only when no other alarm keeps the resource down."""
    severities: tuple[Severity, ...] = ()
    """``cleared`` stands for alarms that are; the others say how bad those are that are not."""
    event_types: tuple[EventType, ...] = ()
    probable_causes: tuple[str, ...] = ()
    vnfs: tuple[str, ...] = ()
    only_vnfs: bool = False
    """Alarms of VNFs only, whichever."""
    news: tuple[News, ...] = ()
    """Only these, of what the mode takes; none named: all of them."""


class AuthKind(StrEnum):
    BASIC = "basic"
    BEARER = "bearer"
    CLIENT_CREDENTIALS = "client_credentials"
    """OAuth 2.0: a token is fetched with them."""


class EndpointAuth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How we say to an endpoint who we are."""

    kind: AuthKind
    user: str = ""
    """The user's name, or the client's id."""
    secret: str = ""
    """The password, the token itself, or the client's secret. Never shown again after creation."""
    token_url: str = ""
    """Where tokens are fetched."""

    def __repr__(self) -> str:
        return f"EndpointAuth(kind={self.kind.value!r}, user={self.user!r})"


class EndpointTls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom to believe at an endpoint beside the system's authorities, and with which certificate we come. All PEM."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    """The certificate's, not encrypted. Never shown again after creation."""

    def __repr__(self) -> str:
        return f"EndpointTls(has_ca={bool(self.ca)}, has_certificate={bool(self.certificate)})"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A webhook: where to, in which format, signed or authorised with what."""

    id: str
    url: str
    format: str = "doctor"
    secret: str = ""
    """Key for signing (standardwebhooks: ``whsec_`` and base64). Never shown again after creation."""
    token: str = ""
    """Sent as ``X-Auth-Token``, for consumers that ask for one. Never shown again either."""
    auth: EndpointAuth | None = None
    tls: EndpointTls | None = None
    """Of its own; None where what holds for all will do."""
    kept: tuple[str, ...] = ()
    """Which of its secrets are kept apart from it, by the store."""
    locked: bool = False
    """They cannot be decrypted: nothing is sent to it until they can."""

    def has(self, field: str) -> bool:
        """Whether it has this secret, be it locked."""
        return bool(getattr(self, field)) or field in self.kept

    def __repr__(self) -> str:
        return f"Endpoint(id={self.id!r}, format={self.format!r})"


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``project`` is "" for the administrator's: it hears of every project's resources and of the hosts."""

    id: str
    project: str = ""
    name: str = ""
    filter: Filter = Filter()
    endpoints: tuple[Endpoint, ...] = ()
    mode: Mode = Mode.RAISED
    heartbeat_seconds: float = 0
    """A sign of life this often; 0 for none."""
    paused: bool = False
    created_us: int = 0
    created_by: str = ""
    owner: str = ""
    """Which API made it and owns it: "" for our own, ``aodh``, ``sol``, ``o2ims``, ``tacker``, ``ves``,
    ``settings``."""
    extra: dict[str, Any] = {}
    """What that API wants to show again. No secrets."""
