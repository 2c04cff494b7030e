"""The audit log says more of who and how it ended, is chained, and refuses to be changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NEW_TEXTS = ("who_id", "project", "role", "via", "rule", "method", "outcome", "address", "request", "hash")

SQLITE = (
    """
    CREATE TRIGGER audit_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is not changed'); END
    """,
    """
    CREATE TRIGGER audit_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the audit log is not changed'); END
    """,
    """
    CREATE TRIGGER audit_not_deleted BEFORE DELETE ON audit
    WHEN OLD.id >= coalesce((SELECT value FROM cursors WHERE name = 'audit_kept'), 0)
    BEGIN SELECT RAISE(ABORT, 'the audit log is kept'); END
    """,
)
POSTGRESQL = (
    """
    CREATE FUNCTION nfvigil_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.id < coalesce((SELECT value FROM cursors WHERE name = 'audit_kept'), 0) THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'the audit log is neither changed nor deleted';
    END $$
    """,
    """
    CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION nfvigil_audit_guard()
    """,
    """
    CREATE TRIGGER audit_guard_whole BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION nfvigil_audit_guard()
    """,
)


def upgrade() -> None:
    for name in NEW_TEXTS:
        op.add_column("audit", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("audit", sa.Column("status", sa.Integer(), nullable=False, server_default="0"))
    cursors = sa.table("cursors", sa.column("name", sa.Text), sa.column("value", sa.BigInteger))
    op.bulk_insert(cursors, [{"name": "audit_kept", "value": 0}])
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)
