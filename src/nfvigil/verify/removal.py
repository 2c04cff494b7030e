"""Takes away what a run has made, found by its name and project, and lets its host up again if it is forced down."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

from nfvigil.errors import NfvigilError, NotFoundError
from nfvigil.verify.claim import Claim, is_alive
from nfvigil.verify.keystone import Keystone
from nfvigil.verify.logins import Account, decoded
from nfvigil.verify.progress import Progress

STEP_SECONDS = 120.0
POLL_SECONDS = 0.3
AT_ONCE = 8


class Removal:
    """Everything is asked for by list, taken away, and asked for again until nothing is listed: it may be begun
    anywhere, and twice.
    """

    def __init__(self, *, admin: Account, progress: Progress, step_seconds: float = STEP_SECONDS) -> None:
        self._admin = admin
        self._keystone = Keystone(admin=admin)
        self._progress = progress
        self._step_seconds = step_seconds

    async def let_up(self, host: str) -> str:
        """ "" when the host is not forced down, else why it still is."""
        deadline = time.monotonic() + self._step_seconds
        while True:
            reason = "it is forced down again and again"
            try:
                service, _ = await self._admin.nova.service(host)
                if not service.forced_down:
                    return ""
                await self._admin.nova.set_forced_down(service, False)
            except NotFoundError as error:
                return str(error)
            except NfvigilError as error:
                reason = str(error)
            if time.monotonic() > deadline:
                return f"the host {host} is still forced down: {reason}"
            await asyncio.sleep(POLL_SECONDS)

    async def leftovers(self, *, also_kept: bool) -> tuple[dict[str, tuple[str, Claim]], list[str]]:
        """The runs that are over and have left something, and sentences on those that are let alone."""
        dead: dict[str, tuple[str, Claim]] = {}
        let_alone = []
        for name, (project, claim) in (await self._keystone.runs()).items():
            if is_alive(claim, machine=socket.gethostname(), now_s=time.time()) and not claim.is_kept:
                let_alone.append(f"{name} is let alone: process {claim.pid} on {claim.machine} may still be at it")
            elif claim.is_kept and not claim.is_faulty and not also_kept:
                let_alone.append(f"{name} is let alone: it was kept on purpose (--cleanup-only removes it)")
            else:
                dead[name] = (project, claim)
        return dead, let_alone

    async def remove(self, name: str, project: str, claim: Claim) -> list[str]:
        """What could not be removed, in sentences. The project goes last, and stays while anything else does: as long
        as the host is forced down it is known by the claim.
        """
        wrong = [await self.let_up(claim.host)] if claim.is_faulty else []
        wrong += [
            await self._until_gone("servers", lambda: self._servers(project), self._delete_server),
            await self._until_gone("ports", lambda: self._of_network("ports", project), self._delete("ports")),
            await self._until_gone("networks", lambda: self._of_network("networks", project), self._delete("networks")),
            await self._until_gone("security groups", self._groups(project), self._delete("security-groups")),
        ]
        if any(wrong):
            return [each for each in wrong if each]
        quota = await said(self._admin.nova.call("DELETE", f"/os-quota-sets/{project}"))
        for what, find, delete in (
            (name, self._keystone.user_ids, self._keystone.delete_user),
            (f"{name}-other", self._keystone.project_ids, self._keystone.delete_project),
            (name, self._keystone.project_ids, self._keystone.delete_project),
        ):
            wrong.append(await self._until_gone(what, lambda find=find, what=what: find(what), delete))  # type: ignore[misc]  # defaults bind
        return [each for each in (quota, *wrong) if each]

    async def _until_gone(
        self, what: str, find: Callable[[], Awaitable[list[str]]], delete: Callable[[str], Awaitable[None]]
    ) -> str:
        deadline = time.monotonic() + self._step_seconds
        free = asyncio.Semaphore(AT_ONCE)

        async def one(each: str) -> str:
            async with free:
                return await said(delete(each))

        most, reason = 0, ""
        while True:
            try:
                left = await find()
                most = max(most, len(left))
                if not left:
                    if most > 1:
                        self._progress.count(f"{what} removed", most, most)
                    return ""
                if most > 1:
                    self._progress.count(f"{what} removed", most - len(left), most)
                reasons = await asyncio.gather(*[one(each) for each in left])
                reason = next(filter(None, reasons), reason)
            except NfvigilError as error:
                reason = str(error)
            if time.monotonic() > deadline:
                return f"{what} are still there: {reason or 'they do not go'}"
            await asyncio.sleep(POLL_SECONDS)

    async def _servers(self, project: str) -> list[str]:
        page = await self._admin.nova.server_page(1000, None, [("project_id", project)])
        # By project once more: a filter that a cloud does not know would give everybody's.
        return [server.id for server in page.items if server.tenant_id == project]

    async def _delete_server(self, server: str) -> None:
        await self._admin.nova.delete(server)

    async def _of_network(self, what: str, project: str) -> list[str]:
        query = [("project_id", project), ("fields", "id"), ("fields", "project_id")]
        answer = await self._admin.client.call("network", "GET", f"/v2.0/{what}", query=query)
        items = decoded(answer.body)[what.replace("-", "_")]
        return [str(item["id"]) for item in items if item.get("project_id") == project]

    def _groups(self, project: str) -> Callable[[], Awaitable[list[str]]]:
        """Neutron makes a project's default group whenever it is asked for a project's groups: so it is asked once,
        and then for each of them.
        """
        listed: list[str] | None = None

        async def find() -> list[str]:
            nonlocal listed
            if listed is None:
                listed = await self._of_network("security-groups", project)
                return listed
            return [group for group in listed if await self._is_there(f"/v2.0/security-groups/{group}")]

        return find

    async def _is_there(self, path: str) -> bool:
        try:
            await self._admin.client.call("network", "GET", path)
        except NotFoundError:
            return False
        return True

    def _delete(self, what: str) -> Callable[[str], Awaitable[None]]:
        async def delete(each: str) -> None:
            await self._admin.client.call("network", "DELETE", f"/v2.0/{what}/{each}")

        return delete


async def said(work: Awaitable[object]) -> str:
    """What went wrong, or ""."""
    try:
        await work
    except NfvigilError as error:
        return str(error)
    return ""
