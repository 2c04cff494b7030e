"""The HTTP client against endpoints that behave, and those that do not."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from notifier_players import Consumer, Request, Script, answer, hang, http_poster

from nfvigil.errors import RefusedError, SettingsError, UnavailableError
from nfvigil.model.subscription import EndpointTls
from nfvigil.notifier.poster import HttpPoster, encode_headers, target_of
from nfvigil.notifier.resolver import Resolver
from nfvigil.notifier.safety import Safety
from nfvigil.notifier.tls import Contexts, context_of

pytestmark = pytest.mark.anyio


def raw(data: bytes, *, then_close: bool = False) -> Script:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if then_close:
            await writer.drain()
            writer.close()

    return script


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("http://a.example", b"POST / HTTP/1.1\r\nHost: a.example\r\n"),
        ("https://a.example:443/x?y=z", b"POST /x?y=z HTTP/1.1\r\nHost: a.example\r\n"),
        ("http://a.example:8080/%20x", b"POST /%20x HTTP/1.1\r\nHost: a.example:8080\r\n"),
        ("http://[2001:db8::1]:8080/", b"POST / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n"),
        ("http://bücher.example/ü", b"POST /%C3%BC HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n"),
    ],
)
def test_a_url_becomes_the_head_of_a_request(url: str, start: bytes) -> None:
    assert target_of(url, {}).head.startswith(start)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rX: y", "a\0b"])
def test_a_header_cannot_smuggle_another(value: str) -> None:
    with pytest.raises(RefusedError):
        encode_headers({"X-Auth-Token": value})


@pytest.mark.parametrize(
    ("script", "status", "connections"),
    [
        pytest.param(answer(200, body=b"thanks"), 200, 1, id="with a length"),
        pytest.param(answer(204), 204, 1, id="empty"),
        pytest.param(raw(CHUNKED), 200, 1, id="in chunks"),
        pytest.param(raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"), 201, 1,
                     id="after a 100"),
        pytest.param(answer(200, "Connection: close"), 200, 2, id="that closes"),
        pytest.param(raw(b"HTTP/1.0 200 OK\r\n\r\nuntil the end", then_close=True), 200, 2, id="until the end"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut off", then_close=True), 200, 2,
                     id="cut off behind its status"),
        pytest.param(answer(200, body=b"x" * 200_000), 200, 2, id="too long is not read to its end"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\n\r\n"), 200, 2,
                     id="with a second one that nobody asked for"),
    ],
)  # fmt: skip
async def test_an_answer_counts_by_its_status(script: Script, status: int, connections: int) -> None:
    poster = http_poster()
    async with Consumer({"*": script}).running() as consumer:
        target = target_of(consumer.url(), {"User-Agent": "t"})

        statuses = [(await poster.post(target, {"A": "b"}, b"{}", 2.0)).status for _ in range(2)]
        await poster.close()

    assert statuses == [status, status]
    assert consumer.connections == connections
    assert [(r.body, r.headers["a"], r.headers["user-agent"]) for r in consumer.received] == [(b"{}", "b", "t")] * 2


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw(b"SSH-2.0-OpenSSH\r\n"), "not HTTP"),
        (raw(b"", then_close=True), "without an answer"),
        (raw(b"HTTP/1.1 200", then_close=True), "middle"),
        (raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), "another protocol"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 80_000), "headers exceed"),
        (hang, "no answer within 0.2 s"),
    ],
)
async def test_what_is_no_answer_is_away(script: Script, reason: str) -> None:
    poster = http_poster()
    async with Consumer({"*": script}).running() as consumer:
        with pytest.raises(UnavailableError, match=reason):
            await poster.post(target_of(consumer.url(), {}), {}, b"{}", 0.2 if script is hang else 2.0)
        await poster.close()


async def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    poster = http_poster()
    consumer = Consumer({"*": answer(200)})
    async with consumer.running():
        target = target_of(consumer.url(), {})
        await poster.post(target, {}, b"1", 2.0)
    async with consumer.running():
        again = await poster.post(target, {}, b"2", 2.0)
        await poster.close()

    assert again.status == 200
    assert [request.body for request in consumer.received] == [b"1", b"2"]


async def test_a_connection_that_closes_on_the_next_request_is_tried_once_more() -> None:
    poster = http_poster()
    async with Consumer({"*": [answer(200), raw(b"", then_close=True), answer(200)]}).running() as consumer:
        target = target_of(consumer.url(), {})
        await poster.post(target, {}, b"1", 2.0)
        again = await poster.post(target, {}, b"2", 2.0)
        await poster.close()

    assert again.status == 200
    assert [request.body for request in consumer.received] == [b"1", b"2", b"2"]


async def test_nothing_is_sent_to_a_name_that_leads_to_a_forbidden_address() -> None:
    safety = Safety(allow_loopback=False)
    poster = HttpPoster(resolver=Resolver(safety=safety, look_up=lambda host: ["127.0.0.1"]))
    async with Consumer().running() as consumer:
        url = consumer.url().replace("127.0.0.1", "innocent.example")
        with pytest.raises(RefusedError, match="loopback"):
            await poster.post(target_of(url, {}), {}, b"{}", 2.0)
        await poster.close()

    assert consumer.connections == 0


async def test_the_next_address_is_tried_where_one_refuses() -> None:
    safety = Safety(allow_loopback=True)
    poster = HttpPoster(resolver=Resolver(safety=safety, look_up=lambda host: ["::1", "127.0.0.1"]))
    async with Consumer().running() as consumer:
        url = consumer.url().replace("127.0.0.1", "two.example")
        got = await poster.post(target_of(url, {}), {}, b"{}", 2.0)
        await poster.close()

    assert got.status == 204


async def test_no_more_connections_than_allowed_to_one_host() -> None:
    poster = HttpPoster(resolver=Resolver(safety=Safety(allow_loopback=True)), host_limit=3)
    async with Consumer().running() as consumer:
        target = target_of(consumer.url(), {})
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(poster.post(target, {}, b"{}", 2.0))
        await poster.close()

    assert len(consumer.received) == 20
    assert consumer.connections <= 3


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted() -> None:
    poster = http_poster()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 this is not TLS\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(UnavailableError, match="cannot connect"):
            await poster.post(target_of(f"https://127.0.0.1:{port}/", {}), {}, b"{}", 2.0)
    await poster.close()
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for vnfm.example by nobody but itself, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    file = tmp_path / "both.pem"
    key, own = tmp_path / "key.pem", tmp_path / "own.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", key, "-out", own, "-days", "2", "-subj", "/CN=vnfm.example"),
            *("-addext", "subjectAltName=DNS:vnfm.example"),
        ],
        check=True,
        capture_output=True,
    )
    file.write_text(key.read_text() + own.read_text())
    return file


async def test_tls_is_spoken_with_whom_a_given_authority_vouches_for_and_under_its_name_only(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    resolver = Resolver(safety=Safety(allow_loopback=True), look_up=lambda host: ["127.0.0.1"])
    trusting = HttpPoster(resolver=resolver, ca_file=str(certificate))
    async with Consumer(tls=context).running() as consumer:
        statuses = []
        for body in (b"1", b"2"):
            url = f"https://vnfm.example:{consumer.port}/"
            statuses.append((await trusting.post(target_of(url, {}), {}, body, 2.0)).status)
        with pytest.raises(UnavailableError, match="cannot connect"):
            await trusting.post(target_of(f"https://other.example:{consumer.port}/", {}), {}, b"3", 2.0)
        await trusting.close()

    assert statuses == [204, 204]
    assert [request.body for request in consumer.received] == [b"1", b"2"]


def test_a_missing_certificate_file_is_said_at_the_start() -> None:
    with pytest.raises(SettingsError, match="cannot read the certificates"):
        HttpPoster(resolver=Resolver(safety=Safety()), ca_file="/nowhere.pem")


async def test_idle_connections_are_closed_after_a_while() -> None:
    poster = HttpPoster(resolver=Resolver(safety=Safety(allow_loopback=True)), idle_seconds=0.05)
    async with Consumer().running() as consumer:
        target = target_of(consumer.url(), {})
        await poster.post(target, {}, b"1", 2.0)
        await asyncio.sleep(0.2)
        await poster.post(target, {}, b"2", 2.0)
        await poster.close()

    assert consumer.connections == 2


def _authority(folder: Path) -> dict[str, Path]:
    """A certificate authority, and a certificate of a consumer's and of ours that it vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificates")

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    for name in ("collector", "agent"):
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}.example\n")
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}.example")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext"),
        )
    openssl("ec", "-in", "agent.key", "-out", "agent.locked", "-aes128", "-passout", "pass:secret")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: path.read_text() for name, path in _authority(tmp_path_factory.mktemp("authority")).items()}


async def test_an_endpoint_that_asks_for_a_certificate_gets_its_own_one(
    authority: dict[str, str], tmp_path: Path
) -> None:
    for name in ("ca.pem", "collector.pem", "collector.key"):
        (tmp_path / name).write_text(authority[name])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "collector.pem", tmp_path / "collector.key")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    poster = HttpPoster(resolver=Resolver(safety=Safety(allow_loopback=True), look_up=lambda host: ["127.0.0.1"]))
    ours = EndpointTls(ca=authority["ca.pem"], certificate=authority["agent.pem"], key=authority["agent.key"])
    without = EndpointTls(ca=authority["ca.pem"])
    async with Consumer(tls=context).running() as consumer:
        url = f"https://collector.example:{consumer.port}/"

        status = (await poster.post(target_of(url, {}, tls=ours), {}, b"1", 2.0)).status
        with pytest.raises(UnavailableError):
            # It comes without a certificate, and must not borrow the other's connection, which is open.
            await poster.post(target_of(url, {}, tls=without), {}, b"2", 2.0)
        with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            await poster.post(target_of(url, {}), {}, b"3", 2.0)
        again = (await poster.post(target_of(url, {}, tls=ours), {}, b"4", 2.0)).status
        await poster.close()

    assert (status, again) == (204, 204)


@pytest.mark.parametrize(
    ("ca", "certificate", "key", "field"),
    [
        pytest.param("no PEM", "", "", "ca", id="the authority"),
        pytest.param("", "agent.pem", "", "key", id="no key"),
        pytest.param("", "", "agent.key", "certificate", id="no certificate"),
        pytest.param("", "agent.pem", "collector.key", "key", id="another's key"),
        pytest.param("", "agent.pem", "agent.locked", "key", id="a key with a passphrase"),
        pytest.param("", "no PEM", "agent.key", "certificate", id="the certificate"),
        pytest.param("", "agent.pem", "no PEM", "certificate", id="no PEM for a key"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_by_field(
    authority: dict[str, str], ca: str, certificate: str, key: str, field: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        context_of(
            EndpointTls(
                ca=authority.get(ca, ca),
                certificate=authority.get(certificate, certificate),
                key=authority.get(key, key),
            )
        )

    assert [error.field for error in caught.value.errors] == [field]
    assert "PRIVATE" not in str(caught.value)


def test_contexts_are_kept_and_bounded(authority: dict[str, str]) -> None:
    contexts = Contexts(kept_max=2)
    both = EndpointTls(ca=authority["ca.pem"])
    first = contexts.of(both)
    contexts.of(EndpointTls(ca=authority["agent.pem"]))

    assert contexts.of(both) is first
    contexts.of(EndpointTls(ca=authority["collector.pem"]))
    assert contexts.of(both) is first
    assert len(contexts) == 2


def test_a_path_is_put_behind_the_urls_own() -> None:
    plain = target_of("http://c.example/eventListener/v7", {}, path="/eventBatch")
    slash = target_of("http://c.example/eventListener/v7/?a=b", {}, path="/eventBatch")

    assert plain.head.startswith(b"POST /eventListener/v7/eventBatch HTTP/1.1\r\n")
    assert slash.head.startswith(b"POST /eventListener/v7/eventBatch?a=b HTTP/1.1\r\n")
