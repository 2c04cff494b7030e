"""The demo's story: a host dies, its owners know, the cloud is brought in line, the host comes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from nfvigil.cli.connection import resource_path
from nfvigil.cli.demo_consumers import Consumer, News
from nfvigil.cli.demo_service import ChildService
from nfvigil.cli.moments import now
from nfvigil.cli.terminal import Column, bold, say, table
from nfvigil.cli.timeline import draw_profile

NAME = "compute-1"
HOST = f"host/{NAME}"
EVENT = "compute.host.down"
VIM = "cloud"
WAIT_SECONDS = 10.0

Found = TypeVar("Found")


class NotAsToldError(Exception):
    """The story took another turn than it must."""


def wait_for(look: Callable[[], Found | None], what: str) -> Found:
    """What ``look`` finds, once it does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise NotAsToldError(f"{what}, within {WAIT_SECONDS:g} s")
        time.sleep(0.01)
    return found


class Story:
    """Told step by step; raises NotAsToldError where one does not come true."""

    def __init__(self, *, service: ChildService, consumers: tuple[Consumer, ...]) -> None:
        self._client = service.client()
        self._consumers = consumers
        self._servers: list[str] = []
        self._ports: list[str] = []
        self._vnf = ""

    def close(self) -> None:
        self._client.close()

    def subscribe(self) -> None:
        cloud = self._client.get("/v1/simulation")
        counts = ", ".join(f"{number} {word}" for word, number in cloud["counts"].items() if number)
        say(f"\n{bold('The cloud')}: {counts}; {len(cloud['projects'])} projects")
        for consumer in self._consumers:
            body: dict[str, Any] = {
                "name": consumer.name,
                "mode": "both",
                "endpoints": [{"url": consumer.url, "format": consumer.format}],
            }
            if consumer.project is not None:
                body["project"] = cloud["projects"][consumer.project]
            self._client.post("/v1/subscriptions", body)
            say(f"  {consumer.name:<14} listens at {consumer.url} ({consumer.format})")
        detail = self._client.get(resource_path(HOST))
        self._servers = detail["related"]["servers"]
        names = {project: name for name, project in cloud["projects"].items()}
        records = [self._record(key) for key in self._servers]
        owners = Counter(names[record["project"]] for record in records)
        for key in self._servers:
            self._ports += self._client.get(resource_path(key))["related"]["ports"]
        share = ", ".join(f"{number} of {name}" for name, number in sorted(owners.items()))
        say(f"\n{bold(f'On {NAME}')} run {len(self._servers)} servers ({share}) with {len(self._ports)} ports")
        component = {"server": self._servers[0].removeprefix("server/")}
        told = {"id": records[0]["vnf"], "project": records[0]["project"], "vnfcs": [component]}
        self._vnf = self._client.post("/v1/vnfs", told)["id"]
        self._say_record("ACTIVE")

    def break_host(self) -> None:
        self._power("off")
        since = self._mark()
        say(f"\n{bold(f'The power of {NAME} fails.')} A monitor of Doctor's tells: PUT /events, {EVENT} down")
        self._send("down", "demo-1")
        self._wait_for_news(since, "raised")
        self._wait_for_news(since, "confirmed")
        alarm = self._root_alarm()
        event = self._client.get(f"/v1/events/{alarm['event_id']}")
        self._draw_news(since, _us(event["received_time"]))
        self._check_cloud("The cloud was brought in line", is_down=True)
        self._say_record("ERROR")
        say(f"\n{bold('Where the time went')} (nfvigil profile show {alarm['id'][:8]})")
        draw_profile(wait_for(lambda: self._whole_profile(alarm["fault_id"]), "the profile is whole"))

    def recover(self) -> None:
        self._power("on")
        since = self._mark()
        say(f"\n{bold(f'{NAME} is back.')} The monitor tells: {EVENT} up")
        begun_us = time.time_ns() // 1000
        self._send("up", "demo-1")
        self._wait_for_news(since, "cleared")
        self._draw_news(since, begun_us)
        self._check_cloud("The cloud is as it was before", is_down=False)
        self._say_record("ACTIVE")
        left = list(self._client.items("/v1/alarms"))
        if left:
            raise NotAsToldError(f"no alarm stands any more, but {len(left)} do")
        say("  no alarm stands any more")

    def _whole_profile(self, fault: str) -> dict[str, Any] | None:
        """Once what came of the messages is in the database too."""
        profile: dict[str, Any] = self._client.get(f"/v1/faults/{fault}/profile")
        return profile if {"received", "vim_told"} <= {point["name"] for point in profile["checkpoints"]} else None

    def _power(self, to: str) -> None:
        self._client.post(f"/v1/simulation/hosts/{NAME}", {"power": to})

    def _send(self, status: str, event_id: str) -> None:
        """As Doctor's sample monitor does."""
        details = {"hostname": NAME, "status": status, "monitor": "demo-monitor", "monitor_event_id": event_id}
        self._client.put("/events", [{"time": now(), "type": EVENT, "details": details}])

    def _record(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(resource_path(key))["record"]
        return found

    def _root_alarm(self) -> dict[str, Any]:
        for alarm in self._client.items("/v1/alarms", {"root_only": True}):
            if alarm["resource"]["id"] == NAME:
                return alarm
        raise NotAsToldError(f"there is a root alarm on {HOST}")

    def _mark(self) -> dict[str, int]:
        """How much each consumer has heard so far."""
        return {consumer.name: len(consumer.heard) for consumer in self._consumers}

    def _wait_for_news(self, since: dict[str, int], kind: str) -> None:
        for consumer in self._consumers:

            def is_told(consumer: Consumer = consumer) -> bool | None:
                heard = consumer.heard[since[consumer.name] :]
                told = sum(news.servers() for news in heard if news.kind == kind)
                return True if told >= self._due(consumer) else None

            wait_for(is_told, f"{consumer.name} is told of its servers: {kind}")

    def _due(self, consumer: Consumer) -> int:
        """How many servers its owner has on the host."""
        if consumer.project is None:
            return len(self._servers)
        return len(self._servers) // (len(self._consumers) - 1)

    def _draw_news(self, since: dict[str, int], begun_us: int) -> None:
        heard = [(consumer, news) for consumer in self._consumers for news in consumer.heard[since[consumer.name] :]]
        heard.sort(key=lambda pair: pair[1].at_us)

        def after(pair: tuple[Consumer, News]) -> str:
            return f"{(pair[1].at_us - begun_us) / 1000:.1f} ms"

        say("  who was told what, and how long after the event came in:")
        table(
            heard,
            (
                Column("AFTER", after, right=True),
                Column("WHO", lambda pair: pair[0].name),
                Column("FORMAT", lambda pair: pair[0].format),
                Column("NEWS", lambda pair: pair[1].kind),
                Column("OF", lambda pair: pair[1].summary(), shrink=True),
            ),
            indent="  ",
        )

    def _check_cloud(self, title: str, *, is_down: bool) -> None:
        """What the cloud says, once the service has heard of it."""

        def is_so() -> bool | None:
            host = self._record(HOST)
            states = {
                "host": bool(host.get("forced_down")) is is_down,
                "servers": self._all(self._servers, "status", "ERROR" if is_down else "ACTIVE", "ACTIVE"),
                "ports": self._all(self._ports, "data_plane_status", "DOWN", "") is is_down,
            }
            return True if all(states.values()) else None

        wait_for(is_so, title)
        words = ("forced down", "ERROR", "data plane DOWN") if is_down else ("not forced down", "ACTIVE", "as before")
        say(f"\n{bold(title)}:")
        say(f"  {NAME} {words[0]}, {len(self._servers)} servers {words[1]}, {len(self._ports)} ports {words[2]}")

    def _say_record(self, status: str) -> None:
        """What a VNF's record says, which follows the listings."""
        self._client.post(f"/v1/vims/{VIM}/refresh")

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self._client.get(f"/v1/vnfs/{self._vnf}")["record"]["components"][0]
            return found if (found["source"], found["status"]) == ("record", status) else None

        seen = wait_for(look, f"the record of {self._vnf} says {status}")
        words = ", ".join([seen["message"] or status, *(one["ip_address"] for one in seen["interfaces"])])
        say(f"  the record of the VNF {self._vnf} says of {seen['name']}: {words}")

    def _all(self, keys: list[str], field: str, wanted: str, usual: str) -> bool:
        return all(self._record(key).get(field, usual) == wanted for key in keys)


def _us(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
