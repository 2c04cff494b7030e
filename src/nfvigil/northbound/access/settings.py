"""The section ``[access]`` of the settings: Keystone, open doors, the account for breaking glass, how often."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from nfvigil.model.identity import Role

Names = list[Annotated[str, Field(min_length=1, max_length=255)]]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RoleNames(_Section):
    """Which roles of Keystone make somebody what; the strongest counts."""

    admin: Names = ["admin"]
    """Sees and changes everything, whatever project it has the role in."""
    manager: Names = ["manager"]
    member: Names = ["member"]
    reader: Names = ["reader"]
    service: Names = ["service"]
    monitor: Names = []
    """Sends events and sees nothing: for monitors that log in at Keystone, such as Masakari's."""

    def by_role(self) -> dict[Role, frozenset[str]]:
        return {
            Role.ADMIN: frozenset(self.admin),
            Role.MANAGER: frozenset(self.manager),
            Role.MEMBER: frozenset(self.member),
            Role.READER: frozenset(self.reader),
            Role.SERVICE: frozenset(self.service),
            Role.MONITOR: frozenset(self.monitor),
        }


class KeystoneSettings(_Section):
    """Keystone's tokens are believed where ``cloud`` or ``auth`` says how we ask it."""

    cloud: str = ""
    """An entry of clouds.yaml: the account that NFVigil asks with. It needs the role ``service`` or ``admin``."""
    clouds_file: str = ""
    """Where clouds.yaml lies, if not where every OpenStack tool looks for it."""
    auth_type: str = ""
    """How ``auth`` logs in; ``password`` if left out."""
    auth: dict[str, SecretStr] = {}
    """Instead of ``cloud``: ``auth_url``, ``username``, ``password`` and so on, as in clouds.yaml."""
    region: str = ""
    interface: Literal["", "public", "internal", "admin"] = ""
    """Which of Keystone's addresses in the catalogue."""
    cacert: str = ""
    insecure: bool = False
    """Whether the certificate of Keystone is not checked: for a laboratory."""
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    """For one question."""
    cache_seconds: Annotated[float, Field(ge=0, le=300)] = 60
    """How long an answer is believed: so long a token that is revoked lives on. Never longer than the token."""
    grace_seconds: Annotated[float, Field(ge=0, le=86400)] = 600
    """How much longer a token that was good is believed while Keystone does not answer, if it lasts that long."""
    roles: RoleNames = RoleNames()

    @property
    def is_on(self) -> bool:
        return bool(self.cloud or self.auth)

    def options(self) -> dict[str, Any]:
        """As the driver for OpenStack takes them."""
        given: dict[str, Any] = {
            "cloud": self.cloud,
            "clouds_file": self.clouds_file,
            "auth_type": self.auth_type,
            "auth": {name: secret.get_secret_value() for name, secret in self.auth.items()},
            "region": self.region,
            "interface": self.interface,
            "cacert": self.cacert,
        }
        more = {"insecure": self.insecure, "timeout_seconds": self.timeout_seconds}
        return {name: value for name, value in given.items() if value} | more


class OpenDoor(_Section):
    """Lets monitors in that can send neither token nor signature, by the network that they connect from."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    """Who comes by it, in the audit log and in answers."""
    doors: Annotated[list[str], Field(min_length=1)]
    """Paths of event doors, such as `/events`. Nothing else can be opened."""
    networks: Annotated[list[str], Field(min_length=1)]
    """Such as `10.20.0.0/24`. What counts is the address that connects, never what a header says."""

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for text in networks:
            if ip_network(text).prefixlen == 0:
                raise ValueError(f"{text} is everybody: name the networks of the monitors")
        return networks


class RateSettings(_Section):
    """How often one caller may ask; 0 is no bound."""

    per_second: Annotated[float, Field(ge=0, le=1e6)] = 100
    """Requests of one caller in the long run, event doors left aside."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """So many at once."""
    events_per_second: Annotated[float, Field(ge=0, le=1e6)] = 10_000
    """Messages of one caller at the event doors."""
    events_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000
    """So many of those at once."""
    failures_per_minute: Annotated[int, Field(ge=0, le=100_000)] = 30
    """Different wrong credentials from one address. Beyond that only those that were good lately are looked at."""


class AccessSettings(_Section):
    """Who is let in."""

    break_glass_hash: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """Of the secret of a read-only account that needs neither database nor Keystone: `nfvigil break-glass create`."""
    policy_file: Path | None = None
    """Rules in oslo.policy's YAML that take the place of those that come with the code: see the how-to on who may do
    what. Read again when it changes, or on SIGHUP."""
    keystone: KeystoneSettings = KeystoneSettings()
    open_doors: tuple[OpenDoor, ...] = ()
    rate: RateSettings = RateSettings()

    @model_validator(mode="after")
    def _have_different_names(self) -> Self:
        names = [door.name for door in self.open_doors]
        if len(set(names)) < len(names):
            raise ValueError("open_doors: two have the same name")
        return self
