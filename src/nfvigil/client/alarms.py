"""``client.alarms``: what is wrong, why, and who looks after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from nfvigil.client.address import place
from nfvigil.client.answers import Page
from nfvigil.client.part import Match, Part, matching
from nfvigil.client.shapes import Alarm, Explanation, HistoryEntry
from nfvigil.client.stream import FAILURES_MAX, IDLE_SECONDS, Stream, StreamEvent

ALARMS = "/v1/alarms"


class AlarmFilters(TypedDict, total=False):
    """Which ones; the open ones if nothing is said."""

    state: str
    min_severity: str | None
    severity: Sequence[str]
    fault_type: Sequence[str]
    resource_type: Sequence[str]
    resource_id: Sequence[str]
    project: str | None
    vnf: Sequence[str]
    root_only: bool
    acked: bool | None
    since: datetime | str | None
    until: datetime | str | None
    event_since: datetime | str | None
    event_until: datetime | str | None
    changed_since: datetime | str | None
    cleared_since: datetime | str | None
    probable_cause: Sequence[str]


class Alarms(Part):
    """Alarms."""

    def list(
        self, *, limit: int | None = None, marker: str | None = None, **filters: Unpack[AlarmFilters]
    ) -> Iterator[Alarm]:
        """The newest first, page by page to the end, or the first ``limit``."""
        return self._all(Alarm, ALARMS, _parameters(filters), limit, marker)

    def page(
        self, *, limit: int | None = None, marker: str | None = None, **filters: Unpack[AlarmFilters]
    ) -> Page[Alarm]:
        """One page. ``marker`` is ``next`` of the page before."""
        return self._page(Alarm, ALARMS, _parameters(filters), limit, marker)

    def changes(self, after: str = "0", *, limit: int | None = None, **filters: Unpack[AlarmFilters]) -> Page[Alarm]:
        """What changed after a point, in order. ``next`` is always there: the point to go on from.

        TooOldError where what changed since is not known any more: list anew.
        """
        parameters = {"state": "all", **_parameters(filters), "changed_after": after}
        return self._page(Alarm, ALARMS, parameters, limit, None)

    def stream(
        self,
        *,
        last_event_id: str = "",
        idle_seconds: float = IDLE_SECONDS,
        failures_max: int = FAILURES_MAX,
        lost: Callable[[Exception], None] = lambda _: None,
        **filters: Unpack[AlarmFilters],
    ) -> Iterator[StreamEvent]:
        """News as they happen. Where the stream breaks off it is taken up again behind the last event that came;
        ``lost`` hears why. A later run goes on from the ``id`` of the last event of this one.
        """
        return iter(
            Stream(
                service=self._http,
                path=f"{ALARMS}/stream",
                parameters=_parameters(filters),
                last_id=last_event_id,
                idle_seconds=idle_seconds,
                failures_max=failures_max,
                lost=lost,
            )
        )

    def show(self, alarm_id: str) -> Alarm:
        return self._one(Alarm, "GET", place("v1", "alarms", alarm_id))

    def again(self, seen: Alarm) -> Alarm:
        """It as it is now; the very same object where it has not changed."""
        return self._again(Alarm, place("v1", "alarms", seen.id), seen)

    def history(self, alarm_id: str) -> Iterator[HistoryEntry]:
        return self._all(HistoryEntry, place("v1", "alarms", alarm_id, "history"), {}, None)

    def explain(self, alarm_id: str) -> Explanation:
        return self._one(Explanation, "GET", place("v1", "alarms", alarm_id, "explain"))

    def ack(self, alarm_id: str, *, if_match: Match = None) -> Alarm:
        """Somebody looks after it."""
        return self._one(Alarm, "POST", place("v1", "alarms", alarm_id, "ack"), headers=matching(if_match))

    def unack(self, alarm_id: str, *, if_match: Match = None) -> Alarm:
        """Nobody does any more."""
        return self._one(Alarm, "DELETE", place("v1", "alarms", alarm_id, "ack"), headers=matching(if_match))

    def clear(self, alarm_id: str, *, if_match: Match = None) -> Alarm:
        """By hand, where its monitor never will."""
        return self._one(Alarm, "POST", place("v1", "alarms", alarm_id, "clear"), headers=matching(if_match))

    def comment(self, alarm_id: str, text: str) -> HistoryEntry:
        """A line in its history, which everybody reads who sees the alarm."""
        return self._one(HistoryEntry, "POST", place("v1", "alarms", alarm_id, "comments"), body={"text": text})


def _parameters(filters: AlarmFilters) -> dict[str, Any]:
    """An older service need not know a filter that says nothing."""
    found: dict[str, Any] = {**filters}
    if not found.get("root_only", True):
        del found["root_only"]
    return found
