"""The demo as a script runs it: the whole service, a host that dies, and nothing left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def demo(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NFVIGIL_DATABASE_URL": "sqlite:////nowhere/of/ours.db"}
    command = [sys.executable, "-m", "nfvigil.cli.main", "demo", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=cwd, env=environment, check=False)


@pytest.mark.slow
def test_the_demo_tells_its_story_and_ends_what_it_started(tmp_path: Path) -> None:
    told = demo("--exit", "--keep", "kept", cwd=tmp_path)

    assert told.returncode == 0, told.stdout + told.stderr
    for part in (
        "On compute-1 run 10 servers (4 of project-1, 3 of project-2, 3 of project-3) with 20 ports",
        "compute-1 forced down, 10 servers ERROR, 20 ports data plane DOWN",
        "compute-1 not forced down, 10 servers ACTIVE, 20 ports as before",
        "no alarm stands any more",
        "the record of the VNF project-1-vnf-1 says of vm-1-1: ACTIVE, 10.0.0.2",
        "the record of the VNF project-1-vnf-1 says of vm-1-1: VIM status reported ERROR, 10.0.0.2",
    ):
        assert part in told.stdout
    for who in ("project-1", "project-2", "project-3", "administrator"):
        news = re.findall(rf"ms  {who} +\S+ +(\w+)", told.stdout)
        assert sorted(news) == ["cleared", "confirmed", "raised"]
    found = re.search(r"process (\d+)", told.stdout)
    assert found is not None
    with pytest.raises(ProcessLookupError):
        os.kill(int(found[1]), 0)
    assert (tmp_path / "kept" / "nfvigil.db").exists()


def test_a_demo_is_not_told_in_a_folder_that_is_used(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    told = demo("--exit", "--keep", ".", cwd=tmp_path)

    assert told.returncode == 1
    assert "is not empty" in told.stderr
