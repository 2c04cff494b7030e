"""One cloud's RabbitMQ as a place to send to: a connection that is made when it is needed, and confirmed messages.

Nothing is declared. A queue or an exchange of a service's that we made with other properties than it wants would keep
that service from starting. So a message that no queue takes is refused, and waits until somebody listens.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import aio_pika
import aiormq.exceptions
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError
from yarl import URL

from nfvigil.errors import UnavailableError

CLOSE_SECONDS = 3.0
HEARTBEAT_SECONDS = 30
TRY_SECONDS_MAX = 3.0
"""For one of several hosts, so that a dead one leaves time for the next."""


class Address(Protocol):
    """One RabbitMQ. As text it shows no secrets."""

    @property
    def url(self) -> URL: ...

    def without_secrets(self, text: str) -> str: ...


class Publisher:
    """``addresses`` are hosts of one RabbitMQ; the one that answers is kept to."""

    def __init__(
        self, *, name: str, addresses: Sequence[Address], exchange: str, routing_key: str, cacert: str = ""
    ) -> None:
        self._name = name
        self._addresses = list(addresses)
        self._exchange_name = exchange
        self._routing_key = routing_key
        self._cacert = cacert
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None
        self._connecting = asyncio.Lock()
        self._is_closed = False

    async def publish(self, body: bytes, message_id: str, timeout_seconds: float) -> None:
        """Return when RabbitMQ has put it into at least one queue. UnavailableError says why it has not."""
        message = aio_pika.Message(
            body,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=message_id,
        )
        async with self._answering(timeout_seconds):
            exchange = await self._open()
            try:
                await exchange.publish(message, self._routing_key, mandatory=True)
            except DeliveryError as error:
                reason = f"no queue takes {self._routing_key} from the exchange {self._exchange_name}"
                raise UnavailableError(f"{self}: {reason}: nobody listens there yet") from error
            except aiormq.exceptions.ChannelNotFoundEntity as error:
                await self._let_go()
                raise UnavailableError(f"{self}: the exchange {self._exchange_name} does not exist yet") from error

    async def close(self) -> None:
        self._is_closed = True
        with suppress(UnavailableError):
            async with self._answering(CLOSE_SECONDS):
                await self._let_go()

    def __str__(self) -> str:
        return f"the bus {self._name}"

    async def _open(self) -> AbstractExchange:
        """The exchange, over a connection that lives."""
        async with self._connecting:
            channel = self._channel
            if self._exchange is not None and channel is not None and not channel.is_closed:
                return self._exchange
            await self._let_go()
            self._connection = await self._connect()
            self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            self._exchange = await self._channel.get_exchange(self._exchange_name, ensure=False)
            return self._exchange

    async def _connect(self) -> AbstractConnection:
        failures = []
        tls = None
        if any(address.url.scheme == "amqps" for address in self._addresses):
            tls = await asyncio.to_thread(ssl.create_default_context, cafile=self._cacert or None)
        hosts = self._addresses
        for number, address in enumerate(hosts):
            is_last = number == len(hosts) - 1
            try:
                async with asyncio.timeout(None if is_last else TRY_SECONDS_MAX):
                    connection = await aio_pika.connect(
                        address.url,
                        ssl_context=tls if address.url.scheme == "amqps" else None,
                        client_properties={"connection_name": f"nfvigil.{self._name}"},
                        heartbeat=HEARTBEAT_SECONDS,
                    )
            except (TimeoutError, *CONNECTION_EXCEPTIONS) as error:
                said = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
                failures.append(f"{address}: {address.without_secrets(said)[:200]}")
            else:
                self._addresses = hosts[number:] + hosts[:number]
                return connection
        raise UnavailableError(f"{self}: {'; '.join(failures)}")

    async def _let_go(self) -> None:
        connection, self._connection, self._channel, self._exchange = self._connection, None, None, None
        if connection is not None and not connection.is_closed:
            await connection.close()

    @asynccontextmanager
    async def _answering(self, seconds: float) -> AsyncIterator[None]:
        """Whatever aio-pika raises, and no answer in time, as UnavailableError.

        aio-pika cancels what waits for a connection that went away, though nobody cancelled us; what was asked of our
        task decides.
        """
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(seconds):
                yield
        except (asyncio.CancelledError, *CONNECTION_EXCEPTIONS) as error:
            if not task.cancelling():
                said = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
                for address in self._addresses:
                    said = address.without_secrets(said)
                await self._drop()
                raise UnavailableError(f"{self}: {said[:300] or type(error).__name__}") from error
            raise
        if task.cancelling():
            raise asyncio.CancelledError

    async def _drop(self) -> None:
        """What failed is not used again: the next message begins with a new connection."""
        with suppress(TimeoutError, *CONNECTION_EXCEPTIONS):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._let_go()
