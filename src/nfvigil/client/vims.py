"""``client.vims``: which clouds are watched, and how it stands with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nfvigil.client.address import place
from nfvigil.client.answers import Page
from nfvigil.client.part import Match, Part, keyed, matching
from nfvigil.client.shapes import Check, Vim
from nfvigil.client.waiting import wait_until
from nfvigil.errors import UnavailableError

VIMS = "/v1/vims"


class Vims(Part):
    """Clouds."""

    def list(self, *, limit: int | None = None, marker: str | None = None) -> Iterator[Vim]:
        return self._all(Vim, VIMS, {}, limit, marker)

    def page(self, *, limit: int | None = None, marker: str | None = None) -> Page[Vim]:
        return self._page(Vim, VIMS, {}, limit, marker)

    def show(self, name: str) -> Vim:
        return self._one(Vim, "GET", place("v1", "vims", name))

    def add(self, name: str, driver: str, *, key: str | None = None, **more: Any) -> Vim:
        """``more``: ``options``, ``interval_seconds``, ``enabled``, ``host_suffix``."""
        return self._one(Vim, "POST", VIMS, body={"name": name, "driver": driver, **more}, headers=keyed(key))

    def try_out(self, name: str, driver: str, **more: Any) -> Check:
        """Whether it would do what it is going to be asked for, without adding it."""
        return self._one(Check, "POST", f"{VIMS}/check", body={"name": name, "driver": driver, **more})

    def change(self, name: str, change: Mapping[str, Any], *, if_match: Match = None) -> Vim:
        return self._one(Vim, "PATCH", place("v1", "vims", name), body=dict(change), headers=matching(if_match))

    def remove(self, name: str, *, if_match: Match = None) -> None:
        self._http.ask("DELETE", place("v1", "vims", name), headers=matching(if_match))

    def check(self, name: str) -> Check:
        """Whether it does what it is going to be asked for. Nothing in it is changed."""
        return self._one(Check, "POST", place("v1", "vims", name, "check"))

    def refresh(self, name: str) -> Vim:
        """List it again now. The answer is as it stands before that."""
        return self._one(Vim, "POST", place("v1", "vims", name, "refresh"))

    def wait_listed(
        self,
        before: Vim,
        *,
        most_seconds: float = 300.0,
        tell: Callable[[Vim], None] = lambda _: None,
    ) -> Vim:
        """Until a listing that was begun after ``before`` was seen has been read. UnavailableError where it failed,
        StillWaitingError if that takes too long.
        """
        begun: list[str] = []

        def is_read(one: Vim) -> bool:
            if one.attempted_time is None or before.snapshot_time is None:
                # A service that does not tell when it began; or whatever is read first.
                return one.snapshot_time is not None and one.snapshot_time != before.snapshot_time
            if one.attempted_time == before.attempted_time:
                return False
            begun.append(one.attempted_time)
            if one.failures and not one.listing:
                raise UnavailableError(f"{before.name} could not be listed: {one.error}")
            return one.snapshot_time is not None and one.snapshot_time >= begun[0]

        return wait_until(
            lambda: self.show(before.name),
            is_read,
            most_seconds=most_seconds,
            what=f"the listing of {before.name}",
            tell=tell,
            sleep=self._http.sleep,
        )
