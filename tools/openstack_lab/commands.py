"""The lab's command line."""

from __future__ import annotations

import argparse
import fcntl
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from . import life, packages
from .configuration import CLOUDS
from .layout import Layout, Settings, find_layout
from .waiting import LabError, say

RUN_GRACE_SECONDS = 20.0
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedByError(Exception):
    """A signal asks us to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.command(find_layout(), options))
    except LabError as error:
        sys.exit(f"lab: {error}")
    except InterruptedByError as error:
        sys.exit(128 + error.number)
    except KeyboardInterrupt:
        sys.exit('lab: interrupted; "lab down" ends what runs already')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab",
        description="A real OpenStack control plane on loopback, with fake hypervisors.",
        epilog="NFVIGIL_LAB_DIR names its folder (.cache/openstack-lab in the checkout), NFVIGIL_LAB_PORT_BASE its "
        "first port (21300), which counts when it is made. See docs/how-to/run-the-openstack-lab.md.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("install", help="install the Debian packages that are missing (as root)")
    command.add_argument("--with-aodh", action="store_true", help="those of Aodh as well")
    command.set_defaults(command=_install)

    command = commands.add_parser("up", help="start what does not run, and wait until all of it does")
    _add_up_options(command)
    command.set_defaults(command=_up)

    command = commands.add_parser("run", help="install, up, run a program, and down again however that ends")
    _add_up_options(command)
    command.add_argument("program", nargs="+", help="after --, with its arguments")
    command.set_defaults(command=_run)

    command = commands.add_parser("down", help="end everything")
    command.add_argument("--purge", action="store_true", help="remove databases and logs too")
    command.set_defaults(command=_down)

    command = commands.add_parser("status", help="what runs; fails if something does not")
    command.set_defaults(command=_status)

    command = commands.add_parser("env", help="print what a shell needs to use the cloud")
    command.add_argument("cloud", nargs="?", default="admin", choices=tuple(CLOUDS))
    command.set_defaults(command=_env)

    command = commands.add_parser("start", help="start single services")
    command.add_argument("names", nargs="+", metavar="NAME")
    command.set_defaults(command=_start)

    command = commands.add_parser("stop", help="end single services")
    command.add_argument("--kill", action="store_true", help="without a warning, as if the machine had failed")
    command.add_argument("names", nargs="+", metavar="NAME")
    command.set_defaults(command=_stop)
    return parser


def _add_up_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--computes", type=int, metavar="N", help="how many hypervisors (3 at first)")
    command.add_argument("--with-aodh", action=argparse.BooleanOptionalAction, help="Aodh, fed by Ceilometer, as well")
    command.add_argument("--fresh", action="store_true", help="forget all servers, ports and so on")
    command.add_argument("--report-interval", type=int, metavar="S", help="Nova's, in seconds (5 at first)")
    command.add_argument("--service-down-time", type=int, metavar="S", help="Nova's, in seconds (20 at first)")


def _wanted(layout: Layout, options: argparse.Namespace) -> Settings:
    return layout.settings.changed(
        computes=options.computes,
        with_aodh=options.with_aodh,
        report_interval=options.report_interval,
        service_down_time=options.service_down_time,
    )


def _install(layout: Layout, options: argparse.Namespace) -> None:
    packages.install(packages.needed(with_aodh=options.with_aodh))


def _up(layout: Layout, options: argparse.Namespace) -> None:
    with _locked(layout):
        life.up(layout, _wanted(layout, options), fresh=options.fresh)


def _run(layout: Layout, options: argparse.Namespace) -> int:
    settings = _wanted(layout, options)
    packages.install(packages.needed(with_aodh=settings.with_aodh))
    for number in ENDING_SIGNALS:
        signal.signal(number, _interrupt)
    child = None
    first: signal.Signals | None = signal.SIGINT
    try:
        with _locked(layout):
            layout = life.up(layout, settings, fresh=options.fresh)
        child = subprocess.Popen(options.program)
        return child.wait()
    except InterruptedByError as error:
        # Ctrl-C went to the program as well; a second one would disturb it while it tidies up.
        first = None if error.number == signal.SIGINT else signal.SIGINT
        raise
    finally:
        for number in ENDING_SIGNALS:
            # Whoever is impatient must not leave a lab behind; each step of this has a limit.
            signal.signal(number, signal.SIG_IGN)
        if child:
            _end(child, first)
        with _locked(layout):
            life.down(layout)
        say("down")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise InterruptedByError(number)


def _end(child: subprocess.Popen[bytes], first: signal.Signals | None) -> None:
    for number in (first, signal.SIGTERM, signal.SIGKILL):
        if number:
            child.send_signal(number)
        try:
            child.wait(timeout=RUN_GRACE_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue


def _down(layout: Layout, options: argparse.Namespace) -> None:
    with _locked(layout):
        life.down(layout, purge=options.purge)
    say("down")


def _status(layout: Layout, options: argparse.Namespace) -> int:
    missing = total = 0
    for name, daemon in life.all_daemons(layout).items():
        pid = daemon.pid
        missing += pid is None
        total += daemon.memory_mib
        port = daemon.program.port
        where = f"127.0.0.1:{port}" if port else ""
        print(f"{name:16} {pid.number if pid else 'down':>8} {where:16} {daemon.memory_mib:>6} MiB")
    print(f"{'together':16} {'':8} {'':16} {total:>6} MiB")
    return 1 if missing else 0


def _env(layout: Layout, options: argparse.Namespace) -> None:
    if not layout.clouds_yaml.exists():
        raise LabError(f'there is no lab in {layout.root} yet: "lab up" makes one')
    values = {
        "OS_CLIENT_CONFIG_FILE": layout.clouds_yaml,
        "OS_CLOUD": options.cloud,
        "NFVIGIL_LAB_DIR": layout.root,
        "NFVIGIL_LAB_AMQP_URL": layout.amqp_url,
        "NFVIGIL_LAB_AUTH_URL": layout.auth_url,
    }
    for name, value in values.items():
        print(f"export {name}={shlex.quote(str(value))}")


def _start(layout: Layout, options: argparse.Namespace) -> None:
    with _locked(layout):
        life.start_named(layout, options.names)


def _stop(layout: Layout, options: argparse.Namespace) -> None:
    with _locked(layout):
        life.stop_named(layout, options.names, is_crash=options.kill)


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """One command at a time changes a lab. Beside its folder, which a purge removes."""
    layout.root.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(layout.root.parent / f"{layout.root.name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
