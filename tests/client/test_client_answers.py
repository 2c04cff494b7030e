"""Answers are typed, keep what they do not know, and are not broken by a newer service."""

from __future__ import annotations

from typing import Any

import pytest
from client_fake import Fake, Says

from nfvigil.client import BadAnswerError, Client, StillWaitingError
from nfvigil.client.answers import read
from nfvigil.client.shapes import Alarm, Brakes, ResourceDetail, Subscription, Vim
from nfvigil.client.vim_options import Given, options_of
from nfvigil.client.waiting import wait_until
from nfvigil.errors import ConflictError, NotFoundError, RefusedError, UnavailableError


def test_what_a_newer_service_says_is_kept_as_it_came() -> None:
    value = {"id": "a-1", "state": "pondered", "mood": {"bad": True}, "raw": 5}

    alarm = read(Alarm, value, '"tag"')

    assert (alarm.state, alarm.etag) == ("pondered", '"tag"')
    assert alarm.raw == value
    assert alarm.dict() == value


def test_what_an_older_service_does_not_say_has_a_value() -> None:
    alarm = read(Alarm, {"id": "a-1"})

    assert (alarm.perceived_severity, alarm.correlated_ids, alarm.resource.key) == ("", (), "/")


def test_things_within_others_keep_what_they_are_made_of() -> None:
    detail = read(ResourceDetail, {"key": "host/h", "record": {"name": "h"}, "alarms": [{"id": "a-1", "more": 1}]})

    assert detail.alarms[0].raw == {"id": "a-1", "more": 1}
    assert detail.name == "h"
    off = {"vim": "", "by": "ann", "text": "a rehearsal"}
    brakes = read(Brakes, {"automation": False, "automation_off": off})
    assert brakes.automation_off is not None
    assert brakes.automation_off.raw == off


@pytest.mark.parametrize("value", [None, [], "x", {}, {"id": 5}])
def test_what_is_something_else_is_found_out(value: Any) -> None:
    with pytest.raises(BadAnswerError, match="is no Alarm"):
        read(Alarm, value)


def test_receipts_say_what_became_of_each_event(fake: Fake, client: Client) -> None:
    refused = {"state": "refused", "errors": [{"field": "events[1].type", "reason": "must be there"}]}
    fake.says(Says({"events": [{"state": "accepted", "id": "1"}, refused]}, 207))

    one, other = client.events.send([{"type": "a.b", "resource": "host/h"}, {}])

    assert (one.id, one.is_refused) == ("1", False)
    assert other.is_refused
    assert other.errors[0].field == "events[1].type"


def test_many_events_go_in_messages_of_a_thousand(fake: Fake, client: Client) -> None:
    fake.says(*[Says({"events": [{"state": "accepted", "id": "1"}] * size}) for size in (1000, 1)])

    assert len(client.events.send({"type": "a.b"} for _ in range(1001))) == 1001


def test_who_gives_no_receipts_is_no_nfvigil(fake: Fake, client: Client) -> None:
    fake.says(Says([]))

    with pytest.raises(BadAnswerError, match="no receipts"):
        client.events.send({"type": "a.b"})


def subscription(name: str, number: int) -> dict[str, Any]:
    return {"id": f"s-{number}", "name": name}


def test_a_subscription_is_found_by_its_id_or_its_name(fake: Fake, client: Client) -> None:
    listed = Says({"items": [subscription("a", 1), subscription("b", 2), subscription("b", 3)], "next": None})
    none = Says({"detail": "there is no such subscription"}, 404)
    fake.says(Says(subscription("a", 1)), none, listed, none, listed, none, listed)

    assert client.subscriptions.find("s-1").name == "a"
    assert client.subscriptions.find("a").id == "s-1"
    with pytest.raises(ConflictError, match="2 are called so"):
        client.subscriptions.find("b")
    with pytest.raises(NotFoundError, match="of the id or name c"):
        client.subscriptions.find("c")


def delivery(number: int, notification: str, state: str) -> dict[str, Any]:
    return {"id": f"d-{number}", "notification_id": notification, "sequence": number, "state": state}


def test_it_is_waited_for_a_test_to_arrive(fake: Fake, client: Client) -> None:
    sent = {"notification_id": "n-7", "sequence": 7}
    before, after = delivery(6, "n-6", "pending"), delivery(8, "n-8", "pending")
    fake.says(
        Says(sent, 202),
        Says({"items": [before, delivery(7, "n-7", "pending"), after], "next": None}),
        Says({"items": [before, delivery(7, "n-7", "delivered"), after], "next": None}),
    )

    found = client.subscriptions.wait_delivered("s-1", client.subscriptions.test("s-1"))

    assert [one.state for one in found] == ["delivered"]
    assert "marker=6%2F0%2F" in fake.asked[1].path


def test_it_is_waited_for_a_cloud_to_be_listed_again(fake: Fake, client: Client) -> None:
    before = read(Vim, {"name": "lab", "snapshot_time": "1"})
    fake.says(*[Says({"name": "lab", "snapshot_time": time}) for time in ("1", "1", "2")])

    assert client.vims.wait_listed(before).snapshot_time == "2"


def listed(attempted: str, snapshot: str, **more: Any) -> Says:
    return Says({"name": "lab", "attempted_time": attempted, "snapshot_time": snapshot, **more})


def test_a_listing_that_was_under_way_already_is_not_the_one_that_is_waited_for(fake: Fake, client: Client) -> None:
    before = read(Vim, {"name": "lab", "attempted_time": "4", "snapshot_time": "1", "listing": True})
    fake.says(listed("4", "1"), listed("4", "4a"), listed("5", "4a", listing=True), listed("6", "5a", listing=True))

    assert client.vims.wait_listed(before).snapshot_time == "5a"


def test_what_failed_is_not_waited_for_any_longer(fake: Fake, client: Client) -> None:
    before = read(Vim, {"name": "lab", "attempted_time": "4", "snapshot_time": "1", "failures": 2})
    away = {"failures": 2, "error": "it does not answer"}
    fake.says(listed("4", "1", **away), listed("5", "1", listing=True, **away), listed("5", "1", **away))

    with pytest.raises(UnavailableError, match="lab could not be listed: it does not answer"):
        client.vims.wait_listed(before)


def test_of_a_cloud_that_was_never_read_the_first_listing_will_do(fake: Fake, client: Client) -> None:
    before = read(Vim, {"name": "lab", "attempted_time": "4"})
    fake.says(Says({"name": "lab", "attempted_time": "4"}), listed("4", "4a"))

    assert client.vims.wait_listed(before).snapshot_time == "4a"


def test_it_is_not_waited_for_ever() -> None:
    now = [0.0]
    told: list[int] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(StillWaitingError, match="the thing is not over after"):
        wait_until(
            lambda: 1,
            lambda _: False,
            most_seconds=1.2,
            what="the thing",
            tell=told.append,
            clock=lambda: now[0],
            sleep=sleep,
        )

    assert len(told) == 4
    assert now[0] == pytest.approx(1.2)


def test_an_instruction_that_is_over_is_not_waited_for(fake: Fake, client: Client) -> None:
    fake.says(Says({"id": "i-1", "state": "done"}))
    done = client.instructions.show("i-1")

    assert client.instructions.wait(done) is done
    assert done.is_well


def test_the_filter_of_a_subscription_is_plain() -> None:
    made = read(Subscription, {"id": "s-1", "filter": {"moods": ["bad"]}, "endpoints": [{"url": "http://x"}]})

    assert made.filter == {"moods": ["bad"]}
    assert made.endpoints[0].url == "http://x"


def test_who_cannot_be_asked_for_a_password_is_told_so() -> None:
    def nobody(_: str) -> None:
        return None

    with pytest.raises(RefusedError, match="password-file: is needed"):
        options_of(Given(username="me"), is_new=True, read=str, ask=nobody)
