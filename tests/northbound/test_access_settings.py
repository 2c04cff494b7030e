"""The section [access]: what it may say, and what stops the start."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Route

from nfvigil.controller.vims.openstack.options import checked
from nfvigil.errors import SettingsError
from nfvigil.model.identity import Role
from nfvigil.northbound.access.settings import AccessSettings
from nfvigil.settings import load
from nfvigil.wiring.access import check_open_doors, has_other_ways_in


def access(**values: Any) -> AccessSettings:
    return load(None, {"access": values}).access


def door(**more: Any) -> dict[str, Any]:
    return {"name": "lan", "doors": ["/events"], "networks": ["10.0.0.0/24"], **more}


def test_nothing_is_open_and_nobody_is_believed_by_itself() -> None:
    settings = access()

    assert (settings.open_doors, settings.break_glass_hash, settings.keystone.is_on) == ((), "", False)
    assert not has_other_ways_in(settings)
    assert has_other_ways_in(access(keystone={"cloud": "nfvigil"}))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"open_doors": [door(networks=["0.0.0.0/0"])]}, "access.open_doors.0.networks"),
        ({"open_doors": [door(networks=["::/0"])]}, "access.open_doors.0.networks"),
        ({"open_doors": [door(networks=["10.0.0.1/24"])]}, "access.open_doors.0.networks"),
        ({"open_doors": [door(networks=["monitors.example.net"])]}, "access.open_doors.0.networks"),
        ({"open_doors": [door(networks=[])]}, "access.open_doors.0.networks"),
        ({"open_doors": [door(doors=[])]}, "access.open_doors.0.doors"),
        ({"open_doors": [door(name="")]}, "access.open_doors.0.name"),
        ({"open_doors": [door(), door()]}, "access"),
        ({"break_glass_hash": "secret"}, "access.break_glass_hash"),
        ({"keystone": {"cloud": "x", "cache_seconds": 301}}, "access.keystone.cache_seconds"),
        ({"keystone": {"clod": "x"}}, "access.keystone.clod"),
        ({"keystone": {"interface": "secret"}}, "access.keystone.interface"),
        ({"rate": {"burst": 0}}, "access.rate.burst"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        access(**values)
    assert [error.field for error in caught.value.errors] == [field]


def test_only_event_doors_can_be_opened() -> None:
    async def nothing(request: Any) -> Any:
        raise NotImplementedError

    doors = [Route("/events", nothing), Route("/v1/formats/{name}/events", nothing)]

    check_open_doors(access(), doors)
    check_open_doors(access(open_doors=[door(doors=["/events", "/v1/formats/vitrage/events"])]), doors)
    with pytest.raises(SettingsError) as caught:
        check_open_doors(access(open_doors=[door(), door(name="x", doors=["/v1/alarms", "/events/"])]), doors)
    assert [(one.field, one.reason.split()[0]) for one in caught.value.errors] == [
        ("access.open_doors.1.doors", "/v1/alarms"),
        ("access.open_doors.1.doors", "/events/"),
    ]


def test_keystones_options_are_those_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFVIGIL_ACCESS__KEYSTONE__AUTH__PASSWORD", "hunter-two")
    settings = access(keystone={"auth": {"auth_url": "http://keystone.example"}, "region": "one", "insecure": True})
    keystone = settings.keystone
    assert "hunter" not in repr(settings)
    assert "hunter" not in repr(keystone.auth)

    options = checked("test", load(None, {"access.keystone.auth.auth_url": "http://k"}).access.keystone.options())

    assert options.auth["password"].reveal() == "hunter-two"
    assert keystone.options()["region"] == "one"
    assert "cloud" not in keystone.options()
    assert checked("test", access(keystone={"cloud": "x"}).keystone.options()).cloud == "x"


def test_every_persona_but_the_monitor_has_a_role_by_itself() -> None:
    names = access().keystone.roles.by_role()

    assert {role: set(found) for role, found in names.items()} == {
        **{role: {role.value} for role in Role if role is not Role.MONITOR},
        Role.MONITOR: set(),
    }
