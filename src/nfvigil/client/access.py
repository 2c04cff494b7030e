"""As whom we speak: with a token, with what Keystone gives us, or with a monitor's key that signs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nfvigil.errors import FieldError, RefusedError, UnavailableError, UnknownCallerError

if TYPE_CHECKING:
    from keystoneauth1.plugin import BaseAuthPlugin
    from keystoneauth1.session import Session

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - a header's name
KEY_PREFIX = "whsec_"
NOT_A_TOKEN = "notused"  # noqa: S105 - what keystoneauth's plugin "none" says for want of one


class Access(Protocol):
    """What is sent along so that the service knows us."""

    def headers(self, body: bytes) -> Mapping[str, str]: ...

    def renew(self) -> bool:
        """After the service did not know us: whether it may know us now."""
        ...


class Token:
    """A token that is what it is; "" for none."""

    def __init__(self, token: str) -> None:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise RefusedError("the token has characters that no token has")
        self._token = token

    def headers(self, body: bytes) -> Mapping[str, str]:
        return {TOKEN_HEADER: self._token} if self._token else {}

    def renew(self) -> bool:
        return False


class TokenFile:
    """A token in a file, which is read again when the service does not know the token any more."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._text: str | None = None

    def headers(self, body: bytes) -> Mapping[str, str]:
        if self._text is None:
            self._text = self._read()
        return Token(self._text).headers(body)

    def renew(self) -> bool:
        before, self._text = self._text, self._read()
        return self._text != before

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise RefusedError(f"the token file {self._path} cannot be read: {error}") from error


def from_environment(environment: Mapping[str, str] = os.environ) -> Access:
    """``NFVIGIL_TOKEN_FILE`` names a file with the token, else ``NFVIGIL_TOKEN`` is it."""
    path = environment.get("NFVIGIL_TOKEN_FILE", "")
    return TokenFile(path) if path else Token(environment.get("NFVIGIL_TOKEN", "").strip())


class Keystone:
    """Whatever a keystoneauth session logs in with. Where that is nothing (``none``), ``otherwise`` speaks for us."""

    def __init__(self, session: Session, auth: BaseAuthPlugin | None = None, otherwise: Access | None = None) -> None:
        self._session = session
        self._auth = auth
        self._otherwise = otherwise or Token("")

    def headers(self, body: bytes) -> Mapping[str, str]:
        found: Mapping[str, str] = keystone(lambda: self._session.get_auth_headers(self._auth)) or {}
        if found.get(TOKEN_HEADER, NOT_A_TOKEN) == NOT_A_TOKEN and "Authorization" not in found:
            return self._otherwise.headers(body)
        return found

    def renew(self) -> bool:
        return bool(self._session.invalidate(self._auth)) or self._otherwise.renew()


def keystone(ask: Callable[[], Any]) -> Any:
    """The answer, with keystoneauth's errors as ours."""
    from keystoneauth1 import exceptions

    try:
        return ask()
    except exceptions.Unauthorized as error:
        raise UnknownCallerError(f"Keystone does not know you: {error}") from error
    except (exceptions.ConnectFailure, exceptions.HttpServerError, exceptions.RetriableConnectionFailure) as error:
        raise UnavailableError(f"Keystone does not answer: {error}") from error
    except exceptions.ClientException as error:
        raise RefusedError(f"Keystone is of no help: {error}") from error


class MonitorKey:
    """Signs what a monitor sends, by the Standard Webhooks specification, so that no token travels.

    ``key`` is ``whsec_`` and base64, as the service gave it; ``name`` is the key's, so that no other one is tried.
    """

    def __init__(
        self,
        key: str,
        name: str = "",
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: f"msg_{uuid.uuid4().hex}",
    ) -> None:
        try:
            self._key = binascii.a2b_base64(key.removeprefix(KEY_PREFIX), strict_mode=True)
        except ValueError as error:
            raise RefusedError("the key is wrong", [FieldError("key", f"must be {KEY_PREFIX} and base64")]) from error
        if not key.startswith(KEY_PREFIX) or not self._key:
            raise RefusedError("the key is wrong", [FieldError("key", f"must be {KEY_PREFIX} and base64")])
        self._name = name
        self._clock = clock
        self._new_id = new_id

    def headers(self, body: bytes) -> Mapping[str, str]:
        message, moment = self._new_id(), str(int(self._clock()))
        signed = hmac.new(self._key, f"{message}.{moment}.".encode() + body, hashlib.sha256).digest()
        found = {
            "webhook-id": message,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        return found | ({"webhook-key": self._name} if self._name else {})

    def renew(self) -> bool:
        return False
