"""``openstack nfv ves``: what it makes of its arguments, and what it ends with."""

from __future__ import annotations

import argparse
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # osc_lib's own, of modules of its own
    from nfvigil.openstack_plugin.ves import DeleteVes, SetVes, ShowVes, TryVes
from nfvigil.client.answers import read
from nfvigil.client.shapes import VesAgent, VesTest
from nfvigil.errors import NotFoundError

CONFIG = {"ves_subscription": {"endpoint": "http://c/eventListener/v7", "password": "***"}, "faults": "default"}


class Ves:
    """A client's part that remembers."""

    def __init__(self, config: dict[str, Any] | None = None, ok: bool = True) -> None:
        self.config = config
        self.ok = ok
        self.removed: list[str] = []
        self.match: Any = None

    def show(self, vim: str) -> VesAgent:
        if self.config is None:
            raise NotFoundError("there is none")
        return read(VesAgent, {"vim": vim, "config": self.config}, '"seen"')

    def put(self, vim: str, config: dict[str, Any], *, if_match: Any = None) -> VesAgent:
        self.config, self.match = config, if_match
        return read(VesAgent, {"vim": vim, "config": config})

    def remove(self, vim: str) -> None:
        self.removed.append(vim)

    def test(self, vim: str) -> VesTest:
        return read(VesTest, {"ok": self.ok, "endpoint": "http://c", "status": 202 if self.ok else 401})


def command(kind: Any, ves: Ves, *words: str) -> Any:
    app = SimpleNamespace(client_manager=SimpleNamespace(nfv=SimpleNamespace(ves=ves)))
    made = kind(app, argparse.Namespace())
    return made, made.take_action(made.get_parser("x").parse_args(list(words)))


def test_what_is_not_named_stays_and_nobody_is_written_over() -> None:
    ves = Ves(CONFIG)

    _, (names, values) = command(SetVes, ves, "lab", "--backlog", "domain=heartbeat", "--heartbeat", "30")

    assert ves.config == CONFIG | {"backlogs": [{"domain": "heartbeat"}], "heartbeat_interval": 30.0}
    assert ves.match.etag == '"seen"'
    assert names == ("vim", "config")
    assert values[0] == "lab"


def test_a_new_one_is_made() -> None:
    ves = Ves()

    command(SetVes, ves, "lab", "--endpoint", "http://d/eventListener/v5", "--faults", "ERROR,SHUTOFF")

    assert ves.config == {
        "ves_subscription": {"endpoint": "http://d/eventListener/v5"},
        "faults": ["ERROR", "SHUTOFF"],
    }
    assert ves.match is None


def test_it_is_shown_and_taken_away() -> None:
    ves = Ves(CONFIG)

    _, (names, _) = command(ShowVes, ves, "lab")
    command(DeleteVes, ves, "lab", "east")

    assert names == ("vim", "config")
    assert ves.removed == ["lab", "east"]


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_a_test_ends_as_the_collector_answered(ok: bool, code: int) -> None:
    made, (names, _) = command(TryVes, Ves(CONFIG, ok), "lab")

    assert made.code == code
    assert "status" in names
