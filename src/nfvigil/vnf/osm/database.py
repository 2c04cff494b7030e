"""OSM's MongoDB, by the few questions that are asked of it. PyMongo blocks: this belongs into a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from nfvigil.errors import RefusedError, SettingsError, UnavailableError
from nfvigil.model.secret_fields import scrubbed, secret_values

ACCOUNTS_MAX = 1_000
TASKS_MAX = 500_000
ANSWER_SECONDS = 30
CONNECT_SECONDS = 5
TEXT_MAX = 300

PASSING = frozenset({24, 46, 50, 91, 112, 246, 262, 11600, 11602, 14031})
"""MongoDB's codes of what is wrong with the server, and not with the update: locks, time, its end, a full disk."""

_ACCOUNT = dict.fromkeys(
    (
        "name",
        "vim_type",
        "vim_url",
        "vim_user",
        "vim_password",
        "vim_tenant_id",
        "vim_tenant_name",
        "config",
        "schema_version",
    ),
    1,
)
_TASK = dict.fromkeys(
    (
        "target_id",
        "modified_at",
        "vim_info.vim_id",
        "vim_info.interfaces_vim_ids",
        "tasks.action",
        "tasks.status",
        "tasks.item",
        "tasks.target_record",
    ),
    1,
)
_MONITORED = {"tasks.status": "DONE", "tasks.item": "vdu"}
_RECORD = {"ip-address": 1, "vdur": 1}
"""VDUs whole: of a part of them MongoDB would leave out what is no object, and all behind it had other places."""


class OsmDatabase:
    """``database`` is PyMongo's, or plays it. Every method raises UnavailableError where it does not answer."""

    def __init__(self, database: Any, *, close: Any = None, secrets: Iterable[str] = ()) -> None:
        self._database = database
        self._close = close
        self._secrets = frozenset(secrets)

    @classmethod
    def opened(cls, url: str, name: str) -> Self:
        """Nothing is connected yet. SettingsError where the URL is none, or PyMongo is not there."""
        try:
            from pymongo import MongoClient
            from pymongo.errors import PyMongoError
        except ImportError as error:
            raise SettingsError("OSM's database needs PyMongo: install nfvigil[osm]") from error
        secrets = secret_values({"url": url})
        try:
            client: MongoClient[dict[str, Any]] = MongoClient(url, **_options(url))
        except (PyMongoError, ValueError) as error:
            raise SettingsError(f"osm.url is no address of a MongoDB: {_said(error, secrets)}") from None
        return cls(client[name], close=client.close, secrets=secrets)

    def close(self) -> None:
        if self._close is not None:
            self._close()

    def serial(self) -> object:
        """What the common key is folded with, or None."""
        found = self._first("admin", {"_id": "version"}, {"serial": 1})
        return found.get("serial") if found is not None else None

    def accounts(self, types: Sequence[str]) -> list[dict[str, Any]]:
        return self._all("vim_accounts", {"vim_type": {"$in": list(types)}}, _ACCOUNT, ACCOUNTS_MAX)

    def tasks(self) -> list[dict[str, Any]]:
        """Those with a task for a VDU, and one that is done."""
        return self._all("ro_tasks", _MONITORED, _TASK, TASKS_MAX)

    def tasks_of(self, servers: Sequence[str]) -> list[dict[str, Any]]:
        """Those of these servers only."""
        return self._all("ro_tasks", {**_MONITORED, "vim_info.vim_id": {"$in": list(servers)}}, _TASK, TASKS_MAX)

    def records(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        found = self._all("vnfrs", {"_id": {"$in": list(ids)}}, _RECORD, len(ids))
        return {document["_id"]: document for document in found}

    def change(self, wanted: Mapping[str, Any], sets: Mapping[str, Any]) -> bool:
        """Whether a record was as it is ``wanted``, and so was changed. RefusedError where it never can be."""
        from bson.errors import BSONError
        from pymongo.errors import PyMongoError, WriteError

        try:
            result = self._database["vnfrs"].update_one(dict(wanted), {"$set": dict(sets)})
        except (WriteError, BSONError) as error:
            if getattr(error, "code", None) in PASSING:
                raise self._away(error) from error
            raise RefusedError(_said(error, self._secrets)) from error
        except PyMongoError as error:
            raise self._away(error) from error
        return bool(result.matched_count)

    def _first(self, collection: str, wanted: Mapping[str, Any], fields: Mapping[str, int]) -> dict[str, Any] | None:
        found = self._all(collection, wanted, fields, 1)
        return found[0] if found else None

    def _all(
        self, collection: str, wanted: Mapping[str, Any], fields: Mapping[str, int], limit: int
    ) -> list[dict[str, Any]]:
        """Whole, or UnavailableError: a part of it would look as if the rest were gone."""
        from bson.errors import BSONError
        from pymongo.errors import PyMongoError

        try:
            cursor = self._database[collection].find(dict(wanted), dict(fields)).limit(limit + 1)
            found = list(cursor)
        except (PyMongoError, BSONError) as error:
            raise self._away(error) from error
        if len(found) > limit:
            raise UnavailableError(f"OSM's database has more than {limit} {collection}: none are read")
        return found

    def _away(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"OSM's database does not answer: {_said(error, self._secrets)}")


def _options(url: str) -> dict[str, Any]:
    """What the URL does not say otherwise."""
    options = {
        "appname": "nfvigil",
        "connect": False,
        "maxPoolSize": 2,
        "serverSelectionTimeoutMS": CONNECT_SECONDS * 1000,
        "connectTimeoutMS": CONNECT_SECONDS * 1000,
        "socketTimeoutMS": ANSWER_SECONDS * 1000,
        # One odd letter or date in one document must not hide all others.
        "unicode_decode_error_handler": "replace",
        "datetime_conversion": "DATETIME_AUTO",
    }
    return {name: value for name, value in options.items() if f"{name.lower()}=" not in url.lower()}


def _said(error: Exception, secrets: Iterable[str]) -> str:
    text: str = scrubbed(str(error) or type(error).__name__, frozenset(secrets))
    return " ".join(text.split())[:TEXT_MAX]


def places_of(url: str) -> list[str]:
    """Where it is, without who logs in: no webhook goes there. A name that stands for many servers is none of them."""
    scheme, _, rest = url.partition("://")
    hosts = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return [f"mongodb://{host}" for host in hosts.split(",") if host] if scheme == "mongodb" else []
