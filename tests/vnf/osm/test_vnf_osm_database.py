"""OSM's MongoDB: what is asked of it, and what happens when it is away, wrong, or too full."""

from __future__ import annotations

import copy
import socket
import sys
from typing import Any

import bson
import pymongo
import pymongo.errors
import pytest
from bson.datetime_ms import DatetimeMS
from bson.errors import InvalidBSON, InvalidDocument
from osm_players import SERIAL, VNFR, account, record, task, vdur

from nfvigil.errors import RefusedError, SettingsError, UnavailableError
from nfvigil.vnf.osm import database as module
from nfvigil.vnf.osm.database import OsmDatabase, places_of

PASSWORD = "hunter-two-and-a-half"


def test_only_what_is_needed_is_read(mongo: Any) -> None:
    mongo["vim_accounts"].insert_many([account(resources={}), account("b", vim_type="azure")])
    mongo["ro_tasks"].insert_many([task(), task("s-2", tasks=[{"status": "DONE", "item": "net"}])])
    mongo["vnfrs"].insert_many([record(secret="x"), record() | {"_id": "other"}])
    database = OsmDatabase(mongo)

    (found,) = database.accounts(["openstack"])
    assert "resources" not in found
    assert "_admin" not in found
    (found,) = database.tasks()
    assert found["tasks"][0].keys() == {"status", "action", "item", "target_record"}
    assert found["vim_info"].keys() == {"vim_id", "interfaces_vim_ids"}
    assert database.tasks_of(["s-1", "s-2"]) == [found]
    assert database.tasks_of(["s-2"]) == []
    assert database.records([VNFR, "none"]) == {VNFR: {"_id": VNFR, "ip-address": "192.0.2.1", "vdur": [vdur()]}}


def test_the_serial_is_that_of_the_version_or_none(mongo: Any) -> None:
    database = OsmDatabase(mongo)

    assert database.serial() is None
    mongo["admin"].insert_one({"_id": "version", "serial": SERIAL})
    assert database.serial() == SERIAL


def test_more_than_can_be_read_is_not_read_in_part(mongo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACCOUNTS_MAX", 1)
    mongo["vim_accounts"].insert_many([account(), account("b")])

    with pytest.raises(UnavailableError, match="more than 1 vim_accounts"):
        OsmDatabase(mongo).accounts(["openstack"])


def test_a_server_that_is_away_is_said_without_the_password() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"mongodb://osm:{PASSWORD}@127.0.0.1:{port}/?serverSelectionTimeoutMS=50&authSource=admin"
    database = OsmDatabase.opened(url, "osm")

    for ask in (database.serial, database.tasks, lambda: database.change({"_id": "x"}, {"a": 1})):
        with pytest.raises(UnavailableError) as away:
            ask()
        assert PASSWORD not in str(away.value)
    database.close()


def test_what_plays_a_database_need_not_be_closed(mongo: Any) -> None:
    OsmDatabase(mongo).close()


@pytest.mark.parametrize("url", [f"nothing://u:{PASSWORD}@h", f"mongodb://u:{PASSWORD}@h:port/"])
def test_a_url_that_is_none_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"osm\.url") as refused:
        OsmDatabase.opened(url, "osm")

    assert PASSWORD not in str(refused.value)


def test_without_pymongo_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymongo", None)

    with pytest.raises(SettingsError, match=r"nfvigil\[osm\]"):
        OsmDatabase.opened("mongodb://h/", "osm")


class Broken:
    """A collection that raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getitem__(self, name: str) -> Broken:
        return self

    def find(self, *_: Any) -> Any:
        raise self.error

    update_one = find


@pytest.mark.parametrize(
    "error",
    [
        pymongo.errors.WriteError("the path is wrong", code=28),
        pymongo.errors.DocumentTooLarge("17 MB"),
        InvalidDocument("cannot encode"),
    ],
)
def test_an_update_that_will_never_be_taken_is_refused(error: Exception) -> None:
    with pytest.raises(RefusedError):
        OsmDatabase(Broken(error)).change({"_id": "x"}, {"a": 1})


@pytest.mark.parametrize("error", [pymongo.errors.NotPrimaryError("not primary"), InvalidBSON("bad data")])
def test_what_cannot_be_read_now_is_read_later(error: Exception) -> None:
    with pytest.raises(UnavailableError):
        OsmDatabase(Broken(error)).tasks()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (pymongo.errors.AutoReconnect(""), "AutoReconnect"),
        (pymongo.errors.WriteError("no space is left", code=14031), "no space is left"),
    ],
)
def test_an_update_that_cannot_be_made_now_is_made_later(error: Exception, said: str) -> None:
    with pytest.raises(UnavailableError, match=said):
        OsmDatabase(Broken(error)).change({"_id": "x"}, {"a": 1})


def test_a_date_that_python_does_not_have_hides_nothing() -> None:
    """It is read, compared and kept as it is."""
    database = OsmDatabase.opened("mongodb://h/", "osm")
    sent = bson.encode({"at": DatetimeMS(2**62)})

    found = bson.decode(sent, codec_options=database._database.codec_options)

    assert bson.encode(copy.deepcopy(found)) == sent
    database.close()


def test_timeouts_are_the_urls_or_ours() -> None:
    database = OsmDatabase.opened("mongodb://h/?sockettimeoutms=7", "osm")
    client = database._database.client

    assert client.options.pool_options.socket_timeout == 0.007
    assert client.options.server_selection_timeout == module.CONNECT_SECONDS
    database.close()


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("mongodb://u:p@h", ["mongodb://h"]),
        ("mongodb://u:p@h1:1,h2:2/osm?replicaSet=rs0", ["mongodb://h1:1", "mongodb://h2:2"]),
        ("mongodb://h?x=1", ["mongodb://h"]),
        ("mongodb+srv://h.example/", []),
    ],
)
def test_where_it_is_is_known_without_who_logs_in(url: str, places: list[str]) -> None:
    assert places_of(url) == places
