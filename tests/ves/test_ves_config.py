"""What is refused of a configuration, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from ves_players import ENDPOINT, VIM, document, reasons

from nfvigil.errors import FieldError, RefusedError
from nfvigil.ves.config import config_document, read_config

ENTRY = {"domain": "fault", "type": "vm"}
TLS = "https://collector.example/eventListener/v7"
ROOT = "vesagent_config"
SUBSCRIPTION = f"{ROOT}.ves_subscription"


@cache
def pair(name: str) -> tuple[str, str, str]:
    """A certificate, its key, and the key encrypted."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    plain, encrypted = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()
        for how in (NoEncryption(), BestAvailableEncryption(b"secret"))
    )
    return certificate.public_bytes(Encoding.PEM).decode(), plain, encrypted


def refusals(told: object) -> dict[str, str]:
    with pytest.raises(RefusedError) as refused:
        read_config(VIM, told)
    return reasons(refused.value.errors)


@pytest.mark.parametrize(
    ("told", "field", "reason"),
    [
        pytest.param(None, ROOT, "is missing", id="nothing"),
        pytest.param([], "body", "must be an object", id="a list"),
        pytest.param({ROOT: []}, ROOT, "must be an object", id="a list in it"),
        pytest.param(document(ENTRY) | {"x": 1}, "x", "there is no such field: there are vesagent_config", id="beside"),
        pytest.param(
            document(ENTRY, vesSubscription={}),
            f"{ROOT}.vesSubscription",
            "there is no such field: there are ves_subscription, poll_interval_default, backlogs, faults, "
            "heartbeat_interval",
            id="a misspelt field",
        ),
        pytest.param(
            document(), f"{ROOT}.backlogs", "has no entry, and there is no heartbeat_interval either", id="empty"
        ),
        pytest.param(document(ENTRY, backlogs={}), f"{ROOT}.backlogs", "must be a list", id="no list"),
        pytest.param(
            document(*[ENTRY] * 1001), f"{ROOT}.backlogs", "must not have more than 1000 entries", id="too many"
        ),
        pytest.param(document("x"), f"{ROOT}.backlogs[0]", "must be an object", id="an entry that is a text"),
        pytest.param(
            document(ENTRY | {"domain": 7}), f"{ROOT}.backlogs[0].domain", "must be a text", id="a number for a text"
        ),
        pytest.param(
            document(ENTRY | {"source": "a\nb"}),
            f"{ROOT}.backlogs[0].source",
            "must not have control characters",
            id="a line break",
        ),
        pytest.param(
            document(ENTRY | {"source": "a\ud800"}),
            f"{ROOT}.backlogs[0].source",
            "must not have control characters",
            id="half a character",
        ),
        pytest.param(
            document(ENTRY | {"a\ud800\n": "x"}),
            f"{ROOT}.backlogs[0].a??",
            "there is no such field: there are domain, type, tenant, tenantid, source, sourceid, poll_interval",
            id="half a character in a field's name",
        ),
        pytest.param(
            document(ENTRY | {"source": "a" * 256}),
            f"{ROOT}.backlogs[0].source",
            "must not be longer than 255 characters",
            id="too long",
        ),
        pytest.param(
            document(ENTRY | {"poll_interval": 0.5}),
            f"{ROOT}.backlogs[0].poll_interval",
            "must be 1 to 86400 seconds",
            id="too often",
        ),
        pytest.param(
            document(ENTRY, poll_interval_default="10"),
            f"{ROOT}.poll_interval_default",
            "must be a number",
            id="a text for a number",
        ),
        pytest.param(
            document(ENTRY, poll_interval_default=True), f"{ROOT}.poll_interval_default", "must be a number", id="true"
        ),
        pytest.param(
            document(ENTRY, poll_interval_default=float("nan")),
            f"{ROOT}.poll_interval_default",
            "must be 1 to 86400 seconds",
            id="not a number",
        ),
        pytest.param(
            document(ENTRY, heartbeat_interval=-1),
            f"{ROOT}.heartbeat_interval",
            "must be 1 to 86400 seconds",
            id="a heartbeat into the past",
        ),
        pytest.param(
            document(ENTRY, faults="all"),
            f"{ROOT}.faults",
            "must be one of default, onap, or a list of the states that are faults",
            id="a preset that there is not",
        ),
        pytest.param(
            document(ENTRY, faults=[]),
            f"{ROOT}.faults",
            "must be one of default, onap, or a list of the states that are faults",
            id="no states",
        ),
        pytest.param(
            document(ENTRY, faults=["ERROR", 1]),
            f"{ROOT}.faults",
            "must be one of default, onap, or a list of the states that are faults",
            id="a state that is a number",
        ),
        pytest.param(document(ENTRY, faults=["EROR"]), f"{ROOT}.faults", "'EROR' is no state of Nova's", id="a typo"),
        pytest.param(
            document(ENTRY, faults=["ACTIVE"]),
            f"{ROOT}.faults",
            "'ACTIVE' is what a server is meant to be",
            id="active",
        ),
        pytest.param(
            document(ENTRY, faults=["ERROR", "DELETED"]),
            f"{ROOT}.faults",
            "'DELETED' a server that is gone is in no listing: its alarm is cleared",
            id="deleted",
        ),
    ],
)
def test_what_is_wrong_is_named(told: object, field: str, reason: str) -> None:
    assert refusals(told)[field] == reason


def subscription(**fields: Any) -> dict[str, Any]:
    return document(ENTRY, ves_subscription={"endpoint": TLS} | fields)


CERTIFICATE, KEY, ENCRYPTED = pair("agent")
OTHER, _, _ = pair("other")


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        pytest.param({"endpoint": None}, "endpoint", "is missing", id="no endpoint"),
        pytest.param({"endpoint": ""}, "endpoint", "must not be empty", id="an empty endpoint"),
        pytest.param(
            {"endpoint": "http://c/eventListener/v1"},
            "endpoint",
            "the event listener's version must be v5 or v7, not 'v1'",
            id="an old version",
        ),
        pytest.param(
            {"usrname": "x"},
            "usrname",
            "there is no such field: there are endpoint, username, password, ca, client_cert, client_key",
            id="a misspelt field",
        ),
        pytest.param(
            {"username": "a:b"}, "username", "must not have a colon: basic authentication cannot carry it", id="a colon"
        ),
        pytest.param({"password": "x"}, "username", "is missing, and there is a password", id="a password alone"),
        pytest.param({"ca": f"\0{CERTIFICATE}"}, "ca", "must not have control characters", id="a zero byte"),
        pytest.param({"ca": "x"}, "ca", "must be certificates in PEM", id="no certificate"),
        pytest.param(
            {"ca": CERTIFICATE, "endpoint": ENDPOINT},
            "endpoint",
            "must be https:// where certificates are used",
            id="certificates without TLS",
        ),
        pytest.param({"client_cert": CERTIFICATE}, "client_key", "is missing, and there is a client_cert", id="no key"),
        pytest.param(
            {"client_key": KEY}, "client_cert", "is missing, and there is a client_key", id="no client certificate"
        ),
        pytest.param(
            {"client_cert": CERTIFICATE, "client_key": ENCRYPTED},
            "client_key",
            "must not be encrypted: nobody is there to give the passphrase",
            id="an encrypted key",
        ),
        pytest.param(
            {"client_cert": CERTIFICATE, "client_key": "x"},
            "client_key",
            "must be a private key in PEM",
            id="no private key",
        ),
        pytest.param(
            {"client_cert": OTHER, "client_key": KEY, "ca": CERTIFICATE},
            "client_key",
            "does not belong to client_cert",
            id="another's key",
        ),
        pytest.param(
            {"client_cert": "x", "client_key": KEY}, "client_cert", "must be certificates in PEM", id="no certificate"
        ),
    ],
)
def test_what_is_wrong_with_a_subscription_is_named(fields: dict[str, Any], field: str, reason: str) -> None:
    assert refusals(subscription(**fields)) == {f"{SUBSCRIPTION}.{field}": reason}


def test_certificates_that_fit_are_taken_and_the_key_is_not_shown() -> None:
    told = subscription(ca=OTHER, client_cert=CERTIFICATE, client_key=KEY, username="ves", password="s3cret")

    config = read_config(VIM, told)

    assert config.ves_subscription.client_key == KEY
    shown = str(config_document(config)) + repr(config)
    assert "PRIVATE KEY" not in shown
    assert "s3cret" not in shown
    assert config_document(config)["ves_subscription"]["client_cert"] == CERTIFICATE


def test_everything_that_is_wrong_is_said_at_once() -> None:
    told = document(ENTRY | {"domain": 7, "x": 1}, ves_subscription={"endpoint": "x"}, faults=["A", "B"])

    assert len(refusals(told | {"y": 1})) == 5
    with pytest.raises(RefusedError) as refused:
        read_config(VIM, told)
    assert [one.reason for one in refused.value.errors if one.field.endswith("faults")] == [
        "'A' is no state of Nova's",
        "'B' is no state of Nova's",
    ]


def test_null_is_what_is_not_there() -> None:
    entry = {"domain": "fault", "type": "vm", "tenant": None, "poll_interval": None}
    told = document(entry, poll_interval_default=None, faults=None, heartbeat_interval=None)

    config = read_config(VIM, told)

    assert config.poll_interval_default == 10
    assert config.backlogs[0].poll_interval is None


def test_states_that_are_faults_are_kept_once_each_and_shown_as_a_list() -> None:
    config = read_config(VIM, document(ENTRY, faults=["ERROR", "SHUTOFF", "ERROR"]))

    assert config.faults == ("ERROR", "SHUTOFF")
    assert config_document(config)["faults"] == ["ERROR", "SHUTOFF"]


def test_a_heartbeat_alone_is_a_configuration() -> None:
    assert read_config(VIM, document(heartbeat_interval=60)).heartbeat_interval == 60


FIELDS = ["vesagent_config", "ves_subscription", "endpoint", "backlogs", "faults", "poll_interval", "domain", "ca", "x"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(TLS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)


def read(told: object) -> list[FieldError]:
    """What is wrong with it; it can be shown where nothing is."""
    try:
        config_document(read_config(VIM, told))
    except RefusedError as error:
        return list(error.errors) or [FieldError("", "")]
    return []


@settings(max_examples=60, deadline=None)
@given(told=ANYTHING, inner=ANYTHING, entry=ANYTHING)
def test_whatever_is_posted_is_read_or_refused_by_field(told: object, inner: object, entry: object) -> None:
    for one in (told, {ROOT: told}, document(inner), document(ENTRY, ves_subscription=inner, faults=entry)):
        assert all(found.reason for found in read(one))
