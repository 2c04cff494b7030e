"""Finds VIM drivers and action kinds, ours and third parties', by their entry points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from nfvigil.controller.vim import ActionPlugin, Tap, Tappable, Vim
from nfvigil.controller.vims.suffixed import SuffixedVim
from nfvigil.entry_points import entry_points
from nfvigil.errors import FieldError, RefusedError

VIMS = "nfvigil.vims"
ACTIONS = "nfvigil.actions"


class Driver(Protocol):
    """What an entry point of ``nfvigil.vims`` leads to: usually a class.

    It may have an attribute ``SECRETS``, the names of those of its options that nobody is to see. Names such as
    ``password`` are never shown anyway.
    """

    def from_options(self, name: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Vim:
        """RefusedError names every option that is unknown or wrong."""


class Points(Protocol):
    """Entry points by name."""

    @property
    def names(self) -> Collection[str]: ...
    def __getitem__(self, name: str, /) -> Point: ...


class Point(Protocol):
    def load(self) -> Any: ...


class Drivers:
    """The VIM drivers that are installed. ``tap`` hears what the clouds tell, where a driver listens."""

    def __init__(self, *, points: Points | None = None, tap: Tap | None = None) -> None:
        self._points: Points = entry_points(group=VIMS) if points is None else points
        self._tap = tap

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._points.names))

    def open(
        self, *, driver: str, name: str, options: Mapping[str, Any], clock: Callable[[], int], host_suffix: str = ""
    ) -> Vim:
        """The VIM of this name, by the driver of that name; with ``host_suffix`` behind its hosts' names."""
        if driver not in self._points.names:
            known = ", ".join(self.names)
            raise RefusedError(
                f"the VIM {name} cannot be used", [FieldError("driver", f"{driver!r} is none of: {known}")]
            )
        maker: Driver = self._points[driver].load()
        vim = maker.from_options(name, options, clock)
        if self._tap is not None and isinstance(vim, Tappable):
            vim.tap(self._tap)
        return SuffixedVim(inner=vim, suffix=host_suffix) if host_suffix else vim

    def secret_names(self, driver: str, options: Mapping[str, Any]) -> frozenset[str]:
        """What the driver calls secret, and so does one that it is told to use (``options["driver"]``)."""
        names: set[str] = set()
        for one in {driver, str(options.get("driver"))} & set(self._points.names):
            names.update(getattr(self._points[one].load(), "SECRETS", ()))
        return frozenset(names)


def open_vim(
    *, driver: str, name: str, options: Mapping[str, Any], clock: Callable[[], int], host_suffix: str = ""
) -> Vim:
    return Drivers().open(driver=driver, name=name, options=options, clock=clock, host_suffix=host_suffix)


def action_plugins() -> dict[str, ActionPlugin]:
    """Kinds of action that third parties have added, by kind."""
    return {point.name: point.load() for point in entry_points(group=ACTIONS)}
