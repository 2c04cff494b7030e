"""Writes the services' configuration, from templates/ and the lab's settings, into the lab's own etc/."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from string import Template

from .layout import PORTS, Layout

TEMPLATES = Path(__file__).resolve().parent / "templates"
PER_COMPUTE = "nova-compute.conf"
SERVICE_USERS = ("placement", "glance", "nova", "neutron", "aodh")
PROJECTS = ("tenant-a", "tenant-b")
CLOUDS = {"admin": "admin", **{project: project for project in PROJECTS}}
"""The clouds of clouds.yaml, each with its project; the user has the cloud's name."""
DATABASES = ("keystone", "placement", "glance", "nova_api", "nova_cell0", "nova", "neutron", "aodh")


def write(layout: Layout) -> None:
    """Everything that the services read. Doing it again changes nothing that they rely on."""
    for folder in ("etc", "run", "logs", "nova", "neutron", "glance/images", "keystone"):
        layout.path(folder).mkdir(parents=True, exist_ok=True)
    layout.path(".gitignore").write_text("*\n")
    layout.save()
    values = _values(layout)
    for template in sorted(TEMPLATES.iterdir()):
        text = Template(template.read_text())
        if template.name != PER_COMPUTE:
            layout.config(template.name).write_text(text.substitute(values))
            continue
        for compute in layout.computes:
            layout.path("nova", compute, "instances").mkdir(parents=True, exist_ok=True)
            layout.config(f"nova-{compute}.conf").write_text(text.substitute(values, compute=compute))
    layout.clouds_yaml.write_text(_clouds_yaml(layout))
    _write_keys(layout)
    _write_cookie(layout)


def _values(layout: Layout) -> Mapping[str, object]:
    settings = layout.settings
    topics = ["notifications"]
    if settings.with_aodh:
        # A queue that Ceilometer has for itself: it would take every second message from who else reads the usual one.
        topics.append("aodh_notifications")
    return {
        **{f"{name}_port": layout.port(name) for name in PORTS},
        **{f"login_{user}": _login(layout, user) for user in SERVICE_USERS},
        "root": layout.root,
        "secret": settings.secret,
        "report_interval": settings.report_interval,
        "service_down_time": settings.service_down_time,
        "database": f"mysql+pymysql://openstack:{settings.secret}@127.0.0.1:{layout.port('mariadb')}",
        "create_databases": "\n".join(f"CREATE DATABASE IF NOT EXISTS {name};" for name in DATABASES),
        "transport_url": layout.transport_url,
        "topics": ",".join(topics),
        "keystone_url": layout.url("keystone"),
        "check_tokens": (
            f"www_authenticate_uri = {layout.url('keystone')}\n"
            f"memcached_servers = 127.0.0.1:{layout.port('memcached')}\n"
            "service_token_roles_required = false"
        ),
    }


def _login(layout: Layout, user: str) -> str:
    return (
        "auth_type = password\n"
        f"auth_url = {layout.auth_url}\n"
        f"username = {user}\n"
        f"password = {layout.settings.secret}\n"
        "project_name = service\n"
        "user_domain_name = Default\n"
        "project_domain_name = Default\n"
        "region_name = RegionOne"
    )


def _clouds_yaml(layout: Layout) -> str:
    text = "clouds:\n"
    for cloud, project in CLOUDS.items():
        text += (
            f"  {cloud}:\n"
            "    region_name: RegionOne\n"
            "    identity_api_version: 3\n"
            "    auth:\n"
            f"      auth_url: {layout.auth_url}\n"
            f"      username: {cloud}\n"
            f'      password: "{layout.settings.secret}"\n'
            f"      project_name: {project}\n"
            "      user_domain_name: Default\n"
            "      project_domain_name: Default\n"
        )
    return text


def _write_keys(layout: Layout) -> None:
    """Keystone's keys, as its fernet_setup and credential_setup leave them: one in use and one for later."""
    for kind in ("fernet-keys", "credential-keys"):
        folder = layout.path("keystone", kind)
        folder.mkdir(mode=0o700, exist_ok=True)
        for number in ("0", "1"):
            if not (folder / number).exists():
                (folder / number).touch(mode=0o600)
                (folder / number).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))


def _write_cookie(layout: Layout) -> None:
    """Who knows it may run code in RabbitMQ, so it is random; Erlang insists that others cannot read it."""
    cookie = layout.path("run", ".erlang.cookie")
    if not cookie.exists():
        cookie.touch(mode=0o600)
        cookie.write_text(secrets.token_hex(20))
        cookie.chmod(0o400)
