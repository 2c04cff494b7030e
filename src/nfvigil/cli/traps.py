"""``nfvigil trap-handler``: what snmptrapd hands to it, passed on to the service.

snmptrapd runs it for each trap and writes to its standard input: the sender's name, its transport address, and a line
for each varbind. The trap is written to a directory first and then sent, with all that waits there, so that it is not
lost while the service is away.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nfvigil.cli.connection import connect
from nfvigil.cli.failures import Code, report
from nfvigil.cli.spool import Spool, SpoolFullError
from nfvigil.cli.terminal import complain
from nfvigil.errors import (
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnknownCallerError,
)

ADDRESS = "/v1/formats/snmp/events"
INPUT_MAX_BYTES = 256 << 10
ROUNDS = 3
"""So often it looks again whether more waits: another handler may have put something in while we sent."""
KEPT_FOR = (UnavailableError, UnknownCallerError, ForbiddenError, NotFoundError)
"""The service is away, or its address or our token is wrong: the trap is right, and waits."""
_ADDRESS = re.compile(r"\[([0-9A-Fa-f.:]+)\]")
_VARBIND = re.compile(r"(?P<oid>\.?(?:iso\.|\d+\.)[\d.]*\d|[A-Za-z][\w-]*::[\w-]+(?:\.\S+)?)(?:\s+(?P<value>.*))?")


def read_trap(text: str) -> dict[str, Any]:
    """What snmptrapd writes, as the format ``snmp`` takes it."""
    lines = text.splitlines()
    host = lines[0].strip() if lines else ""
    found = _ADDRESS.search(lines[1]) if len(lines) > 1 else None
    varbinds: list[list[str]] = []
    for line in lines[2:]:
        varbind = _VARBIND.fullmatch(line.strip())
        if varbind is not None:
            varbinds.append([varbind["oid"], (varbind["value"] or "").strip()])
        elif varbinds:
            varbinds[-1][1] += f"\n{line}"  # a text of several lines
    known = host not in ("", "<UNKNOWN>")
    return {"host": host if known else "", "address": found[1] if found else "", "varbinds": varbinds}


def trap_handler(
    context: typer.Context,
    spool: Annotated[
        Path | None,
        typer.Option("--spool", metavar="DIR", help="Keep traps here until they are sent; without it they are lost."),
    ] = None,
    flush: Annotated[bool, typer.Option("--flush", help="Read no trap: send what waits in --spool.")] = False,
) -> None:
    """Pass on a trap from snmptrapd, which writes it to the standard input.

    In snmptrapd.conf, with snmptrapd -On:

    \b
      traphandle default /usr/bin/nfvigil --token-file /etc/nfvigil/trap-token trap-handler --spool /var/spool/nfvigil
    """
    if flush and spool is None:
        raise typer.BadParameter("goes with --spool", param_hint="--flush")
    body = b"" if flush else _read(sys.stdin.buffer.read(INPUT_MAX_BYTES))
    if spool is None:
        with connect(context) as client:
            client.post(ADDRESS, body)
        return
    waiting = Spool(spool)
    try:
        if body:
            _keep(context, waiting, body)
            body = b""
        _send(context, waiting)
    except OSError as error:
        if body:
            # A disk that is full is no reason to lose what the service would take.
            with connect(context) as client:
                client.post(ADDRESS, body)
        raise UnavailableError(f"traps cannot be kept in {spool}: {error.strerror}") from error


def _keep(context: typer.Context, waiting: Spool, body: bytes) -> None:
    try:
        waiting.put(body)
    except SpoolFullError:
        # What waits goes first: otherwise a spool that was full once stays so, and every trap from then on is lost.
        with suppress(typer.Exit):
            _send(context, waiting)
        waiting.put(body)


def _read(given: bytes) -> bytes:
    import json
    from uuid import uuid4

    trap = read_trap(given.decode("utf-8", "replace"))
    # With an id, one that is sent again because its answer got lost is known as a repeat.
    more = {"id": str(uuid4()), "time": datetime.now(UTC).isoformat()}
    return json.dumps(trap | more).encode()


def _send(context: typer.Context, waiting: Spool) -> None:
    """Everything that waits, in order, up to the first that the service does not take now."""
    code = 0
    for _ in range(ROUNDS):
        with waiting.alone() as alone:
            if not alone:
                return  # whoever is at it sends ours as well
            with connect(context) as client:
                for path in waiting.waiting():
                    try:
                        body = path.read_bytes()
                    except OSError as error:
                        # It waits for somebody to look at it, and holds up nothing.
                        complain(f"{path} cannot be read: {error.strerror}")
                        code = code or Code.REFUSED
                        continue
                    try:
                        client.post(ADDRESS, body)
                    except KEPT_FOR as error:
                        complain(f"{len(waiting.waiting())} traps wait: {error}")
                        raise typer.Exit(code or _kept(error)) from error
                    except RefusedError as error:
                        # It would be refused for ever, and hold up all that come after it.
                        code = report(error)
                    path.unlink(missing_ok=True)
        if not waiting.waiting():
            break
    if code:
        raise typer.Exit(code)


def _kept(error: NfvigilError) -> int:
    """Nothing is lost while the service is away; a wrong token is for a person to set right."""
    return 0 if isinstance(error, UnavailableError) else report(error)
