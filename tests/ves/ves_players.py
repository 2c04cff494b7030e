"""What the tests of the VES agent share: a small cloud, backlogs of it, and the standard's schemas."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nfvigil.errors import FieldError
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Host, Server, Snapshot
from nfvigil.model.ves import VesBacklog, VesEvent, VesState
from nfvigil.model.ves_bodies import VesVersion, event_of
from nfvigil.ves.backlogs import Built, build
from nfvigil.ves.config import read_config
from nfvigil.ves.faults import Faults
from nfvigil.ves.machine import MOST, Look, farewell, missing, step
from nfvigil.ves.reception import Schemas
from nfvigil.ves.view import View

VIM = "CloudOwner_RegionOne"
ENDPOINT = "http://collector.example:8080/eventListener/v7"
NOW = 1_700_000_000_000_000
S = 1_000_000
EPC = "11111111-2222-3333-4444-555555555555"
IMS = "66666666-7777-8888-9999-000000000000"
PROJECTS = {EPC: "epc", IMS: "ims"}


def server(name: str, status: str = "ACTIVE", project: str = EPC, **fields: Any) -> Server:
    return Server(id=f"id-{name}", name=name, vim=VIM, project=project, status=status, **fields)


def host(name: str, **fields: Any) -> Host:
    return Host(id=name, name=name, vim=VIM, **fields)


def reading(*records: Server | Host, gone: Iterable[str] = ()) -> Reading:
    snapshot = Snapshot(
        vim=VIM,
        taken_us=NOW,
        hosts=tuple(one for one in records if isinstance(one, Host)),
        servers=tuple(one for one in records if isinstance(one, Server)),
    )
    return Reading(snapshot, frozenset(gone))


def document(*entries: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A configuration as ONAP's clients post it."""
    told = {"ves_subscription": {"endpoint": ENDPOINT}, "backlogs": list(entries)}
    return {"vesagent_config": told | fields}


def built(*entries: Mapping[str, Any], cloud: Iterable[Server | Host] = (), **fields: Any) -> Built:
    records = list(cloud)
    return build(
        read_config(VIM, document(*entries, **fields)),
        servers=[one for one in records if isinstance(one, Server)],
        hosts=[one for one in records if isinstance(one, Host)],
        projects=PROJECTS,
    )


def reasons(errors: Iterable[FieldError]) -> dict[str, str]:
    return {one.field: one.reason for one in errors}


class Agent:
    """One backlog, looked at every ten seconds; keeps its states as the service does. ``most``: alarms in one look."""

    def __init__(self, backlog: VesBacklog, faults: str | tuple[str, ...] = "default", most: int = MOST) -> None:
        self.most = most
        self.looks: list[int] = []
        """How many events each look had of the last listing."""
        self.backlog = backlog
        self.faults = Faults(faults)
        self.states: dict[str, VesState] = {}
        self.now_us = NOW
        self.events: list[VesEvent] = []

    def see(self, *records: Server | Host, gone: Iterable[str] = (), after: float = 10) -> list[VesEvent]:
        """Some seconds later there is a listing: what is told of it."""
        self.now_us += round(after * S)
        view = View(reading(*records, gone=gone))
        found: list[VesEvent] = []
        self.looks = []
        while True:
            look = step(
                self.backlog,
                vim=VIM,
                view=view,
                states=self.states,
                now_us=self.now_us,
                faults=self.faults,
                most=self.most,
            )
            found += self.keep(look)
            self.looks.append(len(look.events))
            if not look.is_partial:
                return found

    def asks_for(self, *records: Server | Host) -> list[str]:
        return missing(self.backlog, view=View(reading(*records)), states=self.states)

    def part(self) -> list[VesEvent]:
        return self.keep(farewell(self.backlog, states=self.states, now_us=self.now_us + S))

    def keep(self, look: Look) -> list[VesEvent]:
        for state in look.states:
            self.states[state.source] = state
        for source in look.dropped:
            del self.states[source]
        self.events += look.events
        return list(look.events)


def agent(entry: Mapping[str, Any], *cloud: Server | Host, faults: str | tuple[str, ...] = "default") -> Agent:
    made = built(entry, cloud=cloud)
    assert made.refusals == ()
    return Agent(made.backlogs[0], faults)


def severities(events: Iterable[VesEvent]) -> list[tuple[str, str]]:
    """Whose, and how bad."""
    return [(one.source_name, one.fields["eventSeverity"]) for one in events]


def standards() -> Path:
    folder = Path(os.environ.get("NFVIGIL_STANDARDS") or Path(__file__).parents[2] / ".." / "shared" / "standards")
    return folder / "ves"


@cache
def schemas(name: str) -> Schemas:
    path = standards() / name
    if not path.exists():
        pytest.skip(f"{path} is not on this machine: the standards' schemas are not ours to hand out")
    return Schemas(path)


SCHEMAS = {
    VesVersion.V5: ("CommonEventFormat_28.3.json", "CommonEventFormat_28.4.1.json"),
    VesVersion.V7: ("CommonEventFormat_30.1.1.json", "CommonEventFormat_30.2.1_ONAP.json"),
}
"""Each version's, the older and the newer."""


def assert_valid(events: Iterable[VesEvent]) -> None:
    """Against the schema of every version, single and in a batch."""
    for version, names in SCHEMAS.items():
        told = [event_of(event, version) for event in events]
        for name in names:
            for one in told:
                assert schemas(name).error({"event": one}, version) == ""
            assert schemas(name).error({"eventList": told}, version) == ""
