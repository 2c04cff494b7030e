"""What the projects of each cloud are called, as far as its driver can say: ONAP names a tenant by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from nfvigil.errors import NfvigilError
from nfvigil.model.times import SECOND
from nfvigil.model.ves import VesConfig

AGAIN_SECONDS = 60.0
"""Names that nobody knows are not asked for at every listing."""
ASK_SECONDS = 10.0
_log = structlog.get_logger(__name__)


class ProjectNames:
    """``ask`` asks the cloud."""

    def __init__(self, *, ask: Callable[[str], Awaitable[Mapping[str, str]]], clock: Callable[[], int]) -> None:
        self._ask = ask
        self._clock = clock
        self._names: dict[str, Mapping[str, str]] = {}
        self._asked_us: dict[str, int] = {}

    def of(self, vim: str) -> Mapping[str, str]:
        """By id, from memory."""
        return self._names.get(vim, {})

    async def look(self, config: VesConfig, *, at_once: bool = False) -> None:
        """Ask for them if the configuration needs names that are not known. Where the cloud does not say, what is
        known stays.
        """
        wanted = {one.tenant for one in config.backlogs if one.tenant and not one.tenantid}
        vim = config.vim
        if wanted <= {*self.of(vim), *self.of(vim).values()}:
            return
        since_us = self._clock() - self._asked_us.get(vim, 0)
        if not at_once and 0 <= since_us < AGAIN_SECONDS * SECOND:
            return
        self._asked_us[vim] = self._clock()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                self._names[vim] = await self._ask(vim)
        except (NfvigilError, TimeoutError) as error:
            _log.warning("the projects' names are not known", vim=vim, reason=str(error) or type(error).__name__)
