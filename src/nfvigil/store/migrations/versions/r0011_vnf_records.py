"""How each VNF is: its record, the clouds' own words on it, and the history of its components."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _body() -> sa.Column[bytes]:
    return sa.Column("body", sa.LargeBinary(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "vnf_records",
        _text("project"),
        _text("id"),
        sa.Column("changed_us", BIG, nullable=False),
        _body(),
        sa.PrimaryKeyConstraint("project", "id", name="pk_vnf_records"),
    )
    op.create_table(
        "vnf_details",
        _text("project"),
        _text("vnf"),
        _text("vdu"),
        _text("port"),
        _body(),
        sa.PrimaryKeyConstraint("project", "vnf", "vdu", "port", name="pk_vnf_details"),
    )
    op.create_table(
        "vdu_history",
        _text("project"),
        _text("vnf"),
        sa.Column("number", BIG, nullable=False),
        _text("vdu"),
        _text("kind"),
        _body(),
        sa.PrimaryKeyConstraint("project", "vnf", "number", name="pk_vdu_history"),
        sqlite_with_rowid=False,
    )
    op.create_index("vdu_history_by_vdu", "vdu_history", ["project", "vnf", "vdu", "number"])
    op.create_index("vdu_history_by_number", "vdu_history", ["number"])
