"""``client.events``: send what a monitor sees, and read what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from nfvigil.client.address import place
from nfvigil.client.answers import Page, read
from nfvigil.client.part import Part
from nfvigil.client.problems import BadAnswerError
from nfvigil.client.shapes import Event, Receipt

EVENTS = "/v1/events"
AT_ONCE = 1000
"""So many events a message may have."""


class Events(Part):
    """Events."""

    def send(self, events: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> tuple[Receipt, ...]:
        """A receipt for each, in order. What is accepted is durable when this returns.

        Where a part is refused, its receipts say so; where all of a message is refused, RefusedError names the fields.
        An event with a ``monitor_event_id`` may be sent again without harm: it is known as a repeat.
        """
        every = [events] if isinstance(events, Mapping) else list(events)
        found: list[Receipt] = []
        for start in range(0, len(every), AT_ONCE):
            # msgspec writes times as the service reads them.
            body = msgspec.json.encode({"events": every[start : start + AT_ONCE]})
            answer = self._http.ask("POST", EVENTS, body=body).value()
            if not isinstance(answer, dict) or not isinstance(answer.get("events"), list):
                raise BadAnswerError(f"{self._http.url} gave no receipts: is that NFVigil?")
            found += [read(Receipt, one) for one in answer["events"]]
        return tuple(found)

    def list(
        self,
        *,
        type: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Iterator[Event]:
        """What was sent, the oldest first."""
        return self._all(Event, EVENTS, {"type": type, "since": since, "until": until}, limit, marker)

    def page(
        self,
        *,
        type: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Page[Event]:
        return self._page(Event, EVENTS, {"type": type, "since": since, "until": until}, limit, marker)

    def show(self, event_id: str) -> Event:
        return self._one(Event, "GET", place("v1", "events", event_id))
