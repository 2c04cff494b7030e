"""Which server is a part of which VNF: by its metadata, by what we were told, and what alarms make of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from nfvigil.desks.vnfs import VNFCS_MAX, VnfDesk, marker
from nfvigil.errors import ConflictError, NotFoundError, RefusedError
from nfvigil.inspector import internal
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm
from nfvigil.model.change import Change
from nfvigil.model.event import Event
from nfvigil.model.ids import EventIds
from nfvigil.model.resource import Host, MapChange, Port, Server, Snapshot, Volume
from nfvigil.model.verdict import News
from nfvigil.model.vnf import Vnf, Vnfc, VnfSource
from nfvigil.model.vnf_record import VnfRecord
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.matcher import Matcher
from nfvigil.pipeline import Pipeline
from nfvigil.vnf.registry import Registry

pytestmark = pytest.mark.anyio

POLICY = """
policy: test
rules:
  - {name: host-down, when: {type: compute.host.down}}
  - {name: servers, because: compute.host.down, to: servers, raise: compute.instance.down}
  - {name: ports, because: compute.instance.down, to: ports, raise: port.down}
  - {name: volumes, because: compute.instance.down, to: volumes, raise: volume.down}
"""
SNAPSHOT = Snapshot(
    vim="sim",
    taken_us=1,
    hosts=(Host(id="h", vim="sim"),),
    servers=(
        Server(id="s1", vim="sim", project="blue", host="h", volumes=("d1",)),
        Server(id="s2", vim="sim", project="blue", host="h", vnf="meta", vnfc="c2"),
        Server(id="s3", vim="sim", project="red", host="h"),
    ),
    ports=(Port(id="p1", vim="sim", project="blue", server="s1"),),
    volumes=(Volume(id="d1", vim="sim", project="blue"),),
)


def clock() -> int:
    return time.time_ns() // 1000


@dataclass
class Store:
    """The log, the alarms as they are now, and VNFs."""

    kept: dict[tuple[str, str], Vnf] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    news: list[tuple[News, str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def add_events(self, events: Sequence[Event]) -> None:
        self.log += [event.type for event in events]

    async def commit(self, change: Change) -> None:
        self.alarms.update({alarm.resource: alarm for alarm in change.alarms})
        self.news += [(news, alarm.resource) for one in change.decisions for news, alarm in one.verdict.alarms]

    async def save_actions(self, actions: Sequence[Action]) -> None: ...

    async def add_vnf(self, vnf: Vnf, record: VnfRecord | None = None) -> None:
        self.kept[vnf.key] = vnf

    async def change_vnf(self, vnf: Vnf, *, was_us: int, record: VnfRecord | None = None) -> None:
        assert self.kept[vnf.key].changed_us == was_us
        self.kept[vnf.key] = vnf

    async def remove_vnf(self, project: str, vnf_id: str) -> None:
        self.kept.pop((project, vnf_id), None)


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.registry = Registry()
        self.pipeline = Pipeline(
            keeper=self.store,
            writer=Composer(matcher=Matcher(), seqs={}, channels={}),
            tell=lambda _: None,
            act=lambda _: None,
            policy=CompiledPolicy(read_policy(POLICY, version=1)),
            resource_map=ResourceMap(),
            state=State(),
            ids=EventIds(clock),
            clock=clock,
        )
        self.map = self.pipeline.map
        self.map.annotated = self.registry.annotated
        self.desk = VnfDesk(
            registry=self.registry, shelf=self.store, servers=self.map, take_map=self.pipeline.take_map, clock=clock
        )

    def server(self, name: str) -> Server:
        found = self.map.get(f"server/{name}")
        assert isinstance(found, Server)
        return found

    async def fails(self, host: str = "h") -> None:
        now, ids = clock(), self.pipeline.event("x", "").id
        event = Event(id=ids, type="compute.host.down", resource=f"host/{host}", time_us=now, received_us=now)
        await self.pipeline.ask(event)


@pytest.fixture
async def world():
    there = World()
    await there.pipeline.take_map(SNAPSHOT)
    running = asyncio.ensure_future(there.pipeline.run())
    yield there
    running.cancel()


async def until(what) -> None:
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


def vnf(*servers: str, name: str = "epc", project: str = "blue", **more) -> Vnf:
    vnfcs = tuple(Vnfc(id=f"c-{server}", server=server) for server in servers)
    return Vnf(id="v", project=project, name=name, vnfcs=vnfcs, **more)


async def test_an_alarm_says_which_vnf_is_hit_on_the_server_and_on_what_hangs_on_it(world):
    await world.desk.create(vnf("s1"))

    await world.fails()

    found = {alarm.resource: (alarm.vnf, alarm.vnfc) for alarm in world.store.alarms.values()}
    assert found == {
        "host/h": ("", ""),
        "server/s1": ("v", "c-s1"),
        "port/p1": ("v", "c-s1"),
        "volume/d1": ("v", "c-s1"),
        "server/s2": ("meta", "c2"),
        "server/s3": ("", ""),
    }


async def test_an_alarm_that_stands_learns_its_vnf_in_silence(world):
    await world.fails()
    told = list(world.store.news)

    await world.desk.create(vnf("s1"))

    await until(lambda: all(world.store.alarms[key].vnf == "v" for key in ("server/s1", "port/p1", "volume/d1")))
    assert world.store.news == told
    assert world.pipeline.state.alarms[world.store.alarms["server/s1"].id].vnfc == "c-s1"


async def test_a_vnf_that_is_forgotten_is_still_named_by_the_alarms_that_stand(world):
    await world.desk.create(vnf("s1"))
    await world.fails()

    world.store.log.clear()

    await world.desk.remove("blue", "v")

    assert world.server("s1").vnf == ""
    await until(lambda: internal.MAP_CHANGED in world.store.log and not world.pipeline.waiting)
    assert world.store.alarms["server/s1"].vnf == "v"


async def test_a_new_owner_never_learns_the_vnf_of_the_one_before(world):
    await world.desk.create(vnf("s1"))
    await world.fails()

    change = MapChange(vim="sim", put=(replace(SNAPSHOT.servers[0], project="red"),))
    await world.pipeline.take_map(change)

    await until(lambda: world.store.alarms["server/s1"].project == "red")
    assert (world.store.alarms["server/s1"].vnf, world.server("s1").vnf) == ("", "")


async def test_a_listing_that_says_nothing_new_changes_nothing(world):
    await world.desk.create(vnf("s1"))

    found = world.map.compare(SNAPSHOT)

    assert (found.added, found.changed, found.missing) == ((), (), ())


async def test_what_the_metadata_says_comes_back_when_we_forget_what_we_were_told(world):
    await world.desk.create(vnf("s1"))
    named = replace(SNAPSHOT.servers[0], vnf="other", vnfc="x")
    await world.pipeline.take_map(MapChange(vim="sim", put=(named,)))
    assert (world.server("s1").vnf, world.server("s1").vnfc) == ("other", "x")

    await world.desk.remove("blue", "v")

    assert world.server("s1").vnf == "other"


async def test_a_component_s_name_is_filled_in_where_the_metadata_has_none(world):
    named = replace(SNAPSHOT.servers[0], vnf="v")
    await world.pipeline.take_map(MapChange(vim="sim", put=(named,)))

    await world.desk.create(vnf("s1"))

    assert (world.server("s1").vnf, world.server("s1").vnfc) == ("v", "c-s1")


async def test_a_changed_vnf_moves_its_servers(world):
    made = await world.desk.create(vnf("s1"))

    changed = await world.desk.replace(vnf(name="core"), was_us=made.changed_us)

    assert world.server("s1").vnf == ""
    assert (changed.name, changed.created_us) == ("core", made.created_us)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        await world.desk.replace(vnf(name="again"), was_us=made.changed_us)
    assert world.store.kept["blue", "v"] == changed


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        pytest.param(vnf("s3"), "vnfcs[0].server", "is no server of the project", id="another project's server"),
        pytest.param(vnf("gone"), "vnfcs[0].server", "is no server of the project", id="no server at all"),
        pytest.param(vnf("s2"), "vnfcs[0].server", "is a part of the VNF meta by its metadata", id="metadata's"),
        pytest.param(vnf("taken"), "vnfcs[0].server", "is a part of the VNF first", id="another VNF's"),
        pytest.param(vnf("s1", "s1"), "vnfcs[1].id", "is another component's too", id="twice"),
        pytest.param(vnf(*["s1"] * (VNFCS_MAX + 1)), "vnfcs", f"more than {VNFCS_MAX}", id="too many"),
    ],
)
async def test_a_vnf_has_servers_of_its_own_project_only(world, wrong, field, reason):
    await world.pipeline.take_map(MapChange(vim="sim", put=(Server(id="taken", vim="sim", project="blue"),)))
    await world.desk.create(replace(vnf("taken"), id="first"))

    with pytest.raises(RefusedError) as refused:
        await world.desk.create(wrong)

    assert (field, reason) in [(error.field, error.reason) for error in refused.value.errors]
    assert ("blue", "v") not in world.store.kept


async def test_what_is_known_is_what_we_were_told_and_what_servers_say(world):
    await world.desk.create(vnf("s1"))
    await world.desk.create(replace(vnf(project="red"), id="meta"))

    everybody = world.desk.vnfs(None, "", 10)

    assert [(one.project, one.id, one.source) for one in everybody] == [
        ("blue", "meta", VnfSource.METADATA),
        ("blue", "v", VnfSource.API),
        ("red", "meta", VnfSource.API),
    ]
    assert world.desk.vnfs(None, marker(everybody[0]), 1) == [everybody[1]]
    assert [one.id for one in world.desk.vnfs("red", "", 10)] == ["meta"]
    assert world.desk.vnf("meta", "blue").vnfcs == (Vnfc(id="c2", server="s2"),)
    assert world.desk.named("epc", "blue") == ["v"]
    with pytest.raises(ConflictError, match="several projects"):
        world.desk.vnf("meta", None)
    with pytest.raises(NotFoundError):
        world.desk.vnf("v", "red")
    with pytest.raises(NotFoundError):
        await world.desk.remove("blue", "meta")  # nobody told us of it


async def test_a_manager_registers_servers_one_by_one_and_takes_them_back(world):
    given = {"source": VnfSource.TACKER, "by": "tacker"}
    await world.desk.add_server("blue", "t", "s1", **given)
    await world.desk.add_server("blue", "t", "not-yet-there", **given)
    await world.desk.add_server("blue", "t", "s1", **given)
    await world.desk.add_server("blue", "t", "s3", **given)  # another project's: it stays what it is

    assert world.server("s1").vnf == "t"
    assert world.server("s3").vnf == ""
    await world.pipeline.take_map(MapChange(vim="sim", put=(Server(id="not-yet-there", vim="sim", project="blue"),)))
    assert world.server("not-yet-there").vnf == "t"

    for server in ("s1", "not-yet-there", "s3"):
        await world.desk.drop_server("blue", "t", server, source=VnfSource.TACKER)

    assert world.store.kept == {}
    assert world.server("s1").vnf == ""


async def test_what_others_told_us_of_stays_when_a_manager_takes_its_servers_back(world):
    await world.desk.create(vnf("s1"))

    await world.desk.drop_server("blue", "v", "s1", source=VnfSource.TACKER)
    await world.desk.drop_server("blue", "nowhere", "s1", source=VnfSource.TACKER)

    assert world.server("s1").vnf == "v"


async def test_servers_of_two_projects_that_name_one_vnf_are_no_peers(world):
    await world.pipeline.take_map(
        MapChange(
            vim="sim",
            put=(
                Server(id="s4", vim="sim", project="red", vnf="meta"),
                Server(id="s5", vim="sim", project="blue", vnf="meta"),
            ),
        )
    )

    assert world.map.related("server/s2", "vnf_peers") == ("server/s5",)


def test_a_registry_tells_of_each_and_of_nothing_that_is_not_there():
    registry = Registry([vnf("s1")])

    assert len(registry) == 1
    assert registry.find("v", None) == registry.find("v", "blue") == [vnf("s1")]
    assert registry.find("v", "red") == []
    assert registry.remove("red", "v") == set()
    assert registry.put(replace(vnf("s9"), id="w")) == {"s9"}
    assert registry.remove("blue", "v") == {"s1"}
    assert registry.place("blue", "s1") is None
