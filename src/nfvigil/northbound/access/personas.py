"""What a Keystone token makes of its bearer: from roles and scope to one of our personas. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from nfvigil.errors import ForbiddenError
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.times import SECOND

RANKS = (Role.ADMIN, Role.MANAGER, Role.MEMBER, Role.READER, Role.SERVICE, Role.MONITOR)
"""The strongest first. Keystone's own roles imply in this order those that follow, down to the reader."""

NOTHING = ""
"""The project of those who own nothing: no resource has it, and it is not "no project"."""


class _Named(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class KeystoneToken(msgspec.Struct, frozen=True):
    """What Keystone says of a token (``GET /v3/auth/tokens``), as far as we look at it."""

    user: _Named
    expires_at: str
    roles: tuple[_Named, ...] = ()
    project: _Named | None = None
    domain: _Named | None = None
    system: dict[str, Any] | None = None
    is_admin_project: bool | None = None

    @property
    def expires_us(self) -> int:
        """ValueError where it is no time."""
        return int(datetime.fromisoformat(self.expires_at).timestamp() * SECOND)


def identity_of(token: KeystoneToken, names: Mapping[Role, Collection[str]]) -> Identity:
    """``names`` are the roles of Keystone that make each persona. ForbiddenError where none of them is there."""
    held = {role.name for role in token.roles}
    personas = [role for role in RANKS if held.intersection(names.get(role, ()))]
    if Role.ADMIN in personas and token.is_admin_project is False:
        # The cloud has a project for its administrators, and this is another one.
        personas = [Role.MANAGER, *(role for role in personas if role is not Role.ADMIN)]
    if not personas:
        raise ForbiddenError("the token has none of the roles that count here")
    role, project, sees_all = _scoped(token, personas[0])
    granted = frozenset(personas if role is personas[0] and project != NOTHING else [role])
    return Identity(
        name=token.user.name or token.user.id,
        project=project,
        role=role,
        id=token.user.id,
        roles=tuple(sorted(_names_of(held, names, granted))),
        sees_all=sees_all,
        via=Via.KEYSTONE,
    )


def _names_of(held: Collection[str], names: Mapping[Role, Collection[str]], granted: Collection[Role]) -> set[str]:
    """Roles by name for the rules, which ask for personas by the same word: one that was not granted must not be among
    them, or whoever administers a domain would be an administrator to every rule.
    """
    others = [role for role in RANKS if role not in granted]
    words = {role.value for role in others}
    mapped = {name for role in others for name in names.get(role, ())}
    mapped -= {name for role in granted for name in names.get(role, ())}
    # Rules take no notice of capitals.
    return {name for name in held if name.lower() not in words and name not in mapped} | {one.value for one in granted}


def _scoped(token: KeystoneToken, role: Role) -> tuple[Role, str | None, bool]:
    """What the role means in the token's scope: role, project, whether it sees all."""
    if role is Role.MONITOR:
        return role, None, False
    if token.system is not None and token.system.get("all") is True:
        if role in (Role.ADMIN, Role.SERVICE):
            return role, None, role is Role.ADMIN
        # There is nothing of the system's that a member could change and an administrator could not.
        return Role.READER, None, True
    if token.project is not None and token.project.id:
        return role, None if role is Role.ADMIN else token.project.id, False
    # A domain owns no servers: who administers one is not the administrator of the cloud.
    return Role.READER, NOTHING, False
