"""What Aodh's API asks the service for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from nfvigil.model.event_alarm import AodhState, EventAlarm, EventAlarmChange
from nfvigil.store.event_alarm_query import EventAlarmQuery


class Alarming(Protocol):
    """``by`` is who does it: his project and his name. ``project`` is the caller's scope: None may touch all."""

    @property
    def quota(self) -> int:
        """How many alarms a project may have."""

    async def create(self, alarm: EventAlarm, *, by: tuple[str, str]) -> EventAlarm: ...

    async def change(
        self, alarm_id: str, project: str | None, make: Callable[[EventAlarm], EventAlarm], *, by: tuple[str, str]
    ) -> EventAlarm: ...

    async def delete(self, alarm_id: str, project: str | None) -> None: ...

    async def set_state(self, alarm_id: str, project: str | None, state: AodhState, *, by: tuple[str, str]) -> None: ...

    async def set_auto_ok(
        self, alarm_id: str, project: str | None, auto_ok: bool | None, *, by: tuple[str, str]
    ) -> None: ...

    async def show(self, alarm_id: str, project: str | None) -> EventAlarm: ...

    def alarms(self, query: EventAlarmQuery) -> AsyncIterator[Sequence[EventAlarm]]: ...

    def changes(self, query: EventAlarmQuery) -> AsyncIterator[Sequence[EventAlarmChange]]: ...
