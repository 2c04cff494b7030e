"""What the API reads from the store. ``project`` is the reader's scope: None sees all, "" nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nfvigil.model.action import Action, ActionState
from nfvigil.model.alarm import Alarm, HistoryEntry
from nfvigil.model.audit import AuditQuery, AuditRecord
from nfvigil.model.change import Change
from nfvigil.model.checkpoints import Profile
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.notification import Delivery, DeliveryState
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import Decision
from nfvigil.store.alarm_query import AlarmQuery
from nfvigil.store.alarm_records import AlarmChanges
from nfvigil.store.instance_ha_records import HaCase
from nfvigil.store.records import PolicyRecord


class Records(Protocol):
    async def alarms(self, query: AlarmQuery) -> Sequence[Alarm]: ...
    async def alarm_changes(self, query: AlarmQuery) -> AlarmChanges: ...
    async def alarm(self, alarm_id: str, project: str | None) -> Alarm | None: ...
    async def history(self, alarm_id: str) -> Sequence[HistoryEntry]: ...

    async def faults(
        self, *, standing_only: bool = False, marker: str | None = None, limit: int = 100
    ) -> Sequence[Fault]: ...
    async def fault(self, fault_id: str) -> Fault | None: ...

    async def event(self, event_id: int) -> Event | None: ...
    async def events(
        self,
        after: int = 0,
        limit: int = 100,
        since_us: int | None = None,
        until_us: int | None = None,
        type: str | None = None,
    ) -> Sequence[Event]: ...
    async def decision(self, event_id: int) -> Decision | None: ...

    async def actions(
        self,
        *,
        project: str | None,
        event_id: int | None = None,
        alarm_id: str | None = None,
        state: ActionState | None = None,
        marker: str | None = None,
        limit: int = 100,
    ) -> Sequence[Action]: ...

    async def subscriptions(
        self, project: str | None = None, *, marker: str | None = None, limit: int | None = None
    ) -> Sequence[Subscription]: ...
    async def subscription(self, subscription_id: str, project: str | None = None) -> Subscription | None: ...
    async def deliveries(
        self,
        subscription_id: str,
        state: DeliveryState | None = None,
        marker: str | None = None,
        limit: int = 100,
    ) -> Sequence[Delivery]: ...

    async def deliveries_of_event(self, event_id: int, limit: int = 1000) -> Sequence[Delivery]: ...

    async def profile(self, fault_id: str) -> Profile | None: ...
    async def profiles(self, since_us: int = 0, limit: int = 100) -> Sequence[Profile]: ...

    async def policies(self) -> Sequence[PolicyRecord]: ...
    async def policy(self, name: str, version: int | None = None) -> PolicyRecord | None: ...

    async def ha_notifications(
        self, *, before: int = 0, since_us: int | None = None, limit: int = 100
    ) -> Sequence[Event]: ...
    async def ha_notification(self, uuid: str) -> Event | None: ...
    async def ha_cases(self, records: Sequence[Event]) -> Sequence[HaCase]: ...

    async def audit(self, who: str, what: str, target: str = "", text: str = "") -> None: ...
    async def audit_log(self, query: AuditQuery) -> Sequence[AuditRecord]: ...
    async def commit(self, change: Change) -> None: ...
