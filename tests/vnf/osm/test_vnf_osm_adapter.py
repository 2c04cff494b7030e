"""Beside an OSM installation: from its documents and the clouds' listings to its records and our alarms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from osm_players import (
    ACCOUNT,
    COMMON_KEY,
    KEY,
    NOW,
    PASSWORD,
    PROJECT,
    SERIAL,
    VNFR,
    Cloud,
    Fleet,
    Shelf,
    Teller,
    account,
    port_words,
    record,
    task,
    vdur,
)
from structlog.testing import capture_logs

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.vnf_record import VduCondition, VduNews
from nfvigil.vnf.osm.adapter import TRIES, Adapter
from nfvigil.vnf.osm.database import OsmDatabase
from nfvigil.vnf.osm.fleet import Followers
from nfvigil.vnf.osm.reader import OsmReader
from nfvigil.vnf.osm.worker import Worker

pytestmark = pytest.mark.anyio
LIMIT = 10


class Stage:
    """An installation with one VNF of one server, the adapter, and what it works with."""

    def __init__(self, mongo: Any, worker: Worker) -> None:
        self.mongo = mongo
        self.worker = worker
        self.shelf = Shelf(OsmDatabase(mongo))
        self.teller = Teller()
        self.fleet = Fleet()
        self.ours: set[str] = set()
        """Servers that we set to ERROR."""
        mongo["admin"].insert_one({"_id": "version", "serial": SERIAL, "version": "1.2"})
        mongo["vim_accounts"].insert_one(account())
        mongo["ro_tasks"].insert_one(task())
        mongo["vnfrs"].insert_one(record())
        self.start()

    def start(self, *standing: VduNews, undecided: tuple[VduNews, ...] = ()) -> None:
        """As after a restart: nothing is remembered but what stands as a fault."""
        self.reader = OsmReader(interval_seconds=30, wake=lambda: self.adapter.wake())
        self.adapter = Adapter(
            database=self.shelf,
            worker=self.worker,
            reader=self.reader,
            followers=Followers(fleet=self.fleet, given={}, interval_seconds=30),
            say=self.teller.say,
            clock=lambda: NOW,
            common_key=COMMON_KEY,
            plugins=(),
            refresh_seconds=0.01,
            is_ours=lambda server: server in self.ours,
            standing=standing,
            undecided=undecided,
            pause_seconds=(0.01, 0.02),
        )

    async def read(self) -> None:
        await self.adapter.read()
        (name,) = self.fleet.led
        self.cloud = getattr(self, "cloud", None) or Cloud()
        self.cloud.vim = name

    async def round(self) -> None:
        """One listing, and what follows from it."""
        self.cloud.listed(self.reader)
        await self.adapter.write()

    def info(self, number: int = 0) -> Any:
        return self.mongo["vnfrs"].find_one({"_id": VNFR})["vdur"][number]["vim_info"][KEY]


@pytest.fixture
async def stage(mongo: Any) -> AsyncIterator[Stage]:
    """One server that the record is in line with."""
    worker = Worker(name="OSM's database")
    stage = Stage(mongo, worker)
    await stage.read()
    stage.cloud.put()
    await stage.round()
    stage.shelf.updates.clear()
    stage.shelf.asked.clear()
    yield stage
    worker.close()


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not is_true():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def test_an_account_is_watched_and_its_servers_are_monitored(stage: Stage) -> None:
    ((led, error),) = stage.fleet.led.values()

    assert (led.options["auth"]["password"], error) == (PASSWORD, "")
    status = stage.adapter.status()
    assert (status.accounts, status.servers, status.read_us, status.error) == (1, 1, NOW, "")
    assert (status.writes, status.pending, dict(status.skipped)) == (1, 0, {})


async def test_a_cloud_that_has_not_changed_asks_nothing_of_the_database(stage: Stage) -> None:
    for _ in range(3):
        await stage.round()

    assert stage.shelf.asked == []


async def test_a_cloud_with_new_servers_is_listed_soon(stage: Stage) -> None:
    assert stage.fleet.refreshed == [stage.cloud.vim]
    await stage.adapter.read()
    assert len(stage.fleet.refreshed) == 1

    stage.mongo["ro_tasks"].insert_one(task("s-2", number=1))
    stage.fleet.bad = {stage.cloud.vim}
    await stage.adapter.read()
    stage.fleet.bad = set()
    stage.mongo["ro_tasks"].insert_one(task("s-3", number=2))
    await stage.adapter.read()

    assert len(stage.fleet.refreshed) == 2


async def test_tasks_and_accounts_are_asked_for_in_three_questions(stage: Stage) -> None:
    await stage.adapter.read()

    assert stage.shelf.asked == ["serial", "accounts", "tasks"]


async def test_only_records_of_changed_servers_are_read_and_each_is_written_once(stage: Stage) -> None:
    stage.mongo["vnfrs"].insert_one(record(vdur("s-2"), vdur("s-3")) | {"_id": "v-2"})
    stage.mongo["ro_tasks"].insert_many([task("s-2", vnfr="v-2"), task("s-3", vnfr="v-2", number=1)])
    await stage.read()
    stage.cloud.put("s-2")
    stage.cloud.put("s-3")
    await stage.round()
    stage.shelf.updates.clear()

    stage.cloud.put("s-2", status="SHUTOFF")
    stage.cloud.put("s-3", status="PAUSED")
    await stage.round()

    ((wanted, sets),) = stage.shelf.updates
    assert wanted["_id"] == "v-2"
    assert {"vdur.0.status", "vdur.1.status"} <= sets.keys()


async def test_a_server_that_is_deleted_externally_is_reported_once_and_its_owner_hears_of_it(stage: Stage) -> None:
    stage.cloud.servers.clear()
    stage.cloud.ports.clear()

    await stage.round()
    await stage.round()

    assert stage.info()["vim_status"] == "DELETED"
    assert len(stage.shelf.updates) == 1
    assert stage.teller.news == [
        VduNews(
            condition=VduCondition.DELETED,
            is_on=True,
            project=PROJECT,
            vnf=VNFR,
            vnfc="vdur-s-1",
            vim=stage.cloud.vim,
            server="s-1",
            name="vm-s-1",
            host="compute-1",
            text="Deleted externally",
        )
    ]

    stage.cloud.put()
    await stage.round()
    assert stage.info()["vim_status"] == "ACTIVE"
    assert stage.teller.told() == [("deleted", True, ""), ("deleted", False, "")]


async def test_where_the_server_that_speaks_for_its_vnf_is_gone_the_next_one_does_until_it_is_back(
    stage: Stage,
) -> None:
    stage.mongo["vnfrs"].update_one({"_id": VNFR}, {"$push": {"vdur": vdur("s-2")}})
    stage.mongo["ro_tasks"].insert_one(task("s-2", number=1))
    await stage.read()
    stage.cloud.put("s-2")
    stage.cloud.ports["p-s-2"]["fixed_ips"] = [{"ip_address": "192.0.2.2"}]

    async def after_a_round() -> tuple[Any, int]:
        stage.shelf.updates.clear()
        await stage.round()
        return stage.mongo["vnfrs"].find_one({"_id": VNFR})["ip-address"], len(stage.shelf.updates)

    assert await after_a_round() == ("192.0.2.1", 1)
    first = stage.cloud.servers.pop("s-1")
    assert await after_a_round() == ("192.0.2.2", 1)
    stage.cloud.servers["s-1"] = first
    assert await after_a_round() == ("192.0.2.1", 1)


def being_removed(stage: Stage) -> None:
    deletion = {"status": "SCHEDULED", "action": "DELETE", "item": "vdu"}
    stage.mongo["ro_tasks"].update_one({}, {"$push": {"tasks": deletion}})


def removed(stage: Stage) -> None:
    stage.mongo["ro_tasks"].update_one({}, {"$set": {"vim_info.vim_id": None}})


def forgotten(stage: Stage) -> None:
    stage.mongo["ro_tasks"].delete_many({})


@pytest.mark.parametrize("osm_does", [being_removed, removed, forgotten])
@pytest.mark.parametrize("is_port_first", [True, False])
async def test_what_osm_removes_since_its_tasks_were_read_is_no_external_deletion(
    stage: Stage, osm_does: Callable[[Stage], None], is_port_first: bool
) -> None:
    osm_does(stage)
    stage.cloud.ports.clear()
    if not is_port_first:
        stage.cloud.servers.clear()

    await stage.round()

    assert (stage.teller.news, stage.shelf.updates) == ([], [])
    assert stage.adapter.status().skipped == {"leaving": 1}
    assert stage.adapter.status().pending == 0


async def test_a_removal_that_osm_gave_up_leaves_an_external_deletion(stage: Stage) -> None:
    being_removed(stage)
    stage.cloud.servers.clear()
    await stage.round()

    stage.mongo["ro_tasks"].update_one({}, {"$set": {"tasks.1.status": "FAILED", "modified_at": 1676755753.5}})
    await stage.read()
    await stage.adapter.write()

    assert stage.teller.told() == [("deleted", True, "")]
    assert stage.info()["vim_status"] == "DELETED"


async def test_a_server_in_error_and_an_interface_that_is_gone_are_told_and_taken_back(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    stage.cloud.ports.clear()
    await stage.round()
    stage.cloud.put()
    await stage.round()

    assert sorted(stage.teller.told()) == [
        ("error", False, ""),
        ("error", True, ""),
        ("interface-gone", False, "p-s-1"),
        ("interface-gone", True, "p-s-1"),
    ]


async def test_it_is_told_before_it_is_written(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    stage.teller.fails = 1
    with pytest.raises(UnavailableError):
        await stage.round()
    assert (stage.shelf.updates, stage.adapter.status().pending) == ([], 1)

    await stage.adapter.write()

    assert stage.teller.told() == [("error", True, "")]
    assert stage.info()["vim_status"] == "ERROR"


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_may_have_been_told_is_taken_back_when_it_is_over(stage: Stage, keeps: bool) -> None:
    stage.teller.fails, stage.teller.keeps = 1, keeps
    stage.cloud.put(status="ERROR")
    with pytest.raises(UnavailableError):
        await stage.round()
    stage.cloud.put()
    await stage.round()

    assert stage.teller.told()[-1] == ("error", False, "")


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_may_have_been_taken_back_is_told_again_when_it_is_so_again(stage: Stage, keeps: bool) -> None:
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.teller.fails, stage.teller.keeps = 1, keeps
    stage.cloud.put()
    with pytest.raises(UnavailableError):
        await stage.round()
    stage.cloud.put(status="ERROR")
    await stage.round()

    assert stage.teller.told()[-1] == ("error", True, "")
    assert stage.adapter.status().pending == 0


async def test_killed_between_news_and_record_it_is_told_again_and_then_written(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    stage.shelf.fails = {"change"}
    with pytest.raises(UnavailableError):
        await stage.round()
    stage.shelf.fails = set()

    stage.start()
    await stage.read()
    await stage.round()

    assert stage.teller.told() == [("error", True, "")] * 2
    assert stage.info()["vim_status"] == "ERROR"


def stood(condition: VduCondition, **more: Any) -> VduNews:
    """A condition as the inspector knows it after a start."""
    fields = {"project": PROJECT, "vnf": VNFR, "vnfc": "vdur-s-1", "vim": "", "server": "s-1"}
    return VduNews(condition=condition, is_on=True, **{**fields, **more})


async def test_what_ended_while_we_were_down_is_taken_back_and_what_still_is_so_is_not_told_again(
    stage: Stage,
) -> None:
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.teller.news.clear()

    gone = stood(VduCondition.INTERFACE_GONE, server="", port="p-s-1")
    stage.start(stood(VduCondition.ERROR), gone)
    await stage.read()
    assert stage.teller.news == [], "nobody has looked yet"
    await stage.round()

    assert stage.teller.told() == [("interface-gone", False, "p-s-1")]
    await stage.round()
    stage.cloud.put()
    await stage.round()
    assert stage.teller.told()[1:] == [("error", False, "")]


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("stands", [True, False])
async def test_what_was_said_and_not_decided_is_said_as_it_is_when_we_are_back(
    stage: Stage, is_on: bool, stands: bool
) -> None:
    said = msgspec.structs.replace(stood(VduCondition.ERROR), is_on=is_on)
    standing = [stood(VduCondition.ERROR)] if stands else []
    for status in ("ERROR", "ACTIVE"):
        stage.teller.news.clear()
        stage.start(*standing, undecided=(said,))
        stage.cloud.put(status=status)
        await stage.read()
        await stage.round()

        assert {one.is_on for one in stage.teller.news} == {status == "ERROR"}


async def test_what_stood_in_another_projects_name_is_told_anew(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.teller.news.clear()

    stage.start(stood(VduCondition.ERROR, project=""))
    await stage.read()
    await stage.round()

    assert [(one.is_on, one.project) for one in stage.teller.news] == [(False, ""), (True, PROJECT)]


async def test_what_stood_and_is_of_no_record_any_more_ends(stage: Stage) -> None:
    strange, of_a_gone_record = stood(VduCondition.DELETED, vnf="removed"), stood(VduCondition.ERROR)
    stage.start(strange, of_a_gone_record)
    stage.mongo["vnfrs"].delete_many({})

    await stage.read()
    assert [(one.vnf, one.is_on) for one in stage.teller.news] == [("removed", False)]
    await stage.round()
    await stage.read()

    assert [(one.vnf, one.is_on) for one in stage.teller.news] == [("removed", False), (VNFR, False)]


async def test_an_error_that_we_set_ourselves_is_no_news_until_it_is_not_ours_any_more(stage: Stage) -> None:
    stage.ours = {"s-1"}
    stage.cloud.put(status="ERROR")
    await stage.round()
    await stage.read()
    await stage.adapter.write()
    assert stage.info()["vim_status"] == "ERROR"
    assert stage.teller.news == []

    stage.ours = set()
    await stage.read()
    await stage.adapter.write()

    assert stage.teller.told() == [("error", True, "")]


async def test_an_error_that_was_there_before_we_set_it_stays_told(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.ours = {"s-1"}
    stage.cloud.put(status="ERROR", name="another")

    await stage.round()

    assert stage.teller.told() == [("error", True, "")]


async def test_what_we_set_is_forgotten_with_its_server(stage: Stage) -> None:
    stage.ours = {"s-1"}
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.ours = set()
    stage.mongo["ro_tasks"].delete_many({})

    await stage.adapter.read()

    assert stage.adapter.status().pending == 0


async def test_what_osm_does_not_know_any_more_has_nothing_wrong_with_it(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.mongo["ro_tasks"].delete_many({})

    stage.teller.fails = 1
    with pytest.raises(UnavailableError):
        await stage.adapter.read()
    await stage.adapter.read()
    await stage.adapter.read()

    assert stage.teller.told() == [("error", True, ""), ("error", False, "")]


async def test_a_record_that_is_gone_ends_what_was_told_of_it(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.mongo["vnfrs"].delete_many({})
    stage.cloud.put(status="ERROR", name="another")

    with capture_logs() as logs:
        await stage.round()
        stage.cloud.put(status="ERROR", name="a third")
        await stage.round()

    assert stage.teller.told() == [("error", True, ""), ("error", False, "")]
    assert stage.adapter.status().skipped == {"no_record": 1}
    assert [one["reason"] for one in logs] == ["no_record"]
    stage.mongo["vnfrs"].insert_one(record())
    stage.cloud.put()
    await stage.round()
    assert stage.adapter.status().skipped == {}


async def test_a_word_that_cannot_be_read_ends_nothing(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    await stage.round()
    stage.cloud.put(status="")

    await stage.round()

    assert stage.teller.told() == [("error", True, "")]
    assert stage.adapter.status().skipped == {"shape": 1}


# Somebody else writes too


async def test_a_record_that_somebody_else_changed_is_read_again_and_worked_out_anew(stage: Stage) -> None:
    def theirs() -> None:
        stage.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"vdur.0.status": "BUILD"}})

    stage.shelf.quicker = [theirs]
    stage.cloud.put(status="SHUTOFF")

    await stage.round()

    assert stage.mongo["vnfrs"].find_one({"_id": VNFR})["vdur"][0]["status"] == "SHUTOFF"
    status = stage.adapter.status()
    assert (status.conflicts, status.pending) == (1, 0)
    assert stage.teller.news == []


async def test_a_record_that_is_never_left_alone_waits_and_holds_nobody_up(stage: Stage) -> None:
    numbers = iter(range(100))

    def theirs() -> None:
        stage.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"vdur.0.status": f"S-{next(numbers)}"}})

    stage.mongo["vnfrs"].insert_one(record(vdur("s-2")) | {"_id": "v-2"})
    stage.mongo["ro_tasks"].insert_one(task("s-2", vnfr="v-2"))
    await stage.read()
    stage.cloud.put(status="SHUTOFF")
    stage.cloud.put("s-2", status="SHUTOFF")
    stage.shelf.quicker = [theirs] * (2 * TRIES + 1)

    await stage.round()

    assert stage.mongo["vnfrs"].find_one({"_id": "v-2"})["vdur"][0]["status"] == "SHUTOFF"
    status = stage.adapter.status()
    assert status.pending == 1
    assert status.conflicts >= TRIES
    await stage.adapter.write()
    assert stage.adapter.status().pending == 0
    assert stage.info()["vim_status"] == "SHUTOFF"


async def test_a_server_in_two_records_waits_for_the_one_that_is_never_left_alone(stage: Stage) -> None:
    numbers = iter(range(100))

    def theirs() -> None:
        stage.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"vdur.0.status": f"S-{next(numbers)}"}})

    stage.mongo["vnfrs"].insert_one(record() | {"_id": "v-2"})
    stage.mongo["ro_tasks"].insert_one(task(vnfr="v-2"))
    await stage.read()
    stage.cloud.put(status="SHUTOFF")
    stage.shelf.quicker = [theirs] * (TRIES + 1)

    await stage.round()

    assert stage.mongo["vnfrs"].find_one({"_id": "v-2"})["vdur"][0]["status"] == "SHUTOFF"
    assert stage.info()["vim_status"] == "SHUTOFF"
    assert stage.adapter.status().pending == 0


async def test_a_server_that_was_healed_meanwhile_is_left_to_its_new_task(stage: Stage) -> None:
    def healed() -> None:
        stage.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"vdur": [vdur("s-9")]}})

    stage.cloud.servers.clear()
    stage.shelf.quicker = [healed]

    await stage.round()

    assert stage.info()["vim_id"] == "s-9"
    assert stage.teller.told() == [("deleted", True, ""), ("deleted", False, "")]
    assert stage.adapter.status().skipped == {"other_server": 1}


async def test_a_task_that_osm_changed_has_its_record_looked_at(stage: Stage) -> None:
    stage.mongo["vnfrs"].update_one({"_id": VNFR}, {"$set": {"vdur.0.status": "BUILD"}})
    stage.mongo["ro_tasks"].update_one({}, {"$set": {"modified_at": 1676755999.0}})

    await stage.adapter.read()
    await stage.adapter.write()

    assert stage.mongo["vnfrs"].find_one({"_id": VNFR})["vdur"][0]["status"] == "ACTIVE"


async def test_an_update_that_the_database_does_not_take_is_counted_and_holds_nobody_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> bool:
        raise RefusedError("it is too large")

    stage.cloud.put(status="SHUTOFF")
    monkeypatch.setattr(stage.shelf, "change", refuse)

    await stage.round()

    status = stage.adapter.status()
    assert (status.refused, status.pending) == (1, 0)


# Odd documents


async def test_tasks_that_name_no_server_are_counted_said_once_and_harm_nobody(stage: Stage) -> None:
    stage.mongo["ro_tasks"].insert_many(
        [
            task("s-2") | {"vim_info": None},
            task("s-3") | {"target_id": "vim:unknown"},
            task("s-4") | {"target_id": "vim:unknown"},
        ]
    )

    with capture_logs() as logs:
        await stage.adapter.read()
        await stage.adapter.read()

    assert stage.adapter.status().skipped == {"no_vim_info": 1, "unknown_vim": 2}
    assert sorted(one["reason"] for one in logs) == ["no_vim_info", "unknown_vim"]
    assert stage.adapter.status().servers == 1


async def test_accounts_that_are_broken_are_named_and_harm_nobody(stage: Stage) -> None:
    stage.mongo["vim_accounts"].insert_many(
        [
            account("b", name="broken", vim_url="https://b:1", vim_password="x"),
            account(7),  # type: ignore[arg-type]  # as somebody may have written it
            account("c", name="of another kind", vim_type="azure"),
        ]
    )

    await stage.adapter.read()

    status = stage.adapter.status()
    assert list(status.troubles) == ["broken"]
    assert status.skipped == {"shape": 1}
    assert PASSWORD not in repr(status)


# The database is away


async def test_nothing_is_lost_while_the_database_is_away(stage: Stage) -> None:
    stage.shelf.fails = {"records", "accounts"}
    running = asyncio.create_task(stage.adapter.run())
    stage.cloud.put(status="ERROR")
    stage.cloud.listed(stage.reader)

    await until(lambda: "records does not answer" in stage.adapter.status().error)
    await until(lambda: "accounts does not answer" in stage.adapter.status().error)
    assert stage.adapter.status().pending == 1
    assert stage.fleet.led, "what is known of the clouds stays"
    stage.shelf.fails = set()

    await until(lambda: stage.adapter.status().pending == 0 and not stage.adapter.status().error)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert stage.info()["vim_status"] == "ERROR"
    assert stage.teller.told() == [("error", True, "")]


async def test_a_bug_does_not_end_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_it() -> object:
        raise ZeroDivisionError(PASSWORD)

    monkeypatch.setattr(stage.shelf, "serial", break_it)
    running = asyncio.create_task(stage.adapter.run())
    await until(lambda: stage.adapter.status().error == "ZeroDivisionError")
    monkeypatch.undo()

    await until(lambda: stage.adapter.status().error == "")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_cloud_with_many_servers_is_written_in_parts(stage: Stage) -> None:
    many = 120
    for number in range(many):
        server = f"m-{number}"
        stage.mongo["vnfrs"].insert_one(record(vdur(server)) | {"_id": f"v-{number}"})
        stage.mongo["ro_tasks"].insert_one(task(server, vnfr=f"v-{number}"))
        stage.cloud.put(server, status="SHUTOFF")
    await stage.read()

    await stage.round()

    assert stage.adapter.status().pending == 0
    assert stage.shelf.asked.count("records") == 3
    assert stage.mongo["vnfrs"].count_documents({"vdur.0.status": "SHUTOFF"}) == many


async def test_a_port_that_changes_is_written(stage: Stage) -> None:
    stage.cloud.ports["p-s-1"] = port_words(fixed_ips=[{"ip_address": "192.0.2.9"}])

    await stage.round()

    assert stage.mongo["vnfrs"].find_one({"_id": VNFR})["ip-address"] == "192.0.2.9"
    assert ACCOUNT in KEY
