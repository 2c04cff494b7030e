"""One endpoint's queue: what waits for it, in order, and how it has been doing.

offered in time     -> queue (bounded)
queue full, or late -> is_behind: the rows are read from the store when the queue is empty
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

import msgspec

from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.notifier.channel import Channel, StampingChannel
from nfvigil.notifier.poster import Poster, Target

PART_MAX = 1 << 30

Key = tuple[int, int]
"""(seq, part): the order of deliveries to one endpoint."""
Item = tuple[Notification, Delivery]


class EndpointStats(msgspec.Struct):
    """Counters of one endpoint, since the process started."""

    sent: int = 0
    failed: int = 0
    """Tries that failed."""
    dead: int = 0
    last_latency_us: int = 0
    """From the notification's making to the endpoint's 2xx, of the last one delivered."""
    last_status: int = 0
    last_error: str = ""
    queued: int = 0
    is_behind: bool = False
    is_failing: bool = False


@dataclass(slots=True, eq=False)
class Lane:
    """The state of one endpoint. It decides what is next; the dispatcher sends."""

    subscription: Subscription
    endpoint: Endpoint
    channel: Channel | None
    """None where the format's plugin is not installed any more: nothing is sent, and nothing lost."""
    target: Target
    poster: Poster
    queue_max: int
    last: Key
    """The highest key that was offered or read."""
    done: Key = (0, 0)
    """The last one that was dealt with: rows are read from behind it."""
    queue: deque[Item] = field(default_factory=deque)
    is_behind: bool = False
    has_more: bool = False
    """Something was offered while the rows were being read: they are to be read once more."""
    epoch: int = 0
    """Counts the rewinds, so that what was under way meanwhile does not move the position."""
    is_active: bool = False
    is_ready: bool = False
    is_suspect: bool = False
    """Runs in one of the places for endpoints that failed the last time."""
    is_removed: bool = False
    keeps_plan: bool = True
    """Nothing was tried yet: the first message may have been planned for later, before a restart."""
    timer: asyncio.TimerHandle | None = None
    failing_since_us: int | None = None
    tries: int = 0
    """Failed ones in a row, whichever the message: what the backoff grows with."""
    refusals: int = 0
    """Of the message at the head."""
    stats: EndpointStats = field(default_factory=EndpointStats)
    stamper: StampingChannel | None = None

    def __post_init__(self) -> None:
        self.done = self.last
        channel: object = self.channel
        if isinstance(channel, StampingChannel):
            self.stamper = channel

    @property
    def has_work(self) -> bool:
        return bool(self.queue) or self.is_behind

    def offer(self, item: Item) -> None:
        """Take it in its place in the order; it is in the store already, so it need not be kept here."""
        delivery = item[1]
        seq, part = key = (delivery.seq, delivery.part)
        last_seq, last_part = self.last
        if key <= self.last:
            if self.is_behind and key > self.done:
                self.has_more = True
            elif not any((queued.seq, queued.part) == key for _, queued in self.queue):
                self.rewind((seq, part - 1))
            return
        is_next = (seq == last_seq + 1 and part == 0) or (seq == last_seq and part == last_part + 1)
        self.last = key
        if self.is_behind or not is_next or len(self.queue) >= self.queue_max:
            # Where numbers are missing, the store knows whether something comes before this one.
            self.is_behind = True
            self.has_more = True
            return
        self.queue.append(item)

    def rewind(self, to: Key) -> None:
        """Go on behind ``to``, by the rows; or from where it is, if that is further back."""
        self.queue.clear()
        self.done = min(self.done, to)
        self.is_behind = True
        self.has_more = True
        self.epoch += 1
        self.refusals = 0

    def finish_head(self, delivery: Delivery, epoch: int) -> None:
        """The head is delivered or dead: the next one's turn."""
        self.refusals = 0
        if epoch == self.epoch:
            self.queue.popleft()
            self.done = (delivery.seq, delivery.part)

    def keep_head(self, notification: Notification, delivery: Delivery, epoch: int) -> None:
        """The head is to be tried again, as ``delivery`` says."""
        if epoch == self.epoch:
            self.queue[0] = (notification, delivery)

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
