"""The VES agent's words: what is told of a cloud to ONAP's VES collector.

Field names are those of ONAP MultiCloud's ``vesagent`` API where it has them.
"""

from __future__ import annotations

from typing import Any

import msgspec


class VesSubscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The collector: ``endpoint`` ends with the version of its event listener, ``.../eventListener/v5`` or ``/v7``."""

    endpoint: str
    username: str = ""
    password: str = ""
    """Sealed at rest, never shown."""
    ca: str = ""
    """PEM: an authority that is believed beside the system's."""
    client_cert: str = ""
    """PEM: with which we say who we are."""
    client_key: str = ""
    """PEM, not encrypted. Sealed at rest, never shown."""

    def __repr__(self) -> str:
        return f"VesSubscription(endpoint={self.endpoint!r}, username={self.username!r})"


class VesEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of ``backlogs`` as it was asked for."""

    domain: str
    type: str = ""
    tenant: str = ""
    tenantid: str = ""
    source: str = ""
    """The name of a server (or host); "" for all."""
    sourceid: str = ""
    poll_interval: float | None = None


class VesConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``vesagent_config`` of one cloud."""

    vim: str
    ves_subscription: VesSubscription
    poll_interval_default: float = 10
    backlogs: tuple[VesEntry, ...] = ()
    faults: str | tuple[str, ...] = "default"
    """Which server states are faults: the preset ``default`` or ``onap``, or the states themselves."""
    heartbeat_interval: float = 0
    """Seconds between signs of life of the agent; 0 for none."""
    changed_us: int = 0
    changed_by: str = ""


class VesBacklog(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry as it was built: what is really looked at."""

    backlog_uuid: str
    domain: str
    type: str
    tenant: str = ""
    tenant_id: str = ""
    source: str = ""
    server_id: str = ""
    poll_interval: float = 10
    api_method: str = "GET"
    api_link: str = ""
    """The list that it is read from, as ONAP names it. We read one listing for all."""


class VesState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was told of one source of a backlog. It goes when its backlog does."""

    vim: str
    backlog: str
    source: str
    """The server's or host's id; "" for the backlog as a whole (``collected_us``)."""
    name: str = ""
    event_id: str = ""
    """Of the alarm that stands, or of the last one: clear and change carry it too."""
    sequence: int = 0
    """Of the last event under this id; it rises."""
    start_us: int = 0
    last_us: int = 0
    severity: str = "NORMAL"
    status: str = ""
    """The server's (or host's) state that was told last."""
    collected_us: int = 0
    """When the backlog was looked at last."""

    @property
    def is_raised(self) -> bool:
        return self.severity != "NORMAL"


class VesEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event before it is written for a version of the event listener. ``fields`` are those of its domain, in the
    spelling of v7; a writer for v5 knows the differences.
    """

    domain: str
    name: str
    event_id: str
    source_id: str
    source_name: str
    reporting: str
    sequence: int
    start_us: int
    last_us: int
    priority: str = "Normal"
    fields: dict[str, Any] = {}
