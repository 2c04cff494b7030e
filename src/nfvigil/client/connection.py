"""One HTTP connection to a service that is kept open: asks, asks again where that is safe, and reads the answer."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nfvigil.client.access import Access
from nfvigil.client.address import address_of, query
from nfvigil.client.problems import BadAnswerError, NobodyThereError, error_of
from nfvigil.client.retrying import Retries, may_repeat
from nfvigil.errors import NfvigilError, RefusedError, UnavailableError, UnknownCallerError

VERSION = {"NFVigil-API-Version": "1"}
"""What we speak: a service that does not says so, rather than answering something else."""
PAGE = 1000
PAGES_MAX = 100_000
ANSWER_MAX_BYTES = 256 << 20
IDLE_SECONDS_MAX = 2.0
"""A connection that was idle for longer is not used again: the service may be closing it just now."""

_CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Which certificates are believed (True: the system's, False: any, or a file), and ours, if we need one."""

    verify: bool | str = True
    certificate: tuple[str, str | None] | None = None

    def context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.verify if isinstance(self.verify, str) else None)
            if self.verify is False:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate is not None:
                context.load_cert_chain(*self.certificate)
        except (OSError, ssl.SSLError) as error:
            raise RefusedError(f"the certificates cannot be read: {error}") from error
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered, whatever its status."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers.get("ETag") or ""

    def value(self) -> Any:
        """The body as JSON knows it; text as it is, None where it is empty."""
        if not self.body:
            return None
        if self.headers.get_content_type() == "text/plain":
            return self.body.decode("utf-8", "replace")
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise BadAnswerError(f"{self.url} did not answer with JSON: is that NFVigil?") from error


@dataclass(kw_only=True)
class Connection:
    """Use it from one thread, and close it."""

    url: str
    access: Access
    timeout_seconds: float
    retries: Retries
    trust: Trust = field(default_factory=Trust)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._address = address_of(self.url)
        self.url = self._address.url
        self._open: http.client.HTTPConnection | None = None
        self._context: ssl.SSLContext | None = None
        self._used = 0.0

    def close(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> Reply:
        """The answer; an error of ours where it is one. A status in ``accept`` is an answer like any other."""
        more = dict(headers or {})
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            more.setdefault("Content-Type", "application/json")
        again = may_repeat(method, more)
        is_renewed = False
        tried = 0
        while True:
            tried += 1
            try:
                reply = self._try(method, path + query(parameters), data, more)
                if 200 <= reply.status < 300 or reply.status in accept:
                    return reply
                raise error_of(self.url, reply.status, reply.headers.get("Retry-After", ""), reply.body)
            except UnknownCallerError:
                # A token ends before its time; who was not let in has done nothing, so it may ask once more.
                if is_renewed or not self.access.renew():
                    raise
                is_renewed, tried = True, tried - 1
            except NfvigilError as error:
                pause = self.retries.pause(error, tried=tried, may_repeat=again)
                if pause is None:
                    raise
                self.sleep(pause)

    def items(
        self, path: str, parameters: Mapping[str, Any] | None = None, *, limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """What a list holds, page by page to its end, or to the first ``limit``."""
        left = limit
        marker = (parameters or {}).get("marker")
        for _ in range(PAGES_MAX):
            size = PAGE if left is None else min(PAGE, left)
            items, following = self.page(path, {**(parameters or {}), "limit": size, "marker": marker})
            yield from items
            if left is not None:
                left -= len(items)
            if following is None or following == marker or (left is not None and left <= 0):
                return
            marker = following

    def page(self, path: str, parameters: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        """One page of a list, and the marker of the next."""
        page = self.ask("GET", path, parameters=parameters).value()
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise BadAnswerError(f"{self.url}{path} did not answer with a list: is that NFVigil?")
        return page["items"], page.get("next")

    def connect(self, timeout_seconds: float) -> http.client.HTTPConnection:
        """A connection of its own, for an answer that has no end."""
        address = self._address
        if not address.is_secure:
            return http.client.HTTPConnection(address.host, address.port, timeout=timeout_seconds)
        if self._context is None:
            self._context = self.trust.context()
        return http.client.HTTPSConnection(address.host, address.port, timeout=timeout_seconds, context=self._context)

    def target(self, path: str, parameters: Mapping[str, Any] | None = None) -> str:
        return self._address.base + path + query(parameters)

    def away(self, error: Exception, timeout_seconds: float) -> NfvigilError:
        """What went wrong below HTTP, as an error of ours."""
        if isinstance(error, TimeoutError):
            return UnavailableError(f"{self.url} did not answer within {timeout_seconds:g} s")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, ConnectionRefusedError):
            return NobodyThereError(f"{self.url} does not answer: {reason}")
        return UnavailableError(f"{self.url} does not answer: {reason}")

    def _try(self, method: str, target: str, data: bytes | None, more: Mapping[str, str]) -> Reply:
        headers = {"Accept": "application/json", **VERSION, **more, **self.access.headers(data or b"")}
        if self.clock() - self._used > IDLE_SECONDS_MAX:
            self.close()
        is_used = self._open is not None
        try:
            try:
                reply = self._exchange(method, target, data, headers)
            except _CLOSED:
                # It was closed under us after all; only what may be asked twice is.
                if not is_used or not may_repeat(method, headers):
                    raise
                self.close()
                reply = self._exchange(method, target, data, headers)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.close()
            raise self.away(error, self.timeout_seconds) from error
        self._used = self.clock()
        return reply

    def _exchange(self, method: str, target: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        if self._open is None:
            self._open = self.connect(self.timeout_seconds)
        self._open.request(method, self._address.base + target, body=data, headers=headers)
        answer = self._open.getresponse()
        text = answer.read(ANSWER_MAX_BYTES + 1)
        if len(text) > ANSWER_MAX_BYTES:
            self.close()
            raise BadAnswerError(f"{self.url} answered with more than {ANSWER_MAX_BYTES >> 20} MiB")
        return Reply(url=self.url + target, status=answer.status, headers=answer.headers, body=text)
