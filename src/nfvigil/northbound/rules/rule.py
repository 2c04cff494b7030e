"""What a rule is, the personas that rules speak of, and whom each class of routes is for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from nfvigil.model.identity import Identity, Role

PREFIX = "nfvigil:"


class Audience(StrEnum):
    """Whom a route was made for: what its default says, and how careful one has to be with another."""

    READERS = "readers"
    WRITERS = "writers"
    ADMINISTRATORS = "administrators"
    SENDERS = "senders"
    """Those who bring events."""

    @property
    def is_of_projects(self) -> bool:
        """Whether what it shows and changes is limited to the caller's project."""
        return self in (Audience.READERS, Audience.WRITERS)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do one thing. ``check`` is its default, in oslo.policy's language."""

    name: str
    check: str
    audience: Audience
    text: str = ""
    operations: tuple[str, ...] = ()
    """Such as ``GET /v1/alarms``."""


PERSONAS: Mapping[str, str] = MappingProxyType(
    {
        "admin": "role:admin",
        "manager": "role:manager or rule:admin",
        "member": "role:member or rule:manager",
        "reader": "role:reader or rule:member",
        "service": "role:service",
        "monitor": "role:monitor",
        "system_reader": "role:reader and system_scope:all",
    }
)
"""The rules that the others are made of: an admin may what a manager may, and so on down to the reader."""

DEFAULTS: Mapping[Audience, str] = MappingProxyType(
    {
        Audience.READERS: "rule:reader",
        Audience.WRITERS: "rule:member",
        Audience.ADMINISTRATORS: "rule:admin",
        Audience.SENDERS: "rule:monitor or rule:admin",
    }
)
LOOKING = "rule:admin or rule:system_reader"
"""Of administrators' routes, those that only show something."""

PROJECT = "a-project"
CALLERS: Mapping[str, Identity] = MappingProxyType(
    {
        **{
            role.value: Identity(
                name=role.value,
                project=None if role in (Role.ADMIN, Role.SERVICE, Role.MONITOR) else PROJECT,
                role=role,
            )
            for role in Role
        },
        "system_reader": Identity(name="system_reader", project=None, role=Role.READER, sees_all=True),
    }
)
"""Somebody of each persona, to ask the rules about."""


def default_of(audience: Audience, methods: frozenset[str]) -> str:
    if audience is Audience.ADMINISTRATORS and methods <= {"GET", "HEAD"}:
        return LOOKING
    return DEFAULTS[audience]


def rule_name(tag: str, function: str) -> str:
    # Checks name a rule as one word.
    return f"{PREFIX}{tag.replace(' ', '_')}:{function}"


def credentials(caller: Identity) -> dict[str, object]:
    """What a check may ask of a caller, by oslo.policy's names."""
    return {
        "roles": sorted({caller.role.value, *caller.roles}),
        "project_id": caller.project,
        "user_id": caller.id,
        "user_name": caller.name,
        "via": caller.via.value,
        "system_scope": "all" if caller.sees_all else None,
    }


CREDENTIALS = frozenset({"project_id", "user_id", "user_name", "via", "system_scope"})
"""What a check may compare with a word, beside ``role:`` and ``rule:``."""
