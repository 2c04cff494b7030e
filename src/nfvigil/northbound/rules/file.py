"""The operators' policy file: read at the start, and again when it has changed or somebody says so (SIGHUP)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.identity import Identity
from nfvigil.northbound.rules.checks import read_overrides
from nfvigil.northbound.rules.permissions import Permissions
from nfvigil.northbound.rules.rule import Rule

LOOK_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class PolicyFile:
    """The rules in force. SettingsError where the file is wrong at the start; later a wrong one changes nothing."""

    def __init__(self, *, rules: Sequence[Rule], path: Path | None, look_seconds: float = LOOK_SECONDS) -> None:
        self._rules = rules
        self._path = path
        self._look_seconds = look_seconds
        self._seen = self._stamp()
        self._in_force = Permissions(rules, read_file(path))
        self._is_asked = asyncio.Event()
        self._warn()

    def may(self, rule: str, caller: Identity) -> bool:
        return self._in_force.may(rule, caller)

    def takers(self, rule: str) -> Sequence[str]:
        return self._in_force.takers(rule)

    def read_again(self) -> bool:
        """Whether what the file holds now is in force."""
        self._seen = self._stamp()
        try:
            self._in_force = Permissions(self._rules, read_file(self._path))
        except SettingsError as error:
            _log.error("the policy file is wrong: the rules stay as they were", reason=str(error))
            return False
        _log.info("the policy file was read again", overridden=len(self._in_force.overrides))
        self._warn()
        return True

    async def run(self) -> None:
        """Look at the file now and then, until cancelled."""
        if self._path is None:
            return
        loop = asyncio.get_running_loop()
        # Only a process's main thread hears signals; elsewhere the looking has to do.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(signal.SIGHUP, self._is_asked.set)
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_seconds):
                        await self._is_asked.wait()
                if self._is_asked.is_set() or self._stamp() != self._seen:
                    self._is_asked.clear()
                    # A long file takes a while, and events are not to wait for it.
                    await asyncio.to_thread(self.read_again)
        finally:
            with suppress(ValueError, RuntimeError, NotImplementedError):
                loop.remove_signal_handler(signal.SIGHUP)

    def _stamp(self) -> tuple[int, int, int] | None:
        """Which state of the file it is: an editor may write a new file in its place."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _warn(self) -> None:
        for warning in self._in_force.warnings():
            _log.warning(warning)


def read_file(path: Path | None) -> dict[str, str]:
    """What it overrides; nothing where there is none."""
    if path is None:
        return {}
    try:
        return read_overrides(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "the policy file cannot be read", [FieldError("access.policy_file", f"{path}: {error}")]
        ) from error
