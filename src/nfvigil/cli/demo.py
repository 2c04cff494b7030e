"""``nfvigil demo``: the whole service on a simulated cloud, a host that breaks, and who was told what and when."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nfvigil.cli.client import ApiError, Client, Unreachable
from nfvigil.cli.consumers import Consumer
from nfvigil.cli.story import Cast, StoryError, next_steps, subscribe, tell

START_SECONDS = 30.0
CLOUD = {"hosts": 20, "servers_per_host": 10, "ports_per_server": 2, "projects": 3}
PORT = 12345


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="End after the story, for scripts.")] = False,
    port: Annotated[int, typer.Option(help="Where the service listens; another free port if it is taken.")] = PORT,
    keep: Annotated[Path | None, typer.Option(help="Keep the database and the log in this folder.")] = None,
) -> None:
    """Show what NFVigil does, on this machine, in ten seconds.

    Starts the real service with a simulated cloud of 20 hosts with 10 servers each in 3 projects, and a consumer for
    each project; breaks a host; shows who was told what and when, what was done in the cloud, and the recovery.
    Leaves the service up for you to try things, until Ctrl-C.
    """
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nfvigil-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        chosen = _free_port(port)
        if chosen != port:
            _say(f"Port {port} is taken: using {chosen}.")
        url = f"http://127.0.0.1:{chosen}"
        _say(f"Starting the service at {url}, database and log in {folder}")
        try:
            service = stack.enter_context(_service(folder, chosen, url))
            cast = _cast(stack, url)
            _say("\nThree projects and the administrator subscribe, each with an endpoint of its own:")
            subscribe(cast, _say)
            tell(cast, _say)
        except (StoryError, TimeoutError, ApiError, Unreachable) as error:
            typer.echo(f"\nThe demo failed: {error}\n\nThe service's log ends with:\n{_tail(folder)}", err=True)
            raise typer.Exit(1) from error
        _say("\nTo try next" + (":" if exit_ else ", in another terminal:"))
        for line in next_steps(url):
            _say(f"  {line}")
        if not exit_:
            _say("\nThe service stays up. Ctrl-C ends it.")
            _wait(service)


def _cast(stack: ExitStack, url: str) -> Cast:
    api = Client(url)
    owners = {
        project: stack.enter_context(Consumer(f"project {number}")) for number, project in enumerate(_projects(api), 1)
    }
    return Cast(api=api, owners=owners, administrator=stack.enter_context(Consumer("administrator")))


def _projects(api: Client) -> list[str]:
    """Who owns servers on the host that will fail."""
    found: list[str] = api.get("/v1/resources/host/compute-1")["projects"]
    return found


@contextmanager
def _service(folder: Path, port: int, url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "nfvigil.cli.main", "serve", "--dev", "--port", str(port)]
    command += ["--database", f"sqlite:///{folder.resolve()}/nfvigil.db", "--simulate"]
    command += [f"{CLOUD['hosts']}x{CLOUD['servers_per_host']}x{CLOUD['ports_per_server']}x{CLOUD['projects']}"]
    with (folder / "service.log").open("ab") as log:
        # A group of its own: Ctrl-C is for us, and we end it in order.
        process = subprocess.Popen(  # noqa: S603 - our own command, no part of it from outside
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    try:
        _wait_until_ready(process, url)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + START_SECONDS
    api = Client(url, timeout=2.0)
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StoryError(f"the service ended with status {process.returncode} instead of starting")
        try:
            api.get("/readyz")
            return
        except (Unreachable, ApiError):
            time.sleep(0.05)
    raise TimeoutError(f"the service was not ready within {START_SECONDS:g} s")


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Until Ctrl-C, a SIGTERM, or the service ends by itself."""
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        status = process.wait()
    except KeyboardInterrupt:
        _say("\nEnding.")
        return
    typer.echo(f"The service ended by itself, with status {status}.", err=True)
    raise typer.Exit(1)


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise StoryError("there is no free port")


def _tail(folder: Path, lines: int = 20) -> str:
    log = folder / "service.log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()
