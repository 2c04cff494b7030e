"""The socket, the HTTP server on it, and the log."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn

from nfvigil.errors import SettingsError
from nfvigil.settings import Settings

_log = structlog.get_logger("nfvigil")


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: it would raise them again and cut the orderly end short."""

    end_streams: Callable[[], None] = staticmethod(lambda: None)
    """Tells those who keep a connection open for good; the others end by themselves."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        self.should_exit = True
        self.end_streams()


def bound(settings: Settings) -> socket.socket:
    """The socket to listen on, before anything else is begun."""
    try:
        return socket.create_server((settings.host, settings.port), family=_family(settings.host), backlog=2048)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"cannot listen on {settings.host} port {settings.port}: {error}") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def configure_logging(settings: Settings) -> None:
    """One line a happening, none an event."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        shared += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # What it would take by itself prints the local variables of each frame, and a secret may be one.
        plain = structlog.dev.plain_traceback
        shared.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # A RabbitMQ that is away is told of once, by us; this tells it with a traceback at every try.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)


async def listen(app: Any, listener: socket.socket, settings: Settings) -> None:
    """Answer requests until SIGINT or SIGTERM."""
    server = _Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            limit_concurrency=5000,
            timeout_graceful_shutdown=3,
        )
    )
    server.end_streams = app.state.end
    _log.info("serving", url=f"http://{settings.host}:{listener.getsockname()[1]}", dev=settings.dev)
    await server.serve(sockets=[listener])
