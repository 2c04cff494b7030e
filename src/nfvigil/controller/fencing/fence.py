"""A fence: what can switch one host off, and say whether it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

FENCES = "nfvigil.fences"
"""Entry points of the drivers."""


class Power(StrEnum):
    ON = "on"
    OFF = "off"


class Fence(Protocol):
    """One host's switch, usually its BMC.

    All calls raise FenceUnavailableError where the BMC cannot be reached or says that it cannot at the moment (its
    power state is then unknown, which is never "off"), and RefusedError where it will never do this (credentials,
    no such system).
    """

    @property
    def host(self) -> str:
        """Whose switch it is. A proof takes the name from here, so that it cannot name another host."""

    @property
    def driver(self) -> str:
        """How it is switched: redfish, ipmi, manual, ..."""

    @property
    def is_manual(self) -> bool:
        """Whether an operator switches, and says so, instead of a machine that can be asked."""

    async def power(self) -> Power:
        """What the BMC says now, asked anew at each call."""

    async def switch_off(self) -> None:
        """Ask for the power to go at once, without waiting for an operating system. Off already is success.

        It returns when the order was taken: whether the power went is for ``power`` to say.
        """

    async def close(self) -> None:
        """Let go of connections and files."""


class FenceDriver(Protocol):
    """What an entry point of ``nfvigil.fences`` leads to: usually a class."""

    def from_options(self, host: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Fence:
        """RefusedError names every option that is unknown or wrong. Nothing is connected to yet.

        It is also called to check a file of fences, and what it returns is thrown away then.
        """
