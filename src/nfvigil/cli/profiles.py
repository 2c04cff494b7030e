"""``nfvigil profile``: where the time went between a fault and its handling."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect, full_id, place
from nfvigil.cli.options import FormOption, SinceOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, drawing_width, say, table
from nfvigil.cli.timeline import bar, draw_profile
from nfvigil.client.moments import moment
from nfvigil.errors import NotFoundError

app = typer.Typer(no_args_is_help=True, help="See where the time went between a fault and its handling.")

BAR_MAX = 40


@app.command()
def show(
    context: typer.Context,
    fault: Annotated[
        str, typer.Argument(metavar="FAULT", help="The id of a fault or an alarm, or the first characters of it.")
    ],
    form: FormOption = Form.TABLE,
) -> None:
    """The time line of one fault: what each component took, in ms and as a share of the whole.

    Controller and notifier run side by side, so that shares may add up to more than 100 %.
    """
    with connect(context) as client:
        try:
            whole = full_id(client, "/v1/alarms", fault, state="all")
        except NotFoundError:
            whole = full_id(client, "/v1/faults", fault, state="all")
        found = client.get(place("v1", "faults", whole, "profile"))
    emit(found, form, draw_profile)


@app.command()
def summary(
    context: typer.Context,
    since: SinceOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="Over the latest so many faults.")
    ] = 1000,
    form: FormOption = Form.TABLE,
) -> None:
    """Percentiles over many faults: each component, and the whole way; for administrators."""
    with connect(context) as client:
        found = client.get("/v1/profiles/summary", {"since": moment(since, "since"), "limit": limit})
    emit(found, form, draw_summary)


def draw_summary(summary: dict[str, Any]) -> None:
    if not summary["spans"]:
        complain("no faults to go by")
        return
    worst = max(span["p99_ms"] for span in summary["spans"].values())
    room = max(10, min(BAR_MAX, drawing_width() - 75))

    def figure(name: str) -> Column:
        title = name.removesuffix("_ms").upper()
        return Column(title, lambda item: f"{item[1][name]:.2f}", right=True)

    say(f"{summary['faults']} faults, times in ms; the bar is the median, of the worst p99 here")
    table(
        summary["spans"].items(),
        (
            Column("SPAN", lambda item: item[0].replace("_", " ")),
            Column("FAULTS", lambda item: item[1]["count"], right=True),
            *(figure(name) for name in ("p50_ms", "p90_ms", "p99_ms", "max_ms")),
            Column("", lambda item: bar(0, item[1]["p50_ms"], worst, room)),
        ),
    )
