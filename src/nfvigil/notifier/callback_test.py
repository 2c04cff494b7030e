"""Whether a consumer stands behind the address that it gave: a GET there is answered with 204 (ETSI SOL)."""

from __future__ import annotations

import asyncio

from nfvigil.errors import FieldError, RefusedError, UnavailableError
from nfvigil.model.subscription import Endpoint
from nfvigil.notifier.dispatch import Logins
from nfvigil.notifier.poster import Fetcher, target_of

SECONDS_MAX = 10.0
"""For all of it, the token included."""
_AS_ONE = 204


class CallbackTest:
    """Uses the client that sends the notifications: what is never sent to is never asked either."""

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        logins: Logins,
        agent: str,
        field: str = "callbackUri",
        seconds: float = SECONDS_MAX,
    ) -> None:
        self._seconds = seconds
        self._fetcher = fetcher
        self._logins = logins
        self._agent = agent
        self._field = field

    async def __call__(self, endpoint: Endpoint) -> None:
        """RefusedError where it does not answer as a consumer does."""
        reason = await self._refusal(endpoint)
        if reason:
            raise RefusedError("the consumer does not answer as one", [FieldError(self._field, reason)])

    async def _refusal(self, endpoint: Endpoint) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                login = await self._logins.headers(endpoint.auth) if endpoint.auth is not None else {}
                target = target_of(endpoint.url, {"User-Agent": self._agent}, "GET")
                answer = await self._fetcher.fetch(target, login, b"", self._seconds)
        except TimeoutError:
            return f"did not answer within {self._seconds:g} s"
        except UnavailableError:
            return "cannot be reached"  # no more than that: nobody finds out by us which ports a network has open
        except RefusedError as error:
            return error.message
        return "" if answer.status == _AS_ONE else f"answered a GET with {answer.status}, not with {_AS_ONE}"
