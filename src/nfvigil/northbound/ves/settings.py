"""What the settings say of the VES agent: for each VIM what is told to whom, and which VIM ONAP means by a region."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from nfvigil.errors import FieldError, SettingsError

_FILES = ("password", "ca", "client_cert", "client_key")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CollectorSettings(_Section):
    endpoint: str
    """``http(s)://HOST:PORT/eventListener/v7``, or ``v5``."""
    username: str = ""
    """For basic authentication."""
    password: SecretStr = SecretStr("")
    """Its password; better in a file."""
    password_file: Path | None = None
    """A file with the password in it, instead."""
    ca_file: Path | None = None
    """Certificates in PEM that are believed beside the system's."""
    client_cert_file: Path | None = None
    """The certificate in PEM with which we come."""
    client_key_file: Path | None = None
    """Its key in PEM, without a passphrase."""


class BacklogSettings(_Section):
    """Fields are ONAP's."""

    domain: str
    """``fault``, ``measurement`` or ``heartbeat``."""
    type: str = ""
    """``vm`` or ``host``."""
    tenant: str = ""
    """The project, by name or id; all if left out."""
    tenantid: str = ""
    """The project's id."""
    source: str = ""
    """The name of a server or host; all if left out."""
    sourceid: str = ""
    """Its id."""
    poll_interval: float | None = None
    """Seconds between two looks."""


class VesAgentSettings(_Section):
    """Put in force with the first listing of the VIM, unless there is a configuration by the API, or it was taken away
    there. A request of ONAP's without a body asks for this one.
    """

    ves_subscription: CollectorSettings
    poll_interval_default: float = 10
    """Seconds between two looks, where a backlog says nothing."""
    backlogs: tuple[BacklogSettings, ...] = ()
    faults: str | tuple[str, ...] = "default"
    """Which states of a server are faults: ``default``, ``onap``, or the states."""
    heartbeat_interval: float = 0
    """Seconds between signs of life of the agent; 0 for none."""


class VesSettings(_Section):
    """ONAP's names for VIMs."""

    regions: Annotated[dict[str, str], Field(max_length=1000)] = {}
    """ONAP's ``vimid`` (``CloudOwner_RegionOne``) -> the VIM. One that is not here is a VIM of that name, or of the
    region's."""


def document_of(settings: VesAgentSettings, place: str) -> dict[str, Any]:
    """As ONAP's clients would send it. SettingsError names a file that cannot be read."""
    told: dict[str, Any] = settings.model_dump(exclude={"ves_subscription"}, exclude_defaults=True, mode="json")
    told["backlogs"] = [one.model_dump(exclude_defaults=True) for one in settings.backlogs]
    given = settings.ves_subscription
    collector = {"endpoint": given.endpoint, "username": given.username, "password": given.password.get_secret_value()}
    for name in _FILES:
        path: Path | None = getattr(given, f"{name}_file")
        if path is not None:
            collector[name] = _read(path, f"{place}.ves_subscription.{name}_file")
            if name == "password":
                collector[name] = collector[name].rstrip("\r\n")
    told["ves_subscription"] = {name: text for name, text in collector.items() if text}
    return {"vesagent_config": told}


def _read(path: Path, field: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise SettingsError("the settings are wrong", [FieldError(field, reason)]) from error
