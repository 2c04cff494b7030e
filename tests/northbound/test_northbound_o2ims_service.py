"""The O2 interface of a whole service: an SMO hears what becomes of the infrastructure's alarms, and of no others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from northbound_fakes import Client
from test_northbound_o2ims import PREFIX, SUBSCRIPTIONS, valid
from test_northbound_recovery import kill, tell, until

from nfvigil.model.subscription import Subscription

NEW, CHANGE, CLEAR, ACKNOWLEDGE = range(4)


class Smo:
    """A callback as O-RAN wants it: 204 for everything, also for the question whether it is there."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/o2"

    def types(self) -> list[int]:
        return [one["notificationEventType"] for one in self.heard]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.asked.append(head.split(" ")[0])
                length = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
                body = await reader.readexactly(length)
                if body:
                    self.heard.append(json.loads(body))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Smo]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


async def up(call: Client, host: str, monitor: str = "ping") -> None:
    event = {"type": "compute.host.down", "resource": f"host/{host}", "monitor": monitor, "status": "up"}
    assert (await call("POST", "/v1/events", event)).status in (200, 201, 202)


def test_an_smo_hears_of_a_host_from_its_fall_to_its_return(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        async with Smo().running() as smo:
            body = {"callback": smo.url, "consumerSubscriptionId": "3ddc1128-a14d-46de-80da-6414b192ce9f"}
            made = await call("POST", SUBSCRIPTIONS, body)
            assert made.status == 201, made.body
            assert smo.asked == ["GET"]
            assert (await call("POST", SUBSCRIPTIONS, body)).status == 409

            await kill(call, "compute-1-1")
            await until(_true(lambda: NEW in smo.types()), "the host's alarm")
            id = smo.heard[0]["alarmEventRecordId"]
            patched = await call("PATCH", f"{PREFIX}/alarms/{id}", {"alarmAcknowledged": True})
            assert patched.status == 200
            assert (await call("PATCH", f"{PREFIX}/alarms/{id}", {"alarmAcknowledged": True})).status == 409
            await until(_true(lambda: ACKNOWLEDGE in smo.types()), "the acknowledgement")
            await up(call, "compute-1-1")
            await until(_true(lambda: CLEAR in smo.types()), "the end")

            assert smo.types() == [NEW, ACKNOWLEDGE, CLEAR], "nothing else, and no server of a project"
            for one in smo.heard:
                valid(one, "AlarmEventNotification")
                assert one["alarmEventRecordId"] == id
                assert one["consumerSubscriptionId"] == body["consumerSubscriptionId"]
                assert one["objectRef"].endswith(f"{PREFIX}/alarms/{id}")
            assert [one["perceivedSeverity"] for one in smo.heard] == [0, 0, 5]
            assert [one["alarmAcknowledged"] for one in smo.heard] == [False, True, True]
            [record] = (await call("GET", f"{PREFIX}/alarms")).json
            assert (record["alarmEventRecordId"], record["perceivedSeverity"]) == (id, 5)

            assert (await call("DELETE", made.headers["location"])).status == 200

    tell(tmp_path, story, notifier={"allow_loopback": True})


def test_a_filter_that_says_acknowledge_keeps_that_back_or_lets_only_that_through(tmp_path: Path) -> None:
    async def story(call: Client, means: str, told: list[int]) -> None:
        async with Smo().running() as smo:
            assert (await call("POST", SUBSCRIPTIONS, {"callback": smo.url, "filter": "ACKNOWLEDGE"})).status == 201
            await kill(call, "compute-1-1")
            [one] = (await call("GET", f"{PREFIX}/alarms")).json
            path = f"{PREFIX}/alarms/{one['alarmEventRecordId']}"
            await call("PATCH", path, {"alarmAcknowledged": True})
            assert (await call("PATCH", path, {"perceivedSeverity": 5})).status == 200
            last = ACKNOWLEDGE if means == "reported" else CLEAR
            await until(_true(lambda: last in smo.types()), "news")
            assert smo.types() == told

    for means, told in (("not_reported", [NEW, CLEAR]), ("reported", [ACKNOWLEDGE])):
        folder = tmp_path / means
        folder.mkdir()
        settings = {"notifier": {"allow_loopback": True}, "o2ims": {"filter_means": means}}
        tell(folder, partial(story, means=means, told=told), **settings)


def test_the_configured_retention_holds_for_cleared_alarms_alone(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        wanted = {"retentionPeriod": 7, "extensions": {}}
        assert (await call("PUT", f"{PREFIX}/alarmServiceConfiguration", wanted)).status == 200
        await kill(call, "compute-1-1")
        await up(call, "compute-1-1")

        async def is_forgotten() -> bool:
            return (await call("GET", "/v1/events?type=compute.host.down")).json["items"] == []

        await until(is_forgotten, "the events go, as the settings say")
        [kept] = (await call("GET", f"{PREFIX}/alarms")).json
        assert kept["perceivedSeverity"] == 5
        assert (await call("GET", f"/v1/alarms/{kept['alarmEventRecordId']}/explain")).status == 200

    tell(tmp_path, story, retention={"days": 1e-6, "interval_seconds": 0.1})


def _true(check: Any) -> Any:
    async def ask() -> bool:
        return bool(check())

    return ask


def test_a_bus_of_the_settings_is_a_subscription_that_stays_in_line_with_them(tmp_path: Path) -> None:
    seen: list[Subscription] = []

    def story(pause: bool) -> Any:
        async def run(call: Client) -> None:
            items = (await call("GET", "/v1/subscriptions")).json["items"]
            assert [one["name"] for one in items] == ["bus east"]
            assert "geheim" not in json.dumps(items)
            if pause:
                await call("POST", f"/v1/subscriptions/{items[0]['id']}/pause")
            seen.append(await call.parts.store.subscription(items[0]["id"]))

        return run

    async def none(call: Client) -> None:
        assert (await call("GET", "/v1/subscriptions")).json["items"] == []

    bus = {"name": "east", "url": "rabbit://nfvigil:geheim@127.0.0.1:1/"}
    tell(tmp_path, story(True), buses=[bus])
    tell(tmp_path, story(False), buses=[bus | {"exchange": "openstack"}])
    assert seen[0].id == seen[1].id
    assert seen[1].paused, "a pause stays"
    assert [one.extra["exchange"] for one in seen] == ["nova", "openstack"]
    tell(tmp_path, none)
    tell(tmp_path, story(False), buses=[bus])
    assert seen[2].id != seen[0].id, "its numbers begin anew, so its messages must be others"
    assert not seen[2].paused


def test_a_hosts_maintenance_is_written_for_the_bus_once_each_way(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        [bus] = (await call("GET", "/v1/subscriptions")).json["items"]

        async def told() -> list[Any]:
            path = f"/v1/subscriptions/{bus['id']}/deliveries"
            return list((await call("GET", path)).json["items"])

        for state in ("IN_MAINTENANCE", "IN_MAINTENANCE", "MAINTENANCE_COMPLETE", "MAINTENANCE_COMPLETE"):
            body = {"reason_data": {"event": {"traits": [["state", 1, state], ["host", 1, "compute-1-1"]]}}}
            assert (await call("POST", "/maintenance", body)).status == 200

        async def both() -> bool:
            return len(await told()) >= 2

        await until(both, "in and out")
        await kill(call, "compute-1-1")  # behind the four, so they are decided by then
        assert len(await told()) == 2
        assert {one["state"] for one in await told()} == {"pending"}

    tell(tmp_path, story, buses=[{"name": "east", "url": "rabbit://u:p@127.0.0.1:1/", "events": ["maintenance.host"]}])
