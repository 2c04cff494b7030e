#!/usr/bin/env python3
"""A PostgreSQL of our own for tests: private data, private port, nothing of the system touched.

    python tools/postgres.py run -- CMD ...   run CMD with NFVIGIL_DATABASE_URL set, then end the server
    python tools/postgres.py start            start it (if it does not run) and print its URL
    python tools/postgres.py stop             end it and remove its data
    python tools/postgres.py fetch            only get the packages

It uses the PostgreSQL that is installed. Where there is none it gets the distribution's packages with apt (needs no
root) and unpacks them under .cache/postgresql. The server runs as an ordinary user, also when we are root, as it
refuses to be root. All who use it at once share one server; it ends with the last of them.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from debian_packages import Packages, PackagesUnavailableError

# Its own packages come along in any case: those that are installed may be of another version. Without the compiler for
# queries (libllvm, 100 MB) it does as well.
PACKAGES = Packages(
    folder="postgresql",
    names=("postgresql",),
    own=r"postgresql-(client-)?\d+$|libpq5",
    libraries=r"lib(?!.*perl|llvm)",
)
ROLE = "nfvigil"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class PostgresUnavailableError(Exception):
    """There is no PostgreSQL to be had here, and why."""


@dataclass(frozen=True)
class Binaries:
    """Where ``postgres`` and ``initdb`` are, and what they need in their environment."""

    folder: Path
    libraries: tuple[Path, ...] = ()

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        kept |= {"LC_ALL": "C", "TZ": "UTC"}
        if self.libraries:
            kept["LD_LIBRARY_PATH"] = ":".join(map(str, self.libraries))
        return kept


# --- The program ----------------------------------------------------------------------------------------------------


def find_binaries(*, use_installed: bool | None = None) -> Binaries:
    """The installed ones, else those of the distribution's packages, fetched if need be."""
    if use_installed is None:
        use_installed = os.environ.get("NFVIGIL_TEST_FETCH_POSTGRESQL") != "1"
    if use_installed and (folder := _installed()) is not None:
        return Binaries(folder)
    return _readable(_unpacked() or _fetch())


def _installed() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    if found := shutil.which("postgres"):
        folders.append(Path(found).resolve().parent)
    return next((folder for folder in folders if _is_whole(folder)), None)


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


def _is_whole(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))


def _unpacked(root: Path = PACKAGES.root) -> Binaries | None:
    folder = next(iter(sorted(root.glob("usr/lib/postgresql/*/bin"), key=_version, reverse=True)), None)
    if folder is None or not _is_whole(folder):
        return None
    return Binaries(folder, tuple(sorted({path.parent for path in root.glob("usr/lib/*/*.so*")})))


def _fetch() -> Binaries:
    try:
        PACKAGES.fetch(lambda: _unpacked() is not None)
    except PackagesUnavailableError as error:
        raise PostgresUnavailableError(f"PostgreSQL is not installed, and {error}") from error
    found = _unpacked()
    assert found is not None
    return found


def _readable(binaries: Binaries) -> Binaries:
    """The same where the server's user can read it: a checkout may lie in a folder that is closed to others."""
    if os.geteuid() != 0:
        return binaries
    test = [str(binaries.folder / "postgres"), "--version"]
    with suppress(OSError):
        if _run_as_server(test, binaries, check=False).returncode == 0:
            return binaries
    copy = Path(tempfile.gettempdir()) / "nfvigil-postgresql-program"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(PACKAGES.root, copy, symlinks=True)
    os.chmod(copy, 0o755)
    found = _unpacked(copy)
    if found is None:
        raise PostgresUnavailableError(f"the packages unpacked under {PACKAGES.cache} lack postgres or initdb")
    return found


# --- The server -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """The server of this user on this machine."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        port, password = (self.folder / "access").read_text().split()
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{database}"

    def pid(self) -> int | None:
        """The running server's process, by the file that it keeps itself."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        return pid if b"postgres" in command and str(self.data).encode() in command else None

    def start(self) -> None:
        if self.pid() is not None:
            return
        binaries = find_binaries()
        self._remove()
        self.folder.mkdir(mode=0o711, exist_ok=True)
        password, port = secrets.token_hex(16), _free_port()
        secret = self.folder / "password"
        for path in (self.data, self.folder / "socket"):
            path.mkdir(mode=0o700)
            _give_to_server(path)
        secret.touch(mode=0o600)
        secret.write_text(password)
        _give_to_server(secret)
        options = ["--encoding=UTF8", "--locale=C", "--auth=password", f"--username={ROLE}", "--no-instructions"]
        initdb = [str(binaries.folder / "initdb"), f"--pgdata={self.data}", f"--pwfile={secret}", *options]
        done = _run_as_server(initdb, binaries, check=False)
        if done.returncode != 0:
            raise PostgresUnavailableError(f"initdb failed: {done.stderr.strip()[-2000:]}")
        (self.folder / "access").touch(mode=0o600)
        (self.folder / "access").write_text(f"{port} {password}")
        self._launch(binaries, port)

    def _launch(self, binaries: Binaries, port: int) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": self.folder / "socket",
            "max_connections": 100,
            "shared_buffers": "32MB",
            "jit": "off",
        }
        command = [str(binaries.folder / "postgres"), "-D", str(self.data)]
        command += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=binaries.environment(),
                cwd="/",
                start_new_session=True,
                **_server_user(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise PostgresUnavailableError(f"the server did not start:\n{self.log()}")
            time.sleep(0.05)
        process.returncode = 0  # It is left to run; nobody waits for it here.

    def _is_ready(self) -> bool:
        with suppress(OSError):
            return "ready" in (self.data / "postmaster.pid").read_text().splitlines()[-1]
        return False

    def log(self) -> str:
        with suppress(OSError):
            return (self.folder / "log").read_text(errors="replace")[-2000:]
        return "(no log)"

    def stop(self) -> None:
        """End it by its process id, and remove its data."""
        for sign in (signal.SIGQUIT, signal.SIGKILL):  # At once: its data goes, too.
            pid = self.pid()
            if pid is None:
                break
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
            deadline = time.monotonic() + STOP_SECONDS
            while self.pid() is not None and time.monotonic() < deadline:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                time.sleep(0.02)
        self._remove()

    def _remove(self) -> None:
        for name in ("data", "socket"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("access", "password"):
            (self.folder / name).unlink(missing_ok=True)  # The log stays, to tell what happened.


def our_server() -> Server:
    folder = Path(tempfile.gettempdir()) / f"nfvigil-postgresql-{os.geteuid()}"
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise PostgresUnavailableError(f"{folder} is not ours")
    return Server(folder)


@contextmanager
def running() -> Iterator[Server]:
    """The server, started if need be; the last of all processes that use it at once ends it.

    Each user holds a shared lock, which the kernel lets go of even if the process is killed.
    """
    server = our_server()
    with (server.folder / "users.lock").open("a") as users:
        with _locked(server.folder / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            if server.pid() is None:
                _start_alone(server, users)
        try:
            yield server
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            with suppress(BlockingIOError):  # Somebody else uses it still.
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                server.stop()


def _start_alone(server: Server, users: IO[str]) -> None:
    """Starting it removes old data, so nobody else may be using that."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PostgresUnavailableError(f"the server that others use as well has ended:\n{server.log()}") from None
    server.start()
    fcntl.flock(users, fcntl.LOCK_SH)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _server_user() -> dict[str, Any]:
    """Root may not run PostgreSQL: somebody without rights does."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise PostgresUnavailableError("there is neither a user postgres nor nobody to run the server as")


def _give_to_server(path: Path) -> None:
    user = _server_user()
    if user:
        os.chown(path, user["user"], user["group"])


def _run_as_server(command: list[str], binaries: Binaries, *, check: bool) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=check,
        capture_output=True,
        text=True,
        env=binaries.environment(),
        cwd="/",
        timeout=120,
        **_server_user(),
    )


def main(arguments: list[str]) -> int:
    match arguments:
        case ["fetch"]:
            print(find_binaries(use_installed=False).folder)
        case ["start"]:
            server = our_server()
            with _locked(server.folder / "start.lock"):
                server.start()
            print(server.url())
        case ["stop"]:
            our_server().stop()
        case ["run", "--", *command] if command:
            with running() as server:
                return subprocess.run(
                    command, check=False, env=os.environ | {"NFVIGIL_DATABASE_URL": server.url()}
                ).returncode
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PostgresUnavailableError as error:
        print(f"postgres: {error}", file=sys.stderr)
        sys.exit(1)
