"""The Python client of NFVigil's API: typed answers, lists that page by themselves, errors by what to do about them.

    from nfvigil.client import Client

    with Client("http://127.0.0.1:12345", token="...") as nfvigil:
        for alarm in nfvigil.alarms.list(min_severity="major"):
            print(alarm.fault_type, alarm.resource.id)

Synchronous, one connection, nothing beyond the standard library and msgspec. What it raises is in ``nfvigil.errors``
and ``nfvigil.client.problems``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nfvigil.client.access import Keystone, MonitorKey, Token, TokenFile, from_environment
    from nfvigil.client.client import SERVICE_TYPE, Client
    from nfvigil.client.problems import (
        BadAnswerError,
        ChangedMeanwhileError,
        NobodyThereError,
        TooManyRequestsError,
        TooOldError,
    )
    from nfvigil.client.retrying import Retries
    from nfvigil.client.waiting import StillWaitingError

__all__ = [
    "SERVICE_TYPE",
    "BadAnswerError",
    "ChangedMeanwhileError",
    "Client",
    "Keystone",
    "MonitorKey",
    "NobodyThereError",
    "Retries",
    "StillWaitingError",
    "Token",
    "TokenFile",
    "TooManyRequestsError",
    "TooOldError",
    "from_environment",
]

_HOME = {
    "Keystone": "access",
    "MonitorKey": "access",
    "Token": "access",
    "TokenFile": "access",
    "from_environment": "access",
    "SERVICE_TYPE": "client",
    "Client": "client",
    "BadAnswerError": "problems",
    "ChangedMeanwhileError": "problems",
    "NobodyThereError": "problems",
    "TooManyRequestsError": "problems",
    "TooOldError": "problems",
    "Retries": "retrying",
    "StillWaitingError": "waiting",
}


def __getattr__(name: str) -> Any:
    # HTTP and msgspec take 50 ms to import: who only asks a command line for help does not wait for them.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
