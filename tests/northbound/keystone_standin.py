"""A small Keystone: logs our account in, says what a token is worth, and can be slow, refuse or go away.

It runs in a thread with an event loop of its own, so that also another process, or a library that blocks, can ask it.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from aiohttp import web

PASSWORD = "the-password-of-nfvigil"


def token_of(
    *roles: str,
    user: str = "alice",
    project: str | None = "A",
    domain: str | None = None,
    system: bool = False,
    seconds: float = 3600,
    **more: Any,
) -> dict[str, Any]:
    """What Keystone says of a token."""
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    scope: dict[str, Any] = {"system": {"all": True}} if system else {}
    if domain is not None:
        scope = {"domain": {"id": domain, "name": domain}}
    if project is not None and not scope:
        scope = {"project": {"id": project, "name": f"name of {project}", "domain": {"id": "default"}}}
    return {
        "methods": ["password"],
        "user": {"id": f"id-of-{user}", "name": user, "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": f"id-of-{role}", "name": role} for role in roles],
        "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "issued_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        **scope,
        **more,
    }


class KeystoneStandIn:
    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        """The tokens that were asked for, in order."""
        self.logins = 0
        self.delay_seconds = 0.0
        self.status = 0
        """Instead of an answer about a token."""
        self.body = b""
        self.port = 0
        self._ours: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    @property
    def auth(self) -> dict[str, str]:
        """How our account logs in."""
        return {
            "auth_url": self.url,
            "username": "nfvigil",
            "password": PASSWORD,
            "project_name": "service",
            "user_domain_id": "default",
            "project_domain_id": "default",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def start(self) -> None:
        self._run(self._start())

    def stop(self) -> None:
        """As if it was away: nobody listens."""
        self._run(self._stop())

    def log_out(self) -> None:
        """Our account's token does not hold any more."""
        self._ours.clear()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._versions)
        app.router.add_get("/v3", self._versions)
        app.router.add_get("/v3/", self._versions)
        app.router.add_post("/v3/auth/tokens", self._log_in)
        app.router.add_get("/v3/auth/tokens", self._look_up)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _versions(self, request: web.Request) -> web.Response:
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": self.url}]}
        return web.json_response({"version": version})

    async def _log_in(self, request: web.Request) -> web.Response:
        asked = await request.json()
        given = asked["auth"]["identity"]["password"]["user"]["password"]
        if given != PASSWORD:
            return web.json_response({"error": {"code": 401, "message": "no", "title": "Unauthorized"}}, status=401)
        self.logins += 1
        token = f"ours-{self.logins}"
        self._ours.add(token)
        endpoint = {"interface": "public", "region": "R", "region_id": "R", "url": self.url, "id": "1"}
        body = token_of("service", user="nfvigil", project="service")
        body["catalog"] = [{"type": "identity", "name": "keystone", "id": "1", "endpoints": [endpoint]}]
        return web.json_response({"token": body}, status=201, headers={"X-Subject-Token": token})

    async def _look_up(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Auth-Token") not in self._ours:
            return web.json_response({"error": {"code": 401, "message": "no", "title": "Unauthorized"}}, status=401)
        token = request.headers["X-Subject-Token"]
        self.asked.append(token)
        await asyncio.sleep(self.delay_seconds)
        if self.status:
            return web.Response(status=self.status, body=self.body)
        found = self.tokens.get(token)
        if found is None:
            return web.json_response({"error": {"code": 404, "message": "no", "title": "Not Found"}}, status=404)
        return web.json_response({"token": found})
