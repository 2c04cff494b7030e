"""Posts to a VES collector from the command line, and puts its answer into words."""

from __future__ import annotations

import http.client
import json
import ssl
from base64 import b64encode
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from nfvigil.client.connection import Trust
from nfvigil.errors import ForbiddenError, NfvigilError, NotFoundError, RefusedError, UnavailableError

ANSWER_MAX_BYTES = 64 * 1024


class Login(NamedTuple):
    """For basic authentication; without a user there is none."""

    username: str = ""
    password: str = ""

    def headers(self) -> dict[str, str]:
        if not self.username:
            return {}
        return {"Authorization": "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()}


class Sender:
    """A connection for each message: it is a test."""

    def __init__(self, *, login: Login, trust: Trust, timeout_seconds: float) -> None:
        self._login = login
        self._trust = trust
        self._timeout_seconds = timeout_seconds

    def send(self, url: str, body: bytes) -> int:
        """The status of a message that was taken. Everything else is an error that says what to do."""
        headers = {"Content-Type": "application/json"} | self._login.headers()
        try:
            with closing(self._connection(url)) as connection:
                connection.request("POST", urlsplit(url).path, body, headers)
                answer = connection.getresponse()
                said = answer.read(ANSWER_MAX_BYTES)
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(
                f"the collector's certificate is not believed: {error.verify_message}; name its authority by --cacert"
            ) from error
        except ssl.SSLError as error:
            raise RefusedError(f"{hint(error)} ({error})") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(f"the collector does not answer: {str(error) or type(error).__name__}") from error
        if 200 <= answer.status < 300:
            return answer.status
        raise refusal(answer.status, said)

    def _connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port or 80, timeout=self._timeout_seconds)
        context = self._trust.context()
        return http.client.HTTPSConnection(host, parts.port or 443, timeout=self._timeout_seconds, context=context)


def hint(error: ssl.SSLError) -> str:
    """What is wrong with TLS, as far as one can tell."""
    reason = str(getattr(error, "reason", "") or "")  # one that nobody raised in OpenSSL has none
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return "the collector wants a certificate of ours: name it by --cert and --key"
    if "UNKNOWN_CA" in reason or "BAD_CERTIFICATE" in reason:
        return "the collector does not believe our certificate"
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason:
        return "the collector does not speak TLS there: is it http://?"
    if isinstance(error, ssl.SSLEOFError):
        return "the collector ended the connection while TLS began: does it want a certificate of ours?"
    return "TLS failed"


def refusal(status: int, said: bytes) -> NfvigilError:
    """The error for an answer that is no success."""
    words = f"{status}: {text_of(said) or 'it does not say why'}"
    if status in (401, 403):
        return ForbiddenError(f"the collector does not let us in; check --username and --password-file ({words})")
    if status == 404:
        return NotFoundError(f"the collector has nothing at this path ({words})")
    if status >= 500 or status in (408, 429):
        return UnavailableError(f"the collector cannot take it now ({words})")
    if 300 <= status < 400:
        return RefusedError(f"the collector sends us elsewhere, which we do not follow ({words})")
    return RefusedError(f"the collector refuses it ({words})")


def text_of(said: bytes) -> str:
    """What ONAP's ``requestError`` says; else the answer's beginning."""
    try:
        told = json.loads(said)
        (error,) = told["requestError"].values()
        text = str(error["text"])
        for number, value in enumerate(_listed(error.get("variables")), start=1):
            text = text.replace(f"%{number}", str(value))
        return f"{error.get('messageId', '')} {text}".strip()
    except (ValueError, LookupError, TypeError, AttributeError):
        return said[:300].decode("utf-8", "replace").strip()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
