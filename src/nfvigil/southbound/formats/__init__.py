"""Others' messages read as raw events. A format is a plugin of the group ``nfvigil.formats``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nfvigil.entry_points import entry_points
from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.raw import Item

GROUP = "nfvigil.formats"


class Format(Protocol):
    """Reads one body. Raises RefusedError where there is no telling one event from the next; what is wrong
    with a single event is a Refusal in its place, or is left for intake to find.
    """

    name: str

    def decode(self, body: bytes) -> Sequence[Item]:
        """The events of ``body`` in its order."""


def load_formats(options: Mapping[str, Mapping[str, Any]] | None = None) -> Mapping[str, Format]:
    """Every installed format by its name; one that cannot be loaded stops the start, with its name.

    ``options`` are the settings of formats by name: what is set is handed to the format's class by name.
    """
    options = options or {}
    formats: dict[str, Format] = {}
    for entry in entry_points(group=GROUP):
        try:
            formats[entry.name] = entry.load()(**options.get(entry.name, {}))
        except SettingsError as error:
            wrong = [FieldError(f"formats.{entry.name}.{one.field}", one.reason) for one in error.errors]
            raise SettingsError(error.message, wrong) from error
        except Exception as error:
            raise SettingsError(f"format {entry.name} ({entry.value}) cannot be loaded: {error}") from error
    if unknown := sorted(options.keys() - formats.keys()):
        known = ", ".join(sorted(formats))
        wrong = [FieldError(f"formats.{name}", f"there is no such format; installed are: {known}") for name in unknown]
        raise SettingsError("the settings are wrong", wrong)
    return formats
