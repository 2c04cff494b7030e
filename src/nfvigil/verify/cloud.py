"""Makes what a run needs in the cloud, and looks at what became of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack import wire
from nfvigil.controller.vims.openstack.microversions import LISTED_SERVERS_MAX, NEWEST
from nfvigil.controller.vims.openstack.paging import read_pages
from nfvigil.controller.vims.openstack.reading import facts_of
from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.secret import Secret
from nfvigil.verify.keystone import Keystone
from nfvigil.verify.logins import Account, decoded, inside, owner
from nfvigil.verify.plan import SERVERS_MAX, HostSeen, Plan, Wanted, choose_flavor, choose_host, choose_image
from nfvigil.verify.seen import Seen, ServerSeen
from nfvigil.verify.whole import whole

PAGE = 1000
HOSTS_LOOKED_AT_MAX = 512
LOOKS_AT_ONCE = 16
BOOTS_AT_ONCE = 4
POLL_SECONDS = 0.5
HOST_AT_BOOT = 74
"""From 2.74 on the host can be named by itself, and the scheduler is asked about it."""
SUBNET = "192.0.2.0/24"
"""The network is routed nowhere; the range is the one kept for examples."""


class Cloud:
    """As the administrator. ``project`` is the id of the run's own, "" until it is made."""

    def __init__(self, *, admin: Account, wanted: Wanted) -> None:
        self.admin = admin
        self.keystone = Keystone(admin=admin)
        self.project = ""
        self.other_project = ""
        self._wanted = wanted
        self._inside: Account | None = None
        self._owner: Account | None = None
        self._network = ""

    async def close(self) -> None:
        for account in (self._owner, self._inside, self.admin):
            if account is not None:
                await account.close()

    # Looking for a place

    async def plan(self, run: str) -> Plan:
        wanted = self._wanted
        answer = await self.admin.client.call("image", "GET", "/v2/images", query=[("limit", str(PAGE))])
        image = choose_image(decoded(answer.body)["images"], wanted.image)
        query = [("is_public", "None" if wanted.flavor else "True"), ("limit", str(PAGE))]
        answer = await self.admin.nova.call("GET", "/flavors/detail", query=query)
        flavor = choose_flavor(decoded(answer.body)["flavors"], wanted.flavor, image)
        return Plan(
            run=run,
            host=choose_host(await self._hosts(), wanted),
            image=str(image["id"]),
            image_name=str(image.get("name") or image["id"]),
            flavor=str(flavor["id"]),
            flavor_name=str(flavor.get("name") or flavor["id"]),
            wanted=wanted,
        )

    async def _hosts(self) -> list[HostSeen]:
        """All; the roomiest first, and looked at for servers of others until some without them are found."""
        services = (await self.admin.nova.services()).services
        hypervisors = await read_pages(
            lambda marker: self.admin.nova.hypervisor_page(PAGE, marker),
            id_of=lambda each: str(each.id),
            convert=lambda each: each,
            limit=PAGE,
            what="hypervisors",
        )
        facts = facts_of([service.host for service in services], hypervisors, [])
        hosts = [
            HostSeen(
                name=service.host,
                zone=service.zone,
                is_up=service.state == "up",
                is_enabled=service.status == "enabled",
                forced_down=service.forced_down,
                memory_mb=facts[service.host].memory_mb,
            )
            for service in services
        ]
        hosts.sort(key=lambda host: (host.name != self._wanted.host, not host.is_well, -host.memory_mb, host.name))
        looked_at = hosts[:1] if self._wanted.host else [host for host in hosts if host.is_well][:HOSTS_LOOKED_AT_MAX]
        found: dict[str, HostSeen] = {}
        for first in range(0, len(looked_at), LOOKS_AT_ONCE):
            some = looked_at[first : first + LOOKS_AT_ONCE]
            counts = await asyncio.gather(*[self.foreign(host.name) for host in some])
            for host, foreign in zip(some, counts, strict=True):
                found[host.name] = msgspec.structs.replace(host, foreign=foreign)
            if 0 in counts:
                break
        return [found.get(host.name, host) for host in hosts]

    async def foreign(self, host: str) -> int:
        """How many servers there are not ours; of many only that they are many."""
        page = await self.admin.nova.server_page(PAGE, None, [("host", host)])
        return sum(server.tenant_id != self.project for server in page.items)

    # Making

    async def make_project(self, plan: Plan, claim: str) -> None:
        """The run's own, with its claim, first of all: whatever follows is found by it."""
        self.project = await self.keystone.make_project(plan.name, claim)
        self.other_project = await self.keystone.make_project(f"{plan.name}-other", f"beside {plan.name}")

    async def make_owner(self, plan: Plan) -> None:
        password = Secret(secrets.token_urlsafe(32))
        user = await self.keystone.make_user(plan.name, password, self.project)
        await self.keystone.let_us_in(self.project)
        self._owner = await owner(self.admin, self.project, user, password)
        self._inside = await inside(self.admin, self.project)
        quota = {"instances": -1, "cores": -1, "ram": -1}
        path = f"/os-quota-sets/{self.project}"
        await whole(self.admin.nova.call("PUT", path, body={"quota_set": quota}))

    @property
    def owner(self) -> Account:
        assert self._owner is not None  # it is made before anything of it is asked for
        return self._owner

    async def make_network(self, plan: Plan) -> None:
        """By the owner, as tenants do."""
        wanted: dict[str, Any] = {"name": plan.name}
        answer = await whole(self.owner.client.call("network", "POST", "/v2.0/networks", body={"network": wanted}))
        self._network = str(decoded(answer.body)["network"]["id"])
        subnet = {"name": plan.name, "network_id": self._network, "ip_version": 4, "cidr": SUBNET, "gateway_ip": None}
        await whole(self.owner.client.call("network", "POST", "/v2.0/subnets", body={"subnet": subnet}))

    async def make_servers(self, plan: Plan, upto: int, count: Callable[[int, int], None]) -> None:
        """As many as are missing until there are ``upto``; all of them ACTIVE when this returns."""
        have = len(await self.servers())
        free = asyncio.Semaphore(BOOTS_AT_ONCE)

        async def boot(number: int) -> None:
            async with free:
                await whole(self._boot(plan, number))

        try:
            async with asyncio.TaskGroup() as group:
                for number in range(have + 1, upto + 1):
                    group.create_task(boot(number))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors  # the others say the same
        await self._until_active(upto, count)

    async def _boot(self, plan: Plan, number: int) -> None:
        assert self._inside is not None
        server: dict[str, Any] = {
            "name": f"{plan.name}-{number}",
            "imageRef": plan.image,
            "flavorRef": plan.flavor,
            "networks": [{"uuid": self._network}],
        }
        if (await self._inside.nova.dialect()).has(HOST_AT_BOOT):
            server["host"] = plan.host.name
        else:
            server["availability_zone"] = f"{plan.host.zone or 'nova'}:{plan.host.name}"
        await self._inside.nova.call("POST", "/servers", body={"server": server})

    async def _until_active(self, upto: int, count: Callable[[int, int], None]) -> None:
        try:
            async with asyncio.timeout(self._wanted.wait_seconds):
                while True:
                    servers = await self.servers()
                    failed = [server for server in servers if server.status == "ERROR"]
                    if failed:
                        reason = (await self.admin.nova.server(failed[0].id))[0].fault
                        text = reason.message if reason is not None else "Nova does not say why"
                        raise RefusedError(f"{len(failed)} of {upto} servers did not boot: {text}")
                    ready = sum(server.status == "ACTIVE" for server in servers)
                    count(ready, upto)
                    if ready >= upto:
                        return
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            text = f"the servers were not ACTIVE within {self._wanted.wait_seconds:g} s: see --wait"
            raise UnavailableError(text) from error

    # Looking at what became of it

    async def servers(self) -> list[wire.WireServer]:
        page = await self.admin.nova.server_page(PAGE, None, [("project_id", self.project)])
        return [server for server in page.items if server.tenant_id == self.project]

    async def ports(self) -> dict[str, str] | None:
        """Data plane status of each server's port."""
        if "data-plane-status" not in await self.admin.neutron.extensions():
            return None
        fields = ("id", "device_owner", "data_plane_status")
        query = [("project_id", self.project), *[("fields", field) for field in fields]]
        answer = await self.admin.client.call("network", "GET", "/v2.0/ports", query=query)
        return {
            str(port["id"]): str(port.get("data_plane_status") or "")
            for port in decoded(answer.body)["ports"]
            if str(port.get("device_owner", "")).startswith("compute:")
        }

    async def look(self, host: str) -> Seen:
        """As the administrator sees it, and the owner."""
        (service, _), servers, ports, foreign, owners = await asyncio.gather(
            self.admin.nova.service(host), self.servers(), self.ports(), self.foreign(host), self._owners_view()
        )
        return Seen(
            service_state=service.state,
            forced_down=service.forced_down,
            foreign=foreign,
            servers={
                server.id: ServerSeen(
                    status=server.status,
                    host=server.host if isinstance(server.host, str) else "",
                    host_status=server.host_status,
                    owner_host_status=owners.get(server.id) or None,
                )
                for server in servers
            },
            ports=ports,
        )

    async def _owners_view(self) -> dict[str, str]:
        answer = await self.owner.nova.call(
            "GET", "/servers/detail", query=[("limit", str(SERVERS_MAX))], at_most=LISTED_SERVERS_MAX
        )
        servers = decoded(answer.body)["servers"]
        return {str(server["id"]): str(server.get("host_status") or "") for server in servers}

    async def is_up(self, host: str) -> bool:
        service, _ = await self.admin.nova.service(host)
        return service.state == "up" and not service.forced_down

    async def facts(self) -> dict[str, str]:
        """For the report."""
        dialect = await self.admin.nova.dialect()
        return {"nova": f"up to {dialect.version(NEWEST)}"}
