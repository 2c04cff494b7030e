"""What OpenStack stands on: MariaDB, RabbitMQ with its epmd, memcached."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .configuration import DATABASES
from .layout import Layout
from .processes import Daemon, Program, run
from .waiting import say


def backends(layout: Layout) -> dict[str, Daemon]:
    """By name, in the order in which they start."""
    port = layout.port
    epmd = ["epmd", "-address", "127.0.0.1", "-port", str(port("epmd"))]
    memcached = ["memcached", "-l", "127.0.0.1", "-p", str(port("memcached")), "-m", "32"]
    if os.geteuid() == 0:
        memcached += ["-u", "root"]
    programs = [
        Program(name="epmd", argv=epmd, port=port("epmd")),
        Program(
            name="rabbitmq",
            argv=["/usr/lib/rabbitmq/bin/rabbitmq-server"],
            port=port("rabbitmq"),
            environment=_rabbitmq(layout),
        ),
        Program(name="mariadb", argv=["mariadbd", _defaults(layout), *_as_root()], port=port("mariadb")),
        Program(name="memcached", argv=memcached, port=port("memcached")),
    ]
    return {program.name: Daemon(program=program, layout=layout) for program in programs}


def _rabbitmq(layout: Layout) -> Mapping[str, str]:
    return {
        # Makes the script become Erlang itself: one process, whose pid we know.
        "RUNNING_UNDER_SYSTEMD": "yes",
        "RABBITMQ_NODENAME": f"nfvigil{layout.port('rabbitmq')}@localhost",
        "RABBITMQ_DIST_PORT": str(layout.port("rabbitmq_peers")),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(layout.config("rabbitmq.conf")),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(layout.config("rabbitmq-plugins")),
        "RABBITMQ_MNESIA_BASE": str(layout.path("rabbitmq")),
        "RABBITMQ_LOG_BASE": str(layout.path("logs")),
        "RABBITMQ_PID_FILE": str(layout.path("run", "rabbitmq.pid")),
        # No busy waiting, and the port for peers on loopback as well.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        # Ours; RabbitMQ would start one that outlives it and listens everywhere.
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(layout.port("epmd")),
    }


def _defaults(layout: Layout) -> str:
    return f"--defaults-file={layout.config('mariadb.cnf')}"


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def start_backends(layout: Layout) -> None:
    """RabbitMQ needs some seconds more than this waits for."""
    daemons = backends(layout)
    daemons["epmd"].start()
    daemons["epmd"].wait_ready()
    if not daemons["rabbitmq"].pid:
        # It begins empty: queues that nobody reads any more would come back with all that is in them.
        shutil.rmtree(layout.path("rabbitmq"), ignore_errors=True)
        daemons["rabbitmq"].start()
    if not _database_files(layout).exists():
        _install_mariadb(layout)
    for name in ("mariadb", "memcached"):
        daemons[name].start()
    for name in ("mariadb", "memcached"):
        daemons[name].wait_ready()
    say("MariaDB and memcached are ready")


def _database_files(layout: Layout) -> Path:
    return layout.path("mysql", "installed")


def _install_mariadb(layout: Layout) -> None:
    # What an interrupted attempt left is no database.
    shutil.rmtree(layout.path("mysql"), ignore_errors=True)
    options = ["--auth-root-authentication-method=socket", "--skip-test-db"]
    run(layout, "mariadb-install", ["mariadb-install-db", _defaults(layout), *_as_root(), *options])
    _database_files(layout).touch()


def save_golden(layout: Layout) -> None:
    """Keep the cloud as it is now, for "up --fresh"."""
    draft = layout.path("golden.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    dump = f"--result-file={draft / 'databases.sql'}"
    options = ["--single-transaction", "--add-drop-database", dump, "--databases", *DATABASES]
    run(layout, "golden-save", ["mariadb-dump", _client(layout), *options])
    shutil.copytree(layout.path("glance", "images"), draft / "images")
    # Only whole: its presence says that the cloud was made to its end.
    draft.rename(layout.golden)


def restore_golden(layout: Layout) -> None:
    """Only while no service runs."""
    source = layout.golden / "databases.sql"
    run(layout, "golden-restore", ["mariadb", _client(layout), "--execute", f"source {source}"])
    for folder, origin in (("glance/images", layout.golden / "images"), ("nova", None)):
        shutil.rmtree(layout.path(folder), ignore_errors=True)
        if origin:
            shutil.copytree(origin, layout.path(folder))


def _client(layout: Layout) -> str:
    return f"--defaults-file={layout.config('mariadb-client.cnf')}"
