"""Recovery and its brakes in a few lines, for the API's tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.model.action import OWNERS_DEEDS, Action, ActionKind, Origin
from nfvigil.model.identity import Identity
from nfvigil.model.recovery import BrakesView, HoldView, ProofView, RecoveryView
from nfvigil.model.resource import Record

NOW = 1_700_000_000_000_000


def instruction(number: int, target: str, project: str, **more: Any) -> Action:
    values: dict[str, Any] = {"kind": "reboot", "origin": Origin.OWNER, "by": "member-a", "result": "as compute-1 says"}
    return Action(
        id=f"do-{number}",
        target=target,
        vim="cloud",
        project=project,
        event_id=number,
        planned_us=NOW + number,
        **values | more,
    )


@dataclass
class FakeRecovery:
    records: Mapping[str, Record]
    asked: list[Action] = field(
        default_factory=lambda: [
            instruction(1, "server/s-a", "A"),
            instruction(2, "server/s-b", "B"),
            instruction(3, "server/s-a", "A", origin=Origin.OPERATOR, by="admin"),
        ]
    )
    by_key: dict[str, tuple[Any, Action]] = field(default_factory=dict)
    defined: dict[str, RecoveryView] = field(default_factory=dict)
    holds: dict[str, HoldView] = field(default_factory=dict)
    off: HoldView | None = None

    def _own(self, key: str, project: str | None) -> str:
        """The project that a resource is of; what is another's is not there."""
        if key.startswith("project/") and project in (None, key.removeprefix("project/")):
            return key.removeprefix("project/")
        record = self.records.get(key)
        if record is None or (project is not None and record.project != project):
            raise NotFoundError("there is no such resource")
        return record.project

    async def instruct(
        self,
        caller: Identity,
        kind: str,
        target: str,
        params: Mapping[str, Any],
        *,
        key: str = "",
        dry_run: bool = False,
    ) -> Action:
        if kind not in (*OWNERS_DEEDS, ActionKind.FENCE):
            raise RefusedError("the instruction is wrong", [FieldError("action", "is none of: reboot")])
        project = self._own(target, caller.scope)
        wanted = (kind, target, dict(params))
        if key in self.by_key:
            what, action = self.by_key[key]
            if what != wanted:
                raise ConflictError("this key was used for another instruction")
            return action
        origin = Origin.OPERATOR if caller.is_admin else Origin.OWNER
        number = len(self.asked) + 1
        planned = instruction(number, target, project, kind=kind, params=dict(params), origin=origin, by=caller.name)
        if not dry_run:
            self.asked.append(planned)
            if key:
                self.by_key[key] = (wanted, planned)
        return planned

    async def instructions(self, project: str | None, marker: str | None, limit: int) -> list[Action]:
        own = [one for one in self.asked if project is None or one.project == project != ""]
        places = [f"{one.event_id}/{one.id}" for one in own]
        start = places.index(marker) + 1 if marker in places else 0
        return own[start : start + limit]

    async def instruction(self, instruction_id: str, project: str | None) -> Action:
        for one in await self.instructions(project, None, len(self.asked)):
            if instruction_id == f"{one.event_id}-{one.id}":
                return one
        raise NotFoundError("there is no instruction of this id")

    async def define_recovery(self, caller: Identity, key: str, do: Mapping[str, Any]) -> RecoveryView:
        project = self._own(key, caller.scope)
        self.defined[key] = RecoveryView(resource=key, project=project, by=caller.name, set_us=NOW, do=dict(do))
        return self.defined[key]

    async def forget_recovery(self, caller: Identity, key: str) -> None:
        self.recovery(key, caller.scope)
        del self.defined[key]

    def recovery(self, key: str, project: str | None) -> RecoveryView:
        found = self.defined.get(key)
        if found is None or (project is not None and found.project != project):
            raise NotFoundError("there is no recovery defined for this")
        return found

    def recoveries(self, project: str | None, after: str, limit: int) -> list[RecoveryView]:
        own = [one for one in self.defined.values() if project is None or one.project == project != ""]
        return sorted((one for one in own if one.resource > after), key=lambda one: one.resource)[:limit]

    def brakes(self) -> BrakesView:
        return BrakesView(
            automation=self.off is None,
            automation_off=self.off,
            holds=tuple(self.holds.values()),
            proofs=(ProofView(host="compute-1", epoch=7, at_us=NOW, driver="operator", by="admin"),),
            waiting=2,
        )

    async def hold(self, vim: str, *, by: str, text: str) -> None:
        if vim in self.holds:
            raise ConflictError(f"the VIM {vim} is on HOLD already")
        self.holds[vim] = HoldView(vim=vim, since_us=NOW, by=by, text=text, hosts=("host/compute-1",))

    async def release(self, vim: str, *, by: str, text: str) -> None:
        if self.holds.pop(vim, None) is None:
            raise ConflictError(f"the VIM {vim} is not on HOLD")

    async def switch_automation(self, on: bool, *, by: str, text: str) -> None:
        if on is (self.off is None):
            raise ConflictError("it is so already")
        self.off = None if on else HoldView(vim="", since_us=NOW, by=by, text=text)

    async def confirm_off(self, host: str, *, by: str, text: str) -> ProofView:
        return ProofView(host=self._known(host), epoch=8, at_us=NOW, driver="operator", by=by)

    async def look(self, host: str) -> str:
        self._known(host)
        return "off"

    def _known(self, host: str) -> str:
        if f"host/{host}" not in self.records:
            raise NotFoundError("there is no such host")
        return host
