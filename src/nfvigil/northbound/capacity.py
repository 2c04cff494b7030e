"""Capacity left: what could be lost next without servers finding no place."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query as QueryParameters
from fastapi import Response
from pydantic import Field

from nfvigil.model.answers import Amount, Capacity, CapacityBy
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.guarded import for_administrators
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have

administer = for_administrators("capacity")

Count = Annotated[int, Field(ge=0)]


class CapacityParameters(Page):
    by: Annotated[CapacityBy, Field(description="A row for each zone, aggregate or VIM.")] = CapacityBy.ZONE


class AmountShape(Shape):
    """Of usable hosts. `left` is what each has left, added up: a host that is too full counts as 0, not less."""

    total: Count
    used: Count
    left: Count


class HostsShape(Shape):
    """Usable: service up and enabled, not forced down, not in maintenance, no open critical alarm."""

    total: Count
    usable: Count
    lost: Count
    """Their servers are down with them. What is neither usable nor lost is closed to new servers."""
    unsized: Count
    """Usable, but their size is unknown: they count for nothing."""


class FreeHostShape(Shape):
    host: str
    vcpus: Count
    memory_mb: Count


class DemandShape(Shape):
    servers: Count
    vcpus: Count
    memory_mb: Count


class CapacityShape(Shape):
    by: CapacityBy
    vim: str
    name: str
    """Of the zone, aggregate or VIM; empty for hosts that are in none."""
    hosts: HostsShape
    vcpus: AmountShape
    memory_mb: AmountShape
    largest_free_host: FreeHostShape | None
    """The usable host with the most vCPUs left."""
    without_host: DemandShape
    """Servers whose host is lost, and what they want."""
    servers_unsized: Count
    """Servers whose flavor could not be read: what they take is not known."""


@administer.get("/v1/capacity", response_model=Listing[CapacityShape])
async def show_capacity(parts: Have, parameters: Annotated[CapacityParameters, QueryParameters()]) -> Response:
    """What usable hosts have, what is left of it, and what servers without a host want. As it is at this moment."""
    after = parameters.marker or ""
    rows = sorted((row for row in parts.desk.capacity(parameters.by) if _marker(row) > after), key=_marker)
    limit = parameters.limit
    return answer(await page(rows[:limit], limit, _marker, lambda row: capacity_view(row, parameters.by)))


def _marker(row: Capacity) -> str:
    return f"{row.vim}/{row.name}"


def capacity_view(row: Capacity, by: CapacityBy) -> dict[str, Any]:
    return {
        "by": by,
        "vim": row.vim,
        "name": row.vim if by is CapacityBy.VIM else row.name,
        "hosts": {
            "total": row.hosts,
            "usable": row.hosts_usable,
            "lost": row.hosts_lost,
            "unsized": row.hosts_unsized,
        },
        "vcpus": _amount(row.vcpus),
        "memory_mb": _amount(row.memory_mb),
        "largest_free_host": row.largest._asdict() if row.largest else None,
        "without_host": row.without_host._asdict(),
        "servers_unsized": row.servers_unsized,
    }


def _amount(amount: Amount) -> dict[str, int]:
    return amount._asdict()
