"""What would be watched and monitored in an OSM installation: looked at, and nothing done. It blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from nfvigil.errors import RefusedError
from nfvigil.model.vim_account import VimAccount
from nfvigil.vnf.osm.accounts import clouds_of
from nfvigil.vnf.osm.adapter import Database, read_installation
from nfvigil.vnf.osm.fleet import places_in
from nfvigil.vnf.osm.tasks import Skip, Target
from nfvigil.vnf.osm.vdur import Vdur

RECORDS_MAX = 200
"""Read at once."""


class AccountSeen(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    type: str
    vim: str
    """The VIM of ours that it is."""
    is_led: bool
    """Whether that is there for OSM, and not anyway."""
    servers: int
    error: str = ""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    accounts: tuple[AccountSeen, ...]
    servers: int
    """With a record that can be kept in line."""
    skipped: dict[str, int]
    """Tasks and records that would be passed by, by reason."""

    @property
    def is_well(self) -> bool:
        """Nothing is in the way. What is passed by need not be wrong: OSM removes servers, too."""
        return not any(one.error for one in self.accounts)


def survey(
    database: Database,
    *,
    common_key: str,
    plugins: Sequence[str],
    given: Mapping[str, str],
    own: Iterable[VimAccount],
) -> Survey:
    """``own`` are the clouds that we have anyway. RefusedError and UnavailableError as the adapter would meet them."""
    found = read_installation(database, common_key=common_key, plugins=plugins)
    skipped = Counter(found.skipped)
    clouds = clouds_of(found.accounts, given=given, known=places_in(own), interval_seconds=0)
    cloud_of = {account: cloud for cloud in clouds for account in cloud.accounts}
    targets = [target for target in found.targets if target.account in cloud_of]
    skipped[Skip.UNKNOWN_VIM] += len(found.targets) - len(targets)
    there = _with_records(database, targets, skipped)
    servers = Counter(target.account for target in there)
    return Survey(
        accounts=tuple(
            AccountSeen(
                id=one.id,
                name=one.name,
                type=one.type,
                vim=cloud_of[one.id].vim,
                is_led=bool(cloud_of[one.id].choices or cloud_of[one.id].error),
                servers=servers[one.id],
                error=one.error,
            )
            for one in found.accounts
        ),
        servers=len(there),
        skipped={skip.value: number for skip, number in sorted((+skipped).items())},
    )


def _with_records(database: Database, targets: Sequence[Target], skipped: Counter[Skip]) -> list[Target]:
    by_record: dict[str, list[Target]] = {}
    for target in targets:
        by_record.setdefault(target.vnfr, []).append(target)
    ids, there = list(by_record), []
    for first in range(0, len(ids), RECORDS_MAX):
        some = ids[first : first + RECORDS_MAX]
        documents = database.records(some)
        for vnfr in some:
            for target in by_record[vnfr]:
                skip = _skip(documents.get(vnfr), target)
                if skip is None:
                    there.append(target)
                else:
                    skipped[skip] += 1
    return there


def _skip(document: Mapping[str, object] | None, target: Target) -> Skip | None:
    if document is None:
        return Skip.NO_RECORD
    try:
        vdur = Vdur(document, target.number, target.key)
    except RefusedError:
        return Skip.NO_VDUR
    return Skip.OTHER_SERVER if vdur.server and vdur.server != target.server else None
