"""Logging in, against a Keystone of our own on loopback."""

from __future__ import annotations

import asyncio
import ssl
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from nfvigil.controller.vims.openstack import session as session_module
from nfvigil.controller.vims.openstack.options import checked
from nfvigil.controller.vims.openstack.session import Session, _tls
from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.errors import RefusedError, VimUnavailableError

pytestmark = pytest.mark.anyio

SECOND = 1_000_000
START_US = 1_800_000_000_000_000
LIFE_SECONDS = 3600
PEM = Path(certifi.where()).read_text(encoding="ascii", errors="ignore")


class Keystone:
    def __init__(self) -> None:
        self.logins = 0
        self.status = 201
        self.url = ""
        self.now_us = START_US
        self.catalogue: list[dict[str, Any]] = [
            self.service("compute", public="http://nova/v2.1/", internal="http://inside/v2.1"),
            self.service("network", public="http://neutron"),
            self.service("volumev3", public="http://cinder/v3/p"),
        ]

    @staticmethod
    def service(kind: str, **urls: str) -> dict[str, Any]:
        endpoints = [
            {
                "id": f"{kind}-{interface}-{region}",
                "interface": interface,
                "region": region,
                "region_id": region,
                "url": url,
            }
            for interface, url in urls.items()
            for region in ("one",)
        ]
        return {"id": kind, "name": kind, "type": kind, "endpoints": endpoints}

    async def version(self, _request: web.Request) -> web.Response:
        links = [{"rel": "self", "href": f"{self.url}/v3/"}]
        return web.json_response({"version": {"id": "v3.14", "status": "stable", "links": links}})

    async def token(self, request: web.Request) -> web.Response:
        self.logins += 1
        if self.status != 201:
            return web.json_response({"error": {"code": self.status, "message": "not today"}}, status=self.status)
        asked = await request.json()
        expires = datetime.fromtimestamp(self.now_us / SECOND + LIFE_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        token = {
            "methods": ["password"],
            "expires_at": expires,
            "issued_at": expires,
            "user": {"id": "u", "name": asked["auth"]["identity"]["password"]["user"]["name"], "domain": {"id": "d"}},
            "project": {"id": "p", "name": "ops", "domain": {"id": "d", "name": "d"}},
            "roles": [{"id": "r", "name": "admin"}],
            "catalog": self.catalogue,
        }
        return web.json_response({"token": token}, status=201, headers={"X-Subject-Token": f"token-{self.logins}"})


@pytest.fixture
async def keystone() -> AsyncIterator[Keystone]:
    player = Keystone()
    app = web.Application()
    app.router.add_get("/v3", player.version)
    app.router.add_get("/v3/", player.version)
    app.router.add_post("/v3/auth/tokens", player.token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    player.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield player
    await runner.cleanup()


def auth_of(keystone: Keystone) -> dict[str, str]:
    return {
        "auth_url": f"{keystone.url}/v3",
        "username": "watcher",
        "password": "geheim",
        "project_name": "ops",
        "user_domain_name": "d",
        "project_domain_name": "d",
    }


def session_of(keystone: Keystone, **options: Any) -> Session:
    given = options if "cloud" in options else {"auth": auth_of(keystone)} | options
    return Session(name="lab", options=checked("lab", given), clock=lambda: keystone.now_us)


async def test_a_login_has_token_roles_and_endpoints(keystone: Keystone) -> None:
    session = session_of(keystone)

    login = await session.login()
    again = await session.login()

    assert (login.user, login.project, login.roles) == ("watcher", "ops", ("admin",))
    assert login.endpoints == {
        "compute": "http://nova/v2.1",
        "network": "http://neutron",
        "block-storage": "http://cinder/v3/p",
    }
    assert again is login
    assert session.tls() is True
    assert "token-1" not in repr(login)
    await session.close()


async def test_region_and_interface_choose_the_endpoints(keystone: Keystone) -> None:
    inside = session_of(keystone, interface="internal")
    elsewhere = session_of(keystone, region="two")

    assert (await inside.login()).endpoints == {"compute": "http://inside/v2.1"}
    assert (await elsewhere.login()).endpoints == {}
    await inside.close()
    await elsewhere.close()


async def test_a_cloud_of_clouds_yaml_is_found_as_every_tool_does(
    keystone: Keystone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = "".join(f"\n      {field}: {value}" for field, value in auth_of(keystone).items())
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(
        f"clouds:\n  ours:\n    auth:{auth}\n    region_name: one\n    network_endpoint_override: http://other\n"
    )
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    found = session_of(keystone, cloud="ours")
    named = session_of(keystone, cloud="ours", clouds_file=str(clouds))
    missing = session_of(keystone, cloud="theirs")

    assert (await found.login()).endpoints["network"] == "http://other"
    assert (await named.login()).user == "watcher"
    with pytest.raises(RefusedError, match="theirs"):
        await missing.login()
    for session in (found, named, missing):
        await session.close()


async def test_a_token_is_renewed_before_it_ends_and_when_it_is_refused(keystone: Keystone) -> None:
    session = session_of(keystone)
    first = await session.login()
    keystone.now_us += (LIFE_SECONDS - 60) * SECOND
    second = await session.login()
    still = await session.login(refused=first.token)
    third = await session.login(refused=second.token)

    assert [each.token.reveal() for each in (first, second, still, third)] == [
        "token-1",
        "token-2",
        "token-2",
        "token-3",
    ]
    await session.close()


async def test_many_who_need_a_login_at_once_cause_one(keystone: Keystone) -> None:
    session = session_of(keystone)

    await asyncio.gather(*(session.login() for _ in range(20)))

    assert keystone.logins == 1
    keystone.now_us += (LIFE_SECONDS - 60) * SECOND
    await asyncio.gather(*(session.login() for _ in range(20)))
    assert keystone.logins == 2
    await session.close()


async def test_a_keystone_that_is_away_costs_nothing_while_the_token_holds(keystone: Keystone) -> None:
    session = session_of(keystone)
    first = await session.login()
    keystone.status = 503
    keystone.now_us += (LIFE_SECONDS - 60) * SECOND

    assert await session.login() is first
    keystone.now_us += 120 * SECOND
    with pytest.raises(VimUnavailableError, match="Keystone cannot be asked"):
        await session.login()
    await session.close()


async def test_a_keystone_that_does_not_answer_is_left_in_peace(keystone: Keystone) -> None:
    session = session_of(keystone)
    keystone.status = 503
    for _ in range(2):
        with pytest.raises(VimUnavailableError, match="cannot be asked"):
            await session.login()
    asked = keystone.logins

    with pytest.raises(VimUnavailableError, match="asked again later"):
        await session.login()

    assert keystone.logins == asked
    await session.close()


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (401, RefusedError, "not today"),
        (403, RefusedError, "not today"),
        (429, VimUnavailableError, "too often"),
        (500, VimUnavailableError, "cannot be asked"),
    ],
)
async def test_what_keystone_says_decides(keystone: Keystone, status: int, error: type[Exception], text: str) -> None:
    session = session_of(keystone)
    keystone.status = status

    with pytest.raises(error, match=text) as raised:
        await session.login()

    assert "geheim" not in str(raised.value)
    await session.close()


async def test_a_login_that_takes_too_long_is_no_login(keystone: Keystone, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(keystone, timeout_seconds=0.2)
    go = asyncio.Event()

    async def slow(_work: Any) -> Any:
        await go.wait()

    monkeypatch.setattr(session_module.asyncio, "to_thread", slow)

    with pytest.raises(VimUnavailableError, match=r"did not answer within 0\.2 s"):
        await session.login()
    await session.close()


async def test_fields_that_the_way_of_logging_in_does_not_know_are_refused(keystone: Keystone) -> None:
    session = session_of(keystone, auth=auth_of(keystone) | {"colour": "red"})

    with pytest.raises(RefusedError, match="auth does not fit password"):
        await session.login()
    await session.close()


async def test_a_certificate_lies_in_a_private_file_until_the_end(keystone: Keystone) -> None:
    session = session_of(keystone, cacert_content=PEM)

    await session.login()
    path = session._cacert_file
    assert path is not None
    mode = stat.S_IMODE(path.stat().st_mode)
    content = path.read_text()
    await session.close()

    assert mode == 0o600
    assert content == PEM
    assert not path.exists()
    assert not isinstance(session.tls(), bool)


async def test_certificates_are_not_checked_only_where_that_is_said(keystone: Keystone) -> None:
    session = session_of(keystone, insecure=True)
    await session.login()

    assert session.tls() is False
    await session.close()


async def test_a_certificate_that_cannot_be_read_is_refused(keystone: Keystone, tmp_path: Path) -> None:
    missing = session_of(keystone, cacert=str(tmp_path / "none.pem"))
    with pytest.raises((RefusedError, VimUnavailableError), match=r"certificate|CA|bundle"):
        await missing.login()
    await missing.close()


def test_who_shows_a_certificate_of_its_own_shows_it_to_the_services_too(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "watcher")])
    until = datetime.now(UTC) + timedelta(days=1)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime.now(UTC), until).sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both, alone = tmp_path / "both.pem", tmp_path / "key.pem"
    both.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    alone.write_bytes(private)

    checked_one = _tls(True, str(both))
    unchecked = _tls(False, (str(both), str(alone)))

    assert isinstance(checked_one, ssl.SSLContext)
    assert isinstance(unchecked, ssl.SSLContext)
    assert (checked_one.verify_mode, unchecked.verify_mode) == (ssl.CERT_REQUIRED, ssl.CERT_NONE)


async def test_a_driver_that_was_never_asked_closes_as_well(keystone: Keystone) -> None:
    vim = OpenStackVim.from_options("lab", {"auth": auth_of(keystone)}, lambda: 0)

    await vim.close()

    assert keystone.logins == 0
