"""The tables of event alarms. What may be asked for has a column, the rest stands in ``body``."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from nfvigil.store.schema import Big, metadata


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


event_alarms = Table(
    "event_alarms",
    metadata,
    Column("id", Text, primary_key=True),
    _text("project"),
    _text("user_id"),
    _text("name"),
    _text("description"),
    Column("enabled", Integer, nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("repeat_actions", Integer, nullable=False),
    _text("state"),
    _text("state_reason"),
    Column("changed_us", Big, nullable=False),
    Column("state_us", Big, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("event_alarms_by_time", event_alarms.c.changed_us, event_alarms.c.id)
Index("event_alarms_by_project", event_alarms.c.project, event_alarms.c.changed_us, event_alarms.c.id)
Index("event_alarms_by_name", event_alarms.c.name)

event_alarm_history = Table(
    "event_alarm_history",
    metadata,
    _text("alarm_id"),
    Column("at_us", Big, nullable=False),
    _text("id"),
    _text("type"),
    _text("project"),
    _text("user_id"),
    _text("on_behalf_of"),
    Column("severity_rank", Integer, nullable=False),
    _text("detail"),
    PrimaryKeyConstraint("alarm_id", "at_us", "id"),
    sqlite_with_rowid=False,
)
Index("event_alarm_history_by_time", event_alarm_history.c.at_us, event_alarm_history.c.id)
Index(
    "event_alarm_history_by_project",
    event_alarm_history.c.on_behalf_of,
    event_alarm_history.c.at_us,
    event_alarm_history.c.id,
)

fired_events = Table(
    "fired_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at_us", Big, nullable=False),
)
Index("fired_events_by_time", fired_events.c.at_us, fired_events.c.id)
