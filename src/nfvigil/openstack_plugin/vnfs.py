"""``openstack nfv vnf``: VNFs, what their servers are now, what became of them, and OSM's records in and out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from osc_lib import exceptions

from nfvigil.client.moments import moment
from nfvigil.errors import RefusedError
from nfvigil.openstack_plugin.commands import (
    Nfv,
    NfvLister,
    NfvShow,
    PlainText,
    Row,
    add_pages,
    fields,
    message_of,
    pairs,
    positive,
    read_file,
    table,
)

if TYPE_CHECKING:
    from nfvigil.client.vnf_shapes import Vnf
    from nfvigil.client.vnf_watch import VnfNews

KINDS = ("status", "name", "host", "message", "address", "interface", "deleted", "returned")

VNF_COLUMNS = {
    "ID": lambda one: one.id,
    "Name": lambda one: one.name,
    "Project": lambda one: one.project_id,
    "Servers": lambda one: len(one.vnfcs),
    "Status": lambda one: ", ".join(f"{count} {status}" for status, count in sorted(one.statuses.items())),
    "Address": lambda one: one.record.ip_address,
    "Read At": lambda one: one.record.read_time,
    "Stale": lambda one: one.record.stale,
    "Source": lambda one: one.source,
}
LINE_COLUMNS = {
    "Time": lambda one: one.time,
    "Component": lambda one: one.component_id,
    "Kind": lambda one: one.kind,
    "Field": lambda one: one.field,
    "Interface": lambda one: one.interface,
    "Before": lambda one: one.before,
    "After": lambda one: one.after,
}
RESULT_COLUMNS = {
    "Document": lambda one: one["document"],
    "ID": lambda one: one["id"],
    "Result": lambda one: one["result"],
    "Notes": lambda one: one["notes"],
}


def vnf_argument(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("vnf", metavar="<vnf>", help="VNF (ID)")
    parser.add_argument("--project", metavar="<project>", help="Whose it is, if several have one (ID, admin only)")
    return parser


class ListVnfs(NfvLister):
    """List VNFs, and what their servers are now"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--status", metavar="<status>", action="append", help="With a server in it (repeat)")
        parser.add_argument("--name", metavar="<name>", action="append", help="Called so (repeat)")
        parser.add_argument("--vim", metavar="<vim>", action="append", help="With a server there (repeat, admin only)")
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        asked = {"status": parsed_args.status, "name": parsed_args.name, "vim": parsed_args.vim}
        found = self.paged(parsed_args, lambda limit, marker: self.nfv.vnfs.page(**asked, limit=limit, marker=marker))
        return table(found, VNF_COLUMNS)


class ShowVnf(NfvShow):
    """Show one VNF with its servers and their interfaces, as they are now

    ``-f json`` or ``-f yaml`` shows all of it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return vnf_argument(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Row]:
        return fields(self.nfv.vnfs.show(parsed_args.vnf, project=parsed_args.project))


class VnfHistory(NfvLister):
    """List what became of a VNF's servers, the oldest first"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = vnf_argument(super().get_parser(prog_name))
        parser.add_argument("--component", metavar="<component>", help="Of this component only")
        parser.add_argument("--kind", metavar="<kind>", action="append", choices=KINDS, help="About that (repeat)")
        parser.add_argument("--since", metavar="<time>", help="Then or later: 10m, 2h ago, or 2026-01-31T12:00:00Z")
        add_pages(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        asked: dict[str, Any] = {
            "component": parsed_args.component,
            "kind": parsed_args.kind,
            "since": moment(parsed_args.since, "since"),
            "project": parsed_args.project,
        }
        found = self.paged(
            parsed_args,
            lambda limit, marker: self.nfv.vnfs.history_page(parsed_args.vnf, **asked, limit=limit, marker=marker),
        )
        return table(found, LINE_COLUMNS)


class ImportVnf(NfvLister):
    """Take VNFs over from OSM's records; ends with 1 if one was refused"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "file", metavar="<file>", type=Path, help="JSON: one record, a list, or a line each (-: standard input)"
        )
        parser.add_argument("--project", metavar="<project>", help="Whose they are to be (ID, admin only)")
        parser.add_argument(
            "--vim",
            metavar="<osm-id=name>",
            action="append",
            help="What we call one of OSM's VIM accounts (repeat, admin only)",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what they would be")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        vims = pairs(parsed_args.vim or (), "--vim")
        found = []
        for number, document in enumerate(documents_of(read_file(parsed_args.file)), start=1):
            result = {"document": number, "id": None, "result": "refused", "notes": ["it is no object"]}
            if isinstance(document, dict):
                result |= self._imported(document, parsed_args, vims)
            found.append(result)
        self.code = int(any(one["result"] == "refused" for one in found))
        return table(found, RESULT_COLUMNS)

    def _imported(self, document: dict[str, Any], args: argparse.Namespace, vims: dict[str, str]) -> dict[str, Any]:
        try:
            made = self.nfv.vnfs.import_(
                document, project=args.project, vims=vims, dry_run=args.dry_run, key=f"import-{token_hex(16)}"
            )
        except RefusedError as error:
            return {"id": document.get("id"), "notes": message_of(error).splitlines()}
        done = "would be imported" if args.dry_run else "imported"
        return {"id": made.vnf.id, "result": done, "notes": list(made.notes)}


def documents_of(text: str) -> list[Any]:
    """One document, those of a list, or one a line."""
    try:
        whole = json.loads(text)
    except ValueError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise exceptions.CommandError(f"it is neither JSON nor a JSON document a line: {error}") from error
    return whole if isinstance(whole, list) else [whole]


class ExportVnf(Nfv):
    """Write a VNF as OSM's record, in JSON"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = vnf_argument(super().get_parser(prog_name))
        parser.add_argument("--file", metavar="<file>", type=Path, help="Write it there; it must not be there yet")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        document = self.nfv.vnfs.export(parsed_args.vnf, project=parsed_args.project)
        text = json.dumps(document, indent=2) + "\n"
        if parsed_args.file is None:
            self.app.stdout.write(text)
            return
        try:
            with parsed_args.file.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise exceptions.CommandError(f"{parsed_args.file} cannot be written: {error}") from error


class WatchVnfs(Nfv):
    """Show what becomes different of VNFs and their servers, the moment it is known"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("vnfs", metavar="<vnf>", nargs="*", help="Only these VNF(s) (ID)")
        parser.add_argument("--json", action="store_true", help="An object a line")
        parser.add_argument("--most", metavar="<n>", type=positive, help="End after so many lines")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        wanted = frozenset(parsed_args.vnfs)
        left = parsed_args.most

        def is_wanted(vnf: Vnf) -> bool:
            return not wanted or vnf.id in wanted

        for news in self.nfv.vnfs.watch(is_wanted=is_wanted, lost=lambda error: self.say(f"{error}: trying again")):
            for line in lines_of(news):
                self.app.stdout.write((json.dumps(line) if parsed_args.json else _text(line)) + "\n")
                self.app.stdout.flush()
                left = None if left is None else left - 1
                if left == 0:
                    return


def lines_of(news: VnfNews) -> list[dict[str, Any]]:
    """One for each difference; one for news without any."""
    head = {"news": news.kind.value, "missed": news.was_missed, "vnf": news.vnf.id if news.vnf else ""}
    return [head | {"text": str(one)} for one in news.differences] or [head | {"text": ""}]


def _text(line: dict[str, Any]) -> str:
    words = (line["vnf"], line["news"], "missed" if line["missed"] else "", line["text"])
    return PlainText("  ".join(filter(None, words))).human_readable()
