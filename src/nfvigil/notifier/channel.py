"""What an outgoing format is, and how the installed ones are found.

A channel is a plugin of the entry point group ``nfvigil.channels``: a class without constructor arguments.
It turns one notification into the bytes of one message. Sending, retrying and counting are not its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec

from nfvigil.entry_points import entry_points
from nfvigil.errors import SettingsError
from nfvigil.model.notification import Notification
from nfvigil.model.subscription import Endpoint, Subscription

GROUP = "nfvigil.channels"


class Message(msgspec.Struct, frozen=True, gc=False):
    """What goes over the wire. ``headers`` holds the content type and whatever the format asks for."""

    body: bytes
    headers: dict[str, str]
    path: str = ""
    """What comes behind the endpoint's own path, where a format has several addresses: ``/eventBatch``."""
    url: str = ""
    """Where it goes in the place of the endpoint's own address, on the same host."""


class Channel(Protocol):
    """One outgoing format."""

    per_alarm: bool
    """Whether a message of this format can carry one alarm only: then a notification goes out in parts."""

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        """The message for ``part``. The same arguments give the same bytes, so that a retry repeats them.

        ``notification.alarms`` may be empty (heartbeat, test, summary of nothing); then only part 0 is asked for.
        """
        ...


@runtime_checkable
class StampingChannel(Protocol):
    """A channel whose headers depend on the moment of the try: a signature that is good for minutes only."""

    def stamp(self, message: Message, message_id: str, endpoint: Endpoint, now_us: int) -> Mapping[str, str]:
        """Headers to add for a try made at ``now_us``. ``message_id`` is the same for every retry."""
        ...


@runtime_checkable
class PatientChannel(Protocol):
    """A channel that knows better than the notifier which answers say that a message itself is wrong."""

    def is_refusal(self, status: int) -> bool:
        """Any other failure is one of the way: the message is tried until its endpoint is given up."""
        ...


@runtime_checkable
class ChoosyChannel(Protocol):
    """A channel that needs something of its endpoint, such as a key."""

    def refusal(self, endpoint: Endpoint) -> str:
        """Why it cannot serve this endpoint; "" if it can."""
        ...


def load_channels() -> dict[str, Channel]:
    """The installed channels by the name that an endpoint's ``format`` gives.

    Raises SettingsError where one cannot be loaded: a plugin that is missing in silence would be found out by
    the consumer whose alarm did not come.
    """
    channels: dict[str, Channel] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            channels[entry.name] = entry.load()()
        except Exception as error:
            raise SettingsError(f"channel plugin {entry.name} ({entry.value}) cannot be loaded: {error}") from error
    return channels
