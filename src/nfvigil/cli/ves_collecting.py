"""``nfvigil ves collect``: a collector that shows what it is sent, for who wants to see it or has none at hand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.moments import local
from nfvigil.cli.options import read_file
from nfvigil.cli.terminal import complain, paint, printable, say
from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.times import iso

if TYPE_CHECKING:
    from nfvigil.ves.player import Collector, Received

COLOURS = {"CRITICAL": "31;1", "MAJOR": "31", "MINOR": "33", "WARNING": "33", "NORMAL": "32"}


def collect(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8080,
    schema: Annotated[
        Path | None,
        typer.Option(
            "--schema",
            metavar="PATH",
            help="Refuse what is not valid by this CommonEventFormat file, or by the newest ones in this folder. "
            "Needs the Python package jsonschema.",
        ),
    ] = None,
    username: Annotated[str, typer.Option("--username", help="Ask for this user, by basic authentication.")] = "",
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help="Holds the user's password.")
    ] = None,
    cert: Annotated[
        Path | None, typer.Option("--cert", metavar="FILE", help="Speak TLS, with this certificate (PEM).")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its key (PEM).")] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option("--client-ca", metavar="FILE", help="Ask for a client certificate of this authority (PEM)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each request, for programs.")] = False,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="End after so many events that were taken.")
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0, help="End after so long.")] = None,
) -> None:
    """Play a VES collector, and show what it is sent, until Ctrl-C.

    It takes versions 5 and 7, single events and batches, and refuses what ONAP's collector refuses.

    \b
      nfvigil ves collect --port 8080 --schema /usr/share/ves/CommonEventFormat_30.2.1_ONAP.json
    """
    from queue import Empty, SimpleQueue

    from nfvigil.ves.player import Collector
    from nfvigil.ves.reception import Schemas

    came: SimpleQueue[Received] = SimpleQueue()
    collector = Collector(
        schemas=None if schema is None else Schemas(schema),
        username=username,
        password="" if password_file is None else read_file(password_file).strip(),
        tls=_tls(cert, key, client_ca),
        host=host,
        port=port,
        on_request=came.put,
    )
    _start(collector)
    say_now(f"listening at {collector.url('v7')} and {collector.url('v5')}", is_error=as_json)
    over = None if seconds is None else time.monotonic() + seconds
    taken = 0
    try:
        while count is None or taken < count:
            received = came.get(timeout=None if over is None else max(0.0, over - time.monotonic()))
            taken += _show(received, as_json)
    except (Empty, KeyboardInterrupt):
        pass  # the end that was asked for
    finally:
        collector.stop()


def _tls(cert: Path | None, key: Path | None, client_ca: Path | None) -> Any:
    from nfvigil.ves.player import Tls

    if cert is None and key is None and client_ca is None:
        return None
    if cert is None or key is None:
        raise RefusedError("TLS needs a certificate and its key", [FieldError("--cert, --key", "name both")])
    return Tls(str(cert), str(key), "" if client_ca is None else str(client_ca))


def _start(collector: Collector) -> None:
    try:
        collector.start()
    except OSError as error:
        raise RefusedError(f"the collector cannot listen: {error}") from error


def _show(received: Received, as_json: bool) -> int:
    """How many events of it were taken."""
    taken = received.status == 202
    if as_json:
        told = received._asdict() | {"at": iso(received.at_us)}
        del told["at_us"]
        say_now(json.dumps(told))
        return len(received.events) if taken else 0
    at = local(iso(received.at_us))
    if not taken:
        say_now(f"{at}  {received.status}  {printable(received.path)}: {printable(received.error)}")
        return 0
    for event in received.events:
        say_now(f"{at}  {received.version}{' batch' if received.is_batch else ''}  {_line(event)}")
    return len(received.events)


def _line(event: dict[str, Any]) -> str:
    header = event["commonEventHeader"]
    severity = str((event.get("faultFields") or {}).get("eventSeverity", ""))
    words = [
        header["domain"],
        severity,
        header.get("sourceName"),
        header.get("eventName"),
        f"#{header.get('sequence')}",
        header.get("eventId"),
    ]
    shown = [printable(str(word)) for word in words if word]
    return "  ".join(paint(word, COLOURS.get(word, "")) if word == severity else word for word in shown)


def say_now(text: str, *, is_error: bool = False) -> None:
    """At once, also into a pipe."""
    import sys

    (complain if is_error else say)(text)
    sys.stdout.flush()
