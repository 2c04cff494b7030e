"""OpenStack's services: what is run, with which configuration, on which port."""

from __future__ import annotations

from pathlib import Path

from .layout import Layout
from .processes import INSIDE, PYTHON, Daemon, Program

NEEDED_TO_LOG_IN = ("keystone", "placement", "neutron", "glance")
SLOW_TO_LOAD = ("keystone", "placement", "nova-conductor", "nova-scheduler")
"""They load while RabbitMQ boots. A nova-compute that finds no conductor would wait 10 s before it looks again."""


def services(layout: Layout) -> dict[str, Daemon]:
    """By name, in the order in which they start."""
    nova = ("nova.conf", "nova-databases.conf")
    keystone = {"OS_KEYSTONE_CONFIG_FILES": str(layout.config("keystone.conf"))}
    placement = {"OS_PLACEMENT_CONFIG_DIR": str(layout.path("etc"))}
    programs = [
        _wsgi(layout, "keystone", "keystone.server.wsgi:initialize_public_application", environment=keystone),
        _wsgi(layout, "placement", "placement.wsgi:init_application", environment=placement),
        _service(layout, "nova-conductor", "nova.cmd.conductor:main", *nova),
        _service(layout, "nova-scheduler", "nova.cmd.scheduler:main", *nova),
        *(_compute(layout, name) for name in layout.computes),
        _service(layout, "nova-api", "nova.cmd.api_os_compute:main", *nova, port="nova"),
        _service(layout, "neutron", "neutron.cmd.eventlet.server:main", "neutron.conf", port="neutron"),
        _service(layout, "glance", "glance.cmd.api:main", "glance.conf", port="glance"),
        *(_aodh(layout) if layout.settings.with_aodh else ()),
    ]
    return {program.name: Daemon(program=program, layout=layout) for program in programs}


def surplus_computes(layout: Layout) -> list[Daemon]:
    """The computes of this lab when it was larger."""
    names = sorted(path.stem for path in layout.path("run").glob("compute-*.json"))
    programs = [_compute(layout, name) for name in names if name not in layout.computes]
    return [Daemon(program=program, layout=layout) for program in programs]


def _service(layout: Layout, name: str, entry_point: str, *configs: str, port: str | None = None) -> Program:
    argv = [PYTHON, INSIDE / "entry.py", name, entry_point, *_options(layout, name, configs)]
    return Program(name=name, argv=argv, port=layout.port(port) if port else None)


def _compute(layout: Layout, name: str) -> Program:
    options = _options(layout, name, ("nova.conf", f"nova-{name}.conf"))
    return Program(name=name, argv=[PYTHON, INSIDE / "nova_compute.py", *options])


def _wsgi(
    layout: Layout, name: str, entry_point: str, *options: str | Path, environment: dict[str, str] | None = None
) -> Program:
    argv = [PYTHON, INSIDE / "wsgi.py", name, str(layout.port(name)), entry_point, *options]
    return Program(name=name, argv=argv, port=layout.port(name), environment=environment or {})


def _aodh(layout: Layout) -> list[Program]:
    """Without its evaluator, which event alarms do not need, and with the agent that makes events for them."""
    return [
        _wsgi(layout, "aodh", "aodh.api.app:build_wsgi_app", *_options(layout, "aodh", ("aodh.conf",))),
        _service(layout, "aodh-listener", "aodh.cmd.alarm:listener", "aodh.conf"),
        _service(layout, "aodh-notifier", "aodh.cmd.alarm:notifier", "aodh.conf"),
        _service(layout, "ceilometer", "ceilometer.cmd.agent_notification:main", "ceilometer.conf"),
    ]


def _options(layout: Layout, name: str, configs: tuple[str, ...]) -> list[str | Path]:
    options: list[str | Path] = []
    for config in configs:
        options += ["--config-file", layout.config(config)]
    return [*options, "--log-file", layout.log(f"{name}.log")]
