"""What goes to a VES collector is what its schemas say, at the address that its version has for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ves_desk_players import ALL_OF_EPC, BEAT, CHANNELS, MEASURED, START_US, document, replace, server

from nfvigil.desks.ves.way import domain_of, subscription_of, told
from nfvigil.errors import RefusedError
from nfvigil.model.alarm import Alarm
from nfvigil.model.notification import Notification
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Snapshot
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.model.ves import VesEvent
from nfvigil.ves.backlogs import build
from nfvigil.ves.config import read_config
from nfvigil.ves.faults import Faults
from nfvigil.ves.machine import beat, step
from nfvigil.ves.reception import Schemas, events_in, place_of
from nfvigil.ves.view import View
from published_files import published

CHANNEL = CHANNELS["ves"]


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(published("ves"))


def found(url: str) -> tuple[Subscription, list[VesEvent]]:
    """Two faults, a measurement and a heartbeat of a cloud."""
    servers = (server("a", "ERROR"), server("b", "ERROR"))
    config = read_config("lab", document(ALL_OF_EPC, MEASURED, BEAT, collector={"endpoint": url}))
    view = View(Reading(Snapshot(vim="lab", taken_us=START_US, servers=servers)))
    events: list[VesEvent] = []
    for backlog in build(config, servers=servers, hosts=(), projects={}).backlogs:
        look = step(backlog, vim="lab", view=view, states={}, now_us=START_US, faults=Faults())
        if backlog.domain == "heartbeat":
            look = beat(backlog, vim="lab", states={}, now_us=START_US, read_us=START_US)
        events += look.events
    return subscription_of(config, START_US), events


def rendered(notification: Notification, way: Subscription) -> tuple[str, bytes]:
    message = CHANNEL.render(notification, way, way.endpoints[0], 0, "nfvigil")
    return message.path, message.body


@pytest.mark.parametrize("version", ["v5", "v7"])
def test_everything_that_the_agent_tells_is_valid_by_the_schema_of_its_version(version: str, schemas: Schemas) -> None:
    way, events = found(f"http://c.example/ves/eventListener/{version}")
    numbers = iter(range(1, 9))

    some = told(events, way, number=lambda _: next(numbers), now_us=START_US)

    shown = [rendered(notification, way) for notification in some.notifications]
    assert [path for path, _ in shown] == ["/eventBatch", "", ""]
    assert [domain_of(one) for one in some.notifications] == ["fault", "measurement", "heartbeat"]
    assert [one.seq for one in some.notifications] == [1, 2, 3]
    for path, body in shown:
        place = place_of(f"/ves/eventListener/{version}{path}")
        assert place is not None
        assert events_in(body, place, schemas)


@pytest.mark.parametrize("news", [News.TEST, News.HEARTBEAT])
@pytest.mark.parametrize("version", ["v5", "v7"])
def test_a_sign_of_life_of_its_subscription_is_a_heartbeat(version: str, news: News, schemas: Schemas) -> None:
    way, _ = found(f"http://c.example/eventListener/{version}")
    notification = Notification(id="n-1", subscription=way.id, seq=4, news=news, created_us=START_US)

    _, body = rendered(notification, way)

    place = place_of(f"/eventListener/{version}")
    assert place is not None
    (event,) = events_in(body, place, schemas)
    assert (event["commonEventHeader"]["domain"], event["commonEventHeader"]["sequence"]) == ("heartbeat", 4)


def test_an_alarm_of_ours_is_not_told_to_a_collector() -> None:
    way, _ = found("http://c.example/eventListener/v7")
    alarm = Alarm(id="a", fault_type="x", resource="host/h", event_id=1, event_us=1, raised_us=1, root="a")
    notification = Notification(id="n-1", subscription=way.id, seq=1, news=News.RAISED, created_us=1, alarms=(alarm,))

    with pytest.raises(RefusedError, match="nothing else"):
        rendered(notification, way)
    assert domain_of(notification) == ""


def test_what_waits_is_told_in_the_version_that_the_endpoint_has_when_it_is_sent() -> None:
    way, events = found("http://c.example/eventListener/v5")
    some = told(events[:1], way, number=lambda _: 1, now_us=START_US)
    moved = replace(way, endpoints=(replace(way.endpoints[0], url="http://c.example/eventListener/v7"),))

    headers: list[Any] = [
        json.loads(rendered(some.notifications[0], one)[1])["event"]["commonEventHeader"] for one in (way, moved)
    ]

    assert [one["version"] for one in headers] == [3.0, "4.1"]
    assert headers[0]["eventId"] == headers[1]["eventId"]


def test_an_endpoint_with_a_topic_takes_one_event_at_a_time() -> None:
    way, events = found("http://c.example/eventListener/v7/mine")
    numbers = iter(range(1, 9))

    some = told(events[:2], way, number=lambda _: next(numbers), now_us=START_US)

    assert [rendered(one, way)[0] for one in some.notifications] == ["", ""]


def test_a_batch_that_waits_while_its_endpoint_is_given_a_topic_goes_where_batches_are_taken() -> None:
    way, events = found("http://c.example/x/eventListener/v7")
    some = told(events[:2], way, number=lambda _: 1, now_us=START_US)
    moved = replace(way, endpoints=(replace(way.endpoints[0], url="http://c.example/x/eventListener/v7/mine"),))

    message = CHANNELS["ves"].render(some.notifications[0], moved, moved.endpoints[0], 0, "nfvigil")

    assert (message.url, message.path) == ("http://c.example/x/eventListener/v7/eventBatch", "")


def test_a_collectors_secrets_do_not_print() -> None:
    config = read_config("lab", document(BEAT, collector={"username": "u", "password": "s3cret"}))
    way = subscription_of(config, START_US)

    assert "s3cret" not in f"{config!r}{way!r}{way.endpoints[0]!r}{Endpoint.__repr__(way.endpoints[0])}"
