"""Projects, users and roles of a run, by their names."""

from __future__ import annotations

from typing import Any

from nfvigil.errors import NotFoundError
from nfvigil.model.secret import Secret
from nfvigil.verify.claim import Claim, claim_of
from nfvigil.verify.logins import Account, decoded
from nfvigil.verify.plan import PREFIX
from nfvigil.verify.whole import whole

TAG = "nfvigil-verify"
MEMBER = ("member", "_member_")
ADMIN = ("admin",)


class Keystone:
    def __init__(self, *, admin: Account) -> None:
        self._admin = admin

    async def make_project(self, name: str, description: str) -> str:
        """Its id."""
        domain = (await self._admin.login()).domain_id or "default"
        project = {"name": name, "domain_id": domain, "description": description, "tags": [TAG]}
        return str((await self._whole("POST", "/v3/projects", {"project": project}))["project"]["id"])

    async def make_user(self, name: str, password: Secret, project: str) -> str:
        """Its id; it has the role member in the project."""
        domain = (await self._admin.login()).domain_id or "default"
        user = {"name": name, "domain_id": domain, "password": password.reveal(), "default_project_id": project}
        made = str((await self._whole("POST", "/v3/users", {"user": user}))["user"]["id"])
        await self._give_role(project, made, MEMBER)
        return made

    async def let_us_in(self, project: str) -> None:
        """The administrator becomes administrator of this project too, until that is deleted."""
        await self._give_role(project, (await self._admin.login()).user_id, ADMIN)

    async def claim(self, project: str, claim: Claim) -> None:
        await self._whole("PATCH", f"/v3/projects/{project}", {"project": {"description": claim.text()}})

    async def runs(self) -> dict[str, tuple[str, Claim]]:
        """Every run that has left a project: its id and its claim, by the run's name."""
        found = {}
        for project in await self._projects():
            claim = claim_of(project.get("description"))
            if claim is not None:
                found[str(project["name"])] = (str(project["id"]), claim)
        return found

    async def project_ids(self, name: str) -> list[str]:
        return [str(project["id"]) for project in await self._projects() if project["name"] == name]

    async def user_ids(self, name: str) -> list[str]:
        answer = await self._admin.client.call("identity", "GET", "/v3/users", query=[("name", name)])
        return [str(user["id"]) for user in decoded(answer.body)["users"]]

    async def delete_project(self, project: str) -> None:
        await self._admin.client.call("identity", "DELETE", f"/v3/projects/{project}")

    async def delete_user(self, user: str) -> None:
        await self._admin.client.call("identity", "DELETE", f"/v3/users/{user}")

    async def _projects(self) -> list[dict[str, Any]]:
        answer = await self._admin.client.call("identity", "GET", "/v3/projects", query=[("tags", TAG)])
        # By name too: a tag may be on what somebody else made.
        return [each for each in decoded(answer.body)["projects"] if str(each.get("name", "")).startswith(PREFIX)]

    async def _give_role(self, project: str, user: str, names: tuple[str, ...]) -> None:
        answer = await self._admin.client.call("identity", "GET", "/v3/roles")
        roles = {str(role["name"]).lower(): str(role["id"]) for role in decoded(answer.body)["roles"]}
        role = next((roles[name] for name in names if name in roles), None)
        if role is None:
            raise NotFoundError(f"Keystone of {self._admin.client.name} has no role {names[0]}")
        await self._whole("PUT", f"/v3/projects/{project}/users/{user}/roles/{role}", None)

    async def _whole(self, method: str, path: str, body: Any) -> Any:
        answer = await whole(self._admin.client.call("identity", method, path, body=body))
        return decoded(answer.body) if answer.body else None
