"""A secret: text that does not print, so that no log line, error or table shows it by accident."""

from __future__ import annotations

import hmac
from typing import Never

_SHOWN = "***"


class Secret:
    """Holds a password or key. Whoever really needs the text asks for it: ``reveal()``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return _SHOWN

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __reduce__(self) -> Never:
        # A pickle, or a copy through one, would hold the text in the open.
        raise TypeError("a secret is not written down")
