#!/usr/bin/env python3
"""Writes docs/reference/settings.md from nfvigil.settings, so that it never says anything else.

.venv/bin/python tools/settings_reference.py           writes the file
.venv/bin/python tools/settings_reference.py --check   says whether it is up to date
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_origin
from uuid import UUID

import msgspec
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from nfvigil import settings
from nfvigil.controller.vims import layout

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"

INTRODUCTION = """\
# Settings

Written by `tools/settings_reference.py` from the code; change them there.

Settings are read once, at the start: from a TOML file (`--config`), then the environment, then the command line, each
winning over the one before. In the environment a setting is `NFVIGIL_` and its name in capitals, with two underscores
between a section and its field: `NFVIGIL_NOTIFIER__TIMEOUT_SECONDS=5`. What is wrong or unknown stops the start, and
all of it is named at once.

```toml
database_url = "sqlite:////var/lib/nfvigil/nfvigil.db"
topology = "/etc/nfvigil/topology.yaml"

[[vims]]
name = "lab"
driver = "simulated"
options = { hosts = 20, servers_per_host = 10 }

[retention]
days = 90
```

`NFVIGIL_URL`, `NFVIGIL_TOKEN` and `NFVIGIL_TOKEN_FILE` are for the [command line](cli.md), not for the service.
"""

TITLES = {
    "": "The service",
    "vims": "A cloud: `[[vims]]`",
    "vims.ves": "What is told of it to a VES collector: `[vims.ves]`",
    "vims.ves.ves_subscription": "The collector: `[vims.ves.ves_subscription]`",
    "vims.ves.backlogs": "What is looked at: `[[vims.ves.backlogs]]`",
    "buses": "A cloud's own bus: `[[buses]]`",
    "access.open_doors": "An open door: `[[access.open_doors]]`",
}

TEXTS = {
    "host": "Address to listen on.",
    "port": "Port to listen on; Doctor's monitors know 12345. 0 lets the system choose one.",
    "database_url": "`sqlite:///` and a path (absolute with a fourth slash), or `postgresql://user@host:port/name`.",
    "topology": "The [topology](../how-to/describe-the-topology.md) file.",
    "log_level": "Less than this is not logged.",
    "log_format": "On standard error: for people or for machines.",
    "vims.name": "How it is called in alarms, actions and `/readyz`.",
    "vims.driver": "An installed VIM driver: `simulated`, `dry-run`, or a [plugin](../recipes/add-a-vim-driver.md).",
    "vims.options": "What the driver wants to know; see below.",
    "buses.name": "How it is called in subscriptions and errors.",
    "buses.exchange": "Where Nova sends its notifications to.",
    "buses.topic": "The routing key is this and `.info`.",
    "buses.events": "What is published.",
    "intake.future_seconds": "A time further ahead of our clock than this is not believed.",
    "intake.stale_seconds": "A time longer ago than this is not believed.",
    "intake.repeat_window_seconds": "How long an event is remembered, to know its repeats.",
    "notifier.timeout_seconds": "For one try, from the connection to the end of the answer.",
    "notifier.give_up_seconds": "A message is dead when its endpoint has failed for this long.",
    "notifier.allow_networks": "If given, webhooks go nowhere else: `10.0.0.0/8`.",
    "notifier.deny_networks": "Webhooks never go there, such as to the cloud's control plane.",
    "controller.timeout_seconds": "For one call.",
    "controller.attempts_max": "Tries of one action.",
    "controller.deadline_seconds": "An action is given up this long after its first try or the cloud's last word.",
    "brakes.settle_seconds": "Nothing destructive begins on a host sooner after it was planned: of many that fail, the"
    " first is not known as one of many.",
    "brakes.host_every_seconds": "In a VIM, at most one more host is fenced or evacuated in this time.",
    "brakes.outage_seconds": "The window in which hosts that fail are counted for a HOLD.",
    "instructions.member": "What a `member` may ask for.",
    "instructions.manager": "What a `manager` may ask for.",
    "retention.interval_seconds": "Between two purges.",
    "access.keystone.region": "Where the catalogue has several.",
    "access.keystone.cacert": "A file that Keystone's certificate is checked with.",
    "access.keystone.roles.manager": "Owns what its project has, and may ask for more than a member.",
    "access.keystone.roles.member": "Owns what its project has.",
    "access.keystone.roles.reader": "Sees what its project has.",
    "access.keystone.roles.service": "Another service of the cloud.",
    "simulated.hosts": "Called `compute-1`, `compute-2` ...",
    "simulated.servers_per_host": "The projects take turns; those in one place of two neighbouring hosts are a group.",
    "simulated.ports_per_server": "",
    "simulated.volumes_per_server": "",
    "simulated.projects": "Called `project-1` ...; `GET /v1/simulation` has their ids.",
    "simulated.zones": "The hosts take turns.",
    "simulated.host_prefix": "What the hosts' names begin with.",
    "simulated.domain": "What their FQDNs end with.",
    "simulated.latency_seconds": "How long every call takes.",
    "simulated.seed": "Another one gives other ids.",
}
"""What is said of those whose code says nothing."""


def main() -> int:
    text = render()
    if sys.argv[1:] == ["--check"]:
        is_same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET.name} is {'up to date' if is_same else 'out of date: run tools/settings_reference.py'}")
        return 0 if is_same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def render() -> str:
    parts = [INTRODUCTION, "\n"]
    models: list[tuple[str, type[BaseModel]]] = [("", settings.Settings), *_sections(settings.Settings)]
    for path, model in models:
        title = TITLES.get(path, f"`[{path}]`")
        parts.append(f"## {title}\n\n| Setting | Type | Default | What it is |\n|---|---|---|---|\n")
        texts = _docstrings(model)
        for name, info in model.model_fields.items():
            if _section_of(info) is None:
                said = texts.get(name) or TEXTS[f"{path}.{name}".lstrip(".")]
                cells = (f"`{name}`", _type(info), _default(info), _cell(said))
                parts.append(f"| {' | '.join(cells)} |\n")
        parts.append("\n")
    options = _driver_options()
    return "".join(parts).rstrip("\n") + "\n" + options


def _sections(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in model.model_fields.items():
        section = _section_of(info)
        if section is not None:
            yield above + name, section
            yield from _sections(section, f"{above}{name}.")


def _section_of(info: FieldInfo) -> type[BaseModel] | None:
    """The section that a field is, or is a list of."""
    for candidate in (info.annotation, *getattr(info.annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _docstrings(model: type) -> dict[str, str]:
    """The text below each field, which Python itself forgets."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            text = ast.literal_eval(after.value)
            if isinstance(text, str):
                found[field.target.id] = " ".join(text.split())
    return found


def _type(info: FieldInfo) -> str:
    bounds: dict[str, Any] = {}
    for item in info.metadata:
        for name in ("ge", "gt", "le", "pattern"):
            value = getattr(item, name, None)
            bounds[name] = value if value is not None else bounds.get(name)
    text = _name_of(info.annotation)
    if bounds.get("pattern"):
        return f"{text}: `{_escaped(bounds['pattern'])}`"
    low = f"{bounds['ge']:g}" if bounds.get("ge") is not None else ""
    low = f"above {bounds['gt']:g}" if bounds.get("gt") is not None else low
    high = f"to {bounds['le']}" if bounds.get("le") is not None else ""
    return f"{text}, {' '.join(filter(None, (low, high)))}" if low or high else text


def _name_of(annotation: Any) -> str:
    if str(annotation).startswith("typing.Literal"):
        return " or ".join(f"`{one}`" for one in annotation.__args__ if one)
    names = {str: "text", bool: "true or false", int: "whole number", float: "number", Path: "path"}
    names |= {SecretStr: "text", UUID: "UUID"}
    if annotation in names:
        return names[annotation]
    arguments = [one for one in getattr(annotation, "__args__", ()) if one is not type(None)]
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if str(annotation).startswith(("list", "tuple")):
        return "list of texts"
    if str(annotation).startswith("dict"):
        return "table"
    return _name_of(arguments[0]) if arguments else str(annotation)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "must be set"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        return "none"
    return "none" if value is None else f"`{json.dumps(value, default=str)}`"


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _driver_options() -> str:
    """What the simulated cloud takes as ``options``."""
    texts = _docstrings(layout.SimulatedOptions)
    lines = [
        "\n## `options` of the driver `simulated`\n\n",
        "The driver `dry-run` takes `driver` and `options` of the cloud that it looks at, and changes nothing.\n\n",
        "| Option | Default | What it is |\n|---|---|---|\n",
    ]
    for field in msgspec.structs.fields(layout.SimulatedOptions):
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        shown = "none" if default is None else f"`{json.dumps(default)}`"
        said = texts.get(field.name) or TEXTS[f"simulated.{field.name}"]
        lines.append(f"| `{field.name}` | {shown} | {_cell(said)} |\n")
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
