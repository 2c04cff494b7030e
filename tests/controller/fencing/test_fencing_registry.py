"""The file of fences: who fences which host, and every error in it with its line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nfvigil.controller.fencing import registry as module
from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.manual import ManualFence
from nfvigil.controller.fencing.options import OptionReader
from nfvigil.controller.fencing.redfish import RedfishFence
from nfvigil.controller.fencing.registry import Fences, read_fences
from nfvigil.controller.fencing.simulated import FenceFailure, SimulatedFences
from nfvigil.controller.fencing.simulated_clouds import SimulatedClouds
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import FenceUnavailableError, NotFoundError, RefusedError, SettingsError

pytestmark = pytest.mark.anyio


class NotedFence:
    """Notes what it was made with."""

    driver = "noted"
    is_manual = False
    closes_badly = False

    def __init__(self, host: str, options: Mapping[str, Any]) -> None:
        self.host = host
        self.options = dict(options)
        self.is_closed = False

    @classmethod
    def from_options(cls, host: str, options: Mapping[str, Any], clock: Callable[[], int]) -> NotedFence:
        if options.get("refuse") == host:
            raise RefusedError("not today")
        read = OptionReader(host=host, driver=cls.driver, options={k: options[k] for k in options if k == "number"})
        read.number("number", 1, low=1, high=9)
        read.done()
        return cls(host, options)

    async def power(self) -> Power:
        return Power.ON

    async def switch_off(self) -> None: ...

    async def close(self) -> None:
        self.is_closed = True
        if self.options.get("bad"):
            raise OSError("no")


def read(text: str) -> Fences:
    return read_fences(text, clock=lambda: 0, source="site.yaml", drivers={"noted": NotedFence})


def noted(fences: Fences, host: str, vim: str = "east") -> NotedFence:
    fence = fences.fence_for(vim, host)
    assert isinstance(fence, NotedFence)
    return fence


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    example = textwrap.dedent(str(module.__doc__).partition("\n\n")[2].partition("\nFencing the wrong")[0])

    fences = read(example.replace("/etc/nfvigil/bmc-password", str(tmp_path / "password")))

    found = [fences.fence_for("east", host) for host in ("compute-1", "compute-12", "compute-9", "compute-20")]
    assert [type(fence) for fence in found] == [RedfishFence, RedfishFence, ManualFence, RedfishFence]
    assert [fence.host for fence in found] == ["compute-1", "compute-12", "compute-9", "compute-20"]


def test_the_example_of_the_how_to_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMC_7_PASSWORD", "s3cret")
    for name in ("bmc-password", "bmc-ca.pem"):
        (tmp_path / name).write_text("s3cret")
    page = Path(__file__).parents[3] / "docs" / "how-to" / "fence-hosts.md"
    example = page.read_text().partition("```yaml\n")[2].partition("```")[0]

    fences = read(example.replace("/etc/nfvigil", str(tmp_path)).replace("cipher: 17", "cipher: 17, program: sh"))

    hosts = ("compute-1", "compute-12", "blade-1", "compute-7", "compute-9", "compute-20")
    assert [fences.fence_for("east", host).driver for host in hosts] == [
        *("redfish", "redfish", "redfish", "ipmi", "manual", "redfish")
    ]


FILE = """
defaults: {driver: noted, user: fence, number: 3, shared: yes}
fences:
  compute-1: {address: one, number: 4}
  "compute-*": {address: "bmc-{host}", path: "/x/{host}/{host}"}
  compute-9: {driver: manual}
  storage-1: {shared: , vim: west}
  two: [{vim: east, address: a}, {vim: west, address: b}]
"""


def test_an_exact_name_wins_over_a_glob() -> None:
    assert noted(read(FILE), "compute-1").options == {"user": "fence", "number": 4, "shared": True, "address": "one"}


def test_the_hosts_name_is_filled_in() -> None:
    options = noted(read(FILE), "compute-77").options

    assert (options["address"], options["path"]) == ("bmc-compute-77", "/x/compute-77/compute-77")


def test_defaults_hold_for_their_driver_alone_and_can_be_taken_away() -> None:
    fences = read(FILE)

    assert isinstance(fences.fence_for("east", "compute-9"), ManualFence)
    assert noted(fences, "storage-1", "west").options == {"user": "fence", "number": 3}


def test_an_entry_may_be_for_one_cloud_alone() -> None:
    fences = read(FILE)

    assert noted(fences, "two", "east").options["address"] == "a"
    assert noted(fences, "two", "west").options["address"] == "b"
    with pytest.raises(NotFoundError, match=r"site.yaml names no fence for storage-1 in east"):
        fences.fence_for("east", "storage-1")


def test_a_fence_is_opened_once_and_capitals_do_not_matter() -> None:
    fences = read(FILE)

    assert fences.fence_for("east", "compute-1") is fences.fence_for("east", "COMPUTE-1")


def test_a_host_that_two_globs_match_is_refused_when_it_is_asked_for() -> None:
    fences = read("defaults: {driver: manual}\nfences:\n  'a*': {}\n  '*b': {}\n  ab: {}\n  a1: {}")

    fences.fence_for("east", "ab")
    fences.fence_for("east", "a2")
    with pytest.raises(RefusedError, match=r"line 3: several entries match: a\* \(line 3\), \*b \(line 4\)"):
        fences.fence_for("east", "axb")


def test_two_hosts_behind_one_switch_are_refused_when_the_second_is_asked_for() -> None:
    fences = read("defaults: {driver: noted}\nfences:\n  a: {address: bmc-b1}\n  'b*': {address: 'BMC-{host}/'}")
    fences.fence_for("east", "a")

    with pytest.raises(RefusedError, match="line 4: address: is the switch of a in east already"):
        fences.fence_for("east", "b1")
    with pytest.raises(RefusedError, match=r"line 3: address: is the switch of a in east already.*say vim"):
        fences.fence_for("west", "a")


@pytest.mark.parametrize("host", ["../../etc/passwd", "a/b", "x@evil", "a b", "-a", "a..b", "", "a" * 300, "ä"])
def test_a_name_that_could_lead_elsewhere_is_refused(host: str) -> None:
    fences = read("fences: {'*': {driver: noted, address: 'https://{host}'}}")

    with pytest.raises(RefusedError, match="is no name of a host"):
        fences.fence_for("east", host)


@pytest.mark.parametrize(
    ("option", "reason"), [("refuse: h-1", "not today"), ("number: '{host}'", "number: must be a number")]
)
def test_what_a_driver_refuses_of_one_host_is_told_with_the_entrys_line(option: str, reason: str) -> None:
    fences = read(f"defaults: {{driver: noted}}\nfences:\n  'h-*': {{{option}, address: 'b-{{host}}'}}")

    for _ in range(2):  # and nothing of it is kept
        with pytest.raises(RefusedError, match=f"site.yaml does not say how h-1 is fenced; line 3: {reason}"):
            fences.fence_for("east", "h-1")


async def test_all_are_closed_also_after_one_that_fails() -> None:
    fences = read("defaults: {driver: noted}\nfences: {a: {bad: true}, b: {}}")
    found = [noted(fences, host) for host in ("a", "b")]

    with pytest.raises(OSError, match="no"):
        await fences.close()

    assert [fence.is_closed for fence in found] == [True, True]
    assert noted(fences, "b") is not found[1]


@pytest.mark.parametrize("text", ["", "# nothing", "fences:", "defaults: {}\nfences: {}"])
def test_a_file_may_say_little(text: str) -> None:
    with pytest.raises(NotFoundError):
        read(text).fence_for("east", "a")


D = "defaults: {driver: noted}\n"
WRONG = [
    ("unknown section", "fence: {}", "line 1: fence: is not known here; known are defaults, fences"),
    ("a mapping for a name", "fences: {{a: b}: {}}", "line 1: fences: has a name that is no text"),
    ("a list", "fences: [a]", "line 1: fences: must be a mapping"),
    ("no driver", "fences:\n  a: {}", "line 2: fences.a: needs driver, here or in defaults"),
    ("defaults without a driver", "defaults: {user: x}", "line 1: defaults: needs driver"),
    ("unknown driver", "fences:\n  a:\n    driver: x", "line 3: fences.a.driver: 'x' is none of: ipmi, manual, noted"),
    ("unknown default driver", "defaults:\n  driver: x\nfences: {a: {}}", "line 2: fences.a.driver: 'x' is none of"),
    ("a host twice", D + "fences:\n  a: {}\n  a: {}", "line 4: fences: 'a' is there twice, first in line 3"),
    ("capitals", D + "fences:\n  a: {}\n  A: {}", "line 4: fences.A: differs from another name only in its capitals"),
    ("a cloud twice", D + "fences: {a: [{vim: x}, {vim: x}]}", "line 2: fences.a: has several entries for one vim"),
    ("a number for a cloud", D + "fences: {a: {vim: 3}}", "fences.a.vim: must be text; write it in quotes"),
    ("a list for an option", D + "fences: {a: {x: [1]}}", "fences.a.x: must be one value"),
    ("a date for an option", D + "fences: {a: {x: 2026-01-01}}", "fences.a.x: must be text, a plain number"),
    ("a number in another base", D + "fences: {a: {x: 0x1f}}", "fences.a.x: must be text, a plain number"),
    ("a wrong option", D + "fences:\n  a: {}\n  b:\n    number: 10", "line 5: fences.b.number: must be a number from"),
    ("a wrong default", "defaults:\n  driver: noted\n  number: x\nfences: {a: {}}", "line 3: fences.a.number: must be"),
    ("a wrong option of a glob", D + "fences: {'a*': {number: 10}}", "line 2: fences.a*.number: must be a number"),
    ("a driver that refuses", D + "fences: {a: {refuse: a}}", "line 2: fences.a: not today"),
    ("an option of another driver", "fences: {a: {driver: manual, user: x}}", "fences.a.user: is not known to"),
    (
        "one BMC twice",
        D + "fences:\n  a: {address: X}\n  b: {address: x}",
        "line 4: fences.b.address: is the switch of a",
    ),
    (
        "one BMC for a glob",
        D + "fences: {'a*': {address: x}}",
        "fences.a*.address: is the same for all",
    ),
    ("no YAML", "fences: [", "did not find"),
    (
        "an unread file",
        "fences: {a: {driver: redfish, address: 'https://x', username: u, password_file: /nowhere}}",
        "a.",
    ),
]


@pytest.mark.parametrize(("text", "error"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_an_error_is_told_with_its_line(text: str, error: str) -> None:
    with pytest.raises(SettingsError, match="site") as caught:
        read(text)

    assert any(error in str(one) for one in caught.value.errors), caught.value


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(SettingsError, match="is larger than"):
        read("#" * (module.SIZE_MAX + 1))


@pytest.mark.parametrize("value", ["s3cret-9", "12345678901", "2026-01-01", "[s3cret-9]", "{s3cret-9: 1}"])
@pytest.mark.parametrize("rest", ["tiemout: 3", "number: 10", "password_env: X"])
def test_a_password_in_the_file_is_in_no_error(value: str, rest: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(f"fences: {{a: {{driver: redfish, address: x, username: u, password: {value}, {rest}}}}}")

    assert value.strip("[]{}: 1") not in str(caught.value)
    assert value.strip("[]{}: 1") not in repr(caught.value.errors)


def test_one_bmc_with_two_systems_may_be_named_twice() -> None:
    assert read(
        D + "fences: {a: {address: x, system: one}, b: {address: x, system: two}, 'c*': {address: x, system: '{host}'}}"
    )


async def test_the_simulated_clouds_hosts_are_fenced_through_it() -> None:
    on = {"compute-1": True, "compute-2": True}
    simulated = SimulatedFences(power=on.__getitem__, switch=lambda host: on.update({host: False}))
    fences = read_fences("fences: {'*': {driver: simulated}}", clock=lambda: 0, drivers={"simulated": simulated})
    one = fences.fence_for("sim", "compute-1")

    simulated.failures["compute-1"] = FenceFailure.UNREACHABLE
    for call in (one.power, one.switch_off):
        with pytest.raises(FenceUnavailableError, match="the simulated BMC of compute-1 does not answer"):
            await call()
    simulated.failures["compute-1"] = FenceFailure.IGNORES_ORDER
    await one.switch_off()
    ignored = await one.power()
    simulated.failures["compute-1"] = FenceFailure.LIES_OFF_ONCE
    lied = [await one.power(), await one.power()]
    await one.switch_off()
    await fences.close()

    assert (ignored, lied) == (Power.ON, [Power.OFF, Power.ON])
    assert await one.power() is Power.OFF
    assert on == {"compute-1": False, "compute-2": True}


def test_a_manual_fence_has_no_options() -> None:
    with pytest.raises(RefusedError, match="is not known to the driver manual; known are none"):
        ManualFence.from_options("compute-1", {"address": "x"}, lambda: 0)


OF_TWO_CLOUDS = """
fences:
  compute-1:
    - {vim: west, driver: noted, address: "https://10.0.0.1"}
    - {driver: noted, address: "https://10.0.0.2"}
  compute-2:
    - {vim: east, driver: noted, address: "https://10.0.0.3"}
    - {driver: noted, address: "https://10.0.0.4"}
"""


def test_where_names_are_not_one_clouds_own_only_entries_count_that_say_whose_they_are() -> None:
    fences = read(OF_TWO_CLOUDS)

    found = fences.fence_for("east", "compute-2", own_only=True)
    with pytest.raises(NotFoundError, match="with vim: east, which its host_suffix asks for"):
        fences.fence_for("east", "compute-1", own_only=True)

    assert isinstance(found, NotedFence)
    assert found.options["address"] == "https://10.0.0.3"


def of_two_clouds() -> tuple[dict[str, SimulatedVim], SimulatedClouds]:
    both = {name: SimulatedVim.from_options(name, {"hosts": 2}, lambda: 0) for name in ("east", "west")}
    return both, SimulatedClouds(clouds=both)


async def test_of_two_simulated_clouds_the_one_that_is_named_loses_the_power_of_its_host() -> None:
    both, clouds = of_two_clouds()
    fence = clouds.from_options("compute-1", {"cloud": "west"}, lambda: 0)
    assert await fence.power() is Power.ON

    await fence.switch_off()

    assert await fence.power() is Power.OFF
    assert both["east"].is_powered("compute-1")
    assert not both["west"].is_powered("compute-1")


async def test_a_simulated_host_that_none_or_both_have_has_an_unknown_power() -> None:
    _, clouds = of_two_clouds()
    for host, words in (("compute-1", "2 simulated clouds have"), ("compute-9", "no simulated cloud has")):
        fence = clouds.from_options(host, {}, lambda: 0)

        with pytest.raises(FenceUnavailableError, match=words):
            await fence.power()
        with pytest.raises(FenceUnavailableError, match=words):
            await fence.switch_off()
    with pytest.raises(RefusedError) as refused:
        clouds.from_options("compute-1", {"cloud": "north"}, lambda: 0)
    assert [error.field for error in refused.value.errors] == ["cloud"]
