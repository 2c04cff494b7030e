"""Whether a VES collector takes what we send: a sign of life, sent now, past everything that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nfvigil.errors import NfvigilError
from nfvigil.model.subscription import Endpoint
from nfvigil.model.times import SECOND
from nfvigil.model.ves import VesBacklog, VesState
from nfvigil.model.ves_bodies import single_body, version_of
from nfvigil.northbound.ves.desk import VesTest
from nfvigil.notifier.dispatch import Logins
from nfvigil.notifier.poster import Fetcher, target_of
from nfvigil.notifier.retry import is_success
from nfvigil.ves.heartbeat import heartbeat

SECONDS_MAX = 10.0
SHOWN_MAX = 300
"""Of what the collector answered, in characters."""


class CollectorTest:
    """Uses the client that sends the events: what is never sent to is never asked either."""

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        logins: Logins,
        agent: str,
        clock: Callable[[], int],
        seconds: float = SECONDS_MAX,
    ) -> None:
        self._fetcher = fetcher
        self._logins = logins
        self._agent = agent
        self._clock = clock
        self._seconds = seconds

    async def __call__(self, endpoint: Endpoint, vim: str, interval_seconds: float) -> VesTest:
        began_us = self._clock()
        status, detail = 0, ""
        try:
            async with asyncio.timeout(self._seconds):
                status, detail = await self._ask(endpoint, vim, interval_seconds)
        except TimeoutError:
            detail = f"no answer within {self._seconds:g} s"
        except NfvigilError as error:
            detail = str(error)
        return VesTest(
            ok=is_success(status),
            endpoint=endpoint.url,
            status=status,
            detail=detail,
            seconds=(self._clock() - began_us) / SECOND,
        )

    async def _ask(self, endpoint: Endpoint, vim: str, interval_seconds: float) -> tuple[int, str]:
        sign = VesBacklog(backlog_uuid="test", domain="heartbeat", type="", poll_interval=interval_seconds)
        state = VesState(vim=vim, backlog=sign.backlog_uuid, source="")
        _, event = heartbeat(sign, state, self._clock(), None)
        headers = {"Content-Type": "application/json"}
        if endpoint.auth is not None:
            headers |= await self._logins.headers(endpoint.auth)
        target = target_of(endpoint.url, {"User-Agent": self._agent}, tls=endpoint.tls)
        body = single_body(event, version_of(endpoint.url))
        answer = await self._fetcher.fetch(target, headers, body, self._seconds)
        said = "".join(c if c.isprintable() else " " for c in answer.body.decode("utf-8", "replace")[:SHOWN_MAX])
        return answer.status, "" if is_success(answer.status) else said.strip()
