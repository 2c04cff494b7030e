"""The switches of the simulated cloud's hosts, and how they go wrong in tests and rehearsals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from enum import StrEnum
from typing import Any

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.options import OptionReader
from nfvigil.errors import FenceUnavailableError


class FenceFailure(StrEnum):
    UNREACHABLE = "unreachable"
    """No call is answered."""
    LIES_OFF_ONCE = "lies-off-once"
    """The next reading says "off", whatever is true; then this is over."""
    IGNORES_ORDER = "ignores-order"
    """Orders are taken, and nothing happens."""


class SimulatedFence:
    driver = "simulated"
    is_manual = False

    def __init__(
        self,
        *,
        host: str,
        power: Callable[[str], bool],
        switch: Callable[[str], None],
        failures: MutableMapping[str, FenceFailure],
    ) -> None:
        self.host = host
        self._is_on = power
        self._switch = switch
        self._failures = failures

    async def power(self) -> Power:
        failure = self._reach()
        if failure is FenceFailure.LIES_OFF_ONCE:
            del self._failures[self.host]
            return Power.OFF
        return Power.ON if self._is_on(self.host) else Power.OFF

    async def switch_off(self) -> None:
        if self._reach() is not FenceFailure.IGNORES_ORDER:
            self._switch(self.host)

    def _reach(self) -> FenceFailure | None:
        failure = self._failures.get(self.host)
        if failure is FenceFailure.UNREACHABLE:
            raise FenceUnavailableError(f"the simulated BMC of {self.host} does not answer")
        return failure

    async def close(self) -> None:
        """Nothing is open."""


class SimulatedFences:
    """Makes the fences of one simulated cloud. A driver that is wired by hand: it needs the cloud itself."""

    def __init__(self, *, power: Callable[[str], bool], switch: Callable[[str], None]) -> None:
        self._power = power
        """Whether the host of that name is on."""
        self._switch = switch
        """Takes the power from the host of that name."""
        self.failures: dict[str, FenceFailure] = {}
        """What goes wrong, by host."""

    def from_options(self, host: str, options: Mapping[str, Any], clock: Callable[[], int]) -> SimulatedFence:
        OptionReader(host=host, driver=SimulatedFence.driver, options=options).done()
        return SimulatedFence(host=host, power=self._power, switch=self._switch, failures=self.failures)
