"""Speaks HTTP to the service, over one connection that is opened again when it is cut."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """For one thread at a time."""

    def __init__(self, *, port: int, token: str | None = None, timeout_seconds: float = 20.0) -> None:
        self.port = port
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._connection: HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *, raw: bool = False
    ) -> Answer:
        """One request; OSError or HTTPException where no answer came. ``raw``: the body is bytes already."""
        fresh = self._connection is None
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self.port, timeout=self._timeout_seconds)
        sent = dict(headers or {})
        data = body if raw else None if body is None else json.dumps(body).encode()
        if data is not None and not raw:
            sent.setdefault("Content-Type", "application/json")
        if self._token is not None:
            sent.setdefault("X-Auth-Token", self._token)
        try:
            self._connection.request(method, path, data, sent)
            response = self._connection.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (OSError, HTTPException):
            self.close()
            if fresh or method != "GET":
                raise
            return self.ask(method, path, body, headers, raw=raw)  # The service may have closed what was idle.
        if response.will_close:
            self.close()
        return answer

    def try_once(self, method: str, path: str, body: Any = None) -> Answer | None:
        """None where no answer came."""
        try:
            return self.ask(method, path, body)
        except (OSError, HTTPException):
            return None

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body!r}"
        return answer.json()

    def all(self, path: str) -> list[Any]:
        """Every item of a list, page by page."""
        items: list[Any] = []
        marker = ""
        while True:
            mark = f"{'&' if '?' in path else '?'}limit=1000" + (f"&marker={marker}" if marker else "")
            page = self.get(path + mark)
            items.extend(page["items"])
            marker = page["next"]
            if not marker:
                return items

    def post(self, path: str, body: Any = None, *, expect: int = 200) -> Any:
        return self.send("POST", path, body, expect=expect)

    def send(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status == expect, f"{method} {path}: {answer.status} {answer.body!r}"
        return answer.json() if answer.body else None

    def subscribe(self, url: str, *, project: str | None = None, **more: Any) -> Any:
        endpoint = {"url": url, **more.pop("endpoint", {})}
        body = {"name": url.rpartition("/")[2], "project": project, "endpoints": [endpoint], **more}
        return self.post("/v1/subscriptions", body, expect=201)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
