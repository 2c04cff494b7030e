"""Lists in pages: ``limit`` items after ``marker``, and the marker of the next page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from nfvigil.northbound.fields import AS_WHOLE, VISIBLE, Query, Shape

LIMIT = 100
LIMIT_MAX = 1000
AT_ONCE = 50

Item = TypeVar("Item")
Shown = TypeVar("Shown")

Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX, description="How many items at most."), AS_WHOLE]
Marker = Annotated[
    str, Field(min_length=1, max_length=512, pattern=VISIBLE, description="`next` of the page before, as it was given.")
]


class Page(Query):
    """The parameters that every list has."""

    limit: Limit = LIMIT
    marker: Marker | None = None


class Listing(Shape, Generic[Shown]):
    """A page. ``next`` is the marker of the page after it, or null where there is none. The last page may be empty."""

    items: list[Shown]
    next: str | None


async def page(
    items: Sequence[Item], limit: int, marker: Callable[[Item], object], view: Callable[[Item], Any]
) -> dict[str, Any]:
    """A full page has a next one; that may turn out to be empty."""
    following = str(marker(items[-1])) if items and len(items) >= limit else None
    return {"items": await shown(items, view), "next": following}


async def shown(items: Sequence[Item], view: Callable[[Item], Any]) -> list[Any]:
    """The views of ``items``. A thousand of them take as long as a notification may: others have turns between."""
    views: list[Any] = []
    for start in range(0, len(items), AT_ONCE):
        if start:
            await asyncio.sleep(0)
        views += [view(item) for item in items[start : start + AT_ONCE]]
    return views
