"""Who is let into the real service: by Keystone, a signature, an open door, by breaking glass; also after a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from service_api import Answer, Api
from service_process import MakeService, Service, wait_until
from standardwebhooks import Webhook

sys.path.append(str(Path(__file__).parents[1] / "northbound"))

from keystone_standin import PASSWORD, KeystoneStandIn, token_of

NFVIGIL = [sys.executable, "-m", "nfvigil.cli.main"]
EVENT = {"type": "compute.host.fan", "resource": "host/compute-1"}
DOCTOR = [{"type": "compute.host.fan", "details": {"hostname": "compute-1"}}]


@pytest.fixture
def keystone() -> Iterator[KeystoneStandIn]:
    with KeystoneStandIn() as keystone:
        yield keystone


class Configured(Service):
    """``nfvigil serve`` as people start it: with a file of settings."""

    def start(self, *, is_awaited: bool = True) -> Configured:
        config = self.directory / "nfvigil.toml"
        config.touch(mode=0o600)
        config.write_text("".join(f"{name} = {toml(value)}\n" for name, value in self.settings.items()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*NFVIGIL, "serve", "--config", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        if is_awaited:
            self.wait_ready()
        return self

    def command(self, *arguments: str) -> Any:
        """What somebody types after ``nfvigil``, and the JSON that it says."""
        config = ["--config", str(self.directory / "nfvigil.toml")] if arguments[0] != "break-glass" else []
        done = subprocess.run(
            [*NFVIGIL, *arguments, *config, "-f", "json"], capture_output=True, text=True, timeout=60, check=True
        )
        return json.loads(done.stdout)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def signed(key: str, id: str, body: Any = EVENT, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    data = json.dumps(body)
    moment = datetime.fromtimestamp(int(at or time.time()), UTC)
    headers = {"webhook-id": id, "webhook-timestamp": str(int(moment.timestamp())), "Content-Type": "application/json"}
    return data.encode(), headers | {"webhook-signature": Webhook(key).sign(id, moment, data)}


def send(service: Service, key: str, id: str) -> Answer:
    data, headers = signed(key, id)
    service.api.close()  # what was idle for seconds the service may have closed
    return service.api.ask("POST", "/v1/events", data, headers, raw=True)


def status_of(service: Service, token: str, path: str = "/v1/alarms") -> int:
    api = Api(port=service.port, token=token)
    try:
        return api.ask("GET", path).status
    finally:
        api.close()


def test_the_service_lets_in_whom_its_settings_say(tmp_path: Path, keystone: KeystoneStandIn) -> None:
    service = Configured(directory=tmp_path)
    glass = service.command("break-glass", "create")
    service.settings |= {
        "dev": False,
        "access": {
            "break_glass_hash": glass["break_glass_hash"],
            "keystone": {"auth": keystone.auth, "cache_seconds": 0, "timeout_seconds": 2, "grace_seconds": 60},
            "open_doors": [{"name": "lan", "doors": ["/events"], "networks": ["127.0.0.0/8"]}],
        },
    }
    keystone.tokens |= {
        "of-the-admin": token_of("admin"),
        "of-a": token_of("member", project="A"),
        "of-nobody": token_of("cook"),
    }
    try:
        service.start()  # without a local token: Keystone is a way in

        admin = Api(port=service.port, token="of-the-admin")
        assert admin.get("/readyz")["details"]["keystone"]["answers"]
        assert [status_of(service, token) for token in ("of-a", "of-nobody", "of-none")] == [200, 403, 401]
        assert status_of(service, "of-a", "/v1/events") == 403
        assert service.api.ask("GET", "/v1/alarms", headers={"X-Roles": "admin", "X-Project-Id": "A"}).status == 401

        # An open door, and the same door's neighbour.
        service.api.close()
        assert service.api.ask("PUT", "/events", DOCTOR).status == 200
        assert service.api.ask("POST", "/v1/events", EVENT).status == 401

        # A key that is made beside the running service is known to it at once.
        key = service.command("monitor-key", "create", "ping")
        assert send(service, key["key"], "1").status == 200
        assert send(service, key["key"], "1").status == 409
        admin.close()
        made = admin.post("/v1/monitor-keys", {"name": "bmc"}, expect=201)
        assert send(service, made["key"], "1").status == 200
        assert admin.send("DELETE", f"/v1/monitor-keys/{made['id']}", expect=204) is None
        assert send(service, made["key"], "2").status == 401
        assert {one["name"] for one in admin.get("/v1/monitor-keys")["items"]} == {"ping", "bmc"}

        # Breaking glass changes nothing.
        glass_api = Api(port=service.port, token=glass["secret"])
        assert glass_api.ask("POST", "/v1/events", EVENT).status == 403
        assert glass_api.ask("POST", "/v1/tokens", {"role": "admin"}).status == 403
        assert glass_api.get("/v1/resources?kind=host")["items"], "it sees what no project may see"
        glass_api.close()

        # A token that is revoked beside it is known to be so within five seconds.
        token = service.command("token", "create", "--role", "reader", "--project", "A")
        assert status_of(service, token["token"]) == 200
        subprocess.run(
            [*NFVIGIL, "token", "revoke", token["id"], "--config", str(tmp_path / "nfvigil.toml")],
            check=True,
            capture_output=True,
        )
        revoked = time.monotonic()
        wait_until(lambda: status_of(service, token["token"]) == 401, "the token is refused", 10)
        assert time.monotonic() - revoked < 6.5

        # Keystone goes away: who was known goes on, who was not is told to come again, our own tokens do not care.
        keystone.stop()
        assert [status_of(service, one) for one in ("of-a", "of-none-2", glass["secret"])] == [200, 503, 200]
        assert not admin.get("/readyz")["details"]["keystone"]["answers"]
        metrics = admin.ask("GET", "/metrics").body.decode()
        assert "nfvigil_keystone_away 1.0" in metrics
        assert 'nfvigil_access_refused_total{with="token"}' in metrics
        del keystone.tokens["of-a"]
        keystone.start()
        wait_until(lambda: status_of(service, "of-a") == 401, "Keystone's word counts again", 20)
        admin.close()
        log = service.log.read_text()
        assert log.count("Keystone cannot be asked") == log.count("Keystone answers again") == 1
        assert log.count("the account for breaking glass is used") == 1
        kept = service.database.read_bytes() + log.encode()
        for secret in (glass["secret"], key["key"], made["key"], token["token"], PASSWORD, "of-the-admin", "of-a"):
            assert secret.encode() not in kept
    finally:
        service.close()


def test_what_was_made_is_good_after_a_kill_and_what_was_revoked_stays_so(make_service: MakeService) -> None:
    service = make_service(settings={"dev": False, "access": {"break_glass_hash": "0" * 64}})
    token = made_beside(service)
    service.api = Api(port=service.port, token=token)
    service.start()
    good: list[str] = []
    revoked: list[str] = []
    keys: list[str] = []
    dead: list[str] = []

    for turn in range(2):
        service.api.close()
        for kept, gone, path, body, field in (
            (good, revoked, "/v1/tokens", {"role": "reader", "project": "A"}, "token"),
            (keys, dead, "/v1/monitor-keys", {"name": f"m{turn}"}, "key"),
        ):
            kept.append(service.api.post(path, body, expect=201)[field])
            made = service.api.post(path, body, expect=201)
            service.api.send("DELETE", f"{path}/{made['id']}", expect=204)
            gone.append(made[field])
        service.kill()
        service.start()

        assert [status_of(service, one) for one in good] == [200] * len(good)
        assert [status_of(service, one) for one in revoked] == [401] * len(revoked)
        assert {send_without_token(service, key, f"{turn}").status for key in keys} == {200}
        assert {send_without_token(service, key, f"{turn}").status for key in dead} == {401}
    assert "Traceback" not in service.tail(1000)


def send_without_token(service: Service, key: str, id: str) -> Answer:
    api = Api(port=service.port)
    try:
        data, headers = signed(key, id)
        return api.ask("POST", "/v1/events", data, headers, raw=True)
    finally:
        api.close()


def made_beside(service: Service) -> str:
    """A first token, on the database itself."""
    environ = {**os.environ, "NFVIGIL_DATABASE_URL": service.settings["database_url"]}
    done = subprocess.run(
        [*NFVIGIL, "token", "create", "--role", "admin"], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ({"open_doors": [{"name": "x", "doors": ["/v1/alarms"], "networks": ["10.0.0.0/24"]}]}, "is no event door"),
        ({"keystone": {"auth": {"username": "x"}}}, "access.keystone.auth.auth_url"),
    ],
)
def test_wrong_settings_of_access_stop_the_start(make_service: MakeService, access: Any, said: str) -> None:
    service = make_service(settings={"access": access})
    service.start(is_awaited=False)

    assert service.exit_code() == 2
    assert said in service.tail()
