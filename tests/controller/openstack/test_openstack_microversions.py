"""Which microversions are spoken with which Nova, and how requests look in each."""

from __future__ import annotations

from typing import Any

import pytest

from nfvigil.controller.vims.openstack import bodies
from nfvigil.controller.vims.openstack.microversions import Dialect, negotiated
from nfvigil.errors import RefusedError, VimUnavailableError


def document(version: str, oldest: str = "2.1") -> dict[str, Any]:
    return {"version": {"id": "v2.1", "version": version, "min_version": oldest}}


@pytest.mark.parametrize(
    ("given", "newest", "base"),
    [
        (document("2.11"), 11, ""),
        (document("2.93"), 93, ""),
        (document("2.104"), 100, ""),
        ({"versions": [{"id": "v2.0", "version": ""}, document("2.79")["version"]]}, 79, "/v2.1"),
    ],
    ids=["the oldest that will do", "Zed", "newer than we know", "the list of an address without a version"],
)
def test_the_newest_that_both_know_is_spoken(given: Any, newest: int, base: str) -> None:
    assert negotiated(given) == Dialect(newest=newest, base=base)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (document("2.10"), RefusedError, "speaks 2.10; it must be 2.11"),
        (document(""), RefusedError, "no microversions"),
        (document("2.200", "2.150"), RefusedError, "2.150 and newer"),
        ({"versions": [{"id": "v2.0"}]}, RefusedError, "no microversions"),
        ({"versions": "x"}, VimUnavailableError, "version document"),
        ({"version": "2.93"}, VimUnavailableError, "version document"),
        ([], VimUnavailableError, "version document"),
    ],
)
def test_what_cannot_be_spoken_with_is_said_in_a_sentence(given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        negotiated(given)


def test_a_call_is_made_with_what_it_bears_at_most() -> None:
    assert Dialect(newest=93).version() == "2.93"
    assert Dialect(newest=93).version(87) == "2.87"
    assert Dialect(newest=60).version(87) == "2.60"


@pytest.mark.parametrize(
    ("made", "body"),
    [
        (bodies.evacuate(Dialect(newest=93), None), {"evacuate": {}}),
        (bodies.evacuate(Dialect(newest=93), "h"), {"evacuate": {"host": "h"}}),
        (bodies.evacuate(Dialect(newest=13), "h"), {"evacuate": {"host": "h", "onSharedStorage": False}}),
        (
            bodies.live_migrate(Dialect(newest=93), None, None),
            {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        ),
        (
            bodies.live_migrate(Dialect(newest=30), "h", True),
            {"os-migrateLive": {"host": "h", "block_migration": True}},
        ),
        (
            bodies.live_migrate(Dialect(newest=24), "h", None),
            {"os-migrateLive": {"host": "h", "block_migration": False, "disk_over_commit": False}},
        ),
        (bodies.migrate(Dialect(newest=11), None), {"migrate": None}),
        (bodies.migrate(Dialect(newest=56), "h"), {"migrate": {"host": "h"}}),
        ((bodies.reboot({}, "ACTIVE"), 0), {"reboot": {"type": "SOFT"}}),
        ((bodies.reboot({}, "SHUTOFF"), 0), {"reboot": {"type": "HARD"}}),
        ((bodies.reboot({"type": "hard"}, "ACTIVE"), 0), {"reboot": {"type": "HARD"}}),
        ((bodies.rebuild({}, {"id": "i1"}), 0), {"rebuild": {"imageRef": "i1"}}),
        ((bodies.rebuild({"image": "i2"}, ""), 0), {"rebuild": {"imageRef": "i2"}}),
    ],
)
def test_a_request_looks_as_nova_wants_it_at_its_age(made: tuple[Any, int], body: Any) -> None:
    assert made[0] == body


def test_an_evacuated_server_is_not_left_stopped() -> None:
    assert bodies.evacuate(Dialect(newest=100), None)[1] == 94


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: bodies.migrate(Dialect(newest=55), "h"), "host"),
        (lambda: bodies.reboot({"type": "GENTLE"}, "ACTIVE"), "type"),
        (lambda: bodies.rebuild({}, ""), "image"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_its_field(make: Any, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        make()

    assert [error.field for error in refused.value.errors] == [field]
