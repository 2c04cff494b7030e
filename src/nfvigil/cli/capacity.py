"""``nfvigil capacity``: what is left for servers that lose their host."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, say, table


class By(StrEnum):
    ZONE = "zone"
    AGGREGATE = "aggregate"
    VIM = "vim"


def capacity(
    context: typer.Context,
    by: Annotated[By, typer.Option("--by", help="A row for each zone, aggregate or VIM.")] = By.ZONE,
    form: FormOption = Form.TABLE,
) -> None:
    """What usable hosts have left, and what servers want that have no host now; for administrators.

    \b
      nfvigil capacity
      nfvigil capacity --by aggregate -f json
    """
    with connect(context) as client:
        found = list(client.items("/v1/capacity", {"by": by}))
    emit(found, form, draw)


def _share(amount: dict[str, int]) -> str:
    return f"{amount['left']} of {amount['total']}"


def _gigabytes(amount: dict[str, int]) -> str:
    return f"{amount['left'] / 1024:.0f} of {amount['total'] / 1024:.0f} GiB"


def _largest(row: dict[str, Any]) -> str:
    host = row["largest_free_host"]
    return f"{host['vcpus']} vCPUs, {host['memory_mb'] / 1024:.0f} GiB: {host['host']}" if host else "none"


def _without_host(row: dict[str, Any]) -> str:
    lost = row["without_host"]
    if not lost["servers"]:
        return "none"
    return f"{lost['servers']} servers: {lost['vcpus']} vCPUs, {lost['memory_mb'] / 1024:.0f} GiB"


COLUMNS = (
    Column("VIM", lambda row: row["vim"]),
    Column("NAME", lambda row: row["name"] or "(none)", shrink=True),
    Column("USABLE HOSTS", lambda row: f"{row['hosts']['usable']} of {row['hosts']['total']}", right=True),
    Column("VCPUS LEFT", lambda row: _share(row["vcpus"]), right=True),
    Column("MEMORY LEFT", lambda row: _gigabytes(row["memory_mb"]), right=True),
    Column("LARGEST FREE HOST", _largest, shrink=True),
    Column("WITHOUT HOST", _without_host, shrink=True),
)


def draw(rows: list[dict[str, Any]]) -> None:
    table(rows, COLUMNS, empty="no hosts are known")
    unsized = sum(row["hosts"]["unsized"] + row["servers_unsized"] for row in rows)
    if unsized:
        say(f"Of {unsized} hosts and servers the size is unknown: they are not in these figures.")
