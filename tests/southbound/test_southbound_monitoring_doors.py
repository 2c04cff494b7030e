"""The doors of monitoring systems over HTTP, and the examples of how to point those systems here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from monitoring_messages import METRIC, NOW_US, alert, collectd_alert, record, redfish, seen, take, webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from test_southbound_doors import call

from nfvigil.model.event import Event
from nfvigil.model.identity import Identity, Role
from nfvigil.model.ids import EventIds
from nfvigil.model.raw import Item
from nfvigil.settings import load
from nfvigil.southbound.doors import routes
from nfvigil.southbound.formats import Format, load_formats
from nfvigil.southbound.intake import Intake

EXAMPLES = Path(__file__).parents[2] / "examples" / "monitors"


class Site:
    def __init__(self, formats: dict[str, Format] | None = None) -> None:
        self.address = "192.0.2.77"
        self.events: list[Event] = []
        self.counts: list[tuple[str, str, int]] = []
        self.shown: list[tuple[str | None, str | None]] = []
        intake = Intake(keep=self._keep, ids=EventIds(lambda: NOW_US), clock=lambda: NOW_US, zone=UTC)
        doors = routes(
            intake=intake,
            guard=self._guard,
            formats=load_formats() if formats is None else formats,
            count=lambda door, outcome, number: self.counts.append((door, outcome, number)),
        )
        app = Starlette(routes=doors)

        async def from_a_bmc(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "client": (self.address, 1234)}, receive, send)

        self.app = from_a_bmc

    async def _keep(self, events: Sequence[Event]) -> None:
        self.events.extend(events)

    async def _guard(self, request: Request) -> Identity:
        self.shown.append((request.headers.get("x-auth-token"), request.headers.get("authorization")))
        return Identity("bmc", None, Role.MONITOR)

    async def post(self, path: str, body: Any, **headers: str) -> Any:
        sent = {"content-type": "application/json"} | headers
        return await call(self, path, body, headers=sent)  # type: ignore[arg-type]  # only its app counts


@pytest.mark.anyio
async def test_measurements_are_counted_and_what_is_ignored_says_why() -> None:
    site = Site()

    answer = await site.post("/v1/formats/collectd/events", [METRIC, collectd_alert("FAILURE"), METRIC, METRIC])

    assert answer.status == 200
    assert [one["state"] for one in answer.json["events"]] == ["accepted", "ignored"]
    assert answer.json["events"][1]["errors"] == [{"field": "[0]", "reason": "are measurements: send notifications"}]
    assert site.counts == [("collectd", "accepted", 1), ("collectd", "metric", 3)]


@pytest.mark.anyio
async def test_alerts_that_were_left_out_are_counted() -> None:
    site = Site()

    answer = await site.post("/v1/formats/alertmanager/events", webhook(alert(), truncatedAlerts=12))

    assert answer.status == 200
    assert ("alertmanager", "truncated", 12) in site.counts


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "context", "host"),
    [
        ("/v1/redfish/compute-9/events", "host/compute-1", "compute-9"),
        ("/v1/formats/redfish/events", "host/compute-1", "compute-1"),
        ("/v1/formats/redfish/events", "nfvigil:compute-1", "compute-1"),
        ("/v1/formats/redfish/events", "compute-1", "compute-1"),
        ("/v1/formats/redfish/events", "", "192.0.2.77"),
    ],
)
async def test_a_bmcs_event_is_about_the_host_of_the_address_the_context_or_where_it_calls_from(
    path: str, context: str, host: str
) -> None:
    site = Site()

    answer = await site.post(path, redfish(record("Power.1.0.PowerSupplyFailed"), Context=context))

    assert (answer.status, [event.resource for event in site.events]) == (200, [f"host/{host}"])


@pytest.mark.anyio
async def test_a_bmc_has_its_own_address_at_a_socket_for_both_families() -> None:
    site = Site()
    site.address = "::ffff:192.0.2.78"

    await site.post("/v1/formats/redfish/events", redfish(record("Power.1.0.FanFailed"), Context=""))

    assert [event.resource for event in site.events] == ["host/192.0.2.78"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("application/json;charset=utf-8;odata.metadata=minimal", 200),
        ('application/json; odata.streaming=true; charset="UTF-8"; IEEE754Compatible=true', 200),
        ("application/json;charset=iso-8859-1;odata.metadata=minimal", 415),
    ],
)
async def test_what_else_a_bmc_says_of_its_body_is_no_charset(given: str, status: int) -> None:
    answer = await Site().post(
        "/v1/redfish/c/events", redfish(record("Power.1.0.FanFailed")), **{"content-type": given}
    )

    assert answer.status == status


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"authorization": "Basic Ym1jOm5mdl9zM2NyZXQ="}, ("nfv_s3cret", None)),
        ({"authorization": "basic Ym1j"}, ("", None)),
        ({"authorization": "Basic ***"}, (None, "Basic ***")),
        ({"authorization": "Bearer nfv_x"}, (None, "Bearer nfv_x")),
        ({"authorization": "Basic Ym1jOng=", "x-auth-token": "nfv_y"}, ("nfv_y", "Basic Ym1jOng=")),
        ({}, (None, None)),
    ],
)
async def test_a_bmcs_password_is_its_token(headers: dict[str, str], shown: tuple[str | None, str | None]) -> None:
    site = Site()

    await site.post("/v1/formats/redfish/events", redfish(record("Power.1.0.FanFailed")), **headers)

    assert site.shown == [shown]
    assert len(site.events) == 1


@pytest.mark.anyio
async def test_a_context_that_all_bmcs_share_names_no_host() -> None:
    site = Site(dict(load_formats({"redfish": {"context_names_host": False}})))

    await site.post("/v1/formats/redfish/events", redfish(record("Power.1.0.FanFailed"), Context="nfvi"))

    assert [event.resource for event in site.events] == ["host/192.0.2.77"]


class Raises:
    name = "raises"

    def decode(self, body: bytes) -> Sequence[Item]:
        raise ValueError(body)


class Nonsense:
    name = "nonsense"

    def decode(self, body: bytes) -> Any:
        return [{"type": "compute.host.down"}]


@pytest.mark.anyio
@pytest.mark.parametrize("form", [Raises(), Nonsense()])
async def test_a_format_that_fails_is_said_and_counted_and_the_sender_may_try_again(form: Format) -> None:
    site = Site({form.name: form})

    with capture_logs() as logs:
        answer = await site.post(f"/v1/formats/{form.name}/events", {"secret": "s3cret"})

    assert (answer.status, answer.json["detail"]) == (500, f"the format {form.name} failed to read this")
    assert [(line["event"], line["door"]) for line in logs] == [("a format failed", form.name)]
    assert "s3cret" not in str(logs)
    assert (site.events, site.counts) == ([], [(form.name, "failed", 1)])


@pytest.mark.anyio
async def test_without_the_format_its_address_says_so() -> None:
    answer = await Site({}).post("/v1/redfish/compute-9/events", {})

    assert answer.status == 404


def test_the_settings_of_the_example_are_read() -> None:
    formats = load_formats(load(EXAMPLES / "nfvigil.toml").formats)

    _, events = take(formats["collectd"], [collectd_alert("FAILURE")])
    assert seen(events[0])[0] == "compute.host.nic.error"


def test_what_icingas_script_sends_is_an_event(tmp_path: Path) -> None:
    """With a service that is away at first, and then keeps what it is told."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    told: list[tuple[str, str | None, bytes]] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.path, self.headers.get("X-Auth-Token"), body))
            self.send_response(200 if len(told) > 1 else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=lambda: [server.handle_request() for _ in range(2)])
    thread.start()
    (tmp_path / "token").write_text("nfv_x\n")
    said = {"NOTIFICATIONTYPE": "PROBLEM", "HOSTNAME": "compute-1", "STATE": "DOWN", "OUTPUT": 'a "b"', "TIMET": "1"}
    said |= {"NFVIGIL_URL": f"http://127.0.0.1:{server.server_port}", "NFVIGIL_TOKEN_FILE": str(tmp_path / "token")}
    said["NFVIGIL_LOCK_DIR"] = str(tmp_path)

    done = subprocess.run([sys.executable, EXAMPLES / "icinga2-notify"], env=os.environ | said, timeout=30, check=False)
    thread.join(10)
    server.server_close()

    assert done.returncode == 0
    assert told[0] == told[1]
    (path, token, body) = told[0]
    assert (path, token) == ("/v1/formats/icinga2/events", "nfv_x")
    receipts, events = take(load_formats()["icinga2"], body)
    assert ([receipt.state for receipt in receipts], seen(events[0])[:3]) == (
        ["accepted"],
        ("icinga.host", "host/compute-1", "down"),
    )


def test_the_parameters_of_zabbixs_webhook_are_those_that_are_read() -> None:
    parameters = json.loads((EXAMPLES / "zabbix-parameters.json").read_text())
    macros = {name: value for name, value in parameters.items() if name not in ("url", "token")}

    assert all(re.fullmatch(r"\{[A-Z.]+\}", value) for value in macros.values())
    receipts, events = take(
        load_formats()["zabbix"], macros | {"event_value": "1", "event_id": "7", "host_host": "c-1"}
    )
    assert ([receipt.state for receipt in receipts], events[0].resource) == (["accepted"], "host/c-1")


def test_a_subscription_of_redfish_names_the_host() -> None:
    wish = json.loads((EXAMPLES / "redfish-subscription.json").read_text())

    _, events = take(load_formats()["redfish"], redfish(record("Power.1.0.FanFailed"), Context=wish["Context"]))

    assert events[0].resource == "host/compute-1"
    assert wish["Destination"].endswith("/v1/formats/redfish/events")
