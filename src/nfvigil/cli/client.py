"""Asks the service over HTTP: one connection that is kept open, answers as JSON, errors by what to do about them."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from nfvigil import __version__
from nfvigil.errors import FieldError, NfvigilError, RefusedError

PAGE = 1000
ANSWER_BYTES_MAX = 256 << 20
IDLE_SECONDS_MAX = 2.0
"""The service closes what is idle for some seconds; what was sent into a closing connection may be lost."""


class UnreachableError(NfvigilError):
    """No answer came, or none of an NFVigil: nobody listens there, it took too long, the connection broke."""


Unreachable = UnreachableError


class ApiError(NfvigilError):
    """The service answered that it will not. ``problem`` is its problem+json, or {} where it sent none."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        said = str(problem.get("detail") or problem.get("title") or f"the service answered {status}")
        super().__init__(said)
        self.status = status
        self.problem = problem
        self.message = said

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Every field that is wrong, and why."""
        found = self.problem.get("errors")
        return tuple(
            FieldError(str(one.get("field", "")), str(one.get("reason", "")), int(one.get("line") or 0))
            for one in (found if isinstance(found, list) else ())
            if isinstance(one, dict)
        )


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body; None where there is none."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise UnreachableError("the answer is no JSON: is that address an NFVigil service?") from error


def place(*parts: str) -> str:
    """A path from its parts, each of which may hold anything."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Client:
    """For one thread at a time. Paths begin with a slash; parameters that are None are left out, lists repeated."""

    def __init__(self, url: str, token: str | None = None, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._connection, self._base = _connection(self.url, timeout)
        self._headers = {"Accept": "application/json", "User-Agent": f"nfvigil/{__version__}"}
        if token:
            self._headers["X-Auth-Token"] = token
        self._used = 0.0

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, query=query).json()

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.ask("POST", path, body, query=query).json()

    def put(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.ask("PUT", path, body, query=query).json()

    def delete(self, path: str, **query: Any) -> Any:
        return self.ask("DELETE", path, query=query).json()

    def pages(self, path: str, *, count: int | None = None, **query: Any) -> Iterator[Any]:
        """The items of a list, page by page to its end, or the first ``count`` of them."""
        left = count
        while left is None or left > 0:
            page = self.get(path, **query, limit=PAGE if left is None else min(left, PAGE))
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise UnreachableError(f"{self.url}{path} is no list: is that address an NFVigil service?")
            yield from page["items"]
            if left is not None:
                left -= len(page["items"])
            if page.get("next") is None or not page["items"] or page["next"] == query.get("marker"):
                return
            query["marker"] = page["next"]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request. ``body`` is sent as JSON, or as it is where it is bytes."""
        target = self._base + path + _query(query or {})
        sent = {**self._headers, **(headers or {})}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if time.monotonic() - self._used > IDLE_SECONDS_MAX:
            self.close()
        answer = self._exchange(method, target, data, sent)
        self._used = time.monotonic()
        if answer.status >= 300:
            raise _api_error(answer)
        return answer

    def _exchange(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        is_fresh = self._connection.sock is None
        try:
            self._connection.request(method, target, data, headers)
            return _read(self._connection.getresponse())
        except (OSError, HTTPException, UnicodeError) as error:
            self.close()
            # A connection that was kept may have been closed under us; only a question may be asked twice.
            if method == "GET" and not is_fresh and not isinstance(error, TimeoutError):
                return self._exchange(method, target, data, headers)
            raise UnreachableError(f"{self.url} does not answer: {_reason(error)}") from error

    def close(self) -> None:
        self._connection.close()


def _connection(url: str, timeout: float) -> tuple[HTTPConnection, str]:
    """A connection that is not open yet, and the path before ours."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError("the address of the service is wrong", [FieldError("url", str(error))]) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        reason = "must be such as http://127.0.0.1:12345"
        raise RefusedError("the address of the service is wrong", [FieldError("url", reason)])
    if parts.username is not None:
        raise RefusedError("the address of the service is wrong", [FieldError("url", "must hold no user and password")])
    base = parts.path.rstrip("/")
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(parts.hostname, port, timeout=timeout, context=context), base
    return HTTPConnection(parts.hostname, port, timeout=timeout), base


def _read(response: HTTPResponse) -> Answer:
    body = response.read(ANSWER_BYTES_MAX)
    if len(body) == ANSWER_BYTES_MAX:
        raise HTTPException(f"the answer is longer than {ANSWER_BYTES_MAX >> 20} MiB")
    response.read()  # Nothing is left, but only this tells the connection so.
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def _query(values: Mapping[str, Any]) -> str:
    pairs = [
        (name, str(one).lower() if isinstance(one, bool) else str(one))
        for name, value in values.items()
        for one in (value if isinstance(value, list | tuple) else (value,))
        if one is not None
    ]
    return f"?{urlencode(pairs)}" if pairs else ""


def _api_error(answer: Answer) -> ApiError:
    problem: Any = {}
    if "json" in answer.headers.get("content-type", ""):
        try:
            problem = json.loads(answer.body)
        except ValueError:
            problem = {}
    return ApiError(answer.status, problem if isinstance(problem, dict) else {})


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error) or type(error).__name__
