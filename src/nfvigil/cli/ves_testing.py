"""``nfvigil ves send-test``: whether a VES collector takes what we send, and what it says where it does not."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nfvigil.cli.options import Service, read_file
from nfvigil.cli.terminal import say
from nfvigil.errors import RefusedError
from nfvigil.model.times import SECOND

if TYPE_CHECKING:
    from nfvigil.model.ves import VesEvent

SOURCE = "nfvigil-test"


class Domain(StrEnum):
    """What can be sent."""

    FAULT = "fault"
    HEARTBEAT = "heartbeat"
    MEASUREMENT = "measurement"


def send_test(
    context: typer.Context,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The collector's, with /eventListener/v5 or /eventListener/v7.")
    ],
    domain: Annotated[Domain, typer.Option("--domain", help="A fault is sent with its clear.")] = Domain.FAULT,
    batch: Annotated[bool, typer.Option("--batch", help="All in one batch, rather than one by one.")] = False,
    username: Annotated[str, typer.Option("--username", help="For basic authentication.")] = "",
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", metavar="FILE", help="Holds the password; '-' for standard input."),
    ] = None,
    cacert: Annotated[
        Path | None, typer.Option("--cacert", metavar="FILE", help="Believe this authority (PEM), not the system's.")
    ] = None,
    cert: Annotated[Path | None, typer.Option("--cert", metavar="FILE", help="Our certificate (PEM).")] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Its key, if it is in another file.")
    ] = None,
    vim: Annotated[str, typer.Option("--vim", help="The name under which we report.")] = SOURCE,
) -> None:
    """Send test events to a VES collector, from here, and say what it answers.

    They are about a server named nfvigil-test: the collector hears that it failed, and that it is well again.

    \b
      nfvigil ves send-test https://collector:8443/eventListener/v7 --username ves --password-file password
    """
    from nfvigil.cli.ves_sending import Login, Sender
    from nfvigil.client.connection import Trust
    from nfvigil.model.ves_bodies import batch_body, batch_url, single_body, version_of

    version = version_of(url)
    address = batch_url(url) if batch else url
    if not address:
        raise RefusedError("an endpoint with a topic takes no batches")
    service: Service = context.obj
    if key is not None and cert is None:
        raise RefusedError("a key goes with a certificate: name it by --cert")
    certificate = None if cert is None else (str(cert), None if key is None else str(key))
    sender = Sender(
        login=Login(username, "" if password_file is None else read_file(password_file).strip()),
        trust=Trust(verify=True if cacert is None else str(cacert), certificate=certificate),
        timeout_seconds=service.timeout_seconds,
    )
    events = events_for(domain, vim)
    for portion in [events] if batch else [[event] for event in events]:
        body = batch_body(portion, version) if batch else single_body(portion[0], version)
        status = sender.send(address, body)
        say(f"{status}: {' and '.join(event.name for event in portion)} taken as {version}")


def events_for(domain: Domain, vim: str) -> list[VesEvent]:
    """What the agent itself would tell of a server that fails and returns."""
    from nfvigil.client.moments import now_us
    from nfvigil.model.reading import Reading
    from nfvigil.model.resource import Server, Snapshot
    from nfvigil.model.ves import VesBacklog, VesState
    from nfvigil.ves.faults import Faults
    from nfvigil.ves.machine import beat, step
    from nfvigil.ves.view import View

    backlog = VesBacklog(
        backlog_uuid=SOURCE, domain=domain, type="" if domain is Domain.HEARTBEAT else "vm", poll_interval=1
    )
    states: dict[str, VesState] = {}
    begun_us = now_us() - SECOND
    if domain is Domain.HEARTBEAT:
        return list(beat(backlog, vim=vim, states=states, now_us=begun_us, read_us=None).events)
    told: list[VesEvent] = []
    statuses = ("ERROR", "ACTIVE") if domain is Domain.FAULT else ("ACTIVE",)
    for second, status in enumerate(statuses):
        at_us = begun_us + second * SECOND
        server = Server(id=SOURCE, name=SOURCE, status=status)
        view = View(Reading(Snapshot(vim=vim, taken_us=at_us, servers=(server,))))
        look = step(backlog, vim=vim, view=view, states=states, now_us=at_us, faults=Faults())
        states = {state.source: state for state in look.states}
        told += look.events
    return told
