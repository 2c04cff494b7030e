"""``nfvigil vnf watch``: what becomes different of VNFs, the moment it is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.lasting import ForOption, lasting
from nfvigil.cli.moments import local, now
from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, as_csv, emit
from nfvigil.cli.terminal import complain, printable

if TYPE_CHECKING:
    from nfvigil.client.vnf_watch import VnfNews

IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Only these VNFs; all if left out.")]


def watch(
    context: typer.Context, vnf_ids: IdsArgument = None, seconds: ForOption = None, form: FormOption = Form.TABLE
) -> None:
    """What becomes different of VNFs and their servers, the moment it is known, until Ctrl-C.

    A service that is away for a while is waited for. Where it was started anew, what was missed is found by comparing,
    and marked so; 'history' has what happened in between. With -f json each line is an object.

    \b
      nfvigil vnf watch
      nfvigil vnf watch 5f5b3d2e -f json
    """
    wanted = frozenset(vnf_ids or ())
    with connect(context) as client, lasting(seconds):
        is_first = True
        for news in client.vnfs.watch(
            is_wanted=lambda vnf: not wanted or vnf.id in wanted,
            lost=lambda error: complain(printable(f"{error}: trying again")),
        ):
            for line in lines_of(news):
                _draw(line, form, is_first)
                is_first = False


def lines_of(news: VnfNews) -> list[dict[str, Any]]:
    """One for each difference; one for news without any."""
    head = {
        "time": now(),
        "news": news.kind.value,
        "missed": news.was_missed,
        "project_id": news.vnf.project_id if news.vnf else "",
        "vnf_id": news.vnf.id if news.vnf else "",
        "name": news.vnf.name if news.vnf else "",
    }
    empty = {"component_id": "", "interface": "", "field": "", "before": "", "after": "", "text": ""}
    if news.differences:
        return [
            {
                **head,
                "component_id": one.component,
                "interface": one.interface,
                "field": one.field,
                "before": one.before,
                "after": one.after,
                "text": str(one),
            }
            for one in news.differences
        ]
    return [head | empty | {"text": TEXTS.get(news.kind.value, "")}]


TEXTS = {
    "new": "is new",
    "removed": "is not told of any more",
    "resync": "the service was started anew: what was missed follows",
}


def _draw(line: dict[str, Any], form: Form, is_first: bool) -> None:
    if form is Form.JSON:
        print(json.dumps(line), flush=True)
    elif form is Form.YAML:
        emit([line], form, lambda _: None)
    elif form is Form.CSV:
        print(as_csv([line], with_titles=is_first), flush=True)
    else:
        words = (local(line["time"]), line["vnf_id"], line["name"], "missed" if line["missed"] else "", line["text"])
        print(printable("  ".join(filter(None, words))), flush=True)
