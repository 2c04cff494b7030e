"""Secrets do not come out where nobody thinks of them: tracebacks, what objects look like, kept answers, refusals."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from northbound_fakes import make_world

from nfvigil.errors import RefusedError, SettingsError, UnavailableError
from nfvigil.listening import configure_logging
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth, Subscription
from nfvigil.northbound.sol.subscriptions import ParamsBasic, ParamsOauth2ClientCredentials
from nfvigil.northbound.subscription_changes import EndpointChange
from nfvigil.northbound.subscriptions import EndpointBody
from nfvigil.northbound.vims import VimBody, VimChangeBody
from nfvigil.notifier.safety import check_url
from nfvigil.settings import load
from nfvigil.southbound.alertmanager_api import AlertmanagerApi
from nfvigil.store.address import parse

pytestmark = pytest.mark.anyio

CANARY = "c4nary-that-sings"


@pytest.fixture
def clean_log() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers), root.level, logging.getLogger("aiormq").level
    yield
    structlog.reset_defaults()
    root.handlers[:], level, aiormq = before
    root.setLevel(level)
    logging.getLogger("aiormq").setLevel(aiormq)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_in_the_log_has_no_variables(form: str, clean_log: None, capsys: Any) -> None:
    configure_logging(load(None, {"log_format": form}))
    password = CANARY
    try:
        password.index("?")
    except ValueError:
        structlog.get_logger("test").exception("it broke")

    said = capsys.readouterr().err
    assert "it broke" in said
    assert "Traceback" in said
    assert CANARY not in said


AUTH = EndpointAuth(kind=AuthKind.BASIC, user="u", secret=CANARY)
ENDPOINT = Endpoint(id="e", url=f"http://x.example/?token={CANARY}", secret=CANARY, token=CANARY, auth=AUTH)


@pytest.mark.parametrize(
    "thing",
    [
        Subscription(id="s", endpoints=(ENDPOINT,)),
        EndpointBody(url="http://x.example/", secret=CANARY, token=CANARY),
        EndpointChange(secret=CANARY, token=CANARY),
        ParamsBasic(userName="u", password=CANARY),
        ParamsOauth2ClientCredentials(clientId="c", clientPassword=CANARY, tokenEndpoint="http://x.example/"),
        VimBody(name="x", driver="openstack", options={"password": CANARY}),
        VimChangeBody(options={"password": CANARY}),
        load(
            None,
            {
                "database_url": f"postgresql://u:{CANARY}@db/n",
                "vims": [{"name": "x", "options": {"password": CANARY}}],
                "buses": [{"name": "x", "url": f"rabbit://u:{CANARY}@mq/"}],
                "formats": {"alertmanager": {"api_url": f"http://u:{CANARY}@am/"}},
                "access.keystone": {"auth": {"password": CANARY}},
                "secrets.keys": CANARY,
            },
        ),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_holds_a_secret_does_not_print_it(thing: object) -> None:
    assert CANARY not in f"{thing!r} {thing}"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/tokens", {"role": "reader", "project": "A"}, "token"),
        ("/v1/monitor-keys", {"name": "bmc"}, "key"),
    ],
)
async def test_an_answer_that_holds_a_secret_is_not_kept_and_the_request_is_not_done_again(
    path: str, body: Any, field: str
) -> None:
    world = make_world()
    key = {"Idempotency-Key": "k"}

    made = await world.call("POST", path, body, headers=key)
    again = await world.call("POST", path, body, headers=key)

    assert (made.status, again.status) == (201, 409)
    assert made.headers["location"] in again.problem["errors"][0]["reason"]
    kept = str(world.store.requests)
    assert "location" in kept
    assert made.json[field] not in kept
    assert [one["id"] for one in (await world.call("GET", path)).json["items"]].count(made.json["id"]) == 1


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{CANARY}@vnfm.example/",
        f"http://user:{CANARY}/x@vnfm.example/",
        f"http://[{CANARY}@vnfm.example/",
        f"http://user:{CANARY}\uff03@vnfm.example/",
    ],
)
def test_a_refused_address_is_not_repeated(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_url(url)

    assert CANARY not in str(refused.value)
    assert all(CANARY not in error.reason for error in refused.value.errors)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "a b"])
async def test_an_alertmanager_that_is_away_is_named_without_its_password(host: str) -> None:
    api = AlertmanagerApi(url=f"http://user:{CANARY}@{host}", timeout_seconds=1)

    with pytest.raises(UnavailableError, match="cannot be asked") as away:
        await api.listing()

    assert CANARY not in str(away.value)


async def test_a_token_in_an_address_is_shown_to_its_owner_and_stays_where_it_is_sent_back_as_shown() -> None:
    world = make_world()
    url, shown = f"http://x.example/?token={CANARY}", "http://x.example/?token=***"
    made = await world.call("POST", "/v1/subscriptions", {"endpoints": [{"url": url}]}, by="member-a")
    place, endpoint = f"/v1/subscriptions/{made.json['id']}", made.json["endpoints"][0]["id"]

    of_admin = await world.call("GET", place)
    changed = await world.call("PATCH", place, {"name": "n", "endpoints": [{"id": endpoint, "url": shown}]})
    refused = await world.call("PATCH", place, {"endpoints": [{"id": endpoint, "url": f"{shown}&a=1"}]})
    of_owner = await world.call("GET", place, by="member-a")

    assert of_admin.json["endpoints"][0]["url"] == changed.json["endpoints"][0]["url"] == shown
    assert CANARY.encode() not in of_admin.body + changed.body + (await world.call("GET", "/v1/subscriptions")).body
    assert (changed.status, refused.status) == (200, 400)
    assert refused.problem["errors"][0]["field"] == "endpoints[0].url"
    assert (of_owner.json["name"], of_owner.json["endpoints"][0]["url"]) == ("n", url)


@pytest.mark.parametrize(
    "url",
    [f"postgresql://u:p@x:{CANARY}/n", f"postgresql://u:p@{CANARY}@db/n", f"postgresql://u:{CANARY}@[::1/n", CANARY],
)
def test_a_database_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read") as refused:
        parse(url)

    assert CANARY not in "".join(traceback.format_exception(refused.value))
