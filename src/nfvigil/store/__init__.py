"""Keep: events, decisions, alarms, actions and notifications, over SQLite or PostgreSQL."""

from nfvigil.store.alarm_query import AlarmQuery
from nfvigil.store.records import PolicyRecord, QueueDepths, TokenRecord, VimRecord
from nfvigil.store.store import Store, open_store, upgrade

__all__ = [
    "AlarmQuery",
    "PolicyRecord",
    "QueueDepths",
    "Store",
    "TokenRecord",
    "VimRecord",
    "open_store",
    "upgrade",
]
