"""Database addresses: which database, and how each driver wants it spelt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from nfvigil.errors import SettingsError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


@dataclass(frozen=True, slots=True)
class Address:
    """A database address that was found good."""

    url: URL

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(self.url.database or "")

    @property
    def for_reading(self) -> URL:
        return self.url.set(drivername=_DRIVERS[self.url.get_backend_name()])

    @property
    def dsn(self) -> str:
        """As libpq and asyncpg spell it."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def place(self) -> str:
        """Where the server is."""
        return f"postgresql://{self.url.host or 'localhost'}:{self.url.port or 5432}"

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


def parse(text: str) -> Address:
    """Raises SettingsError where ``text`` names no database that we can use."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    # What stands behind an "@" in a password is taken for the host and port; errors of the libraries repeat it.
    if url is None or "@" in (url.host or ""):
        raise SettingsError(
            "the database URL cannot be read: write sqlite:///path or postgresql://user@host:port/name, "
            "with what is special in a password escaped (%40 for @)"
        )
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise SettingsError(f"the database must be sqlite or postgresql, not {backend}")
    if backend == "sqlite" and (not url.database or url.database == ":memory:"):
        raise SettingsError("an SQLite database needs a file: sqlite:////var/lib/nfvigil/nfvigil.db")
    return Address(url.set(drivername=backend))
