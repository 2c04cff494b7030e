"""Two clouds whose hosts are called the same: who is told of it when, and when it is over."""

from __future__ import annotations

import asyncio

from test_southbound_inventory import Cloud, Watched, virtually, watched

from nfvigil.errors import VimUnavailableError
from nfvigil.model.condition import Condition
from nfvigil.model.resource import Host, Server
from nfvigil.southbound.clashes import text_of_clashes


def clouds(*hosts_of_b: str) -> tuple[Cloud, Cloud]:
    a = Cloud([Host(id="h", vim="a"), Server(id="s-a", vim="a", host="h")])
    b = Cloud([*(Host(id=host, vim="b") for host in hosts_of_b), Server(id="s-b", vim="b", host="h")], name="b")
    b.listing_seconds = 0.5  # a is there first
    return a, b


def said(one: Watched, vim: str) -> list[bool]:
    return [is_on for name, condition, is_on in one.said if name == vim and condition is Condition.NAMES]


@virtually
async def test_both_clouds_are_told_of_and_what_is_left_out_is_counted() -> None:
    async with watched(*clouds("h", "other")) as one:
        assert (said(one, "a"), said(one, "b")) == ([True], [True])
        a, b = one.status("a"), one.status("b")
        assert (a.hosts, a.left_out, a.mistakable) == (1, 0, 1)
        assert (b.hosts, b.left_out, b.mistakable) == (1, 1, 0)
        assert "names" in a.conditions
        assert one.map.records["host/h"].vim == "a"

        await one.again("b")

        assert one.status("b").hosts == 1, "what is listed again and left out again is not counted as there"
        assert one.status("b").differences.changed == 0
        assert (said(one, "a"), said(one, "b")) == ([True], [True])


@virtually
async def test_it_is_over_when_one_of_them_is_called_otherwise() -> None:
    a, b = clouds("h")
    async with watched(a, b) as one:
        b.lose(["host/h"])
        b.things["host/h@b"] = Host(id="h@b", vim="b")

        await one.again("b")

        assert (said(one, "a"), said(one, "b")) == ([True, False], [True, False])
        assert (one.status("b").left_out, one.status("b").hosts) == (0, 1)


@virtually
async def test_it_is_over_when_the_first_has_it_no_more_and_then_the_other_comes_in_at_once() -> None:
    a, b = clouds("h")
    async with watched(a, b, interval_seconds=-1) as one:
        a.lose(["host/h"])
        a.tell(gone=["host/h"])
        await one.again("a", seconds=5)

        assert one.map.records["host/h"].vim == "b"
        assert one.map.related("host/h", "servers") == ("server/s-b",)
        assert (said(one, "a"), said(one, "b")) == ([True, False], [True, False])


@virtually
async def test_one_that_is_told_to_be_gone_is_looked_for_by_a_listing() -> None:
    a, b = clouds("h")
    async with watched(a, b, interval_seconds=-1) as one:
        b.lose(["host/h"])
        b.tell(gone=["host/h"])
        await one.again("b", seconds=5)

        assert one.map.records["host/h"].vim == "a"
        assert (said(one, "a"), said(one, "b")) == ([True, False], [True, False])


@virtually
async def test_it_is_over_when_the_other_cloud_is_forgotten() -> None:
    async with watched(*clouds("h")) as one:
        await one.inventory.remove("b", forget=True)
        await asyncio.sleep(1)

        assert said(one, "a") == [True, False]
        assert one.map.resolve("host/h") == "host/h"


@virtually
async def test_after_a_start_it_is_not_said_to_be_over_before_both_clouds_were_read() -> None:
    a, b = clouds("other")
    b.errors = [VimUnavailableError("503")]
    b.listing_seconds = 3

    async with watched(a, b) as one:
        assert said(one, "a") == []

        await one.again("b")

        assert (said(one, "a"), said(one, "b")) == ([False], [False])


@virtually
async def test_a_change_that_brings_the_name_is_told_of_as_well() -> None:
    a, b = clouds()
    async with watched(a, b) as one:
        assert (said(one, "a"), said(one, "b")) == ([False], [False])
        b.things["host/h"] = Host(id="h", vim="b")
        b.tell(put=[Host(id="h", vim="b")])
        await one.again("a", seconds=1)

        assert (said(one, "a"), said(one, "b")) == ([False, True], [False, True])
        assert one.status("b").hosts == 0


def test_the_words_name_hosts_and_vims_and_the_way_out_and_end_somewhere() -> None:
    text = text_of_clashes({"host/h": "a", "host/i": ""}, 3, {f"host/{number}": "c" for number in range(8)})

    assert "left out, for others have the name: host/h (a), host/i (an open alarm) and 1 more" in text
    assert "host/4 (c) and 3 more" in text
    assert "host/5" not in text
    assert text.endswith("give these VIMs different host_suffix")
    assert text_of_clashes({}, 0, {}) == ""


@virtually
async def test_names_are_known_to_be_all_there_are_when_every_cloud_was_read() -> None:
    a, b = clouds("h@b")
    b.listing_seconds = 3
    async with watched(a, b) as one:
        one.map.names.begin(["a"])
        assert one.map.resolve("host/h") == "host/h?"

        await one.again("b")

        assert one.map.resolve("host/h") == "host/h"
