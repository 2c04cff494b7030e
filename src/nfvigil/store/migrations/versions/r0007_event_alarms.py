"""Event alarms in the manner of OpenStack's Aodh, their history, and which messages from outside fired one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "event_alarms",
        _text("id"),
        _text("project"),
        _text("user_id"),
        _text("name"),
        _text("description"),
        sa.Column("enabled", sa.Integer(), nullable=False),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("repeat_actions", sa.Integer(), nullable=False),
        _text("state"),
        _text("state_reason"),
        sa.Column("changed_us", BIG, nullable=False),
        sa.Column("state_us", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_alarms"),
    )
    op.create_index("event_alarms_by_time", "event_alarms", ["changed_us", "id"])
    op.create_index("event_alarms_by_project", "event_alarms", ["project", "changed_us", "id"])
    op.create_index("event_alarms_by_name", "event_alarms", ["name"])
    op.create_table(
        "event_alarm_history",
        _text("alarm_id"),
        sa.Column("at_us", BIG, nullable=False),
        _text("id"),
        _text("type"),
        _text("project"),
        _text("user_id"),
        _text("on_behalf_of"),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        _text("detail"),
        sa.PrimaryKeyConstraint("alarm_id", "at_us", "id", name="pk_event_alarm_history"),
        sqlite_with_rowid=False,
    )
    op.create_index("event_alarm_history_by_time", "event_alarm_history", ["at_us", "id"])
    op.create_index("event_alarm_history_by_project", "event_alarm_history", ["on_behalf_of", "at_us", "id"])
    op.create_table(
        "fired_events",
        _text("id"),
        sa.Column("at_us", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fired_events"),
    )
    op.create_index("fired_events_by_time", "fired_events", ["at_us", "id"])
