"""What the APIs of VNFs ask of the notifier: filters, which news, formats, logins, callbacks, and lists read again."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from notifier_players import (
    CHANNELS,
    NOW,
    Consumer,
    Rows,
    alarm,
    answer,
    cleared,
    composer,
    dispatcher,
    hang,
    http_poster,
    raised,
    running,
    subscription,
    until,
)
from test_notifier_channels import SOURCE, sample

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.alarm import Alarm
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth, Filter, Subscription
from nfvigil.model.times import SECOND
from nfvigil.model.verdict import News
from nfvigil.notifier.admission import check_subscription
from nfvigil.notifier.callback_test import CallbackTest
from nfvigil.notifier.channel import Message
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.losses import Losses
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.poster import Answer, Target
from nfvigil.notifier.safety import Safety

HIT = alarm(vnf="v1", vnfc="c1")


@pytest.mark.parametrize(
    ("wanted", "one", "matches"),
    [
        ({"vnfs": ("v1", "v2")}, HIT, True),
        ({"vnfs": ("v2",)}, HIT, False),
        ({"vnfs": ("v1",)}, alarm(), False),
        ({"vnfs": ("v1",), "resource_ids": ("vm-1",)}, HIT, True),
        ({"vnfs": ("v2",), "resource_ids": ("vm-1",)}, HIT, False),
        ({"only_vnfs": True}, HIT, True),
        ({"only_vnfs": True}, alarm(), False),
        ({"severities": (Severity.CRITICAL,)}, HIT, True),
        ({"severities": (Severity.MINOR,)}, HIT, False),
        ({"severities": (Severity.CLEARED,)}, HIT, False),
        ({"severities": (Severity.CLEARED,)}, cleared(HIT), True),
        ({"severities": (Severity.CRITICAL,)}, cleared(HIT), False),
        ({"event_types": (EventType.EQUIPMENT,)}, HIT, True),
        ({"event_types": (EventType.QOS,)}, HIT, False),
        ({"probable_causes": ("other",)}, HIT, True),
        ({"probable_causes": ("lanError",)}, HIT, False),
    ],
)
def test_a_filter_sees_vnf_severity_event_type_and_cause(wanted: dict[str, Any], one: Alarm, matches: bool) -> None:
    """Whichever was asked first: what a shape sees is remembered."""
    early, late = Matcher([subscription(filter=Filter(**wanted))]), Matcher([subscription("x")])
    for other in (alarm(), HIT, cleared(HIT), alarm(vnf="v1", event_type=EventType.QOS)):
        early.match(other)
        late.match(other)
    late.put(subscription(filter=Filter(**wanted)))

    for matcher in (early, late):
        assert ("s1" in {found.id for found in matcher.match(one)}) is matches
    late.remove("s1")
    assert [found.id for found in late.match(one)] == ["x"]


def test_one_that_names_a_vnf_is_found_for_good_and_with_what_is_done_to_its_servers() -> None:
    matcher = Matcher([subscription(filter=Filter(vnfs=("v1",)))])

    assert [one.id for one in matcher.match_for_good(HIT)] == ["s1"]
    assert matcher.match_for_good(alarm(vnf="v2")) == []
    assert [one.id for one in matcher.match_resource(HIT)] == ["s1"]


def test_those_that_an_api_made_are_found_by_it() -> None:
    matcher = Matcher([subscription("a", owner="sol"), subscription("b", owner="aodh"), subscription("c")])
    matcher.put(subscription("d", owner="sol"))
    matcher.put(subscription("a", owner="sol", created_by="again"))
    matcher.remove("d")

    assert [(one.id, one.created_by) for one in matcher.owned_by("sol")] == [("a", "again")]
    assert matcher.owned_by("nobody") == []


@pytest.mark.parametrize(
    ("news", "heard"),
    [
        ((), [News.RAISED, News.CHANGED, News.CLEARED]),
        ((News.CLEARED,), [News.CLEARED]),
        ((News.RAISED,), [News.RAISED]),
        ((News.RAISED, News.CLEARED), [News.RAISED, News.CLEARED]),
    ],
)
def test_only_the_news_that_is_named_is_heard(news: tuple[News, ...], heard: list[News]) -> None:
    one = composer(subscription(filter=Filter(news=news)))
    told = []

    for kind, now in ((News.RAISED, HIT), (News.CHANGED, HIT), (News.CLEARED, cleared(HIT))):
        told += [each.news for each in one.compose([(kind, now)], 7, NOW)[0]]

    assert told == heard


def test_what_was_expected_and_happens_is_news_to_one_that_hears_of_what_is_raised_only() -> None:
    wanted = Filter(news=(News.RAISED,), resource_states=(ResourceState.DOWN,))
    expected = alarm(predicted=True, resource_state=ResourceState.NORMAL)
    one = composer(subscription(filter=wanted))
    assert one.compose([(News.RAISED, expected)], 7, NOW)[0] == []

    first, _ = one.compose([(News.CHANGED, alarm())], 8, NOW)
    second, _ = one.compose([(News.CHANGED, alarm(acked_us=NOW))], 9, NOW)

    assert [each.news for each in first] == [News.CHANGED]
    assert second == []


@pytest.mark.parametrize(("state", "heard"), [(ResourceState.NORMAL, 1), (ResourceState.DOWN, 0)])
def test_after_a_restart_it_hears_of_what_it_has_not_heard_of(state: ResourceState, heard: int) -> None:
    wanted = Filter(news=(News.RAISED,), resource_states=(ResourceState.DOWN,))
    one = composer(subscription(filter=wanted))
    one.remember([alarm(resource_state=state)])

    assert len(one.compose([(News.CHANGED, alarm())], 8, NOW)[0]) == heard


def test_how_a_deed_ended_is_not_for_one_that_names_other_news() -> None:
    one = composer(subscription(filter=Filter(news=(News.RAISED,))), subscription("s2"))

    told, _ = one.compose([(News.ACTION, alarm())], 7, NOW)

    assert [each.subscription for each in told] == ["s2"]


# Formats


def told_in(format_: str, news: News, *alarms: Alarm, name: str = "s1", **more: Any) -> Message:
    endpoint = Endpoint(id="e1", url="http://a/", format=format_)
    one = subscription(name, endpoints=(endpoint,), **more)
    if news in (News.TEST, News.SUMMARY, News.REBUILT, News.HEARTBEAT):
        notifications, _ = composer(one).compose_single(one, news, alarms, NOW)
    else:
        notifications, _ = composer(one).compose([(news, each) for each in alarms], 7, NOW)
    message = CHANNELS[format_].render(notifications[0], one, endpoint, 0, SOURCE)
    assert message == CHANNELS[format_].render(notifications[0], one, endpoint, 0, SOURCE), "a retry must be the same"
    return message


ROOT = {"extra": {"api_root": "http://nfvigil.example"}}
DONE = replace(cleared(HIT), changed_us=NOW + 5_000_000)


@pytest.mark.parametrize(
    ("news", "alarms", "kind"),
    [
        (News.RAISED, [HIT], "AlarmNotification"),
        (News.CHANGED, [replace(HIT, acked_us=NOW)], "AlarmNotification"),
        (News.SUMMARY, [HIT], "AlarmNotification"),
        (News.CLEARED, [DONE], "AlarmClearedNotification"),
        (News.CLEARED, [replace(DONE, cleared_us=None, vnf="")], "AlarmClearedNotification"),
        (News.REBUILT, [], "AlarmListRebuiltNotification"),
        (News.TEST, [], "AlarmListRebuiltNotification"),
        (News.CHANGED, [alarm()], "AlarmListRebuiltNotification"),
    ],
)
def test_a_message_in_sol_is_what_the_standard_says(news: News, alarms: list[Alarm], kind: str) -> None:
    schema = sample("etsi-sol003-fm/sol003_fm_compact.schema.json")
    message = told_in("sol", news, *alarms, **ROOT)
    body = json.loads(message.body)

    assert body["notificationType"] == kind
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    jsonschema.Draft7Validator({**schema, "$ref": f"#/definitions/{kind}"}, format_checker=checker).validate(body)
    for folder in ("etsi-sol002-fm", "etsi-sol003-fm"):
        theirs = sample(f"{folder}/schemas/{kind[0].lower()}{kind[1:]}.schema.json")
        if kind != "AlarmNotification":  # the published schema of that one is none itself: it says "required": true
            jsonschema.Draft4Validator(theirs).validate(body)
        else:
            jsonschema.Draft4Validator(sample(f"{folder}/schemas/alarm.schema.json")).validate(body["alarm"])
    assert body["_links"]["subscription"]["href"] == "http://nfvigil.example/vnffm/v1/subscriptions/s1"
    assert message.headers == {"Content-Type": "application/json", "Version": "1.3.0"}


def test_what_several_are_told_has_one_id_and_what_is_told_anew_another() -> None:
    def id_of(news: News, one: Alarm, name: str) -> str:
        return str(json.loads(told_in("sol", news, one, name=name, **ROOT).body)["id"])

    assert id_of(News.RAISED, HIT, "s1") == id_of(News.RAISED, HIT, "s2")
    assert id_of(News.RAISED, HIT, "s1") != id_of(News.CHANGED, HIT, "s1")
    assert id_of(News.RAISED, HIT, "s1") != id_of(News.RAISED, replace(HIT, id="other"), "s1")
    assert id_of(News.SUMMARY, HIT, "s1") != id_of(News.SUMMARY, HIT, "s2")


def test_a_project_s_message_names_no_cloud_and_no_cause_of_the_operator_s() -> None:
    child = replace(HIT, parent="root-alarm", root="root-alarm", vim="lab-7")

    mine = told_in("sol", News.RAISED, child, **ROOT).body
    all_of_it = told_in("sol", News.RAISED, child, project="", **ROOT).body

    assert b"root-alarm" not in mine
    assert b"lab-7" not in mine
    assert b"lab-7" in all_of_it


def test_what_has_words_of_its_own_names_the_vnf_as_well() -> None:
    doctor, aodh = (json.loads(told_in(format_, News.RAISED, HIT).body) for format_ in ("doctor", "aodh"))

    details = doctor["VirtualResourceInfo"][0]["Faults"][0]["FaultDetails"]
    assert (details["VnfID"], details["VnfcID"]) == ("v1", "c1")
    assert ["vnf_id", 1, "v1"] in aodh["reason_data"]["event"]["traits"]
    assert "VnfID" not in told_in("doctor", News.RAISED, alarm()).body.decode()


def test_tacker_is_told_which_fault_of_which_registration() -> None:
    rows = [{"fault_id": "1234", "fault_type": "10", "faults": ["compute.*"]}]

    body = json.loads(told_in("tacker", News.RAISED, HIT, extra={"rows": rows}).body)["notification"]
    unsaid = json.loads(told_in("tacker", News.RAISED, HIT).body)["notification"]

    assert (body["alarm_id"], body["fault_id"], body["fault_type"]) == ("s1", "1234", "10")
    assert body["fault_option"]["resource"] == "vm-1"
    assert unsaid["fault_id"] == "10"
    assert set(body) <= set(sample("tacker/notify.json")["notification"])


@pytest.mark.parametrize(("news", "alarms"), [(News.TEST, []), (News.RAISED, [alarm(fault_type="unheard.of")])])
def test_tacker_is_told_of_nothing_that_is_no_fault_of_the_table(news: News, alarms: list[Alarm]) -> None:
    with pytest.raises(RefusedError):
        told_in("tacker", news, *alarms)


# Logins

BASIC = EndpointAuth(kind=AuthKind.BASIC, user="vnfm", secret="planted-one")
BEARER = EndpointAuth(kind=AuthKind.BEARER, secret="planted-one")
CLIENT = EndpointAuth(
    kind=AuthKind.CLIENT_CREDENTIALS, user="vnfm", secret="planted-one", token_url="http://id.example/token"
)


class TokenServer:
    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Target, Mapping[str, str], bytes]] = []

    async def fetch(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        self.asked.append((target, headers, body))
        await asyncio.sleep(0)
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def granted(token: str = "t-1", **more: Any) -> Answer:
    return Answer(200, "", json.dumps({"access_token": token, **more}).encode())


def logins(server: TokenServer, now: list[int] | None = None) -> Logins:
    return Logins(fetcher=server, clock=lambda: (now or [NOW])[0])


@pytest.mark.anyio
async def test_a_password_and_a_token_are_sent_as_they_are() -> None:
    server = TokenServer()

    basic, bearer = [await logins(server).headers(auth) for auth in (BASIC, BEARER)]

    assert basic == {"Authorization": "Basic " + b64encode(b"vnfm:planted-one").decode()}
    assert bearer == {"Authorization": "Bearer planted-one"}
    assert server.asked == []


@pytest.mark.anyio
async def test_a_token_is_fetched_once_for_many_and_again_when_it_is_old_or_not_believed() -> None:
    now = [NOW]
    server = TokenServer(granted("t-1", expires_in=100), granted("t-2"), granted("t-3", expires_in=0))
    one = logins(server, now)

    first = await asyncio.gather(*(one.headers(CLIENT) for _ in range(5)))
    now[0] += 89 * SECOND
    assert await one.headers(CLIENT) == first[0] == {"Authorization": "Bearer t-1"}
    now[0] += 2 * SECOND
    assert await one.headers(CLIENT) == {"Authorization": "Bearer t-2"}
    one.refused(CLIENT)
    assert await one.headers(CLIENT) == {"Authorization": "Bearer t-3"}

    assert len(server.asked) == 3
    target, headers, body = server.asked[0]
    assert (target.host, body) == ("id.example", b"grant_type=client_credentials")
    assert headers["Authorization"] == "Basic " + b64encode(b"vnfm:planted-one").decode()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Answer(401), UnavailableError),
        (Answer(200, "", b"<html>"), UnavailableError),
        (Answer(200, "", b"{}"), UnavailableError),
        (granted("a b\n"), UnavailableError),
        (granted("x" * 9000), UnavailableError),
        (UnavailableError("no answer"), UnavailableError),
        (RefusedError("it leads to an address that is refused"), RefusedError),
    ],
)
async def test_no_token_says_why_and_no_secret(said: Answer | Exception, error: type[Exception]) -> None:
    one = logins(TokenServer(said, granted()))

    with pytest.raises(error) as failed:
        await one.headers(CLIENT)

    assert "planted-one" not in repr(failed.value)
    assert await one.headers(CLIENT) == {"Authorization": "Bearer t-1"}


def test_a_login_does_not_print_its_secret() -> None:
    endpoint = Endpoint(id="e", url="http://a/", auth=BASIC)

    assert "planted-one" not in repr(subscription(endpoints=(endpoint,)))


@pytest.mark.anyio
async def test_a_message_goes_out_with_a_login_and_a_token_that_is_not_believed_is_fetched_again() -> None:
    server = TokenServer(granted("t-1"), granted("t-2"))
    rows = Rows()
    async with Consumer(scripts={"/hook": [answer(401), answer(204)]}).running() as consumer:
        endpoint = Endpoint(id="e", url=consumer.url(), auth=CLIENT)
        one = subscription(endpoints=(endpoint,))
        async with running(dispatcher(rows, logins=logins(server))) as sender:
            sender.put_subscription(one)
            sender.offer(rows.commit(composer(one).compose(raised(1), 7, NOW)))
            await until(lambda: rows.states() == ["delivered"])

    assert [request.headers["authorization"] for request in consumer.received] == ["Bearer t-1", "Bearer t-2"]


@pytest.mark.anyio
async def test_without_anybody_who_says_who_we_are_a_message_that_needs_it_is_not_sent() -> None:
    rows = Rows()
    async with Consumer().running() as consumer:
        one = subscription(endpoints=(Endpoint(id="e", url=consumer.url(), auth=BASIC),))
        async with running(dispatcher(rows)) as sender:
            sender.put_subscription(one)
            sender.offer(rows.commit(composer(one).compose(raised(1), 7, NOW)))
            await until(lambda: rows.states() == ["dead"])

    assert consumer.received == []


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        (replace(BASIC, user="a:b"), "auth.user"),
        (replace(BASIC, secret="x" * 2000), "auth.secret"),
        (replace(BASIC, user="a\nb"), "auth.user"),
        (replace(BEARER, secret="ü"), "auth.secret"),
        (replace(CLIENT, token_url="http://169.254.169.254/"), "auth.token_url"),
        (replace(CLIENT, token_url=""), "auth.token_url"),
    ],
)
def test_a_login_that_cannot_work_is_refused(auth: EndpointAuth, field: str) -> None:
    one = subscription(endpoints=(Endpoint(id="e", url="http://192.0.2.1/", auth=auth),))

    with pytest.raises(RefusedError) as refused:
        check_subscription(one, channels=CHANNELS, safety=Safety())

    assert {error.field for error in refused.value.errors} == {f"endpoints[0].{field}"}


# Callbacks


def asking(seconds: float = 5.0, **safety: Any) -> CallbackTest:
    poster = http_poster(**safety)
    return CallbackTest(fetcher=poster, logins=logins(TokenServer()), agent="nfvigil/test", seconds=seconds)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (answer(200), "answered a GET with 200, not with 204"),
        (answer(302, "Location: http://169.254.169.254/"), "answered a GET with 302, not with 204"),
        (answer(404), "answered a GET with 404, not with 204"),
    ],
)
async def test_who_does_not_answer_a_get_with_204_is_no_consumer(script: Any, reason: str) -> None:
    async with Consumer(scripts={"/hook": script}).running() as consumer:
        with pytest.raises(RefusedError) as refused:
            await asking()(Endpoint(id="e", url=consumer.url()))

    assert [(error.field, error.reason) for error in refused.value.errors] == [("callbackUri", reason)]
    assert len(consumer.received) == 1


@pytest.mark.anyio
async def test_a_consumer_answers_with_204_and_is_told_who_asks() -> None:
    async with Consumer().running() as consumer:
        await asking()(Endpoint(id="e", url=consumer.url(), auth=BASIC))

    headers = consumer.received[0].headers
    assert headers["authorization"].startswith("Basic ")
    assert (headers["user-agent"], headers["content-length"]) == ("nfvigil/test", "0")


@pytest.mark.anyio
async def test_one_that_hangs_or_is_not_there_or_may_not_be_asked_is_refused() -> None:
    async with Consumer(scripts={"/hook": hang}).running() as consumer:
        url = consumer.url()
        with pytest.raises(RefusedError, match="answer as one"):
            await asking(0.2)(Endpoint(id="e", url=url))
        with pytest.raises(RefusedError, match="is refused"):
            await asking(allow_loopback=False)(Endpoint(id="e", url=url))
    with pytest.raises(RefusedError, match="cannot be reached"):
        await asking()(Endpoint(id="e", url=url))


# Lists that are to be read again

SOL = subscription(filter=Filter(news=(News.CLEARED, News.REBUILT)))


class Told:
    def __init__(self, failures: int = 0) -> None:
        self.news: list[tuple[str, News]] = []
        self.failures = failures

    async def __call__(self, one: Subscription, news: News) -> None:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the store is away")
        self.news.append((one.id, news))


def one_of(state: DeliveryState, name: str = "s1", news: News = News.RAISED) -> tuple[Notification, Delivery]:
    return (
        Notification(id="n", subscription=name, seq=1, news=news, created_us=NOW),
        Delivery(id="d", notification="n", subscription=name, endpoint="e", seq=1, state=state),
    )


async def lost_before(*names: str) -> list[str]:
    return list(names)


@pytest.mark.anyio
async def test_a_consumer_that_lost_news_is_told_to_read_again_when_it_is_back() -> None:
    told = Told(failures=1)
    losses = Losses(known=Matcher([SOL, subscription("s2")]), lost=lost_before, notify=told)
    running_losses = asyncio.ensure_future(losses.run())

    losses.observe(*one_of(DeliveryState.DELIVERED))
    losses.observe(*one_of(DeliveryState.DEAD))
    losses.observe(*one_of(DeliveryState.DEAD, "s2"))
    losses.observe(*one_of(DeliveryState.DEAD, "nobody"))
    assert told.news == []
    for name in ("s1", "s2"):
        losses.observe(*one_of(DeliveryState.DELIVERED, name))
    losses.observe(*one_of(DeliveryState.DEAD, news=News.REBUILT))

    await until(lambda: bool(told.news))
    losses.observe(*one_of(DeliveryState.DELIVERED))
    losses.rebuilt([])
    await asyncio.sleep(0)
    assert told.news == [("s1", News.REBUILT)]
    running_losses.cancel()


@pytest.mark.anyio
async def test_what_was_lost_before_a_restart_is_known_after_it() -> None:
    told = Told()
    losses = Losses(known=Matcher([SOL]), lost=lambda: lost_before("s1"), notify=told)
    running_losses = asyncio.ensure_future(losses.run())
    await asyncio.sleep(0.01)

    losses.observe(*one_of(DeliveryState.DELIVERED))
    losses.rebuilt(["gone"])

    await until(lambda: told.news == [("s1", News.REBUILT)])
    running_losses.cancel()
    assert told.news == [("s1", News.REBUILT)], "and once"


@pytest.mark.anyio
async def test_a_store_that_is_away_at_the_start_costs_that_knowledge_only() -> None:
    async def away() -> list[str]:
        raise UnavailableError("away")

    told = Told()
    losses = Losses(known=Matcher([SOL]), lost=away, notify=told)
    running_losses = asyncio.ensure_future(losses.run())

    losses.rebuilt(["s1"])

    await until(lambda: told.news == [("s1", News.REBUILT)])
    assert not running_losses.done()
    running_losses.cancel()
