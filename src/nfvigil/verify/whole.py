"""Brings a call to its end although we are told to stop: else nobody would know what it has made."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def whole(call: Coroutine[Any, Any, T]) -> T:
    """Its result. The call has a time limit of its own; a cancellation waits for it, and then goes on."""
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
