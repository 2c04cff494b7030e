"""A whole service with two projects and an operator, each of whom owns things whose every name is known to the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isolation_wire import glance, webhooks
from northbound_fakes import Answer, call
from starlette.routing import Route

from nfvigil.app import open_service
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.resource import Server
from nfvigil.northbound.access.local import _Known
from nfvigil.northbound.auth import create_token, hash_of
from nfvigil.running import Service
from nfvigil.settings import load
from nfvigil.store import TokenRecord

HOST, VIM, DOMAIN = "kanari-host-", "kanari-vim", "kanari.example"
MONITOR, CAUSE, DETAIL = "kanari-monitor", "kanari-cause", "kanari-detail"
POLICY = "kanari-policy"
PHYSICAL = (HOST, VIM, DOMAIN, MONITOR, CAUSE, DETAIL, POLICY, "kanari-admin", "storage-zone", "bmc")
"""What no project may read, whoever it is."""
FOREVER_US = 1 << 62
FORMATS: tuple[tuple[str, dict[str, str]], ...] = (
    ("aodh", {}),
    ("cloudevents", {}),
    ("signed", {"secret": "whsec_" + "a2FuYXJpLXNlY3JldC1rYW5hcmktc2VjcmV0"}),
    ("alertmanager", {}),
    ("o2ims", {}),
    ("oslo", {}),
    ("sol", {}),
)
"""Beside Doctor's, in which every project is told as well."""
OTHERS_WORDS = ("event-alarm", "sol-manager", "vnf_instances/kanari-tacker-{}/servers/{}/notify")
"""Where it is told what it asked for in Aodh's, ETSI's and Tacker's words."""

PERSONAS = (
    "nobody",
    "service",
    "monitor",
    "reader-a",
    "member-a",
    "manager-a",
    "member-b",
    "member-nowhere",
    "auditor",
    "break-glass",
    "admin",
)
"""Who asks, the strongest last: what it does may take away what others would have seen."""


@dataclass
class Owned:
    """What one project has, or the operator, or nobody: by the names that addresses are made of."""

    project: str
    words: dict[str, str] = field(default_factory=dict)
    canaries: set[str] = field(default_factory=set)


@dataclass
class World:
    service: Service
    app: Any
    tokens: dict[str, str]
    owned: dict[str, Owned]
    heard: dict[str, list[bytes]]
    """What was sent to each path of the webhooks, headers and all."""

    async def ask(self, persona: str, method: str, address: str, body: Any = None, **headers: str) -> Answer:
        sent = dict(headers)
        if persona in self.tokens:
            sent["x-auth-token"] = self.tokens[persona]
        content = b"" if body is None else json.dumps(body).encode()
        if content:
            sent["content-type"] = "application/json"
        if "/alarms/stream" in address and method == "GET":
            return await glance(self.app, address, sent)
        return await call(self.app, method, address, content, sent)

    async def looks(self, persona: str, addresses: Sequence[str]) -> list[Answer]:
        return await asyncio.gather(*(self.ask(persona, "GET", address) for address in addresses))

    def foreign(self, persona: str) -> set[str]:
        """What this persona must never read."""
        mine = persona.rpartition("-")[2].upper()
        others = [owned.canaries for name, owned in self.owned.items() if name != mine]
        return {*PHYSICAL}.union(*others)


def sees_all(persona: str) -> bool:
    return persona in ("admin", "auditor", "break-glass")


@asynccontextmanager
async def isolation_world(directory: Path) -> AsyncIterator[World]:
    async with webhooks() as (port, heard):
        policy = directory / "policy.yaml"
        text = (Path(__file__).parents[2] / "src/nfvigil/inspector/default_policy.yaml").read_text()
        policy.write_text(text.replace("policy: default", f"policy: {POLICY}", 1))
        options = {
            "hosts": 2,
            "servers_per_host": 2,
            "volumes_per_server": 1,
            "projects": 2,
            "host_prefix": HOST,
            "domain": DOMAIN,
        }
        settings = load(
            None,
            {
                "database_url": f"sqlite:///{directory}/n.db",
                "vims": [{"name": VIM, "driver": "simulated", "options": options}],
                "policy": policy,
                "notifier.allow_loopback": True,
            },
        )
        async with open_service(settings) as service:
            ready: asyncio.Future[World] = asyncio.get_running_loop().create_future()
            over = asyncio.Event()

            async def serve(app: Any) -> None:
                ready.set_result(await _furnish(service, app, port, heard))
                await over.wait()

            running = asyncio.create_task(service.run(serve))
            await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
            try:
                yield ready.result() if ready.done() else (await running)
            finally:
                over.set()
                await running


async def _furnish(service: Service, app: Any, port: int, heard: dict[str, list[bytes]]) -> World:
    """Give both projects and the operator something of everything, then let a host die under both."""
    servers = [
        record for key in _keys(service, "server") if isinstance(record := service.pipeline.map.get(key), Server)
    ]
    projects = sorted({server.project for server in servers})
    owned = {name: Owned(project) for name, project in zip(("A", "B", "operator"), (*projects, ""), strict=True)}
    world = World(service, app, await _tokens(service, *projects), owned, heard)
    for name in ("A", "B"):
        await _own(world, name, f"http://127.0.0.1:{port}/kanari-{name.lower()}")
    await _post(
        world, "admin", "/v1/subscriptions",
        {"name": "kanari-admin", "endpoints": [{"url": f"http://127.0.0.1:{port}/kanari-admin"}]},
    )  # fmt: skip
    event = {
        "type": "compute.host.down", "resource": f"host/{HOST}1", "monitor": MONITOR, "cause": CAUSE,
        "monitor_event_id": "kanari-1", "details": {"more": DETAIL, "status": "down"},
    }  # fmt: skip
    await _post(world, "monitor", "/v1/events", event)
    await _until(lambda: all(_alarm_of(world, owned[name]) for name in ("A", "B")))
    for name in ("A", "B"):
        await _talk(world, name)
    await _operators(world)
    await _until(lambda: all(heard.get(path) for name in ("A", "B") for path in webhooks_of(owned[name], name)))
    await _until(lambda: heard.get("/kanari-admin"))
    for one in owned.values():
        one.words["callback"] = f"http://127.0.0.1:{port}/anybody"
    owned["nobody"] = _nobodys(owned["B"])
    return world


def webhooks_of(owned: Owned, name: str) -> list[str]:
    """The paths at which one project hears of its alarms."""
    others = (path.format(name, owned.words["server"]) for path in OTHERS_WORDS)
    return [
        f"/kanari-{name.lower()}{more}"
        for more in ("", *(f"/{form}" for form, _ in FORMATS), *(f"/{one}" for one in others))
    ]


def _keys(service: Service, kind: str) -> list[str]:
    return [key for key, _ in service.pipeline.map.find(kind=kind, project=None)]


async def _tokens(service: Service, a: str, b: str) -> dict[str, str]:
    people: dict[str, tuple[str | None, Role]] = {
        "service": (None, Role.SERVICE),
        "monitor": (None, Role.MONITOR),
        "member-nowhere": (None, Role.MEMBER),
        "admin": (None, Role.ADMIN),
        **{
            f"{role.value}-{name}": (project, role) for name, project in (("a", a), ("b", b)) for role in list(Role)[:3]
        },
    }
    tokens = {}
    for name, (project, role) in people.items():
        tokens[name], hashed = create_token()
        spoken = name if name in ("service", "monitor", "member-nowhere") else f"kanari-{name}"
        await service.store.add_token(
            TokenRecord(id=name, hash=hashed, name=spoken, project=project, role=role, created_us=1)
        )
    # What vouches for these is elsewhere: the guard is made to know them already.
    known = service.app.state.parts.guard._local._known
    for name, via in (("auditor", Via.KEYSTONE), ("break-glass", Via.BREAK_GLASS)):
        tokens[name], hashed = create_token()
        known[hash_of(tokens[name])] = _Known(
            Identity(name=name, project=None, role=Role.READER, sees_all=True, via=via), FOREVER_US
        )
    return tokens


async def _post(world: World, persona: str, address: str, body: Any, method: str = "POST") -> Any:
    answer = await world.ask(persona, method, address, body)
    assert answer.status < 300, (persona, method, address, answer)
    return answer.json


async def _own(world: World, name: str, url: str) -> None:
    """What it has before anything fails."""
    mine = world.owned[name]
    member = f"member-{name.lower()}"
    found = world.service.pipeline.map
    servers = {key: found.get(key) for key in _keys(world.service, "server")}
    own = {key: one for key, one in servers.items() if isinstance(one, Server) and one.project == mine.project}
    for kind in ("server", "port", "volume", "network", "group"):
        mine.canaries |= {key.partition("/")[2] for key, _ in found.find(kind=kind, project=mine.project)}
    mine.canaries |= {one.group for one in own.values()} | {one.vnf for one in own.values()} | {mine.project}
    server = next(one for one in own.values() if one.host == f"{HOST}1")
    name_of_it, token = f"kanari-subscription-{name}", f"kanari-token-{name}"
    endpoints = [
        {"url": url, "token": token},
        *({"url": f"{url}/{form}", "format": form, **more} for form, more in FORMATS),
    ]
    wanted = {"filter": {"fault_types": ["*"]}, "mode": "both", "name": name_of_it, "endpoints": endpoints}
    made = await _post(world, member, "/v1/subscriptions", wanted)
    mine.words |= {"server": server.id, "subscription": made["id"]}
    mine.canaries |= {made["id"], name_of_it, url, token, f"kanari-member-{name.lower()}"}
    mine.canaries |= {endpoint["id"] for endpoint in made["endpoints"]}
    mine.words["endpoint"] = made["endpoints"][0]["id"]
    await _own_in_others_words(world, name, url)
    recovery = {"do": {"host_down": {"action": "evacuate", "after_seconds": 3600}}}
    await _post(world, member, f"/v1/recovery/server/{server.id}", recovery, "PUT")


async def _own_in_others_words(world: World, name: str, url: str) -> None:
    """What it has by Aodh's, ETSI's and Tacker's API, and its VNFs."""
    mine, member = world.owned[name], f"member-{name.lower()}"
    server = mine.words["server"]
    aodh, sol, tacker = (f"{url}/{path.format(name, server)}" for path in OTHERS_WORDS)
    rule = {
        "event_type": "compute.instance.update",
        "query": [{"field": "traits.instance_id", "op": "eq", "value": server, "type": "string"}],
    }
    wanted: dict[str, Any] = {
        "name": f"kanari-event-alarm-{name}", "type": "event", "event_rule": rule,
        "description": f"kanari-description-{name}", "alarm_actions": [aodh], "ok_actions": [aodh],
    }  # fmt: skip
    event_alarm = await _post(world, member, "/v2/alarms", wanted)
    record = world.service.pipeline.map.get(f"server/{server}")
    assert isinstance(record, Server)
    told_vnf = {"id": record.vnf, "name": f"kanari-vnf-name-{name}", "vnfcs": [{"server": server}]}
    vnf = await _post(world, member, "/v1/vnfs", told_vnf)
    path = f"/v1/vnfs/{vnf['id']}/history"
    async with asyncio.timeout(20):  # Until its record has been read, and so has where it is.
        while not (await world.ask(member, "GET", path)).json["items"]:  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.02)
    told = await _post(world, member, "/vnffm/v1/subscriptions", {"callbackUri": sol})
    door = f"/server_notifier/v2/kanari-tenant-{name}/servers/{server}/alarms"
    registered = await _post(world, member, door, {"fault_action": tacker})
    mine.words |= {
        "event_alarm": event_alarm["alarm_id"],
        "vnf": vnf["id"],
        "vnf_name": vnf["name"],
        "sol": told["id"],
        "tacker": registered["alarm_id"],
    }
    names = (wanted["name"], wanted["description"], f"kanari-tacker-{name}")
    mine.canaries |= {event_alarm["alarm_id"], vnf["id"], vnf["name"], told["id"], registered["alarm_id"], *names}


def _alarm_of(world: World, owned: Owned) -> str:
    there = world.service.pipeline.state
    found = [id for id in there.alarms_on.get(f"server/{owned.words['server']}", ()) if there.alarms[id].project]
    return found[0] if found else ""


async def _talk(world: World, name: str) -> None:
    """What its people write and ask for once the host is down."""
    mine, member = world.owned[name], f"member-{name.lower()}"
    alarms = world.service.pipeline.state.alarms.values()
    mine.canaries |= {alarm.id for alarm in alarms if alarm.project == mine.project}
    mine.words["alarm"] = _alarm_of(world, mine)
    await _post(world, member, f"/v1/alarms/{mine.words['alarm']}/ack", None)
    comment = f"kanari-comment-{name}"
    await _post(world, member, f"/v1/alarms/{mine.words['alarm']}/comments", {"text": comment})
    asked = await _post(
        world, member, "/v1/instructions", {"action": "reboot", "target": f"server/{mine.words['server']}"}
    )
    mine.words["instruction"] = asked["id"]
    mine.canaries |= {comment, asked["id"]}
    actions = (await world.ask(member, "GET", "/v1/actions")).json["items"]
    mine.canaries |= {action["id"] for action in actions}
    deliveries = (await world.ask(member, "GET", f"/v1/subscriptions/{mine.words['subscription']}/deliveries")).json
    mine.canaries |= {one[key] for one in deliveries["items"] for key in ("id", "notification_id")}


async def _operators(world: World) -> None:
    """What only the operator may see."""
    there = world.service.pipeline.state
    host_alarm = next(alarm for alarm in there.alarms.values() if alarm.resource == f"host/{HOST}1")
    subscriptions = (await world.ask("admin", "GET", "/v1/subscriptions")).json["items"]
    sub = next(one for one in subscriptions if one["project"] is None)
    actions = (await world.ask("admin", "GET", "/v1/actions")).json["items"]
    own = next(action for action in actions if action["target"] == f"host/{HOST}1")
    world.owned["operator"].words = {
        "alarm": host_alarm.id,
        "subscription": sub["id"],
        "server": f"{HOST}1",
        "instruction": f"{own['event_id']}-{own['id']}",
        "endpoint": sub["endpoints"][0]["id"],
        **await _operators_in_others_words(world, sub["endpoints"][0]["url"]),
    }
    world.owned["operator"].canaries = {
        host_alarm.id, sub["id"], host_alarm.fault, own["id"], str(host_alarm.event_id), "kanari-event-alarm-op",
        world.owned["operator"].words["sol"], world.owned["operator"].words["event_alarm"],
    }  # fmt: skip
    agent = {
        "ves_subscription": {"endpoint": "http://127.0.0.1:9/eventListener/v7", "username": "kanari-admin-ves"},
        "backlogs": [{"domain": "fault", "type": "vm"}],
    }
    await _post(world, "admin", f"/v1/vims/{VIM}/ves", agent, "PUT")
    token = await _post(world, "admin", "/v1/tokens", {"role": "monitor", "name": "kanari-admin-token"})
    key = await _post(world, "admin", "/v1/monitor-keys", {"name": "kanari-admin-key"})
    world.owned["operator"].canaries |= {token["id"], token["token"], key["id"], key["key"]}
    faults = (await world.ask("admin", "GET", "/v1/faults")).json["items"]
    words = {
        "event": str(host_alarm.event_id),
        "fault": faults[0]["id"],
        "host": f"{HOST}1",
        "vim": VIM,
        "policy": POLICY,
        "token": token["id"],
        "key": key["id"],
    }
    for owned in world.owned.values():
        owned.words |= words


async def _operators_in_others_words(world: World, url: str) -> dict[str, str]:
    """There is nothing of the operator's in Tacker's words, and none of his VNFs: what is asked for is not there."""
    rule = {"event_type": "compute.instance.update"}
    wanted = {"name": "kanari-event-alarm-op", "type": "event", "event_rule": rule, "alarm_actions": ["test://op"]}
    event_alarm = await _post(world, "admin", "/v2/alarms", wanted)
    told = await _post(world, "admin", "/vnffm/v1/subscriptions", {"callbackUri": f"{url}/sol-manager"})
    none = {"vnf": "none-of-his", "vnf_name": "none-by-name", "tacker": "none-of-tackers"}
    return {"event_alarm": event_alarm["alarm_id"], "sol": told["id"], **none}


def _nobodys(like: Owned) -> Owned:
    """Ids of the same look that nothing has."""
    words = {
        word: value if word in ("event", "vim", "policy", "host", "fault", "token", "key") else _other(value)
        for word, value in like.words.items()
    }
    return Owned(project=_other(like.project), words=words)


def _other(text: str) -> str:
    """One that stands right behind it in any order: a page that goes on from it is the same."""
    return f"{text}0"


def every_route(app: Any) -> list[str]:
    """Method and path of everything that the app answers, found by itself."""
    found = []
    todo = list(app.router.routes)
    while todo:
        route = todo.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            todo += inner.routes
            continue
        assert isinstance(route, Route), f"what kind of route is {route!r}?"
        found += [f"{method} {route.path}" for method in route.methods or () if method != "HEAD"]
    return sorted(set(found))


async def _until(is_so: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what it waits for has no event of its own
            await asyncio.sleep(0.01)
