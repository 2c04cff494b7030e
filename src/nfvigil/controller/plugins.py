"""Finds VIM drivers and action kinds, ours and third parties', by their entry points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol

from nfvigil.controller.vim import ActionPlugin, Vim
from nfvigil.errors import FieldError, RefusedError

VIMS = "nfvigil.vims"
ACTIONS = "nfvigil.actions"


class Driver(Protocol):
    """What an entry point of ``nfvigil.vims`` leads to: usually a class."""

    def from_options(self, name: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Vim:
        """RefusedError names every option that is unknown or wrong."""


def open_vim(*, driver: str, name: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Vim:
    """The VIM of this name, by the driver of that name."""
    found = entry_points(group=VIMS)
    if driver not in found.names:
        known = ", ".join(sorted(found.names))
        raise RefusedError(f"the VIM {name} cannot be used", [FieldError("driver", f"{driver!r} is none of: {known}")])
    maker: Driver = found[driver].load()
    return maker.from_options(name, options, clock)


def action_plugins() -> dict[str, ActionPlugin]:
    """Kinds of action that third parties have added, by kind."""
    return {point.name: point.load() for point in entry_points(group=ACTIONS)}
