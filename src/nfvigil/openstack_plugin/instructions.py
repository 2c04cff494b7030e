"""``openstack nfv instruct`` and ``openstack nfv instruction``: have something done, and see how it goes."""

from __future__ import annotations

import argparse
import uuid
from typing import Any

from osc_lib import exceptions

from nfvigil.openstack_plugin.commands import NfvLister, NfvShow, Row, add_pages, add_wait, fields, pairs, table
from nfvigil.openstack_plugin.hosts import sure

DEEDS = (
    *("reboot", "start", "stop", "live_migrate", "migrate", "confirm_resize", "revert_resize"),
    *("evacuate", "rebuild", "delete", "fence"),
)
INSTRUCTION_COLUMNS = {
    "ID": lambda one: one.id,
    "State": lambda one: one.state,
    "Action": lambda one: one.action,
    "Target": lambda one: one.target,
    "By": lambda one: one.by or one.origin,
    "Attempts": lambda one: one.attempts,
    "Text": lambda one: one.text,
}


class Instruct(NfvShow):
    """Have something done to a server, or a host fenced; it is written down when this returns"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("action", choices=DEEDS, help="What to do")
        parser.add_argument("target", metavar="<target>", help="Server (ID); host (name) to fence")
        parser.add_argument(
            "--param",
            metavar="<name=value>",
            action="append",
            help="type=SOFT or HARD, image=ID, confirm=false, seconds=N (repeat)",
        )
        parser.add_argument("--host", metavar="<host>", help="Where to (admin only)")
        parser.add_argument("--dry-run", action="store_true", help="Check it, and do nothing")
        parser.add_argument("--key", metavar="<key>", help="Asked again under the same key, it is not done again")
        parser.add_argument("--sure", metavar="<host>", default="", help="To fence: the host's name once more")
        add_wait(parser, "it is over", 900)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        params = params_of(parsed_args)
        action, target = parsed_args.action, parsed_args.target
        kind = "host" if action == "fence" else "server"
        if kind == "host" and not parsed_args.dry_run:
            host = self.nfv.hosts.show(target)
            sure(host, parsed_args.sure, "It is switched off, and they with it.")
        # Under a key of its own it may be asked again if the answer is lost.
        key = parsed_args.key or f"osc-{uuid.uuid4().hex}"
        asked = self.nfv.instructions.ask(
            action, target if "/" in target else f"{kind}/{target}", params, dry_run=parsed_args.dry_run, key=key
        )
        if parsed_args.wait and not parsed_args.dry_run:
            asked = self.nfv.instructions.wait(asked, most_seconds=parsed_args.wait_max)
            self.code = 0 if asked.is_well else 1
        return fields(asked)


def params_of(args: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = dict(pairs(args.param or (), "--param"))
    for name in [name for name in ("confirm", "override_brakes") if name in found]:
        if found[name] not in ("true", "false"):
            raise exceptions.CommandError(f"--param {name} must be true or false")
        found[name] = found[name] == "true"
    if "seconds" in found:
        try:
            found["seconds"] = float(found["seconds"])
        except ValueError as error:
            raise exceptions.CommandError("--param seconds must be a number") from error
    return found | ({"host": args.host} if args.host else {})


class ListInstructions(NfvLister):
    """List what was asked for, the oldest first"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        found = self.paged(parsed_args, lambda limit, marker: self.nfv.instructions.page(limit=limit, marker=marker))
        return table(found, INSTRUCTION_COLUMNS)


class ShowInstruction(NfvShow):
    """Show how an instruction stands, or how it ended"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("instruction", metavar="<instruction>", help="Instruction (ID)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.instructions.show(parsed_args.instruction))
