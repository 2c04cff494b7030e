"""Logs in at Keystone, keeps the token fresh, and knows where the services are."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack.breaker import Breaker
from nfvigil.controller.vims.openstack.options import Options
from nfvigil.errors import RefusedError, VimUnavailableError
from nfvigil.model.secret import Secret
from nfvigil.model.times import SECOND

SERVICES = ("compute", "network", "block-storage")
RENEW_US = 120 * SECOND
"""How long before its end a token is renewed."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    token: Secret
    expires_us: int
    user: str = ""
    user_id: str = ""
    project: str = ""
    domain_id: str = ""
    """Of the project, or of the user where the login is for none."""
    roles: tuple[str, ...] = ()
    endpoints: dict[str, str] = {}
    """By service type; what the catalogue does not have is not in it."""


class Session:
    """keystoneauth knows every way to log in, but blocks: it works in a thread, one login at a time."""

    def __init__(
        self, *, name: str, options: Options, clock: Callable[[], int], services: Sequence[str] = SERVICES
    ) -> None:
        self.name = name
        self._options = options
        self._services = services
        self._clock = clock
        self._lock = asyncio.Lock()
        self._breaker = Breaker(failures_max=2)
        self._login: Login | None = None
        self._region: Any = None
        self._keystone: Any = None
        self._cacert_file: Path | None = None
        self._tls: ssl.SSLContext | bool = True

    def places(self) -> Sequence[str]:
        """Where Keystone and the services of the catalogue are, as far as they are known."""
        given = self._options.auth.get("auth_url")
        at = [given.reveal()] if given is not None else []
        if self._keystone is not None and (url := getattr(self._keystone.auth, "auth_url", None)):
            at.append(str(url))
        return [*at, *(self._login.endpoints.values() if self._login is not None else ())]

    def tls(self) -> ssl.SSLContext | bool:
        """How the services' certificates are checked; known after the first login."""
        return self._tls

    async def login(self, refused: Secret | None = None) -> Login:
        """The present one; a new one where it is about to end, or where its token was ``refused``."""
        login = self._login
        if login is not None and login.token != refused and self._clock() < login.expires_us - RENEW_US:
            return login
        async with self._lock:
            login = self._login
            if login is not None and login.token != refused:
                if self._clock() < login.expires_us - RENEW_US:
                    return login
                try:
                    self._login = await self._log_in()
                except VimUnavailableError:
                    if self._clock() >= login.expires_us:
                        raise
                    return login  # Keystone is away, but what it gave us still holds.
            else:
                self._login = None
                self._login = await self._log_in()
            return self._login

    async def close(self) -> None:
        if self._cacert_file is not None:
            self._cacert_file.unlink(missing_ok=True)
            self._cacert_file = None
        if self._keystone is not None:
            with suppress(Exception):
                self._keystone.session.close()

    async def _log_in(self) -> Login:
        now = asyncio.get_running_loop().time
        wait = self._breaker.ask(now())
        if wait > 0:
            raise VimUnavailableError(f"{self.name}: Keystone did not answer; it is asked again later", wait)
        try:
            async with asyncio.timeout(self._options.timeout_seconds + 1):
                login = await asyncio.to_thread(self._ask_keystone)
        except (VimUnavailableError, TimeoutError) as error:
            self._breaker.missed(now())
            text = str(error) or f"{self.name}: Keystone did not answer within {self._options.timeout_seconds:g} s"
            raise VimUnavailableError(text) from error
        except BaseException:
            self._breaker.dropped()
            raise
        self._breaker.answered()
        return login

    # In the thread

    def _ask_keystone(self) -> Login:
        exceptions, ConfigException = _errors()
        try:
            if self._keystone is None:
                self._open()
            auth = self._keystone.auth
            auth.invalidate()
            access = auth.get_access(self._keystone)
            return Login(
                token=Secret(access.auth_token),
                expires_us=int(access.expires.timestamp()) * SECOND,
                user=access.username or access.user_id or "",
                user_id=access.user_id or "",
                project=access.project_name or access.project_id or "",
                domain_id=access.project_domain_id or access.user_domain_id or "",
                roles=tuple(access.role_names or ()),
                endpoints=self._endpoints(access),
            )
        except ConfigException as error:
            raise RefusedError(f"{self.name}: {error}") from error
        except (exceptions.http.HttpServerError, exceptions.ConnectionError, exceptions.DiscoveryFailure) as error:
            raise VimUnavailableError(f"{self.name}: Keystone cannot be asked: {error}") from error
        except exceptions.ClientException as error:
            if getattr(error, "http_status", 0) == 429:
                raise VimUnavailableError(f"{self.name}: Keystone is asked too often: {error}") from error
            raise RefusedError(f"{self.name}: Keystone refuses to log us in: {error}") from error
        except TypeError as error:
            # keystoneauth hands the fields of auth to a constructor.
            raise RefusedError(f"{self.name}: auth does not fit {self._options.auth_type}: {error}") from error

    def _open(self) -> None:
        """Read clouds.yaml. What it takes to import is only paid by who has an OpenStack."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about parts of openstacksdk that nobody here asked for
            from openstack.config import OpenStackConfig

            options = self._options
            wishes: dict[str, Any] = {"api_timeout": options.timeout_seconds}
            if options.region:
                wishes["region_name"] = options.region
            if options.interface:
                wishes["interface"] = options.interface
            if options.cacert or options.cacert_content:
                wishes["cacert"] = options.cacert or str(self._write_cacert())
            if options.insecure:
                wishes["verify"] = False
            if options.cloud:
                files = [options.clouds_file] if options.clouds_file else None
                config = OpenStackConfig(config_files=files, load_envvars=True)
                self._region = config.get_one(cloud=options.cloud, **wishes)
            else:
                config = OpenStackConfig(load_yaml_config=False, load_envvars=False)
                auth = {field: secret.reveal() for field, secret in options.auth.items()}
                self._region = config.get_one(auth_type=options.auth_type, auth=auth, **wishes)
            keystone = self._region.get_session()
        try:
            self._tls = _tls(*self._region.get_requests_verify_args())
        except (OSError, ssl.SSLError) as error:
            raise RefusedError(f"{self.name}: a certificate cannot be read: {error}") from error
        self._keystone = keystone

    def _write_cacert(self) -> Path:
        if self._cacert_file is None:
            handle, path = tempfile.mkstemp(prefix="nfvigil-", suffix=".pem")  # is 0600
            with os.fdopen(handle, "w") as file:
                file.write(self._options.cacert_content)
            self._cacert_file = Path(path)
        return self._cacert_file

    def _endpoints(self, access: Any) -> dict[str, str]:
        from keystoneauth1 import exceptions

        found = {}
        for service in self._services:
            url = self._region.get_endpoint(service)
            if not url:
                try:
                    url = access.service_catalog.url_for(
                        service_type=service,
                        interface=self._region.get_interface(service) or "public",
                        region_name=self._region.get_region_name(service) or None,
                    )
                except exceptions.CatalogException:
                    continue
            found[service] = url.rstrip("/")
        return found


def _errors() -> tuple[Any, Any]:
    """What can go wrong: keystoneauth's errors, and that of openstacksdk's configuration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about parts of openstacksdk that nobody here asked for
        from keystoneauth1 import exceptions
        from openstack.exceptions import ConfigException
    return exceptions, ConfigException


def _tls(verify: str | bool | None, cert: str | tuple[str, str] | None) -> ssl.SSLContext | bool:
    """What clouds.yaml says, in the words of requests, in those of aiohttp: a CA file or whether to check, and who
    we are ourselves.
    """
    if not isinstance(verify, str) and cert is None:
        return bool(verify)
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context
