#!/usr/bin/env python3
"""Monitoring systems of our own for tests: collectd, Alertmanager, snmptrapd, each private and on loopback.

    python tools/monitors.py fetch     get the packages if they are not installed, and say where the programs are

It uses the programs that are installed. Where there are none it gets the distribution's packages with apt (needs no
root) and unpacks them under .cache/monitors. Nothing of the system is touched, and no service is started.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from debian_packages import Packages, PackagesUnavailableError

PROGRAMS = {
    "collectd": "usr/sbin/collectd",
    "prometheus-alertmanager": "usr/bin/prometheus-alertmanager",
    "snmptrapd": "usr/sbin/snmptrapd",
    "snmptrap": "usr/bin/snmptrap",
}
PACKAGES = Packages(
    folder="monitors",
    names=("collectd-core", "prometheus-alertmanager", "snmptrapd", "snmp", "libyajl2", "libcurl3-gnutls"),
    own=r"(collectd-core|prometheus-alertmanager|snmptrapd|snmp|libsnmp\w*|libyajl2)$",
)
TEMPLATES = "/usr/share/prometheus/alertmanager"
START_SECONDS = 20.0
STOP_SECONDS = 10.0


class MonitorsUnavailableError(Exception):
    """They are not to be had here, and why."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    paths: Mapping[str, str]
    root: Path
    """What their own files lie below: ``/``, or where the packages were unpacked."""


def find_programs() -> Programs:
    """The installed ones, else those of the packages, fetched if need be."""
    wanted = os.environ.get("NFVIGIL_TEST_FETCH_MONITORS") != "1"
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    installed = {name: shutil.which(name, path=search) for name in PROGRAMS}
    if wanted and all(installed.values()):
        return Programs(paths={name: str(path) for name, path in installed.items()}, root=Path("/"))
    try:
        root = PACKAGES.fetch(lambda: all((PACKAGES.root / path).exists() for path in PROGRAMS.values()))
    except PackagesUnavailableError as error:
        raise MonitorsUnavailableError(f"{', '.join(PROGRAMS)} are not installed, and {error}") from error
    return Programs(paths={name: str(PACKAGES.starter(path)) for name, path in PROGRAMS.items()}, root=root)


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A running one, in a folder of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    socket: Path | None = None

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def say(self, line: str) -> str:
        """One command to collectd's socket, and what it answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(STOP_SECONDS)
            connection.connect(str(self.socket))
            connection.sendall(f"{line}\n".encode())
            return connection.recv(4096).decode()


COLLECTD = """\
Hostname "compute-1"
FQDNLookup false
BaseDir "{folder}"
PIDFile "{folder}/pid"
PluginDir "{root}/usr/lib/collectd"
TypesDB "{root}/usr/share/collectd/types.db"
LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File STDOUT
</Plugin>
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{folder}/socket"
  SocketPerms "0600"
</Plugin>
"""


@contextmanager
def collectd(config: str) -> Iterator[Daemon]:
    """With ``config`` behind what makes it private, and a socket for values and notifications."""
    programs = find_programs()
    with _folder("collectd") as folder:
        path = folder / "collectd.conf"
        path.write_text(COLLECTD.format(folder=folder, root=str(programs.root).rstrip("/")) + config)
        command = [programs.paths["collectd"], "-f", "-C", str(path)]
        with _running(command, folder, 0, lambda: (folder / "socket").exists()) as process:
            yield Daemon(folder=folder, port=0, process=process, socket=folder / "socket")


@contextmanager
def alertmanager(config: str, port: int) -> Iterator[Daemon]:
    """With nothing that an earlier one knew."""
    programs = find_programs()
    with _folder("alertmanager") as folder:
        (folder / "alertmanager.yml").write_text(config)
        command = [_with_templates(programs, folder), f"--config.file={folder}/alertmanager.yml"]
        command += [f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
        command += ["--cluster.listen-address=", "--log.level=debug"]

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        with _running(command, folder, port, answers) as process:
            yield Daemon(folder=folder, port=port, process=process)


def _with_templates(programs: Programs, folder: Path) -> str:
    """Alertmanager as it is installed; or a copy that looks for its templates in the folder that it is started in, as
    Debian's has the path below ``/usr/share`` built in.
    """
    if programs.root == Path("/"):
        return programs.paths["prometheus-alertmanager"]
    for template in (programs.root / TEMPLATES.lstrip("/")).glob("*.tmpl"):
        shutil.copy(template, folder)
    here = "/proc/self/cwd".ljust(len(TEMPLATES), "/")
    program = (programs.root / PROGRAMS["prometheus-alertmanager"]).read_bytes()
    copy = folder / "alertmanager"
    copy.write_bytes(program.replace(TEMPLATES.encode(), here.encode()))
    copy.chmod(0o755)
    return str(copy)


@contextmanager
def snmptrapd(config: str) -> Iterator[Daemon]:
    programs = find_programs()
    with _folder("snmptrapd") as folder:
        (folder / "snmptrapd.conf").write_text(config)
        port = _free_udp_port()
        command = [programs.paths["snmptrapd"], "-f", "-On", "-C", "-c", str(folder / "snmptrapd.conf"), "-Lo"]
        command += ["-p", str(folder / "pid"), "-m", "", f"udp:127.0.0.1:{port}"]
        with _running(command, folder, port, lambda: "NET-SNMP version" in _text(folder / "log")) as process:
            yield Daemon(folder=folder, port=port, process=process)


def snmptrap(*arguments: str) -> None:
    """What somebody types after ``snmptrap``."""
    command = [find_programs().paths["snmptrap"], "-m", "", *arguments]
    environment = os.environ | {"SNMP_PERSISTENT_DIR": tempfile.gettempdir()}
    subprocess.run(command, check=True, timeout=STOP_SECONDS, env=environment, capture_output=True)


@contextmanager
def _running(
    command: list[str], folder: Path, port: int, is_ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"SNMP_PERSISTENT_DIR": str(folder), "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=environment
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise MonitorsUnavailableError(f"{command[0]} did not start:\n{_text(folder / 'log')[-4000:]}")
            time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"nfvigil-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: list[str]) -> int:
    match arguments:
        case ["fetch"]:
            for name, path in find_programs().paths.items():
                print(name, path)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MonitorsUnavailableError as error:
        print(f"monitors: {error}", file=sys.stderr)
        sys.exit(1)
