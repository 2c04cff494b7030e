"""``openstack nfv ves``: what is told of a cloud to a VES collector."""

from __future__ import annotations

import argparse
from pathlib import Path

from nfvigil.client.ves_options import VesGiven, config_of
from nfvigil.errors import NotFoundError
from nfvigil.openstack_plugin.commands import Nfv, NfvShow, Row, fields, read_file
from nfvigil.openstack_plugin.vims import vim_argument

FILES = {
    "file": ("--file", "ONAP's vesagent_config in JSON (-: standard input)"),
    "password_file": ("--password-file", "Holds the collector's password (-: standard input)"),
    "ca_file": ("--collector-cacert", "Certificates (PEM) to believe beside the system's"),
    "client_cert_file": ("--collector-cert", "The certificate (PEM) with which the service comes"),
    "client_key_file": ("--collector-key", "Its key (PEM), without a passphrase"),
}


class ShowVes(NfvShow):
    """Show what is told of a cloud to its VES collector, and how that goes (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return vim_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.ves.show(parsed_args.vim))


class SetVes(NfvShow):
    """Say what is told of a cloud to which VES collector; what is not named stays (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = vim_argument(super().get_parser(prog_name))
        for name, (option, text) in FILES.items():
            parser.add_argument(option, dest=name, metavar="<file>", type=Path, help=text)
        parser.add_argument("--endpoint", metavar="<url>", help="The collector's: .../eventListener/v5 or /v7")
        parser.add_argument("--username", metavar="<user>", help="For basic authentication")
        parser.add_argument(
            "--backlog",
            metavar="<field=value,...>",
            action="append",
            help="What is told: domain, type, tenant, tenantid, source, sourceid, poll_interval (repeat)",
        )
        parser.add_argument("--interval", metavar="<seconds>", type=float, help="Where a backlog says none")
        parser.add_argument("--faults", metavar="<rule>", help="default, onap, or states with commas between them")
        parser.add_argument("--heartbeat", metavar="<seconds>", type=float, help="Between signs of life; 0 for none")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        said = {name: getattr(parsed_args, name) for name in FILES}
        said |= {
            name: getattr(parsed_args, name) for name in ("endpoint", "username", "interval", "faults", "heartbeat")
        }
        given = VesGiven(**said, backlog=parsed_args.backlog or ())
        try:
            before = self.nfv.ves.show(parsed_args.vim)
        except NotFoundError:
            before = None
        config = config_of(given, before.config if before is not None else {}, read=read_file)
        return fields(self.nfv.ves.put(parsed_args.vim, config, if_match=before))


class DeleteVes(Nfv):
    """Tell the VES collectors of clouds no more (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("vims", metavar="<vim>", nargs="+", help="VIM(s) (name)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for name in parsed_args.vims:
            self.nfv.ves.remove(name)


class TryVes(NfvShow):
    """Have the service send a cloud's VES collector a heartbeat now; ends with 1 if it fails (admin only)"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return vim_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        found = self.nfv.ves.test(parsed_args.vim)
        self.code = 0 if found.ok else 1
        return fields(found)
