"""What ``nfvigil verify`` takes on its command line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"


class News(StrEnum):
    RAISED = "raised"
    CONFIRMED = "confirmed"
    BOTH = "both"


class Monitor(StrEnum):
    SIMULATED = "simulated"


OsCloudOption = Annotated[
    str,
    typer.Option("--os-cloud", envvar="OS_CLOUD", metavar="NAME", help="Entry of clouds.yaml, an administrator's."),
]
CloudsFileOption = Annotated[
    Path | None, typer.Option("--clouds-file", metavar="FILE", help="clouds.yaml, if it is elsewhere than usual.")
]
RegionOption = Annotated[str, typer.Option("--region", metavar="NAME", help="If not the one of clouds.yaml.")]
ServersOption = Annotated[
    str,
    typer.Option("--servers", metavar="N,...", help="How many servers on the host, one run each, for the trend."),
]
RoundsOption = Annotated[int, typer.Option("--rounds", metavar="N", min=1, max=100, help="Of each size.")]
HostOption = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="NAME",
        help="Which host fails.",
        show_default="the largest that is up, enabled and without servers of others",
    ),
]
AllowSharedHostOption = Annotated[
    bool, typer.Option("--allow-shared-host", help="Servers of others may be there: they suffer the fault too.")
]
FlavorOption = Annotated[str, typer.Option("--flavor", metavar="NAME", help="Name or id.", show_default="the smallest")]
ImageOption = Annotated[
    str, typer.Option("--image", metavar="NAME", help="Name or id.", show_default="the smallest public one")
]
LimitOption = Annotated[
    float, typer.Option("--limit", metavar="SECONDS", min=0.0, help="From the event to the last owner's news.")
]
ModeOption = Annotated[
    News,
    typer.Option("--mode", help="raised: Doctor's shortcut; confirmed: conservative. The limit is for the first."),
]
MonitorOption = Annotated[
    Monitor,
    typer.Option("--monitor", help="simulated: this command sends Doctor's event compute.host.down itself."),
]
InjectOption = Annotated[
    str,
    typer.Option(
        "--inject",
        metavar="COMMAND",
        help="Instead: makes {host} fail, and whatever monitor you have tells NFVigil. The time begins with it.",
    ),
]
RestoreOption = Annotated[
    str, typer.Option("--restore", metavar="COMMAND", help="Undoes --inject; run whatever happens.")
]
BusOption = Annotated[
    list[str] | None,
    typer.Option(
        "--bus",
        envvar="NFVIGIL_VERIFY_BUS",
        metavar="URL",
        help="AMQP of the cloud's notifications, for our own NFVigil; better in the environment, for its password.",
    ),
]
WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=1, max=3600, help="For each step: servers to boot, news.")
]
FormOption = Annotated[Form, typer.Option("--format", "-f", help="A table to read, JSON, or JUnit for CI.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of standard output.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be made, and on which host.")]
KeepOption = Annotated[
    bool, typer.Option("--keep", help="Leave servers, network and project to look at; the host is brought back.")
]
CleanupOnlyOption = Annotated[
    bool, typer.Option("--cleanup-only", help="Only remove what earlier runs have left, also what was kept.")
]
