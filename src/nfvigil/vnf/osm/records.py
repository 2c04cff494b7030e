"""What one of OSM's VNF records is to become, as one update that misses where somebody else was quicker. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nfvigil.errors import RefusedError
from nfvigil.model.vnf_record import VduCondition
from nfvigil.vnf.osm.tasks import Skip, Target
from nfvigil.vnf.osm.vdur import MISSING, Change, Vdur, Words

Conditions = frozenset[tuple[VduCondition, str]]
MANAGEMENT = "ip-address"

_PROJECT = re.compile(r"[{ ,]'?(?:tenant_id|project_id)'?: '?([0-9A-Za-z_-]{1,64})")


class Work(NamedTuple):
    """What is known of a server that a record is about. ``words`` is None for one that is gone."""

    target: Target
    vim: str
    words: Words | None
    project: str = ""
    host: str = ""
    turn: int = 0
    """Which change of it this is."""


class Result(NamedTuple):
    """How it stands with one server's place in a record."""

    work: Work
    skip: Skip | None = None
    vnfc: str = ""
    name: str = ""
    project: str = ""
    host: str = ""
    text: str = ""
    """What is wrong, for people."""
    ports: tuple[str, ...] = ()
    conditions: Conditions = frozenset()


class Plan(NamedTuple):
    vnfr: str
    sets: dict[str, Any]
    """Empty where nothing is to be written."""
    filter: dict[str, Any]
    results: tuple[Result, ...]


def planned(
    vnfr: str, document: Mapping[str, Any] | None, works: Iterable[Work], *, leaving: Collection[Target] = ()
) -> Plan:
    """``works`` are of this record, ``document`` is None where there is none. What is ``leaving`` is left alone."""
    sets: dict[str, Any] = {}
    wanted: dict[str, Any] = {"_id": vnfr}
    results = []
    gone: set[tuple[int, str]] = set()
    is_spoken_for = False
    for work in works:
        if work.target in leaving:
            results.append(Result(work, Skip.LEAVING))
            continue
        if document is None:
            results.append(Result(work, Skip.NO_RECORD))
            continue
        try:
            vdur = Vdur(document, work.target.number, work.target.key)
        except RefusedError:
            results.append(Result(work, Skip.NO_VDUR))
            continue
        result, change = _result(vdur, work)
        results.append(result)
        if change is None:
            continue
        mine = dict(change.sets)
        if work.words is None:
            gone.add((work.target.number, work.target.key))
        address = change.followed.manages_vnf
        if address and not is_spoken_for and _speaks_for_vnf(document, work.target.number, gone):
            is_spoken_for = True
            if document.get(MANAGEMENT) != address:
                sets[MANAGEMENT] = address
                wanted[MANAGEMENT] = _as_it_is(document)
                wanted |= _identity(vdur)
        if mine:
            sets |= mine
            wanted |= {**_identity(vdur), **vdur.before(vdur.names_of(mine)), **vdur.before(iter(mine))}
    return Plan(vnfr, sets, wanted if sets else {}, tuple(results))


def _result(vdur: Vdur, work: Work) -> tuple[Result, Change | None]:
    server = work.target.server
    if vdur.server and vdur.server != server:
        return Result(work, Skip.OTHER_SERVER), None
    before = vdur.vdu(server, work.vim)
    try:
        if work.words is None:
            change = vdur.deleted(server, work.vim)
        else:
            change = vdur.followed(server, work.vim, work.words)
    except RefusedError:
        return Result(work, Skip.SHAPE), None
    vdu = change.followed.vdu
    return Result(
        work=work,
        vnfc=vdur.id or f"vdur.{work.target.number}",
        name=vdu.name,
        project=work.project or project_in(vdur.info.get("vim_details")),
        host=work.host or before.host,
        text=vdu.message,
        # Those of a server that is gone are expected with it, should it come back.
        ports=tuple(one.port for one in vdu.interfaces or vdu.interfaces_backup),
        conditions=change.followed.conditions,
    ), change


def project_in(details: object) -> str:
    """The project of a server that the record's text is of: of one that is gone nobody else can tell."""
    found = _PROJECT.search(details) if isinstance(details, str) else None
    return found[1] if found else ""


def _identity(vdur: Vdur) -> dict[str, Any]:
    """That it is still about the same VDU and the same server: units may come and go, and be healed."""
    names = ("_id", "id")
    own = {f"{vdur.path}.{name}": {"$eq": vdur.raw[name]} for name in names if name in vdur.raw}
    return own | vdur.before(iter([f"{vdur.info_path}.vim_id"]))


def _speaks_for_vnf(document: Mapping[str, Any], index: int, gone: Collection[tuple[int, str]]) -> bool:
    """Whether the VNF's management address is that of this VDU: of several that say so, the first that is there."""
    vdurs: Sequence[Any] = document["vdur"]
    return not any(_manages(one, {key for at, key in gone if at == place}) for place, one in enumerate(vdurs[:index]))


def _manages(vdur: object, gone: Collection[str]) -> bool:
    infos = vdur.get("vim_info") if isinstance(vdur, Mapping) else None
    if not isinstance(infos, Mapping):
        return False
    lists = [info.get("interfaces") for key, info in infos.items() if isinstance(info, Mapping) and key not in gone]
    return any(
        isinstance(one, Mapping) and bool(one.get("mgmt_vnf_interface"))
        for found in lists
        if isinstance(found, list)
        for one in found
    )


def _as_it_is(document: Mapping[str, Any]) -> dict[str, Any]:
    value = document.get(MANAGEMENT, MISSING)
    return {"$exists": False} if value is MISSING else {"$eq": value}
