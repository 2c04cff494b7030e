"""``openstack nfv resource``: what there is, who is on it, who owns that, and who would be told if it died."""

from __future__ import annotations

import argparse
from typing import Any

from nfvigil.openstack_plugin.commands import NfvLister, NfvShow, Row, add_pages, fields, shown, table

KINDS = (
    *("host", "nic", "switch", "pdu", "disk", "rack"),
    *("server", "port", "volume", "network", "group", "zone", "vim"),
)


def state_of(record: Any) -> str:
    """A resource's state in a word or two, whatever its kind calls it."""
    if "forced_down" in record:
        words = ["forced down"] if record["forced_down"] else []
        words += [] if record.get("service_up", True) else ["service down"]
        words += [] if record.get("service_enabled", True) else ["disabled"]
        return ", ".join(words) or "up"
    return str(record.get("status", ""))


RESOURCE_COLUMNS = {
    "Resource": lambda one: one.key,
    "Name": lambda one: one.name,
    "State": lambda one: state_of(one.record),
    "Project": lambda one: one.record.get("project"),
    "On": lambda one: one.record.get("host") or one.record.get("zone"),
}


class ListResources(NfvLister):
    """List the resources of a kind"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("kind", choices=KINDS, nargs="?", default="server", help="Which kind (default: server)")
        parser.add_argument("--project", metavar="<project>", help="Of this project (ID; admin only)")
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        kind, project = parsed_args.kind, parsed_args.project
        found = self.paged(
            parsed_args,
            lambda limit, marker: self.nfv.resources.page(kind, project=project, limit=limit, marker=marker),
        )
        return table(found, RESOURCE_COLUMNS)


def detail_fields(detail: Any, form: str) -> tuple[tuple[str, ...], Row]:
    """One resource: all that the service says, or for people the alarms by their types and ids."""
    if form != "table":
        return fields(detail)
    rest: dict[str, Any] = {**detail.record, **detail.related, "projects": list(detail.projects)}
    rest["alarms"] = [f"{alarm.fault_type} {alarm.id}" for alarm in detail.alarms]
    names = {"key": detail.key, "state": state_of(detail.record), **rest}
    return tuple(names), tuple(map(shown, names.values()))


class ShowResource(NfvShow):
    """Show one resource: what hangs on it, who owns that, and the alarms that stand on it"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("resource", metavar="<kind/id>", help="Such as server/ID; a host by any of its names")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return detail_fields(self.nfv.resources.show(parsed_args.resource), parsed_args.formatter)


class ImpactOfResource(NfvShow):
    """Show who would be told, and what would be done, if it died now (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("resource", metavar="<kind/id>", help="Such as host/compute-1")
        parser.add_argument("--type", metavar="<type>", help="The event (default: the usual one of its kind)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        found = self.nfv.resources.impact(parsed_args.resource, type=parsed_args.type)
        if parsed_args.formatter != "table":
            return fields(found)
        rest = {
            "event_type": found.event_type,
            "resource": found.resource,
            "alarms": [f"{one.fault_type} on {one.resource.key}" for one in found.alarms],
            "actions": [f"{one['kind']} {one['target']}" for one in found.actions],
            "told": [f"{one['name'] or one['subscription']}: {one['alarms']} alarms" for one in found.told],
        }
        return tuple(rest), tuple(map(shown, rest.values()))
