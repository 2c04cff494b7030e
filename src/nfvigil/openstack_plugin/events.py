"""``openstack nfv event``: send what a monitor would send, and see what was sent."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from osc_lib import exceptions

from nfvigil.client.moments import moment
from nfvigil.openstack_plugin.commands import NfvLister, Row, add_pages, pairs, read_file, table

RECEIPT_COLUMNS = {
    "State": lambda receipt: receipt.state,
    "Event": lambda receipt: receipt.id,
    "Noticed": lambda receipt: list(receipt.flags),
    "Errors": lambda receipt: [f"{one.field}: {one.reason}" for one in receipt.errors],
}
EVENT_COLUMNS = {
    "ID": lambda event: event.id,
    "Type": lambda event: event.type,
    "Resource": lambda event: event.resource,
    "Status": lambda event: event.status,
    "Monitor": lambda event: event.monitor,
    "Door": lambda event: event.door,
    "Received At": lambda event: event.received_time,
}
WORDS = ("type", "status", "severity", "monitor", "monitor_event_id", "cause", "source", "time")


class SendEvent(NfvLister):
    """Send an event, or a file of them; what is accepted is durable when this returns"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("type", metavar="<type>", nargs="?", help="Such as compute.host.down")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--host", metavar="<host>", help="On this host, by any of its names")
        what.add_argument("--resource", metavar="<kind/id>", help="On this resource: switch/leaf-1")
        what.add_argument("--file", metavar="<file>", type=Path, help="Send the JSON in this file (-: standard input)")
        parser.add_argument("--status", choices=("down", "up", "unknown"), help="What is seen (default: down)")
        parser.add_argument("--severity", metavar="<severity>", help="critical, major, minor, warning ...")
        parser.add_argument("--monitor", metavar="<monitor>", help="Who says so")
        parser.add_argument("--monitor-event-id", metavar="<id>", help="The monitor's own: sent twice, it counts once")
        parser.add_argument("--cause", metavar="<cause>", help="Why, as far as the monitor knows")
        parser.add_argument("--source", metavar="<source>", help="Where the monitor has it from")
        parser.add_argument("--time", metavar="<time>", help="When it was seen (default: now)")
        parser.add_argument("--detail", metavar="<name=value>", action="append", help="Anything else (repeat)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        receipts = self.nfv.events.send(events_of(parsed_args))
        if any(one.is_refused for one in receipts):
            self.code = 1
        return table(receipts, RECEIPT_COLUMNS)


def events_of(args: argparse.Namespace) -> Any:
    """What is to be sent, from the command's arguments."""
    given = {name: getattr(args, name) for name in WORDS if getattr(args, name) is not None}
    details = pairs(args.detail or (), "--detail")
    if args.file is not None:
        if given or details:
            raise exceptions.CommandError("what the events say stands in the --file")
        try:
            found = json.loads(read_file(args.file))
        except ValueError as error:
            raise exceptions.CommandError(f"{args.file} is not JSON: {error}") from error
        return found["events"] if isinstance(found, dict) and isinstance(found.get("events"), list) else found
    if "type" not in given or not (args.host or args.resource):
        raise exceptions.CommandError("name the type of the event, and its --host or --resource; or a --file")
    given["resource"] = f"host/{args.host}" if args.host else args.resource
    return {"status": "down", "time": datetime.now(UTC), **given, **({"details": details} if details else {})}


class ListEvents(NfvLister):
    """List what monitors sent, the oldest first (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--type", metavar="<glob>", help="Only these: 'compute.*'")
        parser.add_argument("--since", metavar="<time>", help="Received then or later: 10m (ago), 2026-01-31T12:00:00Z")
        parser.add_argument("--until", metavar="<time>", help="Received before then")
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        chosen = {name: moment(getattr(parsed_args, name), f"--{name}") for name in ("since", "until")}
        chosen["type"] = parsed_args.type
        found = self.paged(
            parsed_args, lambda limit, marker: self.nfv.events.page(limit=limit, marker=marker, **chosen)
        )
        return table(found, EVENT_COLUMNS)
