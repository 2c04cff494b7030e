"""``nfvigil break-glass``: the secret of the account that reads everything when database and Keystone are away."""

from __future__ import annotations

from typing import Any

import typer

from nfvigil.cli.options import FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import say

app = typer.Typer(no_args_is_help=True, help="Read everything when nothing else lets you in.")


@app.command()
def create(form: FormOption = Form.TABLE) -> None:
    """Make a secret and its hash. The hash belongs into the settings, the secret into a safe.

    Whoever sends the secret as a token reads everything and changes nothing, also while the database and Keystone are
    away. Each use is in the log and in the audit log.

    \b
      nfvigil break-glass create
      # in the settings:  [access]  break_glass_hash = "..."
    """
    from nfvigil.northbound.access.local import create_token

    secret, hashed = create_token()

    def draw(_: Any) -> None:
        say("for a safe; it is not shown again:")
        say(f"  {secret}")
        say("for the settings, in [access]:")
        say(f'  break_glass_hash = "{hashed}"')

    emit({"secret": secret, "break_glass_hash": hashed}, form, draw)


@app.callback()
def group() -> None:
    """A group, though it has one command."""
