"""The driver ``osm``: a connector of OSM's reads a cloud, in a thread, and is believed whole or not at all."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from nfvigil.controller.vims.osm_plugin import OsmPluginVim
from nfvigil.errors import NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.action import Action, ActionKind
from nfvigil.model.reading import ChangedDetails
from nfvigil.model.resource import Port, Server

pytestmark = pytest.mark.anyio
LIMIT = 10
OPTIONS = {
    "type": "azure",
    "id": "account-1",
    "name": "edge",
    "vim_url": "https://cloud.example",
    "vim_user": "me",
    "vim_password": "hunter-two-and-a-half",
    "vim_tenant_id": "t-1",
    "config": {"region_name": "north"},
}
CERTIFIED = {"region_name": "north", "ca_cert_content": "-----BEGIN CERTIFICATE-----"}


class VimConnException(Exception):
    pass


class NovaServer:
    """As novaclient has it."""

    def __init__(self, **words: Any) -> None:
        self._info = words

    def to_dict(self) -> dict[str, Any]:
        return dict(self._info)


def server(server_id: str = "s-1", **more: Any) -> NovaServer:
    return NovaServer(**{"id": server_id, "status": "ACTIVE", "tenant_id": "t-1", "name": "vm"} | more)


def port(port_id: str = "p-1", **more: Any) -> dict[str, Any]:
    return {
        "id": port_id,
        "status": "ACTIVE",
        "network_id": "n-1",
        "admin_state_up": True,
        "device_id": "s-1",
        "device_owner": "compute:nova",
    } | more


class Connector:
    """A third party's, by the shape that OSM's monitor knows."""

    made: ClassVar[list[Mapping[str, Any]]] = []
    answers: ClassVar[list[Any]] = []
    calls: ClassVar[int] = 0

    def __init__(
        self,
        uuid: str,
        name: str,
        tenant_id: str | None,
        tenant_name: str | None,
        url: str,
        url_admin: str | None = None,
        user: str | None = None,
        passwd: str | None = None,
        log_level: str | None = None,
        config: Mapping[str, Any] | None = None,
        persistent_info: Mapping[str, Any] | None = None,
    ) -> None:
        given = dict(locals())
        del given["self"]
        Connector.made.append(given)

    def get_monitoring_data(self) -> Any:
        Connector.calls += 1
        answer = Connector.answers.pop(0) if len(Connector.answers) > 1 else Connector.answers[0]
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Points:
    names = ("rovim_azure", "rovim_openstack")

    def __getitem__(self, name: str) -> Any:
        class Point:
            load = staticmethod(lambda: Connector)

        return Point()


@pytest.fixture(autouse=True)
def connector() -> type[Connector]:
    Connector.made, Connector.calls = [], 0
    Connector.answers = [([server()], {"ports": [port()]})]
    return Connector


def vim(**more: Any) -> OsmPluginVim:
    return OsmPluginVim.from_options("edge", OPTIONS | more, lambda: 7, Points())


async def test_a_listing_has_what_the_connector_says() -> None:
    mine = vim()

    found = await mine.snapshot()

    assert found.servers == (Server(id="s-1", name="vm", vim="edge", project="t-1"),)
    assert found.ports == (Port(id="p-1", vim="edge", server="s-1", network="n-1"),)
    assert (found.taken_us, found.hosts, mine.name) == (7, (), "edge")
    assert mine.describe() == {"connector": "rovim_azure", "account": "edge"}
    assert mine.places() == ["https://cloud.example"]
    await mine.close()


async def test_hosts_are_known_where_the_connector_may_see_them() -> None:
    seen = server(**{"OS-EXT-SRV-ATTR:host": "compute-1"}), port(**{"binding:host_id": "compute-1"})
    Connector.answers = [([seen[0]], {"ports": [seen[1]]})]

    found = await vim().snapshot()

    assert (found.servers[0].host, found.ports[0].host) == ("compute-1", "compute-1")


def kept(path: Path) -> tuple[str, int, int]:
    return path.read_text(), stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)


async def test_a_connector_without_a_certificate_gets_none() -> None:
    await vim().snapshot()

    assert Connector.made[0]["config"] == {"region_name": "north"}


async def test_a_connector_that_could_not_be_made_is_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = vim(config=CERTIFIED)
    with monkeypatch.context() as patch:
        patch.setattr(Connector, "made", None)
        with pytest.raises(VimUnavailableError, match="AttributeError"):
            await mine.snapshot()

    await mine.snapshot()

    assert kept(Path(Connector.made[0]["config"]["ca_cert"]))[1] == 0o600
    await mine.close()


async def test_a_connector_is_made_once_as_osm_makes_it() -> None:
    mine = vim(config=CERTIFIED)
    await mine.snapshot()
    await mine.snapshot()

    (given,) = Connector.made
    config = dict(given["config"])
    certificate = Path(config.pop("ca_cert"))
    assert config == {"region_name": "north"}
    assert {name: value for name, value in given.items() if name != "config"} == {
        "uuid": "account-1",
        "name": "edge",
        "tenant_id": "t-1",
        "tenant_name": None,
        "url": "https://cloud.example",
        "url_admin": None,
        "user": "me",
        "passwd": "hunter-two-and-a-half",
        "log_level": None,
        "persistent_info": {},
    }
    assert kept(certificate) == ("-----BEGIN CERTIFICATE-----", 0o600, 0o700)
    await mine.close()
    assert not certificate.parent.exists()
    await mine.close()


async def test_details_are_the_connectors_words() -> None:
    Connector.answers = [
        (
            [server(extra=object), server("s-2")],
            {"ports": [port(), port("p-2", device_id="s-2"), port("p-3", device_owner="network:dhcp")]},
        )
    ]
    details = ChangedDetails(wants={"s-1"}.__contains__, known={})

    await vim().detailed_snapshot(details)

    assert details.changed.keys() == {"server/s-1", "port/p-1"}
    words = msgspec.json.decode(details.changed["server/s-1"])
    assert words["status"] == "ACTIVE"
    assert words["extra"] == str(object)
    assert "OS-EXT-SRV-ATTR:host" not in words


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(VimConnException("no route"), "VimConnException: no route", id="it raises"),
        pytest.param(None, "failed: TypeError", id="nothing"),
        pytest.param(([], []), "failed: TypeError", id="no ports"),
        pytest.param(([], {}), "failed: KeyError", id="no list of ports"),
        pytest.param(([7], {"ports": []}), "not understood", id="a server that is a number"),
        pytest.param(([server(id=None)], {"ports": []}), "not understood", id="a server without an id"),
        pytest.param(([server(), server()], {"ports": []}), "s-1 is in it twice", id="a server twice"),
        pytest.param(([], {"ports": [{"id": "p"}]}), "not understood", id="half a port"),
        pytest.param(([server(status="UNKNOWN")], {"ports": []}), "a cell that does not answer", id="unknown"),
    ],
)
async def test_what_is_not_whole_is_refused_whole(answer: Any, said: str) -> None:
    Connector.answers = [answer]

    with pytest.raises(VimUnavailableError, match=said):
        await vim().snapshot()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(VimConnException("401 for me/hunter-two-and-a-half, nsx-secret"), id="it raises"),
        pytest.param(([server("hunter-two-and-a-half"), server("hunter-two-and-a-half")], {"ports": []}), id="odd"),
    ],
)
async def test_what_a_connector_says_is_repeated_without_the_accounts_secrets(answer: Any) -> None:
    Connector.answers = [answer]

    with pytest.raises(VimUnavailableError) as refused:
        await vim(config={"nsx_password": "nsx-secret"}).snapshot()

    assert "OSM's connector rovim_azure" in str(refused.value)
    assert not any(secret in str(refused.value) for secret in ("hunter", "nsx-secret"))


async def test_one_thing_is_answered_by_a_listing_that_was_begun_after_the_question() -> None:
    mine = vim()
    await mine.snapshot()
    Connector.answers = [([], {"ports": [port()]})]

    assert (await mine.read("port/p-1")).id == "p-1"
    with pytest.raises(NotFoundError):
        await mine.read("server/s-1")
    assert (await mine.show("port/p-1"))["network_id"] == "n-1"
    with pytest.raises(RefusedError, match="nothing of a host"):
        await mine.read("host/compute-1")


async def test_those_who_ask_meanwhile_share_the_next_listing() -> None:
    held, begun = threading.Event(), threading.Event()

    def first() -> Any:
        begun.set()
        held.wait(LIMIT)
        return [server()], {"ports": []}

    Connector.answers = [first, ([], {"ports": []})]
    mine = vim()
    listing = asyncio.create_task(mine.snapshot())
    await asyncio.to_thread(begun.wait, LIMIT)
    asking = [asyncio.create_task(mine.read("server/s-1")) for _ in range(20)]
    await asyncio.sleep(0)
    held.set()

    assert len((await listing).servers) == 1
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, NotFoundError) for one in found), "what was begun before is no answer"
    assert Connector.calls == 2


async def test_a_connector_that_does_not_come_back_is_not_called_again() -> None:
    held, begun = threading.Event(), threading.Event()

    def hang() -> Any:
        begun.set()
        held.wait(LIMIT)
        return [], {"ports": []}

    Connector.answers = [hang, ([server()], {"ports": []})]
    mine = vim()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await mine.snapshot()
    await asyncio.to_thread(begun.wait, LIMIT)

    with pytest.raises(VimUnavailableError, match="has not come back"):
        await mine.snapshot()
    assert Connector.calls == 1
    held.set()
    async with asyncio.timeout(LIMIT):
        while mine._is_called:  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.005)

    assert len((await mine.snapshot()).servers) == 1


def test_a_connector_that_comes_back_after_the_end_harms_nobody() -> None:
    held, begun = threading.Event(), threading.Event()

    def hang() -> Any:
        begun.set()
        held.wait(LIMIT)
        return [], {"ports": []}

    Connector.answers = [hang]
    mine = vim()

    async def ask() -> None:
        waiting = asyncio.create_task(mine.snapshot())
        await asyncio.sleep(0)
        await asyncio.to_thread(begun.wait, LIMIT)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(ask())
    (thread,) = (one for one in threading.enumerate() if one.name == "osm edge")
    held.set()
    thread.join(LIMIT)

    assert not thread.is_alive()


async def test_nothing_is_ever_done_to_the_cloud() -> None:
    action = Action(id="a", event_id=1, kind=ActionKind.SERVER_ERROR, target="server/s-1", vim="edge")

    with pytest.raises(RefusedError, match="nothing is done to it"):
        await vim().perform(action)
    assert Connector.calls == 0


async def test_it_tells_no_changes() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(aiter(vim().changes())), 0.02)


async def test_a_check_lists_once() -> None:
    (well,) = await vim().check()
    Connector.answers = [VimConnException("no route")]
    (unwell,) = await vim().check()

    assert (well.ok, well.detail) == (True, "1 servers, 1 ports")
    assert not unwell.ok
    assert "no route" in unwell.detail


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({"type": "gcp"}, "no connector rovim_gcp", id="a connector that is not installed"),
        pytest.param({"vim_url": ""}, "vim_url", id="no address"),
        pytest.param({"what": 1}, "what", id="an option that there is not"),
        pytest.param({"config": []}, "config", id="config is no object"),
    ],
)
def test_wrong_options_are_named(more: dict[str, Any], said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        vim(**more)

    assert OPTIONS["vim_password"] not in str(refused.value)


def test_connectors_are_found_among_the_installed_ones() -> None:
    with pytest.raises(RefusedError, match="osm_rovim"):
        OsmPluginVim.from_options("edge", OPTIONS, lambda: 7)
