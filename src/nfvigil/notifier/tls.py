"""TLS of an endpoint's own: whom to believe there, and with which certificate we come."""

from __future__ import annotations

import ssl
import tempfile
from collections import OrderedDict
from pathlib import Path

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.subscription import EndpointTls

KEPT_MAX = 256
"""Contexts that are kept; one takes some hundred KiB, and 20 ms to make."""


class Contexts:
    """Makes a context for each, once; the one that was not used for longest goes first."""

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept: OrderedDict[EndpointTls, ssl.SSLContext] = OrderedDict()
        self._kept_max = kept_max

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, tls: EndpointTls) -> ssl.SSLContext:
        """RefusedError where it cannot be made of this."""
        found = self._kept.get(tls)
        if found is None:
            found = self._kept[tls] = context_of(tls)
            if len(self._kept) > self._kept_max:
                self._kept.popitem(last=False)
        self._kept.move_to_end(tls)
        return found


def context_of(tls: EndpointTls) -> ssl.SSLContext:
    """RefusedError says which of the three is wrong; nothing of a key is in it."""
    context = ssl.create_default_context()
    if tls.ca:
        try:
            context.load_verify_locations(cadata=tls.ca)
        except (ssl.SSLError, ValueError) as error:
            raise _refused("ca", "holds no certificate in PEM") from error
    if bool(tls.certificate) is not bool(tls.key):
        missing = "key" if tls.certificate else "certificate"
        raise _refused(missing, "is needed: a certificate is of use with its key only")
    if tls.certificate:
        _load(context, tls)
    return context


def _load(context: ssl.SSLContext, tls: EndpointTls) -> None:
    # The library reads files only. This one is for our eyes, and gone before anybody is spoken to.
    with tempfile.TemporaryDirectory(prefix="nfvigil-") as directory:
        certificate, key = Path(directory, "certificate"), Path(directory, "key")
        for path, text in ((certificate, tls.certificate), (key, tls.key)):
            path.touch(mode=0o600)
            path.write_text(f"{text.strip()}\n", encoding="utf-8")
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except _EncryptedError as error:
            raise _refused("key", "is encrypted: give it without a passphrase") from error
        except (ssl.SSLError, ValueError) as error:
            raise _refused(*_fault(error)) from error


class _EncryptedError(Exception):
    """The key asks for a passphrase."""


def _no_password() -> str:
    # Without this the library asks at the terminal, and everything waits for it.
    raise _EncryptedError


def _fault(error: Exception) -> tuple[str, str]:
    reason = getattr(error, "reason", None) or ""
    if "MISMATCH" in reason:
        return "key", "is not the certificate's"
    return "certificate", "it and the key cannot be read: both must be PEM"


def _refused(field: str, reason: str) -> RefusedError:
    return RefusedError("the TLS settings are wrong", [FieldError(field, reason)])
