"""Asks an Alertmanager which alerts it has: all of them, or an error that says why not."""

from __future__ import annotations

import asyncio
from datetime import UTC
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from nfvigil.errors import UnavailableError
from nfvigil.model.secret_fields import hidden, scrubbed, secret_values
from nfvigil.model.times import parse
from nfvigil.southbound.formats.foreign import text

TIMEOUT_SECONDS = 10.0
ANSWER_MAX_BYTES = 32 << 20
ALERTS = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
STATUS = "/api/v2/status"


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer."""

    alerts: list[dict[str, Any]]
    """As the API has them: silenced and inhibited ones as well."""
    since_us: int
    """Since when this Alertmanager runs."""


class AlertmanagerApi:
    """``token_file`` is read each time: tokens are replaced while we run."""

    def __init__(
        self,
        *,
        url: str,
        token_file: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        answer_max_bytes: int = ANSWER_MAX_BYTES,
    ) -> None:
        self._url = url.rstrip("/")
        self._shown = hidden(self._url)
        self._answer_max_bytes = answer_max_bytes
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds

    async def listing(self) -> Listing:
        """Raises UnavailableError where the answer is not whole."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_seconds)
        try:
            async with aiohttp.ClientSession(timeout=timeout, headers=await self._headers()) as session:
                status = await self._get(session, STATUS)
                alerts = await self._get(session, ALERTS)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            reason = scrubbed(str(error) or type(error).__name__, secret_values(self._url))
            raise UnavailableError(f"{self._shown} cannot be asked: {reason}") from error
        if not isinstance(status, dict) or not isinstance(alerts, list):
            raise UnavailableError(f"{self._shown} does not answer as an Alertmanager does")
        if not all(isinstance(one, dict) and text(one.get("fingerprint")) for one in alerts):
            raise UnavailableError(f"{self._shown} has an alert without a fingerprint")
        try:
            since_us = parse(text(status.get("uptime")), UTC)[0]
        except (ValueError, OverflowError) as error:
            raise UnavailableError(f"{self._shown} does not say since when it runs") from error
        return Listing(alerts=alerts, since_us=since_us)

    async def _headers(self) -> dict[str, str]:
        if not self._token_file:
            return {}
        token = await asyncio.to_thread(Path(self._token_file).read_text, encoding="utf-8")
        return {"Authorization": f"Bearer {token.strip()}"}

    async def _get(self, session: aiohttp.ClientSession, path: str) -> Any:
        async with session.get(f"{self._url}{path}", allow_redirects=False) as answer:
            if answer.status != 200:
                raise UnavailableError(f"{self._shown} answered {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > self._answer_max_bytes:
                    raise UnavailableError(f"{self._shown} answered with more than {self._answer_max_bytes} bytes")
        return msgspec.json.decode(bytes(body))
