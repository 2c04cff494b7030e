"""OSM's tasks, read into what is to be monitored. Pure, and in linear time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

INTERFACES_MAX = 200
_RECORD = re.compile(r"vnfrs:(?P<vnfr>[^:]{1,128}):vdur\.(?P<number>\d{1,5})\.vim_info\.(?P<key>vim:[^.:$\s]{1,128})")
_VIM = re.compile(r"vim:(?P<account>[^.:$\s]{1,128})")


class Skip(StrEnum):
    """Why a task, or the record that it names, is passed by."""

    SHAPE = "shape"
    """It is not even what such a document looks like."""
    NOT_DONE = "not_done"
    """No task for a VDU in it is done."""
    LEAVING = "leaving"
    """OSM itself is removing the server: that is no external deletion."""
    NO_VIM_INFO = "no_vim_info"
    NO_SERVER = "no_server"
    RECORD_NAME = "record_name"
    """What it names is no VDU of a VNF record."""
    UNKNOWN_VIM = "unknown_vim"
    NO_RECORD = "no_record"
    NO_VDUR = "no_vdur"
    """The record has no such VDU, or something else in its place."""
    OTHER_SERVER = "other_server"
    """The record's VDU is another server by now."""


class Target(NamedTuple):
    """A server and the place in a record that it is written to."""

    account: str
    """OSM's id of the cloud."""
    server: str
    vnfr: str
    number: int
    """Of the VDU in the record, from 0."""
    key: str
    """``vim:<id>``, in the VDU's ``vim_info``."""
    ports: tuple[str, ...] = ()
    """Those that OSM made it with."""
    modified: float = 0.0
    """When OSM changed the task last."""

    @property
    def place(self) -> tuple[str, int, str]:
        return self.vnfr, self.number, self.key


def read_tasks(documents: Iterable[Mapping[str, Any]], skipped: Counter[Skip]) -> list[Target]:
    """What cannot be read is counted in ``skipped``. Of several for one server and place the newest counts."""
    found: dict[tuple[str, str, int, str], Target] = {}
    for document in documents:
        target = read_task(document)
        if isinstance(target, Skip):
            skipped[target] += 1
            continue
        key = (target.server, *target.place)
        if key not in found or found[key].modified < target.modified:
            found[key] = target
    return list(found.values())


def read_task(document: Mapping[str, Any]) -> Target | Skip:
    tasks = document.get("tasks")
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, Mapping) for task in tasks):
        return Skip.SHAPE
    vdus = [task for task in tasks if task.get("item") == "vdu"]
    if not any(task.get("status") == "DONE" for task in vdus):
        return Skip.NOT_DONE
    if any(task.get("action") == "DELETE" and task.get("status") != "FAILED" for task in vdus):
        return Skip.LEAVING
    vim = _VIM.fullmatch(_word(document.get("target_id")))
    if vim is None:
        return Skip.UNKNOWN_VIM
    info = document.get("vim_info")
    if not isinstance(info, Mapping):
        return Skip.NO_VIM_INFO
    server = _word(info.get("vim_id"))
    if not server:
        return Skip.NO_SERVER
    record = _RECORD.fullmatch(_word(tasks[0].get("target_record")))
    if record is None:
        return Skip.RECORD_NAME
    modified = document.get("modified_at")
    return Target(
        account=vim["account"],
        server=server,
        vnfr=record["vnfr"],
        number=int(record["number"]),
        key=record["key"],
        ports=_ports(info.get("interfaces_vim_ids")),
        modified=float(modified) if isinstance(modified, int | float) else 0.0,
    )


def _word(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= 1000 else ""


def _ports(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_word, value[:INTERFACES_MAX]))) if isinstance(value, list) else ()
