"""The tables of the VES agent. The collector's password and key lie with its subscription, sealed."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, Table, Text

from nfvigil.store.schema import Big, metadata

ves_configs = Table(
    "ves_configs",
    metadata,
    Column("vim", Text, primary_key=True),
    Column("changed_us", Big, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

ves_states = Table(
    "ves_states",
    metadata,
    Column("vim", Text, nullable=False),
    Column("backlog", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("vim", "backlog", "source"),
)
