"""Accounts that come, change and go while the service runs, and what is left of them whatever fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from accounts_players import NOW, SECRET, Cloud, Stage, VimStatus, account

from nfvigil.controller.vims.suffixed import SuffixedVim
from nfvigil.errors import (
    ConflictError,
    NotFoundError,
    OverloadedError,
    RefusedError,
    StoreUnavailableError,
    UnavailableError,
)
from nfvigil.model.answers import CheckItem, VimState
from nfvigil.model.resource import MapChange
from nfvigil.model.vim_account import Source, VimChange
from nfvigil.sealing.keys import Keys

pytestmark = pytest.mark.anyio


async def test_one_that_was_added_is_kept_watched_and_acted_on_before_it_is_answered(stage: Stage) -> None:
    detail = await stage.accounts.add(account(interval_seconds=30))

    assert detail.state is VimState.UNREAD
    assert detail.account.source is Source.API
    assert detail.account.created_us == detail.account.changed_us == NOW
    assert stage.eyes.watched["lab"] == (stage.hands.acts["lab"], 30)
    assert SECRET.encode() not in stage.shelf.kept["lab"].options


async def test_it_is_there_again_after_a_restart(stage: Stage) -> None:
    before = await stage.accounts.add(account())

    await stage.restart()

    assert stage.accounts.detail("lab") == before
    assert stage.hands.acts["lab"].options["password"] == SECRET
    assert stage.eyes.watched.keys() == {"fixed", "lab"}
    assert [one.account.name for one in stage.accounts.details()] == ["fixed", "lab"]
    assert stage.accounts.was_added("lab")
    assert not stage.accounts.was_added("fixed")


async def test_what_the_store_did_not_keep_is_neither_watched_nor_left_open(stage: Stage) -> None:
    stage.shelf.fails = "before"

    with pytest.raises(StoreUnavailableError):
        await stage.accounts.add(account())

    assert stage.hands.acts == {}
    assert Cloud.opened[-1].is_closed
    with pytest.raises(NotFoundError):
        stage.accounts.detail("lab")
    await stage.accounts.add(account())


async def test_one_that_was_kept_although_the_answer_was_lost_is_found_when_it_is_asked_for_again(stage: Stage) -> None:
    stage.shelf.fails = "after"
    with pytest.raises(StoreUnavailableError):
        await stage.accounts.add(account(request="key-1"))

    again = await stage.accounts.add(account(request="key-1"))

    assert again.account.name == "lab"
    assert stage.hands.acts.keys() == {"lab"}


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        pytest.param({"request": "k"}, {"request": "k"}, None, id="the same request"),
        pytest.param({}, {}, "there is a VIM lab already", id="no key"),
        pytest.param({"request": "k"}, {"request": "other"}, "there is a VIM lab already", id="another key"),
        pytest.param({"request": "k"}, {"request": "k", "interval_seconds": 5}, "used for another", id="other content"),
        pytest.param({"request": "k"}, {"request": "k", "options": {"a": 1}}, "used for another", id="other options"),
    ],
)
async def test_of_one_name_there_is_one(stage: Stage, first: Any, second: Any, said: str | None) -> None:
    await stage.accounts.add(account(**first))

    if said is None:
        assert (await stage.accounts.add(account(**second))).account.name == "lab"
    else:
        with pytest.raises(ConflictError, match=said):
            await stage.accounts.add(account(**second))
    assert stage.hands.acts.keys() == {"lab"}


async def test_two_that_add_the_same_name_at_once_do_not_both_have_it(stage: Stage) -> None:
    done = await asyncio.gather(*(stage.accounts.add(account()) for _ in range(3)), return_exceptions=True)

    assert [type(one).__name__ for one in done] == ["VimDetail", "ConflictError", "ConflictError"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        pytest.param({"driver": "nope"}, "driver", id="no such driver"),
        pytest.param({"options": {"is_refused": True}}, "options.password", id="the driver refuses an option"),
        pytest.param({"options": {"is_broken": True}}, "options", id="the driver fails"),
        pytest.param({"options": {"password": "***"}}, "options.password", id="stars for a secret that nobody has"),
    ],
)
async def test_what_is_wrong_is_named_without_the_secret_and_nothing_is_kept(
    stage: Stage, more: dict[str, Any], field: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        await stage.accounts.add(account(**more))

    assert [one.field for one in refused.value.errors] == [field]
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert stage.shelf.kept == {}


async def test_a_driver_that_cannot_be_opened_for_now_is_said_so(stage: Stage) -> None:
    with pytest.raises(UnavailableError, match=r"no room for \*\*\*"):
        await stage.accounts.add(account(options={"is_full": True}))


async def test_one_that_is_not_enabled_is_kept_and_left_alone(stage: Stage) -> None:
    detail = await stage.accounts.add(account(enabled=False))

    assert detail.state is VimState.DISABLED
    assert "lab" not in stage.eyes.watched
    assert Cloud.opened[-1].is_closed
    await stage.restart()
    assert stage.accounts.detail("lab").state is VimState.DISABLED

    assert (await stage.accounts.change("lab", VimChange(enabled=True))).state is VimState.UNREAD
    assert stage.eyes.watched["lab"][0] is stage.hands.acts["lab"]

    assert (await stage.accounts.change("lab", VimChange(enabled=False))).state is VimState.DISABLED
    assert stage.hands.acts == {}
    assert stage.emptied == ["lab"]


async def test_a_change_of_options_exchanges_the_driver_and_leaves_the_map(stage: Stage) -> None:
    await stage.accounts.add(account())
    old = stage.hands.acts["lab"]

    change = VimChange(options={"password": "***", "region": "two", "extra": 1})
    detail = await stage.accounts.change("lab", change)

    new = stage.hands.acts["lab"]
    assert new is not old
    assert old.is_closed
    assert not new.is_closed
    assert new.options == {"password": SECRET, "region": "two", "extra": 1}
    assert detail.account.options == {"password": "***", "region": "two", "extra": 1}
    assert stage.eyes.watched["lab"][0] is new
    assert stage.emptied == []
    assert stage.hands.given_up == []
    await stage.accounts.change("lab", VimChange(options={"extra": None}))
    assert stage.hands.acts["lab"].options == {"password": SECRET, "region": "two"}


async def test_a_new_interval_keeps_the_driver(stage: Stage) -> None:
    await stage.accounts.add(account())
    driver = stage.hands.acts["lab"]

    await stage.accounts.change("lab", VimChange(interval_seconds=7))

    assert stage.eyes.watched["lab"] == (driver, 7)
    assert not driver.is_closed


async def test_a_change_that_is_refused_or_not_kept_leaves_everything_as_it_was(stage: Stage) -> None:
    before = await stage.accounts.add(account())
    driver = stage.hands.acts["lab"]

    with pytest.raises(RefusedError):
        await stage.accounts.change("lab", VimChange(options={"is_refused": True}))
    stage.shelf.fails = "before"
    with pytest.raises(StoreUnavailableError):
        await stage.accounts.change("lab", VimChange(options={"region": "two"}))
    stage.shelf.fails = "before"
    with pytest.raises(StoreUnavailableError):
        await stage.accounts.change("lab", VimChange(interval_seconds=1))

    assert stage.accounts.detail("lab") == before
    assert stage.hands.acts["lab"] is driver
    assert not driver.is_closed
    assert Cloud.opened[-1].is_closed


async def test_a_change_that_was_kept_although_the_answer_was_lost_is_found_by_the_next(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.shelf.fails = "after"
    with pytest.raises(StoreUnavailableError):
        await stage.accounts.change("lab", VimChange(options={"region": "two"}))

    with pytest.raises(ConflictError):
        await stage.accounts.change("lab", VimChange(options={"region": "three"}))

    assert stage.accounts.detail("lab").account.options["region"] == "two"
    assert stage.hands.acts["lab"].options["region"] == "two"
    assert (await stage.accounts.change("lab", VimChange(options={"region": "three"}))).account.changed_us > NOW


async def test_one_that_somebody_took_out_of_the_store_is_gone_when_it_is_changed(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.shelf.kept.clear()

    with pytest.raises(ConflictError):
        await stage.accounts.change("lab", VimChange(interval_seconds=5))

    with pytest.raises(NotFoundError):
        stage.accounts.detail("lab")
    assert stage.emptied == ["lab"]


async def test_a_change_without_the_keys_leaves_it_in_use(stage: Stage, tmp_path: Path) -> None:
    await stage.accounts.add(account())
    (tmp_path / "keys").unlink()

    with pytest.raises(ConflictError, match="put them back"):
        await stage.accounts.change("lab", VimChange(options={"region": "two"}))

    assert stage.accounts.detail("lab").account.options["region"] == "one"
    assert not stage.hands.acts["lab"].is_closed


async def test_a_change_to_what_it_is_no_longer_is_refused(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.now += 5
    await stage.accounts.change("lab", VimChange(interval_seconds=5), was_us=NOW)

    with pytest.raises(ConflictError, match="since you have seen it"):
        await stage.accounts.change("lab", VimChange(interval_seconds=6), was_us=NOW)


async def test_two_changes_in_one_microsecond_are_two(stage: Stage) -> None:
    first = await stage.accounts.add(account())
    second = await stage.accounts.change("lab", VimChange(interval_seconds=5))
    third = await stage.accounts.change("lab", VimChange(interval_seconds=6))

    assert first.account.changed_us < second.account.changed_us < third.account.changed_us


async def test_one_that_was_removed_is_gone_everywhere(stage: Stage) -> None:
    await stage.accounts.add(account())
    driver = stage.hands.acts["lab"]

    await stage.accounts.remove("lab")

    assert stage.shelf.kept == {}
    assert stage.hands.acts == {}
    assert "lab" not in stage.eyes.watched
    assert stage.emptied == ["lab"]
    assert stage.removed == ["lab"], "what is told of it ends with it"
    assert stage.eyes.refreshed == ["fixed"], "what another cloud calls the same comes back"
    assert driver.is_closed
    with pytest.raises(NotFoundError):
        await stage.accounts.remove("lab")


async def test_a_removal_that_got_half_way_can_be_asked_for_again(stage: Stage) -> None:
    await stage.accounts.add(account())
    for when in ("before", "after"):
        stage.shelf.fails = when
        with pytest.raises(StoreUnavailableError):
            await stage.accounts.remove("lab")
        assert stage.eyes.watched.keys() == {"fixed", "lab"}

    await stage.accounts.remove("lab")

    assert stage.eyes.watched.keys() == {"fixed"}


async def test_those_of_the_settings_are_shown_and_not_changed(stage: Stage) -> None:
    detail = stage.accounts.detail("fixed")
    assert detail.account.source is Source.SETTINGS
    assert detail.account.options == {"password": "***"}

    with pytest.raises(ConflictError, match="in the settings"):
        await stage.accounts.change("fixed", VimChange(enabled=False))
    with pytest.raises(ConflictError, match="in the settings"):
        await stage.accounts.remove("fixed")
    with pytest.raises(ConflictError, match="already"):
        await stage.accounts.add(account("fixed"))
    await stage.accounts.close()
    assert not stage.settings_cloud.is_closed


async def test_the_settings_win_over_an_account_of_the_same_name(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.shelf.kept["fixed"] = msgspec.structs.replace(stage.shelf.kept.pop("lab"), name="fixed")

    await stage.restart()

    assert stage.accounts.detail("fixed").account.source is Source.SETTINGS


async def test_a_lost_key_locks_its_accounts_and_nothing_else(stage: Stage, tmp_path: Path) -> None:
    await stage.accounts.add(account())
    await stage.accounts.add(account("other"))
    (tmp_path / "keys").rename(tmp_path / "lost")

    await stage.restart()

    detail = stage.accounts.detail("lab")
    assert detail.state is VimState.LOCKED
    assert "are missing" in detail.error
    assert detail.account.driver == "cloud"
    assert detail.account.options == {}
    assert stage.eyes.watched.keys() == {"fixed"}
    assert stage.accounts.troubles().keys() == {"lab", "other"}
    with pytest.raises(ConflictError, match="locked"):
        await stage.accounts.change("lab", VimChange(enabled=False))
    with pytest.raises(ConflictError, match="locked"):
        stage.accounts.refresh("lab")
    with pytest.raises(ConflictError, match="put them back"):
        await stage.accounts.add(account("third"))
    assert [item.ok for item in await stage.accounts.check("lab")] == [False]

    (tmp_path / "lost").rename(tmp_path / "keys")
    await stage.restart()
    assert stage.accounts.detail("lab").state is VimState.UNREAD


async def test_a_locked_account_can_be_removed_and_then_a_new_key_is_made(stage: Stage, tmp_path: Path) -> None:
    await stage.accounts.add(account())
    (tmp_path / "keys").unlink()
    await stage.restart()

    await stage.accounts.remove("lab")
    await stage.accounts.add(account())

    assert stage.accounts.detail("lab").state is VimState.UNREAD


@pytest.mark.parametrize("text", ["", "nonsense\n", "\xff", "x" * 70_000])
async def test_a_broken_key_file_locks_and_is_left_alone(stage: Stage, tmp_path: Path, text: str) -> None:
    await stage.accounts.add(account())
    (tmp_path / "keys").write_bytes(text.encode("latin-1"))

    await stage.restart()

    assert stage.accounts.detail("lab").state is VimState.LOCKED
    assert "key file" in stage.accounts.detail("lab").error
    with pytest.raises(ConflictError):
        await stage.accounts.add(account("other"))
    assert (tmp_path / "keys").read_bytes() == text.encode("latin-1")


async def test_rows_that_were_swapped_in_the_database_are_locked(stage: Stage) -> None:
    await stage.accounts.add(account())
    await stage.accounts.add(account("other", options={"password": "another-one"}))
    kept = stage.shelf.kept
    stolen = kept["lab"].options
    kept["lab"] = msgspec.structs.replace(kept["lab"], options=kept["other"].options)
    kept["other"] = msgspec.structs.replace(kept["other"], options=stolen)

    await stage.restart()

    assert {one.account.name: one.state for one in stage.accounts.details()} == {
        "fixed": VimState.UNREAD,
        "lab": VimState.LOCKED,
        "other": VimState.LOCKED,
    }
    assert "belongs to another" in stage.accounts.detail("lab").error


async def test_without_a_place_for_keys_a_secret_is_refused_with_what_to_do_and_the_rest_is_taken(
    stage: Stage,
) -> None:
    stage.keys = Keys()
    stage.make()

    with pytest.raises(RefusedError) as refused:
        await stage.accounts.add(account())
    assert refused.value.errors[0].field == "secrets.key_file"
    assert "NFVIGIL_SECRETS__KEYS" in refused.value.errors[0].reason
    await stage.accounts.add(account("open", options={"password": ""}))
    await stage.restart()
    assert stage.accounts.detail("open").account.options == {"password": "", "region": "one"}

    stage.shelf.kept["open"] = msgspec.structs.replace(stage.shelf.kept["open"], options=b"{broken")
    await stage.restart()
    assert stage.accounts.detail("open").state is VimState.LOCKED


async def test_a_driver_that_is_gone_or_refuses_at_the_start_is_said_so_and_harms_no_other(stage: Stage) -> None:
    await stage.accounts.add(account())
    await stage.accounts.add(account("other", driver="dull"))
    del stage.drivers["dull"]

    await stage.restart()

    assert stage.accounts.detail("other").state is VimState.UNUSABLE
    assert "'dull' is none of: cloud" in stage.accounts.detail("other").error
    assert stage.accounts.detail("lab").state is VimState.UNREAD
    with pytest.raises(ConflictError) as refused:
        stage.accounts.refresh("other")
    assert refused.value.errors
    with pytest.raises(RefusedError):
        await stage.accounts.check("other")
    with pytest.raises(RefusedError):
        await stage.accounts.change("other", VimChange(interval_seconds=5))
    assert (await stage.accounts.change("other", VimChange(enabled=False))).state is VimState.DISABLED


async def test_how_it_stands_with_it_is_shown_without_secrets(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.eyes.seen["lab"] = VimStatus(taken_us=NOW, age_seconds=2.0, hosts=3, servers=4)
    detail = stage.accounts.detail("lab")
    assert (detail.state, detail.taken_us, detail.age_seconds) == (VimState.WATCHED, NOW, 2.0)
    assert detail.counts == {"hosts": 3, "servers": 4}
    assert detail.told == {"address": "https://me:***@host/", "text": "with ***", "token": "***"}

    stage.eyes.seen["lab"] = VimStatus(error=f"401 for {SECRET}")
    detail = stage.accounts.detail("lab")
    assert (detail.state, detail.error, detail.counts) == (VimState.FAILING, "401 for ***", {})

    stage.accounts.refresh("lab")
    assert stage.eyes.refreshed == ["lab"]


@pytest.mark.parametrize(("told", "said"), [("raises", "could not tell: ***"), ("much", "more than can be shown")])
async def test_a_driver_that_tells_badly_spoils_nothing(stage: Stage, told: str, said: str) -> None:
    detail = await stage.accounts.add(account(options={"told": told}))

    assert said in detail.told["error"]


async def test_a_check_is_shown_without_secrets_and_ends(stage: Stage) -> None:
    await stage.accounts.add(account())
    assert await stage.accounts.check("lab") == [
        CheckItem(what="login", ok=False, detail="*** is wrong", advice="not ***")
    ]
    await stage.accounts.add(account("dull", driver="dull"))
    assert await stage.accounts.check("dull") == [
        CheckItem(what="driver", ok=True, detail="this driver has nothing to check")
    ]
    assert stage.accounts.detail("dull").told == {}
    await stage.accounts.add(account("bad", options={"check": "raises"}))
    assert await stage.accounts.check("bad") == [CheckItem(what="check", ok=False, detail="***")]
    await stage.accounts.add(account("slow", options={"check": "hangs"}))
    (item,) = await stage.accounts.check("slow")
    assert "did not come to an end within 0.05 s" in item.detail
    with pytest.raises(NotFoundError):
        await stage.accounts.check("nobody")


async def test_a_check_of_one_that_is_not_kept_or_not_enabled_leaves_nothing_open(stage: Stage) -> None:
    assert not (await stage.accounts.try_out(account()))[0].ok
    assert Cloud.opened[-1].is_closed
    await stage.accounts.add(account(enabled=False))
    assert not (await stage.accounts.check("lab"))[0].ok
    assert all(one.is_closed for one in Cloud.opened if one is not stage.settings_cloud)


async def test_checks_at_once_have_a_bound(stage: Stage) -> None:
    await stage.accounts.add(account(options={"check": "hangs"}))

    done = await asyncio.gather(*(stage.accounts.check("lab") for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(one, OverloadedError) for one in done) == 2


async def test_a_driver_that_cannot_be_closed_does_not_keep_it_from_being_removed(stage: Stage) -> None:
    await stage.accounts.add(account(options={"is_stuck": True}))

    await stage.accounts.remove("lab")

    assert stage.emptied == ["lab"]


# Names of hosts


async def test_a_suffix_of_its_hosts_is_kept_and_put_to_use_at_once(stage: Stage) -> None:
    detail = await stage.accounts.add(account(host_suffix="@east"))
    assert detail.account.host_suffix == "@east"
    assert isinstance(stage.eyes.watched["lab"][0], SuffixedVim)

    await stage.restart()

    assert stage.accounts.detail("lab").account.host_suffix == "@east"
    assert stage.hands.acts["lab"].suffix == "@east"
    assert (await stage.accounts.change("lab", VimChange(host_suffix=""))).account.host_suffix == ""
    assert stage.hands.acts["lab"] is Cloud.opened[-1]


async def test_another_suffix_takes_the_hosts_out_under_their_old_names_and_nothing_else(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.hosts.there = ["host/c1"]

    await stage.accounts.change("lab", VimChange(host_suffix="@east"))
    await stage.accounts.change("lab", VimChange(interval_seconds=5))

    assert stage.changes == [MapChange(vim="lab", gone=("host/c1",))]
    assert stage.emptied == []
    assert [cloud.is_closed for cloud in Cloud.opened if cloud.name == "lab"] == [True, False]


async def test_hosts_keep_their_names_while_something_is_remembered_of_them(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.hosts.remembered = [f"host/c{number}" for number in range(7)]

    with pytest.raises(ConflictError) as refused:
        await stage.accounts.change("lab", VimChange(host_suffix="@east"))

    assert [(one.field, one.reason) for one in refused.value.errors] == [
        ("host_suffix", "cannot be changed now: host/c0, host/c1, host/c2, host/c3, host/c4 ...")
    ]
    assert stage.accounts.detail("lab").account.host_suffix == ""
    assert (await stage.accounts.change("lab", VimChange(host_suffix="", interval_seconds=5))).account
    stage.hosts.remembered = []
    assert (await stage.accounts.change("lab", VimChange(host_suffix="@east"))).account.host_suffix == "@east"


async def test_what_other_clouds_have_by_the_same_name_is_shown_where_there_is_any(stage: Stage) -> None:
    await stage.accounts.add(account())
    stage.eyes.seen["lab"] = VimStatus(taken_us=NOW, hosts=3, servers=4, left_out=2, mistakable=1)

    assert stage.accounts.detail("lab").counts == {"hosts": 3, "servers": 4, "left_out": 2, "mistakable": 1}
