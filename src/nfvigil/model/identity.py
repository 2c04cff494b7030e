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
    MONITOR = "monitor"


_WRITERS = frozenset({Role.MEMBER, Role.MANAGER, Role.ADMIN})


class Identity(msgspec.Struct, frozen=True):
    """The caller, once its token was found good. ``project`` is None where it speaks for no project."""

    name: str
    project: str | None
    role: Role

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def may_send_events(self) -> bool:
        return self.role is Role.MONITOR or self.role is Role.ADMIN

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
        if self.role is Role.ADMIN:
            return None
        if self.role is Role.MONITOR:
            return ""
        return self.project or ""
