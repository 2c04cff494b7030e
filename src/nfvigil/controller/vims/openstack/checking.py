"""Tries everything that the driver needs of a cloud, without changing anything there, and says what to do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from nfvigil.controller.vims.openstack import microversions
from nfvigil.controller.vims.openstack.client import decoded
from nfvigil.controller.vims.openstack.wire import Groups
from nfvigil.errors import ForbiddenError, NfvigilError, NotFoundError, RefusedError
from nfvigil.model.answers import CheckItem

if TYPE_CHECKING:
    from nfvigil.controller.vims.openstack.vim import OpenStackVim

ADMIN = "give the user the role admin"


class _NotGoodError(Exception):
    """A look that worked, and showed what is not as it must be."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(detail)
        self.advice = advice


Look = Callable[[], Awaitable[str]]


async def check(vim: OpenStackVim) -> tuple[CheckItem, ...]:
    looks = _Looks(vim)
    items = [await _item("log in", looks.log_in, "check auth_url, the credentials and clouds.yaml")]
    if not items[0].ok:
        return tuple(items)
    allow = "or allow os_compute_api:"
    for what, look, advice in (
        ("endpoints", looks.endpoints, "check region and interface, and the catalogue: openstack catalog list"),
        ("microversions of Nova", looks.microversions, "Nova must be Liberty or newer"),
        ("servers of all projects", looks.servers, f"{ADMIN}, {allow}servers:detail:get_all_tenants"),
        ("hosts of servers", looks.server_attributes, f"{ADMIN}, {allow}os-extended-server-attributes"),
        ("compute services", looks.services, f"{ADMIN}, {allow}os-services:list"),
        ("hypervisors", looks.hypervisors, f"{ADMIN}, {allow}os-hypervisors:list-detail"),
        ("aggregates", looks.aggregates, f"{ADMIN}, {allow}os-aggregates:index"),
        ("server groups of all projects", looks.groups, f"{ADMIN}, {allow}os-server-groups:index:all_projects"),
        ("force a host down", looks.force_down, f"{ADMIN}, {allow}os-services:update"),
        ("reset a server's state", looks.reset_state, f"{ADMIN}, {allow}os-admin-actions:reset_state"),
        ("ports of all projects", looks.ports, f"{ADMIN}, or allow get_port:binding:host_id in Neutron's policy"),
        ("data plane status of ports", looks.data_plane, "add data_plane_status to ML2's extension_drivers"),
        ("block storage", looks.volumes, f"{ADMIN} in Cinder too"),
        ("message bus", looks.bus, "check the option bus, and whether the bus can be reached from here"),
    ):
        items.append(await _item(what, look, advice))
    return tuple(items)


async def _item(what: str, look: Look, advice: str) -> CheckItem:
    try:
        return CheckItem(what=what, ok=True, detail=await look())
    except _NotGoodError as error:
        return CheckItem(what=what, ok=False, detail=str(error), advice=error.advice)
    except RefusedError as error:
        return CheckItem(what=what, ok=False, detail=str(error), advice=advice)
    except (NfvigilError, OSError) as error:
        unreachable = advice if what in ("log in", "message bus") else "the service does not answer: try again later"
        return CheckItem(what=what, ok=False, detail=str(error), advice=unreachable)


class _Looks:
    def __init__(self, vim: OpenStackVim) -> None:
        self._vim = vim

    async def log_in(self) -> str:
        login = await self._vim.client.login()
        roles = ", ".join(sorted(login.roles)) or "none"
        return f"as {login.user} of project {login.project or '-'}, with the roles {roles}"

    async def endpoints(self) -> str:
        found = (await self._vim.client.login()).endpoints
        missing = [service for service in ("compute", "network") if service not in found]
        if missing:
            raise _NotGoodError(
                f"the catalogue lacks {' and '.join(missing)}",
                "check region and interface, and the catalogue: openstack catalog list",
            )
        return ", ".join(f"{service} {url}" for service, url in sorted(found.items()))

    async def microversions(self) -> str:
        dialect = await self._vim.nova.dialect(anew=True)
        text = f"up to {dialect.version()} is used"
        if not dialect.has(microversions.DOWN_CELLS):
            text += f"; below 2.{microversions.DOWN_CELLS} Nova does not say when a cell does not answer"
        return text

    async def servers(self) -> str:
        await self._vim.nova.server_page(1, None)
        return "can be listed"

    async def server_attributes(self) -> str:
        page = await self._vim.nova.server_page(1, None)
        if not page.items:
            return "there is no server to look at"
        server = page.items[0]
        if not isinstance(server.host, str | None):
            raise _NotGoodError(
                "Nova does not show OS-EXT-SRV-ATTR:host",
                f"{ADMIN}, or allow os_compute_api:os-extended-server-attributes",
            )
        if not server.host_status and server.host:
            raise _NotGoodError(
                "Nova does not show host_status", f"{ADMIN}, or allow os_compute_api:servers:show:host_status"
            )
        return "host and host_status are shown"

    async def services(self) -> str:
        services = (await self._vim.nova.services()).services
        if not services:
            raise _NotGoodError("Nova lists no compute service", f"{ADMIN}, or allow os_compute_api:os-services:list")
        return f"{len(services)} compute services"

    async def hypervisors(self) -> str:
        await self._vim.nova.hypervisor_page(1, None)
        return "can be listed"

    async def aggregates(self) -> str:
        return f"{len(await self._vim.nova.aggregates())} aggregates"

    async def groups(self) -> str:
        """Who may not see all is shown its own without a word: only the role tells."""
        query = [("all_projects", "True"), ("limit", "1")]
        answer = await self._vim.nova.call("GET", "/os-server-groups", query=query)
        decoded(answer, Groups, "Nova")
        return f"can be listed{await self._by_role('Nova shows only its own to who is no administrator')}"

    async def force_down(self) -> str:
        """Of a service that does not exist: it is refused for that, or before it because we may not."""
        nova = self._vim.nova
        try:
            if (await nova.dialect()).has(microversions.SERVICE_BY_ID):
                await nova.call("PUT", f"/os-services/{uuid4()}", body={"forced_down": True})
            else:
                body = {"host": f"nfvigil-{uuid4()}", "binary": "nova-compute", "forced_down": True}
                await nova.call("PUT", "/os-services/force-down", body=body)
        except ForbiddenError:
            raise
        except NotFoundError:
            return "is allowed"
        except RefusedError as error:
            return f"is allowed, as far as can be seen: {error}"
        return "is allowed"

    async def reset_state(self) -> str:
        """Nova looks for the server before it looks whether we may: it cannot be tried without changing one."""
        return f"cannot be tried without changing a server{await self._by_role('Nova lets administrators only')}"

    async def ports(self) -> str:
        page = await self._vim.neutron.port_page(1, None)
        if any(not isinstance(port.host, str | None) for port in page.items):
            raise _NotGoodError(
                "Neutron does not show binding:host_id, and so only our own ports",
                f"{ADMIN}, or allow get_port:binding:host_id in Neutron's policy",
            )
        return "can be listed, with their hosts" if page.items else "can be listed; there is none to look at"

    async def data_plane(self) -> str:
        if "data-plane-status" not in await self._vim.neutron.extensions():
            raise _NotGoodError(
                "Neutron has no extension data-plane-status", "add data_plane_status to ML2's extension_drivers"
            )
        return "the extension is there"

    async def volumes(self) -> str:
        if not await self._vim.cinder.is_there():
            return "the catalogue has none: volumes are not looked at"
        await self._vim.cinder.volume_page(1, None)
        return "can be listed"

    async def bus(self) -> str:
        if self._vim.options.bus is None:
            return "none is configured: changes are seen at the next snapshot, failing hosts by polling"
        reason = await self._vim.hints.check()
        if reason:
            raise _NotGoodError(reason, "check the option bus, and whether the bus can be reached from here")
        return "can be reached"

    async def _by_role(self, why: str) -> str:
        roles = (await self._vim.client.login()).roles
        if "admin" not in roles:
            raise _NotGoodError(f"{why}, and our roles are {', '.join(sorted(roles)) or 'none'}", ADMIN)
        return ", and our role admin allows it by default"
