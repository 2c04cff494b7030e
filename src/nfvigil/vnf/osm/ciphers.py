"""How OSM encrypts secrets in its database. Only reading is needed.

The key is 32 bytes: the common key of the installation, the serial of its database and the account's id, each folded
over the one before by XOR. The cipher is AES in ECB mode, the text is filled up with NULs, and the result is base64.
"""

from __future__ import annotations

import binascii
from base64 import b64decode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from nfvigil.errors import RefusedError

KEY_BYTES = 32
PLAIN_VERSIONS = ("", "1.0")
"""Of accounts whose secrets are not encrypted."""


class WrongKeyError(RefusedError):
    """What was read is no secret that the key opens. Nothing of it is in the words."""


def folded(key: bytes, more: str | bytes) -> bytes:
    """``key`` is empty, or has 32 bytes."""
    if not more:
        return key
    result = bytearray(key or bytes(KEY_BYTES))
    for place, byte in enumerate(more.encode() if isinstance(more, str) else more):
        result[place % KEY_BYTES] ^= byte
    return bytes(result)


def installation_key(common_key: str, serial: object) -> bytes:
    """Of all accounts of an installation; empty where it encrypts nothing. ``serial`` is the database's, or None."""
    key = folded(b"", common_key)
    if serial is None or serial == "":
        return key
    try:
        return folded(key, b64decode(serial, validate=True))  # type: ignore[arg-type]  # or TypeError
    except (binascii.Error, ValueError, TypeError) as error:
        raise WrongKeyError("the serial of OSM's database is no base64") from error


def is_plain(schema_version: object, key: bytes) -> bool:
    """Whether an account of this version holds its secrets as they are."""
    return not key or schema_version is None or str(schema_version) in PLAIN_VERSIONS


def decrypted(value: str, *, key: bytes, salt: str) -> str:
    """WrongKeyError where nothing sensible comes of it."""
    try:
        sealed = b64decode(value, validate=True)
        # No choice of ours: it is what OSM writes.
        opener = Cipher(algorithms.AES(folded(key, salt)), modes.ECB()).decryptor()  # noqa: S305
        text = (opener.update(sealed) + opener.finalize()).decode().rstrip("\0")
    except (binascii.Error, ValueError):
        raise WrongKeyError("cannot be decrypted: is the common key that of all OSM's components?") from None
    if any(ord(letter) < 0x20 and letter not in "\t\n\r" for letter in text):
        raise WrongKeyError("cannot be decrypted: is the common key that of all OSM's components?")
    return text
