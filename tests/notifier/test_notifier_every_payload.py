"""Every format tells every kind of news of every kind of alarm as what is published of that format says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jsonschema
import pytest
import yaml
from msgspec.structs import replace
from notifier_players import CHANNELS, NOW, alarm, cleared, subscription
from referencing import Registry, Resource
from test_notifier_channels import SOURCE, published, sample

from nfvigil.errors import RefusedError
from nfvigil.model.alarm import Alarm, Audience
from nfvigil.model.notification import Notification
from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint
from nfvigil.model.verdict import News

LATER = NOW + 5_000_000


def of(name: str, resource: str, **given: Any) -> Alarm:
    return alarm(f"00000000-0000-4000-8000-{name:0>12}", resource=resource, vim="lab", text="It is down", **given)


ALARMS = {
    "host": of("1", "host/compute-1", project=""),
    "server": of("2", "server/7a1e-4", fault_type="compute.instance.down", resource_name="vm 1", parent="p", root="r"),
    "port": of("3", "port/p1", fault_type="network.port.down", severity=Severity.MINOR),
    "VNF": of("4", "server/7a1e-5", vnf="vnf-1", vnfc="vnfc-1", recommended_action="heal"),
    "predicted": of(
        "5",
        "server/7a1e-6",
        vnf="vnf-1",
        predicted=True,
        expected_us=LATER,
        severity=Severity.WARNING,
        resource_state=ResourceState.NORMAL,
    ),
    "nobody's server": of("6", "server/7a1e-7", project="", vnf="vnf-2", severity=Severity.INDETERMINATE),
    "operator's only": of("7", "network/n 1/é", audience=Audience.ADMIN),
}
HAPPENING = {"event_type": "maintenance.host", "payload": {"project_id": "", "host": "h", "state": "IN_MAINTENANCE"}}
NEWS: Mapping[str, tuple[News, Callable[[Alarm], Alarm] | None]] = {
    "raised": (News.RAISED, lambda one: one),
    "changed": (News.CHANGED, lambda one: replace(one, severity=Severity.MAJOR, changed_us=LATER)),
    "acknowledged": (News.CHANGED, lambda one: replace(one, acked_us=LATER, changed_us=LATER, acked_by="me")),
    "not acknowledged": (News.CHANGED, lambda one: replace(one, changed_us=LATER)),
    "confirmed": (News.CONFIRMED, lambda one: one),
    "cleared": (News.CLEARED, cleared),
    "done": (News.ACTION, lambda one: one),
    "summary": (News.SUMMARY, lambda one: one),
    "nothing is open": (News.SUMMARY, None),
    "rebuilt": (News.REBUILT, None),
    "heartbeat": (News.HEARTBEAT, None),
    "test": (News.TEST, None),
    "happening": (News.EVENT, None),
}


CHECKER = jsonschema.FormatChecker(formats=())
"""What is wanted of a schema's formats, as the library checks most of them only with more libraries."""
for _format, _pattern in {
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "uri": r"[a-z][a-z0-9+.-]*:[\x21-\x7e]+",
    "uri-reference": r"[\x21-\x7e]*",
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}.items():
    CHECKER.checks(_format)(lambda value, known=re.compile(_pattern): known.fullmatch(str(value)) is not None)


@lru_cache(maxsize=32)
def validator(document: str, schema: str) -> Any:
    """The published schema, with the formats checked."""
    if document.endswith(".yaml"):
        whole = yaml.safe_load(published(document).read_text())
        registry: Any = Registry().with_resource("urn:it", Resource.opaque(whole))
        return jsonschema.Draft202012Validator(
            {"$ref": f"urn:it#/components/schemas/{schema}"},
            registry=registry,
            format_checker=CHECKER,
        )
    whole = sample(document)
    return jsonschema.Draft7Validator(
        {**whole, "$ref": f"#/definitions/{schema}"} if schema else whole,
        format_checker=CHECKER,
    )


O2 = "oran-o2ims/o2ims_InfrastructureMonitoring_alarms_openapi.yaml"


def sol(told: Any) -> None:
    validator("etsi-sol003-fm/sol003_fm_compact.schema.json", told["notificationType"]).validate(told)


def o2ims(told: Any) -> None:
    validator(O2, "AlarmEventNotification").validate(told)


def cloudevents(told: Any) -> None:
    validator("cloudevents/cloudevents.json", "").validate(told)


def alertmanager(told: Any) -> None:
    validator(O2, "AlertmanagerNotification").validate(told)
    published_one = sample("alertmanager/webhook_v4_firing.json")
    assert told.keys() == published_one.keys()
    assert all(one.keys() == published_one["alerts"][0].keys() for one in told["alerts"])


def aodh(told: Any) -> None:
    shape(told, sample("openstack-aodh/alarm-webhook-notification.json"))
    assert {told["previous"], told["current"]} <= {"ok", "alarm", "insufficient data"}
    assert told["severity"] in ("low", "moderate", "critical")
    traits = told["reason_data"]["event"]["traits"]
    assert all(isinstance(name, str) and number in (1, 2, 3, 4) for name, number, _ in traits)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", told["reason_data"]["event"]["generated"])


def oslo(told: Any) -> None:
    wire = sample("openstack-oslo-messaging/wire_messagingv2_legacy_compute.instance.update.json")
    shape(told, wire)
    inner, theirs = json.loads(told["oslo.message"]), json.loads(wire["oslo.message"])
    own = {"message_id", "publisher_id", "event_type", "priority", "payload", "timestamp", "_unique_id"}
    assert own <= inner.keys()
    assert {name: type(inner[name]) for name in own & theirs.keys()} == {
        name: type(theirs[name]) for name in own & theirs.keys()
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", inner["timestamp"])


def tacker(told: Any) -> None:
    wanted = sample("tacker/notify.json")["notification"]
    assert told.keys() == {"notification"}
    assert told["notification"].keys() == wanted.keys() - {"host_id"}
    assert all(type(value) is type(wanted[name]) for name, value in told["notification"].items())


def doctor(told: Any) -> None:
    assert told.keys() == {"NotificationID", "SubscriptionID", "Sequence", "News", "Time", "VirtualResourceInfo"}


PUBLISHED: Mapping[str, Callable[[Any], None]] = {
    "sol": sol,
    "o2ims": o2ims,
    "cloudevents": cloudevents,
    "alertmanager": alertmanager,
    "aodh": aodh,
    "oslo": oslo,
    "tacker": tacker,
    "doctor": doctor,
    "signed": doctor,
}
HEALS = {"raised", "changed", "not acknowledged", "confirmed", "summary"}
"""All that Tacker may be told: whatever reaches it ends a server."""


def shape(told: Any, wanted: Any) -> None:
    """The same names with the same types, down to where lists begin."""
    assert type(told) is type(wanted)
    if isinstance(wanted, dict):
        assert told.keys() == wanted.keys()
        for name, value in wanted.items():
            shape(told[name], value)


def test_no_format_is_left_out() -> None:
    # The VES agent's tells what that agent finds, and no alarm: it is held against its schemas elsewhere.
    assert PUBLISHED.keys() | {"ves"} == CHANNELS.keys()


@pytest.mark.parametrize("project", ["blue", ""])
@pytest.mark.parametrize("format_", sorted(PUBLISHED))
def test_all_that_is_told_is_what_is_published_of_the_format(format_: str, project: str) -> None:
    channel = CHANNELS[format_]
    endpoint = Endpoint(id="e1", url="http://a/", format=format_)
    hearer = subscription("s1", endpoints=(endpoint,), project=project, extra={"api_root": "http://nfvigil.example"})
    for word, (news, become) in NEWS.items():
        for name, one in ALARMS.items() if become is not None else [("none", None)]:
            alarms = (become(one),) if become is not None and one is not None else ()
            notification = Notification(
                id="11111111-1111-4111-8111-111111111111",
                subscription="s1",
                seq=1,
                news=news,
                created_us=LATER,
                event_id=7 if alarms else 0,
                alarms=alarms,
                event=HAPPENING if news is News.EVENT else None,
            )
            try:
                message = channel.render(notification, hearer, endpoint, 0, SOURCE)
            except RefusedError:
                assert format_ == "tacker", (format_, word, name)
                continue
            assert format_ != "tacker" or (word in HEALS and alarms and not alarms[0].predicted), (word, name)
            try:
                PUBLISHED[format_](json.loads(message.body))
            except (AssertionError, jsonschema.ValidationError) as error:
                raise AssertionError(f"{format_} of {word}, {name}: {error}") from error
