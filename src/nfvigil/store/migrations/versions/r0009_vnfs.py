"""VNFs that we were told of, and which VNF an alarm belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OF_VNF = sa.text("vnf != ''")


def upgrade() -> None:
    op.create_table(
        "vnfs",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("changed_us", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name="pk_vnfs"),
    )
    op.add_column("alarms", sa.Column("vnf", sa.Text(), nullable=False, server_default=sa.text("''")))
    for name, columns in (
        ("alarms_of_vnfs", ["raised_us", "id"]),
        ("alarms_of_vnfs_by_project", ["project", "raised_us", "id"]),
        ("alarms_by_vnf", ["vnf", "raised_us", "id"]),
    ):
        op.create_index(name, "alarms", columns, sqlite_where=OF_VNF, postgresql_where=OF_VNF)
