"""The wiring of those who find who wants to hear, write it and bring it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.resource import Port, Server, Volume
from nfvigil.northbound.metrics import Metrics
from nfvigil.notifier.channel import Channel, load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.control_plane import ControlPlane
from nfvigil.notifier.dispatch import Dispatcher, Limits
from nfvigil.notifier.event_alarms import KNOWN_MAX, EventAlarms
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.own_events import says_broken
from nfvigil.notifier.poster import HttpPoster
from nfvigil.notifier.resolver import Resolver
from nfvigil.notifier.retry import Retry
from nfvigil.notifier.safety import Safety
from nfvigil.settings import Settings
from nfvigil.store import Store
from nfvigil.wiring.buses import is_kept_down, keep_in_line, open_buses
from nfvigil.wiring.gauges import observe_delivery


class Tellers(NamedTuple):
    matcher: Matcher
    channels: Mapping[str, Channel]
    composer: Composer
    safety: Safety
    poster: HttpPoster
    logins: Logins
    dispatcher: Dispatcher
    event_alarms: EventAlarms


async def open_tellers(
    store: Store,
    settings: Settings,
    metrics: Metrics,
    state: State,
    resource_map: ResourceMap,
    control: ControlPlane,
    *,
    agent: str,
    clock: Callable[[], int],
) -> Tellers:
    posters = open_buses(settings.buses)
    subscriptions = await store.subscriptions()
    if await keep_in_line(settings.buses, subscriptions, store, clock):
        subscriptions = await store.subscriptions()
    seqs = await store.last_seqs()
    matcher = Matcher(subscriptions)
    channels = load_channels()
    composer = Composer(
        matcher=matcher,
        seqs=seqs,
        channels=channels,
        is_kept_down=lambda alarm: is_kept_down(alarm, state.alarms, state.alarms_on),
    )
    composer.remember(state.alarms.values())
    safety = Safety(
        allow_loopback=settings.dev or settings.notifier.allow_loopback,
        allow=settings.notifier.allow_networks,
        deny=settings.notifier.deny_networks,
        is_control=control.covers,
    )
    poster = HttpPoster(resolver=Resolver(safety=safety))
    logins = Logins(fetcher=poster, clock=clock)
    dispatcher = Dispatcher(
        channels=channels,
        outbox=store,
        poster=poster,
        posters=posters,
        clock=clock,
        source=settings.source,
        agent=agent,
        limits=Limits(timeout_seconds=settings.notifier.timeout_seconds),
        retry=Retry(give_up_seconds=settings.notifier.give_up_seconds),
        observe=observe_delivery(metrics),
        logins=logins,
    )
    for subscription in subscriptions:
        dispatcher.put_subscription(subscription, seqs.get(subscription.id, 0))
    event_alarms = await _event_alarms_of(store, settings, composer, state, resource_map)
    return Tellers(matcher, channels, composer, safety, poster, logins, dispatcher, event_alarms)


async def _event_alarms_of(
    store: Store, settings: Settings, composer: Composer, state: State, resource_map: ResourceMap
) -> EventAlarms:
    """As an earlier process left them."""

    def host_of(resource: str) -> str:
        record = resource_map.get(resource)
        return record.host if isinstance(record, Server | Port | Volume) else ""

    def is_ill(resource: str) -> bool:
        return any(says_broken(state.alarms[one]) for one in state.alarms_on.get(resource, ()) if one in state.alarms)

    return EventAlarms(
        alarms=await store.all_event_alarms(),
        known=await store.fired_events(KNOWN_MAX),
        numbers=composer,
        host_of=host_of,
        is_ill=is_ill,
        auto_ok=settings.aodh.auto_ok,
    )
