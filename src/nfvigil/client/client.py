"""The client itself: where the service is, as whom we speak, and the parts of its API."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nfvigil.client.access import Access, Keystone, Token, keystone
from nfvigil.client.alarms import Alarms
from nfvigil.client.answers import read
from nfvigil.client.connection import Connection, Trust
from nfvigil.client.deeds import Actions, Instructions, RecoveryPart
from nfvigil.client.events import Events
from nfvigil.client.policies import Faults, Policies
from nfvigil.client.resources import BrakesPart, CapacityPart, Hosts, Resources
from nfvigil.client.retrying import Retries
from nfvigil.client.shapes import Health
from nfvigil.client.subscriptions import Subscriptions
from nfvigil.client.ves import Ves
from nfvigil.client.vims import Vims
from nfvigil.client.vnfs import Vnfs
from nfvigil.errors import FieldError, RefusedError

if TYPE_CHECKING:
    from keystoneauth1.plugin import BaseAuthPlugin
    from keystoneauth1.session import Session

SERVICE_TYPE = "nfv-fault-management"
"""Under which Keystone's catalogue has us."""
TIMEOUT_SECONDS = 30.0


class Client:
    """One service. Use it from one thread, and close it; it is a context of its own."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        access: Access | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        verify: bool | str = True,
        certificate: tuple[str, str | None] | None = None,
    ) -> None:
        """``verify``: a file of CA certificates, or False to believe any. ``certificate``: ours, and its key."""
        self._http = Connection(
            url=url,
            access=access or Token(token),
            timeout_seconds=timeout_seconds,
            retries=retries or Retries(),
            trust=Trust(verify=verify, certificate=certificate),
        )
        self.alarms = Alarms(self._http)
        self.events = Events(self._http)
        self.subscriptions = Subscriptions(self._http)
        self.resources = Resources(self._http)
        self.hosts = Hosts(self._http)
        self.brakes = BrakesPart(self._http)
        self.capacity = CapacityPart(self._http)
        self.vims = Vims(self._http)
        self.vnfs = Vnfs(self._http)
        self.ves = Ves(self._http)
        self.instructions = Instructions(self._http)
        self.actions = Actions(self._http)
        self.recovery = RecoveryPart(self._http)
        self.policies = Policies(self._http)
        self.faults = Faults(self._http)

    @classmethod
    def of_session(
        cls,
        session: Session,
        *,
        auth: BaseAuthPlugin | None = None,
        url: str | None = None,
        interface: str = "public",
        region: str | None = None,
        otherwise: Access | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
    ) -> Self:
        """As whom a keystoneauth session is logged in, at ``url`` or where the catalogue says.

        ``otherwise`` speaks for us where the session logs in nowhere (the plugin ``none``).
        """
        found = url or keystone(
            lambda: session.get_endpoint(
                auth, service_type=SERVICE_TYPE, interface=interface, region_name=region, skip_discovery=True
            )
        )
        if not found:
            where = f" in the region {region}" if region else ""
            raise RefusedError(
                "the cloud does not say where NFVigil is",
                [FieldError("url", f"its catalogue has no {SERVICE_TYPE} ({interface}){where}: name the address")],
            )
        certificate = (session.cert, None) if isinstance(session.cert, str) else session.cert
        return cls(
            found,
            access=Keystone(session, auth, otherwise),
            timeout_seconds=timeout_seconds,
            retries=retries,
            verify=True if session.verify is None else session.verify,
            certificate=certificate,
        )

    @classmethod
    def of_cloud(cls, cloud: str | None = None, *, url: str | None = None, **more: Any) -> Self:
        """As an entry of ``clouds.yaml`` logs in, or as the environment does (``OS_...``)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about parts of openstacksdk that nobody here asked for
            from openstack.config import OpenStackConfig  # who has a token does not wait for it
            from openstack.exceptions import ConfigException

            try:
                region = OpenStackConfig().get_one(cloud)
            except ConfigException as error:
                raise RefusedError(f"clouds.yaml is of no help: {error}") from error
            session = region.get_session()
        override = region.config.get(f"{SERVICE_TYPE.replace('-', '_')}_endpoint_override")
        more = {"interface": region.get_interface() or "public", "region": region.region_name or None, **more}
        return cls.of_session(session, url=url or override, **more)

    @property
    def url(self) -> str:
        return self._http.url

    def health(self) -> Health:
        """Whether the service is ready, and if not, why."""
        return read(Health, self._http.ask("GET", "/readyz", accept=frozenset({503})).value())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """What no part has: any path, answered as JSON knows it."""
        return self.ask("GET", path, parameters=parameters)

    def post(
        self,
        path: str,
        body: Any = None,
        parameters: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        return self.ask("POST", path, body=body, parameters=parameters, headers=headers)

    def put(self, path: str, body: Any = None) -> Any:
        return self.ask("PUT", path, body=body)

    def patch(self, path: str, body: Any) -> Any:
        return self.ask("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        return self.ask("DELETE", path)

    def items(
        self, path: str, parameters: Mapping[str, Any] | None = None, *, limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """What a list holds, page by page to its end, or to the first ``limit``."""
        return self._http.items(path, parameters, limit=limit)

    def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> Any:
        """The answer as JSON knows it; None where it is empty. A status in ``accept`` is an answer like any other."""
        return self._http.ask(method, path, parameters=parameters, body=body, headers=headers, accept=accept).value()
