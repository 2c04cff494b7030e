"""In development mode everybody is administrator, but not the web pages that happen to be open on the same machine."""

from __future__ import annotations

import pytest
from northbound_fakes import make_world

pytestmark = pytest.mark.anyio

OURS = "http://127.0.0.1:12345"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:12345", "origin": "https://evil.example"},
        {"host": "127.0.0.1:12345", "origin": "null"},
        {"host": "127.0.0.1:12345", "origin": "http://127.0.0.1:8080"},
        {"host": "127.0.0.1:12345", "sec-fetch-site": "cross-site"},
        {"host": "rebound.evil.example:12345"},
        {"host": "rebound.evil.example:12345", "origin": "http://rebound.evil.example:12345"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
    ],
)
async def test_a_web_page_of_others_is_nobody_in_development_mode(headers: dict[str, str]) -> None:
    world = make_world(dev=True)

    assert (await world.call("GET", "/v1/events", by=None, headers=headers)).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:12345"},
        {"host": "localhost:12345"},
        {"host": "LOCALHOST"},
        {"host": "[::1]:12345"},
        {"host": "127.0.0.1:12345", "origin": OURS, "sec-fetch-site": "same-origin"},
        {"host": "127.0.0.1:12345", "sec-fetch-site": "none"},
    ],
)
async def test_whoever_asks_for_this_machine_by_its_own_name_is_let_in(headers: dict[str, str]) -> None:
    world = make_world(dev=True)

    assert (await world.call("GET", "/v1/events", by=None, headers=headers)).status == 200
