"""The only wiring: who plays which part, what starts when, and in which order it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import structlog
import uvloop

from nfvigil import __version__
from nfvigil.accounts.accounts import Accounts
from nfvigil.accounts.vault import Vault, keys_of
from nfvigil.controller.plugins import Drivers, action_plugins
from nfvigil.controller.runner import Controller
from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.controller.vims.suffixed import inmost
from nfvigil.desks.desk import BASE, Desk
from nfvigil.desks.o2ims import O2ims
from nfvigil.errors import SettingsError
from nfvigil.inspector.capacity import Ratios
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.listening import bound, configure_logging, listen
from nfvigil.model.action import ActionKind
from nfvigil.model.event import Event
from nfvigil.model.ids import EventIds
from nfvigil.model.times import SECOND
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import Decision
from nfvigil.model.vim_account import Source, VimAccount
from nfvigil.northbound.api import all_rules, create_api, new_id
from nfvigil.northbound.audit_notes import AuditNotes
from nfvigil.northbound.event_doors import event_paths
from nfvigil.northbound.feed import AlarmFeed
from nfvigil.northbound.guarded import may_send
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.rules.file import PolicyFile
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.notifier.channel import Channel, load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.control_plane import ControlPlane
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.notifier.dispatch import Limits as DeliveryLimits
from nfvigil.notifier.event_alarms import EventAlarms
from nfvigil.notifier.heartbeat import Heartbeats
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.poster import HttpPoster
from nfvigil.notifier.resolver import Resolver
from nfvigil.notifier.retry import Retry
from nfvigil.notifier.safety import Safety
from nfvigil.pipeline import Pipeline
from nfvigil.policy_start import policy_in_force
from nfvigil.retention import Retention
from nfvigil.running import Service, undecided_events
from nfvigil.sealing.keys import Keys
from nfvigil.settings import Settings, zone_of
from nfvigil.situation import HostsOfVims, hosts_with_alarms
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.inventory import Inventory
from nfvigil.southbound.limits import Limits as IntakeLimits
from nfvigil.southbound.timing import Timing
from nfvigil.southbound.topology import read_topology
from nfvigil.store import Store, open_store
from nfvigil.vnf.registry import Registry
from nfvigil.wiring.access import check_open_doors, has_other_ways_in, open_access
from nfvigil.wiring.buses import bus_places, is_kept_down, keep_in_line, open_buses
from nfvigil.wiring.control_places import control_places
from nfvigil.wiring.event_alarms import LateTap, event_alarms_of, put_alarming_together, show_event_alarms
from nfvigil.wiring.gauges import observe_delivery, show_capacity, show_depths, show_vims
from nfvigil.wiring.health_report import health_report
from nfvigil.wiring.monitoring import put_monitoring_together
from nfvigil.wiring.osm import open_osm
from nfvigil.wiring.recovery import Recovery, fences_of, put_recovery_together
from nfvigil.wiring.ves import chosen, put_ves_together, show_ves
from nfvigil.wiring.vnfs import both, keep_records, put_vnfs_together, show_records

_log = structlog.get_logger("nfvigil")

AGENT = f"nfvigil/{__version__}"


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Put the parts together; nothing runs yet. Closes the store and the VIMs at the end."""
    topology = _topology(settings)
    async with AsyncExitStack() as stack:
        keys = keys_of(
            given=settings.secrets.keys.get_secret_value(),
            key_file=settings.secrets.key_file,
            database_url=settings.database_url,
        )
        store = await open_store(settings.database_url, node=settings.node, clock=clock, alone=True, keys=keys)
        stack.push_async_callback(store.close)
        drivers = Drivers(tap=LateTap(lambda: alarming))
        vims: dict[str, Vim] = {}
        for one in settings.vims:
            vims[one.name] = drivers.open(
                driver=one.driver, name=one.name, options=one.options, clock=clock, host_suffix=one.host_suffix
            )
            stack.push_async_callback(vims[one.name].close)
        metrics = Metrics()
        policy = await policy_in_force(store, settings)
        left = await _what_was_left(store, settings)
        _check_suffixes(settings, left.state)
        osm = open_osm(settings.osm, clock=clock)
        stack.callback(osm.close)
        of_buses = [*bus_places(settings.buses), *osm.places]
        control = ControlPlane(
            places=lambda: [*control_places(settings, accounts.open_vims(), fences), *of_buses, *access.places()]
        )
        resource_map = ResourceMap(topology)
        tellers = await _tellers(store, settings, metrics, left.state, resource_map, control)
        stack.push_async_callback(tellers.poster.close)
        feed, vnf_feed = AlarmFeed(), VnfFeed()

        def decided(decisions: Sequence[Decision]) -> None:
            recovery.look_out(decisions)
            feed.decided(decisions)

        registry = Registry(await store.vnfs())
        pipeline = Pipeline(
            keeper=store,
            writer=tellers.composer,
            tell=tellers.dispatcher.offer,
            sent=tellers.dispatcher.sent,
            act=lambda actions: controller.offer(actions),
            policy=policy,
            resource_map=resource_map,
            state=left.state,
            ids=left.ids,
            clock=clock,
            event_alarms=tellers.event_alarms,
            forget=lambda *names: intake.forget(*names),
            decided=decided,
            observe=metrics.stage,
        )
        alarming = put_alarming_together(settings, pipeline, store, tellers, clock=clock)
        keeper = await keep_records(
            store,
            pipeline,
            registry,
            inventory=lambda: inventory,
            open_vims=lambda: accounts.open_vims(),
            undecided=left.undecided,
            clock=clock,
            feed=vnf_feed,
            is_theirs=osm.is_theirs,
        )
        vnfs = put_vnfs_together(
            settings,
            registry=registry,
            keeper=keeper,
            pipeline=pipeline,
            store=store,
            matcher=tellers.matcher,
            poster=tellers.poster,
            logins=tellers.logins,
            agent=AGENT,
            clock=clock,
            status=lambda vim: inventory.status_of(vim),
            feed=vnf_feed,
        )
        ves = put_ves_together(
            settings,
            pipeline,
            store,
            tellers,
            inventory=lambda: inventory,
            accounts=lambda: accounts,
            agent=AGENT,
            clock=clock,
        )
        tellers.dispatcher.observe = both(observe_delivery(metrics), both(vnfs.losses.observe, ves.book.observe))
        fences = fences_of(settings, vims, clock)
        stack.push_async_callback(fences.close)
        recovery = put_recovery_together(settings, pipeline, store, fences, controller=lambda: controller, clock=clock)
        controller = _controller(vims, settings, metrics, pipeline, recovery)
        intake = _intake(settings, pipeline, left)
        inventory = Inventory(
            vims=vims,
            known=pipeline.map,
            apply=pipeline.take_map,
            intervals={one.name: one.interval_seconds for one in settings.vims},
            clock=clock,
            say=recovery.desk.say,
            timing=Timing(**settings.inventory.model_dump()),
            readers=[keeper, *osm.readers, ves.agent],
        )
        audit_notes = AuditNotes(add=store.add_audit, clock=clock)
        access = await stack.enter_async_context(
            open_access(
                settings.access,
                dev=settings.dev,
                store=store,
                keys=keys,
                clock=clock,
                new_id=new_id,
                metrics=metrics,
                stranger=audit_notes.stranger,
            )
        )
        accounts = _accounts(store, keys, settings, drivers, vims, controller, inventory, pipeline, ves.desk.forget)
        stack.push_async_callback(accounts.close)
        await accounts.start()
        osm.join(accounts, pipeline, registry, undecided=left.undecided)
        await ves.start(accounts)
        await control.refresh()
        pipeline.map.names.begin(left.state.mistakable)
        heartbeats = Heartbeats(beat=lambda subscription: desk.beat(subscription))
        for subscription in await store.subscriptions():
            heartbeats.put(subscription)
        desk = Desk(
            pipeline=pipeline,
            store=store,
            matcher=tellers.matcher,
            dispatcher=tellers.dispatcher,
            heartbeats=heartbeats,
            safety=tellers.safety,
            channels=chosen(tellers.channels),
            composer=tellers.composer,
            health=access.in_health(
                osm.in_health(health_report(store, inventory, pipeline, tellers.dispatcher, controller, accounts))
            ),
            simulation=next((vim for vim in map(inmost, vims.values()) if isinstance(vim, SimulatedVim)), None),
            clock=clock,
            extra_actions=frozenset(action_plugins()),
            ratios={vim.name: Ratios(vim.cpu_allocation_ratio, vim.ram_allocation_ratio) for vim in settings.vims},
        )
        show_capacity(metrics, desk)
        show_depths(metrics, pipeline, tellers.dispatcher, controller)
        show_vims(metrics, inventory)
        show_records(metrics, keeper)
        show_event_alarms(metrics, alarming)
        osm.show(metrics)
        show_ves(metrics, ves.book, clock)
        monitoring = put_monitoring_together(
            settings.formats,
            intake=intake,
            guard=access.guard.at_door,
            allow=may_send,
            pipeline=pipeline,
            metrics=metrics,
            recent=left.recent,
            clock=clock,
        )
        check_open_doors(settings.access, monitoring.doors)
        permissions = PolicyFile(rules=all_rules(monitoring.doors), path=settings.access.policy_file)
        app = create_api(
            desk=desk,
            recovery=recovery.desk,
            vims=accounts,
            credentials=access.credentials,
            store=store,
            guard=access.guard,
            clock=clock,
            metrics=metrics,
            read_event=intake.read,
            vnf=vnfs.parts,
            extra_routes=monitoring.doors,
            extra_paths=event_paths(),
            o2ims=_o2ims(settings, store, pipeline, tellers, desk),
            permissions=permissions,
            audit_notes=audit_notes,
            alarming=alarming,
            ves=ves.desk,
            feed=feed,
        )
        yield Service(
            settings=settings,
            store=store,
            pipeline=pipeline,
            controller=controller,
            dispatcher=tellers.dispatcher,
            heartbeats=heartbeats,
            inventory=inventory,
            outages=recovery.watch,
            look_out=recovery.look_out,
            control=control,
            alarming=alarming,
            retention=Retention(store=store, settings=settings.retention, clock=clock),
            permissions=permissions,
            audit_notes=audit_notes,
            app=app,
            undecided=left.undecided,
            beside={
                **monitoring.beside,
                **osm.beside,
                "lost news": vnfs.losses.run,
                "vnf records": keeper.run,
                "VES": ves.agent.run,
            },
        )


class _Left(NamedTuple):
    """What an earlier process left in the store."""

    state: State
    undecided: list[Event]
    recent: list[Event]
    ids: EventIds


async def _what_was_left(store: Store, settings: Settings) -> _Left:
    memory = await store.memory()
    memory.pop(BASE, None)
    since_us = clock() - int(settings.intake.repeat_window_seconds * SECOND)
    undecided = await undecided_events(store)
    last = undecided[-1].id if undecided else await store.cursor()
    return _Left(
        state=State(faults=await store.open_faults(), alarms=await store.open_alarms(), memory=memory),
        undecided=undecided,
        recent=await store.recent_events(since_us, IntakeLimits().repeats_max),
        ids=EventIds(clock, settings.node_number, last=last),
    )


def _check_suffixes(settings: Settings, state: State) -> None:
    """The alarms of an earlier process name hosts as they were called then."""
    for vim in settings.vims:
        suffix = vim.host_suffix
        for host in sorted(hosts_with_alarms(state, vim.name)):
            if not (host.endswith(suffix) if suffix else "@" not in host):
                raise SettingsError(
                    f"the host_suffix of the VIM {vim.name} is another one than when {host} got its alarm: "
                    "put it back until there are no alarms on hosts of this VIM"
                )


class _Tellers(NamedTuple):
    """The parts that find who wants to hear, write it and bring it there."""

    matcher: Matcher
    channels: Mapping[str, Channel]
    composer: Composer
    safety: Safety
    poster: HttpPoster
    logins: Logins
    dispatcher: Dispatcher
    event_alarms: EventAlarms


async def _tellers(
    store: Store,
    settings: Settings,
    metrics: Metrics,
    state: State,
    resource_map: ResourceMap,
    control: ControlPlane,
) -> _Tellers:
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
        agent=AGENT,
        limits=DeliveryLimits(timeout_seconds=settings.notifier.timeout_seconds),
        retry=Retry(give_up_seconds=settings.notifier.give_up_seconds),
        observe=observe_delivery(metrics),
        logins=logins,
    )
    for subscription in subscriptions:
        dispatcher.put_subscription(subscription, seqs.get(subscription.id, 0))
    event_alarms = await event_alarms_of(store, settings, composer, state, resource_map)
    return _Tellers(matcher, channels, composer, safety, poster, logins, dispatcher, event_alarms)


def _o2ims(settings: Settings, store: Store, pipeline: Pipeline, tellers: _Tellers, desk: Desk) -> O2ims:
    return O2ims(
        settings=settings.o2ims,
        retention_days=settings.retention.days,
        source=settings.source,
        policy=lambda: pipeline.policy,
        matcher=tellers.matcher,
        subscribe=desk.subscribe,
        check_url=tellers.safety.check_url,
        poster=tellers.poster,
        shelf=store,
    )


def _controller(
    vims: Mapping[str, Vim], settings: Settings, metrics: Metrics, pipeline: Pipeline, recovery: Recovery
) -> Controller:
    return Controller(
        vims=vims,
        report=pipeline.report,
        clock=clock,
        limit=settings.controller.limit,
        timeout_seconds=settings.controller.timeout_seconds,
        attempts_max=settings.controller.attempts_max,
        deadline_seconds=settings.controller.deadline_seconds,
        deed_limit=settings.controller.deed_limit,
        deed_timeout_seconds=settings.controller.deed_timeout_seconds,
        gate=recovery.gate,
        plugins={
            **action_plugins(),
            ActionKind.FENCE: recovery.fencer.fence,
            ActionKind.EVACUATE: recovery.fencer.evacuate,
        },
        observe=lambda kind, seconds, outcome: metrics.action(kind, outcome, seconds),
    )


def _accounts(
    store: Store,
    keys: Keys,
    settings: Settings,
    drivers: Drivers,
    vims: Mapping[str, Vim],
    controller: Controller,
    inventory: Inventory,
    pipeline: Pipeline,
    removed: Callable[[str], Awaitable[None]],
) -> Accounts:
    if warning := keys.warning():
        _log.warning(warning)
    given = {
        one.name: VimAccount(
            name=one.name,
            driver=one.driver,
            options=one.options,
            interval_seconds=one.interval_seconds,
            host_suffix=one.host_suffix,
            source=Source.SETTINGS,
        )
        for one in settings.vims
    }
    return Accounts(
        given={name: (account, vims[name]) for name, account in given.items()},
        store=store,
        vault=Vault(keys=keys, shelf=store),
        drivers=drivers,
        controller=controller,
        inventory=inventory,
        take_map=pipeline.take_map,
        hosts=HostsOfVims(state=pipeline.state, resource_map=pipeline.map),
        clock=clock,
        removed=removed,
    )


def _intake(settings: Settings, pipeline: Pipeline, left: _Left) -> Intake:
    return Intake(
        keep=pipeline.keep,
        ids=left.ids,
        clock=clock,
        zone=zone_of(settings.intake.zone),
        limits=IntakeLimits(
            future_seconds=settings.intake.future_seconds,
            stale_seconds=settings.intake.stale_seconds,
            repeat_window_seconds=settings.intake.repeat_window_seconds,
        ),
        recent=left.recent,
    )


def _topology(settings: Settings) -> Topology | None:
    if settings.topology is None:
        return None
    try:
        return read_topology(settings.topology.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the topology {settings.topology}: {error}") from error


async def _serve(settings: Settings) -> None:
    with bound(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        async with open_service(settings) as service:
            is_usable = settings.dev or has_other_ways_in(settings.access)
            if not is_usable and not await service.store.tokens():
                raise SettingsError(
                    "nobody could use it: there are no tokens in the database. Make one first, for yourself:"
                    " nfvigil token create --name me --role admin (with the service's own --config or --database)"
                    " (or, on loopback and to play with only: nfvigil serve --dev)"
                )
            await service.run(lambda app: listen(app, listener, settings))


def serve(settings: Settings) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code. Raises SettingsError where it does not start."""
    configure_logging(settings)
    # The store's thread asks for the interpreter's lock at each hand-over: by default it may wait 5 ms for it.
    sys.setswitchinterval(0.0005)
    uvloop.run(_serve(settings))
    return 0
