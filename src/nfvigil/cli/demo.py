"""``nfvigil demo``: a host dies in a simulated cloud, and its owners know; all of it for real, on this machine."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from nfvigil.cli.demo_consumers import Consumer, News, consumers
from nfvigil.cli.demo_service import ChildService, choose_port
from nfvigil.cli.demo_story import HOST, NotAsToldError, Story
from nfvigil.cli.failures import Code, report
from nfvigil.cli.terminal import bold, complain, printable, say
from nfvigil.errors import NfvigilError, RefusedError


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End after the story, with 0; for scripts.")] = False,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="Where the service listens; 12345, or another if that is taken."),
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
      nfvigil demo --exit --keep /tmp/story
    """
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a story is told as it happens
    with ExitStack() as stack:
        stack.enter_context(_ends_orderly())
        directory = _directory(keep, stack)
        service = ChildService(directory=directory, port=choose_port(port))
        stack.callback(service.close)
        try:
            _tell(service, stack, leave=leave, is_kept=keep is not None)
        except (NfvigilError, NotAsToldError) as error:
            if isinstance(error, NfvigilError):
                report(error)
            else:
                complain(f"error: this did not happen: {printable(str(error))}")
            complain(f"\nthe service's log, {service.log}:\n{service.tail()}")
            raise typer.Exit(Code.REFUSED) from error


def _directory(keep: Path | None, stack: ExitStack) -> Path:
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nfvigil-demo-")))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise RefusedError(f"{keep} is not empty: the story begins with a new cloud")
    except OSError as error:
        raise RefusedError(f"{keep} cannot be used: {error.strerror}") from error
    return keep.resolve()


@contextmanager
def _ends_orderly() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does: with the service stopped and nothing left lying about."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(service: ChildService, stack: ExitStack, *, leave: bool, is_kept: bool) -> None:
    begun = time.monotonic()
    try:
        say(f"Starting the service on {service.url} with a simulated cloud (process {service.start()}) ...")
        service.wait_ready()
        say(f"  ready after {time.monotonic() - begun:.1f} s")
        told = stack.enter_context(consumers())
        story = Story(service=service, consumers=told)
        stack.callback(story.close)
        story.subscribe()
        story.break_host()
        story.recover()
        say(f"\n{bold('The story is over')} after {time.monotonic() - begun:.1f} s.")
        if not leave:
            _stay(service, told, is_kept=is_kept)
    except KeyboardInterrupt:
        say("\nStopping the service ...")
        service.stop()
        if leave:
            raise


def _stay(service: ChildService, told: tuple[Consumer, ...], *, is_kept: bool) -> None:
    url = "" if service.is_usual else f"export NFVIGIL_URL={service.url}\n  "
    say(f"""
The service stays up on {service.url}, and the consumers go on listening. In another terminal:

  {url}nfvigil resource show {HOST}                     who is on it, who owns that
  nfvigil resource impact host/compute-2                   who would be told if it died
  nfvigil simulation power compute-2 off                   cut its power, and say what a monitor would:
  nfvigil event send compute.host.down --host compute-2
  nfvigil alarm list --root-only
  nfvigil alarm explain ALARM                              why, what was done, who was told
  nfvigil profile show ALARM                               where the time went
  nfvigil subscription list
  nfvigil policy show                                      what decides all this
  curl {service.url}/docs

Data {"stays" if is_kept else "is thrown away at the end"}: {service.directory}
What the consumers hear appears here. Ctrl-C ends it.
""")
    for consumer in told:
        consumer.on_news = _say_news
    while service.is_alive():
        time.sleep(0.2)
    raise NotAsToldError("the service should have stayed up")


def _say_news(consumer: Consumer, news: News) -> None:
    say(f"  {time.strftime('%H:%M:%S')}  {consumer.name:<14}  {news.kind:<10}  {printable(news.summary())}")
