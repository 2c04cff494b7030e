"""Below HTTP: certificates, answers that do not come or do not end, and what is not followed."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_fake import Fake, Says, fake_service
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nfvigil.client import BadAnswerError, Client
from nfvigil.client.retrying import NONE
from nfvigil.errors import RefusedError, UnavailableError

ALARM = {"id": "a-1"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "here.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Fake]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with fake_service(context) as fake:
        yield fake


def test_a_certificate_that_nobody_vouches_for_is_not_believed(secure: Fake) -> None:
    secure.says(Says(ALARM))

    with (
        Client(secure.url, token="secret", retries=NONE) as client,
        pytest.raises(UnavailableError, match="certificate verify failed"),
    ):
        client.alarms.show("a-1")

    assert secure.asked == []


def test_a_certificate_is_believed_that_one_was_given(secure: Fake, certificate: Path) -> None:
    secure.says(Says(ALARM), Says(ALARM))

    with Client(secure.url, verify=str(certificate), certificate=(str(certificate), None)) as client:
        assert client.alarms.show("a-1").id == "a-1"
    with Client(secure.url, verify=False) as client:
        assert client.alarms.show("a-1").id == "a-1"


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(fake: Fake) -> None:
    late = threading.Event()
    fake.says(Says(ALARM, after=late))

    with (
        Client(fake.url, timeout_seconds=0.1, retries=NONE) as client,
        pytest.raises(UnavailableError, match=r"did not answer within 0\.1 s"),
    ):
        client.alarms.show("a-1")
    late.set()


def test_an_answer_without_end_is_not_read_to_it(fake: Fake, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfvigil.client.connection.ANSWER_MAX_BYTES", 1 << 20)
    fake.says(Says(b"x" * (2 << 20)))

    with pytest.raises(BadAnswerError, match="more than 1 MiB"):
        client.alarms.show("a-1")


def test_nobody_is_followed_elsewhere_with_our_token(fake: Fake, client: Client) -> None:
    fake.says(Says({}, 307, {"Location": "http://192.0.2.1/"}))

    with pytest.raises(RefusedError, match="redirects are not followed"):
        client.alarms.show("a-1")

    assert len(fake.asked) == 1


def test_text_and_nothing_are_answers_too(fake: Fake, client: Client) -> None:
    fake.says(Says(b"up 1", headers={"Content-Type": "text/plain"}), Says(b""), Says({"ready": False}, 503))

    assert client.get("/metrics") == "up 1"
    assert client.delete("/v1/vims/lab") is None
    assert not client.health().ready
    assert [one.headers["NFVigil-API-Version"] for one in fake.asked] == ["1"] * 3


def test_what_no_part_has_is_asked_for_by_its_path(fake: Fake, client: Client) -> None:
    fake.says(*[Says({"ok": number}) for number in range(3)])

    found = [client.post("/a", {"b": 1}, {"c": "d"}), client.put("/a", []), client.patch("/a", {})]

    assert [one["ok"] for one in found] == [0, 1, 2]
    assert [(one.method, one.path, one.body) for one in fake.asked] == [
        ("POST", "/a?c=d", b'{"b": 1}'),
        ("PUT", "/a", b"[]"),
        ("PATCH", "/a", b"{}"),
    ]


def test_policies_and_subscriptions_are_changed(fake: Fake, client: Client) -> None:
    fake.says(*[Says({"name": "mine", "version": 3}, 201)] * 3, Says({"id": "s-1"}), Says({"id": "s-1"}, 201))

    assert client.policies.apply("name: mine").version == 3
    client.policies.rollback("mine")
    client.policies.rollback("mine", version=2)
    client.subscriptions.change("s-1", {"name": "other"}, if_match='"tag"')
    client.subscriptions.create([{"url": "http://x"}], project="p-1")

    assert [one.body for one in fake.asked[1:3]] == [b"{}", b'{"version": 2}']
    assert fake.asked[3].headers["If-Match"] == '"tag"'
    assert b'"project": "p-1"' in fake.asked[4].body
