"""Talks to a running NFVigil over HTTP: small, synchronous, without anything beyond the standard library.

What the service answers comes back as plain JSON values; what it refuses is raised as our own errors, so that a caller
catches by what to do and not by numbers.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from nfvigil.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnknownCallerError,
)

PAGE = 1000
PAGES_MAX = 100_000
ANSWER_MAX_BYTES = 256 << 20
TIMEOUT_SECONDS = 30.0
IDLE_SECONDS_MAX = 2.0
"""A connection that was idle for longer is not used again: the service may be closing it just now."""

_REFUSED: dict[int, type[RefusedError]] = {
    401: UnknownCallerError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
}
_AWAY = frozenset({408, 425, 429, 502, 503, 504})


class BadAnswerError(NfvigilError):
    """What answered failed, or does not speak as NFVigil does."""


class Client:
    """One service, one connection that is kept open. Use it from one thread, and close it."""

    def __init__(self, *, url: str, token: str = "", timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self._secure, self._host, self._port, self._base = _address(self.url)
        if not token.isascii() or not token.isprintable() or " " in token:
            raise RefusedError("the token has characters that no token has")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        return self.ask("GET", path, parameters=parameters)

    def post(
        self,
        path: str,
        body: Any = None,
        parameters: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        return self.ask("POST", path, body=body, parameters=parameters, headers=headers)

    def put(self, path: str, body: Any = None) -> Any:
        return self.ask("PUT", path, body=body)

    def patch(self, path: str, body: Any) -> Any:
        return self.ask("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        return self.ask("DELETE", path)

    def items(
        self, path: str, parameters: Mapping[str, Any] | None = None, *, limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """What a list holds, page by page to its end, or to the first ``limit``."""
        left = limit
        marker = None
        for _ in range(PAGES_MAX):
            size = PAGE if left is None else min(PAGE, left)
            page = self.get(path, {**(parameters or {}), "limit": size, "marker": marker})
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise BadAnswerError(f"{self.url}{path} did not answer with a list: is that NFVigil?")
            yield from page["items"]
            if left is not None:
                left -= len(page["items"])
            following = page.get("next")
            if following is None or following == marker or (left is not None and left <= 0):
                return
            marker = following

    def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> Any:
        """The answer as JSON knows it; None where it is empty. A status in ``accept`` is an answer like any other."""
        status, answered, text = self._send(method, path + _query(parameters), body, headers or {})
        if 200 <= status < 300 or status in accept:
            return self._read(path, answered, text)
        raise self._error(status, answered, text)

    def _send(
        self, method: str, target: str, body: Any, more: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {"Accept": "application/json", **more}
        if self._token:
            headers["X-Auth-Token"] = self._token
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if time.monotonic() - self._used > IDLE_SECONDS_MAX:
            self.close()
        is_used = self._connection is not None
        try:
            try:
                answer = self._exchange(method, target, data, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # It was closed under us after all; only a question is asked twice.
                if not is_used or method != "GET":
                    raise
                self.close()
                answer = self._exchange(method, target, data, headers)
        except TimeoutError as error:
            self.close()
            raise UnavailableError(f"{self.url} did not answer within {self._timeout_seconds:g} s") from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.close()
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnavailableError(f"{self.url} does not answer: {reason}") from error
        self._used = time.monotonic()
        return answer

    def _exchange(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, self._port, timeout=self._timeout_seconds)
        self._connection.request(method, self._base + target, body=data, headers=headers)
        answer = self._connection.getresponse()
        text = answer.read(ANSWER_MAX_BYTES + 1)
        if len(text) > ANSWER_MAX_BYTES:
            self.close()
            raise BadAnswerError(f"{self.url} answered with more than {ANSWER_MAX_BYTES >> 20} MiB")
        return answer.status, answer.headers, text

    def _read(self, path: str, headers: http.client.HTTPMessage, text: bytes) -> Any:
        if not text:
            return None
        if headers.get_content_type() == "text/plain":
            return text.decode("utf-8", "replace")
        try:
            return json.loads(text)
        except ValueError as error:
            raise BadAnswerError(f"{self.url}{path} did not answer with JSON: is that NFVigil?") from error

    def _error(self, status: int, headers: http.client.HTTPMessage, text: bytes) -> NfvigilError:
        message, errors = _problem(text)
        message = message or f"{self.url} answered {status} {http.client.responses.get(status, '')}".rstrip()
        if status in _AWAY:
            after = headers.get("Retry-After", "")
            return UnavailableError(message, float(after) if after.isdecimal() else 1.0)
        if 400 <= status < 500:
            return _REFUSED.get(status, RefusedError)(message, errors)
        if 300 <= status < 400:
            return RefusedError(f"{self.url} leads elsewhere ({status}); redirects are not followed")
        return BadAnswerError(message)


def _address(url: str) -> tuple[bool, str, int | None, str]:
    """Whether it is https, host, port and the path before ours."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError("the address is wrong", [FieldError("url", str(error))]) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise RefusedError("the address is wrong", [FieldError("url", "must be such as http://127.0.0.1:12345")])
    if parts.username is not None:
        raise RefusedError("the address is wrong", [FieldError("url", "must hold no user and password")])
    return parts.scheme == "https", parts.hostname, port, parts.path


def _query(parameters: Mapping[str, Any] | None) -> str:
    """What is None is left out, a list is repeated."""
    pairs = [
        (name, str(one).lower() if isinstance(one, bool) else str(one))
        for name, value in (parameters or {}).items()
        for one in (value if isinstance(value, list | tuple) else (value,))
        if one is not None
    ]
    return "?" + urlencode(pairs) if pairs else ""


def _problem(text: bytes) -> tuple[str, list[FieldError]]:
    """Detail and errors of a problem+json (RFC 9457), as far as there are any."""
    try:
        body = json.loads(text)
    except ValueError:
        return "", []
    if not isinstance(body, dict):
        return "", []
    given = body.get("errors")
    errors = [
        FieldError(str(one.get("field", "")), str(one.get("reason", "")), int(one.get("line") or 0))
        for one in (given if isinstance(given, list) else [])
        if isinstance(one, dict)
    ]
    return str(body.get("detail") or body.get("title") or ""), errors
