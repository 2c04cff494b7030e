"""What a verification takes: sizes, host, image and flavor; and what is refused before anything is made."""

from __future__ import annotations

from typing import Any

import pytest
from verify_players import host, wanted

from nfvigil.errors import NotFoundError, RefusedError
from nfvigil.verify.plan import Plan, check, choose_flavor, choose_host, choose_image, sizes_of


@pytest.mark.parametrize(
    ("text", "sizes"), [("1", (1,)), ("10, 1,,25,10", (1, 10, 25)), ("200", (200,))], ids=["one", "unsorted", "most"]
)
def test_sizes_come_in_rising_order_each_once(text: str, sizes: tuple[int, ...]) -> None:
    assert sizes_of(text) == sizes


@pytest.mark.parametrize("text", ["", "0", "201", "many", "-1", ",".join(map(str, range(1, 30)))])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="servers: must be such as 1,10,25"):
        sizes_of(text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"inject": "off {host}"}, ["restore: is needed"]),
        ({"restore": "on {host}"}, ["restore: belongs to inject"]),
        ({"inject": "off", "restore": "on"}, ["inject: names no", "restore: names no"]),
        ({"bus": ("amqp://x",), "url": "http://x"}, ["bus: is for an NFVigil of our own"]),
    ],
    ids=["no way back", "nothing to undo", "no host in it", "a bus for somebody else's"],
)
def test_what_contradicts_itself_is_named_all_at_once(given: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(RefusedError) as caught:
        check(wanted(**given))

    assert [str(error).startswith(start) for error, start in zip(caught.value.errors, said, strict=True)] == [
        True for _ in said
    ]


def test_commands_that_fit_together_are_accepted() -> None:
    check(wanted(inject="off {host}", restore="on {host}", url="http://x"))
    check(wanted(bus=("amqp://x",)))


def test_the_largest_host_without_servers_of_others_is_taken() -> None:
    hosts = [
        host("small"),
        host("large", memory_mb=9000),
        host("busy", memory_mb=99999, foreign=1),
        host("unknown", memory_mb=99999, foreign=None),
        host("down", memory_mb=99999, is_up=False),
        host("disabled", memory_mb=99999, is_enabled=False),
        host("forced", memory_mb=99999, forced_down=True),
    ]

    assert choose_host(hosts, wanted()).name == "large"


def test_where_others_are_everywhere_no_host_is_taken() -> None:
    with pytest.raises(RefusedError, match="no host is up, enabled and without servers of others"):
        choose_host([host("busy", foreign=1)], wanted(allow_shared_host=True))


def test_a_named_host_is_taken_though_others_are_larger() -> None:
    assert choose_host([host("large", memory_mb=9000), host("mine")], wanted(host="mine")).name == "mine"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"is_up": False, "is_enabled": False}, "its nova-compute is down, its nova-compute is disabled"),
        ({"forced_down": True}, "it is forced down"),
        ({"foreign": 3}, "3 servers of others are on it"),
    ],
    ids=["down and disabled", "forced down", "shared"],
)
def test_a_named_host_that_will_not_do_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        choose_host([host("mine", **fields)], wanted(host="mine"))


def test_a_shared_host_is_taken_only_where_that_was_said() -> None:
    found = choose_host([host("mine", foreign=3)], wanted(host="mine", allow_shared_host=True))

    assert found.foreign == 3


def test_a_host_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(NotFoundError, match="there are b"):
        choose_host([host("b")], wanted(host="a"))


IMAGES: list[dict[str, Any]] = [
    {"id": "1", "name": "private", "status": "active", "visibility": "private", "size": 1},
    {"id": "2", "name": "hidden", "status": "active", "visibility": "public", "size": 1, "os_hidden": True},
    {"id": "3", "name": "queued", "status": "queued", "visibility": "public", "size": None},
    {"id": "4", "name": "large", "status": "active", "visibility": "public", "size": 900},
    {"id": "5", "name": "small", "status": "active", "visibility": "public", "size": 90},
]


@pytest.mark.parametrize(("named", "taken"), [("", "5"), ("large", "4"), ("1", "1")], ids=["smallest", "name", "id"])
def test_the_image_is_the_smallest_public_one_or_the_named(named: str, taken: str) -> None:
    assert choose_image(IMAGES, named)["id"] == taken


@pytest.mark.parametrize(("images", "named"), [(IMAGES, "queued"), (IMAGES[:3], "")], ids=["not active", "none public"])
def test_an_image_that_cannot_be_used_is_refused(images: list[dict[str, Any]], named: str) -> None:
    with pytest.raises(NotFoundError):
        choose_image(images, named)


FLAVORS: list[dict[str, Any]] = [
    {"id": "1", "name": "pinned", "ram": 64, "disk": 1, "vcpus": 1, "extra_specs": {"hw:cpu_policy": "dedicated"}},
    {"id": "2", "name": "diskless", "ram": 64, "disk": 0, "vcpus": 1},
    {"id": "3", "name": "small", "ram": 128, "disk": 1, "vcpus": 1},
    {"id": "4", "name": "large", "ram": 4096, "disk": 40, "vcpus": 4},
]


@pytest.mark.parametrize(
    ("named", "image", "taken"),
    [("", {}, "3"), ("", {"min_ram": 512, "min_disk": 10}, "4"), ("pinned", {}, "1"), ("2", {}, "2")],
    ids=["smallest ordinary", "as large as the image wants", "name", "id"],
)
def test_the_flavor_is_the_smallest_that_fits_or_the_named(named: str, image: dict[str, Any], taken: str) -> None:
    assert choose_flavor(FLAVORS, named, image)["id"] == taken


@pytest.mark.parametrize(("named", "image"), [("huge", {}), ("", {"min_ram": 99999})], ids=["no such", "none fits"])
def test_a_flavor_that_is_not_there_is_told(named: str, image: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError):
        choose_flavor(FLAVORS, named, image)


def test_the_plan_says_what_is_made_and_where() -> None:
    asked = wanted(sizes=(1, 10), rounds=3, inject="off {host}", restore="on {host}", url="http://nfvigil")
    plan = Plan(
        run="1a2b",
        host=host("compute-4", foreign=2),
        image="i",
        image_name="tiny",
        flavor="f",
        flavor_name="m1.tiny",
        wanted=asked,
    )

    text = "\n".join(plan.lines())

    assert plan.name == "nfvigil-verify-1a2b"
    for words in ("2 servers of others", "10 servers on compute-4", "'off compute-4'", "http://nfvigil", "1, 10"):
        assert words in text
