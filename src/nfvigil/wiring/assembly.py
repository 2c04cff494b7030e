"""The parts of a service, subject by subject: what is made when, and in which order it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from nfvigil.accounts.accounts import Accounts
from nfvigil.accounts.vault import keys_of
from nfvigil.controller.fencing.registry import Fences
from nfvigil.controller.plugins import Drivers, action_plugins
from nfvigil.controller.runner import Controller
from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.controller.vims.suffixed import inmost
from nfvigil.desks.desk import Desk
from nfvigil.desks.event_alarms import EventAlarmDesk
from nfvigil.inspector.capacity import Ratios
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import Decision
from nfvigil.northbound.api import all_rules, create_api, new_id
from nfvigil.northbound.audit_notes import AuditNotes
from nfvigil.northbound.event_doors import event_paths
from nfvigil.northbound.feed import AlarmFeed
from nfvigil.northbound.guarded import may_send
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.rules.file import PolicyFile
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.notifier.control_plane import ControlPlane
from nfvigil.notifier.heartbeat import Heartbeats
from nfvigil.pipeline import Pipeline
from nfvigil.policy_start import policy_in_force
from nfvigil.sealing.keys import Keys
from nfvigil.settings import Settings
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.inventory import Inventory
from nfvigil.southbound.timing import Timing
from nfvigil.store import Store, open_store
from nfvigil.vnf.keeper import Keeper
from nfvigil.vnf.registry import Registry
from nfvigil.wiring.access import Access, check_open_doors, open_access
from nfvigil.wiring.accounts import accounts_of
from nfvigil.wiring.buses import bus_places
from nfvigil.wiring.control_places import control_places
from nfvigil.wiring.controller import controller_of
from nfvigil.wiring.event_alarms import LateTap, put_alarming_together, show_event_alarms
from nfvigil.wiring.gauges import observe_delivery, show_capacity, show_depths, show_vims
from nfvigil.wiring.health_report import health_report
from nfvigil.wiring.intake import intake_of, topology_of
from nfvigil.wiring.left import Left, check_suffixes, what_was_left
from nfvigil.wiring.monitoring import Monitoring, put_monitoring_together
from nfvigil.wiring.o2ims import o2ims_of
from nfvigil.wiring.osm import Osm, open_osm
from nfvigil.wiring.recovery import Recovery, fences_of, put_recovery_together
from nfvigil.wiring.tellers import Tellers, open_tellers
from nfvigil.wiring.ves import Ves, chosen, put_ves_together, show_ves
from nfvigil.wiring.vnfs import Vnfs, both, keep_records, put_vnfs_together, show_records


class Assembly:
    """The parts of one service, made in the order of the methods; each is set once, and ended by ``stack``.

    A part that needs one that is made later is handed a way to ask for it (``lambda: self.inventory``), and asks when
    the service runs.
    """

    topology: Topology | None
    keys: Keys
    store: Store
    drivers: Drivers
    vims: dict[str, Vim]
    metrics: Metrics
    policy: CompiledPolicy
    left: Left

    osm: Osm
    control: ControlPlane
    resource_map: ResourceMap
    tellers: Tellers

    feed: AlarmFeed
    vnf_feed: VnfFeed
    registry: Registry
    pipeline: Pipeline
    alarming: EventAlarmDesk

    keeper: Keeper
    vnfs: Vnfs
    ves: Ves

    fences: Fences
    recovery: Recovery
    controller: Controller

    intake: Intake
    inventory: Inventory

    audit_notes: AuditNotes
    access: Access
    accounts: Accounts

    heartbeats: Heartbeats
    desk: Desk
    monitoring: Monitoring
    permissions: PolicyFile
    app: object

    def __init__(self, settings: Settings, stack: AsyncExitStack, *, clock: Callable[[], int], agent: str) -> None:
        self.settings = settings
        self.stack = stack
        self.clock = clock
        self.agent = agent

    async def lay_the_ground(self) -> None:
        """The store and what an earlier process left in it, the policy, the drivers of the settings' clouds."""
        settings = self.settings
        self.topology = topology_of(settings)
        self.keys = keys_of(
            given=settings.secrets.keys.get_secret_value(),
            key_file=settings.secrets.key_file,
            database_url=settings.database_url,
        )
        self.store = await open_store(
            settings.database_url, node=settings.node, clock=self.clock, alone=True, keys=self.keys
        )
        self.stack.push_async_callback(self.store.close)
        self.drivers = Drivers(tap=LateTap(lambda: self.alarming))
        self.vims = {}
        for one in settings.vims:
            self.vims[one.name] = self.drivers.open(
                driver=one.driver, name=one.name, options=one.options, clock=self.clock, host_suffix=one.host_suffix
            )
            self.stack.push_async_callback(self.vims[one.name].close)
        self.metrics = Metrics()
        self.policy = await policy_in_force(self.store, settings)
        self.left = await what_was_left(self.store, settings, self.clock)
        check_suffixes(settings, self.left.state)

    async def make_tellers(self) -> None:
        """Who tells, where nobody is told (what we work with ourselves), and the map of what there is to tell of."""
        settings = self.settings
        self.osm = open_osm(settings.osm, clock=self.clock)
        self.stack.callback(self.osm.close)
        of_buses = [*bus_places(settings.buses), *self.osm.places]
        self.control = ControlPlane(
            places=lambda: [
                *control_places(settings, self.accounts.open_vims(), self.fences),
                *of_buses,
                *self.access.places(),
            ]
        )
        self.resource_map = ResourceMap(self.topology)
        self.tellers = await open_tellers(
            self.store,
            settings,
            self.metrics,
            self.left.state,
            self.resource_map,
            self.control,
            agent=self.agent,
            clock=self.clock,
        )
        self.stack.push_async_callback(self.tellers.poster.close)

    async def make_pipeline(self) -> None:
        """What decides, and what hears of it first."""
        self.feed, self.vnf_feed = AlarmFeed(), VnfFeed()
        self.registry = Registry(await self.store.vnfs())
        self.pipeline = Pipeline(
            keeper=self.store,
            writer=self.tellers.composer,
            tell=self.tellers.dispatcher.offer,
            sent=self.tellers.dispatcher.sent,
            act=lambda actions: self.controller.offer(actions),
            policy=self.policy,
            resource_map=self.resource_map,
            state=self.left.state,
            ids=self.left.ids,
            clock=self.clock,
            event_alarms=self.tellers.event_alarms,
            forget=lambda *names: self.intake.forget(*names),
            decided=self._decided,
            observe=self.metrics.stage,
        )
        self.alarming = put_alarming_together(self.settings, self.pipeline, self.store, self.tellers, clock=self.clock)

    def _decided(self, decisions: Sequence[Decision]) -> None:
        self.recovery.look_out(decisions)
        self.feed.decided(decisions)

    async def know_vnfs(self) -> None:
        """VNFs with their records, and VES collectors: what reads the clouds' listings beside the map."""
        self.keeper = await keep_records(
            self.store,
            self.pipeline,
            self.registry,
            inventory=lambda: self.inventory,
            open_vims=lambda: self.accounts.open_vims(),
            undecided=self.left.undecided,
            clock=self.clock,
            feed=self.vnf_feed,
            is_theirs=self.osm.is_theirs,
        )
        self.vnfs = put_vnfs_together(
            self.settings,
            registry=self.registry,
            keeper=self.keeper,
            pipeline=self.pipeline,
            store=self.store,
            matcher=self.tellers.matcher,
            poster=self.tellers.poster,
            logins=self.tellers.logins,
            agent=self.agent,
            clock=self.clock,
            status=lambda vim: self.inventory.status_of(vim),
            feed=self.vnf_feed,
        )
        self.ves = put_ves_together(
            self.settings,
            self.pipeline,
            self.store,
            self.tellers,
            inventory=lambda: self.inventory,
            accounts=lambda: self.accounts,
            agent=self.agent,
            clock=self.clock,
        )
        self.tellers.dispatcher.observe = both(
            observe_delivery(self.metrics), both(self.vnfs.losses.observe, self.ves.book.observe)
        )

    def make_hands(self) -> None:
        """What does things in the clouds, and what holds it back."""
        self.fences = fences_of(self.settings, self.vims, self.clock)
        self.stack.push_async_callback(self.fences.close)
        self.recovery = put_recovery_together(
            self.settings, self.pipeline, self.store, self.fences, controller=lambda: self.controller, clock=self.clock
        )
        self.controller = controller_of(
            self.vims, self.settings, self.metrics, self.pipeline, self.recovery, clock=self.clock
        )

    def make_eyes(self) -> None:
        """What takes events in, and what lists the clouds."""
        self.intake = intake_of(self.settings, self.pipeline, self.left, clock=self.clock)
        self.inventory = Inventory(
            vims=self.vims,
            known=self.pipeline.map,
            apply=self.pipeline.take_map,
            intervals={one.name: one.interval_seconds for one in self.settings.vims},
            clock=self.clock,
            say=self.recovery.desk.say,
            timing=Timing(**self.settings.inventory.model_dump()),
            readers=[self.keeper, *self.osm.readers, self.ves.agent],
        )

    async def let_in(self) -> None:
        """Who may ask, and what is noted of those who may not."""
        self.audit_notes = AuditNotes(add=self.store.add_audit, clock=self.clock)
        self.access = await self.stack.enter_async_context(
            open_access(
                self.settings.access,
                dev=self.settings.dev,
                store=self.store,
                keys=self.keys,
                clock=self.clock,
                new_id=new_id,
                metrics=self.metrics,
                stranger=self.audit_notes.stranger,
            )
        )

    async def take_on_clouds(self) -> None:
        """The accounts of the clouds, and what can only begin when it is known which clouds there are."""
        self.accounts = accounts_of(
            self.store,
            self.keys,
            self.settings,
            self.pipeline,
            drivers=self.drivers,
            vims=self.vims,
            controller=self.controller,
            inventory=self.inventory,
            clock=self.clock,
            removed=self.ves.desk.forget,
        )
        self.stack.push_async_callback(self.accounts.close)
        await self.accounts.start()
        self.osm.join(self.accounts, self.pipeline, self.registry, undecided=self.left.undecided)
        await self.ves.start(self.accounts)
        await self.control.refresh()
        self.pipeline.map.names.begin(self.left.state.mistakable)

    async def make_desk(self) -> None:
        """What is asked for beside events."""
        self.heartbeats = Heartbeats(beat=lambda subscription: self.desk.beat(subscription))
        for subscription in await self.store.subscriptions():
            self.heartbeats.put(subscription)
        health = health_report(
            self.store, self.inventory, self.pipeline, self.tellers.dispatcher, self.controller, self.accounts
        )
        self.desk = Desk(
            pipeline=self.pipeline,
            store=self.store,
            matcher=self.tellers.matcher,
            dispatcher=self.tellers.dispatcher,
            heartbeats=self.heartbeats,
            safety=self.tellers.safety,
            channels=chosen(self.tellers.channels),
            composer=self.tellers.composer,
            health=self.access.in_health(self.osm.in_health(health)),
            simulation=next((vim for vim in map(inmost, self.vims.values()) if isinstance(vim, SimulatedVim)), None),
            clock=self.clock,
            extra_actions=frozenset(action_plugins()),
            ratios={vim.name: Ratios(vim.cpu_allocation_ratio, vim.ram_allocation_ratio) for vim in self.settings.vims},
        )

    def show(self) -> None:
        """What /metrics has of the parts."""
        show_capacity(self.metrics, self.desk)
        show_depths(self.metrics, self.pipeline, self.tellers.dispatcher, self.controller)
        show_vims(self.metrics, self.inventory)
        show_records(self.metrics, self.keeper)
        show_event_alarms(self.metrics, self.alarming)
        self.osm.show(self.metrics)
        show_ves(self.metrics, self.ves.book, self.clock)

    def open_doors(self) -> None:
        """The event doors, and the API around them."""
        self.monitoring = put_monitoring_together(
            self.settings.formats,
            intake=self.intake,
            guard=self.access.guard.at_door,
            allow=may_send,
            pipeline=self.pipeline,
            metrics=self.metrics,
            recent=self.left.recent,
            clock=self.clock,
        )
        check_open_doors(self.settings.access, self.monitoring.doors)
        self.permissions = PolicyFile(rules=all_rules(self.monitoring.doors), path=self.settings.access.policy_file)
        self.app = create_api(
            desk=self.desk,
            recovery=self.recovery.desk,
            vims=self.accounts,
            credentials=self.access.credentials,
            store=self.store,
            guard=self.access.guard,
            clock=self.clock,
            metrics=self.metrics,
            read_event=self.intake.read,
            vnf=self.vnfs.parts,
            extra_routes=self.monitoring.doors,
            extra_paths=event_paths(),
            o2ims=o2ims_of(self.settings, self.store, self.pipeline, self.tellers, self.desk),
            permissions=self.permissions,
            audit_notes=self.audit_notes,
            alarming=self.alarming,
            ves=self.ves.desk,
            feed=self.feed,
        )
