"""Event alarms of a few lines: one of each project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from msgspec.structs import replace

from nfvigil.errors import NotFoundError
from nfvigil.model.event_alarm import AodhState, Condition, EventAlarm, EventAlarmChange
from nfvigil.store.event_alarm_query import EventAlarmQuery

QUERY = (Condition("traits.state", "eq", "error", "string"),)


class FakeAlarming:
    quota = 10

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.there = {
            f"ea-{project.lower()}": EventAlarm(
                id=f"ea-{project.lower()}",
                name=f"of {project}",
                project=project,
                event_type="compute.instance.update",
                query=QUERY,
                changed_us=now_us,
                state_us=now_us,
                evaluated_us=now_us,
            )
            for project in ("A", "B")
        }

    async def create(self, alarm: EventAlarm, *, by: tuple[str, str]) -> EventAlarm:
        self.there[alarm.id] = alarm
        return alarm

    async def change(
        self, alarm_id: str, project: str | None, make: Callable[[EventAlarm], EventAlarm], *, by: tuple[str, str]
    ) -> EventAlarm:
        self.there[alarm_id] = make(await self.show(alarm_id, project))
        return self.there[alarm_id]

    async def delete(self, alarm_id: str, project: str | None) -> None:
        await self.show(alarm_id, project)
        del self.there[alarm_id]

    async def set_state(self, alarm_id: str, project: str | None, state: AodhState, *, by: tuple[str, str]) -> None:
        self.there[alarm_id] = replace(await self.show(alarm_id, project), state=state)

    async def set_auto_ok(
        self, alarm_id: str, project: str | None, auto_ok: bool | None, *, by: tuple[str, str]
    ) -> None:
        self.there[alarm_id] = replace(await self.show(alarm_id, project), auto_ok=auto_ok)

    async def show(self, alarm_id: str, project: str | None) -> EventAlarm:
        alarm = self.there.get(alarm_id)
        if alarm is None or project not in (None, alarm.project):
            raise NotFoundError(f"Alarm {alarm_id} not found")
        return alarm

    async def alarms(self, query: EventAlarmQuery) -> AsyncIterator[Sequence[EventAlarm]]:
        yield [one for one in self.there.values() if query.project in (None, one.project)][: query.limit]

    async def changes(self, query: EventAlarmQuery) -> AsyncIterator[Sequence[EventAlarmChange]]:
        yield []
