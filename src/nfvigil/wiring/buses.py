"""The buses of the settings: their connections, and the subscriptions that make them hear of alarms.

A bus is a subscription of the administrator's like any other, so that order, retries, restarts, pause and replay are
those of every delivery. It belongs to the settings: what they say is put in line with each start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from nfvigil.controller.vims.openstack.bus_options import Address, addresses_of
from nfvigil.errors import FieldError, NotFoundError, SettingsError
from nfvigil.inspector.internal import MAINTENANCE
from nfvigil.model.alarm import Alarm
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import BROKEN, Kind
from nfvigil.model.subscription import Endpoint, Filter, Mode, Occasion, Subscription
from nfvigil.notifier.bus.poster import SCHEME, BusPoster, url_of
from nfvigil.notifier.bus.publisher import Publisher
from nfvigil.notifier.poster import Poster
from nfvigil.settings import BusEvent, BusSettings

OWNER = "settings"
PRIORITY = "info"

_KINDS = {BusEvent.SERVER: Kind.SERVER, BusEvent.PORT: Kind.PORT}
_log = structlog.get_logger(__name__)


class Shelf(Protocol):
    """The store's side of subscriptions."""

    async def put_subscription(self, subscription: Subscription) -> None: ...
    async def delete_subscription(self, subscription_id: str) -> None: ...


def open_buses(buses: Sequence[BusSettings]) -> dict[str, Poster]:
    """Posters by URL scheme. SettingsError names what is wrong, without the URL: it holds a password."""
    publishers = {
        bus.name: Publisher(
            name=bus.name,
            addresses=_addresses(bus, f"buses.{number}"),
            exchange=bus.exchange,
            routing_key=f"{bus.topic}.{PRIORITY}",
            cacert=bus.cacert,
        )
        for number, bus in enumerate(buses)
    }
    return {SCHEME: BusPoster(publishers)}


def bus_places(buses: Sequence[BusSettings]) -> list[str]:
    """Where they are: no webhook goes there."""
    return [str(address) for number, bus in enumerate(buses) for address in _addresses(bus, f"buses.{number}")]


def _addresses(bus: BusSettings, place: str) -> tuple[Address, ...]:
    url, field = bus.url.get_secret_value().strip(), f"{place}.url"
    if bus.url_file is not None:
        field = f"{place}.url_file"
        try:
            url = bus.url_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text"
            raise SettingsError("the settings are wrong", [FieldError(field, reason)]) from None
    addresses, errors = addresses_of(url)
    if errors:
        raise SettingsError("the settings are wrong", [FieldError(field, error.reason) for error in errors])
    return addresses


async def keep_in_line(
    buses: Sequence[BusSettings], subscriptions: Sequence[Subscription], store: Shelf, clock: Callable[[], int]
) -> bool:
    """Make, change and remove the settings' subscriptions among those that there are; whether there was anything to do.
    A pause stays.
    """
    known = {one.extra["bus"]: one for one in subscriptions if one.owner == OWNER}
    names = {bus.name for bus in buses}
    gone = known.keys() - names
    is_changed = bool(gone)
    for name in gone:
        _log.info("not in the settings any more: its subscription goes", bus=name)
        with suppress(NotFoundError):
            await store.delete_subscription(known[name].id)
    for bus in buses:
        before = known.get(bus.name)
        # A name that comes back is another subscription: its numbers begin anew, and so must its messages' ids.
        subscription = subscription_of(bus, before.created_us if before is not None else clock())
        if before is not None:
            subscription = msgspec.structs.replace(subscription, paused=before.paused)
        if subscription != before:
            is_changed = True
            await store.put_subscription(subscription)
    return is_changed


def subscription_of(bus: BusSettings, created_us: int) -> Subscription:
    """Whoever takes what Nova says for the truth is told when a server breaks and when it is well again."""
    subscription_id = stable_id("bus", bus.name, created_us)
    kinds = tuple(_KINDS[event] for event in bus.events if event in _KINDS)
    return Subscription(
        id=subscription_id,
        name=f"bus {bus.name}",
        filter=Filter(
            resource_types=kinds,
            resource_states=BROKEN,
            vims=bus.vims,
            occasions=(Occasion.NEW, Occasion.CHANGE, Occasion.CLEAR) if kinds else (),
            events=(MAINTENANCE,) if BusEvent.MAINTENANCE in bus.events else (),
            only_last_clear=True,
        ),
        endpoints=(Endpoint(id=stable_id(subscription_id, "endpoint"), url=url_of(bus.name), format="oslo"),),
        mode=Mode.RAISED,
        created_us=created_us,
        created_by=OWNER,
        owner=OWNER,
        extra={
            "bus": bus.name,
            "exchange": bus.exchange,
            "topic": bus.topic,
            "publisher_id": bus.publisher_id,
            "events": [event.value for event in bus.events],
            "project": bus.project,
        },
    )


def is_kept_down(alarm: Alarm, alarms: Mapping[str, Alarm], alarms_on: Mapping[str, Iterable[str]]) -> bool:
    """Whether another alarm than this one keeps its resource from working."""
    others = (alarms.get(one) for one in alarms_on.get(alarm.resource, ()) if one != alarm.id)
    return any(one is not None and one.is_open and one.resource_state in BROKEN for one in others)
