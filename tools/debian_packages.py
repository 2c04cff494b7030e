"""Programs out of the distribution's packages, without root and without installing anything: fetched and unpacked.

For the tools beside this file. apt's state, cache and lists are our own, so nothing of the system is touched.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APT_SECONDS = 600
CACHES = Path(__file__).resolve().parent.parent / ".cache"


class PackagesUnavailableError(Exception):
    """The packages are not to be had here, and why."""


@dataclass(frozen=True, kw_only=True)
class Packages:
    """``names`` and what they need, under ``.cache/<folder>/root``.

    ``own`` fits the names of packages that come along in any case; of the others only those that fit ``libraries``
    and are not installed do.
    """

    folder: str
    names: tuple[str, ...]
    own: str
    libraries: str = r"lib(?!.*perl)"

    @property
    def cache(self) -> Path:
        return CACHES / self.folder

    @property
    def root(self) -> Path:
        return self.cache / "root"

    def fetch(self, is_whole: Callable[[], bool]) -> Path:
        """The folder that they are unpacked in, once ``is_whole`` says that what is wanted is there."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / "fetch.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_whole():
                self._fetch()
            if not is_whole():
                raise PackagesUnavailableError(f"the packages unpacked under {self.cache} lack what is wanted")
        return self.root

    def library_path(self) -> str:
        """For ``LD_LIBRARY_PATH``."""
        return ":".join(sorted({str(path.parent) for path in self.root.glob("usr/lib/**/*.so.*")}))

    def starter(self, program: str) -> Path:
        """A script that starts ``program`` (a path below the root) with the libraries that came along."""
        text = f"#!/bin/sh\nLD_LIBRARY_PATH='{self.library_path()}' exec '{self.root}/{program}' \"$@\"\n"
        path = self.cache / "bin" / Path(program).name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text() != text:
            draft = path.with_name(f"{path.name}.{os.getpid()}.part")
            draft.write_text(text)
            draft.chmod(0o755)
            draft.rename(path)
        return path

    def _fetch(self) -> None:
        missing = [name for name in ("apt-get", "dpkg") if shutil.which(name) is None]
        if missing:
            raise PackagesUnavailableError(f"there is no {', '.join(missing)} to get it")
        options = self._options()
        try:
            self._download(options)
        except PackagesUnavailableError:
            # The lists are missing, or name packages that are no longer there.
            self._apt(["update"], options, self.cache)
            self._download(options)
        draft = self.cache / "root.part"
        shutil.rmtree(draft, ignore_errors=True)
        for package in sorted((self.cache / "debs").glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(draft)], check=True, timeout=APT_SECONDS)
        shutil.rmtree(self.root, ignore_errors=True)
        draft.rename(self.root)
        for name in ("debs", "cache", "state"):
            shutil.rmtree(self.cache / name, ignore_errors=True)

    def _options(self) -> list[str]:
        """As if nothing were installed, so that everything that is needed is listed."""
        for name in ("state/lists/partial", "cache/archives/partial", "debs"):
            (self.cache / name).mkdir(parents=True, exist_ok=True)
        for old in (self.cache / "debs").glob("*.deb"):
            old.unlink()
        (self.cache / "status").write_text("")
        own = {
            "Dir::State": self.cache / "state",
            "Dir::State::status": self.cache / "status",
            "Dir::Cache": self.cache / "cache",
            "Debug::NoLocking": 1,
            "APT::Sandbox::User": pwd.getpwuid(os.geteuid()).pw_name,
            "Acquire::Retries": 3,
        }
        return [part for key, value in own.items() for part in ("-o", f"{key}={value}")]

    def _download(self, options: list[str]) -> None:
        self._apt(["download", *self._wanted(options)], options, self.cache / "debs")

    def _wanted(self, options: list[str]) -> list[str]:
        """What apt would install, less scripts and their languages."""
        arguments = ["install", "--print-uris", "-qq", "-y", "--no-install-recommends", *self.names]
        listed = self._apt(arguments, options, self.cache)
        names = {match[1] for match in re.finditer(r"^'\S+' ([^_\s]+)_\S+ \d+", listed, re.MULTILINE)}
        own = {name for name in names if re.match(self.own, name)}
        if not own:
            raise PackagesUnavailableError(f"apt does not know {' and '.join(self.names)}")
        return sorted(own | {name for name in names - _installed() if re.match(self.libraries, name)})

    def _apt(self, arguments: list[str], options: list[str], cwd: Path) -> str:
        done = subprocess.run(
            ["apt-get", *options, *arguments],
            cwd=cwd,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=APT_SECONDS,
        )
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip()[-2000:]
            raise PackagesUnavailableError(f"apt-get {arguments[0]} failed: {reason}")
        return done.stdout


def _installed() -> set[str]:
    stanzas = Path("/var/lib/dpkg/status").read_text(errors="replace").split("\n\n")
    return {
        stanza.split("\n", 1)[0].removeprefix("Package: ")
        for stanza in stanzas
        if "\nStatus: install ok installed" in stanza
    }
