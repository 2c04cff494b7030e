"""The app that listens: the management API, and the event doors that it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import BaseRoute

from nfvigil import __version__
from nfvigil.model.event import Event
from nfvigil.model.identity import Identity
from nfvigil.northbound import (
    actions,
    alarm_stream,
    alarms,
    audit,
    brakes,
    capacity,
    deliveries,
    event_alarms,
    events,
    faults,
    health,
    instructions,
    masakari,
    o2ims,
    physical,
    policies,
    problems,
    recovery,
    resources,
    root,
    simulation,
    subscription_changes,
    subscriptions,
    tokens,
    vnf_changes,
    vnf_documents,
    vnf_records,
    vnfs,
)
from nfvigil.northbound import (
    vims as vim_routes,
)
from nfvigil.northbound.access.credentials import Credentials
from nfvigil.northbound.access.headers import WithoutIdentityHeaders
from nfvigil.northbound.aodh import alarms as aodh_alarms
from nfvigil.northbound.aodh import beside as aodh_beside
from nfvigil.northbound.aodh import history as aodh_history
from nfvigil.northbound.aodh.desk import Alarming
from nfvigil.northbound.audit_notes import AuditNotes
from nfvigil.northbound.desk import Desk
from nfvigil.northbound.docs import docs_route
from nfvigil.northbound.feed import AlarmFeed
from nfvigil.northbound.front import Front
from nfvigil.northbound.guarded import Permissions
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.o2ims.desk import O2imsDesk
from nfvigil.northbound.openapi import description_route
from nfvigil.northbound.parts import Parts
from nfvigil.northbound.records import Records
from nfvigil.northbound.recovery_desk import Recovery
from nfvigil.northbound.rules.catalogue import door_rules, rules_of
from nfvigil.northbound.rules.rule import Rule
from nfvigil.northbound.sol import alarms as sol_alarms
from nfvigil.northbound.sol import subscriptions as sol_subscriptions
from nfvigil.northbound.sol import versions as sol_versions
from nfvigil.northbound.tacker import server_notifier
from nfvigil.northbound.ves import onap as ves_onap
from nfvigil.northbound.ves import routes as ves_routes
from nfvigil.northbound.ves.desk import VesDesk
from nfvigil.northbound.vim_desk import VimDesk
from nfvigil.northbound.vnf_desk import VnfParts

ROUTERS = (
    events.administer,
    root.public,
    alarm_stream.follow,
    audit.administer,
    alarms.read,
    alarms.write,
    alarms.administer,
    subscriptions.read,
    subscriptions.write,
    subscription_changes.read,
    subscription_changes.write,
    deliveries.read,
    deliveries.write,
    physical.read,
    resources.read,
    resources.administer,
    capacity.administer,
    faults.administer,
    faults.read,
    actions.read,
    instructions.read,
    instructions.write,
    recovery.read,
    recovery.write,
    brakes.administer,
    policies.administer,
    simulation.administer,
    vim_routes.administer,
    ves_routes.administer,
    ves_onap.administer,
    tokens.administer,
    *o2ims.ROUTERS,
    aodh_alarms.read,
    aodh_alarms.write,
    aodh_history.read,
    aodh_beside.public,
    aodh_beside.read,
    event_alarms.write,
    vnf_changes.read,
    vnf_documents.read,
    vnf_documents.write,
    vnf_records.read,
    vnfs.read,
    vnfs.write,
    sol_versions.read,
    sol_alarms.read,
    sol_alarms.write,
    sol_subscriptions.read,
    sol_subscriptions.write,
    server_notifier.write,
    health.public,
    health.scrape,
    masakari.public,
    masakari.read,
)


def new_id() -> str:
    return str(uuid4())


def all_rules(doors: Sequence[BaseRoute]) -> tuple[Rule, ...]:
    """The rules of every route that there is, and of the doors beside them."""
    return rules_of([route for router in ROUTERS for route in router.routes], doors)


def default_permissions(doors: Sequence[BaseRoute]) -> Permissions:
    from nfvigil.northbound.rules import permissions  # who only describes the API does not wait for oslo.policy

    return permissions.Permissions(all_rules(doors))


def create_api(
    *,
    desk: Desk,
    recovery: Recovery,
    vims: VimDesk,
    credentials: Credentials,
    store: Records,
    guard: Callable[[Request], Awaitable[Identity]],
    clock: Callable[[], int],
    metrics: Metrics,
    read_event: Callable[[bytes], Event],
    vnf: VnfParts,
    extra_routes: Sequence[BaseRoute] = (),
    extra_paths: Mapping[str, Any] | None = None,
    new_id: Callable[[], str] = new_id,
    o2ims: O2imsDesk | None = None,
    alarming: Alarming | None = None,
    ves: VesDesk | None = None,
    feed: AlarmFeed | None = None,
    permissions: Permissions | None = None,
    audit_notes: AuditNotes | None = None,
) -> FastAPI:
    """``extra_routes`` are plain routes, such as the event doors; they come first, as they are the hot path.

    ``extra_paths`` describes them: an OpenAPI document's ``paths`` and ``components`` (``event_doors.event_paths()``).
    ``read_event`` reads one event in our own form for a dry run, without keeping it. Without ``permissions`` the rules
    are as they come with the code; without ``audit_notes`` only what the operations note themselves is kept.
    """
    feed = AlarmFeed() if feed is None else feed  # one that nobody follows yet has the length 0
    app = FastAPI(
        title="NFVigil",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = Parts(
        desk=desk,
        recovery=recovery,
        vims=vims,
        credentials=credentials,
        store=store,
        guard=guard,
        clock=clock,
        metrics=metrics,
        read_event=read_event,
        new_id=new_id,
        o2ims=o2ims,
        alarming=alarming,
        ves=ves,
        feed=feed,
        vnf=vnf,
    )

    def end() -> None:
        feed.close()
        vnf.feed.close()

    app.state.end = end
    app.add_middleware(Front)
    app.add_middleware(WithoutIdentityHeaders)
    app.state.permissions = permissions or default_permissions(extra_routes)
    app.state.audit_notes = audit_notes
    app.state.door_rules = door_rules(extra_routes)
    problems.install(app)
    app.router.routes.extend(extra_routes)
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.append(docs_route())
    app.router.routes.append(description_route(app, extra_paths or {}))
    return app
