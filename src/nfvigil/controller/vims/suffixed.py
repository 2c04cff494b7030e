"""Any cloud with something added to its hosts' names, so that they differ from those of another cloud.

Outside, a host is ``compute-1@east``; inside, in the cloud's own words, ``compute-1``. Everything that names a host
gets the suffix on its way out, and loses it on its way in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from nfvigil.controller.vim import Vim, checked, described, listed, names_of, places_of
from nfvigil.errors import NotFoundError
from nfvigil.model.action import Action, Outcome
from nfvigil.model.answers import CheckItem
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, Host, Kind, MapChange, Network, Snapshot, key_of, split_key

replace = msgspec.structs.replace

Placed = TypeVar("Placed", bound=CloudRecord)

PARAMS = ("source", "host", "on_host")
"""Those of an action that name a host."""
PLACES = ("host", "id", "name")
"""Where a host's name stands in what a cloud shows of one resource; the last two in a host itself."""


class SuffixedVim:
    """``inner`` is the cloud, ``suffix`` what its hosts are known by, such as ``@east``."""

    def __init__(self, *, inner: Vim, suffix: str) -> None:
        self.inner = inner
        self.suffix = suffix

    @property
    def name(self) -> str:
        return self.inner.name

    def has(self, host: str) -> bool:
        """Whether a host of this name could be this cloud's."""
        return host.endswith(self.suffix)

    def plain(self, host: str) -> str:
        """The name that the cloud itself uses. One without the suffix is left as it is: here it means one host only."""
        return host.removesuffix(self.suffix)

    # Out

    async def snapshot(self) -> Snapshot:
        return self._listed(await self.inner.snapshot())

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        """The details are the cloud's own words, and stay so: hosts are named in them as the cloud names them."""
        return self._listed(await listed(self.inner, details))

    def _listed(self, found: Snapshot) -> Snapshot:
        return replace(
            found,
            hosts=self._all(found.hosts),
            servers=self._all(found.servers),
            ports=self._all(found.ports),
            volumes=self._all(found.volumes),
        )

    def changes(self) -> AsyncIterator[MapChange | None]:
        return self._told(self.inner.changes())  # it listens from now on, not from when it is first asked

    async def _told(self, changes: AsyncIterator[MapChange | None]) -> AsyncIterator[MapChange | None]:
        try:
            async for change in changes:
                if change is not None:
                    change = replace(change, put=self._all(change.put), gone=tuple(map(self._key, change.gone)))
                yield change
        finally:
            close = getattr(changes, "aclose", None)
            if close is not None:
                await close()

    async def show(self, key: str) -> dict[str, Any]:
        shown = dict(await self.inner.show(self._inner_key(key)))
        for place in PLACES if key.startswith(f"{Kind.HOST}/") else PLACES[:1]:
            if isinstance(shown.get(place), str):
                shown[place] = self._name(shown[place])
        return shown

    async def read(self, key: str) -> CloudRecord:
        return self._known(await self.inner.read(self._inner_key(key)))

    def _all(self, records: Sequence[Placed]) -> tuple[Placed, ...]:
        return tuple(map(self._known, records))

    def _known(self, record: Placed) -> Placed:
        if isinstance(record, Network):
            return record
        if not isinstance(record, Host):
            return replace(record, host=self._name(record.host)) if record.host else record
        # Whoever knows the cloud alone goes on with its own names for as long as no other cloud has them.
        others = dict.fromkeys((record.id, record.name, record.id.split(".", 1)[0], *record.aliases))
        others.pop("", None)
        return replace(
            record,
            id=self._name(record.id),
            name=self._name(record.name or record.id),
            aliases=(*others, *(self._name(other) for other in others if other != record.id)),
        )

    def _name(self, host: str) -> str:
        return f"{host}{self.suffix}" if host else ""

    def _key(self, key: str) -> str:
        return f"{key}{self.suffix}" if key.startswith(f"{Kind.HOST}/") else key

    # In

    async def perform(self, action: Action) -> Outcome:
        kind, name = split_key(action.target)
        target = key_of(kind, self.plain(name)) if kind == Kind.HOST else action.target
        named = {
            param: self.plain(action.params[param]) for param in PARAMS if isinstance(action.params.get(param), str)
        }
        return await self.inner.perform(replace(action, target=target, params={**action.params, **named}))

    def _inner_key(self, key: str) -> str:
        kind, name = split_key(key)
        if kind != Kind.HOST:
            return key
        if not self.has(name):
            raise NotFoundError(f"{key} is unknown in {self.name}: its hosts' names end with {self.suffix}")
        return key_of(kind, self.plain(name))

    # As it is

    async def check(self) -> Sequence[CheckItem]:
        return await checked(self.inner)

    def describe(self) -> Mapping[str, Any]:
        return described(self.inner)

    def places(self) -> Sequence[str]:
        return places_of(self.inner)

    async def projects_by_id(self) -> Mapping[str, str]:
        return await names_of(self.inner)

    async def close(self) -> None:
        await self.inner.close()


def inmost(vim: Vim) -> Vim:
    """The cloud itself."""
    return vim.inner if isinstance(vim, SuffixedVim) else vim
