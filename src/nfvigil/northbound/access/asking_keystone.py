"""Asks Keystone what a token is worth, with an account of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import uuid4

import msgspec

from nfvigil.controller.vims.openstack.session import Login
from nfvigil.controller.vims.openstack.transport import Answer, Transport
from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.secret import Secret
from nfvigil.northbound.access.personas import KeystoneToken

PATH = "/v3/auth/tokens?nocatalog"
SERVICE = "identity"


class Account(Protocol):
    """Who logs us in."""

    async def login(self, refused: Secret | None = None) -> Login:
        """The present login; a new one where its token was ``refused``."""


class _Body(msgspec.Struct, frozen=True):
    token: KeystoneToken


class _Fault(msgspec.Struct, frozen=True):
    error: dict[str, object]


class KeystoneCannotError(UnavailableError):
    """Keystone cannot be asked; the text is for the log, not for callers."""


class Keystone:
    def __init__(
        self,
        *,
        account: Account,
        transport: Transport,
        timeout_seconds: float,
        new_id: Callable[[], str] = lambda: f"req-{uuid4()}",
    ) -> None:
        self._account = account
        self._transport = transport
        self._timeout = timeout_seconds
        self._new_id = new_id

    async def begin(self) -> None:
        """Log in, so that the first caller need not wait for it. KeystoneCannotError where that fails."""
        await self._logged_in()

    async def look_up(self, token: str) -> KeystoneToken | None:
        """What it is, or None where Keystone does not know it (any more)."""
        login = await self._logged_in()
        answer = await self._ask(login, token)
        if answer.status == 401:
            login = await self._logged_in(refused=login.token)
            answer = await self._ask(login, token)
        return _read(answer)

    async def _logged_in(self, refused: Secret | None = None) -> Login:
        try:
            return await self._account.login(refused)
        except UnavailableError as error:
            raise KeystoneCannotError(str(error), error.retry_after_seconds) from error
        except RefusedError as error:
            # Nothing that a caller could do about it; whoever runs us reads it in the log.
            raise KeystoneCannotError(str(error), 10.0) from error

    async def _ask(self, login: Login, token: str) -> Answer:
        endpoint = login.endpoints.get(SERVICE)
        if endpoint is None:
            raise KeystoneCannotError("the catalogue has no identity endpoint for us", 10.0)
        headers: Mapping[str, str] = {
            "X-Auth-Token": login.token.reveal(),
            "X-Subject-Token": token,
            "Accept": "application/json",
            "User-Agent": "nfvigil",
            "X-OpenStack-Request-Id": self._new_id(),
        }
        url = endpoint.removesuffix("/").removesuffix("/v3").removesuffix("/v2.0") + PATH
        try:
            return await self._once(lambda: self._transport("GET", url, headers, None))
        except ConnectionError:
            # An idle connection that the other side had closed; a question may be asked twice.
            return await self._once(lambda: self._transport("GET", url, headers, None), is_last=True)

    async def _once(self, call: Callable[[], Awaitable[Answer]], *, is_last: bool = False) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                return await call()
        except TimeoutError as error:
            raise KeystoneCannotError(f"no answer within {self._timeout:g} s") from error
        except OSError as error:
            if isinstance(error, ConnectionError) and not is_last:
                raise
            raise KeystoneCannotError(str(error) or type(error).__name__) from error


def _read(answer: Answer) -> KeystoneToken | None:
    if answer.status == 200:
        try:
            token = msgspec.json.decode(answer.body, type=_Body).token
            token.expires_us  # noqa: B018  (it raises where it is no time)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise KeystoneCannotError(f"the answer is not what it should be: {error}") from error
        return token
    if answer.status == 404 and _is_of_keystone(answer.body):
        return None
    if answer.status in (401, 403):
        raise KeystoneCannotError("our account may not check tokens: it needs the role service or admin", 10.0)
    raise KeystoneCannotError(f"it answered {answer.status}")


def _is_of_keystone(body: bytes) -> bool:
    """A proxy before a Keystone that is away, or a wrong address, also says 404: that is no word about a token."""
    try:
        msgspec.json.decode(body, type=_Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True
