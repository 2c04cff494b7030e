"""Reads a fence's options: every one that is unknown or wrong is told at once, by its name and without its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nfvigil.controller.fencing.password import Password
from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.secret import Secret

PASSWORDS = ("password", "password_file", "password_env")


class OptionReader:
    def __init__(self, *, host: str, driver: str, options: Mapping[str, Any]) -> None:
        self._host = host
        self._driver = driver
        self._options = options
        self._known: set[str] = set()
        self._errors: list[FieldError] = []

    def done(self) -> None:
        """RefusedError with everything that was wrong; what was not asked for is unknown."""
        for name in self._options:
            if name not in self._known:
                known = ", ".join(sorted(self._known)) or "none"
                self.wrong(name, f"is not known to the driver {self._driver}; known are {known}")
        if self._errors:
            raise RefusedError(f"the fence of {self._host} cannot be used", self._errors)

    def wrong(self, name: str, reason: str) -> None:
        self._errors.append(FieldError(name, reason))

    def optional_whole(self, name: str, *, low: int, high: int) -> int | None:
        self._known.add(name)
        return None if self._options.get(name) is None else self.whole(name, low, low=low, high=high)

    def text(self, name: str, default: str | None = None, *, bytes_max: int = 1024) -> str:
        """Text of one line. Without a default it is needed."""
        value = self._take(name, default)
        if value is None:
            self.wrong(name, "is needed")
            return ""
        if not isinstance(value, str) or not value.isprintable() or not 0 <= len(value.encode()) <= bytes_max:
            self.wrong(name, f"must be text of one line, up to {bytes_max} bytes")
            return ""
        return value

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.wrong(name, f"must be a number from {low:g} to {high:g}")
            return default
        return value

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.number(name, default, low=low, high=high)
        if not isinstance(value, int):
            self.wrong(name, "must be a whole number")
            return default
        return value

    def flag(self, name: str) -> bool:
        value = self._take(name, False)
        if not isinstance(value, bool):
            self.wrong(name, "must be true or false")
        return value is True

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of the choices; the first is the default."""
        value = self._take(name, choices[0])
        if value not in choices:
            self.wrong(name, f"must be one of {', '.join(choices)}")
            return choices[0]
        return str(value)

    def password(self, *, bytes_max: int = 1024) -> Password:
        """From ``password``, ``password_file`` or ``password_env``. It is read once here, to know that it is there."""
        given = [name for name in PASSWORDS if self._options.get(name) is not None]
        if len(given) != 1:
            reason = f"one of {', '.join(PASSWORDS)} is needed" + (f", not {' and '.join(given)}" if given else "")
            self.wrong(given[-1] if given else "password", reason)
        self._known.update(PASSWORDS)
        stated = self._options.get("password")
        if stated is not None and not isinstance(stated, str | Secret):
            self.wrong("password", "must be text; write it in quotes")
            return Password()
        password = Password(
            stated=Secret(stated) if isinstance(stated, str) else stated,
            file=self.text("password_file", ""),
            variable=self.text("password_env", ""),
            bytes_max=bytes_max,
        )
        if len(given) == 1 and (trouble := password.trouble()):
            self.wrong(given[0], trouble)
        return password

    def _take(self, name: str, default: Any) -> Any:
        self._known.add(name)
        value = self._options.get(name)
        return default if value is None else value
