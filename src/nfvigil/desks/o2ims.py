"""We as an O-Cloud: what an SMO asks for beside events and alarms (O-RAN O2 IMS)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import ceil
from typing import Any, Protocol
from uuid import UUID

from nfvigil.errors import ConflictError, FieldError, RefusedError, UnavailableError
from nfvigil.inspector.own_faults import OWN_FAULTS
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.model.fault import FaultType
from nfvigil.model.subscription import Occasion, Subscription
from nfvigil.northbound.o2ims.desk import ServiceConfiguration
from nfvigil.northbound.o2ims.subscriptions import OWNER
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.o2ims import cloud_id
from nfvigil.notifier.poster import Poster, target_of

CONFIGURATION = "o2ims.alarmServiceConfiguration"
CALLBACK_SECONDS = 5.0
_NO_CONTENT = 204


class Shelf(Protocol):
    """Where what was configured is kept."""

    async def configuration(self, name: str) -> dict[str, Any] | None: ...
    async def put_configuration(self, name: str, value: dict[str, Any]) -> None: ...


class Wishes(Protocol):
    """What the settings say of us as an O-Cloud."""

    @property
    def global_cloud_id(self) -> UUID | None: ...
    @property
    def api_root(self) -> str: ...
    @property
    def filter_means(self) -> str: ...
    @property
    def check_callback(self) -> bool: ...


async def alarm_days(shelf: Shelf, days: float) -> float:
    """For how many days cleared alarms are kept: as was configured, else ``days``, the settings' for everything."""
    kept = await shelf.configuration(CONFIGURATION)
    return float(kept["retention_days"]) if kept else days


class O2ims:
    """``policy`` gives the one in force; ``subscribe`` is the desk's; ``poster`` is the one that webhooks go by."""

    def __init__(
        self,
        *,
        settings: Wishes,
        retention_days: float,
        source: str,
        policy: Callable[[], CompiledPolicy],
        matcher: Matcher,
        subscribe: Callable[[Subscription], Awaitable[object]],
        check_url: Callable[[str], None],
        poster: Poster,
        shelf: Shelf,
    ) -> None:
        self._settings = settings
        self._retention_days = retention_days
        self._source = source
        self._policy = policy
        self._matcher = matcher
        self._subscribe = subscribe
        self._check_url = check_url
        self._poster = poster
        self._shelf = shelf
        self._subscribing = asyncio.Lock()
        """Two that ask for the same at once must not both find that there is none."""

    def cloud_id(self) -> str:
        given = self._settings.global_cloud_id
        return str(given) if given is not None else cloud_id(self._source)

    def api_root(self, request_root: str) -> str:
        return (self._settings.api_root or request_root).rstrip("/")

    def occasions(self, named: str | None) -> tuple[Occasion, ...] | None:
        if named is None:
            return None
        if self._settings.filter_means == "reported":
            return (Occasion(named),)
        return tuple(one for one in Occasion if one != named)

    def catalogue(self) -> Mapping[str, FaultType]:
        return OWN_FAULTS | self._policy().policy.faults

    def catalogue_version(self) -> str:
        return self._policy().policy.label

    def subscriptions(self) -> Sequence[Subscription]:
        return sorted(self._matcher.owned_by(OWNER), key=lambda one: one.id)

    async def subscribe(self, subscription: Subscription) -> None:
        callback = subscription.endpoints[0].url
        self._check(callback)
        self._refuse_twin(subscription)
        if self._settings.check_callback:
            await self._reach(callback)
        async with self._subscribing:
            self._refuse_twin(subscription)
            await self._subscribe(subscription)

    def _refuse_twin(self, subscription: Subscription) -> None:
        if any(_same(subscription, other) for other in self.subscriptions()):
            raise ConflictError(
                "there is a subscription with this callback and filter already",
                [FieldError("callback", "is used already")],
            )

    def _check(self, callback: str) -> None:
        try:
            self._check_url(callback)
        except RefusedError as refusal:
            errors = [FieldError("callback", error.reason) for error in refusal.errors]
            raise RefusedError("the callback is refused", errors) from refusal

    async def _reach(self, callback: str) -> None:
        """It must answer a GET with 204, before anything is sent to it. By the same client as the notifications:
        where those may not go, this does not go either.
        """
        try:
            answer = await self._poster.post(target_of(callback, {}, "GET"), {}, b"", CALLBACK_SECONDS)
        except (RefusedError, UnavailableError) as error:
            raise _unreached(str(error)) from error
        if answer.status != _NO_CONTENT:
            raise _unreached(f"it answered a GET with {answer.status}, not with {_NO_CONTENT}")

    async def configuration(self) -> ServiceConfiguration:
        kept = await self._shelf.configuration(CONFIGURATION) or {}
        days = await alarm_days(self._shelf, self._retention_days)
        return ServiceConfiguration(retention_days=max(1, ceil(days)), extensions=kept.get("extensions", {}))

    async def configure(self, configuration: ServiceConfiguration) -> None:
        value = {"retention_days": configuration.retention_days, "extensions": configuration.extensions}
        await self._shelf.put_configuration(CONFIGURATION, value)


def _same(one: Subscription, other: Subscription) -> bool:
    """What the consumer calls it itself does not count: it would hear everything twice."""
    return one.endpoints[0].url == other.endpoints[0].url and one.extra.get("filter") == other.extra.get("filter")


def _unreached(reason: str) -> RefusedError:
    return RefusedError("the callback does not answer as it must", [FieldError("callback", reason)])
