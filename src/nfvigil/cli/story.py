"""The demo's story: a host dies, its owners hear of it, the cloud is corrected, the host returns."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nfvigil.cli.client import Client
from nfvigil.cli.consumers import Arrival, Consumer
from nfvigil.cli.timeline import draw_profile

HOST = "compute-1"
FORMATS = ("doctor", "doctor", "cloudevents")
"""What the owners want to be told in, one after another."""
PATIENCE_SECONDS = 15.0

Say = Callable[[str], None]


class StoryError(Exception):
    """Something that the story promises did not happen."""


@dataclass
class Cast:
    """Who plays: the service's API, a consumer for each project and one for the administrator."""

    api: Client
    owners: Mapping[str, Consumer]
    administrator: Consumer

    @property
    def consumers(self) -> list[Consumer]:
        return [*self.owners.values(), self.administrator]


def subscribe(cast: Cast, say: Say) -> None:
    """Each owner subscribes with its own endpoint and format."""
    for (project, consumer), form in zip(cast.owners.items(), FORMATS, strict=False):
        cast.api.post("/v1/subscriptions", _subscription(consumer, project, form))
        say(f"  {consumer.owner:<14} listens at {consumer.url}, format {form}")
    cast.api.post("/v1/subscriptions", _subscription(cast.administrator, None, "doctor"))
    say(f"  {cast.administrator.owner:<14} listens at {cast.administrator.url}, format doctor")


def tell(cast: Cast, say: Say) -> None:
    """The whole story; raises StoryError or TimeoutError where it does not go as it should."""
    before = _cloud(cast.api)
    say(f"\n1. {HOST} loses its power. Its monitor tells the inspector, as Doctor's sample monitor does.")
    cast.api.post(f"/v1/simulation/hosts/{HOST}", {"power": "off"})
    accepted = _send(cast.api, "down", say)
    say("\n2. Those who own something on it are told - and nobody else.")
    _report(cast, "raised", accepted, [0] * 4, say)
    say("\n3. Meanwhile the cloud is brought in line with the truth.")
    _wait_until(lambda: _settled(cast.api), "the cloud was not brought in line")
    after = _cloud(cast.api)
    _show_cloud(before, after, say)
    if after["forced_down"] is not True or set(after["servers"]) != {"ERROR"} or set(after["ports"]) != {"DOWN"}:
        raise StoryError(f"the cloud is not in line: {after}")
    say("\n4. Where the time went.")
    fault = cast.api.get("/v1/faults")["items"][0]
    for line in draw_profile(cast.api.get(f"/v1/faults/{fault['id']}/profile"), width=34):
        say(f"  {line}" if line else "")
    say(f"\n5. {HOST} is back: the fault is cleared, and what was done is undone in the reverse order.")
    heard = [len(consumer.arrivals) for consumer in cast.consumers]
    cast.api.post(f"/v1/simulation/hosts/{HOST}", {"power": "on"})
    accepted = _send(cast.api, "up", say)
    _report(cast, "cleared", accepted, heard, say)
    _wait_until(lambda: _settled(cast.api), "the cloud was not restored")
    restored = _cloud(cast.api)
    _show_cloud(after, restored, say)
    if restored != before:
        raise StoryError(f"the cloud is not as it was: {restored} instead of {before}")
    say("  The cloud is as it was before.")


def next_steps(url: str) -> list[str]:
    """Commands to try, most of which need no more than this demo."""
    place = "" if url.endswith(":12345") else f"export NFVIGIL_URL={url}\n"
    return [
        *place.splitlines(),
        "nfvigil resource show host/compute-2          # who is on it, who owns it",
        "nfvigil resource impact host/compute-2        # who would be told if it died",
        "nfvigil event send compute.host.down --host compute-2 --monitor me",
        "nfvigil alarm list",
        "nfvigil alarm explain ALARM                   # event, rule, map, actions, timings",
        "nfvigil profile summary",
        "nfvigil event send compute.host.down --host compute-2 --monitor me --status up",
        "nfvigil simulation fail dead                  # then break a host: the news does not wait",
        f"the API and its description: {url}/docs",
    ]


def _subscription(consumer: Consumer, project: str | None, form: str) -> dict[str, Any]:
    return {"name": consumer.owner, "project": project, "endpoints": [{"url": consumer.url, "format": form}]}


def _send(api: Client, status: str, say: Say) -> float:
    """The monitor's event, through Doctor's own door; returns when it was accepted, in seconds since 1970."""
    event = {
        "time": datetime.now(UTC).isoformat(),
        "type": "compute.host.down",
        "details": {
            "hostname": HOST,
            "status": status,
            "monitor": "monitor_sample",
            "monitor_event_id": "monitor_sample_event1",
        },
    }
    started = time.time()
    api.put("/events", [event])
    accepted = time.time()
    took = 1e3 * (accepted - started)
    say(f"  PUT /events  compute.host.down  {HOST} {status}: durable and accepted in {took:.1f} ms")
    return accepted


def _report(cast: Cast, news: str, accepted: float, heard: Sequence[int], say: Say) -> None:
    """Who was told of what, and when."""
    arrivals: list[Arrival] = []
    for consumer, after in zip(cast.consumers, heard, strict=True):
        arrivals.extend(consumer.wait_for(news, after, PATIENCE_SECONDS))
    for arrival in sorted(arrivals, key=lambda one: one.at):
        kinds = Counter(_kind(resource) for resource in arrival.resources)
        what = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(kinds.items()))
        say(f"  {1e3 * (arrival.at - accepted):+7.1f} ms  {arrival.owner:<14} {news}: {what}")
        owned = {_project(resource) for resource in arrival.resources} - {None}
        if arrival.owner in cast.owners and len(owned) > 1:
            raise StoryError(f"{arrival.owner} was told of what is not its own")


def _kind(resource: Mapping[str, Any]) -> str:
    return str(resource.get("VirtualResourceType") or resource["resource"]["kind"])


def _project(resource: Mapping[str, Any]) -> str | None:
    found: str | None = resource.get("ProjectID", resource.get("project_id"))
    return found


def _cloud(api: Client) -> dict[str, Any]:
    """What the map, which follows the cloud, says of the host and what is on it."""
    host = api.get(f"/v1/resources/host/{HOST}")
    servers = [api.get(f"/v1/resources/{key}") for key in host["related"]["servers"]]
    ports = [api.get(f"/v1/resources/{key}") for key in host["related"]["ports"]]
    return {
        "forced_down": host["record"].get("forced_down", False),
        "servers": dict(Counter(server["record"].get("status", "ACTIVE") for server in servers)),
        "ports": dict(Counter(port["record"].get("data_plane_status", "") or "not set" for port in ports)),
    }


def _settled(api: Client) -> bool:
    return not any(api.get("/v1/actions", state=state, limit=1)["items"] for state in ("planned", "running"))


def _show_cloud(before: Mapping[str, Any], after: Mapping[str, Any], say: Say) -> None:
    titles = {"forced_down": "compute service forced down", "servers": "servers", "ports": "ports' data plane"}
    for name, title in titles.items():
        say(f"  {title:<28} {_words(before[name]):<16} -> {_words(after[name])}")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {status}" for status, count in sorted(value.items()))
    return "yes" if value else "no"


def _wait_until(done: Callable[[], bool], complaint: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise StoryError(complaint)
        time.sleep(0.02)
