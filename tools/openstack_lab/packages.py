"""The Debian packages that the lab is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .waiting import LabError, say

BASE = (
    *("rabbitmq-server", "mariadb-server", "memcached", "python3-waitress"),
    *("python3-keystone", "python3-placement", "python3-glance", "python3-nova", "python3-neutron"),
    "python3-openstackclient",
)
AODH = ("python3-aodh", "python3-ceilometer")
FETCH_SECONDS = 900
UNPACK_SECONDS = 900
PATIENT = ("-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=60")


def needed(*, with_aodh: bool) -> tuple[str, ...]:
    return BASE + AODH if with_aodh else BASE


def require(names: tuple[str, ...]) -> None:
    """Refuse where the lab cannot run."""
    require_debian()
    if missing := _missing(names):
        raise LabError(f'not installed: {", ".join(missing)}. As root, "lab install" gets them')


def install(names: tuple[str, ...]) -> None:
    """Get what is missing; only that needs root."""
    require_debian()
    missing = _missing(names)
    if not missing:
        return
    if os.geteuid() != 0:
        raise LabError(f"not installed, and only root can install it: {', '.join(missing)}")
    say(f"installing {', '.join(missing)}")
    with _no_service_is_started(Path("/usr/sbin/policy-rc.d")):
        _apt(["update"], FETCH_SECONDS)
        # Fetching may be cut short whenever it hangs; unpacking rather not, so that it comes second and by itself.
        _apt(["install", "--download-only", *missing], FETCH_SECONDS)
        _apt(["install", *missing], UNPACK_SECONDS)


def require_debian(release_file: Path = Path("/etc/os-release")) -> None:
    release = _os_release(release_file)
    if (release.get("ID"), release.get("VERSION_ID")) != ("debian", "12"):
        name = release.get("PRETTY_NAME", "of unknown name")
        raise LabError(f"the lab is made of Debian 12's packages, and this system is {name}")


def _os_release(path: Path) -> Mapping[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip("'\"") for name, is_there, value in (line.partition("=") for line in lines) if is_there}


def _missing(names: tuple[str, ...]) -> list[str]:
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Abbrev}\n", *names]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=60).stdout
    installed = {line.split()[0] for line in answer.splitlines() if line.split()[1:] == ["ii"]}
    return [name for name in names if name not in installed]


@contextmanager
def _no_service_is_started(policy: Path) -> Iterator[None]:
    """Debian starts a service with its installation, unless this program says 101."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def _apt(arguments: list[str], seconds: int) -> None:
    command = ["apt-get", "-q", "-y", "--no-install-recommends", *PATIENT, *arguments]
    try:
        # What it says is for people: it must not mix with what a command of ours prints.
        subprocess.run(
            command,
            check=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"apt-get {arguments[0]} was not done after {seconds} s") from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"apt-get {arguments[0]} failed with exit code {error.returncode} (see above)") from error
