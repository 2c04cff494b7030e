"""Secrets planted in every place where one can stand, and everything made to fail: who reads along finds none."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from service_api import Api
from service_process import Nursery, Service, wait_until
from service_secrets import Canaries, Hit, is_text
from standardwebhooks import Webhook
from test_service_access import NFVIGIL, signed, toml

sys.path.append(str(Path(__file__).parents[1] / "northbound"))

from keystone_standin import PASSWORD, KeystoneStandIn, token_of

CLOSED = "127.0.0.1:9"
"""What the service works with, and finds nobody at."""
NOBODY = "127.0.0.1:1"
"""A consumer that is away."""
DOWN = {"type": "compute.host.down", "resource": "host/compute-1"}
INPUTS = frozenset({"nfvigil.toml", "fences.yaml", "policy.yaml", "token"})
"""Written by the operator, and his to protect."""
ALLOWED = {
    Hit("token by the API", "its own answer"): "shown once, to who asked for it",
    Hit("member's token", "its own answer"): "shown once, to who asked for it",
    Hit("monitor's key by the API", "its own answer"): "shown once, to who asked for it",
    Hit("Tacker's query", "its own answer"): "who registers gets back what he sent",
    Hit("webhook's query", "its owner's view"): "he sees where his messages go",
    **{
        Hit(action, place): why
        for action in ("Aodh action's query", "log action")
        for place, why in {
            "database": "the alarm and its history are kept as they are shown; see GET",
            "GET /v2/alarms": "Aodh's clients read an alarm and send all of it back with a change",
            "GET /v2/alarms/{alarm_id}": "the same",
            "GET /v2/alarms/{alarm_id}/history": "what it was before a change, as Aodh shows it",
        }.items()
    },
}
"""Where which secret may be read, and why. One that is not met is too much, and fails the test."""
TELLTALE = f"#!{sys.executable}\n" + (
    "import os, sys\n"
    "open(os.path.join(os.path.dirname(sys.argv[0]), 'ipmi.cmdline'), 'ab').write("
    "open('/proc/self/cmdline', 'rb').read())\n"
    "print('Error: Unable to establish IPMI v2 / RMCP+ session', file=sys.stderr); sys.exit(1)\n"
)


class Watched(Service):
    """``nfvigil serve`` as people start it, with every place for a secret filled."""

    def __init__(self, directory: Path, canaries: Canaries, keystone: KeystoneStandIn) -> None:
        super().__init__(directory=directory)
        self.canaries = canaries
        self.answers: list[tuple[str, bytes]] = []
        self.beside = Api(port=self.port)
        self.environ = {**os.environ, "NFVIGIL_SECRETS__KEYS": canaries.know("key", Fernet.generate_key().decode())}
        plant = canaries.plant
        self.glass = plant("break-glass")
        redfish, ipmi = plant("Redfish password"), plant("IPMI password", 18)
        tool = directory / "ipmitool"
        tool.write_text(TELLTALE)
        tool.chmod(0o700)
        (directory / "fences.yaml").write_text(
            "fences:\n"
            f'  compute-1: {{driver: redfish, address: "http://{CLOSED}", username: u, password: "{redfish}", '
            "insecure: true, timeout: 1}\n"
            f'  compute-2: {{driver: ipmi, address: 127.0.0.1, username: u, password: "{ipmi}", program: "{tool}"}}\n'
        )
        (directory / "policy.yaml").write_text(f"# {plant('policy file')}\n")
        options = {**self.cloud, "state_path": str(self.state_path)}
        number = canaries.know("the settings' VIM", str(secrets.randbelow(10**12) * 10 + 10**14 + 1))
        collector = {"endpoint": f"http://{NOBODY}/eventListener/v7", "username": "u"}
        collector["password"] = plant("VES password of the settings")
        dry = {"hosts": 1, "host_prefix": "dry-", "latency_by_call": {"token": float(f"0.000{number}")}}
        self.settings |= {
            "dev": False,
            "log_level": "debug",
            "log_format": "json",
            "fences": str(directory / "fences.yaml"),
            "sol": {"test_callbacks": False},
            "o2ims": {"check_callback": False},
            "notifier": {"allow_loopback": True, "timeout_seconds": 1},
            "vims": [
                {"name": "cloud", "driver": "simulated", "options": options},
                {
                    "name": "dry",
                    "driver": "dry-run",
                    "options": {"driver": "simulated", "options": dry},
                    "ves": {"ves_subscription": collector, "heartbeat_interval": 1},
                },
            ],
            "buses": [{"name": "bus", "url": f"rabbit://u:{quote(plant('bus password'), safe='')}@{CLOSED}/"}],
            "formats": {
                "alertmanager": {
                    "api_url": f"http://u:{quote(plant('Alertmanager password'), safe='')}@{CLOSED}",
                    "receiver": "nfvigil",
                }
            },
            "access": {
                "break_glass_hash": hashlib.sha256(self.glass.encode()).hexdigest(),
                "policy_file": str(directory / "policy.yaml"),
                "keystone": {"auth": keystone.auth, "cache_seconds": 0, "timeout_seconds": 1, "grace_seconds": 0},
            },
        }
        canaries.know("Keystone password", PASSWORD)
        self.config = directory / "nfvigil.toml"
        self.config.touch(mode=0o600)
        self.config.write_text("".join(f"{name} = {toml(value)}\n" for name, value in self.settings.items()))

    def start(self, *, is_awaited: bool = True) -> Watched:
        with self.log.open("ab") as log:
            command = [*NFVIGIL, "serve", "--config", str(self.config)]
            self._process = subprocess.Popen(
                command, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        if is_awaited:
            wait_until(lambda: self.api.try_once("GET", "/healthz"), "it answers")
        return self

    def start_again(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self.settings |= {"secrets": {"keys": self.environ["NFVIGIL_SECRETS__KEYS"]}}
        Service.start(self, is_awaited=False)
        wait_until(lambda: self.api.try_once("GET", "/healthz"), "it answers")

    def client_certificate(self) -> tuple[str, str]:
        certificate, key = _pem()
        for number, line in enumerate(key.splitlines()[1:-1]):
            if len(line) > 40:
                self.canaries.know(f"VES key, line {number}", line)
        return certificate, key

    def command(self, *arguments: str, env: dict[str, str] | None = None) -> bytes:
        """What somebody types after ``nfvigil``; what it says, and what others see of it meanwhile."""
        with subprocess.Popen(
            [*NFVIGIL, *arguments],
            env=self.environ | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            self.answers.append((f"ps of {arguments[0]}", Path(f"/proc/{process.pid}/cmdline").read_bytes()))
            out, error = process.communicate(timeout=60)
        self.answers.append((f"errors of {arguments[0]}", error))
        assert process.returncode == 0, error
        return out

    def ask(self, method: str, path: str, body: Any = None, *, place: str = "", **headers: str) -> Any:
        """One request of an administrator's unless it says otherwise; what is answered is looked at in the end."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.api.ask(method, path, body, sent)
        told = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode() + answer.body
        self.answers.append((place or f"{method} {path}", told))
        return answer


def _pem() -> tuple[str, str]:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nfvigil")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=begin,
        not_valid_after=begin + timedelta(days=3650),
    ).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), private.decode()


def account(plant: Any, name: str, url: str) -> dict[str, Any]:
    bus = f"rabbit://u:{quote(plant(f'bus of the VIM of the {name}'), safe='')}@{CLOSED}/"
    auth = {"auth_url": url, "username": "u", "password": plant(f"VIM password of the {name}"), "project_name": "p"}
    more = {"user_domain_id": "default", "project_domain_id": "default"}
    return {"auth": auth | more, "timeout_seconds": 1, "bus": bus}


@pytest.fixture
def keystone() -> Iterator[KeystoneStandIn]:
    with KeystoneStandIn() as keystone:
        yield keystone


@pytest.fixture
def watched(tmp_path: Path, keystone: KeystoneStandIn) -> Iterator[Watched]:
    service = Watched(tmp_path, Canaries(ALLOWED), keystone)
    yield service
    service.beside.close()
    service.close()


def test_a_secret_is_read_by_nobody_whatever_fails(
    watched: Watched, keystone: KeystoneStandIn, nursery: Nursery
) -> None:
    canaries = watched.canaries
    config = str(watched.config)
    made = watched.command("token", "create", "--role", "admin", "--config", config).decode().strip()
    watched.api = Api(port=watched.port, token=canaries.know("token by the command", made))
    watched.start()

    subscribe(watched)
    add_clouds(watched, keystone)
    knock(watched, keystone)
    send_what_is_wrong(watched)
    watched.ask("POST", "/v1/events", DOWN)
    wait_until(lambda: watched.api.all("/v1/alarms"), "alarms")
    for host in ("compute-1", "compute-2"):
        watched.ask("GET", f"/v1/hosts/{host}/power")
    wait_until(lambda: b"endpoint fails" in watched.log.read_bytes(), "a consumer fails")
    wait_until(lambda: b"Alertmanager cannot be asked" in watched.log.read_bytes(), "Alertmanager is away")
    keystone.stop()
    (watched.directory / "policy.yaml").write_text(f'"{canaries.plant("wrong policy file")}: [\n')
    knock(watched, keystone, "again")
    read_everything(watched)
    look_at_processes(watched)
    watched.command("db", "backup", str(watched.directory / "copy.db"), "--config", config)
    watched.command("db", "check", "--config", config)
    token = watched.directory / "token"
    token.write_text(made)
    url = f"http://127.0.0.1:{watched.port}"
    watched.answers.append(
        ("GET /v1/subscriptions", watched.command("--url", url, "--token-file", str(token), "subscription", "list"))
    )
    for name in ("away", "refusing"):  # A start waits for the clouds that there are.
        assert watched.ask("DELETE", f"/v1/vims/{name}").status == 204
    watched.beside.close()
    watched.kill()
    database = [watched.directory / name for name in ("nfvigil.db", "nfvigil.db-wal", "copy.db")]
    assert all(path.stat().st_size for path in database)
    pieces = [("database", path.read_bytes()) for path in database]
    (watched.directory / "policy.yaml").write_text("")
    watched.start_again(nursery)
    read_everything(watched)
    assert watched.stop() == 0, watched.tail()

    files = {path for path in watched.directory.rglob("*") if path.is_file() and path.name not in INPUTS}
    pieces += [("database" if not is_text(path.read_bytes()) else path.name, path.read_bytes()) for path in files]
    assert {path.name for path in files} >= {"service.log", "nfvigil.db", "ipmi.cmdline"}
    hits = canaries.hits([*pieces, *watched.answers])
    inputs = canaries.hits((name, (watched.directory / name).read_bytes()) for name in INPUTS)
    assert len({hit.secret for hit in inputs}) >= 7, "they are found where they are known to be"
    assert not hits, "\n".join(sorted({f"{hit.secret}: {hit.found}" for hit in hits}))
    assert canaries.allowed.keys() == canaries.used, "an exception that is not needed is taken out"


def subscribe(service: Watched) -> None:
    plant, ask = service.canaries.plant, service.ask
    project = service.api.all("/v1/resources?kind=server")[0]["record"]["project"]
    server = next(one["record"]["id"] for one in service.api.all("/v1/resources?kind=server"))
    key = service.canaries.know("endpoint's key", "whsec_" + base64.b64encode(os.urandom(32)).decode())
    assert Webhook(key)
    endpoints = [
        {"url": f"http://{NOBODY}/", "format": "signed", "secret": key},
        {"url": f"http://{NOBODY}/t", "token": plant("endpoint's token")},
    ]
    body = {"name": "w", "project": project, "endpoints": endpoints}
    for _ in range(2):
        assert ask("POST", "/v1/subscriptions", body, Idempotency_Key=plant(f"idempotency key {_}")).status == 201
    query = f"http://{NOBODY}/q?token=" + quote(plant("webhook's query"), safe="")
    body = {"name": "q", "project": project, "endpoints": [{"url": query}]}
    assert ask("POST", "/v1/subscriptions", body).status == 201
    answer = ask("POST", "/v1/tokens", {"role": "member", "project": project}, place="its own answer")
    member = service.canaries.know("member's token", answer.json()["token"])
    shown = service.beside.ask("GET", "/v1/subscriptions", headers={"X-Auth-Token": member})
    service.answers.append(("its owner's view", shown.body))
    for number, login in enumerate(
        (
            {"authType": ["BASIC"], "paramsBasic": {"userName": "u", "password": plant("Basic password")}},
            {
                "authType": ["OAUTH2_CLIENT_CREDENTIALS"],
                "paramsOauth2ClientCredentials": {
                    "clientId": "c",
                    "clientPassword": plant("OAuth2 password"),
                    "tokenEndpoint": f"http://{NOBODY}/token",
                },
            },
        )
    ):
        sol = {"callbackUri": f"http://{NOBODY}/sol/{number}", "authentication": login}
        assert ask("POST", "/vnffm/v1/subscriptions", sol, Version="1.3.0").status == 201
    certificate, key = service.client_certificate()
    collector = {
        "endpoint": f"https://{NOBODY}/eventListener/v5",
        "username": "u",
        "password": plant("VES password"),
        "client_cert": certificate,
        "client_key": key,
    }
    config = {"ves_subscription": collector, "heartbeat_interval": 1}
    assert ask("PUT", "/v1/vims/cloud/ves", config).status == 200
    assert ask("POST", "/api/multicloud-fcaps/v0/cloud/vesagent", {"vesagent_config": config}).status == 201
    assert ask("POST", "/v1/vims/cloud/ves/test").json()["ok"] is False
    wrong = collector | {
        "client_key": plant("a VES key that is none"),
        "password": plant("VES password of a wrong one"),
    }
    assert ask("PUT", "/v1/vims/cloud/ves", config | {"ves_subscription": wrong}).status == 400
    query = f"http://{NOBODY}/a?token=" + quote(plant("Aodh action's query"), safe="")
    alarm = {
        "name": "a",
        "project_id": project,
        "type": "event",
        "event_rule": {"event_type": "compute.instance.update"},
        "alarm_actions": [query, f"log://u:{plant('log action', 16)}@x"],
    }
    created = ask("POST", "/v2/alarms", alarm, place="GET /v2/alarms/{alarm_id}")
    assert created.status == 201, created
    query = f"http://{NOBODY}/vnf_instances/v/servers/{server}/notify?token=" + quote(plant("Tacker's query"), safe="")
    path = f"/server_notifier/v2/{project}/servers/{server}/alarms"
    answer = ask("POST", path, {"fault_action": query}, place="its own answer")
    assert answer.status in (201, 400), answer


def add_clouds(service: Watched, keystone: KeystoneStandIn) -> None:
    plant, ask, know = service.canaries.plant, service.ask, service.canaries.know
    for name, url in (("away", f"http://{CLOSED}/v3"), ("refusing", keystone.url)):
        options = account(plant, f"API, {name}", url)
        body = {"name": name, "driver": "openstack", "options": options}
        for path in ("/v1/vims/check", "/v1/vims"):
            ask("POST", path, body, Idempotency_Key=f"{name}{path}")
        ask("POST", f"/v1/vims/{name}/check")
    for path, body, field in (
        ("/v1/tokens", {"role": "reader", "project": "A"}, "token"),
        ("/v1/monitor-keys", {"name": "bmc"}, "key"),
    ):
        answer = ask("POST", path, body, place="its own answer", Idempotency_Key=f"k{path}")
        name = "token by the API" if field == "token" else "monitor's key by the API"
        secret = know(name, answer.json()[field])
        again = ask("POST", path, body, Idempotency_Key=f"k{path}")
        assert again.status == 409, again
        if field == "key":
            data, headers = signed(secret, "1")
            assert service.beside.ask("POST", "/v1/events", data, headers, raw=True).status == 200


def knock(service: Watched, keystone: KeystoneStandIn, when: str = "first") -> None:
    """Wrong credentials of every kind, and right ones while nobody can say so."""
    plant, known = service.canaries.plant, service.canaries.plant(f"Keystone token {when}")
    keystone.tokens[known] = token_of("admin")
    password = plant(f"password of a stranger {when}")
    basic = base64.b64encode(f"user:{password}".encode()).decode()
    for headers in (
        {"X-Auth-Token": known},
        {"X-Auth-Token": plant(f"wrong token {when}")},
        {"X-Auth-Token": known, "X-Service-Token": plant(f"service token {when}")},
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"Bearer {plant(f'wrong bearer {when}')}"},
        {"X-Auth-Token": service.glass},
    ):
        for method, path, body in (
            ("GET", "/v1/alarms", None),
            ("POST", "/v1/events", DOWN),
            ("GET", "/vnffm/v1/alarms", None),
            ("DELETE", "/v1/tokens/none", None),
        ):
            answer = service.beside.ask(method, path, body, {"Version": "1.3.0", **headers})
            service.answers.append((f"{method} {path}", answer.body))


def send_what_is_wrong(service: Watched) -> None:
    """Each secret where it does not belong: what is said of that does not repeat it."""
    plant, ask = service.canaries.plant, service.ask
    for number, url in enumerate(
        (
            "http://user:{}@vnfm.example/",
            "http://user:{}/x@vnfm.example/",
            "http://[{}@vnfm.example/",
            "ftp://user:{}@vnfm.example/",
            "http://user:{}\uff03@vnfm.example/",
        )
    ):
        given = url.format(plant(f"wrong URL {number}"))
        alarm = {"name": f"w{number}", "type": "event", "event_rule": {}, "alarm_actions": [given]}
        refused = [
            ask("POST", "/v1/subscriptions", {"endpoints": [{"url": given}]}),
            ask("POST", "/vnffm/v1/subscriptions", {"callbackUri": given}, Version="1.3.0"),
            ask("POST", "/o2ims-infrastructureMonitoring/v1/alarmSubscriptions", {"callback": given}),
            ask("POST", "/v2/alarms", alarm),
        ]
        assert {one.status for one in refused} <= {400, 422}, refused
    wrong = plant("in the wrong field")
    for path, body in (
        ("/v1/subscriptions", {"endpoints": [{"url": wrong, "secret": wrong, "token": [wrong]}], "mode": wrong}),
        ("/v1/subscriptions", {"endpoints": wrong}),
        (
            "/v1/subscriptions",
            {"mode": "both", "endpoints": [{"url": "http://x/", "secret": wrong}]},
        ),
        ("/v1/vims", {"name": wrong, "driver": wrong, "options": {"password": wrong}}),
        ("/v1/vims", {"name": "x", "driver": "openstack", "options": {"auth": wrong, "bus": wrong}}),
        ("/v1/vims", {"name": "x", "driver": "simulated", "options": {"hosts": wrong}}),
        ("/v1/tokens", {"role": wrong, "expires_time": wrong}),
        ("/v1/monitor-keys", {"name": "bmc", "expires_time": wrong}),
        ("/vnffm/v1/subscriptions", {"callbackUri": f"http://{NOBODY}/", "authentication": {"authType": [wrong]}}),
        ("/v2/alarms", {"name": "x", "type": wrong, "event_rule": wrong, "severity": wrong}),
        ("/v1/instructions", {"action": wrong, "target": "server/none"}),
    ):
        answer = ask("POST", path, body, Version="1.3.0")
        assert 400 <= answer.status < 500, answer
    large = {"endpoints": [{"url": "http://x.example/", "secret": plant("too large") * 100_000}]}
    assert ask("POST", "/v1/subscriptions", large).status == 413
    broken = f'{{"token": "{plant("no JSON")}'.encode()
    answer = service.api.ask("POST", "/v1/vims", broken, {"Content-Type": "application/json"}, raw=True)
    service.answers.append(("no JSON", answer.body))


def read_everything(service: Watched) -> None:
    """Every address that can be read, as the administrator and as who breaks the glass."""
    glass = Api(port=service.port, token=service.glass)
    known: dict[str, list[str]] = {}
    paths = service.api.get("/openapi.json")["paths"]
    for path in sorted((path for path, of in paths.items() if "get" in of), key=lambda path: path.count("{")):
        if path.endswith("/stream"):
            continue
        places = [path] if "{" not in path else _filled(path, known)
        for place in places:
            for api in (service.api, glass):
                answer = api.ask("GET", place, headers={"Version": "1.3.0"})
                assert answer.status < 500 or answer.status == 503, answer
                service.answers.append((f"GET {path}", answer.body))
            if "{" not in path and answer.headers.get("content-type", "").startswith("application/json"):
                known[path] = _ids(json.loads(answer.body))
    glass.close()


def _filled(path: str, known: dict[str, list[str]]) -> list[str]:
    front, _, rest = path.partition("/{")
    behind = rest.partition("}")[2]
    if "{" in behind:
        return []
    return [f"{front}/{quote(one, safe='')}{behind}" for one in known.get(front, [])[:2]]


def _ids(answer: Any) -> list[str]:
    items = answer.get("items", []) if isinstance(answer, dict) else answer
    names = ("id", "alarm_id", "name", "alarmSubscriptionId")
    return [
        str(next(one[name] for name in names if name in one))
        for one in items
        if isinstance(one, dict) and one.keys() & {*names}
    ]


def look_at_processes(service: Watched) -> None:
    """What everybody on this machine sees of the service and of what it has started."""
    pids = [str(service.pid)]
    for pid in pids:
        service.answers.append(("ps", Path(f"/proc/{pid}/cmdline").read_bytes()))
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            pids += children.read_text().split()
