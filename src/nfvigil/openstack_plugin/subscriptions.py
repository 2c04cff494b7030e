"""``openstack nfv subscription``: who hears what, where, and what came of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from osc_lib import exceptions

from nfvigil.openstack_plugin.alarms import SEVERITIES
from nfvigil.openstack_plugin.commands import (
    Nfv,
    NfvLister,
    NfvShow,
    Row,
    add_pages,
    add_wait,
    fields,
    read_file,
    table,
)

SIGNED = "signed"
FILTER = ("resource_types", "resource_ids", "resource_states", "fault_types", "min_severity")
SUBSCRIPTION_COLUMNS = {
    "ID": lambda one: one.id,
    "Name": lambda one: one.name,
    "Project": lambda one: one.project,
    "Mode": lambda one: one.mode,
    "Paused": lambda one: one.paused,
    "Endpoints": lambda one: [f"{endpoint.format}={endpoint.url}" for endpoint in one.endpoints],
}
DELIVERY_COLUMNS = {
    "Sequence": lambda one: one.sequence,
    "State": lambda one: one.state,
    "Attempts": lambda one: one.attempts,
    "Endpoint": lambda one: one.endpoint_id,
    "Delivered At": lambda one: one.delivered_time,
    "Error": lambda one: one.error,
}


def subscription_argument(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("subscription", metavar="<subscription>", help="Subscription (name or ID)")
    return parser


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resource-type", metavar="<kind>", action="append", help="Only of such: server (repeat)")
    parser.add_argument("--resource-id", metavar="<id>", action="append", help="Only of this resource (repeat)")
    parser.add_argument("--resource-state", metavar="<state>", action="append", help="Only where it is so (repeat)")
    parser.add_argument("--fault-type", metavar="<glob>", action="append", help="Only these types (repeat)")
    parser.add_argument("--min-severity", choices=SEVERITIES, help="This one or worse")


def _add_secrets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret-file", metavar="<file>", type=Path, help="Holds the key for signing: whsec_ and base64"
    )
    parser.add_argument(
        "--endpoint-token-file", metavar="<file>", type=Path, help="Holds what is sent to them as X-Auth-Token"
    )


def _filter(args: argparse.Namespace) -> dict[str, Any]:
    """What of the filter was named."""
    chosen = {
        "resource_types": args.resource_type,
        "resource_ids": args.resource_id,
        "resource_states": args.resource_state,
        "fault_types": args.fault_type,
        "min_severity": args.min_severity,
    }
    return {name: value for name, value in chosen.items() if value}


class CreateSubscription(NfvShow):
    """Hear of faults from now on"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="<name>", nargs="?", default="", help="What you call it")
        parser.add_argument(
            "--endpoint",
            metavar="<[format=]url>",
            action="append",
            required=True,
            help="Where to, in which format (default: doctor; repeat)",
        )
        parser.add_argument("--project", metavar="<project>", help="Whose it is (ID; admin only)")
        parser.add_argument(
            "--mode",
            choices=("raised", "confirmed", "both"),
            default="raised",
            help="raised: at once; confirmed: when the cloud says the same (default: raised)",
        )
        _add_filter(parser)
        parser.add_argument(
            "--heartbeat", metavar="<seconds>", type=float, default=0.0, help="A sign of life this often (default: 0)"
        )
        _add_secrets(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        made = self.nfv.subscriptions.create(
            endpoints_of(parsed_args),
            name=parsed_args.name,
            project=parsed_args.project,
            filter=_filter(parsed_args),
            mode=parsed_args.mode,
            heartbeat_seconds=parsed_args.heartbeat,
        )
        if made.resources and parsed_args.formatter == "table":
            self.say(f"{len(made.resources)} alarms that it covers stand already: openstack nfv alarm list")
            return fields(made, but=("resources",))
        return fields(made)


def endpoints_of(args: argparse.Namespace) -> list[dict[str, Any]]:
    """``[FORMAT=]URL`` each; a URL may have an equals sign of its own, a format has no colon."""
    found: list[dict[str, Any]] = []
    for text in args.endpoint:
        front, sign, url = text.partition("=")
        if not sign or ":" in front:
            front, url = "doctor", text
        found.append({"url": url, "format": front})
    if args.secret_file is not None:
        secret = read_file(args.secret_file).strip()
        for one in [one for one in found if one["format"] == SIGNED] or found:
            one["secret"] = secret
    if args.endpoint_token_file is not None:
        token = read_file(args.endpoint_token_file).strip()
        for one in found:
            one["token"] = token
    return found


class SetSubscription(NfvShow):
    """Change a subscription; what is not named stays, secrets of endpoints too"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = subscription_argument(super().get_parser(prog_name))
        parser.add_argument("--name", metavar="<name>", help="What you call it")
        parser.add_argument(
            "--endpoint",
            metavar="<id|[format=]url>",
            action="append",
            help="All that it is to have: an ID keeps the one there is (repeat)",
        )
        parser.add_argument("--mode", choices=("raised", "confirmed", "both"), help="Which news it takes")
        _add_filter(parser)
        parser.add_argument("--no-filter", action="store_true", help="Take out of the filter what is not named here")
        parser.add_argument("--heartbeat", metavar="<seconds>", type=float, help="A sign of life this often (0: none)")
        _add_secrets(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        change = change_of(parsed_args)
        found = self.nfv.subscriptions.find(parsed_args.subscription)
        changed = self.nfv.subscriptions.change(found.id, change, if_match=found)
        return fields(changed, but=("resources", "virtual_resources"))


def change_of(args: argparse.Namespace) -> dict[str, Any]:
    """What is to be another. CommandError where that is nothing."""
    given = {"name": args.name, "mode": args.mode, "heartbeat_seconds": args.heartbeat}
    change: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    wanted = _filter(args)
    if args.no_filter:
        change["filter"] = dict.fromkeys(FILTER) | wanted
    elif wanted:
        change["filter"] = wanted
    urls = [one for one in args.endpoint or () if "://" in one]
    if not urls and (args.secret_file is not None or args.endpoint_token_file is not None):
        raise exceptions.CommandError("secrets go to new endpoints: name the URL with --endpoint")
    if args.endpoint:
        new = argparse.Namespace(**{**vars(args), "endpoint": urls})
        change["endpoints"] = [*({"id": one} for one in args.endpoint if one not in urls), *endpoints_of(new)]
    if not change:
        raise exceptions.CommandError("nothing to change: name what is to be another")
    return change


class ListSubscriptions(NfvLister):
    """List subscriptions: the project's, or all for an admin"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        found = self.paged(parsed_args, lambda limit, marker: self.nfv.subscriptions.page(limit=limit, marker=marker))
        return table(found, SUBSCRIPTION_COLUMNS)


class ShowSubscription(NfvShow):
    """Show one subscription; its secrets are never shown"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return subscription_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.subscriptions.find(parsed_args.subscription))


class DeleteSubscription(Nfv):
    """End subscriptions; what was not delivered yet is dropped"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("subscriptions", metavar="<subscription>", nargs="+", help="Subscription(s) (name or ID)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for name in parsed_args.subscriptions:
            self.nfv.subscriptions.delete(self.nfv.subscriptions.find(name).id)


class SendTest(NfvLister):
    """Send a test notification to a subscription's endpoints"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = subscription_argument(super().get_parser(prog_name))
        add_wait(parser, "each message is delivered or given up", 60)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        subscriptions = self.nfv.subscriptions
        found = subscriptions.find(parsed_args.subscription).id
        sent = subscriptions.test(found)
        if not parsed_args.wait:
            return table(subscriptions.deliveries_of(found, sent), DELIVERY_COLUMNS)
        messages = subscriptions.wait_delivered(found, sent, most_seconds=parsed_args.wait_max)
        self.code = 0 if all(one.state == "delivered" for one in messages) else 1
        return table(messages, DELIVERY_COLUMNS)


class PauseSubscription(NfvShow):
    """Send nothing for now; what comes meanwhile is kept"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return subscription_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        found = self.nfv.subscriptions.find(parsed_args.subscription)
        return fields(self.nfv.subscriptions.pause(found.id))


class ResumeSubscription(NfvShow):
    """Send again, first what was kept meanwhile"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return subscription_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        found = self.nfv.subscriptions.find(parsed_args.subscription)
        return fields(self.nfv.subscriptions.resume(found.id))


class ReplaySubscription(NfvShow):
    """Send again what came after a sequence number, under the same ids"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = subscription_argument(super().get_parser(prog_name))
        parser.add_argument(
            "--after", metavar="<sequence>", type=int, required=True, help="The last number that arrived"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        if parsed_args.after < 0:
            raise exceptions.CommandError("--after must be 0 or more")
        found = self.nfv.subscriptions.find(parsed_args.subscription)
        return ("requeued",), (self.nfv.subscriptions.replay(found.id, after=parsed_args.after),)


class ListDeliveries(NfvLister):
    """List what was sent, waits, or was given up; in the order of sending"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = subscription_argument(super().get_parser(prog_name))
        parser.add_argument("--state", choices=("pending", "delivered", "dead"), help="Only these")
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        found = self.nfv.subscriptions.find(parsed_args.subscription)
        messages = self.paged(
            parsed_args,
            lambda limit, marker: self.nfv.subscriptions.deliveries_page(
                found.id, state=parsed_args.state, limit=limit, marker=marker
            ),
        )
        return table(messages, DELIVERY_COLUMNS)
