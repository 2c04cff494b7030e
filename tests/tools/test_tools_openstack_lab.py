"""The OpenStack lab refuses in a sentence what cannot work, and ends what it started, and nothing else."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))

from openstack_lab import packages, processes
from openstack_lab.layout import Layout, Settings, find_layout
from openstack_lab.waiting import LabError, wait_until

# They are meant to run on when their Popen is gone.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(root=tmp_path / "lab", settings=Settings())
    for folder in ("run", "logs"):
        layout.path(folder).mkdir(parents=True)
    yield layout
    processes.kill(processes.marked(layout.root))


def daemon(layout: Layout, script: str, *, port: int | None = None) -> processes.Daemon:
    program = processes.Program(name="sleeper", argv=["/bin/sh", "-c", script], port=port)
    return processes.Daemon(program=program, layout=layout)


def test_a_lab_stays_as_it_was_made(tmp_path: Path) -> None:
    environ = {"NFVIGIL_LAB_DIR": str(tmp_path), "NFVIGIL_LAB_PORT_BASE": "23000"}
    made = find_layout(environ)
    made.save()

    found = find_layout({"NFVIGIL_LAB_DIR": str(tmp_path)})

    assert found == made
    assert found.port("nova") == 23003


def test_a_lab_is_not_moved_to_other_ports(tmp_path: Path) -> None:
    find_layout({"NFVIGIL_LAB_DIR": str(tmp_path), "NFVIGIL_LAB_PORT_BASE": "23000"}).save()

    with pytest.raises(LabError, match="made with 23000"):
        find_layout({"NFVIGIL_LAB_DIR": str(tmp_path), "NFVIGIL_LAB_PORT_BASE": "24000"})


def test_the_password_is_for_its_owner_alone_and_another_in_each_lab(tmp_path: Path) -> None:
    layout = find_layout({"NFVIGIL_LAB_DIR": str(tmp_path)})
    layout.save()

    assert (tmp_path / "settings.json").stat().st_mode & 0o077 == 0
    assert Settings().secret != layout.settings.secret


@pytest.mark.parametrize("base", ["x", "80", "65530", "-1"])
def test_a_base_that_is_no_port_is_refused(tmp_path: Path, base: str) -> None:
    with pytest.raises(LabError, match="NFVIGIL_LAB_PORT_BASE"):
        find_layout({"NFVIGIL_LAB_DIR": str(tmp_path), "NFVIGIL_LAB_PORT_BASE": base})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"computes": 0}, "--computes", id="no host"),
        pytest.param({"computes": 21}, "--computes", id="more hosts than a machine bears"),
        pytest.param({"report_interval": 20}, "never up", id="reports that are believed for a shorter time"),
        pytest.param({"report_interval": 0}, "never up", id="no reports"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, int], said: str) -> None:
    with pytest.raises(LabError, match=said):
        Settings().changed(**changes)


def test_another_system_than_debian_12_is_named_and_refused(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')

    with pytest.raises(LabError, match=r"Debian 12's packages, and this system is Debian GNU/Linux 13 \(trixie\)$"):
        packages.require_debian(release)


def test_a_system_without_a_name_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="of unknown name"):
        packages.require_debian(tmp_path / "not-there")


def test_a_process_runs_on_and_is_found_again_by_the_next_command(layout: Layout) -> None:
    assert daemon(layout, "sleep 60").start()

    again = daemon(layout, "sleep 60")

    assert again.pid
    assert not again.start()
    processes.stop([again])
    assert again.pid is None


def test_a_later_process_with_the_same_number_is_left_alone(layout: Layout) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    started = processes.started_at(stranger.pid)
    layout.path("run", "sleeper.json").write_text(
        f'{{"pid": {stranger.pid}, "started": {started - 1 if started else 0}}}'
    )

    processes.stop([daemon(layout, "sleep 60")], grace_seconds=1)

    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_children_end_with_their_parent_though_it_was_killed(layout: Layout) -> None:
    family = daemon(layout, "sleep 60 & sleep 60 & wait")
    family.start()
    wait_until(lambda: len(processes.marked(layout.root)) == 3, "the children", seconds=10)

    processes.stop([family], number=signal.SIGKILL)

    assert processes.marked(layout.root) == []


def test_who_does_not_want_to_end_is_killed(layout: Layout) -> None:
    stubborn = daemon(layout, "trap '' TERM; touch ready; while :; do sleep 1; done")
    stubborn.start()
    wait_until((layout.root / "ready").exists, "it to be stubborn", seconds=10)

    processes.stop([stubborn], grace_seconds=0.2)

    assert processes.marked(layout.root) == []


def test_what_left_the_session_is_known_by_its_mark(layout: Layout) -> None:
    runaway = daemon(layout, "setsid sleep 60 & wait")
    runaway.start()
    wait_until(lambda: len(processes.marked(layout.root)) == 2, "the runaway", seconds=10)
    processes.stop([runaway])
    left = processes.marked(layout.root)

    processes.kill(left)

    assert len(left) == 1
    assert processes.marked(layout.root) == []


def test_a_taken_port_is_named(layout: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(LabError, match=f"port {port} is taken"):
            daemon(layout, "sleep 60", port=port).start()


def test_services_see_nothing_of_the_callers_environment(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLOUD", "production")
    monkeypatch.setenv("https_proxy", "http://proxy.example.net")

    assert not {"OS_CLOUD", "https_proxy"} & processes.environment(layout, {}).keys()
