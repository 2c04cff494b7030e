"""Accounts of OSM's that come, change and go, and the clouds that are watched for them."""

from __future__ import annotations

from typing import Any

import pytest
from osm_players import Fleet
from structlog.testing import capture_logs

from nfvigil.model.vim_account import Source, VimAccount
from nfvigil.vnf.osm.accounts import OsmAccount
from nfvigil.vnf.osm.fleet import ABSENCES, FAILURES, Followers

pytestmark = pytest.mark.anyio
PLACE = "https://keystone.example:5000"


def account(name: str = "a", **more: Any) -> OsmAccount:
    fields = {"id": name, "name": name, "place": (PLACE, ""), "driver": "openstack", "options": {"user": name}}
    return OsmAccount(**{**fields, **more})


def followers(fleet: Fleet, **given: str) -> Followers:
    return Followers(fleet=fleet, given=given, interval_seconds=30)


async def test_an_account_that_comes_is_watched_once_and_its_cloud_is_known() -> None:
    fleet = Fleet()
    mine = followers(fleet)

    await mine.take([account()])
    await mine.take([account()])

    ((name, (led, error)),) = fleet.led.items()
    assert (led.driver, led.options, led.interval_seconds, led.source) == ("openstack", {"user": "a"}, 30, Source.OSM)
    assert (error, mine.vim_of) == ("", {"a": name})
    assert fleet.calls == [f"lead {name}"]


async def test_an_account_that_changes_is_taken_over() -> None:
    fleet = Fleet()
    mine = followers(fleet)
    await mine.take([account()])

    await mine.take([account(options={"user": "a", "password": "new"})])

    ((led, _),) = fleet.led.values()
    assert led.options["password"] == "new"
    assert len(fleet.calls) == 2


async def test_an_account_that_goes_is_let_go_when_it_is_missed_again() -> None:
    fleet = Fleet()
    mine = followers(fleet)
    await mine.take([account()])

    for _ in range(ABSENCES - 1):
        await mine.take([])
        assert fleet.led
        await mine.take([account()])
    for _ in range(ABSENCES):
        await mine.take([])

    assert fleet.led == {}
    assert mine.vim_of == {}
    await mine.take([account()])
    assert fleet.led


async def test_a_broken_account_is_shown_as_such_and_harms_no_other() -> None:
    fleet = Fleet()
    mine = followers(fleet)

    with capture_logs() as logs:
        await mine.take([account(error="no password", options={}), account("b", place=("https://other:1", ""))])
        await mine.take([account(error="no password", options={}), account("b", place=("https://other:1", ""))])

    errors = {led.created_by: error for led, error in fleet.led.values()}
    assert errors == {"": "OSM's account a: no password", "osm:b": ""}
    assert mine.troubles == {"a": "no password"}
    assert [one["account"] for one in logs if "account" in one] == ["a"], "it is said once"


async def test_a_broken_account_that_is_mended_is_watched() -> None:
    fleet = Fleet()
    mine = followers(fleet)
    await mine.take([account(error="no password", options={})])

    await mine.take([account()])

    assert [error for _, error in fleet.led.values()] == [""]
    assert mine.troubles == {}


async def test_another_account_of_the_same_cloud_is_tried_when_one_fails() -> None:
    fleet = Fleet()
    mine = followers(fleet)
    both = [account("a"), account("b")]
    await mine.take(both)
    (name,) = fleet.led
    assert fleet.led[name][0].created_by == "osm:a"

    fleet.bad = {name}
    for _ in range(FAILURES - 1):
        await mine.take(both)
        assert fleet.led[name][0].created_by == "osm:a"
    await mine.take(both)
    assert fleet.led[name][0].created_by == "osm:b"

    fleet.bad = set()
    for _ in range(FAILURES):
        await mine.take(both)
    assert fleet.led[name][0].created_by == "osm:b", "it stays while it works"
    assert mine.vim_of == {"a": name, "b": name}
    await mine.take([account("a")])
    assert fleet.led[name][0].created_by == "osm:a"


async def test_a_cloud_that_we_have_anyway_is_not_led() -> None:
    auth = {"auth_url": "https://keystone.example:5000/v3"}
    fleet = Fleet(
        mine=[
            VimAccount(name="edge", driver="openstack", options={"auth": auth}),
            VimAccount(name="off", driver="openstack", options={"auth": {"auth_url": "https://off:1"}}, enabled=False),
            VimAccount(name="file", driver="openstack", options={"cloud": "x"}),
            VimAccount(name="toy", driver="simulated", options={"auth": auth}),
            VimAccount(name="odd", driver="openstack", options={"auth": {"auth_url": "nowhere"}}),
        ]
    )
    mine = followers(fleet, given_account="file")

    await mine.take(
        [account("a"), account("given_account", place=("https://x:1", "")), account("c", place=("https://off:1", ""))]
    )

    assert mine.vim_of["a"] == "edge"
    assert mine.vim_of["given_account"] == "file"
    assert list(fleet.led) == [mine.vim_of["c"]]


async def test_a_name_that_is_taken_is_said_and_tried_again_and_harms_no_other_cloud() -> None:
    fleet = Fleet()
    mine = followers(fleet)
    await mine.take([account()])
    (name,) = fleet.led
    taken = Fleet(mine=[VimAccount(name=name, driver="openstack")])
    other = followers(taken)

    elsewhere = account("b", place=("https://other:5000", ""))

    await other.take([account(), elsewhere])

    assert other.troubles == {"a": "the name is taken"}
    assert list(other.vim_of) == ["b"]
    taken.mine = []
    await other.take([account(), elsewhere])
    assert other.troubles == {}
    assert list(taken.led) == [other.vim_of["b"], other.vim_of["a"]]
