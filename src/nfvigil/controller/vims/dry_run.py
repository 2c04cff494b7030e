"""Looks at a real cloud and changes nothing in it: says what would be done instead."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Self

from nfvigil.controller.plugins import open_vim
from nfvigil.controller.vim import Tap, Tappable, Vim, checked, described, listed, names_of
from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.action import Action, Outcome
from nfvigil.model.answers import CheckItem
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, MapChange, Snapshot

RECORDED_MAX = 10_000
_OPTIONS = {"driver", "options"}


class DryRunVim:
    """``inner`` is the cloud that is looked at. ``recorded`` holds the last actions that were asked for."""

    def __init__(self, *, inner: Vim) -> None:
        self.inner = inner
        self.recorded: deque[Action] = deque(maxlen=RECORDED_MAX)

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Self:
        """``driver`` and its ``options`` say which cloud is looked at."""
        errors = [
            FieldError(option, "is not an option; there are driver, options") for option in options.keys() - _OPTIONS
        ]
        driver, inner_options = options.get("driver", "simulated"), options.get("options", {})
        if not isinstance(driver, str) or driver == "dry-run":
            errors.append(FieldError("driver", "names the driver of the cloud that is looked at"))
        if not isinstance(inner_options, Mapping):
            errors.append(FieldError("options", "is a mapping: the options of that driver"))
        if errors:
            raise RefusedError(f"the options of the dry run {name} are wrong", errors)
        return cls(inner=open_vim(driver=driver, name=name, options=inner_options, clock=clock))

    @property
    def name(self) -> str:
        return self.inner.name

    async def snapshot(self) -> Snapshot:
        return await self.inner.snapshot()

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        return await listed(self.inner, details)

    def changes(self) -> AsyncIterator[MapChange | None]:
        return self.inner.changes()

    def tap(self, tap: Tap) -> None:
        if isinstance(self.inner, Tappable):
            self.inner.tap(tap)

    async def perform(self, action: Action) -> Outcome:
        self.recorded.append(action)
        what = f"restore {action.before or 'unset'} on" if action.undo_of else "do it to"
        return Outcome(changed=False, text=f"dry run: {action.kind} would {what} {action.target}")

    async def show(self, key: str) -> dict[str, Any]:
        return await self.inner.show(key)

    async def read(self, key: str) -> CloudRecord:
        return await self.inner.read(key)

    async def check(self) -> Sequence[CheckItem]:
        return await checked(self.inner)

    def describe(self) -> Mapping[str, Any]:
        return {"driver": "dry-run", "inner": dict(described(self.inner))}

    async def projects_by_id(self) -> Mapping[str, str]:
        return await names_of(self.inner)

    async def close(self) -> None:
        await self.inner.close()
