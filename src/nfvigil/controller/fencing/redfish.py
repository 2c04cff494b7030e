"""Switches a host off by its BMC's Redfish service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.one_thread import OneThread
from nfvigil.controller.fencing.options import OptionReader
from nfvigil.controller.fencing.redfish_session import RedfishSession
from nfvigil.errors import FenceUnavailableError

_CLOSE_SECONDS = 3.0


class RedfishFence:
    driver = "redfish"
    is_manual = False

    def __init__(self, *, host: str, session: RedfishSession, timeout_seconds: float) -> None:
        self.host = host
        self._session = session
        self._thread = OneThread(name=f"the BMC of {host}")
        self._timeout_seconds = timeout_seconds

    @classmethod
    def from_options(cls, host: str, options: Mapping[str, Any], clock: Callable[[], int]) -> RedfishFence:
        read = OptionReader(host=host, driver=cls.driver, options=options)
        insecure, cacert = read.flag("insecure"), read.text("cacert", "")
        address = read.text("address")
        if address and (wrong := _wrong_address(address, insecure)):
            read.wrong("address", wrong)
        if cacert and insecure:
            read.wrong("cacert", "is of no use with insecure")
        elif cacert and not Path(cacert).exists():
            read.wrong("cacert", f"there is no file {cacert}")
        timeout_seconds = read.number("timeout", 10.0, low=0.1, high=120)
        session = RedfishSession(
            address=address.rstrip("/"),
            username=read.text("username"),
            password=read.password(),
            system=read.text("system", ""),
            verify=cacert or not insecure,
            timeout_seconds=timeout_seconds,
        )
        read.done()
        return cls(host=host, session=session, timeout_seconds=timeout_seconds)

    async def power(self) -> Power:
        return await self._thread.run(self._session.power, timeout_seconds=self._timeout_seconds)

    async def switch_off(self) -> None:
        await self._thread.run(self._session.force_off, timeout_seconds=self._timeout_seconds)

    async def close(self) -> None:
        self._session.is_closed = True
        if self._session.is_open:
            # If a call hangs still, it logs out when it ends.
            with suppress(FenceUnavailableError):
                await self._thread.run(self._session.drop, timeout_seconds=_CLOSE_SECONDS)


def _wrong_address(address: str, insecure: bool) -> str:
    try:
        url = urlsplit(address)
        port_is_good = url.port is None or url.port > 0
    except ValueError:
        return "is no URL"
    if url.scheme not in ("https", "http") or not url.hostname or not port_is_good:
        return "must be a URL such as https://10.0.0.11"
    if url.scheme == "http" and not insecure:
        return "must be https: a password would go over the wire in the open (insecure allows it)"
    if url.username is not None or url.path.strip("/") or url.query or url.fragment:
        return "is the scheme, host and port only"
    return ""
