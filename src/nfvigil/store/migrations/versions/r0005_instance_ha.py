"""Masakari's notifications are found among the events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

IS_HA_NOTIFICATION = sa.text("type = 'masakari.notification'")


def upgrade() -> None:
    op.create_index(
        "events_ha_notifications",
        "events",
        ["id"],
        sqlite_where=IS_HA_NOTIFICATION,
        postgresql_where=IS_HA_NOTIFICATION,
    )
