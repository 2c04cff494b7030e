"""Calls to OpenStack: what is tried again, what an error means, and that nobody is asked in vain."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cloud_player import CloudPlayer, IdentityPlayer, raising

from nfvigil.controller.vims.openstack import client as client_module
from nfvigil.controller.vims.openstack import transport as transport_module
from nfvigil.controller.vims.openstack.client import Client
from nfvigil.controller.vims.openstack.refusals import reason_of, retry_after_seconds
from nfvigil.controller.vims.openstack.transport import AiohttpTransport, Answer, NotConnectedError
from nfvigil.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError, VimUnavailableError

pytestmark = pytest.mark.anyio


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def client_of(cloud: Any, identity: IdentityPlayer | None = None, timeout_seconds: float = 5.0) -> Client:
    return Client(
        name="lab",
        identity=identity or IdentityPlayer(),
        transport=cloud,
        timeout_seconds=timeout_seconds,
        sleep=at_once,
        new_id=lambda: "req-ours",
    )


def answering(status: int, value: Any, **headers: str) -> Callable[[], Answer]:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda: Answer(status=status, headers={"x-openstack-request-id": "req-theirs"} | named, body=body)


@pytest.mark.parametrize(
    ("status", "value", "error", "text"),
    [
        (400, {"badRequest": {"code": 400, "message": "No such thing"}}, RefusedError, "400 No such thing"),
        (403, {"forbidden": {"code": 403, "message": "Policy"}}, ForbiddenError, "403 Policy"),
        (404, {"itemNotFound": {"code": 404, "message": "gone"}}, NotFoundError, "404 gone"),
        (404, {"NeutronError": {"type": "PortNotFound", "message": "gone"}}, NotFoundError, "gone"),
        (404, {"NeutronError": {"type": "HTTPNotFound", "message": "path"}}, VimUnavailableError, "path"),
        (404, b"<html><h1>Not here</h1></html>", VimUnavailableError, "404 Not here"),
        (404, [], VimUnavailableError, "404"),
        (409, {"conflictingRequest": {"code": 409, "message": "busy"}}, ConflictError, "409 busy"),
        (413, {"overLimit": {"message": "too much"}}, RefusedError, "413 too much"),
        (500, {"computeFault": {"message": "oops"}}, VimUnavailableError, "500 oops"),
        (302, b"", RefusedError, "302"),
        (408, b"", VimUnavailableError, "408"),
    ],
)
async def test_an_error_says_what_to_do(status: int, value: Any, error: type[Exception], text: str) -> None:
    cloud = CloudPlayer()
    cloud.faults["POST /x"] = [answering(status, value)]

    with pytest.raises(error, match=text) as raised:
        await client_of(cloud).call("compute", "POST", "/x")

    assert type(raised.value) is error
    assert "req-theirs" in str(raised.value)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "0.5"}, 0.5),
        (503, {}, 1.0),
        (503, {"retry-after": "soon"}, 1.0),
        (503, {"retry-after": "nan"}, 1.0),
        (503, {"retry-after": "-3"}, 0.0),
        (503, {"retry-after": "100000"}, 300.0),
        (413, {"retry-after": "2"}, 2.0),
        (503, {"retry-after": "Fri, 15 Jan 2027 08:00:09 GMT", "date": "Fri, 15 Jan 2027 08:00:00 GMT"}, 9.0),
        (503, {"retry-after": "Fri, 15 Jan 2027 08:00:09 GMT"}, 1.0),
    ],
)
async def test_whoever_asks_for_patience_gets_it(status: int, headers: Mapping[str, str], seconds: float) -> None:
    cloud = CloudPlayer()
    cloud.faults["POST /x"] = [lambda: Answer(status=status, headers=headers, body=b"{}")]

    with pytest.raises(VimUnavailableError) as raised:
        await client_of(cloud).call("compute", "POST", "/x")

    assert raised.value.retry_after_seconds == seconds


async def test_a_token_is_renewed_once_when_it_is_refused() -> None:
    cloud, identity = CloudPlayer(), IdentityPlayer()
    cloud.tokens = {"token-2"}

    await client_of(cloud, identity).call("compute", "GET", "/servers/s1")

    assert identity.logins == 2
    cloud.tokens = set()
    with pytest.raises(VimUnavailableError, match="401"):
        await client_of(cloud, identity).call("compute", "GET", "/servers/s1")
    assert identity.logins == 3


@pytest.mark.parametrize(
    ("method", "error", "tries"),
    [
        ("GET", ConnectionResetError("cut"), 3),
        ("GET", NotConnectedError("nobody listens"), 3),
        ("GET", TimeoutError(), 1),
        ("POST", ConnectionResetError("cut"), 1),
        ("PUT", ConnectionResetError("cut"), 1),
        ("POST", NotConnectedError("nobody listens"), 3),
    ],
)
async def test_only_what_is_safe_is_tried_again(method: str, error: Exception, tries: int) -> None:
    cloud = CloudPlayer()
    cloud.faults[f"{method} /x"] = [raising(error)] * 9

    with pytest.raises(VimUnavailableError) as raised:
        await client_of(cloud).call("compute", method, "/x")

    assert cloud.called(f"{method} /x") == tries
    assert "req-ours" in str(raised.value)


async def test_a_get_that_works_the_second_time_is_fine() -> None:
    cloud = CloudPlayer()
    cloud.faults["GET /servers/s1"] = [raising(ConnectionResetError())]

    assert (await client_of(cloud).call("compute", "GET", "/servers/s1")).status == 200


async def test_every_call_has_a_time_limit() -> None:
    async def never(*_: Any) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(VimUnavailableError, match=r"no answer within 0\.01 s"):
        await client_of(never, timeout_seconds=0.01).call("compute", "GET", "/x")


async def test_an_endpoint_that_fails_is_left_in_peace_and_others_are_not() -> None:
    cloud = CloudPlayer()
    cloud.faults["GET /x"] = [answering(503, {})] * 9
    client = client_of(cloud)
    for _ in range(5):
        with pytest.raises(VimUnavailableError, match="503"):
            await client.call("compute", "GET", "/x")

    with pytest.raises(VimUnavailableError, match="not asked, it has not answered several times in a row") as left:
        await client.call("compute", "GET", "/servers/s1")

    assert 0 < left.value.retry_after_seconds <= 1.0
    assert cloud.called("GET /x") == 5
    await client.call("network", "GET", "/v2.0/ports/p-s1")


async def test_one_request_that_a_service_fails_at_does_not_close_it_to_others() -> None:
    cloud = CloudPlayer()
    cloud.faults["GET /x"] = [answering(500, {})] * 9
    client = client_of(cloud)
    for _ in range(9):
        with pytest.raises(VimUnavailableError, match="500"):
            await client.call("compute", "GET", "/x")

    await client.call("compute", "GET", "/servers/s1")


async def test_a_call_that_we_give_up_counts_for_nothing() -> None:
    cloud = CloudPlayer()
    cloud.faults["GET /x"] = [raising(asyncio.CancelledError())] * 9
    client = client_of(cloud)

    for _ in range(9):
        with pytest.raises(asyncio.CancelledError):
            await client.call("compute", "GET", "/x")

    await client.call("compute", "GET", "/servers/s1")


async def test_addresses_that_come_and_go_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "BREAKERS_MAX", 1)
    client = client_of(CloudPlayer())

    for path in ("/servers/s1", "/servers/s2"):
        await client.call("compute", "GET", path)
        await client.call("network", "GET", "/v2.0/ports/p-s1")

    assert len(client._breakers) == 1
    assert (await client.login()).user == "admin"


async def test_a_service_that_the_catalogue_lacks_is_named() -> None:
    client = client_of(CloudPlayer(), IdentityPlayer(endpoints={"compute": "http://cloud/compute/v2.1"}))

    with pytest.raises(RefusedError, match="no network endpoint"):
        await client.call("network", "GET", "/v2.0/ports")
    assert not await client.has("network")


async def test_a_call_says_who_asks_and_in_which_version() -> None:
    cloud = CloudPlayer()

    await client_of(cloud).call("compute", "GET", "/servers/s1", version="2.47")

    sent = cloud.headers[-1]
    assert sent["OpenStack-API-Version"] == "compute 2.47"
    assert (sent["X-Auth-Token"], sent["X-OpenStack-Request-Id"]) == ("token-1", "req-ours")


def test_an_endpoint_of_neutron_with_or_without_its_version_is_the_same() -> None:
    for endpoint in ("http://cloud/network", "http://cloud/network/v2.0"):
        cloud = CloudPlayer()
        client = client_of(cloud, IdentityPlayer(endpoints={"network": endpoint}))

        asyncio.run(client.call("network", "GET", "/v2.0/ports/p-s1"))

        assert cloud.called("GET /ports/p-s1") == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": {"message": "said"}}', "said"),
        (b'{"a": {"b": {"c": {"d": {"message": "too deep"}}}}}', '{"a": {"b": {"c": {"d": {"message": "too deep"}}}}}'),
        (b'{"a": 1, "b": {"message": "said"}}', "said"),
        (b"<h1>Bad</h1>\n<p>Gateway</p>", "Bad Gateway"),
        (b"", ""),
        (b"x" * 9000, "x" * 500),
    ],
)
def test_the_sentence_is_found_however_it_is_wrapped(body: bytes, reason: str) -> None:
    assert reason_of(Answer(status=500, headers={}, body=body)) == reason


def test_a_date_that_is_none_is_none() -> None:
    assert Answer(status=200, headers={"date": "yesterday"}, body=b"").date_us is None
    assert Answer(status=200, headers={}, body=b"").date_us is None
    assert retry_after_seconds(Answer(status=503, headers={}, body=b"")) == 1.0


class TestOverSockets:
    """The transport that has them, against a server on loopback."""

    async def test_it_brings_the_answer_and_no_more_than_is_allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def hello(request: web.Request) -> web.StreamResponse:
            if request.path == "/long":
                return web.Response(body=b"x" * 100)
            if request.path == "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                for _ in range(100):
                    await response.write(b"x" * 10)
                return response
            if request.path == "/cut":
                response = web.StreamResponse(headers={"Content-Length": "50"})
                await response.prepare(request)
                await response.write(b"x")
                assert request.transport is not None
                request.transport.abort()
                return response
            return web.Response(body=await request.read(), headers={"X-Openstack-Request-Id": "req-1"})

        monkeypatch.setattr(transport_module, "ANSWER_MAX_BYTES", 64)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        transport = AiohttpTransport(tls=lambda: True)
        try:
            answer = await transport("POST", f"http://127.0.0.1:{port}/echo", {}, b"hello")
            assert (answer.status, answer.body, answer.request_id) == (200, b"hello", "req-1")
            for path in ("long", "endless"):
                with pytest.raises(OSError, match="64"):
                    await transport("GET", f"http://127.0.0.1:{port}/{path}", {}, None)
            with pytest.raises(ConnectionError):
                await transport("POST", f"http://127.0.0.1:{port}/cut", {}, None)
        finally:
            await transport.close()
            await runner.cleanup()
        nobody = AiohttpTransport(tls=lambda: ssl.create_default_context())
        with pytest.raises(NotConnectedError):
            await nobody("GET", f"http://127.0.0.1:{port}/echo", {}, None)
        await nobody.close()
        await nobody.close()
