"""``openstack nfv host`` and ``openstack nfv brakes``: a host's power, and what holds recovery back."""

from __future__ import annotations

import argparse
from typing import Any

from osc_lib import exceptions

from nfvigil.openstack_plugin.commands import NfvLister, NfvShow, Row, add_pages, fields, table
from nfvigil.openstack_plugin.resources import detail_fields, state_of

HOST_COLUMNS = {
    "Host": lambda one: one.key.removeprefix("host/"),
    "State": lambda one: state_of(one.record),
    "Zone": lambda one: one.record.get("zone"),
    "VIM": lambda one: one.record.get("vim"),
}


def host_argument(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("host", metavar="<host>", help="Any of its names")
    return parser


def reason_argument(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--reason", metavar="<text>", required=True, help="Why: it is kept in the audit log")
    return parser


class ListHosts(NfvLister):
    """List the hosts (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        found = self.paged(parsed_args, lambda limit, marker: self.nfv.hosts.page(limit=limit, marker=marker))
        return table(found, HOST_COLUMNS)


class ShowHost(NfvShow):
    """Show one host: what is on it, who owns that, and the alarms that stand on it (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return host_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return detail_fields(self.nfv.hosts.show(parsed_args.host), parsed_args.formatter)


class HostPower(NfvShow):
    """Show what a host's BMC says of its power, asked now (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return host_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.hosts.power(parsed_args.host))


class ConfirmHostOff(NfvShow):
    """Say that a host is off and will stay so: what was on it may be started elsewhere (admin only)

    If it is not off, its servers run twice and their disks are lost. So its name is asked for twice.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = reason_argument(host_argument(super().get_parser(prog_name)))
        parser.add_argument("--sure", metavar="<host>", default="", help="The host's name once more")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        found = self.nfv.hosts.show(parsed_args.host)
        sure(found, parsed_args.sure, "If it is not off, or comes back, they run twice and write to the same disks.")
        return fields(self.nfv.hosts.confirm_off(parsed_args.host, reason=parsed_args.reason))


def sure(host: Any, named: str, warning: str) -> None:
    """CommandError, with whom it hits, unless the host was named once more by its own name."""
    name = host.key.removeprefix("host/")
    if named != name:
        servers = len(host.related.get("servers", ()))
        raise exceptions.CommandError(
            f"nothing was done: {name} has {servers} servers of {len(host.projects)} projects. {warning} "
            f"Add --sure {name} if it is so"
        )


class ShowBrakes(NfvShow):
    """Show the kill switch, every HOLD, hosts that are proven off, and how many actions wait (admin only)"""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.brakes.show())


class HoldVim(NfvShow):
    """Put a VIM on HOLD: nothing destructive is done there (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = reason_argument(super().get_parser(prog_name))
        parser.add_argument("vim", metavar="<vim>", help="VIM (name)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.brakes.hold(parsed_args.vim, reason=parsed_args.reason))


class ReleaseVim(NfvShow):
    """Release a HOLD: what waits goes on, under the other brakes (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = reason_argument(super().get_parser(prog_name))
        parser.add_argument("vim", metavar="<vim>", help="VIM (name)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.brakes.release(parsed_args.vim, reason=parsed_args.reason))


class SwitchAutomation(NfvShow):
    """Switch all automatic actions off, or on again (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = reason_argument(super().get_parser(prog_name))
        parser.add_argument("to", choices=("on", "off"), help="What to switch them to")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.brakes.automation(parsed_args.to == "on", reason=parsed_args.reason))
