"""``nfvigil ves``: what is told of clouds to a VES collector."""

from __future__ import annotations

import typer

from nfvigil.cli import ves_agents, ves_collecting, ves_testing

app = typer.Typer(no_args_is_help=True, help="Tell a VES collector (ONAP) of a cloud.")

app.command()(ves_agents.show)
app.command("set")(ves_agents.change)
app.command()(ves_agents.delete)
app.command("test")(ves_agents.try_out)
app.command()(ves_collecting.collect)
app.command("send-test")(ves_testing.send_test)
