"""One connection to RabbitMQ: queues of our own, bound to the services' exchanges, and what arrives in them.

Only what carries our own name is ever declared. An exchange that a service has not made yet is not made for it:
were it made with other properties than the service wants, the service could not send at all.

A queue that is full drops its oldest messages. RabbitMQ hands what it drops (``x-dead-letter-exchange``) to a
companion, ``<queue>.lost``, which keeps the last one only: whatever comes out of that says that something was lost.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aio_pika
import aiormq.exceptions
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.abc import ConsumerCallback, DeliveredMessage

from nfvigil.controller.vims.openstack.bus import Arrived
from nfvigil.controller.vims.openstack.bus_options import Address, BusOptions
from nfvigil.errors import VimUnavailableError

CONNECT_SECONDS = 10.0
CALL_SECONDS = 10.0
CLOSE_SECONDS = 3.0
HEARTBEAT_SECONDS = 30
GATHER_SECONDS = 0.005


async def open_session(options: BusOptions, address: Address) -> AmqpSession:
    """VimUnavailableError says why there is none."""
    session = AmqpSession(options=options, address=address)
    try:
        await session.open()
    except BaseException:
        await session.close()
        raise
    return session


async def reach(options: BusOptions, address: Address) -> None:
    """Log in and out again, and touch nothing. VimUnavailableError says why that is not possible."""
    session = AmqpSession(options=options, address=address)
    try:
        await session.log_in()
    finally:
        await session.close()


class AmqpSession:
    """It ends with the connection, a channel, or a queue: then ``next`` and ``ack`` raise VimUnavailableError."""

    def __init__(self, *, options: BusOptions, address: Address) -> None:
        self._options = options
        self._address = address
        self._connection: AbstractConnection | None = None
        self._wake = asyncio.Event()
        self._bodies: list[bytes] = []
        self._last: DeliveredMessage | None = None
        self._lost: DeliveredMessage | None = None
        self._end = ""

    async def log_in(self) -> None:
        async with self._answering(CONNECT_SECONDS):
            self._connection = await aio_pika.connect(
                self._address.url,
                ssl_context=await self._tls(),
                client_properties={"connection_name": self._options.queue},
                heartbeat=HEARTBEAT_SECONDS,
            )
            self._connection.close_callbacks.add(self._on_close)

    async def open(self) -> None:
        await self.log_in()
        async with self._answering(CALL_SECONDS):
            lost = await self._own_queue(f"{self._options.queue}.lost", self._lost_arguments())
            queue = await self._own_queue(self._options.queue, self._arguments())
            await self._consume(lost, 1, self._on_lost)
            await self._consume(queue, self._options.prefetch, self._on_message)

    async def bind(self) -> Mapping[str, str]:
        """Bind the queue wherever it is not bound yet; the exchanges where that is impossible, and why."""
        wrong: dict[str, str] = {}
        channel: AbstractChannel | None = None
        async with self._answering(CALL_SECONDS):
            for exchange in self._options.exchanges:
                # A bind that is refused costs the channel.
                channel = channel if channel is not None and not channel.is_closed else await self._channel()
                try:
                    queue = await channel.get_queue(self._options.queue, ensure=False)
                    for topic in self._options.topics:
                        await queue.bind(exchange, f"{topic}.*")
                except aiormq.exceptions.ChannelNotFoundEntity:
                    wrong[exchange] = "does not exist"
                except aiormq.exceptions.ChannelAccessRefused:
                    wrong[exchange] = "may not be read by our user"
            if channel is not None and not channel.is_closed:
                await channel.close()
        return wrong

    async def next(self, within_seconds: float) -> Arrived:
        """What has arrived, as soon as something has and a moment later; nothing if nothing has in that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._wake.wait()
                if not self._end and len(self._bodies) < self._options.prefetch // 2:
                    await asyncio.sleep(GATHER_SECONDS)
        if self._end:
            raise VimUnavailableError(self._end)
        self._wake.clear()
        bodies, self._bodies = self._bodies, []
        last, self._last = self._last, None
        lost, self._lost = self._lost, None
        return Arrived(bodies=tuple(bodies), is_lossy=lost is not None, receipt=(last, lost))

    async def ack(self, arrived: Arrived) -> None:
        """It was handed over; RabbitMQ may forget it."""
        async with self._answering(CALL_SECONDS):
            for message in arrived.receipt:
                if message is not None:
                    await message.channel.basic_ack(message.delivery_tag, multiple=True)

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(VimUnavailableError):
                async with self._answering(CLOSE_SECONDS):
                    await self._connection.close()

    async def _tls(self) -> ssl.SSLContext | None:
        if self._address.url.scheme != "amqps":
            return None
        return await asyncio.to_thread(ssl.create_default_context, cafile=self._options.cacert or None)

    async def _channel(self) -> AbstractChannel:
        assert self._connection is not None
        return await self._connection.channel(publisher_confirms=False)

    def _arguments(self) -> dict[str, Any]:
        return {
            "x-queue-type": self._options.queue_type,
            "x-expires": self._options.expires_seconds * 1000,
            "x-max-length": self._options.length_max,
            "x-max-length-bytes": self._options.bytes_max,
            "x-overflow": "drop-head",
            "x-dead-letter-exchange": f"{self._options.queue}.lost",
        }

    def _lost_arguments(self) -> dict[str, Any]:
        return {
            "x-queue-type": self._options.queue_type,
            "x-expires": self._options.expires_seconds * 1000,
            "x-max-length": 1,
            "x-overflow": "drop-head",
        }

    async def _own_queue(self, name: str, arguments: dict[str, Any]) -> AbstractQueue:
        """Declare it; one that was declared otherwise, by older options, gives way if nobody reads it."""
        try:
            return await self._declare(name, arguments)
        except aiormq.exceptions.ChannelPreconditionFailed:
            channel = await self._channel()
            await channel.queue_delete(name, if_unused=True)
            await channel.close()
            return await self._declare(name, arguments)

    async def _declare(self, name: str, arguments: dict[str, Any]) -> AbstractQueue:
        channel = await self._channel()
        queue = await channel.declare_queue(name, durable=True, arguments=arguments)
        if name != self._options.queue:
            # It goes with its queue, so that nothing of a dead installation stays.
            exchange = await channel.declare_exchange(
                name, aio_pika.ExchangeType.FANOUT, durable=True, auto_delete=True
            )
            await queue.bind(exchange)
        return queue

    async def _consume(self, queue: AbstractQueue, prefetch: int, take: ConsumerCallback) -> None:
        """Exclusively: two readers of one queue would have half of the messages each.

        From the channel below aio-pika's: a third less work a message, and no header can be wrong as none is read.
        """
        channel = queue.channel
        channel.close_callbacks.add(self._on_close)
        under = await channel.get_underlay_channel()
        under.on_consumer_cancel_callbacks.add(self._on_cancel)
        await channel.set_qos(prefetch_count=prefetch)
        await under.basic_consume(queue.name, take, exclusive=True)

    async def _on_message(self, message: DeliveredMessage) -> None:
        self._bodies.append(message.body)
        self._last = message
        self._wake.set()

    async def _on_lost(self, message: DeliveredMessage) -> None:
        self._lost = message
        self._wake.set()

    def _on_cancel(self, _: object) -> None:
        self._finish("its queue was deleted")

    def _on_close(self, _: object, error: BaseException | None) -> None:
        self._finish(self._say(error) if error is not None else "the connection was closed")

    def _finish(self, reason: str) -> None:
        self._end = self._end or f"RabbitMQ at {self._address}: {reason}"
        self._wake.set()

    @asynccontextmanager
    async def _answering(self, seconds: float) -> AsyncIterator[None]:
        """Whatever aio-pika raises, and no answer in time, as VimUnavailableError.

        aio-pika cancels what waits for a connection that went away, though nobody cancelled us; and it loses a
        cancellation that comes with an answer or while it closes a channel. What was asked of our task decides.
        """
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(seconds):
                yield
        except (asyncio.CancelledError, *CONNECTION_EXCEPTIONS) as error:
            if not task.cancelling():
                raise self._unavailable(error) from error
        if task.cancelling():
            raise asyncio.CancelledError

    def _unavailable(self, error: BaseException) -> VimUnavailableError:
        return VimUnavailableError(self._end or f"RabbitMQ at {self._address}: {self._say(error)}")

    def _say(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return "it did not answer in time"
        if isinstance(error, aiormq.exceptions.InvalidFrameError) and "OpenOk" in str(error):
            return "the virtual host, the path of its URL, does not exist or is not for our user"
        return self._address.without_secrets(str(error) or type(error).__name__)[:500]
