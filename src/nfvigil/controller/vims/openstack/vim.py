"""The driver ``openstack``: puts the parts together, and plays the Protocol ``Vim``."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Self

from nfvigil.controller.vim import Tap
from nfvigil.controller.vims.openstack.amqp import open_session, reach
from nfvigil.controller.vims.openstack.bus import Bus
from nfvigil.controller.vims.openstack.bus_options import checked_bus
from nfvigil.controller.vims.openstack.checking import check
from nfvigil.controller.vims.openstack.cinder import Cinder
from nfvigil.controller.vims.openstack.client import Client, Identity
from nfvigil.controller.vims.openstack.deeds import Deeds
from nfvigil.controller.vims.openstack.hints import Hints, NoHints
from nfvigil.controller.vims.openstack.keystone import SERVICE as KEYSTONE
from nfvigil.controller.vims.openstack.keystone import Keystone
from nfvigil.controller.vims.openstack.known import Known
from nfvigil.controller.vims.openstack.listing import Listing
from nfvigil.controller.vims.openstack.neutron import Neutron
from nfvigil.controller.vims.openstack.nova import Nova
from nfvigil.controller.vims.openstack.options import Options, checked
from nfvigil.controller.vims.openstack.records import Records
from nfvigil.controller.vims.openstack.session import SERVICES, Session
from nfvigil.controller.vims.openstack.states import States
from nfvigil.controller.vims.openstack.transport import AiohttpTransport, Transport
from nfvigil.controller.vims.openstack.watch import Watch
from nfvigil.model.action import Action, Outcome, is_state
from nfvigil.model.answers import CheckItem
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, MapChange, Snapshot


class OpenStackVim:
    """``identity`` and ``transport`` are for who plays Keystone or the network; the real ones are made otherwise."""

    def __init__(
        self,
        *,
        name: str,
        options: Options,
        clock: Callable[[], int],
        identity: Identity | None = None,
        transport: Transport | None = None,
        hints: Hints | None = None,
    ) -> None:
        self.name = name
        self.options = options
        self._session: Session | None = None
        self._http: AiohttpTransport | None = None
        if identity is None:
            services = (*SERVICES, KEYSTONE)
            identity = self._session = Session(name=name, options=options, clock=clock, services=services)
        if transport is None:
            session = self._session
            transport = self._http = AiohttpTransport(tls=session.tls if session is not None else lambda: True)
        self.client = Client(name=name, identity=identity, transport=transport, timeout_seconds=options.timeout_seconds)
        self.nova = Nova(client=self.client)
        self.neutron = Neutron(client=self.client)
        self.cinder = Cinder(client=self.client)
        self.hints = hints or NoHints()
        self._known = Known()
        clouds: Any = {"nova": self.nova, "neutron": self.neutron, "cinder": self.cinder, "known": self._known}
        self._records = Records(name=name, options=options, **clouds)
        self._listing = Listing(name=name, options=options, clock=clock, **clouds)
        self._states = States(
            options=options, records=self._records, moved=lambda key: self._watch.look_at(key), **clouds
        )
        self._deeds = Deeds(name=name, nova=self.nova, records=self._records, known=self._known, clock=clock)
        self._watch = Watch(
            vim=name,
            known=self._known,
            services=self.nova.services,
            hosts=self._listing.hosts,
            learn=self._records.learn,
            read=self._records.look,
            beside=self._records.ports_with,
            hints=self.hints,
            interval_seconds=options.services_interval_seconds,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Self:
        """RefusedError names every option that is unknown or wrong."""
        given = checked(name, options)
        hints: Hints = NoHints()
        if given.bus is not None:
            # One queue for each installation: two that shared it would take each other's messages.
            bus = checked_bus(vim=name, node=socket.gethostname(), options=given.bus.reveal())
            hints = Bus(options=bus, connect=open_session, reach=reach, clock=clock)
        return cls(name=name, options=given, clock=clock, hints=hints)

    async def snapshot(self) -> Snapshot:
        return await self._listing.snapshot()

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        return await self._listing.snapshot(details)

    def changes(self) -> AsyncIterator[MapChange | None]:
        return self._watch.changes()

    async def perform(self, action: Action) -> Outcome:
        if not is_state(action.kind):
            return await self._deeds.perform(action)
        return await (self._states.restore(action) if action.undo_of else self._states.set(action))

    async def show(self, key: str) -> dict[str, Any]:
        return await self._records.show(key)

    async def read(self, key: str) -> CloudRecord:
        return await self._records.look(key)

    def tap(self, tap: Tap) -> None:
        self.hints.tap(tap)

    async def projects_by_id(self) -> Mapping[str, str]:
        return await Keystone(client=self.client).projects()

    async def check(self) -> Sequence[CheckItem]:
        return await check(self)

    def places(self) -> Sequence[str]:
        found = list(self._session.places()) if self._session is not None else []
        return [*found, *self.hints.places()]

    async def close(self) -> None:
        await self._watch.close()
        await self.hints.close()
        if self._http is not None:
            await self._http.close()
        if self._session is not None:
            await self._session.close()
