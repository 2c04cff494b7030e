"""BMCs that are real enough: OpenStack's Redfish emulator and OpenIPMI's simulator, each a process of its own."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redfish_emulator import SYSTEMS, RedfishBmc, certificate, emulator


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def redfish_process(tmp_path_factory: pytest.TempPathFactory, tls: tuple[Path, Path]) -> Iterator[RedfishBmc]:
    yield from emulator(tmp_path_factory.mktemp("redfish"), tls, SYSTEMS)


@pytest.fixture
def two_systems(redfish_process: RedfishBmc) -> RedfishBmc:
    """A BMC of a chassis with two systems that are on."""
    for system in SYSTEMS:
        redfish_process.reset("On", system)
    return redfish_process


@pytest.fixture(scope="session")
def ipmi_tool() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "tools" / "ipmi.py"
    spec = importlib.util.spec_from_file_location("nfvigil_tools_ipmi", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def ipmi_programs(ipmi_tool: ModuleType) -> ModuleType:
    """Without ipmitool and ipmi_sim the tests fail, unless that is wanted."""
    if os.environ.get("NFVIGIL_TEST_NO_IPMI") == "1":
        pytest.skip("NFVIGIL_TEST_NO_IPMI=1: the tests with ipmitool are left out")
    ipmi_tool.find_programs()
    return ipmi_tool


@pytest.fixture
def ipmi_bmc(ipmi_programs: ModuleType) -> Iterator[Any]:
    with ipmi_programs.running() as bmc:
        yield bmc
