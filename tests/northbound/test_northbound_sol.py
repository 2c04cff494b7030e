"""ETSI SOL's fault management as its consumers meet it: words, filters, pages, subscriptions, and who sees what."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from northbound_fakes import NOW, World, alarm, call, make_world

from nfvigil.errors import RefusedError
from nfvigil.model.alarm import AlarmState, Cause
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.subscription import AuthKind, Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.northbound.sol.filtering import Attributes, fits, parse
from published_files import published

pytestmark = pytest.mark.anyio

ALARMS = "/vnffm/v1/alarms"
SUBSCRIPTIONS = "/vnffm/v1/subscriptions"
CALLBACK = "http://vnfm.example/callback"


def standards(path: str) -> Any:
    return json.loads(published(path).read_text())


def validate(value: Any, kind: str) -> None:
    schema = standards("etsi-sol003-fm/sol003_fm_compact.schema.json")
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    jsonschema.Draft7Validator({**schema, "$ref": f"#/definitions/{kind}"}, format_checker=checker).validate(value)


def world_of_vnfs() -> World:
    world = make_world()
    world.store.kept |= {
        one.id: one
        for one in (
            alarm(
                "va-1", "server/s-a", "A", vnf="v-a", vnfc="c-a", raised_us=NOW + 4, causes=(Cause("host-alarm", "r"),)
            ),
            alarm("va-2", "port/p-a", "A", vnf="v-a", raised_us=NOW + 3, severity=Severity.MINOR, acked_us=NOW + 9),
            alarm(
                *("va-3", "volume/d-a", "A"),
                vnf="v-2",
                raised_us=NOW + 2,
                state=AlarmState.CLEARED,
                cleared_us=NOW + 8,
                changed_us=NOW + 8,
                event_type=EventType.PROCESSING_ERROR,
                recommended_action="rebuild",
                predicted=True,
            ),
            alarm("vb-1", "server/s-b", "B", vnf="v-b", raised_us=NOW + 1),
        )
    }
    return world


def ids(answer: Any) -> list[str]:
    return [one["id"] for one in answer.json]


async def test_alarms_of_vnfs_are_listed_in_the_standard_s_words() -> None:
    world = world_of_vnfs()

    mine = await world.call("GET", ALARMS, by="member-a")
    every = await world.call("GET", ALARMS, by="admin")

    assert ids(mine) == ["va-1", "va-2", "va-3"]
    assert ids(every) == ["va-1", "va-2", "va-3", "vb-1"], "the host's alarm is of no VNF"
    for one in (*mine.json, *every.json):
        validate(one, "Alarm")
        jsonschema.Draft4Validator(standards("etsi-sol002-fm/schemas/alarm.schema.json")).validate(one)
    first = mine.json[0]
    assert (first["managedObjectId"], first["vnfcInstanceIds"]) == ("v-a", ["c-a"])
    assert [one["perceivedSeverity"] for one in mine.json] == ["CRITICAL", "MINOR", "CLEARED"]
    assert [one["rootCauseFaultyResource"]["faultyResourceType"] for one in mine.json] == [
        "COMPUTE", "NETWORK", "STORAGE",
    ]  # fmt: skip
    assert mine.headers["version"] == "1.3.0"


async def test_a_project_sees_neither_the_host_nor_the_vim_behind_its_alarm() -> None:
    world = world_of_vnfs()

    mine = await world.call("GET", f"{ALARMS}/va-1", by="member-a")
    all_of_it = await world.call("GET", f"{ALARMS}/va-1", by="admin")

    assert mine.json["isRootCause"] is False
    assert len(mine.json["correlatedAlarmIds"]) == 1
    assert "host-alarm" not in mine.body.decode()
    assert mine.json["rootCauseFaultyResource"]["faultyResource"]["vimConnectionId"] not in ("", "cloud")
    assert all_of_it.json["correlatedAlarmIds"] == ["host-alarm"]
    assert all_of_it.json["rootCauseFaultyResource"]["faultyResource"]["vimConnectionId"] == "cloud"
    for address in (f"{ALARMS}/vb-1", f"{ALARMS}/a-1", f"{ALARMS}/host-alarm", f"{ALARMS}/nothing"):
        answer = await world.call("GET", address, by="member-a")
        assert (answer.status, answer.json["detail"]) == (404, "there is no such alarm")
        validate(answer.json, "ProblemDetails")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(eq,perceivedSeverity,CRITICAL)", ["va-1"]),
        ("(eq,perceivedSeverity,CLEARED)", ["va-3"]),
        ("(in,perceivedSeverity,CLEARED,MINOR)", ["va-2", "va-3"]),
        ("(in,perceivedSeverity,CRITICAL,MINOR)", ["va-1", "va-2"]),
        ("(cont,perceivedSeverity,nonsense)", []),
        ("(neq,perceivedSeverity,CLEARED)", ["va-1", "va-2"]),
        ("(eq,managedObjectId,v-a);(eq,ackState,ACKNOWLEDGED)", ["va-2"]),
        ("(eq,managedObjectId,v-b)", []),
        ("(in,ackState,ACKNOWLEDGED,UNACKNOWLEDGED);(eq,faultType,compute.instance.error)", ["va-1", "va-2", "va-3"]),
        ("(eq,faultType,compute.*)", []),
        ("(cont,faultType,volume,instance)", ["va-1", "va-2", "va-3"]),
        ("(ncont,faultDetails,rebuild)", ["va-1", "va-2"]),
        ("(eq,rootCauseFaultyResource/faultyResourceType,NETWORK)", ["va-2"]),
        ("(nin,rootCauseFaultyResource/faultyResource/resourceId,s-a,d-a)", ["va-2"]),
        ("(eq,vnfcInstanceIds,c-a)", ["va-1"]),
        ("(neq,vnfcInstanceIds,c-a)", ["va-2", "va-3"]),
        ("(eq,isRootCause,false);(eq,eventType,PROCESSING_ERROR_ALARM)", ["va-3"]),
        ("(gte,alarmRaisedTime,2023-11-14T22:13:20.000003Z)", ["va-1", "va-2"]),
        ("(gt,alarmRaisedTime,2023-11-14T22:13:20.000003Z)", ["va-1"]),
        ("(lt,alarmRaisedTime,2023-11-14T22:13:20.000003Z)", ["va-3"]),
        ("(lte,alarmClearedTime,2030-01-01T00:00:00Z)", ["va-3"]),
        ("(eq,alarmRaisedTime,2023-11-14T22:13:20.000004Z)", ["va-1"]),
    ],
)
async def test_alarms_are_found_by_attribute(text: str, found: list[str]) -> None:
    answer = await world_of_vnfs().call("GET", f"{ALARMS}?filter={text}", by="member-a")

    assert ids(answer) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is a list of expressions"),
        ("eq,id,1", "is a list of expressions"),
        ("(eq,id", "does not end"),
        ("(eq,id,'a'b)", "wants quotes"),
        ("(eq,id)", "without an operator"),
        ("(eq,id,1)(eq,id,2)", "something else than ;"),
        ("(eq,id,1);", "is a list of expressions"),
        ("(like,id,1)", "has the operator 'like'"),
        ("(eq,host,1)", "asks for 'host'"),
        ("(eq,id,1,2)", "more than one value"),
        ("(in,id" + ",1" * 101 + ")", "more than 100 values"),
        (";".join(["(eq,id,1)"] * 21), "more than 20 expressions"),
        ("(gt,perceivedSeverity,MINOR)", "asks for an order"),
        ("(cont,eventTime,2020)", "asks for a part"),
        ("(gt,eventTime,yesterday)", "with what is no time"),
        ("(eq,id," + "x" * 4096 + ")", "is longer"),
    ],
)
def test_a_filter_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse(text, Attributes(frozenset({"id", "perceivedSeverity"}), frozenset({"eventTime"})))

    assert refused.value.errors[0].field == "filter"
    assert reason in refused.value.errors[0].reason


def test_a_value_in_quotes_may_hold_what_the_grammar_uses() -> None:
    attributes = Attributes(frozenset({"id"}))

    expressions = parse("(in,id,'a,b','it''s (so)','')", attributes)

    assert expressions[0].values == ("a,b", "it's (so)", "")
    assert fits(expressions, {"id": "it's (so)"})
    assert not fits(expressions, {"id": "its"})
    assert not fits(expressions, {"id": {"more": 1}})


@pytest.mark.parametrize(
    "text",
    [
        "(eq,perceivedSeverity,critical)",
        "(in,perceivedSeverity,CRITICAL,nonsense)",
        "(neq,ackState,)",
        "(eq,eventType,EQUIPMENT)",
        "(eq,isRootCause,True)",
        "(nin,rootCauseFaultyResource/faultyResourceType,HOST)",
    ],
)
async def test_a_value_that_an_attribute_never_has_is_refused_and_no_empty_list(text: str) -> None:
    answer = await world_of_vnfs().call("GET", f"{ALARMS}?filter={quote(text)}", by="member-a")

    assert answer.status == 400
    assert "it is one of" in answer.json["errors"][0]["reason"]


async def test_a_filter_with_control_characters_reaches_no_database() -> None:
    for address in (ALARMS, SUBSCRIPTIONS):
        answer = await make_world().call("GET", f"{address}?filter=(eq,id,%00)", by="member-a")

        assert (answer.status, answer.json["errors"][0]["field"]) == (400, "filter")


async def test_a_long_list_comes_in_pages_that_lead_on() -> None:
    world = world_of_vnfs()
    world.store.kept |= {f"m-{n}": alarm(f"m-{n}", "server/s-a", "A", vnf="v-a", raised_us=NOW - n) for n in range(150)}

    first = await world.call("GET", f"{ALARMS}?filter=(eq,managedObjectId,v-a)", by="member-a")
    link = first.headers["link"]
    assert link.startswith("<http://localhost/vnffm/v1/alarms?nextpage_opaque_marker=")
    assert link.endswith('>; rel="next"')
    second = await world.call("GET", link[len("<http://localhost") : link.index(">")], by="member-a")

    assert (len(first.json), len(second.json)) == (100, 52)
    assert not {one["id"] for one in first.json} & {one["id"] for one in second.json}
    assert "link" not in second.headers


async def test_a_list_goes_on_after_an_alarm_that_was_purged_meanwhile() -> None:
    world = world_of_vnfs()
    world.store.kept |= {f"m-{n}": alarm(f"m-{n}", "server/s-a", "A", vnf="v-a", raised_us=NOW - n) for n in range(150)}

    first = await world.call("GET", ALARMS, by="member-a")
    del world.store.kept[first.json[-1]["id"]]
    link = first.headers["link"]
    second = await world.call("GET", link[len("<http://localhost") : link.index(">")], by="member-a")

    assert (first.status, second.status, len(first.json)) == (200, 200, 100)
    known = {one["id"] for one in first.json + second.json}
    assert {f"m-{n}" for n in range(150)} <= known


@pytest.mark.parametrize("marker", ["zz", "1", "1.", ".a", "-1.a", "9" * 30 + ".a", "1.a\n"])
async def test_a_marker_that_none_was_given_is_refused(marker: str) -> None:
    answer = await make_world().call("GET", f"{ALARMS}?nextpage_opaque_marker={quote(marker)}", by="member-a")

    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "nextpage_opaque_marker")


async def test_what_is_rare_is_looked_for_in_turns() -> None:
    world = world_of_vnfs()
    world.store.kept |= {
        f"m-{n}": alarm(f"m-{n}", "server/s-a", "A", vnf="v-a", raised_us=NOW - n) for n in range(10_100)
    }

    answer = await world.call("GET", f"{ALARMS}?filter=(cont,id,m-10099)", by="member-a")

    assert answer.json == []
    following = answer.headers["link"]
    rest = await world.call("GET", following[len("<http://localhost") : following.index(">")], by="member-a")
    assert ids(rest) == ["m-10099"]


async def test_an_alarm_is_acknowledged_once_and_by_whoever_has_seen_it() -> None:
    world = world_of_vnfs()
    seen = await world.call("GET", f"{ALARMS}/va-1", by="member-a")
    address = f"{ALARMS}/va-1"
    body = {"ackState": "ACKNOWLEDGED"}

    stale = await world.call("PATCH", address, body, by="member-a", headers={"If-Match": '"other"'})
    done = await world.call("PATCH", address, body, by="member-a", headers={"If-Match": seen.headers["etag"]})
    again = await world.call("PATCH", address, body, by="member-a")
    back = await world.call("PATCH", address, {"ackState": "UNACKNOWLEDGED"}, by="member-a")

    assert (stale.status, done.status, again.status, back.status) == (412, 200, 409, 200)
    assert done.json == body
    now = await world.call("GET", address, by="member-a")
    assert now.headers["etag"] == back.headers["etag"] != done.headers["etag"]
    for answer in (stale, again):
        validate(answer.json, "ProblemDetails")
    over = await world.call("PATCH", f"{ALARMS}/va-3", body, by="member-a")
    assert (over.status, over.json["detail"]) == (409, "it is cleared")
    assert (await world.call("PATCH", f"{ALARMS}/vb-1", body, by="member-a")).status == 404
    assert (await world.call("PATCH", address, {"ackState": "x"}, by="member-a")).status == 400


async def test_an_escalation_is_written_in_the_alarm_s_history() -> None:
    world = world_of_vnfs()

    answer = await world.call(
        "POST", f"{ALARMS}/va-2/escalate", {"proposedPerceivedSeverity": "CRITICAL"}, by="member-a"
    )

    assert (answer.status, answer.body) == (204, b"")
    assert [(one.what, one.by, one.text) for one in world.store.entries] == [
        ("commented", "member-a", "escalated: critical is proposed")
    ]
    other = await world.call(
        "POST", f"{ALARMS}/vb-1/escalate", {"proposedPerceivedSeverity": "CRITICAL"}, by="member-a"
    )
    assert other.status == 404


@pytest.mark.parametrize(
    ("version", "status"),
    [("1.3.0", 200), ("1.0.0", 200), ("1", 200), ("1.3.0-impl:x.com:1", 200), ("2.0.0", 406), ("new", 406), ("", 406)],
)
async def test_a_version_that_is_not_spoken_is_said_so(version: str, status: int) -> None:
    world = world_of_vnfs()

    answer = await world.call("GET", ALARMS, by="member-a", headers={"Version": version})

    assert answer.status == status
    assert answer.headers["version"] == "1.3.0"


async def test_versions_are_told() -> None:
    world = make_world()

    for address, prefix in (("/vnffm/api_versions", "/vnffm"), ("/vnffm/v1/api_versions", "/vnffm/v1")):
        answer = await world.call("GET", address, by="reader-a")
        assert answer.json == {
            "uriPrefix": f"http://localhost{prefix}",
            "apiVersions": [{"version": "1.3.0", "isDeprecated": False}],
        }


async def test_a_consumer_that_knows_basic_only_sends_its_token_as_the_password() -> None:
    world = world_of_vnfs()
    token = world.call.tokens["member-a"]

    async def asked(given: str) -> int:
        return (await call(world.call.app, "GET", ALARMS, b"", {"authorization": given})).status

    assert await asked("Basic " + b64encode(f"vnfm:{token}".encode()).decode()) == 200
    assert await asked("Basic " + b64encode(b"vnfm:nfv_wrong").decode()) == 401
    assert await asked("Basic ///") == 401


REQUEST: dict[str, Any] = {
    "callbackUri": CALLBACK,
    "filter": {
        "vnfInstanceSubscriptionFilter": {"vnfInstanceNames": ["epc"]},
        "notificationTypes": ["AlarmNotification", "AlarmListRebuiltNotification"],
        "faultyResourceTypes": ["NETWORK"],
        "perceivedSeverities": ["CRITICAL", "CLEARED"],
        "eventTypes": ["QOS_ALARM"],
        "probableCauses": ["lanError"],
    },
    "authentication": {"authType": ["BASIC"], "paramsBasic": {"userName": "nfvigil", "password": "hush-hush"}},
}


async def test_a_subscription_is_kept_whole_and_shown_without_its_secrets() -> None:
    world = make_world()
    validate(REQUEST, "FmSubscriptionRequest")

    made = await world.call("POST", SUBSCRIPTIONS, REQUEST, by="member-a")

    assert made.status == 201
    validate(made.json, "FmSubscription")
    jsonschema.Draft4Validator(standards("etsi-sol002-fm/schemas/FmSubscription.schema.json")).validate(made.json)
    assert made.json["filter"] == REQUEST["filter"]
    assert made.headers["location"] == made.json["_links"]["self"]["href"]
    kept = world.store.subscribed[made.json["id"]]
    assert (kept.project, kept.owner, kept.endpoints[0].format) == ("A", "sol", "sol")
    assert kept.filter.vnfs == ("v-a",)
    assert kept.filter.only_vnfs
    assert [kind.value for kind in kept.filter.resource_types] == ["port", "network"]
    assert kept.filter.severities == (Severity.CRITICAL, Severity.CLEARED)
    assert kept.filter.event_types == (EventType.QOS,)
    assert kept.filter.probable_causes == ("lanError",)
    assert kept.filter.news == (News.RAISED, News.CHANGED, News.CONFIRMED, News.REBUILT)
    assert kept.endpoints[0].auth is not None
    assert (kept.endpoints[0].auth.kind, kept.endpoints[0].auth.user) == (AuthKind.BASIC, "nfvigil")
    assert "hush-hush" not in repr(kept)
    assert world.callbacks.asked == [kept.endpoints[0]]
    shown = await world.call("GET", f"{SUBSCRIPTIONS}/{kept.id}", by="member-a")
    assert shown.json == made.json
    assert "hush-hush" not in shown.body.decode() + made.body.decode() + json.dumps(kept.extra)


async def test_a_filter_that_asks_for_nothing_is_none() -> None:
    world = make_world()
    body = {"callbackUri": CALLBACK, "filter": {"vnfInstanceSubscriptionFilter": {}, "eventTypes": []}}

    made = await world.call("POST", SUBSCRIPTIONS, body, by="member-a")

    validate(made.json, "FmSubscription")
    assert made.json["filter"] == {"eventTypes": []}
    assert world.store.subscribed[made.json["id"]].filter.vnfs == ()


@pytest.mark.parametrize(
    ("types", "severities", "status"),
    [
        (["AlarmClearedNotification"], ["CRITICAL"], 422),
        (["AlarmClearedNotification", "AlarmListRebuiltNotification"], ["CRITICAL", "MAJOR"], 422),
        (["AlarmNotification"], ["CLEARED"], 422),
        (["AlarmClearedNotification"], ["CRITICAL", "CLEARED"], 201),
        (["AlarmNotification"], ["CRITICAL"], 201),
        (["AlarmNotification", "AlarmClearedNotification"], ["CRITICAL"], 201),
        (["AlarmListRebuiltNotification"], ["CRITICAL"], 201),
        ([], ["CLEARED"], 201),
    ],
)
async def test_a_filter_that_never_lets_anything_through_is_refused(
    types: list[str], severities: list[str], status: int
) -> None:
    wanted = {"notificationTypes": types, "perceivedSeverities": severities}

    answer = await make_world().call("POST", SUBSCRIPTIONS, REQUEST | {"filter": wanted}, by="member-a")

    assert answer.status == status
    if status == 422:
        assert answer.json["errors"][0]["field"] == "filter.perceivedSeverities"


async def test_one_that_asks_again_while_its_address_is_tried_is_not_subscribed_twice() -> None:
    world = make_world()
    both_asked = asyncio.Barrier(2)

    async def tried(_endpoint: Endpoint) -> None:
        await both_asked.wait()

    parts = world.call.parts
    world.call.parts = replace(parts, vnf=replace(parts.vnf, try_callback=tried))
    calls = [world.call("POST", SUBSCRIPTIONS, REQUEST, by="member-a") for _ in range(2)]

    answers = await asyncio.wait_for(asyncio.gather(*calls), 10)

    assert sorted(one.status for one in answers) == [201, 303]
    assert len({one.headers["location"] for one in answers}) == 1


async def test_the_same_subscription_again_leads_to_the_first() -> None:
    world = make_world()
    first = await world.call("POST", SUBSCRIPTIONS, REQUEST, by="member-a")

    again = await world.call("POST", SUBSCRIPTIONS, REQUEST, by="member-a")
    other = await world.call("POST", SUBSCRIPTIONS, REQUEST | {"filter": {}}, by="member-a")
    theirs = await world.call("POST", SUBSCRIPTIONS, {"callbackUri": CALLBACK}, by="manager-b")

    assert (again.status, again.headers["location"]) == (303, first.headers["location"])
    assert (other.status, theirs.status) == (201, 201)
    listed = await world.call("GET", f"{SUBSCRIPTIONS}?filter=(eq,filter/eventTypes,QOS_ALARM)", by="member-a")
    assert ids(listed) == [first.json["id"]]
    assert len((await world.call("GET", SUBSCRIPTIONS, by="member-a")).json) == 2
    assert ids(await world.call("GET", SUBSCRIPTIONS, by="manager-b")) == [theirs.json["id"]]


async def test_subscriptions_come_in_pages() -> None:
    world = make_world()
    endpoint = Endpoint(id="e", url=CALLBACK, format="sol")
    for n in range(101):
        made = Subscription(id=f"z-{n:03}", project="A", endpoints=(endpoint,), owner="sol")
        world.store.subscribed[made.id] = made

    page = await world.call("GET", f"{SUBSCRIPTIONS}?filter=(eq,callbackUri,{CALLBACK})", by="member-a")
    link = page.headers["link"]
    rest = await world.call("GET", link[len("<http://localhost") : link.index(">")], by="member-a")

    assert ids(page) + ids(rest) == [f"z-{n:03}" for n in range(101)]
    assert "link" not in rest.headers


async def test_a_subscription_ends_and_is_nobody_else_s() -> None:
    world = make_world()
    made = await world.call("POST", SUBSCRIPTIONS, {"callbackUri": CALLBACK}, by="member-a")
    address = f"{SUBSCRIPTIONS}/{made.json['id']}"
    own = await world.call("POST", "/v1/subscriptions", {"endpoints": [{"url": CALLBACK}]}, by="member-a")

    assert (await world.call("GET", address, by="manager-b")).status == 404
    assert (await world.call("DELETE", address, by="manager-b")).status == 404
    assert (await world.call("DELETE", f"{SUBSCRIPTIONS}/{own.json['id']}", by="member-a")).status == 404
    assert (await world.call("DELETE", address, by="reader-a")).status == 403
    assert (await world.call("DELETE", address, by="member-a")).status == 204
    assert (await world.call("DELETE", address, by="member-a")).status == 404


OAUTH = {"clientId": "c", "clientPassword": "p", "tokenEndpoint": "http://id.example/token"}


@pytest.mark.parametrize(
    ("more", "status", "field"),
    [
        pytest.param({"authentication": {"authType": ["TLS_CERT"]}}, 422, "authentication.authType", id="TLS only"),
        pytest.param({"authentication": {"authType": ["BASIC"]}}, 422, "authentication.paramsBasic", id="no password"),
        pytest.param(
            {"authentication": {"authType": ["OAUTH2_CLIENT_CREDENTIALS"]}},
            *(422, "authentication.paramsOauth2ClientCredentials"),
            id="no client",
        ),
        pytest.param(
            {
                "authentication": {
                    "authType": ["OAUTH2_CLIENT_CREDENTIALS"],
                    "paramsOauth2ClientCredentials": OAUTH | {"tokenEndpoint": "http://169.254.169.254/"},
                }
            },
            *(422, "authentication.paramsOauth2ClientCredentials.tokenEndpoint"),
            id="a token from the metadata service",
        ),
        pytest.param({"callbackUri": "http://169.254.169.254/"}, 422, "callbackUri", id="the metadata service"),
        pytest.param({"callbackUri": "ftp://x.example/"}, 400, "callbackUri", id="no web address"),
        pytest.param({"callback": "x"}, 400, "callback", id="an unknown field"),
        pytest.param(
            {"filter": {"vnfInstanceSubscriptionFilter": {"vnfdIds": ["d"]}}},
            *(422, "filter.vnfInstanceSubscriptionFilter.vnfdIds"),
            id="descriptors",
        ),
        pytest.param(
            {"filter": {"vnfInstanceSubscriptionFilter": {"vnfProductsFromProviders": [{"vnfProvider": "x"}]}}},
            *(422, "filter.vnfInstanceSubscriptionFilter.vnfProductsFromProviders"),
            id="products",
        ),
        pytest.param(
            {"filter": {"vnfInstanceSubscriptionFilter": {"vnfInstanceNames": ["ims"]}}},
            *(422, "filter.vnfInstanceSubscriptionFilter.vnfInstanceNames[0]"),
            id="another project's name",
        ),
        pytest.param(
            {"filter": {"vnfInstanceSubscriptionFilter": {"vnfInstanceNames": ["epc"], "vnfInstanceIds": ["v-a"]}}},
            *(422, "filter.vnfInstanceSubscriptionFilter.vnfInstanceNames"),
            id="names beside ids",
        ),
    ],
)
async def test_what_cannot_be_served_is_refused_by_field(more: dict[str, Any], status: int, field: str) -> None:
    world = make_world()

    answer = await world.call("POST", SUBSCRIPTIONS, {"callbackUri": CALLBACK} | more, by="member-a")

    assert answer.status == status
    validate(answer.json, "ProblemDetails")
    assert field in [error["field"] for error in answer.json["errors"]]
    assert world.store.subscribed == {}
    assert answer.headers["version"] == "1.3.0"


async def test_a_consumer_that_does_not_answer_is_not_subscribed() -> None:
    world = make_world()
    world.callbacks.refusal = "answered a GET with 404, not with 204"

    answer = await world.call("POST", SUBSCRIPTIONS, {"callbackUri": CALLBACK}, by="member-a")

    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "callbackUri")
    assert world.store.subscribed == {}


async def test_an_operator_may_leave_the_callbacks_untried() -> None:
    world = make_world()
    parts = world.call.parts
    world.call.parts = replace(parts, vnf=replace(parts.vnf, tries_callbacks=False, sol_root="https://x.example"))

    answer = await world.call(
        "POST",
        SUBSCRIPTIONS,
        {"callbackUri": CALLBACK}
        | {"authentication": {"authType": ["OAUTH2_CLIENT_CREDENTIALS"], "paramsOauth2ClientCredentials": OAUTH}},
        by="admin",
    )

    assert answer.status == 201
    assert answer.headers["location"].startswith("https://x.example/vnffm/v1/subscriptions/")
    assert world.callbacks.asked == []
    kept = world.store.subscribed[answer.json["id"]]
    assert kept.project == ""
    assert kept.endpoints[0].auth is not None
    assert kept.endpoints[0].auth.token_url == "http://id.example/token"


async def test_one_that_speaks_for_no_project_has_nothing_to_hear() -> None:
    answer = await make_world().call("POST", SUBSCRIPTIONS, {"callbackUri": CALLBACK}, by="member-nowhere")

    assert answer.status == 403
