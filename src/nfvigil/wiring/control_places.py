"""Which services NFVigil itself works with, so that no webhook is sent there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nfvigil.controller.fencing.registry import Fences
from nfvigil.controller.vim import Vim, places_of
from nfvigil.settings import Settings
from nfvigil.store.address import parse


def control_places(settings: Settings, vims: Iterable[Vim], fences: Fences) -> Iterator[str]:
    """Our own door, the database, the services of the clouds, the switches of the hosts."""
    if settings.port:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"{host}:{settings.port}"
    address = parse(settings.database_url)
    if not address.is_sqlite:
        yield address.place
    for vim in vims:
        yield from places_of(vim)
    yield from fences.places()
