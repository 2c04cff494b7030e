"""What this interface asks of the living service, beside what our own API asks of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from starlette.requests import Request

from nfvigil.errors import ForbiddenError, UnavailableError
from nfvigil.model.fault import FaultType
from nfvigil.model.identity import Identity
from nfvigil.model.subscription import Occasion, Subscription
from nfvigil.northbound.parts import Parts


class ServiceConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """O-RAN's AlarmServiceConfiguration."""

    retention_days: int
    """How long cleared alarms are kept."""
    extensions: dict[str, Any] = {}


class O2imsDesk(Protocol):
    """The O-Cloud as an SMO sees it."""

    def cloud_id(self) -> str:
        """``globalCloudID``."""

    def api_root(self, request_root: str) -> str:
        """The beginning of links, given the one that the caller used."""

    def occasions(self, named: str | None) -> tuple[Occasion, ...] | None:
        """What a subscription whose filter names this is told; None for everything."""

    def catalogue(self) -> Mapping[str, FaultType]:
        """The fault types of the policy in force, and our own."""

    def catalogue_version(self) -> str: ...

    def subscriptions(self) -> Sequence[Subscription]:
        """Those that were made here, by id."""

    async def subscribe(self, subscription: Subscription) -> None:
        """RefusedError where the callback is refused or does not answer as it must, ConflictError where there is one
        for the same already. Durable and effective at its return.
        """

    async def configuration(self) -> ServiceConfiguration: ...

    async def configure(self, configuration: ServiceConfiguration) -> None: ...


def o2ims_of(parts: Parts) -> O2imsDesk:
    if parts.o2ims is None:
        raise UnavailableError("the O2 interface is not open")
    return parts.o2ims


def check_reader(caller: Identity) -> None:
    """The infrastructure is the operator's business, also to read."""
    if caller.scope is not None:
        raise ForbiddenError(f"the role {caller.role} may not do this; it takes one that sees every project")


def root_of(request: Request) -> str:
    return str(request.base_url).rstrip("/")
