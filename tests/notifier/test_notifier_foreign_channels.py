"""The formats of O-RAN, Alertmanager and OpenStack's bus, held against what is published of them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from notifier_players import CHANNELS, NOW, alarm, cleared, composer, subscription
from test_notifier_channels import SOURCE, rendered, sample

from nfvigil.model.alarm import Alarm
from nfvigil.model.happening import Happening
from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Filter
from nfvigil.model.verdict import News
from nfvigil.notifier.channels.oslo import OsloChannel

SIGNS = (News.HEARTBEAT, News.TEST, News.SUMMARY)
HOST = alarm(
    "5f768e89-2ae1-477d-9978-173056154d5d", resource="host/compute-1", project="", vim="lab", text="Host is down"
)


def body(format_: str, *alarms: Alarm, **given: Any) -> Any:
    return json.loads(rendered(format_, *alarms, **given)[0].body)


# O-RAN


def o2(one: Alarm, **given: Any) -> Any:
    return body("o2ims", one, project="", **given)


def test_o2ims_has_what_the_published_sample_has() -> None:
    published = sample("oran-o2ims/own-samples/alarm_event_notification_new.json")

    told = o2(HOST)

    assert set(told) == set(published) - {"consumerSubscriptionId"}
    assert {key: type(value) for key, value in told.items()} == {
        key: type(value) for key, value in published.items() if key in told
    }
    assert told["extensions"]["resourceName"] == "compute-1"


@pytest.mark.parametrize(
    ("news", "one", "number", "severity"),
    [
        (News.RAISED, HOST, 0, 0),
        (News.CHANGED, replace(HOST, severity=Severity.WARNING, changed_us=NOW + 1), 1, 3),
        (News.CHANGED, replace(HOST, acked_us=NOW + 1, changed_us=NOW + 1), 3, 0),
        (News.CLEARED, cleared(HOST), 2, 5),
        (News.SUMMARY, HOST, 0, 0),
    ],
)
def test_o2ims_says_what_became_of_an_alarm(news: News, one: Alarm, number: int, severity: int) -> None:
    told = o2(one, news=news)

    assert (told["notificationEventType"], told["perceivedSeverity"]) == (number, severity)
    assert told["alarmAcknowledged"] is (one.acked_us is not None)
    assert ("alarmAcknowledgeTime" in told) is (one.acked_us is not None)
    assert "alarmAcknowledgedTime" not in told, "a notification spells it without the d"


@pytest.mark.parametrize("news", SIGNS)
def test_a_sign_of_life_is_no_alarm_to_an_smo(news: News) -> None:
    told = body("o2ims", news=news, project="")

    assert (told["notificationEventType"], told["perceivedSeverity"]) == (1, 5)
    assert "sign of life" in told["extensions"]["text"]


def test_o2ims_uses_what_the_subscription_was_made_with() -> None:
    extra = {"globalCloudID": "g", "consumerSubscriptionId": "c", "apiRoot": "https://here/"}
    one = replace(subscription(project=""), extra=extra)
    [notification], _ = composer(one).compose([(News.RAISED, HOST)], 7, NOW)

    told = json.loads(CHANNELS["o2ims"].render(notification, one, one.endpoints[0], 0, SOURCE).body)

    assert (told["globalCloudID"], told["consumerSubscriptionId"]) == ("g", "c")
    assert told["objectRef"] == f"https://here/o2ims-infrastructureMonitoring/v1/alarms/{HOST.id}"


# Alertmanager


@pytest.mark.parametrize(
    ("name", "news", "one"),
    [("firing", News.RAISED, HOST), ("resolved", News.CLEARED, cleared(HOST))],
)
def test_alertmanager_has_what_the_published_sample_has(name: str, news: News, one: Alarm) -> None:
    published = sample(f"alertmanager/webhook_v4_{name}.json")

    told = body("alertmanager", one, news=news, project="")

    assert list(told) == list(published)
    assert {key: type(value) for key, value in told.items()} == {key: type(value) for key, value in published.items()}
    [alert], [wanted] = told["alerts"], published["alerts"]
    assert list(alert) == list(wanted)
    assert alert["status"] == told["status"] == name
    assert (alert["endsAt"] == "0001-01-01T00:00:00Z") is (name == "firing")
    assert len(alert["fingerprint"]) == len(wanted["fingerprint"])
    assert all(isinstance(text, str) and text for text in (alert["labels"] | alert["annotations"]).values())
    assert told["commonLabels"] == alert["labels"]


def test_alertmanager_validates_as_o_ran_describes_it_too() -> None:
    schema = {
        "type": "object",
        "required": ["version", "groupKey", "status", "receiver", "alerts"],
        "properties": {
            "status": {"enum": ["resolved", "firing"]},
            "alerts": {
                "items": {
                    "properties": {
                        "labels": {"additionalProperties": {"type": "string"}},
                        "startsAt": {"format": "date-time"},
                        "generatorURL": {"format": "uri"},
                    }
                }
            },
        },
    }
    for news in (News.RAISED, *SIGNS):
        jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(
            body("alertmanager", *([HOST] if news is News.RAISED else []), news=news, project="")
        )


def test_an_alert_keeps_its_fingerprint_whatever_becomes_of_it() -> None:
    states = [HOST, replace(HOST, severity=Severity.MINOR), cleared(HOST)]

    prints = {body("alertmanager", one, project="")["alerts"][0]["fingerprint"] for one in states}

    assert len(prints) == 1
    assert prints != {body("alertmanager", alarm("other"))["alerts"][0]["fingerprint"]}


def test_a_group_fires_while_one_of_its_alerts_does() -> None:
    told = body("alertmanager", alarm("a1"), cleared(alarm("a2", fault_type="x")), news=News.CHANGED)

    assert told["status"] == "firing"
    assert [one["status"] for one in told["alerts"]] == ["firing", "resolved"]
    assert "alertname" not in told["commonLabels"]
    assert told["commonLabels"]["project_id"] == "blue"


@pytest.mark.parametrize("news", SIGNS)
def test_a_sign_of_life_pages_nobody(news: News) -> None:
    told = body("alertmanager", news=news)

    assert (told["status"], [one["status"] for one in told["alerts"]]) == ("resolved", ["resolved"])


def test_an_alert_links_to_its_alarm_where_there_is_an_address() -> None:
    one = subscription(project="", endpoints=(Endpoint(id="e", url="http://a/", format="alertmanager"),))
    [notification], _ = composer(one).compose([(News.RAISED, HOST)], 7, NOW)
    channel = CHANNELS["alertmanager"]

    told = json.loads(channel.render(notification, one, one.endpoints[0], 0, "https://nfvigil.example.net/").body)

    assert told["alerts"][0]["generatorURL"] == f"https://nfvigil.example.net/v1/alarms/{HOST.id}"
    assert told["externalURL"] == "https://nfvigil.example.net/"


# OpenStack's bus


def oslo(*alarms: Alarm, **given: Any) -> Any:
    envelope = body("oslo", *alarms, **given)
    assert list(envelope) == ["oslo.version", "oslo.message"]
    assert envelope["oslo.version"] == "2.0"
    return json.loads(envelope["oslo.message"])


def test_a_server_is_told_as_nova_tells_it() -> None:
    published = json.loads(
        sample("openstack-oslo-messaging/wire_messagingv2_legacy_compute.instance.update.json")["oslo.message"]
    )

    told = oslo(alarm(resource="server/vm-1", resource_name="web"))

    assert set(published) - {"_context_user_id"} <= set(told)
    assert told["event_type"] == published["event_type"]
    assert len(told["timestamp"]) == len(published["timestamp"])
    assert told["timestamp"][10] == " "
    ours = {"nfvigil_alarm_id", "nfvigil_fault_type", "nfvigil_severity"}
    assert set(told["payload"]) - ours <= set(published["payload"])
    assert "host" not in told["payload"], "Aodh hands traits on to the project"
    assert told["_context_project_id"] == told["payload"]["tenant_id"] == "blue"


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (alarm(), "error"),
        (alarm(resource_state=ResourceState.ERROR), "error"),
        (alarm(resource_state=ResourceState.NORMAL), "active"),
        (cleared(alarm()), "active"),
    ],
)
def test_a_server_is_in_error_while_it_is_broken(one: Alarm, state: str) -> None:
    assert oslo(one)["payload"]["state"] == state


@pytest.mark.parametrize(
    ("resource", "event_type", "field", "value"),
    [
        ("port/p-1", "port.update.end", "port", {"id", "name", "tenant_id", "project_id", "data_plane_status"}),
        ("volume/v-1", "volume.update.end", "status", "error"),
        ("host/h-1", "nfvigil.host.update", "status", "error"),
        ("switch/s-1", "nfvigil.switch.update", "id", "s-1"),
    ],
)
def test_other_resources_have_events_of_their_own(resource: str, event_type: str, field: str, value: Any) -> None:
    told = oslo(alarm(resource=resource))

    assert told["event_type"] == event_type
    assert (set(told["payload"][field]) if isinstance(value, set) else told["payload"][field]) == value


@pytest.mark.parametrize("news", SIGNS)
def test_a_sign_of_life_on_the_bus_is_an_event_that_nobody_waits_for(news: News) -> None:
    assert oslo(news=news)["event_type"] == f"nfvigil.{news.value}"


def test_each_alarm_of_a_notification_is_a_message_of_its_own() -> None:
    first = oslo(alarm("a1"), alarm("a2"), part=0)
    second = oslo(alarm("a1"), alarm("a2"), part=1)

    assert first["_unique_id"] != second["_unique_id"]
    assert second["payload"]["nfvigil_alarm_id"] == "a2"


@pytest.mark.parametrize(("given", "shown"), [("", "ops"), ("theirs", "theirs")])
def test_a_hosts_maintenance_is_told_as_the_doctor_admin_tool_tells_it(given: str, shown: str) -> None:
    published = sample("openstack-fenix/notification_maintenance.host.json")
    one = subscription(
        project="",
        filter=Filter(events=("maintenance.host",)),
        endpoints=(Endpoint(id="e", url="bus://east", format="oslo"),),
        extra={"project": "ops", "publisher_id": "compute.east"},
    )
    payload = {"project_id": given, "host": "c-1", "state": "IN_MAINTENANCE", "session_id": "s"}
    [notification], _ = composer(one).compose_happening(Happening(type="maintenance.host", payload=payload), 7, NOW)

    message = OsloChannel().render(notification, one, one.endpoints[0], 0, SOURCE)

    told = json.loads(json.loads(message.body)["oslo.message"])
    assert (told["event_type"], told["publisher_id"]) == (published["event_type"], "compute.east")
    assert set(told["payload"]) == set(published["payload"]) - {"service"}
    assert told["payload"]["project_id"] == told["_context_project_id"] == shown
