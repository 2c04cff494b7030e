"""A cloud (VIM) as its drivers show it: what is in it, what becomes different, what can be done to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from nfvigil.model.action import Action, Outcome
from nfvigil.model.answers import CheckItem
from nfvigil.model.event_alarm import CloudEvent
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, MapChange, Snapshot


class Vim(Protocol):
    """One cloud.

    All calls raise VimUnavailableError where the cloud did not answer or answered that it cannot at the moment
    (they are tried again), and RefusedError where it will never do this (nothing was changed).
    """

    @property
    def name(self) -> str: ...

    async def snapshot(self) -> Snapshot:
        """Everything there is. Complete, or VimUnavailableError: a part of a list would look like a mass death."""

    def changes(self) -> AsyncIterator[MapChange | None]:
        """What becomes different from this call on. It never ends by itself.

        These are hints that make the map fast; the snapshot is the truth. None says "you missed something:
        take a snapshot".
        """

    async def perform(self, action: Action) -> Outcome:
        """Do it; being asked twice for the same action takes effect once.

        Setting a state says in ``Outcome.was`` what it was. One that follows from a host (``params["on_host"]``) is not
        set on what is on another host by now.
        An undo (``action.undo_of``) sets ``action.before`` again, but only if the present state is the one that
        the deed had set; otherwise somebody else has changed it meanwhile, and it is theirs.

        A deed that the cloud does asynchronously is over when the cloud says so, or when ``action.params["seconds"]``
        are (then VimUnavailableError: nobody knows). ``params["source"]`` is the host that a server is moved away
        from: one that is elsewhere by now was moved already. An evacuation carries ``params["proof_us"]``, the time
        at which its host was proven off: it is refused without one, and where the host has reported since.
        """

    async def show(self, key: str) -> dict[str, Any]:
        """One resource as the cloud says it now. NotFoundError if there is no such thing."""

    async def read(self, key: str) -> CloudRecord:
        """One resource (host, server, port, volume, network) asked for by itself: the second look before anything
        is believed to be gone. NotFoundError only where the cloud says that there is no such thing.
        """

    async def close(self) -> None:
        """Let go of connections and files."""


@runtime_checkable
class Checkable(Protocol):
    """A driver that can look whether its cloud will do what it is going to be asked for."""

    async def check(self) -> Sequence[CheckItem]:
        """Nothing is changed by it. What could not be looked at is an item that is not ok, and no error."""


@runtime_checkable
class Describing(Protocol):
    """A driver that can tell what it found: versions, addresses, regions. Nothing secret."""

    def describe(self) -> Mapping[str, Any]:
        """From memory, at once."""


@runtime_checkable
class Reaching(Protocol):
    """A driver that can tell which services it talks to: nobody's webhook may go there."""

    def places(self) -> Sequence[str]:
        """URLs without credentials, from memory; those that it knows by now."""


@runtime_checkable
class Detailing(Protocol):
    """A driver that can hand over the cloud's own words on some servers and ports while it lists everything."""

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        """As ``snapshot``, by the same listing: no call more for a server or a port. What is wanted and listed has
        been put into ``details`` when it returns.
        """


@runtime_checkable
class Naming(Protocol):
    """A driver that can tell what its cloud's projects are called."""

    async def projects_by_id(self) -> Mapping[str, str]:
        """Their names, as far as our account may know them."""


class Tap(Protocol):
    """Who wants to hear what a cloud tells on its own bus."""

    def wants(self, event_type: str) -> bool:
        """Whether events of this type are to be read at all."""

    def take(self, event: CloudEvent) -> None:
        """One passed by. It never waits: what is too much is dropped."""

    async def kept(self) -> None:
        """Returns when what was taken is written down, or after some seconds."""


@runtime_checkable
class Tappable(Protocol):
    """A driver that hears what its cloud tells on its own bus."""

    def tap(self, tap: Tap) -> None:
        """Let ``tap`` hear it, from the next connection on."""


NOTHING_TO_CHECK = CheckItem(what="driver", ok=True, detail="this driver has nothing to check")


async def checked(vim: Vim) -> Sequence[CheckItem]:
    return await vim.check() if isinstance(vim, Checkable) else (NOTHING_TO_CHECK,)


def described(vim: Vim) -> Mapping[str, Any]:
    return vim.describe() if isinstance(vim, Describing) else {}


def places_of(vim: Vim) -> Sequence[str]:
    return vim.places() if isinstance(vim, Reaching) else ()


async def names_of(vim: Vim) -> Mapping[str, str]:
    return await vim.projects_by_id() if isinstance(vim, Naming) else {}


class Listable(Protocol):
    """As much of a driver as a listing needs."""

    async def snapshot(self) -> Snapshot: ...


async def listed(vim: Listable, details: Details | None) -> Snapshot:
    """One listing. Of a driver that knows no details, there are none."""
    if details is not None and isinstance(vim, Detailing):
        return await vim.detailed_snapshot(details)
    return await vim.snapshot()


ActionPlugin = Callable[[Vim, Action], Awaitable[Outcome]]
"""An action kind of a third party (entry point ``nfvigil.actions``, named like the kind)."""
