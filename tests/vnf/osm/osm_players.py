"""An OSM installation as its documents show it, and who reads and watches beside it."""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from nfvigil.errors import ConflictError, UnavailableError
from nfvigil.model.reading import Details, Reading
from nfvigil.model.resource import Port, Server, Snapshot
from nfvigil.model.vim_account import VimAccount
from nfvigil.model.vnf_record import VduNews

COMMON_KEY = "the common key of all components"
SERIAL = b64encode(bytes(range(32))).decode()
PASSWORD = "hunter-two-and-a-half"
ACCOUNT = "f239ed93-756b-408e-89f8-fcbf47a9d8f7"
VNFR = "35c034cc-8c5b-48c4-bfa2-17a71577ef19"
KEY = f"vim:{ACCOUNT}"
PROJECT = "71c7971a7cab4b72bd5c10dbe6617f1e"
NOW = 1_800_000_000_000_000


def folded(*parts: bytes) -> bytes:
    key = bytearray(32)
    for part in parts:
        for place, byte in enumerate(part):
            key[place % 32] ^= byte
    return bytes(key)


def encrypted(text: str, *, salt: str, common_key: str = COMMON_KEY, serial: bytes = bytes(range(32))) -> str:
    """As OSM does it."""
    key = folded(common_key.encode(), serial, salt.encode())
    plain = text.encode()
    sealer = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return b64encode(sealer.update(plain + b"\0" * (-len(plain) % 16)) + sealer.finalize()).decode()


def account(account_id: str = ACCOUNT, **more: Any) -> dict[str, Any]:
    """A document of ``vim_accounts``."""
    return {
        "_id": account_id,
        "name": "edge-tenant-a",
        "vim_type": "openstack",
        "vim_url": "https://keystone.example:5000/v3",
        "vim_user": "osm",
        "vim_password": encrypted(PASSWORD, salt=str(account_id)),
        "vim_tenant_name": "tenant-a",
        "schema_version": "1.11",
        "_admin": {"operationalState": "ENABLED"},
    } | more


def task(server: str = "s-1", *, vnfr: str = VNFR, number: int = 0, **more: Any) -> dict[str, Any]:
    """A document of ``ro_tasks``."""
    return {
        "_id": f"action:{server}:{vnfr}:{number}",
        "target_id": KEY,
        "vim_info": {"vim_id": server, "interfaces_vim_ids": [f"p-{server}"]},
        "modified_at": 1676755752.5,
        "tasks": [
            {
                "status": "DONE",
                "action": "CREATE",
                "item": "vdu",
                "target_record": f"vnfrs:{vnfr}:vdur.{number}.vim_info.{KEY}",
            }
        ],
    } | more


def interface(port: str, **more: Any) -> dict[str, Any]:
    return {
        "vim_info": "{}\n",
        "mac_address": "fa:16:3e:00:00:01",
        "vim_net_id": "net-1",
        "vim_interface_id": port,
        "compute_node": "compute-1",
        "pci": None,
        "vlan": None,
        "ip_address": "192.0.2.1",
        "mgmt_vnf_interface": True,
        "mgmt_vdu_interface": True,
    } | more


def vdur(server: str = "s-1", **more: Any) -> dict[str, Any]:
    info = {
        "interfaces": [interface(f"p-{server}")],
        "vim_details": "{}\n",
        "vim_id": server,
        "vim_message": None,
        "vim_status": "ACTIVE",
        "vim_name": f"vm-{server}",
    } | more.pop("info", {})
    return {
        "_id": f"vdur-{server}",
        "id": f"vdur-{server}",
        "count-index": 0,
        "vdu-id-ref": "unit",
        "interfaces": [
            {"name": "eth0", "ip-address": "192.0.2.1", "mac-address": "fa:16:3e:00:00:01", "mgmt-vnf": True}
        ],
        "ip-address": "192.0.2.1",
        "vim_info": {KEY: info},
        "status": "ACTIVE",
        "name": f"vm-{server}",
    } | more


def record(*vdurs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document of ``vnfrs``."""
    return {
        "_id": VNFR,
        "id": VNFR,
        "nsr-id-ref": "ns-1",
        "vim-account-id": ACCOUNT,
        "vdur": list(vdurs or (vdur(),)),
        "ip-address": "192.0.2.1",
        "_admin": {"projects_read": ["osm-project"]},
    } | more


def server_words(server: str = "s-1", **more: Any) -> dict[str, Any]:
    return {
        "id": server,
        "status": "ACTIVE",
        "name": f"vm-{server}",
        "tenant_id": PROJECT,
        "OS-EXT-SRV-ATTR:host": "compute-1",
        "OS-EXT-SRV-ATTR:user_data": "c2VjcmV0",
        "user_data": "c2VjcmV0",
    } | more


def port_words(port: str = "p-s-1", server: str = "s-1", **more: Any) -> dict[str, Any]:
    return {
        "id": port,
        "status": "ACTIVE",
        "device_id": server,
        "device_owner": "compute:nova",
        "network_id": "net-1",
        "mac_address": "fa:16:3e:00:00:01",
        "fixed_ips": [{"ip_address": "192.0.2.1", "subnet_id": "sub-1"}],
        "binding:host_id": "compute-1",
        "binding:profile": {},
        "binding:vif_details": {},
    } | more


@dataclass
class Cloud:
    """What a cloud has, and the readings that come of it."""

    vim: str = "edge"
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ports: dict[str, dict[str, Any]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Keys of what is neither listed nor known to be gone."""
    asked: list[str] = field(default_factory=list)
    """What the reader missed in the last listing."""

    def put(self, server: str = "s-1", **more: Any) -> None:
        self.servers[server] = server_words(server, **more)
        self.ports.setdefault(f"p-{server}", port_words(f"p-{server}", server))

    def listed(self, reader: Any) -> None:
        """One listing that is believed."""
        details: Details | None = reader.begin(self.vim)
        servers = [one for key, one in self.servers.items() if f"server/{key}" not in self.silent]
        ports = [one for key, one in self.ports.items() if f"port/{key}" not in self.silent]
        if details is not None:
            for one in servers:
                if details.wants(one["id"]):
                    details.put(f"server/{one['id']}", memoryview(msgspec.json.encode(one)))
            for one in ports:
                if details.wants(one["device_id"]):
                    details.put(f"port/{one['id']}", memoryview(msgspec.json.encode(one)))
        snapshot = Snapshot(
            vim=self.vim,
            taken_us=NOW,
            servers=tuple(
                Server(id=one["id"], vim=self.vim, project=PROJECT, host=one["OS-EXT-SRV-ATTR:host"]) for one in servers
            ),
            ports=tuple(Port(id=one["id"], vim=self.vim, server=one["device_id"]) for one in ports),
        )
        self.asked = reader.missing(Reading(snapshot))
        gone = frozenset(key for key in self.asked if key not in self.silent)
        reader.take(Reading(snapshot, gone), details)


@dataclass
class Fleet:
    """Who would watch the clouds."""

    mine: list[VimAccount] = field(default_factory=list)
    led: dict[str, tuple[VimAccount, str]] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)

    def refresh(self, name: str) -> None:
        if name in self.bad:
            raise ConflictError("it is not read")
        self.refreshed.append(name)

    def own(self) -> Sequence[VimAccount]:
        return self.mine

    def failing(self, name: str) -> bool:
        return name in self.bad

    async def lead(self, account: VimAccount, *, error: str = "") -> None:
        if any(one.name == account.name for one in self.mine):
            raise ConflictError("the name is taken")
        self.calls.append(f"lead {account.name}")
        self.led[account.name] = (account, error)

    async def release(self, name: str) -> None:
        self.calls.append(f"release {name}")
        self.led.pop(name, None)


@dataclass
class Teller:
    """Keeps the news; ``fails`` so many times first, when it has kept them already if it ``keeps``."""

    news: list[VduNews] = field(default_factory=list)
    fails: int = 0
    keeps: bool = False

    async def say(self, news: Sequence[VduNews]) -> None:
        if self.fails:
            self.fails -= 1
            self.news += news if self.keeps else []
            raise UnavailableError("the log is away")
        self.news += news

    def told(self) -> list[tuple[str, bool, str]]:
        return [(one.condition.value, one.is_on, one.port) for one in self.news]


class Shelf:
    """Wraps a database: counts what is asked, fails when it is told to, and lets somebody else be quicker."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.asked: list[str] = []
        self.updates: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        self.fails: set[str] = set()
        self.quicker: list[Any] = []
        """Called one after the other, each right before an update."""

    def serial(self) -> object:
        return self._ask("serial")

    def accounts(self, types: Sequence[str]) -> Any:
        return self._ask("accounts", types)

    def tasks(self) -> Any:
        return self._ask("tasks")

    def tasks_of(self, servers: Sequence[str]) -> Any:
        return self._ask("tasks_of", servers)

    def records(self, ids: Sequence[str]) -> Any:
        return self._ask("records", ids)

    def change(self, wanted: Mapping[str, Any], sets: Mapping[str, Any]) -> bool:
        self.updates.append((copy.deepcopy(wanted), copy.deepcopy(sets)))
        if self.quicker:
            self.quicker.pop(0)()
        found: bool = self._ask("change", wanted, sets)
        return found

    def _ask(self, name: str, *args: Any) -> Any:
        self.asked.append(name)
        if name in self.fails:
            raise UnavailableError(f"{name} does not answer")
        return getattr(self.inner, name)(*args)
