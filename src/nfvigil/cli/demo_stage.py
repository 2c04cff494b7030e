"""The demo's stage: a directory, the service and the consumers, in which the story is played; and its orderly end."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import typer

from nfvigil.cli.demo_consumers import Consumer, News, consumers
from nfvigil.cli.demo_service import ChildService, choose_port
from nfvigil.cli.demo_story import HOST, NotAsToldError, Story
from nfvigil.cli.failures import Code, report
from nfvigil.cli.terminal import bold, complain, printable, say
from nfvigil.errors import NfvigilError, RefusedError


def play(*, port: int | None, keep: Path | None, stays: bool) -> None:
    """From the service's start to its end; raises typer.Exit where the story takes another turn."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a story is told as it happens
    with ExitStack() as stack:
        stack.enter_context(_ends_orderly())
        directory = _directory(keep, stack)
        service = ChildService(directory=directory, port=choose_port(port), is_wished=port is not None)
        stack.callback(service.close)
        try:
            told = _tell(service, stack)
            if stays:
                _stay(service, told, is_kept=keep is not None)
            if service.stop():
                raise NotAsToldError("the service ends in order")
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


def _tell(service: ChildService, stack: ExitStack) -> tuple[Consumer, ...]:
    begun = time.monotonic()
    taken = "" if service.is_as_wished else "The usual port is taken. "
    say(f"{taken}Starting the service on {service.url} with a simulated cloud (process {service.start()}) ...")
    service.wait_ready()
    say(f"  ready after {time.monotonic() - begun:.1f} s")
    told = stack.enter_context(consumers())
    story = Story(service=service, consumers=told)
    stack.callback(story.close)
    story.subscribe()
    story.break_host()
    story.recover()
    say(f"\n{bold('The story is over')} after {time.monotonic() - begun:.1f} s.")
    return told


def _stay(service: ChildService, told: tuple[Consumer, ...], *, is_kept: bool) -> None:
    """Until Ctrl-C."""
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
  nfvigil vnf show project-1-vnf-1                         what a VNF's servers are now, and 'vnf watch'
  nfvigil subscription list
  nfvigil policy show                                      what decides all this
  curl {service.url}/docs

Data {"stays" if is_kept else "is thrown away at the end"}: {service.directory}
What the consumers hear appears here. Ctrl-C ends it.
""")
    for consumer in told:
        consumer.on_news = _say_news
    try:
        while service.is_alive():
            time.sleep(0.2)
    except KeyboardInterrupt:
        say("\nStopping the service ...")
        return
    raise NotAsToldError("the service stays up")


def _say_news(consumer: Consumer, news: News) -> None:
    say(f"  {time.strftime('%H:%M:%S')}  {consumer.name:<14}  {news.kind:<10}  {printable(news.summary())}")
