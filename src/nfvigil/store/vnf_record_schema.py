"""The tables of VNF records: how each VNF is, the clouds' own words on it, and what became different."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from nfvigil.store.schema import Big, metadata


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


vnf_records = Table(
    "vnf_records",
    metadata,
    _text("project"),
    _text("id"),
    Column("changed_us", Big, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project", "id"),
)

vnf_details = Table(
    "vnf_details",
    metadata,
    _text("project"),
    _text("vnf"),
    _text("vdu"),
    _text("port"),  # "" for the server's own.
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project", "vnf", "vdu", "port"),
)

vdu_history = Table(
    "vdu_history",
    metadata,
    _text("project"),
    _text("vnf"),
    Column("number", Big, nullable=False),  # The time and, in its low bits, the place among what was found at once.
    _text("vdu"),
    _text("kind"),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project", "vnf", "number"),
    sqlite_with_rowid=False,
)
Index("vdu_history_by_vdu", vdu_history.c.project, vdu_history.c.vnf, vdu_history.c.vdu, vdu_history.c.number)
Index("vdu_history_by_number", vdu_history.c.number)
