"""How VNFs look on a terminal: a line in a list, one with its components and interfaces, lines of a history."""

from __future__ import annotations

from typing import Any

from nfvigil.cli.moments import local
from nfvigil.cli.terminal import Column, bold, fields, say, table


def record_of(one: dict[str, Any]) -> dict[str, Any]:
    """What its servers are now; nothing, from a service that does not know of it."""
    found = one.get("record")
    return found if isinstance(found, dict) else {}


def statuses(one: dict[str, Any]) -> str:
    """``3 ACTIVE, 1 ERROR``."""
    found: dict[str, int] = {}
    for component in record_of(one).get("components", ()):
        status = component["status"] or "unknown"
        found[status] = found.get(status, 0) + 1
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{count} {status}" for status, count in sorted(found.items(), key=lambda pair: -pair[1]))


def age(known: dict[str, Any]) -> str | None:
    """How old what is known is; with a question mark where it may be over."""
    seconds = known.get("age_seconds")
    doubt = "?" if known.get("stale") else ""
    return doubt or None if seconds is None else f"{int(seconds)}s{doubt}"


VNF_COLUMNS = (
    Column("ID", lambda one: one["id"], shrink=True),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("PROJECT", lambda one: one["project_id"], shrink=True),
    Column("SERVERS", lambda one: len(one["vnfcs"]), right=True),
    Column("STATUS", statuses, shrink=True),
    Column("ADDRESS", lambda one: record_of(one).get("ip_address"), shrink=True),
    Column("READ", lambda one: age(record_of(one)), right=True),
    Column("SOURCE", lambda one: one["source"]),
)
COMPONENT_COLUMNS = (
    Column("COMPONENT", lambda one: one["id"], shrink=True),
    Column("SERVER", lambda one: one["server_id"], shrink=True),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("STATUS", lambda one: one["status"]),
    Column("VIM", lambda one: one.get("vim"), shrink=True),
    Column("HOST", lambda one: one.get("host") or one.get("host_id"), shrink=True),
    Column("ADDRESS", lambda one: one["ip_address"], shrink=True),
    Column("READ", age, right=True),
    Column("MESSAGE", lambda one: one["message"], shrink=True),
)
INTERFACE_COLUMNS = (
    Column("COMPONENT", lambda one: one["component"], shrink=True),
    Column("INTERFACE", lambda one: one["port"], shrink=True),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("NETWORK", lambda one: one["network"], shrink=True),
    Column("MAC", lambda one: one["mac_address"], shrink=True),
    Column("ADDRESS", lambda one: one["ip_address"], shrink=True),
    Column("VLAN", lambda one: one.get("vlan"), right=True),
    Column("PCI", lambda one: one.get("pci"), shrink=True),
    Column("MANAGES", lambda one: _manages(one)),
    Column("MESSAGE", lambda one: one["message"], shrink=True),
)
LINE_COLUMNS = (
    Column("TIME", lambda line: local(line["time"])),
    Column("COMPONENT", lambda line: line["component_id"], shrink=True),
    Column("WHAT", lambda line: " ".join(filter(None, (line["kind"], line["field"]))), shrink=True),
    Column("INTERFACE", lambda line: line["interface"], shrink=True),
    Column("BEFORE", lambda line: line["before"], shrink=True),
    Column("AFTER", lambda line: line["after"], shrink=True),
)


def _manages(interface: dict[str, Any]) -> list[str]:
    return [what for what, name in (("vdu", "manages_vdu"), ("vnf", "manages_vnf")) if interface[name]]


def draw_vnf(one: dict[str, Any]) -> None:
    record = record_of(one)
    fields(
        [
            ("id", one["id"]),
            ("name", one["name"]),
            ("project", one["project_id"]),
            ("source", one["source"]),
            ("told", f"{local(one['created_time'])} by {one['created_by']}" if one["created_time"] else ""),
            ("address", record.get("ip_address")),
            ("read", f"{local(record['read_time'])} ({age(record)} ago)" if record.get("read_time") else None),
            ("doubt", "its cloud cannot be read just now: this may be over" if record.get("stale") else None),
            *(
                (f"component {vnfc['id']}", f"server {vnfc['server_id']}" + (f", {vnfc['vdu']}" if vnfc["vdu"] else ""))
                for vnfc in one["vnfcs"]
            ),
        ]
    )
    components = record.get("components", ())
    if components:
        say()
        table(components, COMPONENT_COLUMNS)
    for title, name in (("", "interfaces"), ("interfaces as they were last:", "interfaces_backup")):
        found = [{"component": one["id"], **interface} for one in components for interface in one[name]]
        if found:
            say()
            if title:
                say(bold(title))
            table(found, INTERFACE_COLUMNS)
