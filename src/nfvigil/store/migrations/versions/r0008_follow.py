"""Following alarms without a gap, and requests that take effect once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _alarms()
    op.create_table(
        "runs",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("generation", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("began_change", BIG, nullable=False),
        sa.Column("began_us", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_table(
        "forgotten",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("change", BIG, nullable=False),
        sa.PrimaryKeyConstraint("project", name="pk_forgotten"),
    )
    op.create_table(
        "requests",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("begun_us", BIG, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_requests"),
    )
    op.create_index("requests_by_time", "requests", ["begun_us"], unique=False)


def _alarms() -> None:
    """What is asked for gets columns; what they hold of the alarms that there are is read from their bodies."""
    for column in (
        sa.Column("event_us", BIG, nullable=False, server_default="0"),
        sa.Column("probable_cause", sa.Text(), nullable=False, server_default=""),
        sa.Column("news", sa.Text(), nullable=False, server_default=""),
        sa.Column("worst_rank", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("least_rank", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("alarms", column)
    if op.get_bind().dialect.name == "sqlite":
        cause = "json_extract(CAST(body AS TEXT), '$.probable_cause')"
        event = "json_extract(CAST(body AS TEXT), '$.event_us')"
    else:
        cause = "convert_from(body, 'UTF8')::json ->> 'probable_cause'"
        event = "(convert_from(body, 'UTF8')::json ->> 'event_us')::bigint"
    op.execute(
        f"UPDATE alarms SET event_us = COALESCE({event}, raised_us), probable_cause = COALESCE({cause}, 'other'), "  # noqa: S608  # all of it is ours
        "news = state, worst_rank = severity_rank, least_rank = severity_rank"
    )
    op.drop_index("alarms_open_by_resource", "alarms")
    op.create_index("alarms_by_resource", "alarms", ["resource", "raised_us", "id"], unique=False)
