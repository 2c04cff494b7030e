"""A VES collector to try things out with: takes events as ONAP's does, remembers them, and fails when told to.

It answers in a thread for each connection, so that tests and people can use it from wherever they are.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, NamedTuple, Self

from nfvigil.ves.reception import Problem, Schemas, error_body, events_in, place_of

BODY_MAX_BYTES = 2 << 20
RECEIVED_MAX = 100_000
"""So many requests are remembered; the oldest is forgotten."""
ACCEPTED = 202
LINGER_SECONDS = 1.0


class Tls(NamedTuple):
    """Files in PEM. With ``client_ca_file`` a client must show a certificate of that authority."""

    cert_file: str
    key_file: str
    client_ca_file: str = ""


class Received(NamedTuple):
    """One request, and what it was answered."""

    at_us: int
    path: str
    version: str
    is_batch: bool
    status: int
    events: tuple[dict[str, Any], ...]
    """Empty where it was not understood."""
    error: str = ""


class Collector:
    """Listens from ``start`` to ``stop``, or as a context manager."""

    def __init__(
        self,
        *,
        schemas: Schemas | None = None,
        username: str = "",
        password: str = "",
        tls: Tls | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        on_request: Callable[[Received], None] | None = None,
    ) -> None:
        self._schemas = schemas
        login = b64encode(f"{username}:{password}".encode()).decode()
        self._authorization = f"Basic {login}" if username else ""
        self._tls = tls
        self._address = (host, port)
        self._on_request = on_request
        self._server: _Server | None = None
        self._news = threading.Condition()
        self._faults = _Faults()
        self.received: list[Received] = []

    def start(self) -> Self:
        context = None if self._tls is None else _context(self._tls)
        self._server = _Server(self._address, _door(self))
        if context is not None:
            # The handshake is left to the connection's thread: one that never makes it holds up nobody.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._address = (self._address[0], self.port)  # started again, it is where it was
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1]) if self._server is not None else self._address[1]

    def url(self, version: str = "v7", *, prefix: str = "", topic: str = "") -> str:
        """The address for clients."""
        scheme = "https" if self._tls is not None else "http"
        host = self._address[0]
        return f"{scheme}://{host}:{self.port}{prefix}/eventListener/{version}{f'/{topic}' if topic else ''}"

    # What came

    @property
    def events(self) -> list[dict[str, Any]]:
        """Those that were accepted, in the order of their arrival; what came twice is in it twice."""
        with self._news:
            return [event for one in self.received if one.status == ACCEPTED for event in one.events]

    @property
    def refused(self) -> list[Received]:
        with self._news:
            return [one for one in self.received if one.status != ACCEPTED]

    def alarms(self) -> dict[str, dict[str, Any]]:
        """What stands, by the id: of each, the event with the highest sequence, unless that one clears it."""
        last: dict[str, dict[str, Any]] = {}
        for event in self.events:
            header = event["commonEventHeader"]
            known = last.get(header["eventId"])
            if "faultFields" in event and (
                known is None or known["commonEventHeader"]["sequence"] <= header["sequence"]
            ):
                last[header["eventId"]] = event
        return {key: event for key, event in last.items() if event["faultFields"]["eventSeverity"] != "NORMAL"}

    def wait_for(self, number: int, seconds: float = 10.0) -> bool:
        """Until so many events were accepted; False when the time was over first."""
        return self.wait(lambda: len(self.events) >= number, seconds)

    def wait(self, until: Callable[[], bool], seconds: float = 10.0) -> bool:
        with self._news:
            return self._news.wait_for(until, seconds)

    # How it behaves from now on

    def fail(self, status: int = 503, *, times: int | None = None, seconds: float | None = None) -> None:
        """Answer so: ``times``, for ``seconds``, or until ``heal``."""
        until = None if seconds is None else time.monotonic() + seconds
        self._faults = _Faults(status=status, times=times, until=until, delay=self._faults.delay)

    def fail_some(self, share: float, *, status: int = 503, seed: int = 0) -> None:
        """Fail this share of the requests, by chance; the same seed fails the same ones."""
        self._faults = _Faults(status=status, share=share, chance=Random(seed), delay=self._faults.delay)  # noqa: S311

    def lose_answers(self, times: int) -> None:
        """Take what comes, and close the connection instead of answering: the sender cannot know."""
        self._faults = _Faults(status=0, times=times, delay=self._faults.delay)

    def delay(self, seconds: float) -> None:
        """Take so long for every answer."""
        self._faults.delay = seconds

    def heal(self) -> None:
        """Behave again."""
        self._faults = _Faults()

    # What its door calls

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, bytes]:
        """The status, 0 for none, and the answer's body."""
        faults = self._faults
        if faults.delay:
            time.sleep(faults.delay)
        failure = faults.next()
        status, error = ACCEPTED, ""
        events: tuple[dict[str, Any], ...] = ()
        place = place_of(path)
        try:
            if failure:
                raise Problem(failure, "SVC1000", "the collector was told to fail")
            if self._authorization and authorization != self._authorization:
                raise Problem(401, "POL2000", "the user or the password is wrong")
            if place is None:
                raise Problem(404, "SVC0001", f"nothing listens at {path}")
            events = events_in(body, place, self._schemas)
        except Problem as problem:
            status, error = problem.status, str(problem)
            answer = error_body(problem)
        else:
            answer = b"Accepted"
        version = place.version if place is not None else ""
        is_batch = place is not None and place.is_batch
        self._note(Received(time.time_ns() // 1000, path, version, is_batch, status, events, error))
        return (0 if failure == 0 else status), answer

    def _note(self, received: Received) -> None:
        with self._news:
            self.received.append(received)
            del self.received[:-RECEIVED_MAX]
            self._news.notify_all()
        if self._on_request is not None:
            self._on_request(received)


class _Faults:
    """How it misbehaves."""

    def __init__(
        self,
        *,
        status: int | None = None,
        times: int | None = None,
        until: float | None = None,
        share: float = 1.0,
        chance: Random | None = None,
        delay: float = 0.0,
    ) -> None:
        self._status = status
        self._times = times
        self._until = until
        self._share = share
        self._chance = chance
        self._lock = threading.Lock()
        self.delay = delay

    def next(self) -> int | None:
        """The status to fail the next request with, 0 for no answer, None to answer it as it should."""
        with self._lock:
            if self._status is None or self._times == 0:
                return None
            if self._until is not None and time.monotonic() >= self._until:
                return None
            if self._chance is not None and self._chance.random() >= self._share:
                return None
            if self._times is not None:
                self._times -= 1
            return self._status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self._open: set[Any] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Connections that are kept alive would be served by a collector that is away."""
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.cert_file, tls.key_file)
    if tls.client_ca_file:
        context.load_verify_locations(tls.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _part(connection: socket.socket) -> None:
    """Say that TLS failed, and hear the client out: closed at once, it would see a broken connection instead."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(LINGER_SECONDS)
        while connection.recv(1 << 16):
            pass


def _door(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
                self.close_connection = True
                self._say(413 if length.isdecimal() else 411, b"")
                return
            body = self.rfile.read(int(length))
            status, answer = collector.answer(self.path, self.headers.get("Authorization", ""), body)
            if status == 0:
                self.close_connection = True
                return
            self._say(status, answer)

        def do_GET(self) -> None:
            self._say(200 if self.path == "/healthcheck" else 404, b"")

        def _say(self, status: int, answer: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if answer.startswith(b"{") else "text/plain")
            self.send_header("Content-Length", str(len(answer)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="VES"')
            self.end_headers()
            self.wfile.write(answer)

        def handle(self) -> None:
            try:
                if isinstance(self.connection, ssl.SSLSocket):
                    self.connection.do_handshake()
                super().handle()
            except OSError:  # TLS failed, or the client went away
                _part(self.connection)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing: who wants to know what came is told by the collector."""

    return Door
