"""OSM's accounts of clouds, read into accounts of ours. Pure.

Several accounts are often of one cloud, each for another tenant. We list a cloud whole, so it is watched once: accounts
with one address of Keystone and one region are one cloud.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from nfvigil.errors import RefusedError
from nfvigil.model.vim_account import Source, VimAccount
from nfvigil.vnf.osm.ciphers import decrypted, is_plain

OPENSTACK = "openstack"
PLUGIN_DRIVER = "osm"
"""The driver that reads a cloud by a connector of OSM's."""
CONFIG_SECRETS = {"1.1": ("admin_password", "nsx_password", "vcenter_password")}
CONFIG_SECRETS_NOW = ("admin_password", "nsx_password", "vcenter_password", "vrops_password")
"""What of ``config`` is encrypted, by the version of the account; later ones have one more."""
CREDENTIALS_SECRETS = ("clientSecret", "SecretAccessKey")
"""What of ``config.credentials`` is."""
NO = ("", "false", "no", "off", "0")
"""What is written as text, and does not switch the check of certificates off."""
OLD_KEYSTONE = ("2", "v2.0")
DOMAINS = ("user_domain", "project_domain")
WORDS_MAX = 19
"""Of a host's name in that of a VIM, which has 32 letters at most."""


class OsmAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One document of ``vim_accounts``. ``error`` says why it cannot be used."""

    id: str
    name: str = ""
    type: str = OPENSTACK
    place: tuple[str, str] = ("", "")
    """Which cloud it is of: address and region. Empty where nobody can say."""
    driver: str = ""
    options: dict[str, Any] = {}
    error: str = ""

    def __repr__(self) -> str:
        return f"OsmAccount(id={self.id!r}, name={self.name!r}, error={self.error!r})"


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be watched for OSM. ``choices`` are accounts of ours that all lead there; the first will do."""

    vim: str
    accounts: tuple[str, ...]
    """OSM's ids."""
    choices: tuple[VimAccount, ...] = ()
    error: str = ""
    """Where there are no choices: what is wrong with the accounts."""


def read_account(document: Mapping[str, Any], *, key: bytes, plugins: Iterable[str] = ()) -> OsmAccount | None:
    """None for what has no id that a record could name. ``plugins`` are the types that OSM's own connectors read."""
    account_id = document.get("_id")
    if not isinstance(account_id, str) or not re.fullmatch(r"[^.:$\s]{1,128}", account_id):
        return None
    head = OsmAccount(id=account_id, name=account_id, type="")
    replace = msgspec.structs.replace
    try:
        head = replace(head, name=_text(document, "name")[:255] or account_id)
        head = replace(head, type=_text(document, "vim_type"))
        account = _opened(document, account_id, key)
        url = account.get("vim_url")
        if not isinstance(url, str) or not (place := address_of(url)):
            raise RefusedError("vim_url is no address")
        if head.type in plugins:
            return replace(head, driver=PLUGIN_DRIVER, options=_plugin_options(head, account))
        if head.type != OPENSTACK:
            raise RefusedError(f"clouds of the type {head.type!r} are not read")
        options = _openstack_options(account, url)
        return replace(head, place=(place, options.get("region", "")), driver=OPENSTACK, options=options)
    except RefusedError as error:
        return replace(head, error=str(error)[:500])


def address_of(url: str) -> str:
    """The same for all ways to write one Keystone's; "" for what is none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    standard = 443 if parts.scheme == "https" else 80
    path = re.sub(r"/(v3|v2\.0)$", "", parts.path.rstrip("/"))
    return f"{parts.scheme}://{parts.hostname}:{port or standard}{path}"


def _opened(document: Mapping[str, Any], account_id: str, key: bytes) -> dict[str, Any]:
    """A copy with its secrets in the clear."""
    account = dict(document)
    config = document.get("config")
    if config is not None and not isinstance(config, Mapping):
        raise RefusedError("config is no object")
    account["config"] = dict(config or {})
    version = document.get("schema_version")
    if is_plain(version, key):
        return account

    def open_in(holder: dict[str, Any], names: Iterable[str], front: str) -> None:
        for name in names:
            value = holder.get(name)
            if isinstance(value, str) and value:
                try:
                    holder[name] = decrypted(value, key=key, salt=account_id)
                except RefusedError as error:
                    raise RefusedError(f"{front}{name} {error.message}") from None

    open_in(account, ("vim_password",), "")
    open_in(account["config"], CONFIG_SECRETS.get(str(version), CONFIG_SECRETS_NOW), "config.")
    if isinstance(credentials := account["config"].get("credentials"), Mapping):
        account["config"]["credentials"] = dict(credentials)
        open_in(account["config"]["credentials"], CREDENTIALS_SECRETS, "config.credentials.")
    return account


def _openstack_options(account: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Those of our driver, by the words of OSM's connector for OpenStack."""
    config = account["config"]
    if str(config.get("APIversion", "")) in OLD_KEYSTONE or url.rstrip("/").endswith("/v2.0"):
        raise RefusedError("Keystone's API v2 is not spoken: give the address of v3")
    auth = {"auth_url": url.strip()}
    for name, field in {"username": "vim_user", "password": "vim_password"}.items():
        if not (text := _text(account, field)):
            raise RefusedError(f"{field} is missing")
        auth[name] = text
    tenants = {"project_id": _text(account, "vim_tenant_id"), "project_name": _text(account, "vim_tenant_name")}
    if not any(tenants.values()):
        raise RefusedError("neither vim_tenant_id nor vim_tenant_name is there")
    auth |= {name: text for name, text in tenants.items() if text}
    for domain in DOMAINS:
        given = {name: text for name in (f"{domain}_id", f"{domain}_name") if (text := _text(config, name))}
        auth |= given or {f"{domain}_id": "default"}
    options: dict[str, Any] = {"auth_type": "password", "auth": auth}
    for option, name in {"region": "region_name", "cacert_content": "ca_cert_content"}.items():
        if text := _text(config, name):
            options[option] = text
    if "cacert_content" not in options and (text := _text(config, "ca_cert")):
        options["cacert"] = text
    if config.get("insecure") and str(config["insecure"]).strip().lower() not in NO:
        options["insecure"] = True
    if config.get("use_internal_endpoint"):
        options["interface"] = "internal"
    return options


def _plugin_options(head: OsmAccount, account: Mapping[str, Any]) -> dict[str, Any]:
    names = ("vim_url", "vim_user", "vim_password", "vim_tenant_id", "vim_tenant_name")
    given = {name: text for name in names if (text := _text(account, name))}
    try:
        msgspec.json.encode(account["config"])  # as it is shown
    except TypeError:
        raise RefusedError("config has a value that only MongoDB knows") from None
    return {"type": head.type, "id": head.id, "name": head.name, **given, "config": account["config"]}


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusedError(f"{name} is no text")
    return value.strip() if name != "vim_password" else value


def vim_name(account: OsmAccount) -> str:
    """It stays when the account is renamed, and when another account of the same cloud comes or goes."""
    address, region = account.place
    word = urlsplit(address).hostname or account.type or OPENSTACK
    word = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:WORDS_MAX].strip("-") or OPENSTACK
    digest = hashlib.sha256("\n".join([address, region] if address else [account.id]).encode()).hexdigest()
    return f"osm-{word}-{digest[:8]}"


def clouds_of(
    accounts: Iterable[OsmAccount],
    *,
    given: Mapping[str, str],
    known: Mapping[tuple[str, str], str],
    interval_seconds: float,
) -> list[Cloud]:
    """By name. ``given`` leads from an account's id or name to a VIM that we have anyway; ``known`` from a cloud."""
    own: dict[str, list[OsmAccount]] = {}
    others: dict[str, list[str]] = {}
    for account in sorted(accounts, key=lambda one: one.id):
        theirs = given.get(account.id) or given.get(account.name) or _known(account, known)
        if theirs:
            others.setdefault(theirs, []).append(account.id)
        else:
            own.setdefault(vim_name(account), []).append(account)
    found = [Cloud(vim=vim, accounts=tuple(ids)) for vim, ids in others.items()]
    for vim, members in own.items():
        found.append(
            Cloud(
                vim=vim,
                accounts=tuple(one.id for one in members),
                choices=tuple(
                    VimAccount(
                        name=vim,
                        driver=one.driver,
                        options=one.options,
                        interval_seconds=interval_seconds,
                        source=Source.OSM,
                        created_by=f"osm:{one.name}",
                    )
                    for one in members
                    if not one.error
                ),
                error="; ".join(f"OSM's account {one.name}: {one.error}" for one in members if one.error),
            )
        )
    return sorted(found, key=lambda one: one.vim)


def _known(account: OsmAccount, known: Mapping[tuple[str, str], str]) -> str:
    """The VIM of ours that is the same cloud. One whose region is not said has only one, or the account's."""
    address, region = account.place
    if not address:
        return ""
    return known.get((address, region)) or known.get((address, "")) or ""
