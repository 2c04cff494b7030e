"""Fencing by Redfish, against OpenStack's emulator, and against BMCs that hang, lie or forget sessions."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fencing_players import command_lines, free_port, hanging, until
from redfish_double import RedfishDouble
from redfish_emulator import PASSWORD, SYSTEMS, RedfishBmc

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.proof import prove_off, still_off
from nfvigil.controller.fencing.redfish import RedfishFence
from nfvigil.errors import FenceUnavailableError, RefusedError, UnavailableError

pytestmark = pytest.mark.anyio


def fence(bmc: RedfishBmc, **changes: Any) -> RedfishFence:
    options = {
        "address": bmc.url,
        "username": "fence",
        "password": PASSWORD,
        "cacert": bmc.cacert,
        "system": SYSTEMS[0],
        "timeout": 20,
    }
    options = {name: value for name, value in (options | changes).items() if value is not None}
    return RedfishFence.from_options("compute-1", options, lambda: 0)


def plain(url: str, **changes: Any) -> RedfishFence:
    options = {"address": url, "username": "fence", "password": PASSWORD, "insecure": True, "timeout": 5} | changes
    return RedfishFence.from_options("compute-1", options, lambda: 0)


@pytest.fixture
def double() -> Iterator[RedfishDouble]:
    with RedfishDouble(password=PASSWORD) as found:
        yield found


async def test_a_host_that_is_on_is_switched_off_and_proven_off(two_systems: RedfishBmc) -> None:
    one = fence(two_systems)

    proof = await prove_off(one, clock=lambda: 7, gap_seconds=0.05)
    still = await still_off(one)
    await one.close()

    assert (proof.host, proof.driver, proof.reads, proof.was_off_already) == ("compute-1", "redfish", 2, False)
    assert still
    assert [two_systems.state(system) for system in SYSTEMS] == ["Off", "On"]


async def test_a_host_that_is_off_already_is_proven_without_an_order(two_systems: RedfishBmc) -> None:
    two_systems.reset("ForceOff")
    one = fence(two_systems, system=f"/redfish/v1/Systems/{SYSTEMS[0]}")

    proof = await prove_off(one, clock=lambda: 7, gap_seconds=0.05)
    await one.switch_off()
    await one.close()

    assert proof.was_off_already


async def test_power_that_comes_back_is_seen_at_the_next_look(two_systems: RedfishBmc) -> None:
    one = fence(two_systems)
    await one.switch_off()
    before = await one.power()

    two_systems.reset("On")
    after = await one.power()
    await one.close()

    assert (before, after) == (Power.OFF, Power.ON)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "wrong"}, "refuses the user 'fence' or its password"),
        ({"username": "nobody"}, "refuses the user 'nobody' or its password"),
        ({"system": "other"}, "has no system 'other', but 27946b59"),
        ({"system": "/redfish/v1/Systems/other"}, "has no such system or service"),
        ({"system": None}, r"has several systems, say which one \(system\): 27946b59.*, b1d7a1f0"),
        ({"cacert": None}, "certificate .* cannot be verified"),
    ],
    ids=["password", "user", "system", "path of a system", "several systems", "certificate"],
)
async def test_what_will_never_do_is_refused(two_systems: RedfishBmc, changes: dict[str, Any], reason: str) -> None:
    one = fence(two_systems, **changes)

    with pytest.raises(RefusedError, match=reason):
        await one.power()
    await one.close()


async def test_a_certificate_is_not_asked_for_where_that_is_wanted(two_systems: RedfishBmc) -> None:
    one = fence(two_systems, cacert=None, insecure=True)

    assert await one.power() is Power.ON
    await one.close()


async def test_the_password_is_seen_nowhere(
    two_systems: RedfishBmc, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "password").write_text("another-Secret-1\n")
    one = fence(two_systems, password=None, password_file=str(tmp_path / "password"))
    good = fence(two_systems)

    with pytest.raises(RefusedError) as caught:
        await one.power()
    await good.power()
    seen = [str(caught.value), repr(caught.value), caplog.text, repr(one.__dict__), repr(vars(one._session))]
    await one.close()
    await good.close()

    assert not [text for text in [*seen, *command_lines().values()] if "another-Secret-1" in text or PASSWORD in text]


async def test_a_bmc_that_is_away_is_unavailable() -> None:
    one = plain(f"http://127.0.0.1:{free_port()}", timeout=1.5)

    # And says so at once: trying again is for whoever asked.
    with pytest.raises(FenceUnavailableError, match="cannot be reached"):
        await one.power()
    with pytest.raises(FenceUnavailableError, match="is not known after"):
        await prove_off(one, clock=lambda: 0, gap_seconds=0.05, timeout_seconds=0.2)
    await one.close()


async def test_a_bmc_that_hangs_is_left_at_the_deadline_and_costs_one_thread() -> None:
    before = threading.active_count()
    with hanging() as port:
        one = plain(f"http://127.0.0.1:{port}", timeout=0.3)

        for _ in range(3):
            with pytest.raises(FenceUnavailableError, match="the BMC of compute-1"):
                await one.power()
            assert threading.active_count() <= before + 1
        await one.close()
    await until(lambda: threading.active_count() <= before)


async def test_a_session_is_kept_and_ended(double: RedfishDouble) -> None:
    one = plain(double.url)

    for _ in range(3):
        await one.power()
    open_sessions = len(double.sessions)
    await one.close()

    assert (double.logins, open_sessions) == (1, 1)
    assert double.sessions == set()
    with pytest.raises(FenceUnavailableError, match="is closed"):
        await one.power()


async def test_a_session_that_the_bmc_forgot_is_made_again(double: RedfishDouble) -> None:
    one = plain(double.url)
    await one.power()

    double.sessions.clear()
    power = await one.power()
    await one.close()

    assert power is Power.ON
    assert double.logins == 2


async def test_a_new_password_is_found_in_its_file(double: RedfishDouble, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    options = {"address": double.url, "username": "fence", "insecure": True}
    options["password_file"] = str(tmp_path / "password")
    one = RedfishFence.from_options("compute-1", options, lambda: 0)
    await one.power()

    double.password = "renewed"
    double.sessions.clear()
    (tmp_path / "password").write_text("renewed\n")
    power = await one.power()
    await one.close()

    assert power is Power.ON


@pytest.mark.parametrize("state", ["PoweringOff", "PoweringOn", "Paused", "On"])
async def test_only_off_is_off(double: RedfishDouble, state: str) -> None:
    double.power = state
    one = plain(double.url)

    assert await one.power() is Power.ON
    await one.close()


@pytest.mark.parametrize("state", [None, "off", "OFF", "Unknown", "", 0])
async def test_a_state_that_is_not_understood_is_unknown(double: RedfishDouble, state: Any) -> None:
    double.power = state
    one = plain(double.url)

    with pytest.raises(FenceUnavailableError):
        await one.power()
    await one.close()


async def test_an_order_that_is_taken_and_not_followed_is_no_proof(double: RedfishDouble) -> None:
    double.obeys = False
    one = plain(double.url)

    # "Not known" where the time was over in the middle of a reading.
    with pytest.raises(UnavailableError, match=r"compute-1 is (still on|off is not known)"):
        await prove_off(one, clock=lambda: 0, gap_seconds=0.05, timeout_seconds=2.0)
    await one.close()

    assert double.resets == ["ForceOff"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, FenceUnavailableError), (409, FenceUnavailableError), (403, RefusedError), (405, RefusedError)],
)
async def test_an_order_that_is_not_taken(double: RedfishDouble, status: int, error: type[Exception]) -> None:
    double.reset_status = status
    one = plain(double.url)

    with pytest.raises(error):
        await one.switch_off()
    await one.close()


async def test_a_bmc_that_cannot_force_off_is_refused(double: RedfishDouble) -> None:
    double.allowed = ["GracefulShutdown", "On"]
    one = plain(double.url)

    with pytest.raises(RefusedError, match="cannot force a system off"):
        await one.switch_off()
    await one.close()


async def test_a_bmc_that_lists_no_system_yet_is_unavailable(double: RedfishDouble) -> None:
    double.members = []
    one = plain(double.url)

    with pytest.raises(FenceUnavailableError, match="lists no system at the moment"):
        await one.power()
    await one.close()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"<html>", b'{"PowerState": {}}'])
async def test_an_answer_that_is_no_redfish_is_unavailable(double: RedfishDouble, body: bytes) -> None:
    double.system_body = body
    one = plain(double.url)

    with pytest.raises(FenceUnavailableError):
        await one.power()
    await one.close()


async def test_nothing_is_asked_of_a_bmc_when_a_failed_fence_is_forgotten(double: RedfishDouble) -> None:
    double.reset_status = 503
    one = plain(double.url)
    with pytest.raises(FenceUnavailableError):
        await one.switch_off()
    await one.close()
    asked = double.requests

    del one
    gc.collect()

    assert double.requests == asked
    assert double.sessions == set()


WRONG = [
    ({"address": "10.0.0.1"}, "address: must be a URL"),
    ({"address": "ftp://10.0.0.1"}, "address: must be a URL"),
    ({"address": "https://10.0.0.1:x"}, "address: is no URL"),
    ({"address": "http://10.0.0.1"}, "address: must be https"),
    ({"address": "https://u:p@10.0.0.1"}, "address: is the scheme, host and port only"),
    ({"address": "https://10.0.0.1/redfish/v1"}, "address: is the scheme, host and port only"),
    ({"address": None}, "address: is needed"),
    ({"username": None}, "username: is needed"),
    ({"cacert": "/nowhere/ca.pem"}, "cacert: there is no file /nowhere/ca.pem"),
    ({"cacert": "/etc", "insecure": True}, "cacert: is of no use with insecure"),
    ({"insecure": "yes"}, "insecure: must be true or false"),
    ({"timeout": 0}, "timeout: must be a number from 0.1 to 120"),
    ({"tiemout": 3}, "tiemout: is not known to the driver redfish; known are address, cacert"),
]


@pytest.mark.parametrize(("changes", "reason"), WRONG, ids=[reason for _, reason in WRONG])
def test_a_wrong_option_is_told_by_its_name(changes: dict[str, Any], reason: str) -> None:
    good = {"address": "https://10.0.0.1", "username": "fence", "password": PASSWORD}
    options = {name: value for name, value in (good | changes).items() if value is not None}

    with pytest.raises(RefusedError, match="the fence of compute-1 cannot be used") as caught:
        RedfishFence.from_options("compute-1", options, lambda: 0)

    assert [str(error) for error in caught.value.errors if str(error).startswith(reason)]
