"""``client.subscriptions``: who hears what, where, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nfvigil.client.address import place
from nfvigil.client.answers import Page
from nfvigil.client.part import Match, Part, keyed, matching
from nfvigil.client.shapes import Delivery, Sent, Subscription
from nfvigil.client.waiting import wait_until
from nfvigil.errors import ConflictError, FieldError, NotFoundError

SUBSCRIPTIONS = "/v1/subscriptions"
FIRST_PART = "0/"


class Subscriptions(Part):
    """Subscriptions."""

    def create(
        self,
        endpoints: Sequence[Mapping[str, Any]],
        *,
        name: str = "",
        project: str | None = None,
        filter: Mapping[str, Any] | None = None,
        mode: str = "raised",
        heartbeat_seconds: float = 0.0,
        key: str | None = None,
    ) -> Subscription:
        """In effect when this returns; ``resources`` of the answer are the alarms that it covers already.

        An endpoint is ``{"url": ..., "format": "doctor", "secret": ..., "token": ...}``.
        """
        body: dict[str, Any] = {
            "name": name,
            "filter": dict(filter or {}),
            "endpoints": [dict(one) for one in endpoints],
            "mode": mode,
            "heartbeat_seconds": heartbeat_seconds,
        }
        if project is not None:
            body["project"] = project
        return self._one(Subscription, "POST", SUBSCRIPTIONS, body=body, headers=keyed(key))

    def list(self, *, limit: int | None = None, marker: str | None = None) -> Iterator[Subscription]:
        return self._all(Subscription, SUBSCRIPTIONS, {}, limit, marker)

    def page(self, *, limit: int | None = None, marker: str | None = None) -> Page[Subscription]:
        return self._page(Subscription, SUBSCRIPTIONS, {}, limit, marker)

    def show(self, subscription_id: str) -> Subscription:
        return self._one(Subscription, "GET", place("v1", "subscriptions", subscription_id))

    def find(self, name_or_id: str) -> Subscription:
        """The one of this id or, if there is none, of this name. ConflictError where several have it."""
        try:
            return self.show(name_or_id)
        except NotFoundError:
            found = [one for one in self.list() if one.name == name_or_id]
        if not found:
            raise NotFoundError(f"there is no subscription of the id or name {name_or_id}")
        if len(found) > 1:
            raise ConflictError(
                "the name is not enough", [FieldError("subscription", f"{len(found)} are called so: give the id")]
            )
        return found[0]

    def change(self, subscription_id: str, change: Mapping[str, Any], *, if_match: Match = None) -> Subscription:
        """What is left out stays as it is; an endpoint is kept by its ``id``, and its secrets with it."""
        path = place("v1", "subscriptions", subscription_id)
        return self._one(Subscription, "PATCH", path, body=dict(change), headers=matching(if_match))

    def delete(self, subscription_id: str, *, if_match: Match = None) -> None:
        """What was not delivered yet is dropped."""
        self._http.ask("DELETE", place("v1", "subscriptions", subscription_id), headers=matching(if_match))

    def test(self, subscription_id: str) -> Sent:
        """Send a test to its endpoints; ``wait_delivered`` says what comes of it."""
        return self._one(Sent, "POST", place("v1", "subscriptions", subscription_id, "test"))

    def pause(self, subscription_id: str) -> Subscription:
        return self._one(Subscription, "POST", place("v1", "subscriptions", subscription_id, "pause"))

    def resume(self, subscription_id: str) -> Subscription:
        return self._one(Subscription, "POST", place("v1", "subscriptions", subscription_id, "resume"))

    def replay(self, subscription_id: str, *, after: int) -> int:
        """Send again what came after a sequence number; how many messages that are."""
        path = place("v1", "subscriptions", subscription_id, "replay")
        return int(self._http.ask("POST", path, parameters={"after": after}).value()["requeued"])

    def deliveries(
        self, subscription_id: str, *, state: str | None = None, limit: int | None = None, marker: str | None = None
    ) -> Iterator[Delivery]:
        """What was sent, waits, or was given up; in the order of sending."""
        path = place("v1", "subscriptions", subscription_id, "deliveries")
        return self._all(Delivery, path, {"state": state}, limit, marker)

    def deliveries_page(
        self, subscription_id: str, *, state: str | None = None, limit: int | None = None, marker: str | None = None
    ) -> Page[Delivery]:
        path = place("v1", "subscriptions", subscription_id, "deliveries")
        return self._page(Delivery, path, {"state": state}, limit, marker)

    def deliveries_of(self, subscription_id: str, sent: Sent) -> tuple[Delivery, ...]:
        """The messages of one notification."""
        found = []
        # A list begins behind its marker: behind the first that the number before could have.
        for one in self.deliveries(subscription_id, marker=f"{max(sent.sequence - 1, 0)}/{FIRST_PART}"):
            if one.sequence > sent.sequence:
                break
            if one.notification_id == sent.notification_id:
                found.append(one)
        return tuple(found)

    def wait_delivered(
        self,
        subscription_id: str,
        sent: Sent,
        *,
        most_seconds: float = 60.0,
        tell: Callable[[tuple[Delivery, ...]], None] = lambda _: None,
    ) -> tuple[Delivery, ...]:
        """Until each of its messages is delivered or given up. StillWaitingError if that takes too long."""
        return wait_until(
            lambda: self.deliveries_of(subscription_id, sent),
            lambda found: bool(found) and all(one.state != "pending" for one in found),
            most_seconds=most_seconds,
            what=f"the delivery of {sent.notification_id}",
            tell=tell,
            sleep=self._http.sleep,
        )
