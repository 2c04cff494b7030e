"""As whom the client speaks: a token, a file, the environment, a monitor's key, or what Keystone says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from client_fake import Fake, Says
from keystoneauth1 import noauth, session, token_endpoint
from keystoneauth1.exceptions import ConnectFailure, EndpointNotFound, Unauthorized
from standardwebhooks import Webhook

import nfvigil.client
from nfvigil.client import Client, Keystone, MonitorKey, Token, TokenFile, from_environment
from nfvigil.errors import RefusedError, UnavailableError, UnknownCallerError

KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def test_a_monitors_key_signs_what_is_sent_as_standard_webhooks_are(fake: Fake) -> None:
    fake.says(Says({"events": [{"state": "accepted", "id": "1"}]}))

    with Client(fake.url, access=MonitorKey(KEY)) as client:
        client.events.send({"type": "compute.host.down", "resource": "host/compute-1"})

    asked = fake.asked[0]
    assert Webhook(KEY).verify(asked.body.decode(), dict(asked.headers)) == json.loads(asked.body)
    assert "X-Auth-Token" not in asked.headers


@pytest.mark.parametrize("key", ["", "whsec_", "whsec_!!", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(RefusedError, match="the key is wrong"):
        MonitorKey(key)


def test_no_secret_is_shown() -> None:
    assert "tell-nobody" not in repr(Token("tell-nobody"))
    assert KEY not in repr(MonitorKey(KEY))
    assert "tell-nobody" not in repr(Client("http://x", token="tell-nobody"))


@pytest.mark.parametrize("token", ["with blank", "schlüssel", "line\nbreak"])
def test_what_no_token_has_is_refused(token: str) -> None:
    with pytest.raises(RefusedError, match="characters that no token has"):
        Token(token)


def test_the_environment_names_a_token_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-file\n")

    by_file = from_environment({"NFVIGIL_TOKEN_FILE": str(tmp_path / "token"), "NFVIGIL_TOKEN": "other"})
    by_word = from_environment({"NFVIGIL_TOKEN": " word "})

    assert by_file.headers(b"") == {"X-Auth-Token": "of-the-file"}
    assert by_word.headers(b"") == {"X-Auth-Token": "word"}
    assert from_environment({}).headers(b"") == {}


def test_a_token_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(RefusedError, match="the token file /nowhere cannot be read"):
        TokenFile("/nowhere").headers(b"")


def test_a_session_with_a_fixed_token_speaks_with_it(fake: Fake) -> None:
    login = session.Session(auth=token_endpoint.Token(fake.url, "fixed"))
    fake.says(Says({"id": "a-1"}))

    with Client.of_session(login) as client:
        client.alarms.show("a-1")

    assert fake.asked[0].headers["X-Auth-Token"] == "fixed"


def test_a_session_that_logs_in_nowhere_lets_another_speak(fake: Fake) -> None:
    login = session.Session(auth=noauth.NoAuth(endpoint=fake.url))
    fake.says(Says({"id": "a-1"}), Says({"id": "a-1"}))

    for otherwise in (None, Token("own")):
        with Client.of_session(login, otherwise=otherwise) as client:
            client.alarms.show("a-1")

    assert [one.headers.get("X-Auth-Token") for one in fake.asked] == [None, "own"]


def test_a_cloud_without_us_in_its_catalogue_is_named() -> None:
    login = session.Session(auth=noauth.NoAuth())

    with pytest.raises(RefusedError, match="its catalogue has no nfv-fault-management"):
        Client.of_session(login)


def test_an_entry_of_clouds_yaml_is_enough(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = {"auth_type": "none", "auth": {}, "nfv_fault_management_endpoint_override": fake.url}
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": cloud}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    fake.says(Says({"id": "a-1"}))

    with Client.of_cloud("lab") as client:
        assert client.alarms.show("a-1").id == "a-1"
    with pytest.raises(RefusedError, match=r"clouds\.yaml is of no help"):
        Client.of_cloud("nowhere")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(Unauthorized(), UnknownCallerError), (ConnectFailure(), UnavailableError), (EndpointNotFound(), RefusedError)],
)
def test_what_keystone_says_is_an_error_of_ours(theirs: Exception, ours: type[Exception]) -> None:
    class Login:
        def get_auth_headers(self, auth: Any) -> Any:
            raise theirs

    with pytest.raises(ours, match="Keystone"):
        Keystone(Login()).headers(b"")


def test_a_token_of_keystone_that_is_over_is_asked_for_anew(fake: Fake) -> None:
    class Login:
        tokens = iter(("one", "two"))
        token = next(tokens)

        def get_auth_headers(self, auth: Any) -> Any:
            return {"X-Auth-Token": self.token}

        def invalidate(self, auth: Any) -> bool:
            self.token = next(self.tokens)
            return True

    fake.says(Says({}, 401), Says({"id": "a-1"}))

    with Client(fake.url, access=Keystone(Login())) as client:
        client.alarms.show("a-1")

    assert [one.headers["X-Auth-Token"] for one in fake.asked] == ["one", "two"]


def test_the_package_has_what_it_names() -> None:
    for name in nfvigil.client.__all__:
        assert getattr(nfvigil.client, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        nfvigil.client.nothing_such  # noqa: B018


def test_who_asks_a_command_line_for_help_does_not_wait_for_the_client() -> None:
    """Of both: ``nfvigil --help``, and ``openstack --help``, which imports the plugin at every start."""
    script = "import sys, nfvigil.cli.main, nfvigil.openstack_plugin.plugin; print({*sys.modules} & {*sys.argv[1:]})"
    heavy = ["msgspec", "http.client", "ssl", "cliff", "osc_lib", "keystoneauth1", "yaml", "asyncio"]

    done = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
