"""Lists in pages: ``limit`` items after ``marker``, and the marker of the next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from nfvigil.northbound.fields import AS_WHOLE, VISIBLE, Query, Shape

LIMIT = 100
LIMIT_MAX = 1000

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


def page(
    items: Sequence[Item], limit: int, marker: Callable[[Item], object], view: Callable[[Item], Any]
) -> dict[str, Any]:
    """A full page has a next one; that may turn out to be empty."""
    following = str(marker(items[-1])) if items and len(items) >= limit else None
    return {"items": [view(item) for item in items], "next": following}
