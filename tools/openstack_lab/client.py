"""Just enough of an OpenStack client to set the cloud up and look at it, with what Python brings along."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from .layout import Layout
from .waiting import LabError

SECONDS = 60.0


class NoAnswerError(LabError):
    """A service refused, failed or could not be reached; while the lab comes up that passes."""


class Client:
    """Logged in to one project."""

    def __init__(self, *, layout: Layout, user: str = "admin", project: str = "admin") -> None:
        self._layout = layout
        # Without the proxy that the environment may name: all is on loopback.
        self._opener = build_opener(ProxyHandler({}))
        self._headers: Mapping[str, str] = {}
        domain = {"id": "default"}
        account = {"name": user, "domain": domain, "password": layout.settings.secret}
        identity = {"methods": ["password"], "password": {"user": account}}
        body = {"auth": {"identity": identity, "scope": {"project": {"name": project, "domain": domain}}}}
        headers, _ = self._send("POST", "keystone", "/v3/auth/tokens", body)
        self._headers = {"X-Auth-Token": headers["X-Subject-Token"]}

    def get(self, service: str, path: str, *, version: str | None = None) -> Any:
        return self._send("GET", service, path, version=version)[1]

    def post(self, service: str, path: str, body: object) -> Any:
        return self._send("POST", service, path, body)[1]

    def put(self, service: str, path: str, body: object = None) -> Any:
        return self._send("PUT", service, path, body)[1]

    def ensure(
        self, service: str, path: str, kind: str, wanted: Mapping[str, object], *, known_by: Sequence[str] = ("name",)
    ) -> dict[str, Any]:
        """The object of that kind that is known by the same, made if there is none."""
        same = {name: wanted[name] for name in known_by}
        for found in self.get(service, f"{path}?{urlencode(same)}")[f"{kind}s"]:
            if same.items() <= found.items():
                return dict(found)
        return dict(self.post(service, path, {kind: wanted})[kind])

    def _send(
        self, method: str, service: str, path: str, body: object = None, *, version: str | None = None
    ) -> tuple[Mapping[str, str], Any]:
        headers = {**self._headers, "Content-Type": "application/json"}
        if version:
            headers["OpenStack-API-Version"] = f"compute {version}"
        if isinstance(body, bytes):
            data, headers["Content-Type"] = body, "application/octet-stream"
        else:
            data = None if body is None else json.dumps(body).encode()  # type: ignore[assignment]
        request = Request(self._layout.url(service) + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=SECONDS) as response:
                content = response.read()
        except HTTPError as error:
            with error:
                said = error.read()[:300].decode(errors="replace")
            raise NoAnswerError(f"{method} {request.full_url}: {error.code} {said}") from error
        except (URLError, OSError) as error:
            raise NoAnswerError(f"{method} {request.full_url}: {error}") from error
        is_json = response.headers.get_content_type() == "application/json" and content
        return response.headers, json.loads(content) if is_json else None
