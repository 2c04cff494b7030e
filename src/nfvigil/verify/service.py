"""The NFVigil under test, over its API: events in, subscriptions, alarms, the profile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from nfvigil.controller.vims.openstack.transport import AiohttpTransport, Answer
from nfvigil.errors import ForbiddenError, NotFoundError, RefusedError, UnavailableError, UnknownCallerError
from nfvigil.model.secret import Secret
from nfvigil.verify.plan import PREFIX
from nfvigil.verify.seen import AlarmSeen

PAGE = 1000
EVENT = "compute.host.down"


class Service:
    """``url`` is where it listens."""

    def __init__(self, *, url: str, token: Secret, timeout_seconds: float) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._http = AiohttpTransport(tls=lambda: True)

    async def close(self) -> None:
        await self._http.close()

    async def is_ready(self) -> bool:
        answer = await self._send("GET", "/readyz", None)
        return answer.status == 200

    async def send(self, *, host: str, status: str, time: str, monitor: str, event_id: str) -> None:
        """As Doctor's monitors do. It is durable when this returns."""
        details = {
            "hostname": host,
            "status": status,
            "monitor": monitor,
            "monitor_id": monitor,
            "monitor_event_id": event_id,
        }
        await self._good("PUT", "/events", [{"time": time, "type": EVENT, "details": details}])

    async def subscribe(self, *, name: str, project: str, url: str, mode: str) -> str:
        """Its id."""
        body = {
            "name": name,
            "project": project,
            "mode": mode,
            "filter": {"resource_types": ["server"]},
            "endpoints": [{"url": url, "format": "doctor"}],
        }
        return str((await self.ask("POST", "/v1/subscriptions", body))["id"])

    async def subscriptions(self) -> dict[str, str]:
        """Those that a verification has made: id and name."""
        return {
            str(each["id"]): str(each["name"])
            async for each in self._items("/v1/subscriptions", {})
            if str(each["name"]).startswith(PREFIX)
        }

    async def unsubscribe(self, subscription: str) -> None:
        await self.ask("DELETE", f"/v1/subscriptions/{quote(subscription, safe='')}")

    async def knows(self, *, host: str, project: str, servers: frozenset[str], ports: int) -> bool:
        """Whether it has seen our servers there, well, and their ports."""
        known = {each["record"]["id"]: each["record"] async for each in self._resources("server", project)}
        there = {id for id, each in known.items() if each["host"] == host and each["status"] == "ACTIVE"}
        if not servers <= there:
            return False
        found = [each async for each in self._resources("port", project)]
        return sum(bool(each["record"]["server"]) for each in found) >= ports

    async def host_is_well(self, host: str) -> bool:
        try:
            detail = await self.ask("GET", f"/v1/resources/host/{quote(host, safe='')}")
        except NotFoundError:
            return False
        record = detail["record"]
        return bool(record["service_up"] and record["service_enabled"] and not record["forced_down"])

    async def alarms(self, project: str) -> tuple[AlarmSeen, ...]:
        """The open ones on what the project owns."""
        return tuple(
            [
                AlarmSeen(
                    resource=f"{each['resource']['kind']}/{each['resource']['id']}",
                    fault_type=each["fault_type"],
                    state=each["state"],
                    vim_state=each["vim_state"],
                )
                async for each in self._items("/v1/alarms", {"state": "open", "project": project})
            ]
        )

    async def alarms_on_host(self, host: str) -> list[dict[str, Any]]:
        query = {"state": "open", "resource_type": "host", "resource_id": host}
        return [each async for each in self._items("/v1/alarms", query)]

    async def profile(self, fault: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.ask("GET", f"/v1/faults/{quote(fault, safe='')}/profile")
        return found

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._good(method, path, body)
        try:
            return msgspec.json.decode(answer.body) if answer.body else None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(f"{self.url}{path} did not answer with JSON: is that NFVigil?") from error

    async def _good(self, method: str, path: str, body: Any) -> Answer:
        answer = await self._send(method, path, body)
        if answer.status < 300:
            return answer
        text = f"NFVigil at {self.url}, {method} {path}: {answer.status} {_detail(answer)}"
        kinds: dict[int, type[RefusedError]] = {
            401: UnknownCallerError,
            403: ForbiddenError,
            404: NotFoundError,
        }
        if answer.status >= 500 or answer.status in (408, 425, 429):
            raise UnavailableError(text)
        raise kinds.get(answer.status, RefusedError)(text)

    def _resources(self, kind: str, project: str) -> AsyncIterator[dict[str, Any]]:
        return self._items("/v1/resources", {"kind": kind, "project": project})

    async def _items(self, path: str, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        marker = ""
        while True:
            asked = {**query, "limit": str(PAGE), **({"marker": marker} if marker else {})}
            page = await self.ask("GET", f"{path}?{urlencode(asked)}")
            for each in page["items"]:
                yield each
            following = page.get("next")
            if not following or following == marker:
                return
            marker = following

    async def _send(self, method: str, path: str, body: Any) -> Answer:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["X-Auth-Token"] = self._token.reveal()
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._http(method, self.url + path, headers, content)
        except TimeoutError as error:
            raise UnavailableError(f"{self.url} did not answer within {self._timeout_seconds:g} s") from error
        except OSError as error:
            raise UnavailableError(f"{self.url} does not answer: {error or type(error).__name__}") from error


def _detail(answer: Answer) -> str:
    try:
        found = msgspec.json.decode(answer.body)
        return str(found.get("detail") or found)[:500]
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError):
        return answer.body[:200].decode("utf-8", "replace")
