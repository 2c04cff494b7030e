"""One BMC over Redfish: a session that is kept, and made again after a failure. Blocking; one call at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import sushy  # type: ignore[import-untyped]  # it ships no types
from sushy import exceptions
from sushy.auth import SessionOrBasicAuth  # type: ignore[import-untyped]  # sushy has no types
from sushy.connector import Connector  # type: ignore[import-untyped]  # likewise

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.password import Password
from nfvigil.errors import FenceUnavailableError, NfvigilError, RefusedError

CONNECT_SECONDS_MAX = 5.0
_TEXT_MAX = 200
_NAMES_MAX = 10

Answer = TypeVar("Answer")


class RedfishSession:
    """What it raises is of our errors. Its thread may be left behind by a caller who cannot wait any longer."""

    def __init__(
        self,
        *,
        address: str,
        username: str,
        password: Password,
        system: str,
        verify: bool | str,
        timeout_seconds: float,
    ) -> None:
        self._address = address
        self._username = username
        self._password = password
        self._wanted = system
        self._verify = verify
        self._timeout_seconds = timeout_seconds
        self._auth: Any = None
        self._connector: Any = None
        self._system: Any = None
        self.is_closed = False
        """Set by the owner, at any time: no login is made any more, and the call that still runs lets go at its end."""

    @property
    def is_open(self) -> bool:
        return self._auth is not None

    def power(self) -> Power:
        state = self._call(self._read)
        if state is None:
            raise FenceUnavailableError(f"{self._address} does not say whether the system is on")
        # PoweringOff, PoweringOn and Paused: it still runs, or may go on running.
        return Power.OFF if state is sushy.PowerState.OFF else Power.ON

    def force_off(self) -> None:
        self._call(self._order)

    def drop(self) -> None:
        """Log out, as BMCs have few sessions, and forget the connection."""
        auth, connector = self._auth, self._connector
        self._auth = self._connector = self._system = None
        if auth is None:
            return
        with suppress(exceptions.SushyError):
            auth.close()
        # sushy logs out when its objects are collected, which would block whoever happens to run at that moment.
        auth.reset_session_attrs()
        connector.close()

    def _read(self, system: Any) -> Any:
        # Without force it would show what it has read before.
        system.refresh(force=True)
        return system.power_state

    def _order(self, system: Any) -> None:
        # Some BMCs refuse to switch off what is off.
        if self._read(system) is not sushy.PowerState.OFF:
            system.reset_system(sushy.ResetType.FORCE_OFF)

    def _call(self, do: Callable[[Any], Answer]) -> Answer:
        try:
            was_open = self._system is not None
            try:
                return do(self._open())
            except exceptions.AccessError:
                if not was_open:
                    raise
                # The session or the password has ended since; the password may be another one now.
                self.drop()
                return do(self._open())
        except NfvigilError:
            self.drop()
            raise
        except exceptions.SushyError as error:
            self.drop()
            raise self._meaning(error) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Answers that are no Redfish end in whatever they lead to in the library.
            self.drop()
            raise FenceUnavailableError(f"{self._address} was not understood: {type(error).__name__}") from error
        finally:
            if self.is_closed:
                self.drop()

    def _open(self) -> Any:
        if self._system is not None:
            return self._system
        if self.is_closed:
            raise FenceUnavailableError(f"the fence at {self._address} is closed")
        connector = Connector(
            self._address,
            verify=self._verify,
            # 0 means many: one try and no more, as whoever called has a deadline and tries again.
            server_side_retries=1,
            default_request_timeout=self._timeout_seconds,
            connect_timeout=min(self._timeout_seconds, CONNECT_SECONDS_MAX),
        )
        # Neither proxies nor passwords of the environment: BMCs stand in a network of their own.
        connector._session.trust_env = False
        auth = SessionOrBasicAuth(username=self._username, password=self._password.read().reveal())
        root = sushy.Sushy(self._address, auth=auth, connector=connector)
        self._auth, self._connector = auth, connector
        self._system = root.get_system(self._find(root))
        return self._system

    def _find(self, root: Any) -> str:
        """The path of the system: as it is wanted, or the only one."""
        if self._wanted.startswith("/"):
            return self._wanted
        paths = [str(path) for path in root.get_system_collection().members_identities]
        if not paths:
            raise FenceUnavailableError(f"{self._address} lists no system at the moment")
        found = [path for path in paths if not self._wanted or path.rstrip("/").rpartition("/")[2] == self._wanted]
        if len(found) == 1:
            return found[0]
        names = ", ".join(path.rstrip("/").rpartition("/")[2][:_TEXT_MAX] for path in paths[:_NAMES_MAX])
        if not self._wanted:
            raise RefusedError(f"{self._address} has several systems, say which one (system): {names}")
        raise RefusedError(f"{self._address} has no system {self._wanted!r}, but {names}")

    def _meaning(self, error: Exception) -> NfvigilError:
        where = self._address
        if isinstance(error, exceptions.AccessError | exceptions.MissingXAuthToken):
            return RefusedError(f"{where} refuses the user {self._username!r} or its password")
        if isinstance(error, exceptions.ResourceNotFoundError):
            return RefusedError(f"{where} has no such system or service: {_short(error)}")
        if isinstance(error, exceptions.InvalidParameterValueError | exceptions.MissingActionError):
            return RefusedError(f"{where} cannot force a system off: {_short(error)}")
        if isinstance(error, exceptions.HTTPError):
            said = error.detail or "no reason"
            if error.status_code in (405, 501):
                return RefusedError(f"{where} cannot do this: {str(said)[:_TEXT_MAX]}")
            return FenceUnavailableError(f"{where} answered {error.status_code}: {str(said)[:_TEXT_MAX]}")
        if isinstance(error, exceptions.ConnectionError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return RefusedError(f"the certificate of {where} cannot be verified (cacert): {_short(error)}")
        return FenceUnavailableError(f"{where} cannot be reached: {_short(error)}")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:_TEXT_MAX]
