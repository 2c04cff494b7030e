"""What a Keystone token makes of its bearer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from keystone_standin import token_of

from nfvigil.errors import ForbiddenError
from nfvigil.model.identity import Role, Via
from nfvigil.northbound.access.personas import KeystoneToken, identity_of
from nfvigil.northbound.access.settings import RoleNames
from nfvigil.northbound.rules.permissions import Permissions

NAMES = RoleNames().by_role()


def read(body: dict[str, Any]) -> KeystoneToken:
    return msgspec.json.decode(msgspec.json.encode(body), type=KeystoneToken)


@pytest.mark.parametrize(
    ("body", "role", "project", "scope", "sees_all"),
    [
        pytest.param(token_of("reader"), Role.READER, "A", "A", False, id="a reader of a project"),
        pytest.param(token_of("member", "reader"), Role.MEMBER, "A", "A", False, id="the strongest counts"),
        pytest.param(token_of("member"), Role.MEMBER, "A", "A", False, id="what is implied need not be there"),
        pytest.param(token_of("manager", "member"), Role.MANAGER, "A", "A", False, id="a manager"),
        pytest.param(token_of("admin"), Role.ADMIN, None, None, False, id="an administrator in a project"),
        pytest.param(token_of("service"), Role.SERVICE, "A", "A", False, id="a service"),
        pytest.param(token_of("service", "member"), Role.MEMBER, "A", "A", False, id="a service that owns things"),
        pytest.param(token_of("admin", "service"), Role.ADMIN, None, None, False, id="a service of old"),
        pytest.param(token_of("admin", system=True), Role.ADMIN, None, None, True, id="the system's administrator"),
        pytest.param(token_of("reader", system=True), Role.READER, None, None, True, id="the system's reader"),
        pytest.param(token_of("member", system=True), Role.READER, None, None, True, id="the system's member"),
        pytest.param(token_of("manager", system=True), Role.READER, None, None, True, id="the system's manager"),
        pytest.param(token_of("service", system=True), Role.SERVICE, None, "", False, id="the system's service"),
        pytest.param(
            token_of("reader", project=None) | {"system": {"all": False}},
            Role.READER, "", "", False, id="of a part of the system",
        ),
        pytest.param(token_of("admin", domain="default"), Role.READER, "", "", False, id="a domain's administrator"),
        pytest.param(token_of("member", domain="default"), Role.READER, "", "", False, id="a domain's member"),
        pytest.param(token_of("member", project=None), Role.READER, "", "", False, id="no scope"),
        pytest.param(token_of("member", project=""), Role.READER, "", "", False, id="a project without an id"),
        pytest.param(
            token_of("admin", is_admin_project=False), Role.MANAGER, "A", "A", False, id="not in the admin project"
        ),
        pytest.param(
            token_of("admin", is_admin_project=True), Role.ADMIN, None, None, False, id="in the admin project"
        ),
    ],
)  # fmt: skip
def test_roles_and_scope_make_a_persona(
    body: dict[str, Any], role: Role, project: str | None, scope: str | None, sees_all: bool
) -> None:
    found = identity_of(read(body), NAMES)

    assert (found.role, found.project, found.scope, found.sees_all) == (role, project, scope, sees_all)
    assert (found.name, found.id, found.via) == ("alice", "id-of-alice", Via.KEYSTONE)
    assert found.role.value in found.roles
    assert not found.may_send_events or found.is_admin


@pytest.mark.parametrize("scope", [{"project": "A"}, {"domain": "default"}, {"system": True}])
def test_a_role_can_make_a_monitor_which_sees_nothing_in_any_scope(scope: dict[str, Any]) -> None:
    names = RoleNames(monitor=["masakari_monitor"]).by_role()

    found = identity_of(read(token_of("masakari_monitor", **scope)), names)

    assert (found.role, found.project, found.scope, found.sees_all) == (Role.MONITOR, None, "", False)
    assert found.may_send_events
    assert identity_of(read(token_of("masakari_monitor", "member")), names).role is Role.MEMBER


@pytest.mark.parametrize("roles", [(), ("heat_stack_owner",), ("Admin",)])
def test_without_a_role_that_counts_nobody_is_let_in(roles: tuple[str, ...]) -> None:
    with pytest.raises(ForbiddenError, match="none of the roles"):
        identity_of(read(token_of(*roles)), NAMES)


def test_which_roles_count_is_the_operators_word() -> None:
    names = RoleNames(admin=["cloud_admin"], member=["_member_", "Member"], reader=[]).by_role()

    assert identity_of(read(token_of("cloud_admin")), names).is_admin
    assert identity_of(read(token_of("Member")), names).role is Role.MEMBER
    with pytest.raises(ForbiddenError):
        identity_of(read(token_of("admin", "reader")), names)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        pytest.param(token_of("admin", domain="default"), NAMES, id="a domain's administrator"),
        pytest.param(token_of("admin", project=None), NAMES, id="an administrator without a scope"),
        pytest.param(token_of("admin", is_admin_project=False), NAMES, id="not in the admin project"),
        pytest.param(token_of("admin", "member"), RoleNames(admin=["boss"]).by_role(), id="what counts is called so"),
        pytest.param(token_of("boss", domain="d"), RoleNames(admin=["boss"]).by_role(), id="a domain's, called so"),
        pytest.param(token_of("Admin", "member"), NAMES, id="a role that differs in capitals"),
        pytest.param(token_of("monitor", "member"), NAMES, id="no role makes a monitor"),
    ],
)
def test_a_role_that_makes_nobody_an_administrator_lets_him_do_nothing_of_theirs(
    body: dict[str, Any], names: dict[Role, frozenset[str]]
) -> None:
    found = identity_of(read(body), names)
    rules = Permissions(())

    assert not rules.may("admin", found)
    assert not rules.may("monitor", found)
    assert "boss" not in found.roles


def test_rules_hear_of_all_personas_that_were_granted_and_of_the_clouds_own_roles() -> None:
    names = RoleNames(monitor=["masakari_monitor"]).by_role()

    assert identity_of(read(token_of("member", "creator", "masakari_monitor")), names).roles == (
        "creator",
        "masakari_monitor",
        "member",
        "monitor",
    )


def test_a_user_without_a_name_is_called_by_its_id() -> None:
    body = token_of("reader")
    del body["user"]["name"]

    assert identity_of(read(body), NAMES).name == "id-of-alice"
