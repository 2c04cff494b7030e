"""What changes hands, and what nobody knew the owner of: who sees and hears what of its alarms."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from isolation_table import TABLE
from isolation_world import CAUSE, DETAIL, MONITOR, World, _until, isolation_world

from nfvigil.model.resource import MapChange, Server, Volume

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Any) -> AsyncIterator[World]:
    async with isolation_world(tmp_path) as world:
        yield world


async def report(world: World, kind: str, resource: str, status: str = "down") -> None:
    event: dict[str, Any] = {"type": kind, "resource": resource, "monitor": MONITOR, "cause": CAUSE, "status": status}
    event["details"] = {"more": DETAIL}
    assert (await world.ask("monitor", "POST", "/v1/events", event)).status == 200


def filled(address: str, words: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda word: words[word[1]], address)


def alarm_on(world: World, resource: str) -> Any:
    there = world.service.pipeline.state
    return next((there.alarms[one] for one in there.alarms_on.get(resource, ())), None)


async def shown(world: World, persona: str, alarm_id: str, what: str = "") -> Any:
    answer = await world.ask(persona, "GET", f"/v1/alarms/{alarm_id}{what}")
    return answer.json if answer.status == 200 else answer.status


def heard(world: World, name: str, alarm_id: str) -> list[str]:
    """In which news a project's webhook was told of an alarm."""
    news = []
    for message in world.heard.get(f"/kanari-{name}", []):
        body = msgspec.json.decode(message.partition(b"\r\n\r\n")[2])
        if alarm_id in repr(body):
            news.append(body["News"])
    return news


async def test_an_alarm_ends_for_who_owned_its_volume_and_begins_for_who_owns_it_now(world: World) -> None:
    a, b = world.owned["A"], world.owned["B"]
    key, volume = world.service.pipeline.map.find(kind="volume", project=a.project)[0]
    assert isinstance(volume, Volume)
    await report(world, "storage.volume.error", key)
    await _until(lambda: alarm_on(world, key))
    old = alarm_on(world, key)
    await world.ask("member-a", "POST", f"/v1/alarms/{old.id}/ack")
    await world.ask("member-a", "POST", f"/v1/alarms/{old.id}/comments", {"text": "of A only"})
    await _until(lambda: "raised" in heard(world, "a", old.id))

    given = msgspec.structs.replace(volume, project=b.project)
    await world.service.pipeline.take_map(MapChange(vim=volume.vim, put=(given,)))
    await _until(lambda: alarm_on(world, key).project == b.project)

    new = alarm_on(world, key)
    assert new.id != old.id
    await _until(lambda: "cleared" in heard(world, "a", old.id) and "raised" in heard(world, "b", new.id))
    # Its former owner has all that was his, and how it ended; nothing of what comes after.
    assert (await shown(world, "member-a", old.id))["state"] == "cleared"
    assert "of A only" in repr(await shown(world, "member-a", old.id, "/history"))
    assert await shown(world, "member-a", new.id) == 404
    # Its owner now has an alarm of his own, as if raised now; nothing of what was said before.
    assert (await shown(world, "member-b", new.id))["ack_state"] == "unacknowledged"
    assert (await shown(world, "member-b", new.id, "/history"))["items"][0]["what"] == "raised"
    assert "of A only" not in repr(await shown(world, "member-b", new.id, "/history"))
    assert "acknowledged" not in repr(await shown(world, "member-b", new.id, "/history"))
    assert await shown(world, "member-b", old.id) == 404
    assert await shown(world, "member-b", old.id, "/history") == 404
    assert b.project not in repr(await shown(world, "member-a", old.id, "/explain"))
    assert a.project not in repr(await shown(world, "member-b", new.id, "/explain"))

    await report(world, "storage.volume.error", key, "up")
    await _until(lambda: "cleared" in heard(world, "b", new.id))
    assert heard(world, "a", new.id) == []
    assert heard(world, "b", old.id) == []
    assert "cleared" in (await shown(world, "admin", old.id))["state"]
    assert "cleared" in (await shown(world, "admin", new.id))["state"]


async def test_an_owner_who_was_not_known_hears_at_once_and_not_what_was_said_among_operators(world: World) -> None:
    a = world.owned["A"]
    await report(world, "compute.instance.error", "server/late")
    await _until(lambda: alarm_on(world, "server/late"))
    old = alarm_on(world, "server/late")
    assert CAUSE in old.text
    await world.ask("admin", "POST", f"/v1/alarms/{old.id}/comments", {"text": "whose is this?"})
    await world.ask("admin", "POST", f"/v1/alarms/{old.id}/ack")

    late = Server(id="late", name="vm-late", vim="kanari-vim", project=a.project, host="kanari-host-2")
    await world.service.pipeline.take_map(MapChange(vim=late.vim, put=(late,)))
    await _until(lambda: alarm_on(world, "server/late").project == a.project)

    new = alarm_on(world, "server/late")
    await _until(lambda: "raised" in heard(world, "a", new.id))
    whole = repr([await shown(world, "member-a", new.id, what) for what in ("", "/history", "/explain")])
    for canary in (CAUSE, DETAIL, MONITOR, "whose is this?", "kanari-admin", "kanari-host-"):
        assert canary not in whole
    assert "acknowledged_by': None" in whole
    assert await shown(world, "member-a", old.id) == 404
    assert not [message for message in world.heard["/kanari-a"] if CAUSE.encode() in message]


async def test_a_listing_that_lacks_the_owner_changes_nothing(world: World) -> None:
    a = world.owned["A"]
    key, volume = world.service.pipeline.map.find(kind="volume", project=a.project)[0]
    assert isinstance(volume, Volume)
    await report(world, "storage.volume.error", key)
    await _until(lambda: alarm_on(world, key))
    old = alarm_on(world, key)

    nameless = msgspec.structs.replace(volume, project="", name="renamed")
    await world.service.pipeline.take_map(MapChange(vim=volume.vim, put=(nameless,)))
    await _until(lambda: alarm_on(world, key).resource_name == "renamed")

    assert (alarm_on(world, key).id, alarm_on(world, key).project) == (old.id, a.project)


async def test_a_server_that_changes_hands_takes_nothing_with_it_and_leaves_nothing_behind(world: World) -> None:
    """Whatever its former and its new owner read or hear then: each his own part of the story."""
    a, b = world.owned["A"], world.owned["B"]
    key = f"server/{a.words['server']}"
    server = world.service.pipeline.map.get(key)
    old = alarm_on(world, key)
    assert isinstance(server, Server)
    wish = {"name": "any", "type": "event", "event_rule": {"event_type": "compute.instance.update"}}
    by_b = (await world.ask("member-b", "POST", "/v2/alarms", wish)).json["alarm_id"]
    door = f"/v1/event-alarms/{a.words['event_alarm']}/auto-ok"
    assert (await world.ask("member-a", "PUT", door, {"auto_ok": True})).status == 200

    given = msgspec.structs.replace(server, project=b.project)
    await world.service.pipeline.take_map(MapChange(vim=server.vim, put=(given,)))
    await _until(lambda: alarm_on(world, key).project == b.project)
    new = alarm_on(world, key)
    await _until(lambda: "cleared" in heard(world, "a", old.id) and "raised" in heard(world, "b", new.id))
    await world.ask("member-b", "POST", f"/v1/alarms/{new.id}/comments", {"text": "kanari-later"})
    await report(world, "compute.host.down", "host/kanari-host-1", "up")
    await _until(lambda: "cleared" in heard(world, "b", new.id))

    of_b = {b.project, new.id, "kanari-later", by_b, *b.canaries} - a.canaries
    of_a = a.canaries - {server.id, server.vnf, server.group} - b.canaries
    for persona, words, foreign in (
        ("member-a", a.words, of_b),
        ("member-b", a.words, of_a),
        ("member-b", {**b.words, "alarm": new.id, "server": server.id, "event_alarm": by_b}, of_a),
    ):
        for address in sorted({filled(one.address, words) for route, one in TABLE.items() if route[:4] == "GET "}):
            answer = await world.ask(persona, "GET", address)
            # An undo names what it takes back, by an id that leads nowhere for whom that is not.
            body = re.sub('"undo_of":"[^"]*"', "", answer.body.decode())
            assert {one for one in foreign if one in body and one not in address} == set(), (persona, address, body)
    assert "kanari-later" in (await world.ask("member-b", "GET", f"/v1/alarms/{new.id}/history")).body.decode()
    assert by_b in (await world.ask("member-b", "POST", "/v2/query/alarms/history", {})).body.decode()
    for name, foreign in (("a", of_b), ("b", of_a)):
        sent = b"".join(
            m for path, some in world.heard.items() if f"{path}/".startswith(f"/kanari-{name}/") for m in some
        )
        assert {one for one in foreign if one.encode() in sent} == set(), name
