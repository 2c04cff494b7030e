"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create()
    cursors = sa.table("cursors", sa.column("name", sa.Text), sa.column("value", BIG))
    op.bulk_insert(cursors, [{"name": "decided", "value": 0}, {"name": "alarm_change", "value": 0}])


def _create() -> None:
    op.create_table(
        "actions",
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("alarm_id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_us", BIG, nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "id", name="pk_actions"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "actions_unfinished",
        "actions",
        ["event_id", "position", "id"],
        unique=False,
        sqlite_where=sa.text("ended_us IS NULL"),
        postgresql_where=sa.text("ended_us IS NULL"),
    )
    op.create_table(
        "alarms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("change", BIG, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("fault_type", sa.Text(), nullable=False),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("raised_us", BIG, nullable=False),
        sa.Column("changed_us", BIG, nullable=True),
        sa.Column("cleared_us", BIG, nullable=True),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("acked_us", BIG, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
    )
    op.create_index("alarms_by_change", "alarms", ["change"], unique=False)
    op.create_index("alarms_by_event", "alarms", ["event_id"], unique=False)
    op.create_index("alarms_by_project", "alarms", ["project", "raised_us", "id"], unique=False)
    op.create_index("alarms_by_time", "alarms", ["raised_us", "id"], unique=False)
    op.create_index(
        "alarms_open",
        "alarms",
        ["raised_us", "id"],
        unique=False,
        sqlite_where=sa.text("cleared_us IS NULL"),
        postgresql_where=sa.text("cleared_us IS NULL"),
    )
    op.create_index(
        "alarms_open_by_project",
        "alarms",
        ["project", "raised_us", "id"],
        unique=False,
        sqlite_where=sa.text("cleared_us IS NULL"),
        postgresql_where=sa.text("cleared_us IS NULL"),
    )
    op.create_index(
        "alarms_open_by_resource",
        "alarms",
        ["resource"],
        unique=False,
        sqlite_where=sa.text("cleared_us IS NULL"),
        postgresql_where=sa.text("cleared_us IS NULL"),
    )
    op.create_table(
        "audit",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("at_us", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cursors"),
    )
    op.create_table(
        "decisions",
        sa.Column("event_id", BIG, autoincrement=False, nullable=False),
        sa.Column("decided_us", BIG, nullable=False),
        sa.Column("told_with", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_decisions"),
    )
    op.create_table(
        "deliveries",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("notification", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_us", BIG, nullable=False),
        sa.Column("first_sent_us", BIG, nullable=True),
        sa.Column("delivered_us", BIG, nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("leased_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "seq", "part", "endpoint", name="pk_deliveries"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "deliveries_dead",
        "deliveries",
        ["subscription", "seq", "part", "endpoint"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "deliveries_pending",
        "deliveries",
        ["endpoint", "seq", "part"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "events",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("received_us", BIG, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_table(
        "faults",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("raised_us", BIG, nullable=False),
        sa.Column("cleared_us", BIG, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_faults"),
    )
    op.create_index("faults_by_time", "faults", ["raised_us", "id"], unique=False)
    op.create_index(
        "faults_standing",
        "faults",
        ["raised_us", "id"],
        unique=False,
        sqlite_where=sa.text("cleared_us IS NULL"),
        postgresql_where=sa.text("cleared_us IS NULL"),
    )
    op.create_table(
        "history",
        sa.Column("raised_by", BIG, nullable=False),
        sa.Column("alarm_id", sa.Text(), nullable=False),
        sa.Column("at_us", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("raised_by", "alarm_id", "at_us", "position", "what", name="pk_history"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "memory",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_memory"),
    )
    op.create_table(
        "nodes",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("leased_until_us", BIG, nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_nodes"),
    )
    op.create_table(
        "notifications",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("news", sa.Text(), nullable=False),
        sa.Column("event_id", BIG, nullable=False),
        sa.Column("created_us", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "seq", name="pk_notifications"),
    )
    op.create_index("notifications_by_event", "notifications", ["event_id"], unique=False)
    op.create_index("notifications_by_time", "notifications", ["created_us", "subscription", "seq"], unique=False)
    op.create_table(
        "policies",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_us", BIG, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("activated_us", BIG, nullable=True),
        sa.PrimaryKeyConstraint("name", "version", name="pk_policies"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("created_us", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
    )
    op.create_index("subscriptions_by_project", "subscriptions", ["project", "id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_us", BIG, nullable=False),
        sa.Column("expires_us", BIG, nullable=True),
        sa.Column("revoked_us", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
