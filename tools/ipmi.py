#!/usr/bin/env python3
"""An IPMI BMC of our own for tests: Debian's ipmi_sim with private data on a private port, and ipmitool to ask it.

    python tools/ipmi.py fetch                get the packages if they are not installed, and say where the programs are
    python tools/ipmi.py run -- CMD ...       run CMD beside a BMC (NFVIGIL_IPMI_PORT, user fence), then end it

It uses the programs that are installed. Where there are none it gets the distribution's packages with apt (needs no
root) and unpacks them under .cache/ipmi. Nothing of the system is touched, and no service is started.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from debian_packages import Packages, PackagesUnavailableError

PROGRAMS = ("ipmitool", "ipmi_sim")
PACKAGES = Packages(folder="ipmi", names=("ipmitool", "openipmi"), own=r"(ipmitool|openipmi)$")
USER = "fence"
PASSWORD = "Tr0ub4dor&3;x"
START_SECONDS = 20.0
STOP_SECONDS = 10.0

LAN = """\
name "bmc"
set_working_mc 0x20
startlan 1
addr 127.0.0.1 {port}
priv_limit admin
allowed_auths_callback none md2 md5 straight
allowed_auths_user none md2 md5 straight
allowed_auths_operator none md2 md5 straight
allowed_auths_admin none md2 md5 straight
guid a123456789abcdefa123456789abcdef
endlan
chassis_control "{folder}/chassis"
user 1 true "" "" user 10 none md2 md5 straight
user 2 true "{user}" "{password}" operator 10 none md2 md5 straight
user 3 true "reader" "{password}" user 10 none md2 md5 straight
"""

COMMANDS = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
mc_enable 0x20
"""

CHASSIS = """\
#!/bin/sh
# Called by ipmi_sim with "get power" or "set power 0|1"; what is on is in the file "power".
cd "{folder}" || exit 1
case "$1 $2" in
    "get power") echo "power:$(cat power)" ;;
    "set power") if [ -e deaf ]; then echo ignored; else echo "$3" > power; fi; echo "$3" >> orders ;;
esac
"""


class IpmiUnavailableError(Exception):
    """There is no ipmi_sim or ipmitool to be had here, and why."""


@dataclass(frozen=True)
class Bmc:
    """A running simulator."""

    folder: Path
    port: int
    ipmitool: str

    def switch(self, *, on: bool) -> None:
        (self.folder / "power.new").write_text(f"{int(on)}\n")
        (self.folder / "power.new").rename(self.folder / "power")

    def is_on(self) -> bool:
        return (self.folder / "power").read_text().strip() == "1"

    def orders(self) -> list[str]:
        path = self.folder / "orders"
        return path.read_text().split() if path.exists() else []

    def ignore_orders(self) -> None:
        (self.folder / "deaf").touch()


@contextmanager
def running() -> Iterator[Bmc]:
    """A BMC whose host is on."""
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="nfvigil-ipmi-"))
    try:
        port = _free_port()
        values = {"folder": folder, "port": port, "user": USER, "password": PASSWORD}
        (folder / "lan.conf").write_text(LAN.format(**values))
        (folder / "commands").write_text(COMMANDS)
        (folder / "chassis").write_text(CHASSIS.replace("{folder}", str(folder)))
        (folder / "chassis").chmod(0o755)
        bmc = Bmc(folder, port, programs["ipmitool"])
        bmc.switch(on=True)
        command = [programs["ipmi_sim"], "--nostdio", "--nopersist", "--state-dir", str(folder)]
        command += ["--config-file", str(folder / "lan.conf"), "--command-file", str(folder / "commands")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
        try:
            _wait(process, folder, port)
            yield bmc
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    """Until it answers the ping of RMCP."""
    ping = bytes.fromhex("0600ff06000011be80010000")
    deadline = time.monotonic() + START_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.1)
        probe.connect(("127.0.0.1", port))
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (folder / "log").read_text(errors="replace")[-2000:]
                raise IpmiUnavailableError(f"ipmi_sim did not start: {log}")
            try:
                probe.send(ping)
                if probe.recv(64):
                    return
            except ConnectionRefusedError:
                time.sleep(0.05)
            except TimeoutError:
                pass


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- The programs ---------------------------------------------------------------------------------------------------


def find_programs() -> dict[str, str]:
    """Where the programs are: the installed ones, else those of the packages, fetched if need be."""
    wanted = os.environ.get("NFVIGIL_TEST_FETCH_IPMI") != "1"
    installed = {name: shutil.which(name) for name in PROGRAMS}
    if wanted and all(installed.values()):
        return {name: str(path) for name, path in installed.items()}
    try:
        PACKAGES.fetch(lambda: all((PACKAGES.root / "usr" / "bin" / name).exists() for name in PROGRAMS))
    except PackagesUnavailableError as error:
        raise IpmiUnavailableError(f"{' and '.join(PROGRAMS)} are not installed, and {error}") from error
    return {name: str(PACKAGES.starter(f"usr/bin/{name}")) for name in PROGRAMS}


def main(arguments: list[str]) -> int:
    match arguments:
        case ["fetch"]:
            for name, path in find_programs().items():
                print(name, path)
        case ["run", "--", *command] if command:
            with running() as bmc:
                return subprocess.run(
                    command, check=False, env=os.environ | {"NFVIGIL_IPMI_PORT": str(bmc.port)}
                ).returncode
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except IpmiUnavailableError as error:
        print(f"ipmi: {error}", file=sys.stderr)
        sys.exit(1)
