"""Secrets in a mapping of options: which they are, how the mapping is shown without them, how one is kept.

A field is secret by its name. In a text that is a URL, the password before the host is, and a secret parameter.
What a field by a secret name holds is hidden whole, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from nfvigil.errors import FieldError, RefusedError

HIDDEN = "***"
WORDS = ("password", "passwd", "passphrase", "passcode", "secret", "token", "api_key", "apikey", "private_key")
"""A name that holds one of these is secret, whatever the driver says."""
NAMES = frozenset({"credentials", "community", "auth_key", "access_key", "pin"})
"""So is each of these."""
NOT_SECRET = ("_file", "_path")
"""How names end that only say where a secret lies."""
SCRUBBED_MIN = 4
"""A shorter value is found in texts that have nothing to do with it."""

_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<who>.*)@", re.DOTALL)
_PARAMETER = re.compile(r"(?P<front>[?&;](?P<name>[^=&;#?\s]+)=)(?P<value>[^&;#\s]+)")


def is_secret(name: str, more: Collection[str] = ()) -> bool:
    """``more`` are names that the driver itself calls secret."""
    plain = name.lower().replace("-", "_")
    if name in more or plain in more or plain in NAMES:
        return True
    return not plain.endswith(NOT_SECRET) and any(word in plain for word in WORDS)


def hidden(value: Any, more: Collection[str] = ()) -> Any:
    """The same, with ``***`` in the place of each secret."""
    if isinstance(value, Mapping):
        return {name: _covered(one) if is_secret(name, more) else hidden(one, more) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(one, more) for one in value]
    if isinstance(value, str) and "://" in value:
        return _hidden_in_url(value, more)
    return value


def _covered(value: Any) -> Any:
    """A flag or nothing at all is no secret, and a reader wants to see that there is none."""
    return value if value is None or isinstance(value, bool) or value in ("", [], {}) else HIDDEN


def _hidden_in_url(text: str, more: Collection[str]) -> str:
    """To the last ``@``: a password that was not escaped may hold one, and a list of hosts does."""

    def user(match: re.Match[str]) -> str:
        name, colon, _ = match["who"].partition(":")
        # With an "@" in it, it is not known where the name ends: it may be a key, and what follows a path.
        return f"{match['scheme']}{f'{name}:' if colon and '@' not in name else ''}{HIDDEN}@"

    def parameter(match: re.Match[str]) -> str:
        return f"{match['front']}{HIDDEN}" if is_secret(match["name"], more) else match[0]

    return _PARAMETER.sub(parameter, _USER.sub(user, text, count=1))


def secret_values(value: Any, more: Collection[str] = ()) -> frozenset[str]:
    """The secrets themselves, as texts."""
    return frozenset(_values(value, more, is_hidden=False))


def _values(value: Any, more: Collection[str], *, is_hidden: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _values(one, more, is_hidden=is_hidden or is_secret(name, more))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _values(one, more, is_hidden=is_hidden)
    elif isinstance(value, str) and not is_hidden:
        if "://" in value:
            yield from _values_in_url(value, more)
    elif is_hidden and not isinstance(value, bool) and value not in (None, ""):
        yield str(value)


def _values_in_url(text: str, more: Collection[str]) -> Iterator[str]:
    if match := _USER.match(text):
        name, colon, rest = match["who"].partition(":")
        is_clear = colon and "@" not in name
        found = {rest} if is_clear else {match["who"], name.partition("@")[0], rest}
        for one in {*found, *re.findall(r":([^:@/,]+)@", f":{rest}@")}:
            yield from {one, unquote(one)} - {""}
    for match in _PARAMETER.finditer(text):
        if is_secret(match["name"], more):
            yield from {match["value"], unquote(match["value"])}


def scrubbed(value: Any, secrets: Collection[str]) -> Any:
    """A text, or what holds texts, without the secrets: for what a driver says of itself or of its errors."""
    if isinstance(value, Mapping):
        return {scrubbed(name, secrets): scrubbed(one, secrets) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(one, secrets) for one in value]
    if isinstance(value, str):
        # The longest first: a secret may be part of another.
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= SCRUBBED_MIN:
                value = value.replace(secret, HIDDEN)
    return value


def merged(given: Mapping[str, Any], kept: Mapping[str, Any], more: Collection[str] = ()) -> dict[str, Any]:
    """``given`` put over ``kept`` (RFC 7396). ``***`` in the place of a secret leaves it as it was.

    RefusedError where there was none that could be left. A secret that was only left must not go to another address:
    who may change an account need not know its secrets, and could have them sent to himself.
    """
    errors: list[FieldError] = []
    result: dict[str, Any] = _merged(given, kept, hidden(kept, more), "options", errors, is_patch=True)
    if not errors:
        left = (secret_values(kept, more) & secret_values(result, more)) - secret_values(given, more)
        moved = sorted(_addresses(hidden(result, more), "options") - _addresses(hidden(kept, more), "options"))
        if left and moved:
            errors = [FieldError(place, "is another address: give the secrets anew with it") for place, _ in moved]
    if errors:
        raise RefusedError("the options are wrong", errors)
    return result


def _merged(given: Any, kept: Any, shown: Any, place: str, errors: list[FieldError], *, is_patch: bool) -> Any:
    if isinstance(given, Mapping):
        before: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
        seen: Mapping[str, Any] = shown if isinstance(shown, Mapping) else {}
        result = dict(before) if is_patch else {}
        for name, value in given.items():
            if value is None and is_patch:
                result.pop(name, None)
            else:
                there = f"{place}.{name}"
                result[name] = _merged(value, before.get(name), seen.get(name), there, errors, is_patch=is_patch)
        return result
    if isinstance(given, list | tuple):
        return [
            _merged(one, _at(kept, index), _at(shown, index), f"{place}[{index}]", errors, is_patch=False)
            for index, one in enumerate(given)
        ]
    if isinstance(given, str) and (given == HIDDEN or ("://" in given and HIDDEN in given)):
        if given == shown and kept is not None:
            return kept
        errors.append(FieldError(place[:300], f"{HIDDEN} stands for a secret that is not kept: give it itself"))
    return given


def _at(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, list | tuple) and index < len(value) else None


def _addresses(value: Any, place: str) -> frozenset[tuple[str, str]]:
    """(where it stands, URL) of all."""
    if isinstance(value, Mapping):
        return frozenset().union(*(_addresses(one, f"{place}.{name}") for name, one in value.items()))
    if isinstance(value, list | tuple):
        return frozenset().union(*(_addresses(one, f"{place}[{index}]") for index, one in enumerate(value)))
    return frozenset({(place, value)}) if isinstance(value, str) and "://" in value else frozenset()
