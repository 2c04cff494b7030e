"""Accounts that another system looks after: had while it has them, and nothing of them kept."""

from __future__ import annotations

from typing import Any

import pytest
from accounts_players import NOW, SECRET, Cloud, Stage, VimStatus, account

from nfvigil.errors import ConflictError, NotFoundError
from nfvigil.model.answers import VimState
from nfvigil.model.vim_account import Source, VimAccount, VimChange

pytestmark = pytest.mark.anyio


def led(**more: Any) -> VimAccount:
    return account("osm-edge", source=Source.OSM, **more)


async def test_one_that_is_led_is_watched_and_acted_on_and_not_kept(stage: Stage) -> None:
    await stage.accounts.lead(led(interval_seconds=30))

    detail = stage.accounts.detail("osm-edge")
    assert (detail.account.source, detail.state) == (Source.OSM, VimState.UNREAD)
    assert (detail.account.created_us, detail.account.changed_us) == (NOW, NOW)
    assert stage.eyes.watched["osm-edge"] == (stage.hands.acts["osm-edge"], 30)
    assert stage.shelf.kept == {}
    assert SECRET not in repr(detail)
    assert detail.account.options["password"] == "***"
    assert stage.accounts.was_added("osm-edge"), "that it is not read is no reason not to take events in"


async def test_nobody_but_who_leads_it_changes_it(stage: Stage) -> None:
    await stage.accounts.lead(led())

    for wish in (
        stage.accounts.change("osm-edge", VimChange(enabled=False)),
        stage.accounts.remove("osm-edge"),
    ):
        with pytest.raises(ConflictError, match="comes from OSM"):
            await wish
    assert stage.hands.acts.keys() == {"osm-edge"}


async def test_it_may_be_refreshed_and_checked_like_any_other(stage: Stage) -> None:
    await stage.accounts.lead(led())

    stage.accounts.refresh("osm-edge")

    assert stage.eyes.refreshed == ["osm-edge"]
    assert [item.what for item in await stage.accounts.check("osm-edge")] == ["login"]


async def test_one_that_changed_takes_the_place_of_what_it_was(stage: Stage) -> None:
    await stage.accounts.lead(led())
    first = Cloud.opened[-1]
    stage.now += 1

    await stage.accounts.lead(led(options={"region": "two"}))

    assert first.is_closed
    assert stage.hands.acts["osm-edge"].options["region"] == "two"
    detail = stage.accounts.detail("osm-edge")
    assert (detail.account.created_us, detail.account.changed_us) == (NOW, NOW + 1)
    assert stage.emptied == [], "a new password is no reason to think that the cloud is empty"


@pytest.mark.parametrize(
    "more", [{"options": {"is_refused": True}}, {"options": {"is_broken": True}}, {"driver": "no"}]
)
async def test_one_that_cannot_be_used_is_shown_as_such(stage: Stage, more: dict[str, Any]) -> None:
    await stage.accounts.lead(led(**more))

    detail = stage.accounts.detail("osm-edge")
    assert detail.state is VimState.UNUSABLE
    assert detail.error
    assert SECRET not in detail.error
    assert stage.accounts.troubles() == {"osm-edge": detail.error}
    assert stage.accounts.failing("osm-edge")
    assert stage.hands.acts == {}


async def test_one_that_comes_with_an_error_is_shown_with_it(stage: Stage) -> None:
    await stage.accounts.lead(VimAccount(name="osm-edge", driver="cloud", source=Source.OSM), error="no password")

    assert stage.accounts.troubles() == {"osm-edge": "no password"}


async def test_one_that_broke_is_not_watched_and_what_is_known_of_it_stays(stage: Stage) -> None:
    await stage.accounts.lead(led())
    first = Cloud.opened[-1]

    await stage.accounts.lead(led(options={"is_refused": True}))
    assert first.is_closed
    assert (stage.hands.acts, stage.emptied) == ({}, [])
    assert "osm-edge" not in stage.eyes.watched

    await stage.accounts.lead(led())
    assert stage.eyes.watched.keys() == {"fixed", "osm-edge"}
    assert stage.accounts.troubles() == {}


async def test_a_name_of_somebody_elses_is_not_taken(stage: Stage) -> None:
    await stage.accounts.add(account())

    for name in ("fixed", "lab"):
        with pytest.raises(ConflictError, match="already"):
            await stage.accounts.lead(account(name, source=Source.OSM))
    assert [one.name for one in stage.accounts.own()] == ["fixed", "lab"]


async def test_one_that_is_released_is_forgotten_with_all_that_it_had(stage: Stage) -> None:
    await stage.accounts.lead(led())
    await stage.accounts.add(account())

    await stage.accounts.release("osm-edge")
    await stage.accounts.release("osm-edge")
    await stage.accounts.release("lab")

    assert stage.emptied == ["osm-edge"]
    assert stage.hands.given_up == ["osm-edge"]
    with pytest.raises(NotFoundError):
        stage.accounts.detail("osm-edge")
    assert stage.accounts.detail("lab")


async def test_whether_it_fails_is_what_its_last_listing_says(stage: Stage) -> None:
    assert not stage.accounts.failing("osm-edge")
    await stage.accounts.lead(led())
    assert not stage.accounts.failing("osm-edge")

    stage.eyes.seen["osm-edge"] = VimStatus(error="Keystone refuses to log us in")

    assert stage.accounts.failing("osm-edge")


async def test_it_is_closed_at_the_end_and_not_there_after_a_restart(stage: Stage) -> None:
    await stage.accounts.lead(led())
    cloud = Cloud.opened[-1]

    await stage.restart()

    assert cloud.is_closed
    with pytest.raises(NotFoundError):
        stage.accounts.detail("osm-edge")
