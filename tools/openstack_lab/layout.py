"""What the lab is made with, and where everything of it lies: settings, ports, addresses and paths."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .waiting import LabError

CHECKOUT = Path(__file__).resolve().parents[2]
PORT_BASE = 21300
# Offsets from the base. They are far from the services' usual ports, so that a real cloud on this machine is not met.
PORTS: Mapping[str, int] = {
    "keystone": 0,
    "placement": 1,
    "glance": 2,
    "nova": 3,
    "neutron": 4,
    "aodh": 5,
    "rabbitmq": 10,
    "rabbitmq_peers": 11,
    "epmd": 12,
    "mariadb": 13,
    "memcached": 14,
}
COMPUTES_MAX = 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Kept in the lab's folder, as endpoints and passwords are in its databases."""

    port_base: int = PORT_BASE
    secret: str = field(default_factory=lambda: secrets.token_hex(8))
    computes: int = 3
    with_aodh: bool = False
    report_interval: int = 5
    service_down_time: int = 20

    def changed(self, **changes: int | bool | None) -> Settings:
        """The same with what is not None, if that can work."""
        new = replace(self, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]
        if not 1 <= new.computes <= COMPUTES_MAX:
            raise LabError(f"--computes is {new.computes}, and must be from 1 to {COMPUTES_MAX}")
        if not 1 <= new.report_interval < new.service_down_time:
            raise LabError(
                f"--report-interval is {new.report_interval} and --service-down-time {new.service_down_time}: "
                "a service that reports more seldom than that is never up"
            )
        return new


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One lab's places."""

    root: Path
    settings: Settings

    def path(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    def config(self, name: str) -> Path:
        return self.root / "etc" / name

    def log(self, name: str) -> Path:
        return self.root / "logs" / name

    def port(self, name: str) -> int:
        return self.settings.port_base + PORTS[name]

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.port(service)}"

    @property
    def auth_url(self) -> str:
        return self.url("keystone") + "/v3"

    @property
    def transport_url(self) -> str:
        """As oslo.messaging writes it."""
        return f"rabbit://openstack:{self.settings.secret}@127.0.0.1:{self.port('rabbitmq')}/"

    @property
    def amqp_url(self) -> str:
        """The same as everybody else writes it."""
        return f"amqp://openstack:{self.settings.secret}@127.0.0.1:{self.port('rabbitmq')}/%2F"

    @property
    def clouds_yaml(self) -> Path:
        return self.root / "clouds.yaml"

    @property
    def computes(self) -> list[str]:
        return [f"compute-{number}" for number in range(1, self.settings.computes + 1)]

    @property
    def is_made(self) -> bool:
        """Was the cloud made to its end once, so that it can be gone back to?"""
        return self.golden.exists()

    @property
    def golden(self) -> Path:
        return self.root / "golden"

    def save(self) -> None:
        kept = self.root / "settings.json"
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(asdict(self.settings), indent=2) + "\n")


def find_layout(environ: Mapping[str, str] = os.environ) -> Layout:
    """The lab that the environment names, with the settings that it was made with."""
    root = Path(environ.get("NFVIGIL_LAB_DIR") or CHECKOUT / ".cache" / "openstack-lab").resolve()
    wanted = _port_base(environ)
    try:
        settings = Settings(**json.loads((root / "settings.json").read_text()))
    except FileNotFoundError:
        return Layout(root=root, settings=Settings(port_base=wanted or PORT_BASE))
    except (ValueError, TypeError) as error:
        raise LabError(f"{root}/settings.json cannot be read ({error}): remove {root}") from error
    if wanted not in (None, settings.port_base):
        raise LabError(
            f"NFVIGIL_LAB_PORT_BASE is {wanted}, but the lab in {root} was made with {settings.port_base}, "
            'which its endpoints name: "lab down --purge" it without that variable, or name another NFVIGIL_LAB_DIR'
        )
    return Layout(root=root, settings=settings)


def _port_base(environ: Mapping[str, str]) -> int | None:
    text = environ.get("NFVIGIL_LAB_PORT_BASE")
    if not text:
        return None
    if not text.isdecimal() or not 1024 <= int(text) <= 65535 - max(PORTS.values()):
        raise LabError(f"NFVIGIL_LAB_PORT_BASE is {text!r}, which is no port from 1024 to 65500")
    return int(text)
