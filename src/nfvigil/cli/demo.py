"""``nfvigil demo``: a host dies in a simulated cloud, and its owners know; all of it for real, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    end: Annotated[bool, typer.Option("--exit", help="End after the story, with 0; for scripts.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=1,
            max=65535,
            help="Where the service listens; 12345, or another if that is taken.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Keep database, settings and log here; thrown away if left out."),
    ] = None,
) -> None:
    """Show the whole way of a fault, in some ten seconds, with the real service on a simulated cloud.

    It starts the service with 20 hosts of 10 servers for 3 projects, lets a consumer of each project and the
    administrator's subscribe, cuts a host's power, and tells who heard of what and when; then the host comes back.
    Afterwards the service stays up for you to try things, until Ctrl-C.

    \b
      nfvigil demo
      nfvigil demo --exit --keep story
    """
    from nfvigil.cli.demo_stage import play  # help does not wait for what only the demo needs

    play(port=port, keep=keep, stays=not end)
