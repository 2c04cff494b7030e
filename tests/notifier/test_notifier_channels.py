"""What each outgoing format looks like to its consumer."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import jsonschema
import pytest
from notifier_players import CHANNELS, NOW, SECRET, alarm, cleared, composer, subscription
from standardwebhooks import Webhook, WebhookVerificationError

from nfvigil.model.alarm import Alarm, Cause
from nfvigil.model.notification import Notification
from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import Message, StampingChannel
from published_files import published

SOURCE = "urn:nfvigil:test"
CHILD = alarm(parent="root-alarm", root="root-alarm", causes=(Cause("root-alarm", "r"),), vim="lab", rule="host-down")


def sample(path: str) -> Any:
    return json.loads(published(path).read_text())


def rendered(
    format_: str, *alarms: Alarm, news: News = News.RAISED, part: int = 0, project: str = "blue", secret: str = SECRET
) -> tuple[Message, Notification, Subscription]:
    endpoint = Endpoint(id="e1", url="http://a/", format=format_, secret=secret)
    one = subscription(name="s1", endpoints=(endpoint,), project=project)
    if news in (News.HEARTBEAT, News.TEST, News.SUMMARY):
        notifications, _ = composer(one).compose_single(one, news, alarms, NOW)
    else:
        notifications, _ = composer(one).compose([(news, each) for each in alarms], 7, NOW)
    message = CHANNELS[format_].render(notifications[0], one, endpoint, part, SOURCE)
    assert message == CHANNELS[format_].render(notifications[0], one, endpoint, part, SOURCE), (
        "a retry must be the same"
    )
    return message, notifications[0], one


def test_doctor_groups_faults_by_resource_and_says_how_bad_in_its_own_numbers() -> None:
    message, notification, _ = rendered(
        "doctor", alarm("a1"), alarm("a2", fault_type="x", severity=Severity.MINOR), alarm("a3", resource="port/p-1")
    )

    body = json.loads(message.body)
    assert message.headers == {"Content-Type": "application/json"}
    assert [body[key] for key in ("NotificationID", "SubscriptionID", "Sequence", "News")] == [
        notification.id,
        "s1",
        1,
        "raised",
    ]
    server, port = body["VirtualResourceInfo"]
    assert (server["VirtualResourceID"], server["VirtualResourceType"], server["ProjectID"]) == (
        "vm-1",
        "server",
        "blue",
    )
    assert [(f["FaultID"], f["Severity"], f["PerceivedSeverity"]) for f in server["Faults"]] == [
        ("a1", 5, "critical"),
        ("a2", 3, "minor"),
    ]
    assert port["VirtualResourceType"] == "port"
    assert set(server["Faults"][0]) == {
        *("FaultID", "FaultType", "Severity", "PerceivedSeverity", "EventTime", "ProbableCause", "IsRootCause"),
        *("CorrelatedFaultID", "State", "RecommendedAction", "RaisedTime", "ChangedTime", "ClearedTime"),
        "FaultDetails",
    }


@pytest.mark.parametrize(
    ("alarms", "state"),
    [
        ([alarm()], "down"),
        ([alarm(resource_state=ResourceState.MAINTENANCE)], "maintenance"),
        ([alarm("a1"), alarm("a2", resource_state=ResourceState.ERROR)], "error"),
        ([cleared(alarm())], "normal"),
        ([cleared(alarm("a1", resource_state=ResourceState.ERROR)), alarm("a2")], "down"),
    ],
)
def test_doctor_says_the_worst_state_of_what_still_stands(alarms: list[Alarm], state: str) -> None:
    message, _, _ = rendered("doctor", *alarms, news=News.CHANGED)

    assert json.loads(message.body)["VirtualResourceInfo"][0]["VirtualResourceState"] == state


def test_doctor_gives_a_cleared_alarm_severity_nought() -> None:
    message, _, _ = rendered("doctor", cleared(alarm()), news=News.CLEARED)

    [fault] = json.loads(message.body)["VirtualResourceInfo"][0]["Faults"]
    assert (fault["Severity"], fault["PerceivedSeverity"], fault["State"]) == (0, "cleared", "cleared")
    assert fault["ClearedTime"] == "2026-05-28T20:26:45.000000Z"
    assert fault["FaultDetails"]["RaisedSeverity"] == "critical"


@pytest.mark.parametrize("format_", sorted(CHANNELS.keys() - {"ves"}))  # it has no word for an alarm
def test_a_project_sees_nothing_physical_and_cannot_compare_roots_with_another(format_: str) -> None:
    message, _, _ = rendered(format_, CHILD)

    text = message.body.decode()
    assert "root-alarm" not in text
    assert not re.search(r"\blab\b", text)
    assert "host-down" not in text


@pytest.mark.parametrize("format_", ["doctor", "signed", "cloudevents"])
def test_the_administrator_sees_what_an_alarm_follows_from(format_: str) -> None:
    message, _, _ = rendered(format_, CHILD, project="")

    assert "root-alarm" in message.body.decode()


@pytest.mark.parametrize(
    ("news", "current", "state"), [(News.RAISED, "alarm", "error"), (News.CLEARED, "ok", "active")]
)
def test_aodh_looks_like_the_webhook_of_an_event_alarm(news: News, current: str, state: str) -> None:
    published = sample("openstack-aodh/alarm-webhook-notification.json")
    one = alarm() if news is News.RAISED else cleared(alarm())

    message, _, _ = rendered("aodh", one, news=news)

    body = json.loads(message.body)
    assert list(body) == list(published)
    assert list(body["reason_data"]) == list(published["reason_data"])
    event, sent = published["reason_data"]["event"], body["reason_data"]["event"]
    assert list(sent) == list(event)
    assert {key: type(value) for key, value in sent.items()} == {key: type(value) for key, value in event.items()}
    assert sent["event_type"] == event["event_type"] == "compute.instance.update"
    assert len(sent["generated"]) == len(event["generated"])
    traits = {name: value for name, kind, value in sent["traits"] if kind == 1}
    assert {"state", "service", "instance_id", "tenant_id", "project_id", "request_id"} <= set(traits)
    assert (traits["state"], traits["instance_id"], traits["tenant_id"]) == (state, "vm-1", "blue")
    assert body["current"] == current
    assert body["severity"] == "critical"
    query = body["reason"].split("<query=")[1].removesuffix(">.")
    wanted = published["reason"].split("<query=")[1].removesuffix(">.")
    assert [list(term) for term in json.loads(query)] == [list(term) for term in json.loads(wanted)]
    assert message.headers["x-openstack-request-id"] == traits["request_id"]
    assert message.headers["x-openstack-request-id"].startswith("req-")


def test_aodh_tells_one_alarm_a_message_each_with_its_own_id() -> None:
    alarms = [alarm("a1"), alarm("a2", resource="server/vm-2")]

    first, second = (rendered("aodh", *alarms, part=part)[0] for part in (0, 1))

    told = [json.loads(message.body)["reason_data"]["event"] for message in (first, second)]
    assert [event["traits"][2][2] for event in told] == ["vm-1", "vm-2"]
    assert told[0]["message_id"] != told[1]["message_id"]
    assert first.headers["x-openstack-request-id"] != second.headers["x-openstack-request-id"]


@pytest.mark.parametrize(
    ("kind", "event_type"), [("port", "port.update.end"), ("volume", "volume.update.end"), ("host", "host.update")]
)
def test_aodh_names_other_resources_as_telemetry_does(kind: str, event_type: str) -> None:
    message, _, _ = rendered("aodh", alarm(resource=f"{kind}/x-1"))

    event = json.loads(message.body)["reason_data"]["event"]
    assert event["event_type"] == event_type
    assert ["resource_id", 1, "x-1"] in event["traits"]


@pytest.mark.parametrize("news", [News.HEARTBEAT, News.TEST])
def test_aodh_takes_no_sign_of_life_for_an_alarm(news: News) -> None:
    message, _, _ = rendered("aodh", news=news)

    body = json.loads(message.body)
    assert (body["previous"], body["current"]) == ("ok", "ok")


@pytest.mark.parametrize("news", [News.RAISED, News.CHANGED, News.CLEARED, News.SUMMARY, News.HEARTBEAT, News.TEST])
def test_cloudevents_is_one_by_the_published_schema(news: News) -> None:
    schema = sample("cloudevents/cloudevents.json")
    alarms = () if news in (News.HEARTBEAT, News.TEST) else (alarm("a1"), CHILD)

    message, notification, _ = rendered("cloudevents", *alarms, news=news)

    body = json.loads(message.body)
    jsonschema.validate(body, schema)
    assert message.headers["Content-Type"].startswith("application/cloudevents+json")
    assert (body["id"], body["source"], body["type"]) == (notification.id, SOURCE, f"nfvigil.alarm.{news}")
    assert all(name.islower() and name.isalnum() for name in body)
    assert len(body["data"]["alarms"]) == len(alarms)


def test_signed_is_verified_by_the_consumers_own_library() -> None:
    message, notification, one = rendered("signed", alarm())
    channel = CHANNELS["signed"]
    assert isinstance(channel, StampingChannel)
    now_us = time.time_ns() // 1000

    headers = message.headers | dict(channel.stamp(message, "delivery", one.endpoints[0], now_us))

    assert Webhook(SECRET).verify(message.body, headers)["NotificationID"] == notification.id
    assert headers["webhook-id"] == notification.id
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(message.body + b" ", headers)
    again = message.headers | dict(channel.stamp(message, "delivery", one.endpoints[0], now_us + 60_000_000))
    assert again["webhook-id"] == headers["webhook-id"]
    assert again["webhook-timestamp"] != headers["webhook-timestamp"]
