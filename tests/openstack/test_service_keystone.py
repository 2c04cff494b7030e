"""The service behind a real Keystone: its administrators, its tenants, what is revoked, and when it is away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from openstack_players import Client, Lab
from service_players import Api, LabService, MakeLabService, wait_until

CACHE_SECONDS = 2
KEYSTONE = "keystone"
Boot = Callable[..., dict[str, Any]]


class Login:
    """A token of an account of the lab, as Keystone gives it."""

    def __init__(self, lab: Lab, user: str, *, scope: dict[str, Any] | str | None = None) -> None:
        self._url = f"{lab.auth_url.removesuffix('/v3')}/v3/auth/tokens"
        project = {"project": {"name": user, "domain": {"id": "default"}}}
        password = {"user": {"name": user, "domain": {"id": "default"}, "password": lab.layout.settings.secret}}
        body: dict[str, Any] = {"auth": {"identity": {"methods": ["password"], "password": password}}}
        body["auth"]["scope"] = project if scope is None else scope
        answer = _http().post(self._url, json=body, timeout=60)
        assert answer.status_code == 201, answer.text
        self.token = answer.headers["X-Subject-Token"]
        self.told = answer.json()["token"]

    def revoke(self) -> None:
        headers = {"X-Auth-Token": self.token, "X-Subject-Token": self.token}
        assert _http().delete(self._url, headers=headers, timeout=60).status_code == 204


def _http() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@pytest.fixture
def service(make_lab_service: MakeLabService, openstack_lab: Lab) -> LabService:
    keystone = {
        "cloud": "admin",
        "clouds_file": str(openstack_lab.clouds_yaml),
        "cache_seconds": CACHE_SECONDS,
        "grace_seconds": 12,
        "timeout_seconds": 5,
    }
    return make_lab_service(settings={"dev": False, "access": {"keystone": keystone}}).start()


def ask(service: LabService, token: str, path: str = "/v1/alarms") -> int:
    api = Api(port=service.port, token=token)
    try:
        return api.ask("GET", path).status
    finally:
        api.close()


def servers(service: LabService, token: str) -> set[str]:
    api = Api(port=service.port, token=token)
    try:
        return {one["key"] for one in api.all("/v1/resources?kind=server")}
    finally:
        api.close()


@contextmanager
def without_keystone(lab: Lab) -> Iterator[None]:
    lab.stop(KEYSTONE)
    try:
        yield
    finally:
        lab.start(KEYSTONE)


def test_who_has_an_account_of_the_cloud_is_let_in_as_what_it_is_there(
    service: LabService, openstack_lab: Lab, openstack_admin: Client, boot: Boot
) -> None:
    mine = f"server/{boot('access-mine')['id']}"
    admin, tenant, other = (Login(openstack_lab, user) for user in ("admin", "tenant-a", "tenant-b"))
    wait_until(lambda: mine in servers(service, admin.token), "the server is known", 30)

    assert servers(service, tenant.token) == {mine}
    assert servers(service, other.token) == set()
    paths = ("/v1/events", "/v1/vims", "/v1/tokens")
    assert [ask(service, admin.token, path) for path in paths] == [200] * 3
    assert [ask(service, tenant.token, path) for path in paths] == [403] * 3
    assert ask(service, tenant.token, f"/v1/resources/{mine}") == 200
    assert ask(service, other.token, f"/v1/resources/{mine}") == 404

    # Another scope, another persona.
    unscoped = Login(openstack_lab, "tenant-a", scope="unscoped")
    assert ask(service, unscoped.token) == 403
    assert ask(service, "gAAAAABinvented") == 401


def test_who_administers_a_domain_sees_nothing_of_the_clouds_servers(
    service: LabService, openstack_lab: Lab, openstack_admin: Client, boot: Boot
) -> None:
    boot("access-domain")
    roles = openstack_admin.request("GET", "identity", "/v3/roles?name=admin")["roles"]
    users = openstack_admin.request("GET", "identity", "/v3/users?name=admin")["users"]
    grant = f"/v3/domains/default/users/{users[0]['id']}/roles/{roles[0]['id']}"
    openstack_admin.request("PUT", "identity", grant)
    try:
        domain = Login(openstack_lab, "admin", scope={"domain": {"id": "default"}})

        assert servers(service, domain.token) == set()
        assert ask(service, domain.token, "/v1/events") == 403
        assert ask(service, domain.token, "/metrics") == 403
    finally:
        openstack_admin.request("DELETE", "identity", grant)


def test_a_system_scoped_token_sees_everything(service: LabService, openstack_lab: Lab, boot: Boot) -> None:
    mine = f"server/{boot('access-system')['id']}"
    system = Login(openstack_lab, "admin", scope={"system": {"all": True}})

    wait_until(lambda: mine in servers(service, system.token), "the server is seen", 30)
    assert ask(service, system.token, "/v1/events") == 200


def test_a_token_that_is_revoked_is_refused_when_the_answer_is_not_believed_any_more(
    service: LabService, openstack_lab: Lab
) -> None:
    login = Login(openstack_lab, "tenant-a")
    assert ask(service, login.token) == 200

    login.revoke()

    begun = time.monotonic()
    wait_until(lambda: ask(service, login.token) == 401, "it is refused", CACHE_SECONDS + 5)
    assert time.monotonic() - begun < CACHE_SECONDS + 3


def test_while_keystone_is_away_who_was_known_goes_on_for_a_while(service: LabService, openstack_lab: Lab) -> None:
    known, stranger = Login(openstack_lab, "tenant-a"), Login(openstack_lab, "tenant-b")
    local = service.token("reader", "p")
    assert ask(service, known.token) == 200

    with without_keystone(openstack_lab):
        begun = time.monotonic()
        while time.monotonic() - begun < CACHE_SECONDS + 4:
            assert ask(service, known.token) == 200
            assert ask(service, local) == 200
            time.sleep(0.2)
        assert ask(service, stranger.token) == 503
        wait_until(lambda: ask(service, known.token) == 503, "grace is over", 30)
        assert ask(service, local) == 200

    wait_until(lambda: ask(service, known.token) == 200, "Keystone is found again", 60)
    assert ask(service, stranger.token) == 200
    log = service.log.read_text()
    assert log.count("Keystone cannot be asked") == log.count("Keystone answers again") == 1
    assert known.token not in log


@contextmanager
def short_lives(lab: Lab, seconds: int) -> Iterator[None]:
    """Keystone gives tokens for so long only."""
    path = lab.layout.root / "etc" / "keystone.conf"
    before = path.read_text()
    path.write_text(re.sub(r"(?m)^expiration = \d+$", f"expiration = {seconds}", before))
    assert path.read_text() != before
    try:
        lab.stop(KEYSTONE)
        lab.start(KEYSTONE)
        yield
    finally:
        path.write_text(before)
        lab.stop(KEYSTONE)
        lab.start(KEYSTONE)


def test_a_token_ends_at_its_time_also_by_grace_and_our_own_is_renewed(service: LabService, openstack_lab: Lab) -> None:
    with short_lives(openstack_lab, 12):
        login = Login(openstack_lab, "tenant-a")
        begun = time.monotonic()
        assert ask(service, login.token) == 200

        with without_keystone(openstack_lab):
            wait_until(lambda: ask(service, login.token) == 503, "it has ended", 20)
            # By grace alone it would have been believed for two seconds more.
            assert 8 < time.monotonic() - begun < 13.5

        # By now the token of our own account has ended as well.
        time.sleep(max(0.0, 14 - (time.monotonic() - begun)))
        wait_until(lambda: ask(service, login.token) == 401, "Keystone is asked again", 60)
        assert ask(service, Login(openstack_lab, "tenant-b").token) == 200
    assert service.log.read_text().count("Keystone answers again") == 1


def test_a_service_that_starts_while_keystone_is_away_lets_local_tokens_in(
    make_lab_service: MakeLabService, openstack_lab: Lab
) -> None:
    keystone = {"cloud": "admin", "clouds_file": str(openstack_lab.clouds_yaml), "timeout_seconds": 2}
    service = make_lab_service(settings={"dev": False, "vims": [], "access": {"keystone": keystone}})
    local = service.token("admin")
    login = Login(openstack_lab, "tenant-a")

    with without_keystone(openstack_lab):
        service.start()
        assert ask(service, local) == 200
        assert ask(service, login.token) == 503

    wait_until(lambda: ask(service, login.token) == 200, "Keystone is found", 60)
