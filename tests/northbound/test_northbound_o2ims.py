"""The O2 interface: O-RAN's words and statuses, held against the published description of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from northbound_fakes import NOW, Answer, World, make_world
from northbound_o2ims import make_o2ims
from referencing import Registry, Resource

from nfvigil.errors import ForbiddenError
from nfvigil.model.alarm import Alarm, AlarmState
from nfvigil.model.identity import Identity, Role
from nfvigil.model.ids import stable_id
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Occasion
from nfvigil.northbound.o2ims.configuration import merged
from nfvigil.northbound.o2ims.desk import check_reader
from nfvigil.northbound.o2ims.selection import read_selection
from nfvigil.notifier.channels.o2ims import O2imsChannel
from nfvigil.notifier.o2ims import resource_type_id
from nfvigil.store.alarm_query import AlarmQuery
from nfvigil.store.alarm_records import AlarmPage
from published_files import published

pytestmark = pytest.mark.anyio
PREFIX = "/o2ims-infrastructureMonitoring/v1"
SUBSCRIPTIONS = f"{PREFIX}/alarmSubscriptions"
CONFIGURATION = f"{PREFIX}/alarmServiceConfiguration"
CALLBACK = "https://smo.example.net/alarms"
HOST, PDU, VM = (stable_id("o2 test", name) for name in ("host", "pdu", "vm"))


@lru_cache
def _documents() -> Registry[Any]:
    found = []
    for name in ("o2ims_InfrastructureMonitoring_alarms_openapi.yaml", "o2ims_common_openapi.yaml"):
        text = published(f"oran-o2ims/{name}").read_text()
        found.append((f"urn:{name}", Resource.opaque(yaml.safe_load(text))))
    return Registry().with_resources(found)


def valid(value: Any, schema: str, document: str = "o2ims_InfrastructureMonitoring_alarms_openapi.yaml") -> Any:
    """``value``, once it is what the published document calls ``schema``."""
    reference = {"$ref": f"urn:{document}#/components/schemas/{schema}"}
    Draft202012Validator(reference, registry=_documents(), format_checker=FormatChecker()).validate(value)
    return value


def common(value: Any, schema: str) -> Any:
    return valid(value, schema, "o2ims_common_openapi.yaml")


def alarm(id: str, resource: str, **given: Any) -> Alarm:
    given = {
        "fault_type": "compute.host.down",
        "severity": Severity.CRITICAL,
        "text": "no power, they say",
        "vim": "lab",
        "root": id,
        "fault": f"f-{id}",
        "probable_cause": "powerProblem",
        "raised_us": NOW,
    } | given
    return Alarm(id=id, resource=resource, event_id=7, event_us=NOW, **given)


@pytest.fixture
def world() -> World:
    world = make_world()
    world.store.kept = {
        HOST: alarm(HOST, "host/compute-1"),
        PDU: alarm(PDU, "pdu/pdu-1", fault_type="power.pdu.down", severity=Severity.MINOR, raised_us=NOW - 5_000_000),
        VM: alarm(VM, "server/vm-1", project="A", fault="", parent=HOST, root=HOST),
    }
    return world


async def get(world: World, path: str, by: str = "admin") -> Any:
    answer = await world.call("GET", path, by=by)
    assert answer.status == 200, answer
    return answer.json


async def patch(world: World, id: str, body: Any, **headers: str) -> Answer:
    sent = {"content-type": "application/merge-patch+json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return await world.call("PATCH", f"{PREFIX}/alarms/{id}", body, headers=sent)


async def test_the_list_has_every_alarm_of_the_infrastructure_as_o_ran_writes_them(world: World) -> None:
    first, second = await get(world, f"{PREFIX}/alarms")

    for one in (first, second):
        valid(one, "AlarmEventRecord")
    assert [first["alarmEventRecordId"], second["alarmEventRecordId"]] == [HOST, PDU]
    assert (first["perceivedSeverity"], second["perceivedSeverity"]) == (0, 2)
    assert first["resourceTypeID"] == resource_type_id("host")
    assert first["extensions"]["resource"] == "host/compute-1"
    assert first["alarmAcknowledged"] is False
    assert len({first[key] for key in first if key.endswith("ID")}) == 4


async def test_a_cleared_alarm_has_severity_five_and_keeps_what_it_was(world: World) -> None:
    gone = {"state": AlarmState.CLEARED, "cleared_us": NOW + 1}
    world.store.kept[HOST] = msgspec.structs.replace(world.store.kept[HOST], **gone)

    one = valid(await get(world, f"{PREFIX}/alarms/{HOST}"), "AlarmEventRecord")

    assert one["perceivedSeverity"] == 5
    assert one["extensions"]["raisedSeverity"] == "critical"
    assert one["alarmClearedTime"] == one["alarmChangedTime"] > one["alarmRaisedTime"]


async def test_what_is_a_projects_is_not_there(world: World) -> None:
    assert (await world.call("GET", f"{PREFIX}/alarms/{VM}")).status == 404
    assert (await world.call("GET", f"{PREFIX}/alarms/{stable_id('nobody')}")).status == 404
    assert (await world.call("GET", f"{PREFIX}/alarms/no-uuid")).status == 400


@pytest.mark.parametrize("person", ["member-a", "reader-a"])
async def test_no_project_gets_in(world: World, person: str) -> None:
    if person not in world.call.tokens:
        pytest.skip(f"there is no {person} here")
    for method, path, body in (
        ("GET", "/o2ims-infrastructureMonitoring/api_versions", None),
        ("GET", f"{PREFIX}/api_versions", None),
        ("GET", f"{PREFIX}/alarms", None),
        ("GET", f"{PREFIX}/alarms/{HOST}", None),
        ("PATCH", f"{PREFIX}/alarms/{HOST}", {"alarmAcknowledged": True}),
        ("GET", SUBSCRIPTIONS, None),
        ("POST", SUBSCRIPTIONS, {"callback": CALLBACK}),
        ("GET", f"{SUBSCRIPTIONS}/{HOST}", None),
        ("DELETE", f"{SUBSCRIPTIONS}/{HOST}", None),
        ("GET", CONFIGURATION, None),
        ("PUT", CONFIGURATION, {"retentionPeriod": 1, "extensions": {}}),
        ("PATCH", CONFIGURATION, {"retentionPeriod": 1}),
        ("GET", f"{PREFIX}/alarmDictionaries", None),
        ("GET", f"{PREFIX}/alarmDictionaries/{HOST}", None),
        ("GET", f"{PREFIX}/probableCauses", None),
    ):
        answer = await world.call(method, path, body, by=person)
        assert answer.status == 403, (method, path)
        common(answer.problem, "ProblemDetails")


def test_whoever_sees_every_project_may_read() -> None:
    check_reader(Identity("auditor", None, Role.READER, sees_all=True))
    check_reader(Identity("admin", None, Role.ADMIN))
    for stranger in (Identity("member", "A", Role.MEMBER), Identity("nobody", None, Role.READER)):
        with pytest.raises(ForbiddenError):
            check_reader(stranger)


async def test_a_list_that_is_under_way_survives_the_purge_of_what_it_has_written(world: World) -> None:
    ids = [stable_id("many", number) for number in range(501)]
    world.store.kept = {id: alarm(id, f"host/h-{n}", raised_us=NOW - n) for n, id in enumerate(ids)}
    look = world.store.alarm_page

    async def looked_at_and_purged(query: AlarmQuery) -> AlarmPage:
        found = await look(query)
        del world.store.kept[found.alarms[-1].id]
        return found

    world.store.alarm_page = looked_at_and_purged  # type: ignore[method-assign]  # to purge between two pages

    found = await get(world, f"{PREFIX}/alarms?fields=alarmEventRecordId")

    assert [one["alarmEventRecordId"] for one in found] == ids


async def test_many_alarms_come_in_one_answer(world: World) -> None:
    ids = [stable_id("many", number) for number in range(1_201)]
    world.store.kept = {id: alarm(id, f"host/h-{n}", raised_us=NOW - n) for n, id in enumerate(ids)}

    found = await get(world, f"{PREFIX}/alarms?fields=alarmEventRecordId")

    assert [one["alarmEventRecordId"] for one in found] == ids


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("(eq,perceivedSeverity,0)", [HOST]),
        ("(neq,perceivedSeverity,0)", [PDU]),
        ("(in,perceivedSeverity,1,2)", [PDU]),
        ("(nin,perceivedSeverity,1,2)", [HOST]),
        ("(gte,perceivedSeverity,2)", [PDU]),
        ("(lt,perceivedSeverity,2)", [HOST]),
        ("(eq,alarmAcknowledged,false)", [HOST, PDU]),
        ("(eq,alarmAcknowledged,true)", []),
        ("(cont,extensions/text,'no power, they')", [HOST, PDU]),
        ("(ncont,extensions/faultType,pdu)", [HOST]),
        ("(cont,extensions/faultType,pdu,host)", [HOST, PDU]),
        ("(eq,extensions/resourceKind,host);(eq,perceivedSeverity,0)", [HOST]),
        ("(eq,extensions/resourceKind,host);(eq,perceivedSeverity,2)", []),
        ("(neq,extensions/nothing,1)", [HOST, PDU]),
        ("(eq,extensions/nothing,1)", []),
        ("(gt,alarmRaisedTime,1999-01-01T00:00:00Z)", [HOST, PDU]),
        ("(lt,alarmRaisedTime,1999-01-01T00:00:00+02:00)", []),
        (f"(eq,alarmEventRecordId,{HOST})", [HOST]),
    ],
)
async def test_a_filter_finds(world: World, wanted: str, found: list[str]) -> None:
    got = await get(world, f"{PREFIX}/alarms?filter={quote(wanted)}")

    assert [one["alarmEventRecordId"] for one in got] == found


@pytest.mark.parametrize(
    "query",
    [
        *("filter=", "filter=eq", "filter=(eq,perceivedSeverity)", "filter=(like,perceivedSeverity,1)"),
        *("filter=(eq,severity,1)", "filter=(eq,perceivedSeverity,1,2)", "filter=(eq,perceivedSeverity,1"),
        *("filter=(eq,perceivedSeverity,critical)", "filter=(in,perceivedSeverity,1,nan)"),
        *("filter=(gt,alarmRaisedTime,yesterday)", "filter=(neq,alarmAcknowledged,yes)"),
        *("filter=(eq,perceivedSeverity,1))", "filter=(eq,perceivedSeverity,1);", "filter=(eq,extensions//x,1)"),
        *("filter=(eq,extensions/text,'open)", "fields=nothing", "exclude_fields=a,b", "limit=1", "fields="),
        "filter=" + ";".join(["(eq,perceivedSeverity,1)"] * 33),
        "filter=(in,perceivedSeverity," + ",".join("1" * 101) + ")",
        "filter=" + "(" * 5_000,
    ],
)
async def test_a_question_that_cannot_be_understood_is_refused(world: World, query: str) -> None:
    answer = await world.call("GET", f"{PREFIX}/alarms?{quote(query, safe='=&')}")

    assert answer.status == 400
    common(answer.problem, "ProblemDetails")


async def test_fields_choose_what_is_shown(world: World) -> None:
    one, _ = await get(world, f"{PREFIX}/alarms?fields=alarmRaisedTime,extensions/text,extensions/vim,alarmClearedTime")
    assert one == {
        "alarmRaisedTime": one["alarmRaisedTime"],
        "extensions": {"text": "no power, they say", "vim": "lab"},
    }

    one, _ = await get(world, f"{PREFIX}/alarms?exclude_fields=extensions/text,resourceID&all_fields")
    assert "resourceID" not in one
    assert "text" not in one["extensions"]
    assert one["extensions"]["vim"] == "lab"

    one, _ = await get(world, f"{PREFIX}/alarms?fields=extensions&exclude_fields=extensions")
    assert one == {}


def test_a_quoted_value_may_hold_anything() -> None:
    wanted = read_selection(filter="(eq,a,'x; (y), ''z''')", fields=None, exclude_fields=None, names=("a",))

    assert wanted.fits({"a": "x; (y), 'z'"})
    assert not wanted.fits({"a": "x"})
    assert wanted.fits({"a": ["other", "x; (y), 'z'"]})
    assert not wanted.fits({"a": None})


# What may be changed


async def test_an_alarm_is_acknowledged_once_and_taken_back(world: World) -> None:
    for body, status in (
        ({"alarmAcknowledged": True}, 200),
        ({"alarmAcknowledged": False}, 200),
    ):
        answer = await patch(world, HOST, body)
        assert answer.status == status
        assert valid(answer.json, "AlarmEventRecordModifications") == body
        assert (await get(world, f"{PREFIX}/alarms/{HOST}"))["alarmAcknowledged"] is body["alarmAcknowledged"]


async def test_an_alarm_is_cleared_by_hand(world: World) -> None:
    answer = await patch(world, HOST, {"perceivedSeverity": 5})

    assert valid(answer.json, "AlarmEventRecordModifications") == {"perceivedSeverity": 5}
    assert (await get(world, f"{PREFIX}/alarms/{HOST}"))["perceivedSeverity"] == 5
    assert (await patch(world, HOST, {"perceivedSeverity": 5})).status == 409
    assert (await patch(world, HOST, {"alarmAcknowledged": True})).status == 409


async def test_what_only_follows_from_another_is_not_acknowledged_by_a_clear_that_is_refused(world: World) -> None:
    world.store.kept[HOST] = msgspec.structs.replace(world.store.kept[HOST], fault="", parent=PDU, root=PDU)

    answer = await patch(world, HOST, {"alarmAcknowledged": True, "perceivedSeverity": 5})

    assert answer.status == 409
    assert answer.problem["errors"][0]["reason"] == PDU
    assert world.store.kept[HOST].acked_us is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"perceivedSeverity": 0},
        {"perceivedSeverity": "5"},
        {"perceivedSeverity": True},
        {"alarmAcknowledged": "true"},
        {"alarmAcknowledged": None},
        {"alarmAcknowledged": True, "text": "x"},
        [],
    ],
)
async def test_nothing_else_may_be_changed(world: World, body: Any) -> None:
    answer = await patch(world, HOST, body)

    assert answer.status == 400
    common(answer.problem, "ProblemDetails")


async def test_who_has_seen_another_state_changes_nothing(world: World) -> None:
    seen = (await world.call("GET", f"{PREFIX}/alarms/{HOST}")).headers["etag"]
    assert (await patch(world, HOST, {"alarmAcknowledged": True}, if_match='"other"')).status == 412
    assert world.store.kept[HOST].acked_us is None

    answer = await patch(world, HOST, {"alarmAcknowledged": True}, if_match=seen)

    assert answer.status == 200
    assert answer.headers["etag"] == (await world.call("GET", f"{PREFIX}/alarms/{HOST}")).headers["etag"] != seen


# Subscriptions


async def test_a_subscription_is_made_shown_and_removed(world: World) -> None:
    body = {"callback": CALLBACK, "consumerSubscriptionId": HOST, "filter": "ACKNOWLEDGE"}

    made = await world.call("POST", SUBSCRIPTIONS, body)

    assert made.status == 201
    shown = valid(made.json, "AlarmSubscriptionInfo")
    assert {key: shown[key] for key in body} == body
    assert made.headers["location"] == f"{SUBSCRIPTIONS}/{shown['alarmSubscriptionId']}"
    assert await get(world, made.headers["location"]) == shown
    assert await get(world, SUBSCRIPTIONS) == [shown]
    assert await get(world, f"{SUBSCRIPTIONS}?filter=(eq,filter,NEW)") == []
    kept = world.store.subscribed[shown["alarmSubscriptionId"]]
    assert (kept.owner, kept.project, kept.filter.physical) == ("o2ims", "", True)
    assert kept.filter.occasions == (Occasion.NEW, Occasion.CHANGE, Occasion.CLEAR)

    gone = await world.call("DELETE", made.headers["location"])

    assert (gone.status, gone.body) == (200, b"")
    assert (await world.call("GET", made.headers["location"])).status == 404
    assert (await world.call("DELETE", made.headers["location"])).status == 404


async def test_the_same_is_not_subscribed_twice(world: World) -> None:
    assert (await world.call("POST", SUBSCRIPTIONS, {"callback": CALLBACK})).status == 201

    again = await world.call("POST", SUBSCRIPTIONS, {"callback": CALLBACK, "consumerSubscriptionId": PDU})

    assert again.status == 409
    common(again.problem, "ProblemDetails")
    assert (await world.call("POST", SUBSCRIPTIONS, {"callback": CALLBACK, "filter": "NEW"})).status == 201


async def test_a_callback_that_does_not_answer_as_it_must_is_refused() -> None:
    world = make_world()
    parts = world.call.parts
    world.call.parts = replace(parts, o2ims=make_o2ims(world.desk, answers=200))

    answer = await world.call("POST", SUBSCRIPTIONS, {"callback": CALLBACK})

    assert answer.status == 400
    assert answer.problem["errors"] == [{"field": "callback", "reason": "it answered a GET with 200, not with 204"}]
    assert not [one for one in world.store.subscribed.values() if one.owner == "o2ims"]

    world.call.parts = replace(parts, o2ims=make_o2ims(world.desk, answers=0))
    nobody = await world.call("POST", SUBSCRIPTIONS, {"callback": CALLBACK})
    assert nobody.problem["errors"] == [{"field": "callback", "reason": "nobody is there"}]

    world.call.parts = replace(parts, o2ims=make_o2ims(world.desk, answers=200, check_callback=False))
    assert (await world.call("POST", SUBSCRIPTIONS, {"callback": CALLBACK})).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"callback": ""},
        {"callback": CALLBACK, "filter": "ALL"},
        {"callback": CALLBACK, "consumerSubscriptionId": "me"},
        {"callback": CALLBACK, "retention": 1},
        {"callback": "http://169.254.169.254/x"},
    ],
)
async def test_a_subscription_that_cannot_be_is_refused(world: World, body: Any) -> None:
    answer = await world.call("POST", SUBSCRIPTIONS, body)

    assert answer.status == 400
    common(answer.problem, "ProblemDetails")


@pytest.mark.parametrize(
    ("means", "named", "told"),
    [
        ("not_reported", None, None),
        ("reported", None, None),
        ("not_reported", "NEW", (Occasion.CHANGE, Occasion.CLEAR, Occasion.ACKNOWLEDGE)),
        ("reported", "NEW", (Occasion.NEW,)),
    ],
)
def test_what_a_filter_names_is_a_setting(means: str, named: str | None, told: Any) -> None:
    assert make_o2ims(make_world().desk, filter_means=means).occasions(named) == told


# The service's configuration


async def test_the_retention_of_cleared_alarms_is_read_and_set(world: World) -> None:
    first = await world.call("GET", CONFIGURATION)
    assert valid(first.json, "AlarmServiceConfiguration") == {"retentionPeriod": 30, "extensions": {}}

    wanted = {"retentionPeriod": 7, "extensions": {"owner": "noc", "more": {"a": 1, "b": 2}}}
    put = await world.call("PUT", CONFIGURATION, wanted, headers={"If-Match": first.headers["etag"]})
    assert (put.status, valid(put.json, "AlarmServiceConfiguration")) == (200, wanted)
    assert (await world.call("PUT", CONFIGURATION, wanted, headers={"If-Match": first.headers["etag"]})).status == 412

    change = {"extensions": {"owner": None, "more": {"a": None}}}
    patched = await world.call("PATCH", CONFIGURATION, change)
    assert patched.json == {"retentionPeriod": 7, "extensions": {"more": {"b": 2}}}
    assert (await world.call("PATCH", CONFIGURATION, {"retentionPeriod": 1})).json["retentionPeriod"] == 1
    assert (await get(world, CONFIGURATION))["retentionPeriod"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"retentionPeriod": 0},
        {"retentionPeriod": -1},
        {"retentionPeriod": 1.5},
        {"retentionPeriod": "7"},
        {"retentionPeriod": 100_000},
        {"retentionPeriod": 7, "extensions": []},
        {"retentionPeriod": 7, "days": 3},
        {"retentionPeriod": 7, "extensions": {"big": "x" * 20_000}},
    ],
)
async def test_a_retention_that_cannot_be_is_refused(world: World, body: Any) -> None:
    for method in ("PUT", "PATCH"):
        assert (await world.call(method, CONFIGURATION, body)).status == 400, method
    assert (await get(world, CONFIGURATION))["retentionPeriod"] == 30


@pytest.mark.parametrize(("days", "shown"), [(0.25, 1), (1, 1), (2.5, 3)])
async def test_a_setting_of_part_of_a_day_is_shown_as_a_whole_one(days: float, shown: int) -> None:
    assert (await make_o2ims(make_world().desk, days=days).configuration()).retention_days == shown


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({}, {"a": None}, {}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
    ],
)
def test_extensions_are_merged_as_json_merge_patch_says(before: Any, patch: Any, after: Any) -> None:
    assert merged(before, patch) == after


# The dictionary


async def test_every_alarm_finds_its_definition_and_its_cause_in_the_dictionary(world: World) -> None:
    dictionaries = await get(world, f"{PREFIX}/alarmDictionaries")
    causes = await get(world, f"{PREFIX}/probableCauses")
    for one in dictionaries:
        common(one, "AlarmDictionary")
    for one in causes:
        valid(one, "ProbableCause")

    for record in await get(world, f"{PREFIX}/alarms"):
        of_type = await get(world, f"{PREFIX}/alarmDictionaries/{record['resourceTypeID']}")
        [definition] = [
            one for one in of_type["alarmDefinition"] if one["alarmDefinitionId"] == record["alarmDefinitionID"]
        ]
        assert definition["alarmName"] == record["extensions"]["faultType"]
        assert of_type in dictionaries
        assert await get(world, f"{PREFIX}/alarmDictionaries/{of_type['alarmDictionaryId']}") == of_type
        assert record["probableCauseID"] in {one["probableCauseId"] for one in causes}
    names = {one["alarmName"] for each in dictionaries for one in each["alarmDefinition"]}
    assert "compute.instance.down" not in names, "that is a project's"
    assert "nfvigil.vim.unreachable" in names
    assert (await world.call("GET", f"{PREFIX}/alarmDictionaries/{HOST}")).status == 404


async def test_the_versions_are_told(world: World) -> None:
    for path in ("/o2ims-infrastructureMonitoring/api_versions", f"{PREFIX}/api_versions"):
        found = common(await get(world, path), "APIVersions")
        assert found["apiVersions"] == [{"version": "1.0.0"}]


async def test_the_published_samples_are_taken(world: World) -> None:
    _documents()

    def sample(name: str) -> Any:
        return json.loads(published(f"oran-o2ims/own-samples/{name}").read_text())

    assert (await world.call("POST", SUBSCRIPTIONS, sample("alarm_subscription_request.json"))).status == 201
    assert (await patch(world, HOST, sample("alarm_ack_patch_merge.json"))).status == 200
    assert (await patch(world, HOST, sample("alarm_clear_patch_merge.json"))).status == 200
    record = await get(world, f"{PREFIX}/alarms/{PDU}")
    assert set(sample("alarm_event_record.json")) - {"alarmChangedTime"} == set(record)
    assert O2imsChannel.per_alarm
