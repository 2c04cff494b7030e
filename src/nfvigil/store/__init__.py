"""Keep: events, decisions, alarms, actions and notifications, over SQLite or PostgreSQL."""

from nfvigil.store.alarm_query import AlarmQuery
from nfvigil.store.records import AuditRecord, PolicyRecord, QueueDepths, TokenRecord
from nfvigil.store.store import Store, open_store, upgrade

__all__ = ["AlarmQuery", "AuditRecord", "PolicyRecord", "QueueDepths", "Store", "TokenRecord", "open_store", "upgrade"]
