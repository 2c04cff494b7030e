"""What the API asks of the living service: everything that has an effect, or that only the running parts know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from nfvigil.controller.vims.failure import Failure
from nfvigil.errors import FieldError
from nfvigil.inspector.standing import StateQuery
from nfvigil.model.alarm import Alarm
from nfvigil.model.answers import Capacity, CapacityBy, DryRun, Health, Replay, ResourceDetail, ResourceStanding
from nfvigil.model.event import Event
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.subscription import Subscription


class Policy(Protocol):
    """A version of a failure policy, by its name."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...


class SimulatedCloud(Protocol):
    """The cloud in our own process, as a thing to play with."""

    def describe(self) -> dict[str, Any]: ...
    def inject(self, failure: Failure) -> None: ...
    def heal(self) -> None: ...

    def power(self, host: str, on: bool) -> bool:
        """Whether that was a change. RefusedError where there is no such host."""

    def edit(
        self,
        *,
        fields: Mapping[str, Mapping[str, Any]],
        gone: Iterable[str],
        details: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Fields of records and of what Nova or Neutron say beside them, by key. NotFoundError where one is unknown."""


class Desk(Protocol):
    """Whoever asks was let in already; ``project`` is None for an administrator."""

    async def acknowledge(self, alarm_id: str, *, by: str, project: str | None, acked: bool) -> Alarm:
        """NotFoundError where it is not there or not theirs, ConflictError where it is cleared."""

    async def clear(self, alarm_id: str, *, by: str) -> Alarm:
        """ConflictError where it only follows from another alarm; it names the root."""

    async def subscribe(self, subscription: Subscription) -> Sequence[Alarm]:
        """Durable and effective at its return; the open alarms that it covers."""

    async def change_subscription(self, was: Subscription, becomes: Subscription) -> Sequence[Alarm]:
        """As ``subscribe``. ConflictError where it is not any more what it was."""

    def subscribed(self, subscription: Subscription, after: str, limit: int) -> Sequence[ResourceStanding]:
        """How what it asks for stands, in the order of the keys."""

    async def send_again(self, delivery: Delivery) -> None:
        """ConflictError where it was not given up."""

    def owned(self, owner: str, project: str | None) -> Sequence[Subscription]:
        """Those that another API than our own made and that the reader may see, by id."""

    async def unsubscribe(self, subscription_id: str) -> None: ...
    async def pause(self, subscription_id: str, paused: bool) -> None: ...
    async def test(self, subscription_id: str) -> Notification: ...

    async def tell(self, subscription_id: str, alarms: Sequence[Alarm]) -> None:
        """Send it what stands already, for a consumer that reads no lists."""

    async def replay(self, subscription_id: str, after_seq: int) -> int:
        """How many deliveries are pending again."""

    def channels(self) -> Sequence[str]:
        """The formats that there are for endpoints."""

    def check_endpoint(self, url: str) -> None:
        """RefusedError where nothing may be sent to ``url``."""

    async def apply_policy(self, text: str, *, by: str) -> Policy: ...
    async def roll_back(self, name: str, version: int | None, *, by: str) -> Policy: ...
    def lint(self, text: str) -> Sequence[FieldError]: ...
    def active_policy(self) -> Policy: ...

    async def dry_run(
        self, text: str | None, event: Event | None, *, since_us: int | None, until_us: int | None, limit: int
    ) -> Sequence[DryRun]: ...

    def impact(self, key: str, event_type: str | None) -> DryRun: ...
    async def replay_decisions(self, *, since_us: int | None, limit: int) -> Replay: ...

    async def resources(self, query: StateQuery) -> Sequence[ResourceStanding]:
        """In the order of the keys."""

    def resource(self, key: str, project: str | None) -> ResourceDetail:
        """NotFoundError where it is not there or not theirs."""

    def capacity(self, by: CapacityBy) -> Sequence[Capacity]:
        """As it is now, sorted by VIM and name."""

    def simulation(self) -> SimulatedCloud | None: ...
    async def health(self) -> Health: ...
