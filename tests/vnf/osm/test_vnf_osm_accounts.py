"""OSM's accounts: how their secrets are read, what becomes of each, and which of them are one cloud."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bson import ObjectId
from osm_players import ACCOUNT, COMMON_KEY, PASSWORD, SERIAL, account, encrypted

from nfvigil.controller.vims.openstack.options import checked
from nfvigil.errors import RefusedError
from nfvigil.model.vim_account import Source
from nfvigil.vnf.osm.accounts import Cloud, OsmAccount, address_of, clouds_of, read_account, vim_name
from nfvigil.vnf.osm.ciphers import WrongKeyError, decrypted, folded, installation_key

KEY = installation_key(COMMON_KEY, SERIAL)
PLACE = "https://keystone.example:5000"


def read(**more: Any) -> OsmAccount:
    found = read_account(account(**more), key=KEY)
    assert found is not None
    return found


# Secrets


@pytest.mark.parametrize(
    ("sealed", "plain"),
    [
        ("iGI+wLXwLhgf1nmB/UkGdQnNOd1cCqD8W0A6nOkwG90=", "hunter-two-and-a-half"),
        ("2CrQCV2DAgb8w+jMvngr7A==", "sixteen letters!"),
    ],
)
def test_what_another_implementation_has_encrypted_is_read(sealed: str, plain: str) -> None:
    """By openssl's aes-256-ecb, with a key that was folded by hand."""
    key = installation_key(
        "a common key that is longer than thirty-two bytes", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    )

    assert decrypted(sealed, key=key, salt="1afd5d1a-4a7e-4d9c-8c65-251290183106") == plain


def test_the_key_is_folded_from_what_there_is() -> None:
    assert installation_key("", None) == b""
    assert installation_key("", "") == b""
    assert installation_key("a", None) == b"a" + bytes(31)
    assert installation_key("", "YQ==") == b"a" + bytes(31)
    assert installation_key("a", "YQ==") == bytes(32)
    assert folded(bytes(32), b"") == bytes(32)


@pytest.mark.parametrize("serial", ["no base64!", 7])
def test_a_serial_that_is_none_is_said(serial: object) -> None:
    with pytest.raises(WrongKeyError, match="no base64"):
        installation_key("a", serial)


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param("no base64!", id="no base64"),
        pytest.param("YWJj", id="no whole block"),
        pytest.param("ä", id="no ascii"),
        pytest.param(encrypted("secret", salt="another account"), id="of another account"),
        pytest.param(encrypted("secret", salt=ACCOUNT, common_key="another key"), id="of another installation"),
        pytest.param(encrypted("a\x00b", salt=ACCOUNT), id="not to be typed"),
    ],
)
def test_what_the_key_does_not_open_is_refused_without_a_word_of_it(sealed: str) -> None:
    with pytest.raises(WrongKeyError) as refused:
        decrypted(sealed, key=KEY, salt=ACCOUNT)

    assert sealed not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("version", "password", "known"),
    [
        pytest.param("1.11", encrypted(PASSWORD, salt=ACCOUNT), ("a", "n", "v", "r"), id="1.11"),
        pytest.param("1.1", encrypted(PASSWORD, salt=ACCOUNT), ("a", "n", "v", None), id="1.1"),
        pytest.param("1.0", PASSWORD, (None, None, None, None), id="1.0"),
        pytest.param(None, PASSWORD, (None, None, None, None), id="none"),
    ],
)
def test_each_version_has_its_own_encrypted_fields(
    version: str | None, password: str, known: tuple[str | None, ...]
) -> None:
    names = ("admin_password", "nsx_password", "vcenter_password", "vrops_password")
    config = {
        name: encrypted(plain, salt=ACCOUNT) if plain else f"plain {name}"
        for name, plain in zip(names, known, strict=True)
    }
    document = account(vim_type="vmware", vim_password=password, schema_version=version, config=config)

    found = read_account(document, key=KEY, plugins=["vmware"])

    assert found is not None
    assert found.options["vim_password"] == PASSWORD
    assert [found.options["config"][name] for name in names] == [
        plain or f"plain {name}" for name, plain in zip(names, known, strict=True)
    ]
    assert document["config"] == config, "what was read is not changed"


def test_credentials_of_other_clouds_are_opened_too() -> None:
    credentials = {"clientId": "me", "clientSecret": encrypted("azure", salt=ACCOUNT)}

    found = read_account(account(vim_type="azure", config={"credentials": credentials}), key=KEY, plugins=["azure"])

    assert found is not None
    assert found.options["config"]["credentials"] == {"clientId": "me", "clientSecret": "azure"}


def test_an_installation_without_a_key_encrypts_nothing() -> None:
    found = read_account(account(vim_password=PASSWORD), key=b"")

    assert found is not None
    assert found.options["auth"]["password"] == PASSWORD


# One account


def test_an_account_becomes_options_that_our_driver_takes() -> None:
    found = read(
        vim_url=" https://keystone.example:5000/v3/ ",
        vim_tenant_id="t-1",
        config={
            "region_name": "north",
            "ca_cert_content": "-----BEGIN CERTIFICATE-----",
            "ca_cert": "/app/osm_ro/certs/x",
            "use_internal_endpoint": True,
            "user_domain_name": "users",
            "project_domain_id": "p-1",
            "security_groups": ["default"],
        },
    )

    assert found.error == ""
    assert found.driver == "openstack"
    assert found.place == (PLACE, "north")
    assert found.options == {
        "auth_type": "password",
        "auth": {
            "auth_url": "https://keystone.example:5000/v3/",
            "username": "osm",
            "password": PASSWORD,
            "project_id": "t-1",
            "project_name": "tenant-a",
            "user_domain_name": "users",
            "project_domain_id": "p-1",
        },
        "region": "north",
        "cacert_content": "-----BEGIN CERTIFICATE-----",
        "interface": "internal",
    }
    checked("edge", found.options)
    assert PASSWORD not in repr(found)


def test_what_is_left_out_is_as_osm_has_it() -> None:
    found = read(config={"insecure": True, "ca_cert": ""})

    assert found.options["auth"]["user_domain_id"] == found.options["auth"]["project_domain_id"] == "default"
    assert found.options["insecure"] is True
    assert "region" not in found.options
    assert "cacert" not in found.options
    assert read(config={"ca_cert": "/etc/ca.pem"}).options["cacert"] == "/etc/ca.pem"
    checked("edge", found.options)


@pytest.mark.parametrize(
    ("insecure", "is_it"),
    [
        (True, True),
        ("true", True),
        (1, True),
        (False, False),
        (None, False),
        ("False", False),
        ("no", False),
        (" ", False),
    ],
)
def test_a_text_that_says_no_does_not_switch_the_check_of_certificates_off(insecure: object, is_it: bool) -> None:
    assert read(config={"insecure": insecure}).options.get("insecure", False) is is_it


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({"vim_password": "bad"}, "vim_password cannot be decrypted", id="a secret of another key"),
        pytest.param({"config": {"admin_password": "x"}}, "config.admin_password cannot", id="a secret in config"),
        pytest.param({"vim_url": None}, "vim_url is no address", id="no address"),
        pytest.param({"vim_url": 7}, "vim_url is no address", id="an address that is a number"),
        pytest.param({"vim_url": "keystone"}, "vim_url is no address", id="no URL"),
        pytest.param({"vim_url": "https://[x"}, "vim_url is no address", id="half a URL"),
        pytest.param({"vim_url": "https://k:99999/v3"}, "vim_url is no address", id="a port that is none"),
        pytest.param({"vim_url": "https://k:5000/v2.0/"}, "v2 is not spoken", id="old Keystone"),
        pytest.param({"config": {"APIversion": "v2.0"}}, "v2 is not spoken", id="old Keystone by config"),
        pytest.param({"vim_user": None}, "vim_user is missing", id="no user"),
        pytest.param({"vim_user": ["a"]}, "vim_user is no text", id="a user that is no text"),
        pytest.param({"vim_password": ""}, "vim_password is missing", id="no password"),
        pytest.param({"vim_tenant_name": None}, "neither vim_tenant_id nor", id="no tenant"),
        pytest.param({"config": "x"}, "config is no object", id="config is no object"),
        pytest.param({"name": 7}, "name is no text", id="a name that is no text"),
        pytest.param({"vim_type": ["openstack"]}, "vim_type is no text", id="a type that is no text"),
        pytest.param({"vim_type": "azure"}, "clouds of the type 'azure' are not read", id="another type"),
    ],
)
def test_a_broken_account_says_what_is_wrong_with_it(more: dict[str, Any], said: str) -> None:
    found = read(**more)

    assert said in found.error
    assert found.options == {}


@pytest.mark.parametrize("account_id", [None, 7, "", "a.b", "a:b", "$a", "a b"])
def test_what_no_record_could_name_is_no_account(account_id: object) -> None:
    assert read_account(account() | {"_id": account_id}, key=KEY) is None


def test_a_connector_of_osms_gets_the_account_as_it_is() -> None:
    found = read_account(account(config={"a": 1}), key=KEY, plugins=["openstack"])

    assert found is not None
    assert found.driver == "osm"
    assert found.options == {
        "type": "openstack",
        "id": ACCOUNT,
        "name": "edge-tenant-a",
        "vim_url": "https://keystone.example:5000/v3",
        "vim_user": "osm",
        "vim_password": PASSWORD,
        "vim_tenant_name": "tenant-a",
        "config": {"a": 1},
    }


def test_an_account_that_could_not_be_shown_is_none_for_a_connector() -> None:
    found = read_account(account(config={"a": [ObjectId()]}), key=KEY, plugins=["openstack"])

    assert found is not None
    assert (found.options, found.error) == ({}, "config has a value that only MongoDB knows")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://Keystone.example/v3", "https://keystone.example:443"),
        ("http://keystone.example", "http://keystone.example:80"),
        ("https://k.example:5000/v2.0", "https://k.example:5000"),
        ("https://k.example/identity/v3/", "https://k.example:443/identity"),
        ("ftp://k.example", ""),
        ("https://", ""),
    ],
)
def test_one_keystone_has_one_address(url: str, address: str) -> None:
    assert address_of(url) == address


# Clouds


def clouds(*accounts: OsmAccount, **more: Any) -> list[Cloud]:
    return clouds_of(accounts, **{"given": {}, "known": {}, "interval_seconds": 30.0} | more)


def test_accounts_of_one_cloud_are_one_cloud_of_ours() -> None:
    first, second = (
        read(),
        read(account_id="b", name="b", vim_url="https://KEYSTONE.example:5000/", vim_password=_of("b")),
    )
    elsewhere = read(account_id="c", name="c", vim_password=_of("c"), config={"region_name": "south"})

    found = clouds(second, first, elsewhere)

    assert [cloud.accounts for cloud in sorted(found, key=lambda one: -len(one.accounts))] == [("b", ACCOUNT), ("c",)]
    assert {one.source for cloud in found for one in cloud.choices} == {Source.OSM}
    assert {one.interval_seconds for cloud in found for one in cloud.choices} == {30.0}
    assert [one.created_by for one in found[0].choices + found[1].choices].count("osm:b") == 1


def _of(account_id: str) -> str:
    return encrypted(PASSWORD, salt=account_id)


def test_a_broken_account_does_not_harm_the_others_of_its_cloud() -> None:
    broken = OsmAccount(id="a", name="a", place=(PLACE, ""), error="no password")

    found = clouds(broken, read())

    assert len(found) == 1
    assert [one.options["auth"]["password"] for one in found[0].choices] == [PASSWORD]
    assert found[0].error == "OSM's account a: no password"


def test_a_cloud_that_we_have_anyway_is_not_watched_twice() -> None:
    same_place = clouds(read(), known={(PLACE, ""): "edge"})
    same_region = clouds(read(config={"region_name": "north"}), known={(PLACE, "north"): "edge", (PLACE, ""): "all"})
    by_name, by_id = clouds(read(), given={"edge-tenant-a": "mine"}), clouds(read(), given={ACCOUNT: "mine"})

    assert same_place == same_region == [Cloud(vim="edge", accounts=(ACCOUNT,))]
    assert by_name == by_id == [Cloud(vim="mine", accounts=(ACCOUNT,))]
    assert clouds(read(config={"region_name": "north"}), known={(PLACE, "south"): "edge"})[0].choices


def test_accounts_that_nobody_can_place_are_clouds_of_their_own() -> None:
    broken = [OsmAccount(id=one, name=one, error="no address") for one in "ab"]

    found = clouds(*broken, known={("", ""): "edge"})

    assert len({cloud.vim for cloud in found}) == 2
    assert [cloud.choices for cloud in found] == [(), ()]


def test_names_are_ours_stay_and_differ() -> None:
    names = [
        vim_name(read()),
        vim_name(read(config={"region_name": "north"})),
        vim_name(OsmAccount(id="x", type="Ä ö")),
        vim_name(OsmAccount(id="y")),
        vim_name(OsmAccount(id="z", place=("https://a-very-long-name-of-a-host.example:1", ""))),
    ]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"osm-[a-z0-9][a-z0-9-]{0,27}", name) for name in names)
    assert vim_name(read(name="renamed", account_id="b", vim_password=_of("b"))) == names[0]


def test_an_account_of_ours_that_the_driver_refuses_is_the_drivers_word() -> None:
    both = read(config={"insecure": True, "ca_cert_content": "pem"})

    with pytest.raises(RefusedError, match="insecure"):
        checked("edge", both.options)
