"""``nfvigil vnf import`` and its like: OSM's records taken over and written, and the clouds' own words."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.failures import Code
from nfvigil.cli.options import FormOption, read_file
from nfvigil.cli.output import Form, as_json, emit
from nfvigil.cli.terminal import Column, complain, printable, say, table
from nfvigil.errors import ConflictError, FieldError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from nfvigil.client.client import Client

VnfArgument = Annotated[str, typer.Argument(metavar="ID", help="The VNF instance's id.")]
ProjectOption = Annotated[
    str | None, typer.Option("--project", metavar="ID", help="For administrators: whose VNF it is.")
]
REFUSED, THERE_ALREADY = "refused", "there already"
BAR_FROM = 5
"""Documents in a file that are worth a bar."""


class DocumentForm(StrEnum):
    JSON = "json"
    YAML = "yaml"


RESULT_COLUMNS = (
    Column("DOCUMENT", lambda one: one["document"], right=True),
    Column("ID", lambda one: one["id"], shrink=True),
    Column("NAME", lambda one: one["name"], shrink=True),
    Column("SERVERS", lambda one: one["servers"], right=True),
    Column("RESULT", lambda one: one["result"]),
    Column("NOTES", lambda one: [*one["notes"], *(f"{flaw['field']}: {flaw['reason']}" for flaw in one["errors"])]),
)


def import_vnfs(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="One of OSM's records, a list, or a line each ('-': standard input)."),
    ],
    project: ProjectOption = None,
    vim: Annotated[
        list[str] | None,
        typer.Option(
            "--vim",
            metavar="OSM_ID=NAME",
            help="For administrators: what we call one of OSM's VIM accounts, where no cloud has told of a server "
            "yet; repeat it.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what they would be; nothing is kept.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave a VNF as it is that is there already, and go on.")
    ] = False,
    form: FormOption = Form.TABLE,
) -> None:
    """Take VNFs over from OSM's records (vnfr), in JSON or YAML. One that is refused does not stop the others.

    \b
      nfvigil vnf import vnfr.json --dry-run
      mongoexport -d osm -c vnfrs | nfvigil vnf import - --project 4f0c
    """
    documents = documents_in(file)
    vims = _vims(vim or [])
    found: list[dict[str, Any]] = []
    with connect(context) as client:
        shown: Any = (
            typer.progressbar(documents, label="importing", file=sys.stderr)
            if len(documents) >= BAR_FROM and sys.stderr.isatty()
            else nullcontext(documents)
        )
        with shown as waiting:
            try:
                for number, document in enumerate(waiting, start=1):
                    found.append({"document": number} | _imported(client, document, project, vims, dry_run))
            except UnavailableError:
                emit(found, form, _draw_results)
                complain(f"error: {len(found)} of {len(documents)} documents were dealt with; the rest was not sent")
                raise
    if skip_existing:
        found = [
            one | ({"result": "skipped", "errors": []} if one["result"] == "there already" else {}) for one in found
        ]
    emit(found, form, _draw_results)
    wrong = sum(one["result"] in (REFUSED, THERE_ALREADY) for one in found)
    if wrong:
        complain(f"error: {wrong} of {len(found)} documents were refused")
        raise typer.Exit(Code.REFUSED)


def _draw_results(found: list[dict[str, Any]]) -> None:
    table(found, RESULT_COLUMNS, empty="the file has no documents")


def _imported(
    client: Client, document: Any, project: str | None, vims: dict[str, str], dry_run: bool
) -> dict[str, Any]:
    """What became of one."""
    told = document if isinstance(document, dict) else {}
    named = {"id": told.get("id") or told.get("_id"), "name": told.get("name") or told.get("vnfd-ref")}
    nothing: dict[str, Any] = {**named, "servers": None, "notes": [], "errors": []}
    if not isinstance(document, dict):
        flaw = {"field": "vnfr", "reason": "must be an object"}
        return {**nothing, "result": REFUSED, "errors": [flaw]}
    from secrets import token_hex  # who only asks for help does not wait for it

    try:
        made = client.vnfs.import_(document, project=project, vims=vims, dry_run=dry_run, key=f"import-{token_hex(16)}")
    except RefusedError as error:
        is_there = isinstance(error, ConflictError) and any(one.field == "id" for one in error.errors)
        flaws = [{"field": one.field, "reason": one.reason} for one in error.errors]
        flaws = flaws or [{"field": "vnfr", "reason": error.message}]
        return {**nothing, "result": THERE_ALREADY if is_there else REFUSED, "errors": flaws}
    return {
        "id": made.vnf.id,
        "name": made.vnf.name,
        "servers": len(made.vnf.vnfcs),
        "result": "would be imported" if dry_run else "imported",
        "notes": list(made.notes),
        "errors": [],
    }


def _vims(pairs: Iterable[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        account, sign, name = pair.partition("=")
        if not sign or not account or not name:
            raise RefusedError("the VIM is wrong", [FieldError("vim", f"must be OSM_ID=NAME, not {pair!r}")])
        found[account] = name
    return found


def documents_in(path: Path) -> list[Any]:
    """One document, those of a list, or one a line; of a YAML file also several behind each other."""
    text = read_file(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        import yaml  # only who asks for it waits for it

        try:
            parts = list(yaml.safe_load_all(text))
        except yaml.YAMLError as error:
            raise RefusedError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
        return [one for part in parts for one in (part if isinstance(part, list) else [part])]
    try:
        whole = json.loads(text)
    except ValueError:
        return list(_lines(path, text))
    return whole if isinstance(whole, list) else [whole]


def _lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise RefusedError(
                    f"{path} is neither JSON nor a JSON document a line", [FieldError("", str(error), number)]
                ) from error


def export(
    context: typer.Context,
    vnf_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="VNF instances' ids.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every VNF that we were told of.")] = False,
    project: ProjectOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there; to standard output if not.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    form: Annotated[
        DocumentForm, typer.Option("--format", "-f", help="JSON: several have a line each. YAML: a document each.")
    ] = DocumentForm.JSON,
) -> None:
    """Write VNFs as OSM's records (vnfr), as 'import' reads them.

    \b
      nfvigil vnf export 5f5b3d2e -o vnfr.json
      nfvigil vnf export --all > vnfrs.jsonl
    """
    if bool(vnf_ids) == every:
        raise typer.BadParameter("name VNFs, or --all", param_hint="ID")
    if output is not None and output.exists() and not force:
        raise RefusedError("nothing was written", [FieldError("output", f"{output} is there already: --force")])
    with connect(context) as client:
        wanted = (
            [(one.id, one.project_id) for one in client.vnfs.list() if one.source != "metadata"]
            if every
            else [(one, project) for one in vnf_ids or ()]
        )
        is_many = every or len(wanted) > 1
        texts = (_text(client.vnfs.export(one, project=whose), form, is_many) for one, whose in wanted)
        if output is None:
            for text in texts:
                sys.stdout.write(text)
            return
        _write(output, texts)
    complain(printable(f"{len(wanted)} written to {output}"))


def _text(document: dict[str, Any], form: DocumentForm, is_many: bool) -> str:
    if form is DocumentForm.YAML:
        import yaml  # only who asks for it waits for it

        return ("---\n" if is_many else "") + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return (json.dumps(document) if is_many else as_json(document)) + "\n"


def _write(path: Path, texts: Iterable[str]) -> None:
    """Whole or not at all: what was there before stays until all is written."""
    import tempfile  # who only asks for help does not wait for it

    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.writelines(texts)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {error}") from error


def details(
    context: typer.Context,
    vnf_id: VnfArgument,
    component: Annotated[
        str | None, typer.Option("--component", metavar="COMPONENT", help="Of this component only.")
    ] = None,
    project: ProjectOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """The cloud's own words on its servers and their ports, as OSM has them in its records; -f json as the cloud does.

    \b
      nfvigil vnf details 5f5b3d2e --component mme-1
    """
    with connect(context) as client:
        if form is Form.TABLE:
            text = client.vnfs.details_text(vnf_id, component=component, project=project)
            if not text:
                complain("nothing is known of it")
            for line in text.splitlines():
                say(printable(line))
            return
        found = [one.dict() for one in client.vnfs.details(vnf_id, component=component, project=project)]
    emit(found, form, lambda _: None)
