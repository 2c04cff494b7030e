"""What a cloud of the driver ``openstack`` may be told, checked: all that is wrong is named at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from nfvigil.controller.vims.openstack.reading import VNF_KEYS, VNFC_KEYS, VnfKeys
from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.secret import Secret

BUS_SCHEMES = ("amqp://", "amqps://", "rabbit://")

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Keys = Annotated[tuple[_Text, ...], msgspec.Meta(max_length=20)]


class HiddenTable:
    """Options with passwords in them, which another part checks: they are not printed."""

    __slots__ = ("_table",)

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = dict(table)

    def reveal(self) -> dict[str, Any]:
        return dict(self._table)

    def __repr__(self) -> str:
        return "HiddenTable(***)"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Either ``cloud`` names an entry of clouds.yaml, or ``auth`` says it all."""

    cloud: str = ""
    clouds_file: str = ""
    """Where clouds.yaml lies, if not where every OpenStack tool looks for it."""
    auth_type: str = "password"
    auth: Mapping[str, Secret] = {}
    region: str = ""
    interface: str = ""
    cacert: str = ""
    cacert_content: str = ""
    insecure: bool = False
    timeout_seconds: float = 30.0
    page_size: int = 1000
    services_interval_seconds: float = 5.0
    heartbeat_seconds: float = 60.0
    """From when a compute service's silence counts."""
    down_cells: str = "refuse"
    """What a cell that does not answer means: its servers are unknown, so that a list without them is refused
    (``refuse``), or they are left out (``skip``), as if they were gone."""
    vnf_keys: VnfKeys = VnfKeys()
    bus: HiddenTable | None = None
    """For whoever reads the notifications; ``urls`` says where RabbitMQ is."""


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    cloud: _Text | None = None
    clouds_file: _Text | None = None
    auth_type: _Text | None = None
    auth: dict[str, str] | None = None
    region: _Text | None = None
    interface: Literal["public", "internal", "admin"] | None = None
    cacert: _Text | None = None
    cacert_content: _Text | None = None
    insecure: bool = False
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0
    page_size: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    services_interval_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 5.0
    heartbeat_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0
    down_cells: Literal["refuse", "skip"] = "refuse"
    vnf_keys: _Keys = VNF_KEYS
    vnfc_keys: _Keys = VNFC_KEYS
    bus: str | list[str] | dict[str, Any] | None = None


def checked(name: str, options: Mapping[str, Any]) -> Options:
    """RefusedError names every option that is unknown or wrong, without its value."""
    fields = {field.name: field.type for field in msgspec.structs.fields(_Given)}
    errors: list[FieldError] = []
    good: dict[str, Any] = {}
    for option, value in options.items():
        if option not in fields:
            errors.append(FieldError(option, f"is not an option; there are {', '.join(fields)}"))
            continue
        try:
            good[option] = msgspec.convert(value, fields[option])
        except msgspec.ValidationError as error:
            errors.append(FieldError(option, str(error)))
    given = _Given(**good)
    errors += _contradictions(given, {error.field for error in errors})
    if errors:
        raise RefusedError(f"the options of the OpenStack cloud {name} are wrong", errors)
    return _options(given)


def _contradictions(given: _Given, wrong: set[str]) -> list[FieldError]:
    errors = []
    if given.cloud is not None and given.auth is not None:
        errors.append(FieldError("auth", "is for a cloud that is not in clouds.yaml: leave it out, or cloud"))
    if given.cloud is None and given.auth is None and not wrong & {"cloud", "auth"}:
        errors.append(FieldError("cloud", "names an entry of clouds.yaml, unless auth says how to log in"))
    if given.auth is not None and not given.auth.get("auth_url"):
        errors.append(FieldError("auth.auth_url", "is needed: the address of Keystone"))
    if given.auth is None and given.auth_type is not None:
        errors.append(FieldError("auth_type", "belongs to auth"))
    if given.cloud is None and given.clouds_file is not None and "cloud" not in wrong:
        errors.append(FieldError("clouds_file", "belongs to cloud"))
    if given.cacert is not None and given.cacert_content is not None:
        errors.append(FieldError("cacert_content", "is the certificate itself: leave it out, or cacert"))
    if given.insecure and (given.cacert is not None or given.cacert_content is not None):
        errors.append(FieldError("insecure", "would make the given certificate useless"))
    for number, url in enumerate(_urls(given)):
        if not url.startswith(BUS_SCHEMES):
            errors.append(FieldError(f"bus[{number}]", f"begins with one of {', '.join(BUS_SCHEMES)}"))
    return errors


def _urls(given: _Given) -> list[str]:
    if isinstance(given.bus, dict):
        return []
    return [given.bus] if isinstance(given.bus, str) else given.bus or []


def _bus(given: _Given) -> HiddenTable | None:
    if isinstance(given.bus, dict):
        return HiddenTable(given.bus)
    return HiddenTable({"urls": _urls(given)}) if given.bus else None


def _options(given: _Given) -> Options:
    return Options(
        cloud=given.cloud or "",
        clouds_file=given.clouds_file or "",
        auth_type=given.auth_type or "password",
        auth={field: Secret(value) for field, value in (given.auth or {}).items()},
        region=given.region or "",
        interface=given.interface or "",
        cacert=given.cacert or "",
        cacert_content=given.cacert_content or "",
        insecure=given.insecure,
        timeout_seconds=given.timeout_seconds,
        page_size=given.page_size,
        services_interval_seconds=given.services_interval_seconds,
        heartbeat_seconds=given.heartbeat_seconds,
        down_cells=given.down_cells,
        vnf_keys=VnfKeys(given.vnf_keys, given.vnfc_keys),
        bus=_bus(given),
    )
