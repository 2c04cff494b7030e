"""What the settings may say of a cloud's own bus, and that a password in them is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nfvigil.errors import NotFoundError, SettingsError
from nfvigil.model.subscription import Subscription
from nfvigil.notifier.bus.poster import BusPoster
from nfvigil.settings import BusSettings, load
from nfvigil.wiring.buses import bus_places, keep_in_line, open_buses

URL = "rabbit://nfvigil:geheim@mq-1:5671,nfvigil:geheim@[2001:db8::1]/"


def bus(**given: Any) -> BusSettings:
    return BusSettings(**{"name": "east", "url": URL} | given)


@pytest.mark.parametrize("given", [URL, f"\n{URL}\n"])
def test_the_address_may_stand_in_a_file_of_its_own(tmp_path: Path, given: str) -> None:
    path = tmp_path / "bus"
    path.write_text(given)

    for one in (bus(), bus(url="", url_file=path)):
        assert isinstance(open_buses([one])["bus"], BusPoster)
        assert bus_places([one]) == ["mq-1:5671", "[2001:db8::1]:5672"]
        assert "geheim" not in repr(one)


def test_without_buses_there_is_a_poster_that_keeps_what_an_earlier_one_left() -> None:
    assert list(open_buses([])) == ["bus"]
    assert bus_places([]) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://u:geheim@h/", "begins with one of"),
        ("rabbit://h/", "has no user and password"),
        ("rabbit://u:geheim@h/?x=1", "has parameters"),
        ("rabbit://u:geheim@/", "names no host"),
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(url: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bus"
    path.write_text(url)
    for one, field in ((bus(url=url), "url"), (bus(url="", url_file=path), "url_file")):
        with pytest.raises(SettingsError) as refused:
            open_buses([bus(), one])

        assert reason in str(refused.value)
        assert f"buses.1.{field}" in str(refused.value)
        assert "geheim" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, reason in (("nothing", "No such file"), ("binary", "is no text")):
        with pytest.raises(SettingsError, match=rf"buses\.0\.url_file: {reason}"):
            open_buses([bus(url="", url_file=tmp_path / name)])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('[[buses]]\nname = "east"', "give url or url_file, and not both"),
        (
            '[[buses]]\nname = "east"\nurl = "rabbit://u:geheim@h/"\nurl_file = "x"',
            "give url or url_file, and not both",
        ),
        ('[[buses]]\nname = "EAST"\nurl = "rabbit://u:geheim@h/"', "buses.0.name"),
        ('[[buses]]\nname = "east"\nurl = "rabbit://u:geheim@h/"\nevents = ["compute.*"]', "buses.0.events"),
        ('[[buses]]\nname = "east"\nurl = "rabbit://u:geheim@h/"\ntopic = "a b"', "buses.0.topic"),
        ('[[buses]]\nname = "east"\nurl = "rabbit://u:geheim@h/"\n' * 2, "buses: two have the same name"),
        ('source = "two words"', "source"),
        ('[o2ims]\nfilter_means = "maybe"', "o2ims.filter_means"),
        ('[o2ims]\nglobal_cloud_id = "mine"', "o2ims.global_cloud_id"),
    ],
)
def test_wrong_settings_are_refused_at_the_start(tmp_path: Path, lines: str, reason: str) -> None:
    path = tmp_path / "nfvigil.toml"
    path.write_text(lines)

    with pytest.raises(SettingsError) as refused:
        load(path)

    assert reason in str(refused.value)
    assert "geheim" not in str(refused.value)


class Shelf:
    def __init__(self) -> None:
        self.kept: dict[str, Subscription] = {}

    async def put_subscription(self, subscription: Subscription) -> None:
        self.kept[subscription.id] = subscription

    async def delete_subscription(self, subscription_id: str) -> None:
        if self.kept.pop(subscription_id, None) is None:
            raise NotFoundError("it is gone already")


@pytest.mark.anyio
async def test_only_what_is_different_is_written() -> None:
    shelf = Shelf()
    mine = Subscription(id="mine")

    assert await keep_in_line([bus()], [mine], shelf, lambda: 1)
    known = [mine, *shelf.kept.values()]
    shelf.kept.clear()
    assert not await keep_in_line([bus()], known, shelf, lambda: 2)
    assert shelf.kept == {}
    assert await keep_in_line([bus(vims=("x",))], known, shelf, lambda: 3)
    assert [one.filter.vims for one in shelf.kept.values()] == [("x",)]
    shelf.kept.clear()
    assert await keep_in_line([], known, shelf, lambda: 4)
    assert shelf.kept == {}
