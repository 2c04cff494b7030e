"""The schema's history, as Alembic keeps it: one file a revision under ``versions``."""
