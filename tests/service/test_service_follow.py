"""Following alarms on the real service, over its death; and what changes while it runs."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from service_consumer import Consumer
from service_process import Service, wait_until

from nfvigil.client import Client
from nfvigil.errors import UnavailableError


def down(host: str, status: str = "down") -> dict[str, Any]:
    return {"type": "compute.host.down", "resource": f"host/{host}", "status": status}


class Following(threading.Thread):
    """A consumer that keeps its own picture of the alarms."""

    def __init__(self, service: Service, after: str, **parameters: str) -> None:
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{service.port}"
        self._after, self._parameters = after, parameters
        self.known: dict[str, Any] = {}
        self.news: list[str] = []

    def run(self) -> None:
        chosen: Any = self._parameters
        # It gives up some time after the service has ended for good.
        with suppress(UnavailableError), Client(self._url) as client:
            for event in client.alarms.stream(last_event_id=self._after, failures_max=6, **chosen):
                alarm = event.data["alarm"]
                self.known[alarm["id"]] = alarm
                self.news.append(event.kind)


def test_who_follows_knows_what_the_service_knows_though_it_was_killed(service: Service) -> None:
    api = service.api
    project = next(iter(api.get("/v1/simulation")["projects"].values()))
    begun = api.get("/v1/alarms?limit=1")
    everybody, owner = Following(service, begun["cursor"]), Following(service, "0", project=project)
    everybody.start()
    owner.start()

    api.post("/v1/events", down("compute-1"))
    wait_until(lambda: "raised" in everybody.news or "confirmed" in everybody.news, "news of compute-1")
    service.wait_quiet()
    api.post(f"/v1/alarms/{api.all('/v1/alarms?root_only=true')[0]['id']}/ack")
    # By itself an open stream looks again after 15 s only.
    wait_until(lambda: "acknowledged" in everybody.news, "news while the stream is open", seconds=8)
    service.kill()
    service.start()
    api.post("/v1/events", down("compute-2"))
    api.post("/v1/events", down("compute-1", "up"))
    service.wait_quiet()

    truth = {one["id"]: one for one in api.all("/v1/alarms?state=all")}
    wait_until(lambda: everybody.known == truth, "the follower knows everything", seconds=30)
    assert {one["state"] for one in truth.values()} == {"confirmed", "cleared"}
    mine = {key: one for key, one in truth.items() if one["project_id"] == project}
    wait_until(lambda: owner.known == mine, "the owner's follower knows its own", seconds=30)
    assert api.get(f"/v1/alarms?changed_after={begun['cursor']}")["generation"] == begun["generation"]

    started = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - started < 3, "a stream that is open does not hold up the end"


def test_a_subscription_is_changed_and_a_request_taken_once_over_a_kill(service: Service, consumer: Consumer) -> None:
    api = service.api
    api.post("/v1/events", down("compute-1"))
    service.wait_quiet()
    made = api.subscribe(consumer.url("old"), filter={"resource_ids": ["host/compute-1", "host/compute-2"]})
    standing = {one["key"]: one["state"] for one in made["virtual_resources"]["items"]}
    assert standing == {"host/compute-1": "down", "host/compute-2": "normal"}
    hosts = api.get("/v1/physical-resources?kind=host&state=down")["items"]
    assert [one["key"] for one in hosts] == ["host/compute-1"]
    path = f"/v1/subscriptions/{made['id']}"

    api.send("PATCH", path, {"endpoints": [{"url": consumer.url("new")}]})
    alarm = api.all("/v1/alarms?root_only=true")[0]["id"]
    key = {"Idempotency-Key": "one"}
    first = api.ask("POST", f"/v1/alarms/{alarm}/comments", {"text": "on it"}, key)
    service.kill()
    service.start()
    again = api.ask("POST", f"/v1/alarms/{alarm}/comments", {"text": "on it"}, key)
    api.post("/v1/events", down("compute-2"))

    consumer.wait_for(lambda: consumer.news("new", "raised"), "the news at the new endpoint")
    assert consumer.news("old", "raised") == []
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    history = api.get(f"/v1/alarms/{alarm}/history")["items"]
    assert [one["text"] for one in history if one["what"] == "commented"] == ["on it"]
    service.wait_quiet()
    states = {one["subscription_id"]: one["state"] for one in api.all("/v1/deliveries")}
    assert states == {made["id"]: "delivered"}
