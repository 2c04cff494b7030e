"""The switches of several simulated clouds, whose hosts may be called the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nfvigil.controller.fencing.simulated import SimulatedFence, SimulatedFences
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import FenceUnavailableError, FieldError, RefusedError


class SimulatedClouds:
    """A fence's option ``cloud`` says in which one its host is; it may be left out where one only has a host of its
    name. Of a host that none has, nobody knows whether it is off.
    """

    def __init__(self, *, clouds: Mapping[str, SimulatedVim]) -> None:
        self._clouds = clouds

    def from_options(self, host: str, options: Mapping[str, Any], clock: Callable[[], int]) -> SimulatedFence:
        named = options.get("cloud")
        if named is not None and named not in self._clouds:
            known = ", ".join(sorted(self._clouds))
            raise RefusedError("the fence is wrong", [FieldError("cloud", f"is none of: {known}")])
        clouds = self._clouds.values() if named is None else (self._clouds[named],)

        def cloud() -> SimulatedVim:
            having = [one for one in clouds if one.has_host(host)]
            if len(having) != 1:
                number = f"{len(having)} simulated clouds have" if having else "no simulated cloud has"
                raise FenceUnavailableError(f"{number} a host {host}")
            return having[0]

        fences = SimulatedFences(
            power=lambda name: cloud().is_powered(name), switch=lambda name: _switch_off(cloud(), name)
        )
        return fences.from_options(host, {key: value for key, value in options.items() if key != "cloud"}, clock)


def _switch_off(cloud: SimulatedVim, host: str) -> None:
    cloud.power(host, False)
