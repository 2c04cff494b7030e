"""An OSM installation beside the whole service: from its documents to records, alarms, health and metrics."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import mongomock
import msgspec
import pytest

from nfvigil.app import open_service
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import SettingsError, UnavailableError
from nfvigil.inspector.state import State
from nfvigil.model.answers import Health
from nfvigil.model.resource import Port, Server
from nfvigil.northbound.metrics import Metrics
from nfvigil.running import Service
from nfvigil.settings import OsmSettings, Settings, load
from nfvigil.vnf.osm.database import OsmDatabase
from nfvigil.vnf.registry import Registry
from nfvigil.wiring.osm import open_osm, survey_of

pytestmark = pytest.mark.anyio
ACCOUNT = "f239ed93-756b-408e-89f8-fcbf47a9d8f7"
KEY = f"vim:{ACCOUNT}"
PASSWORD = "hunter-two-and-a-half"
LIMIT = 20


def settings(tmp_path: Path, **osm: Any) -> Settings:
    return Settings.model_validate(
        {
            "dev": True,
            "database_url": f"sqlite:///{tmp_path}/n.db",
            "vims": [{"name": "lab", "options": {"hosts": 2, "servers_per_host": 2}}],
            "inventory": {"second_look_seconds": 0.1},
            "osm": {"url": f"mongodb://osm:{PASSWORD}@mongo.example:27017", "refresh_seconds": 1} | osm,
        }
    )


def account(**more: Any) -> dict[str, Any]:
    return {
        "_id": ACCOUNT,
        "name": "edge",
        "vim_type": "openstack",
        "vim_url": "https://keystone.example:5000/v3",
        "vim_user": "osm",
        "vim_password": PASSWORD,
        "vim_tenant_name": "t",
        "schema_version": "1.0",
    } | more


@pytest.fixture
def mongo(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What every URL leads to."""
    database = mongomock.MongoClient()["osm"]
    monkeypatch.setattr(OsmDatabase, "opened", classmethod(lambda cls, url, name: cls(database)))
    return database


def documents(mongo: Any, server: Server, ports: list[Port]) -> None:
    """A VNF of one server, as OSM has it after it has made it."""
    interfaces = [
        {
            "vim_interface_id": port.id,
            "vim_net_id": port.network,
            "mgmt_vnf_interface": True,
            "compute_node": server.host,
        }
        for port in ports
    ]
    info = {"vim_id": server.id, "vim_status": "ACTIVE", "vim_name": server.name, "interfaces": interfaces}
    mongo["vnfrs"].insert_one({"_id": "vnfr-1", "vdur": [{"_id": "vdur-1", "vim_info": {KEY: info}}]})
    mongo["ro_tasks"].insert_one(
        {
            "_id": "task-1",
            "target_id": KEY,
            "vim_info": {"vim_id": server.id},
            "tasks": [{"status": "DONE", "item": "vdu", "target_record": f"vnfrs:vnfr-1:vdur.0.vim_info.{KEY}"}],
        }
    )


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    works = [service.inventory.run(), service.pipeline.run(), *(run() for run in service.beside.values())]
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(is_true: Callable[[], Any], what: str) -> None:
    try:
        async with asyncio.timeout(LIMIT):
            while not is_true():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not within {LIMIT} s: {what}")


async def test_a_record_of_osms_follows_the_cloud_and_its_owner_hears_of_it(tmp_path: Path, mongo: Any) -> None:
    mongo["vim_accounts"].insert_one(account())
    async with open_service(settings(tmp_path, vims={"edge": "lab"})) as service:
        vim = service.controller._vims["lab"]
        assert isinstance(vim, SimulatedVim)
        snapshot = await vim.snapshot()
        server = snapshot.servers[0]
        documents(mongo, server, [port for port in snapshot.ports if port.server == server.id])

        def info() -> Any:
            return mongo["vnfrs"].find_one({"_id": "vnfr-1"})["vdur"][0]["vim_info"][KEY]

        def alarms() -> set[tuple[str, str, str]]:
            return {(one.fault_type, one.resource, one.project) for one in service.pipeline.state.alarms.values()}

        async with running(service):
            await until(lambda: "vim_details" in info(), "the cloud's words are in the record")
            assert info()["vim_message"] is None if "vim_message" in info() else True

            vim.change(put=[msgspec.structs.replace(server, status="ERROR")])
            service.inventory.refresh("lab")
            await until(lambda: info()["vim_status"] == "ERROR", "the record says ERROR")
            error = ("nfvigil.vdu.error", f"server/{server.id}", server.project)
            await until(lambda: error in alarms(), "its owner has an alarm")

            vim.change(gone=[f"server/{server.id}"])
            service.inventory.refresh("lab")
            await until(lambda: info()["vim_status"] == "DELETED", "the record says DELETED")
            assert info()["vim_message"] == "Deleted externally"


async def test_what_stands_of_osms_records_outlives_a_restart(tmp_path: Path, mongo: Any) -> None:
    """Neither does the keeper of our own records end it, nor is it told again."""
    mongo["vim_accounts"].insert_one(account())
    with_osm = settings(tmp_path, vims={"edge": "lab"})
    async with open_service(with_osm) as service:
        vim = service.controller._vims["lab"]
        assert isinstance(vim, SimulatedVim)
        server = (await vim.snapshot()).servers[0]
        documents(mongo, server, [])
        vim.change(put=[msgspec.structs.replace(server, status="ERROR")])
        async with running(service):
            await until(lambda: service.pipeline.state.alarms, "its owner has an alarm")
        first = {one.id: one.raised_us for one in service.pipeline.state.alarms.values()}

    async with open_service(with_osm) as service:
        vim = service.controller._vims["lab"]
        assert isinstance(vim, SimulatedVim)
        vim.change(put=[msgspec.structs.replace(server, status="ERROR")])
        adapter = service.beside["osm"].__self__
        async with running(service):
            await until(lambda: adapter.status().servers and adapter.status().pending == 0, "OSM is read")
            await until(lambda: service.pipeline.waiting == 0, "all is decided")
            assert {one.id: one.raised_us for one in service.pipeline.state.alarms.values()} == first

            vim.change(put=[server])
            service.inventory.refresh("lab")
            await until(lambda: not service.pipeline.state.alarms, "it is well again")


async def test_accounts_come_and_go_without_a_restart_and_one_that_is_broken_is_shown(
    tmp_path: Path, mongo: Any
) -> None:
    mongo["vim_accounts"].insert_one(account(vim_user=None))
    # Nothing listens there: what counts is that it is tried.
    other = account(_id="other", vim_url="http://127.0.0.1:9/v3", name="other")
    async with open_service(settings(tmp_path)) as service, running(service):
        adapter = service.beside["osm"].__self__
        await until(lambda: adapter.status().read_us, "OSM is read")
        assert list(adapter.status().troubles) == ["edge"]

        mongo["vim_accounts"].insert_one(other)
        await until(lambda: len(service.inventory.status()) == 2, "the other one is watched")
        mongo["vim_accounts"].delete_one({"_id": "other"})
        await until(lambda: len(service.inventory.status()) == 1, "it is not watched any more")


# What it is made of


def osm_settings(**more: Any) -> OsmSettings:
    return OsmSettings.model_validate({"url": f"mongodb://osm:{PASSWORD}@mongo.example:27017"} | more)


@pytest.mark.parametrize("given", [OsmSettings(), osm_settings(refresh_seconds=-1)])
async def test_without_an_installation_there_is_nothing(given: OsmSettings) -> None:
    osm = open_osm(given, clock=lambda: 0)
    metrics = Metrics()
    before = Health(ready=True)

    async def health() -> Health:
        return before

    osm.join(None, None, None)  # type: ignore[arg-type]  # nobody is asked anything
    osm.show(metrics)
    osm._wake()
    osm.close()

    assert (osm.readers, osm.beside, osm.places) == ((), {}, ())
    assert await osm.in_health(health)() is before
    assert b"osm" not in metrics.exposition()


async def test_an_installation_has_its_place_and_its_reader_from_the_start() -> None:
    osm = open_osm(osm_settings(), clock=lambda: 0)
    osm._wake()  # a listing that comes before all is put together
    osm.close()

    assert len(osm.readers) == 1
    assert list(osm.places) == ["mongodb://mongo.example:27017"]
    assert PASSWORD not in repr(osm_settings())


def test_health_and_metrics_say_how_it_stands(mongo: Any) -> None:
    mongo["vim_accounts"].insert_one(account(vim_user=None))
    mongo["ro_tasks"].insert_one({"_id": "t", "target_id": "x", "tasks": [{"status": "DONE", "item": "vdu"}]})
    osm, metrics = open_osm(osm_settings(), clock=lambda: 5_000_000), Metrics()

    class Fleet:
        def own(self) -> list[Any]:
            return []

        async def lead(self, account: Any, *, error: str = "") -> None:
            """Shown with its error."""

    class Pipeline:
        state = State()

    async def health() -> Health:
        return Health(ready=True, details={"alarms_open": 0})

    async def all_of_it() -> tuple[bytes, Health, bytes]:
        osm.join(Fleet(), Pipeline(), Registry())  # type: ignore[arg-type]  # no more of it is asked for
        osm.show(metrics)
        before = metrics.exposition()
        adapter: Any = osm.beside["osm"].__self__
        await adapter.read()
        return before, await osm.in_health(health)(), metrics.exposition()

    before, found, after = asyncio.run(all_of_it())
    osm.close()

    assert b"nfvigil_osm_age_seconds 0" not in before
    assert b"nfvigil_osm_age_seconds 0.0" in after
    assert b"nfvigil_osm_accounts_unusable 1.0" in after
    assert b'nfvigil_osm_skipped{reason="unknown_vim"} 1.0' in after
    assert found.ready
    assert found.details["osm"]["troubles"] == {"edge": "vim_user is missing"}
    assert found.details["alarms_open"] == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "mongodb://h", "url_file": "/f"}, "url or url_file"),
        ({"common_key": "k", "common_key_file": "/f"}, "common_key or common_key_file"),
        ({"refresh_seconds": 0}, "1 or more, or -1"),
        ({"vims": {"a": "Not A Name"}}, "osm.vims.a"),
        ({"plugin_types": ["a b"]}, "osm.plugin_types.0"),
    ],
)
def test_wrong_settings_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(None, {"osm": given})


def test_secrets_may_lie_in_files(tmp_path: Path, mongo: Any) -> None:
    url, key = tmp_path / "url", tmp_path / "key"
    url.write_text("mongodb://h\n")
    key.write_text("common\n")
    given = {"url_file": str(url), "common_key_file": str(key)}

    assert list(open_osm(OsmSettings.model_validate(given), clock=lambda: 0).places) == ["mongodb://h"]
    url.unlink()
    with pytest.raises(SettingsError, match=r"osm\.url_file"):
        open_osm(OsmSettings.model_validate(given), clock=lambda: 0)
    key.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is no text"):
        open_osm(OsmSettings.model_validate({**given, "url_file": None, "url": "mongodb://h"}), clock=lambda: 0)


# What would be done


def test_a_survey_says_what_would_be_watched_and_monitored(tmp_path: Path, mongo: Any) -> None:
    mongo["vim_accounts"].insert_many(
        [
            account(),
            account(_id="b", name="broken", vim_url="https://b.example:1", vim_user=None),
            account(_id="c", name="lab-tenant"),
        ]
    )
    server = Server(id="s-1", name="vm")
    documents(mongo, server, [])

    def task(number: int, vnfr: str, vdu: int = 0, server: str = "s-1", target: str = KEY) -> dict[str, Any]:
        place = f"vnfrs:{vnfr}:vdur.{vdu}.vim_info.{KEY}"
        tasks = [{"status": "DONE", "item": "vdu", "target_record": place}]
        return {"_id": f"more-{number}", "target_id": target, "vim_info": {"vim_id": server}, "tasks": tasks}

    mongo["ro_tasks"].insert_many(
        [
            task(1, "nowhere"),
            task(2, "vnfr-1", vdu=7),
            task(3, "vnfr-1", server="s-2"),
            task(4, "vnfr-1", server="s-9", target="vim:unknown"),
        ]
    )

    found = survey_of(settings(tmp_path, vims={"lab-tenant": "lab"}))

    assert [(one.name, one.is_led, one.servers, one.error) for one in found.accounts] == [
        ("edge", True, 1, ""),
        ("broken", True, 0, "vim_user is missing"),
        ("lab-tenant", False, 0, ""),
    ]
    assert found.accounts[2].vim == "lab"
    assert found.servers == 1
    assert found.skipped == {"no_record": 1, "no_vdur": 1, "other_server": 1, "unknown_vim": 1}
    assert not found.is_well
    assert mongo["vnfrs"].find_one({"_id": "vnfr-1"})["vdur"][0]["vim_info"][KEY].keys() == {
        "vim_id",
        "vim_status",
        "vim_name",
        "interfaces",
    }, "nothing is written"


def test_without_an_installation_there_is_nothing_to_survey(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no OSM"):
        survey_of(Settings())


def test_a_survey_of_a_database_that_is_away_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def __getitem__(self, name: str) -> Any:
            raise UnavailableError("away")

    monkeypatch.setattr(OsmDatabase, "opened", classmethod(lambda cls, url, name: cls(Away())))

    with pytest.raises(UnavailableError):
        survey_of(settings(tmp_path))
