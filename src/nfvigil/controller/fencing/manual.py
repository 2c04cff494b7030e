"""A host without a switch that we can reach: an operator switches it off, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Never

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.options import OptionReader
from nfvigil.errors import FenceUnavailableError


class ManualFence:
    driver = "manual"
    is_manual = True

    def __init__(self, *, host: str) -> None:
        self.host = host

    @classmethod
    def from_options(cls, host: str, options: Mapping[str, Any], clock: Callable[[], int]) -> ManualFence:
        OptionReader(host=host, driver=cls.driver, options=options).done()
        return cls(host=host)

    async def power(self) -> Power:
        self._ask()

    async def switch_off(self) -> None:
        self._ask()

    def _ask(self) -> Never:
        raise FenceUnavailableError(f"an operator has to confirm that {self.host} is off")

    async def close(self) -> None:
        """Nothing is open."""
