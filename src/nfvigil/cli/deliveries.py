"""``nfvigil delivery``: what was sent, waits or was given up, of all subscriptions."""

from __future__ import annotations

from typing import Annotated

import typer

from nfvigil.cli.connection import connect, full_id
from nfvigil.cli.explanation import DELIVERY_COLUMNS
from nfvigil.cli.options import FormOption, LimitOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.subscriptions import SUBSCRIPTIONS, DeliveryState
from nfvigil.cli.terminal import table

app = typer.Typer(no_args_is_help=True, help="See what was sent, waits or was given up, of all subscriptions.")


@app.command("list")
def list_deliveries(
    context: typer.Context,
    state: Annotated[DeliveryState | None, typer.Option("--state", help="Only these; dead ones were given up.")] = None,
    subscription: Annotated[
        str | None, typer.Option("--subscription", metavar="SUBSCRIPTION", help="Only of this one.")
    ] = None,
    limit: LimitOption = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Deliveries of your project's subscriptions, or of all for an administrator.

    \b
      nfvigil delivery list --state dead
    """
    with connect(context) as client:
        chosen = None if subscription is None else full_id(client, SUBSCRIPTIONS, subscription)
        found = list(client.items("/v1/deliveries", {"state": state, "subscription": chosen}, limit=limit))
    emit(found, form, lambda items: table(items, DELIVERY_COLUMNS, empty="nothing was sent"))
