"""Others' messages read as raw events. A format is a plugin of the group ``nfvigil.formats``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Protocol

from nfvigil.errors import SettingsError
from nfvigil.model.raw import RawEvent, Refusal

GROUP = "nfvigil.formats"


class Format(Protocol):
    """Reads one body. Raises RefusedError where there is no telling one event from the next; what is wrong
    with a single event is a Refusal in its place, or is left for intake to find.
    """

    name: str

    def decode(self, body: bytes) -> Sequence[RawEvent | Refusal]:
        """The events of ``body`` in its order."""


def load_formats() -> Mapping[str, Format]:
    """Every installed format by its name; one that cannot be loaded stops the start, with its name."""
    formats: dict[str, Format] = {}
    for entry in entry_points(group=GROUP):
        try:
            formats[entry.name] = entry.load()()
        except Exception as error:
            raise SettingsError(f"format {entry.name} ({entry.value}) cannot be loaded: {error}") from error
    return formats
