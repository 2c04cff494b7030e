"""Settings: one frozen object, read once at the start from a TOML file, the environment and the command line.

The environment wins over the file, the command line over both. ``NFVIGIL_DATABASE_URL`` is the store's;
any other field is ``NFVIGIL_`` and its path with two underscores: ``NFVIGIL_NOTIFIER__TIMEOUT_SECONDS``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import UTC, tzinfo
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.action import OWNERS_DEEDS, ActionKind
from nfvigil.model.tacker import TABLE, TackerFault
from nfvigil.model.vim_account import SUFFIX
from nfvigil.northbound.access.settings import AccessSettings
from nfvigil.northbound.ves.settings import VesAgentSettings, VesSettings

PREFIX = "NFVIGIL_"
Seconds = Annotated[float, Field(gt=0, le=366 * 86400)]
Ratio = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]


_BUS_NAME = r"^[0-9A-Za-z_.:-]{1,200}$"


class BusEvent(StrEnum):
    """What can be published to a cloud's own bus."""

    SERVER = "compute.instance.update"
    PORT = "port.update.end"
    MAINTENANCE = "maintenance.host"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class VimSettings(Section):
    """A cloud: which driver, and what that driver wants to know."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    driver: str = "simulated"
    options: Annotated[dict[str, Any], Field(repr=False)] = {}
    interval_seconds: Annotated[float, Field(ge=-1, le=366 * 86400)] = 60
    """Between two listings of everything. -1: listed at the start only, and where something asks for it."""
    host_suffix: Annotated[str, Field(pattern=SUFFIX)] = ""
    """What its hosts' names get behind them, such as ``@east``, where other clouds have hosts of the same names: see
    the how-to on several clouds. Not to be changed while there are alarms on its hosts."""
    ves: Annotated[VesAgentSettings | None, Field(repr=False)] = None
    """What is told of it to a VES collector: ``[vims.ves]``."""
    cpu_allocation_ratio: Ratio = 1.0
    """How many vCPUs are handed out for each that a host has, for the capacity that is left."""
    ram_allocation_ratio: Ratio = 1.0
    """The same for memory."""

    @field_validator("interval_seconds")
    @classmethod
    def _is_a_time_or_never(cls, seconds: float) -> float:
        if seconds <= 0 and seconds != -1:
            raise ValueError("is above 0, or -1 for never")
        return seconds


class InventorySettings(Section):
    """When a cloud is suspected to have been misread, or to be away."""

    cliff_least: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    """More missing at once than this, and than ``cliff_share``, is listed again and is an alarm until settled."""
    cliff_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Of what is known of one kind."""
    second_look_seconds: Seconds = 2
    """How long after such a listing the next one is taken."""
    confirm_seconds: Seconds = 60
    """For asking for all that one listing lacks. What was not asked for by then is kept."""
    unreachable_after_seconds: Seconds = 10
    """A cloud that has failed for this long, or three times in a row, counts as unreachable."""


class IntakeSettings(Section):
    zone: str = "UTC"
    """In which zone times are read that name none."""
    future_seconds: Seconds = 30
    stale_seconds: Seconds = 3600
    repeat_window_seconds: Seconds = 3600

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            zone_of(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no time zone, such as UTC or Europe/Berlin") from error
        return zone


class NotifierSettings(Section):
    timeout_seconds: Seconds = 10
    give_up_seconds: Seconds = 86400
    allow_loopback: bool = False
    """Whether webhooks may go to this very machine; always so with ``dev``."""
    allow_networks: list[str] = []
    deny_networks: list[str] = []


class ControllerSettings(Section):
    limit: Annotated[int, Field(ge=1, le=1000)] = 32
    """Calls under way at once, per VIM."""
    timeout_seconds: Seconds = 30
    attempts_max: Annotated[int, Field(ge=1, le=100)] = 8
    deadline_seconds: Seconds = 120
    deed_limit: Annotated[int, Field(ge=1, le=1000)] = 16
    """Deeds (evacuations, migrations, fences) under way at once, per VIM, beside the calls that set states."""
    deed_timeout_seconds: Seconds = 900
    """How long one deed may take until the cloud says that it has ended."""


class BrakesSettings(Section):
    """What keeps automatic recovery from doing harm: see the how-to on brakes."""

    witnesses: Annotated[int, Field(ge=1, le=10)] = 2
    """Independent ones that must agree before anything destructive. What came by one path is one witness."""
    paths: dict[str, list[str]] = {}
    """Path -> globs of the monitors that see by it: a network, a BMC, an agent. All that none names are one path."""
    share: Annotated[float, Field(ge=0, le=1)] = 0.10
    """Of an aggregate's hosts, so many may be fenced or evacuated at a time; one always may."""
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 5
    """Nothing destructive begins on a host sooner after it was planned: many that fail do so one after the other."""
    host_every_seconds: Annotated[float, Field(ge=0, le=86400)] = 10
    outage_hosts: Annotated[int, Field(ge=2, le=100_000)] = 3
    """So many hosts of a VIM that fail within ``outage_seconds`` mean HOLD."""
    outage_share: Annotated[float, Field(gt=0, le=1)] = 0.30
    """So does this share of a failure domain: zone, aggregate, rack."""
    outage_seconds: Seconds = 60
    wait_max_seconds: Seconds = 86400
    """What has waited longer under the brakes is given up."""
    hold_states: bool = False
    """Whether a HOLD also holds back states that are restored later: force-down, error, data plane."""


class InstructionSettings(Section):
    """Which deeds an owner may ask for, by role; an administrator may ask for all."""

    member: list[ActionKind] = [
        ActionKind.REBOOT,
        ActionKind.START,
        ActionKind.STOP,
        ActionKind.LIVE_MIGRATE,
        ActionKind.MIGRATE,
        ActionKind.CONFIRM_RESIZE,
        ActionKind.REVERT_RESIZE,
        ActionKind.EVACUATE,
        ActionKind.REBUILD,
    ]
    manager: list[ActionKind] = [*OWNERS_DEEDS]

    @field_validator("member", "manager")
    @classmethod
    def _are_deeds(cls, kinds: list[ActionKind]) -> list[ActionKind]:
        wrong = [kind for kind in kinds if kind not in OWNERS_DEEDS]
        if wrong:
            raise ValueError(f"not for owners: {', '.join(wrong)}")
        return kinds


class SolSettings(Section):
    """ETSI SOL's alarms of VNFs at ``/vnffm/v1``."""

    api_root: Annotated[str, Field(pattern=r"^(https?://[^\s?#]+[^\s?#/])?$")] = ""
    """How consumers reach NFVigil, for the links in what they are told: ``https://nfvigil.example:12345``. Left out, it
    is what each consumer called us when it subscribed."""
    test_callbacks: bool = True
    """Whether a consumer's address is asked first: it answers a GET with 204, or the subscription is refused."""


class TackerFaultSettings(Section):
    """A row of the table from our fault types to Tacker's words."""

    fault_id: Annotated[str, Field(min_length=1, max_length=255)]
    """What ``ServerNotifierFaultID`` names."""
    fault_type: TackerFault
    """10: physical server fault, 11: physical server out of service, 20: VM inconsistent, 21: VM rebooted."""
    faults: Annotated[list[str], Field(min_length=1, max_length=100)]
    """Globs over our fault types."""


class TackerSettings(Section):
    """What Tacker is told at its own address, after it has registered a server."""

    faults: list[TackerFaultSettings] = [
        TackerFaultSettings(fault_id=row.fault_id, fault_type=row.fault_type, faults=list(row.faults)) for row in TABLE
    ]
    """The first row that a fault type fits counts."""


class RetentionSettings(Section):
    audit_days: Annotated[float, Field(gt=0, le=36600)] | None = None
    """How long the audit log is kept; for ever if left out. That older lines were dropped is a line of it."""
    days: Annotated[float, Field(gt=0, le=3660)] = 30
    """How long what is over is kept: cleared alarms (unless the O2 interface has set a ``retentionPeriod`` for them),
    delivered notifications, finished actions, decided events."""
    interval_seconds: Seconds = 3600


class AodhSettings(Section):
    """Event alarms by Aodh's API."""

    auto_ok: bool = False
    """Whether an event alarm returns to ok, and does its ok_actions, when the resource that fired it is well again. It
    can be said otherwise for each alarm. Aodh leaves them in alarm."""
    quota: Annotated[int, Field(ge=0, le=10_000_000)] = 100_000
    """How many event alarms a project may have."""


class SecretsSettings(Section):
    """What secrets in the database are encrypted with: those of accounts of clouds and of endpoints."""

    key_file: Path | None = None
    """One key a line, the newest first; made when it is first needed. Beside an SQLite database if left out."""
    keys: SecretStr = SecretStr("")
    """The keys themselves, the newest first, instead of a file: for the environment, not for a file of settings."""

    @model_validator(mode="after")
    def _are_in_one_place(self) -> Self:
        if self.key_file is not None and self.keys.get_secret_value().strip():
            raise ValueError("give key_file or keys, not both")
        return self


class BusSettings(Section):
    """A cloud's own RabbitMQ that hears of our alarms as of Nova's notifications: see the how-to on publishing."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    url: SecretStr = SecretStr("")
    """As OpenStack's ``transport_url``: ``rabbit://user:password@host:5672/``."""
    url_file: Path | None = None
    """A file with the URL in it, instead: it holds a password."""
    cacert: str = ""
    """For ``amqps://``: a file of certificates to trust beside the system's."""
    exchange: Annotated[str, Field(pattern=_BUS_NAME)] = "nova"
    topic: Annotated[str, Field(pattern=_BUS_NAME)] = "notifications"
    publisher_id: Annotated[str, Field(pattern=_BUS_NAME)] = "compute.nfvigil"
    """Ceilometer takes what is before the dot for the service and what is behind it for the host."""
    vims: tuple[str, ...] = ()
    """Only what is in these clouds; all if left out."""
    events: tuple[BusEvent, ...] = tuple(BusEvent)
    project: str = ""
    """Whose event alarms hear of ``maintenance.host``: the id of the administrator's project."""

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if bool(self.url.get_secret_value().strip()) is (self.url_file is not None):
            raise ValueError("give url or url_file, and not both")
        return self


class OsmSettings(Section):
    """An OSM installation whose clouds are watched and whose VNF records are kept in line: see the how-to on OSM."""

    url: SecretStr = SecretStr("")
    """Its MongoDB: ``mongodb://user:password@host:27017/?replicaSet=rs0``. Left out, there is no OSM."""
    url_file: Path | None = None
    """A file with the URL in it, instead."""
    database: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,63}$")] = "osm"
    """Which one there."""
    common_key: SecretStr = SecretStr("")
    """What OSM's components have as ``OSMRO_DATABASE_COMMONKEY``: secrets of accounts are decrypted with it."""
    common_key_file: Path | None = None
    """A file with the key in it, instead."""
    refresh_seconds: Annotated[float, Field(ge=-1, le=366 * 86400)] = 60
    """How often accounts, tasks and the clouds are read; OSM's ``refresh_active``. -1: OSM is not read at all."""
    vims: dict[str, Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]] = {}
    """OSM's accounts, by id or name, that are clouds of ours anyway: ``"edge-tenant-a" = "edge"``."""
    plugin_types: tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")], ...] = ()
    """Types of accounts that OSM's own connectors read (entry points ``rovim_<type>``), installed beside us. Without
    ``openstack`` among them, our driver reads those."""

    @field_validator("refresh_seconds")
    @classmethod
    def _is_a_time_or_never(cls, seconds: float) -> float:
        if seconds != -1 and seconds < 1:
            raise ValueError("is 1 or more, or -1 for never")
        return seconds

    @model_validator(mode="after")
    def _has_one_of_each(self) -> Self:
        if self.url.get_secret_value().strip() and self.url_file is not None:
            raise ValueError("give url or url_file, not both")
        if self.common_key.get_secret_value().strip() and self.common_key_file is not None:
            raise ValueError("give common_key or common_key_file, not both")
        return self

    @property
    def is_used(self) -> bool:
        return self.refresh_seconds >= 0 and self.is_given

    @property
    def is_given(self) -> bool:
        return self.url_file is not None or bool(self.url.get_secret_value().strip())


class O2imsSettings(Section):
    """How we are an O-Cloud to an SMO (O-RAN O2 IMS)."""

    global_cloud_id: UUID | None = None
    """The ``globalCloudID`` that the SMO gave this cloud; left out, one that follows from ``source``."""
    api_root: str = ""
    """The beginning of links in notifications, such as ``https://nfvigil.example.net``; left out, the address that a
    subscription was made at."""
    filter_means: Literal["not_reported", "reported"] = "not_reported"
    """What a subscription's ``filter`` names: the news that is not reported (as the API's text has it), or the only
    one that is (as some user guides have it)."""
    check_callback: bool = True
    """Whether a callback must answer a GET with 204 before a subscription is made."""


class Settings(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 12345
    dev: bool = False
    """No authentication: everybody is administrator. On loopback only."""
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "node-1"
    """This process's name among those that share a database; it stays over restarts."""
    node_number: Annotated[int, Field(ge=0, le=1023)] = 0
    """Different in every process that shares a database: it is part of the events' ids."""
    database_url: Annotated[str, Field(repr=False)] = "sqlite:///nfvigil.db"
    topology: Path | None = None
    policy: Path | None = None
    """Applied at the start if the file is another than at the start before; what was applied since stays in force."""
    source: Annotated[str, Field(pattern=r"^[\x21-\x7E]{1,255}$")] = "nfvigil"
    """Who notifications come from (CloudEvents ``source``): a name without spaces, or an address."""
    vims: tuple[VimSettings, ...] = ()
    buses: tuple[BusSettings, ...] = ()
    o2ims: O2imsSettings = O2imsSettings()
    osm: OsmSettings = OsmSettings()
    inventory: InventorySettings = InventorySettings()
    intake: IntakeSettings = IntakeSettings()
    notifier: NotifierSettings = NotifierSettings()
    controller: ControllerSettings = ControllerSettings()
    brakes: BrakesSettings = BrakesSettings()
    instructions: InstructionSettings = InstructionSettings()
    fences: Path | None = None
    """Which host is fenced by what: a YAML file."""
    sol: SolSettings = SolSettings()
    tacker: TackerSettings = TackerSettings()
    ves: VesSettings = VesSettings()
    retention: RetentionSettings = RetentionSettings()
    formats: Annotated[dict[str, dict[str, Any]], Field(repr=False)] = {}
    """What incoming formats want to know, by their names: ``[formats.alertmanager]``. See the reference on events."""
    aodh: AodhSettings = AodhSettings()
    secrets: SecretsSettings = SecretsSettings()
    access: AccessSettings = AccessSettings()
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    log_format: Annotated[str, Field(pattern="^(json|text)$")] = "text"

    @model_validator(mode="after")
    def _dev_is_for_loopback(self) -> Self:
        if self.dev and not is_loopback(self.host):
            raise ValueError(f"dev switches authentication off: not on {self.host}, only on loopback")
        names = [vim.name for vim in self.vims]
        if len(set(names)) < len(names):
            raise ValueError("vims: two have the same name")
        buses = [bus.name for bus in self.buses]
        if len(set(buses)) < len(buses):
            raise ValueError("buses: two have the same name")
        return self


def zone_of(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)  # UTC needs no time zone files, which a small system may lack


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings; raises SettingsError naming every field that is wrong.

    ``overrides`` are the command line's, by field; a dot leads into a section. None means not given.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is no TOML: {error}") from error
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and name not in OTHERS and not name.startswith(OTHERS_OF):
            _put(values, name.removeprefix(PREFIX).lower().split("__"), value)
    for name, value in (overrides or {}).items():
        if value is not None:
            _put(values, name.split("."), value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("the settings are wrong", [_field_error(one) for one in error.errors()]) from None


OTHERS = frozenset({"NFVIGIL_URL", "NFVIGIL_TOKEN", "NFVIGIL_TOKEN_FILE", "NFVIGIL_STANDARDS"})
"""Variables of this prefix that are the command line's or the tests', not the service's."""
OTHERS_OF = ("NFVIGIL_TEST_", "NFVIGIL_LAB_", "NFVIGIL_VERIFY_")
"""Those that begin so are the tests', the OpenStack lab's and the verification's."""


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise SettingsError("the settings are wrong", [FieldError(name, "is a value, not a section")])
        values = inner
    values[path[-1]] = value


def _field_error(error: Any) -> FieldError:
    field = ".".join(str(part) for part in error["loc"])
    reason = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        reason = "there is no such setting"
    return FieldError(field, reason[0].lower() + reason[1:])
