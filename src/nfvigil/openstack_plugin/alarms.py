"""``openstack nfv alarm``: what is wrong, why, and who looks after it."""

from __future__ import annotations

import argparse
from typing import Any

from nfvigil.client.moments import moment
from nfvigil.openstack_plugin.commands import NfvLister, NfvShow, Row, add_pages, fields, table

STATES = ("open", "raised", "confirmed", "cleared", "all")
SEVERITIES = ("critical", "major", "minor", "warning", "indeterminate")
LISTS = ("severity", "fault_type", "resource_type", "resource_id")
FILTERS = ("state", "min_severity", "project", "root_only", "acked")

ALARM_COLUMNS = {
    "ID": lambda alarm: alarm.id,
    "Severity": lambda alarm: alarm.perceived_severity,
    "Fault Type": lambda alarm: alarm.fault_type,
    "Resource": lambda alarm: alarm.resource.key,
    "State": lambda alarm: alarm.state,
    "Root Cause": lambda alarm: alarm.is_root_cause,
    "Acknowledged By": lambda alarm: alarm.acknowledged_by,
    "Raised At": lambda alarm: alarm.raised_time,
}
HISTORY_COLUMNS = {
    "Time": lambda entry: entry.time,
    "What": lambda entry: entry.what,
    "By": lambda entry: entry.by,
    "Text": lambda entry: entry.text,
}


def alarm_argument(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("alarm", metavar="<alarm>", help="Alarm (ID)")
    return parser


class ListAlarms(NfvLister):
    """List alarms, the newest first"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--state", choices=STATES, default="open", help="Which ones (default: open)")
        parser.add_argument("--severity", choices=SEVERITIES, action="append", help="Only these (repeat)")
        parser.add_argument("--min-severity", choices=SEVERITIES, help="This one or worse")
        parser.add_argument(
            "--fault-type", metavar="<glob>", action="append", help="Only these types, 'compute.host.*' (repeat)"
        )
        parser.add_argument(
            "--resource-type", metavar="<kind>", action="append", help="Only on such resources: server, host (repeat)"
        )
        parser.add_argument("--resource-id", metavar="<id>", action="append", help="Only on this resource (repeat)")
        parser.add_argument("--project", metavar="<project>", help="Of this project (ID; admin only)")
        parser.add_argument("--root-only", action="store_true", help="Root causes only")
        acked = parser.add_mutually_exclusive_group()
        acked.add_argument("--acked", dest="acked", action="store_true", default=None, help="Acknowledged ones only")
        acked.add_argument("--unacked", dest="acked", action="store_false", default=None, help="The others only")
        parser.add_argument("--since", metavar="<time>", help="Raised then or later: 10m (ago), 2026-01-31T12:00:00Z")
        parser.add_argument("--until", metavar="<time>", help="Raised before then")
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        chosen: dict[str, Any] = {name: getattr(parsed_args, name) or () for name in LISTS}
        chosen |= {name: getattr(parsed_args, name) for name in FILTERS}
        chosen |= {name: moment(getattr(parsed_args, name), f"--{name}") for name in ("since", "until")}
        found = self.paged(
            parsed_args, lambda limit, marker: self.nfv.alarms.page(limit=limit, marker=marker, **chosen)
        )
        return table(found, ALARM_COLUMNS)


class ShowAlarm(NfvShow):
    """Show one alarm"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return alarm_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.alarms.show(parsed_args.alarm))


class AckAlarm(NfvShow):
    """Say that somebody looks after an alarm"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return alarm_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.alarms.ack(parsed_args.alarm))


class UnackAlarm(NfvShow):
    """Say that nobody looks after an alarm any more"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return alarm_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.alarms.unack(parsed_args.alarm))


class ClearAlarm(NfvShow):
    """Clear an alarm by hand, where its monitor never will (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return alarm_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.alarms.clear(parsed_args.alarm))


class CommentAlarm(NfvShow):
    """Add a line to an alarm's history"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = alarm_argument(super().get_parser(prog_name))
        parser.add_argument("text", metavar="<text>", help="What to say")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.alarms.comment(parsed_args.alarm, parsed_args.text))


class AlarmHistory(NfvLister):
    """List what happened to an alarm, the oldest first"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return alarm_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        return table(self.nfv.alarms.history(parsed_args.alarm), HISTORY_COLUMNS)


class ExplainAlarm(NfvShow):
    """Show why an alarm stands, what was done, and who was told

    ``-f json`` or ``-f yaml`` shows all of it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return alarm_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        found = self.nfv.alarms.explain(parsed_args.alarm)
        if parsed_args.formatter in ("json", "yaml"):
            return fields(found)
        return tuple(_story(found.raw)), tuple(_story(found.raw).values())


def _story(whole: Any) -> dict[str, Any]:
    """The explanation in a few lines, for people."""
    alarm, timings = whole["alarm"], whole.get("timings") or {}
    event, verdict = whole.get("event") or {}, whole.get("verdict") or {}
    steps = [f"{one['rule']}: {one['text'] or one['reason']} ({one['resource']})" for one in verdict.get("steps", ())]
    actions = [f"{one['kind']} {one['target']}: {one['state']}" for one in whole.get("actions") or ()]
    told = [f"{one['subscription_id']}: {one['state']}" for one in whole.get("deliveries") or ()]
    return {
        "alarm": f"{alarm['fault_type']} on {alarm['resource']['kind']}/{alarm['resource']['id']}: {alarm['state']}",
        "text": alarm["text"],
        "root_cause_id": alarm["root_cause_id"],
        "event": f"{event['type']} on {event['resource']} by {event['monitor']}" if event else None,
        "rule": whole.get("rule"),
        "policy": whole.get("policy"),
        "steps": "\n".join(steps),
        "actions": "\n".join(actions),
        "deliveries": "\n".join(told),
        "total_ms": timings.get("total_ms"),
    }
