"""``openstack nfv vim``: which clouds are watched, and how it stands with each."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from osc_lib import exceptions

from nfvigil.client.vim_options import Given, options_of
from nfvigil.openstack_plugin.commands import (
    Nfv,
    NfvLister,
    NfvShow,
    Row,
    add_pages,
    add_wait,
    fields,
    read_file,
    shown,
    table,
)

VIM_COLUMNS = {
    "Name": lambda one: one.name,
    "Driver": lambda one: one.driver,
    "State": lambda one: one.state,
    "Hosts": lambda one: one.counts.get("hosts"),
    "Servers": lambda one: one.counts.get("servers"),
    "Listed At": lambda one: one.snapshot_time,
    "Error": lambda one: one.error,
}
STATUS_COLUMNS = {
    "Name": lambda one: one.name,
    "State": lambda one: one.state,
    "Age": lambda one: one.snapshot_age_seconds,
    "Period": lambda one: one.period_seconds,
    "Listing Seconds": lambda one: one.snapshot_seconds,
    "Differences": lambda one: dict(one.differences),
    "Conditions": lambda one: list(one.conditions),
    "Error": lambda one: one.error,
}
STATUS_FIELDS = (
    "name",
    "state",
    "error",
    "conditions",
    "snapshot_time",
    "snapshot_age_seconds",
    "period_seconds",
    "snapshot_seconds",
    "attempted_time",
    "listing",
    "failures",
    "differences",
    "unconfirmed",
    "put_back",
    "counts",
    "readers",
)
CHECK_COLUMNS = {
    "What": lambda item: item.what,
    "OK": lambda item: item.ok,
    "Detail": lambda item: item.detail,
    "Advice": lambda item: item.advice,
}
GIVEN = {
    "os_cloud": ("--vim-cloud", "<cloud>", "An entry of clouds.yaml on the service's machine"),
    "clouds_file": ("--vim-clouds-file", "<path>", "Where clouds.yaml lies on the service's machine"),
    "region": ("--vim-region", "<region>", "Which region of it"),
    "auth_url": ("--vim-auth-url", "<url>", "Keystone, without clouds.yaml"),
    "username": ("--vim-username", "<user>", "Who logs in there; a new one's password is asked for"),
    "project": ("--vim-project", "<project>", "The project to log in to"),
    "user_domain": ("--vim-user-domain", "<domain>", "The user's domain (default: Default)"),
    "project_domain": ("--vim-project-domain", "<domain>", "The project's domain (default: Default)"),
}
GIVEN_FILES = {
    "password_file": ("--vim-password-file", "Holds the password (-: standard input)"),
    "cacert": ("--vim-cacert", "The CA's certificate in PEM; it is read here and sent along"),
    "bus_file": ("--vim-bus-file", "Holds the URL of the message bus"),
}


def vim_argument(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("vim", metavar="<vim>", help="VIM (name)")
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """What a driver wants to know. The OpenStack client has options of such names itself: ours say for whom."""
    for name, (option, metavar, text) in GIVEN.items():
        parser.add_argument(option, dest=name, metavar=metavar, help=text)
    for name, (option, text) in GIVEN_FILES.items():
        parser.add_argument(option, dest=name, metavar="<file>", type=Path, help=text)
    secure = parser.add_mutually_exclusive_group()
    secure.add_argument(
        "--vim-insecure", dest="insecure", action="store_true", default=None, help="Believe any certificate"
    )
    secure.add_argument("--vim-secure", dest="insecure", action="store_false", default=None, help="Check it")
    parser.add_argument("--option", metavar="<name=value>", action="append", help="An option of the driver (repeat)")
    parser.add_argument(
        "--option-file", metavar="<name=file>", action="append", help="The same with its value in a file (repeat)"
    )
    parser.add_argument(
        "--interval",
        metavar="<seconds>",
        type=float,
        help="Between two listings of everything (-1: only when asked for)",
    )
    parser.add_argument("--host-suffix", metavar="<@text>", help="Put behind its hosts' names")


def body_of(args: argparse.Namespace, *, is_new: bool) -> dict[str, Any]:
    """What the API takes of these arguments."""
    said: dict[str, Any] = {name: getattr(args, name) for name in (*GIVEN, *GIVEN_FILES, "insecure")}
    said |= {name: getattr(args, name, None) or () for name in ("option", "option_file", "unset")}
    options = options_of(Given(**said), is_new=is_new, read=read_file, ask=_ask)
    body: dict[str, Any] = {"options": options} if options or is_new else {}
    if args.interval is not None:
        body["interval_seconds"] = args.interval
    if args.host_suffix is not None:
        body["host_suffix"] = args.host_suffix
    return body


def _ask(what: str) -> str | None:
    return getpass.getpass(f"{what}: ") if sys.stdin.isatty() else None


class ListVims(NfvLister):
    """List the clouds that are watched, and how it stands with each (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        found = self.paged(parsed_args, lambda limit, marker: self.nfv.vims.page(limit=limit, marker=marker))
        return table(found, VIM_COLUMNS)


class ShowVim(NfvShow):
    """Show one cloud, and what its driver tells; secrets are shown as *** (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return vim_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.vims.show(parsed_args.vim))


class VimStatus(NfvLister):
    """Show how well each cloud is known: how old that is, how often it is listed, what is wrong (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("vim", metavar="<vim>", nargs="?", help="Of one VIM only, and in full (name)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        if parsed_args.vim is None:
            return table(self.nfv.vims.list(), STATUS_COLUMNS)
        one = self.nfv.vims.show(parsed_args.vim)
        return ("Field", "Value"), [(name, shown(getattr(one, name))) for name in STATUS_FIELDS]


class AddVim(NfvShow):
    """Watch a cloud from now on, and act on it (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="<name>", help="What you call it: small letters, digits, hyphens")
        parser.add_argument("--driver", metavar="<driver>", default="openstack", help="Default: openstack")
        add_options(parser)
        parser.add_argument("--disabled", action="store_true", help="Keep it, and do not watch it yet")
        parser.add_argument("--dry-run", action="store_true", help="Only check it; nothing is kept")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        body = body_of(parsed_args, is_new=True) | ({"enabled": False} if parsed_args.disabled else {})
        if not parsed_args.dry_run:
            return fields(self.nfv.vims.add(parsed_args.name, parsed_args.driver, **body))
        found = self.nfv.vims.try_out(parsed_args.name, parsed_args.driver, **body)
        self.code = 0 if found.ok else 1
        return fields(found)


class SetVim(NfvShow):
    """Change what is named of a cloud, and leave the rest (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = vim_argument(super().get_parser(prog_name))
        add_options(parser)
        parser.add_argument("--unset", metavar="<name>", action="append", help="Take an option out (repeat)")
        watched = parser.add_mutually_exclusive_group()
        watched.add_argument("--enable", dest="enabled", action="store_true", default=None, help="Watch it")
        watched.add_argument("--disable", dest="enabled", action="store_false", default=None, help="Watch it no more")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        body = body_of(parsed_args, is_new=False)
        if parsed_args.enabled is not None:
            body["enabled"] = parsed_args.enabled
        if not body:
            raise exceptions.CommandError("nothing is to be changed: say what")
        return fields(self.nfv.vims.change(parsed_args.vim, body))


class CheckVim(NfvLister):
    """Check whether a cloud will do what it is going to be asked for; ends with 1 if not (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return vim_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        found = self.nfv.vims.check(parsed_args.vim)
        self.code = 0 if found.ok else 1
        return table(found.items, CHECK_COLUMNS)


class RefreshVim(NfvShow):
    """List a cloud again now, rather than when it is time (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = vim_argument(super().get_parser(prog_name))
        add_wait(parser, "it has been read", 300)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        found = self.nfv.vims.refresh(parsed_args.vim)
        if parsed_args.wait:
            found = self.nfv.vims.wait_listed(found, most_seconds=parsed_args.wait_max)
        return fields(found)


class RemoveVim(Nfv):
    """Watch clouds no more; what they had goes out of the map (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("vims", metavar="<vim>", nargs="+", help="VIM(s) (name)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for name in parsed_args.vims:
            self.nfv.vims.remove(name)
