"""Who is asking: a name, the project it speaks for, and what it may do."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """The personas, as OpenStack names them; a monitor only brings events."""

    READER = "reader"
    MEMBER = "member"
    MANAGER = "manager"
    ADMIN = "admin"
    SERVICE = "service"
    MONITOR = "monitor"


class Via(StrEnum):
    """What vouches for a caller."""

    LOCAL = "local"
    """A local token."""
    KEYSTONE = "keystone"
    SIGNATURE = "signature"
    """A monitor's HMAC over its message."""
    NETWORK = "network"
    """It came from a network that a door was opened for."""
    BREAK_GLASS = "break-glass"
    DEVELOPMENT = "development"


_WRITERS = frozenset({Role.MEMBER, Role.MANAGER, Role.ADMIN})


class Identity(msgspec.Struct, frozen=True):
    """The caller, once its token was found good. ``project`` is None where it speaks for no project."""

    name: str
    project: str | None
    role: Role
    """The strongest of its roles."""
    id: str = ""
    """What the authority calls it: a user's id in Keystone, the id of a local token."""
    roles: tuple[str, ...] = ()
    """All its roles by name, as the authority gave them; those that a role implies need not be in it."""
    sees_all: bool = False
    """Reads what every project has, as an administrator does, whatever its role lets it change: a reader of the whole
    system, the account for breaking glass."""
    via: Via = Via.LOCAL

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def may_send_events(self) -> bool:
        return self.role is Role.MONITOR or self.role is Role.ADMIN

    @property
    def sender(self) -> str:
        """What tells its words from those of other monitors, whatever they call themselves; "" for an administrator."""
        return "" if self.is_admin else f"{self.via}:{self.id or self.name}"

    @property
    def may_write(self) -> bool:
        """May change what its scope holds: subscriptions, acknowledgements."""
        return self.role in _WRITERS

    @property
    def scope(self) -> str | None:
        """Whose resources it sees: None for all, else the project; "" (a monitor) owns nothing and sees nothing.

        It is passed to every query. A caller without a project gets "" and never None, so that a token which
        lacks its project shows too little rather than everything.
        """
        if self.role is Role.ADMIN or self.sees_all:
            return None
        if self.role is Role.MONITOR:
            return ""
        return self.project or ""
