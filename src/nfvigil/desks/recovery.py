"""What people ask for about recovery: a deed now, what to do beforehand, and the brakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nfvigil.controller.fencing.fence import Fence, Power
from nfvigil.controller.fencing.fencer import OPERATOR
from nfvigil.controller.fencing.proof import Proof
from nfvigil.errors import ConflictError, FenceUnavailableError, FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.inspector import internal
from nfvigil.inspector.deeds import DEEDS_FOR, Case
from nfvigil.inspector.state import ASKED, AUTOMATION_OFF, HOLD, PROOF, RECOVERY, State
from nfvigil.model.action import OWNERS_DEEDS, Action, ActionKind, Origin
from nfvigil.model.event import Status
from nfvigil.model.identity import Identity
from nfvigil.model.ids import stable_id
from nfvigil.model.recovery import BrakesView, HoldView, ProofView, RecoveryView
from nfvigil.model.resource import DOUBT, Host, Kind, Server, key_of, split_key
from nfvigil.model.verdict import Reason
from nfvigil.pipeline import Pipeline

PARAMS: Mapping[str, tuple[type, ...]] = {
    "host": (str,),
    "image": (str,),
    "type": (str,),
    "confirm": (bool,),
    "seconds": (int, float),
    "override_brakes": (bool,),
}
"""What an instruction may say beside the deed and its target."""
OPERATORS_PARAMS = frozenset({"host", "override_brakes"})
SECONDS_MAX = 86_400
AFTER_SECONDS_MAX = 86_400
TEXT_MAX = 500


class Records(Protocol):
    """What it needs of the store."""

    async def actions(
        self,
        *,
        project: str | None,
        event_id: int | None = None,
        instructed: bool = False,
        marker: str | None = None,
        limit: int = 100,
    ) -> list[Action]: ...

    async def audit(self, who: str, what: str, target: str = "", text: str = "") -> None: ...


class RecoveryDesk:
    """One method a wish. Each is durable when it returns, and raises a RefusedError that says what is wrong."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        store: Records,
        allowed: Mapping[str, Sequence[str]],
        fence_for: Callable[[str, str], Fence],
        waiting: Callable[[], int],
    ) -> None:
        """``allowed`` says by role which deeds an owner may ask for; ``waiting`` how many actions the brakes hold."""
        self._pipeline = pipeline
        self._store = store
        self._allowed = {role: frozenset(kinds) for role, kinds in allowed.items()}
        self._fence_for = fence_for
        self._waiting = waiting

    @property
    def _state(self) -> State:
        return self._pipeline.state

    # Instructions

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
        """Have a deed done on a resource of the caller's; returns it as it is planned, or as it stands where the same
        was asked for under the same ``key`` before. A dry run plans it and keeps nothing.
        """
        self._check_instruction(caller, kind, params)
        resource = self._own(target, caller.scope)
        expected = Kind.HOST if kind == ActionKind.FENCE else Kind.SERVER
        if split_key(resource)[0] != expected:
            raise RefusedError("the instruction is wrong", [FieldError("target", f"{kind} is for a {expected}")])
        event = self._pipeline.event(
            internal.INSTRUCTION,
            resource,
            deed=kind,
            by=caller.name,
            project=caller.scope,
            origin=Origin.OPERATOR if caller.is_admin else Origin.OWNER,
            params=dict(params),
            key=stable_id("instruction", caller.scope, caller.name, key) if key else "",
        )
        decision = self._pipeline.preview(event) if dry_run else await self._pipeline.ask(event)
        for step in decision.verdict.steps:
            if step.reason is Reason.REFUSED:
                raise ConflictError(step.text)
            if step.reason is Reason.ALREADY_KNOWN:
                asked = self._state.memory[f"{ASKED}{event.details['key']}"]
                return await self.instruction(
                    f"{asked['event_id']}-{_deed_id(asked['event_id'], kind, resource)}", None
                )
        planned = _deed_id(event.id, kind, resource)
        return next(action for action in decision.verdict.actions if action.id == planned)

    def _check_instruction(self, caller: Identity, kind: str, params: Mapping[str, Any]) -> None:
        kinds = (*OWNERS_DEEDS, ActionKind.FENCE) if caller.is_admin else OWNERS_DEEDS
        errors = []
        if kind not in kinds:
            errors.append(FieldError("action", f"is none of: {', '.join(kinds)}"))
        for name, value in params.items():
            types = PARAMS.get(name)
            if types is None:
                errors.append(FieldError(f"params.{name}", f"is unknown; there are {', '.join(PARAMS)}"))
            elif not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                errors.append(FieldError(f"params.{name}", "is of the wrong type"))
            elif name in OPERATORS_PARAMS and not caller.is_admin:
                errors.append(FieldError(f"params.{name}", "is for administrators"))
            elif isinstance(value, int | float) and name == "seconds" and not 10 <= value <= SECONDS_MAX:
                errors.append(FieldError("params.seconds", f"is not between 10 and {SECONDS_MAX}"))
            elif name == "type" and value not in ("SOFT", "HARD"):
                errors.append(FieldError("params.type", "is neither SOFT nor HARD"))
            elif isinstance(value, str) and len(value) > TEXT_MAX:
                errors.append(FieldError(f"params.{name}", f"is longer than {TEXT_MAX} characters"))
        if errors:
            raise RefusedError("the instruction is wrong", errors)
        if not caller.is_admin and kind not in self._allowed.get(caller.role.value, ()):
            raise ForbiddenError(f"the role {caller.role} may not ask for {kind}")

    def _own(self, target: str, project: str | None) -> str:
        """The key of a resource that the caller may speak for; what is not its own does not exist for it."""
        key = self._pipeline.map.resolve(target)
        record = self._pipeline.map.get(key) if key else None
        if key is None or record is None or (project is not None and record.project != project):
            raise NotFoundError("there is no such resource")
        return key

    async def instruction(self, instruction_id: str, project: str | None) -> Action:
        """``<event id>-<action id>``, as ``id`` of an instruction's view."""
        event_id, _, action_id = instruction_id.partition("-")
        if event_id.isdecimal() and len(event_id) <= 19:
            for action in await self._store.actions(project=project, event_id=int(event_id), limit=1000):
                if action.id == action_id and not action.alarm_id:
                    return action
        raise NotFoundError("there is no instruction of this id")

    async def instructions(self, project: str | None, marker: str | None, limit: int) -> list[Action]:
        return await self._store.actions(project=project, instructed=True, marker=marker, limit=limit)

    # Recovery defined beforehand

    async def define_recovery(self, caller: Identity, key: str, do: Mapping[str, Any]) -> RecoveryView:
        """What is to be done when a resource of the caller's is hit. ``do``: case -> {action, after_seconds}."""
        _check_recovery(do)
        if caller.scope == "":  # It lacks its project, and what is the operator's is of none either.
            raise NotFoundError("there is no such resource")
        project = self._project_of(key, caller.scope)
        await self._ask(internal.RECOVERY, key, by=caller.name, project=project, do=_plain(do))
        return self.recovery(key, caller.scope)

    async def forget_recovery(self, caller: Identity, key: str) -> None:
        self.recovery(key, caller.scope)
        await self._ask(internal.RECOVERY, key, Status.UP, by=caller.name)

    def recovery(self, key: str, project: str | None) -> RecoveryView:
        defined = self._state.memory.get(f"{RECOVERY}{key}")
        if defined is None or (project is not None and defined["project"] != project):
            raise NotFoundError("there is no recovery defined for this")
        return _recovery_view(key, defined)

    def recoveries(self, project: str | None, after: str, limit: int) -> list[RecoveryView]:
        found = sorted(
            (name.removeprefix(RECOVERY), defined)
            for name, defined in self._state.memory.items()
            if name.startswith(RECOVERY) and (project is None or defined["project"] == project)
        )
        return [_recovery_view(key, defined) for key, defined in found if key > after][:limit]

    def _project_of(self, key: str, project: str | None) -> str:
        kind, name = split_key(key)
        if kind == "project":
            if project is not None and name != project:
                raise NotFoundError("there is no such resource")
            return name
        if kind == Kind.GROUP:
            members = self._pipeline.map.related(key, "members")
            owners = {getattr(self._pipeline.map.get(member), "project", "") for member in members}
            if len(owners) != 1 or (project is not None and project not in owners):
                raise NotFoundError("there is no such resource")
            return owners.pop()
        record = self._pipeline.map.get(self._own(key, project))
        if not isinstance(record, Server):
            raise RefusedError("this cannot be recovered", [FieldError("resource", "is no server, group or project")])
        return record.project

    # The brakes

    def brakes(self) -> BrakesView:
        memory = self._state.memory
        off = memory.get(AUTOMATION_OFF)
        return BrakesView(
            automation=off is None,
            automation_off=None if off is None else HoldView(vim="", **_held(off)),
            holds=tuple(
                HoldView(vim=name.removeprefix(HOLD), **_held(held), hosts=tuple(held["hosts"]))
                for name, held in sorted(memory.items())
                if name.startswith(HOLD)
            ),
            proofs=tuple(self._proof_view(key) for key in sorted(self._state.proofs)),
            waiting=self._waiting(),
        )

    async def hold(self, vim: str, *, by: str, text: str) -> None:
        """An operator stops everything destructive in a VIM."""
        self._known_vim(vim)
        if f"{HOLD}{vim}" in self._state.memory:
            raise ConflictError(f"the VIM {vim} is on HOLD already")
        await self._ask(internal.HOLD, key_of(Kind.VIM, vim), by=by, text=text)

    async def release(self, vim: str, *, by: str, text: str) -> None:
        """An operator has looked, and takes the responsibility for what waits."""
        if f"{HOLD}{vim}" not in self._state.memory:
            raise ConflictError(f"the VIM {vim} is not on HOLD")
        await self._ask(internal.HOLD, key_of(Kind.VIM, vim), Status.UP, by=by, text=text)

    async def switch_automation(self, on: bool, *, by: str, text: str) -> None:
        """The kill switch: off, nothing that nobody asked for is done in any VIM; owners are told all the same."""
        if on is (AUTOMATION_OFF not in self._state.memory):
            raise ConflictError(f"automatic actions are switched {'on' if on else 'off'} already")
        status = Status.UP if on else Status.DOWN
        await self._ask(internal.AUTOMATION_OFF, "nfvigil/automation", status, by=by, text=text)

    async def confirm_off(self, host: str, *, by: str, text: str) -> ProofView:
        """An operator says that a host is off, and will stay so: as good as a fence's proof. ConflictError where its
        BMC says right now that it is on: nobody is believed against that.
        """
        key, record = self._known_host(host)
        try:
            power = await self._fence_for(record.vim, split_key(key)[1]).power()
        except (FenceUnavailableError, RefusedError):
            power = None  # none that we can ask, or none that answers: it is the operator's to know
        if power is Power.ON:
            raise ConflictError(f"{split_key(key)[1]} is on, says its BMC")
        known = self._state.memory.get(f"{PROOF}{key}")
        if power is Power.OFF and known is not None and known["driver"] != OPERATOR:
            # What a machine has proven it is asked about before each evacuation; a word in its place would be believed.
            raise ConflictError(f"{split_key(key)[1]} is proven off already, by {known['driver']}")
        now_us = self._pipeline.now()
        proof = Proof(host=split_key(key)[1], driver=OPERATOR, at_us=now_us, reads=0, was_off_already=True)
        await self.prove(key, proof, by=by)
        return self._proof_view(key)

    async def look(self, host: str) -> str:
        """What the host's BMC says of its power right now. FenceUnavailableError, RefusedError where there is none."""
        key, record = self._known_host(host)
        return (await self._fence_for(record.vim, split_key(key)[1]).power()).value

    async def prove(self, key: str, proof: Proof, *, by: str = "") -> None:
        await self._ask(internal.FENCE_PROOF, key, at_us=proof.at_us, driver=proof.driver, by=by)

    async def void(self, key: str, text: str) -> None:
        await self._ask(internal.FENCE_PROOF, key, Status.UP, text=text)

    async def call_hold(self, vim: str, reason: str, hosts: Sequence[str]) -> None:
        await self._ask(internal.HOLD, key_of(Kind.VIM, vim), by="nfvigil", text=reason, hosts=list(hosts))

    async def say(self, vim: str, condition: str, is_on: bool, text: str) -> None:
        """Something about our own footing has changed: see ``internal.CONDITIONS``."""
        kind, resource = f"nfvigil.vim.{condition}", key_of(Kind.VIM, vim)
        if is_on is not ((kind, resource) in self._state.alarm_at):
            await self._ask(kind, resource, Status.DOWN if is_on else Status.UP, text=text)

    def _known_vim(self, vim: str) -> None:
        vims = {getattr(self._pipeline.map.get(key), "vim", "") for key in self._pipeline.map.hosts()}
        if vim not in vims:
            raise NotFoundError(f"there is no VIM {vim} with hosts")

    def _known_host(self, host: str) -> tuple[str, Host]:
        key = self._pipeline.map.resolve(host if host.startswith("host/") else key_of(Kind.HOST, host))
        record = self._pipeline.map.get(key) if key else None
        if key is None or not isinstance(record, Host):
            if key is not None and key.endswith(DOUBT):
                raise ConflictError("several VIMs have a host of this name: see the alarm nfvigil.vim.names")
            raise NotFoundError("there is no such host")
        return key, record

    def _proof_view(self, key: str) -> ProofView:
        proof = self._state.memory[f"{PROOF}{key}"]
        return ProofView(
            host=split_key(key)[1],
            epoch=proof["epoch"],
            at_us=proof["at_us"],
            driver=proof["driver"],
            by=proof["by"],
        )

    async def _ask(self, kind: str, resource: str, status: Status = Status.DOWN, **details: Any) -> None:
        await self._pipeline.ask(self._pipeline.event(kind, resource, status, **details))


def _deed_id(event_id: int, kind: str, target: str) -> str:
    return stable_id("do", event_id, kind, target)


def _held(held: Mapping[str, Any]) -> dict[str, Any]:
    return {"since_us": held["since_us"], "by": held["by"], "text": held["text"]}


def _recovery_view(key: str, defined: Mapping[str, Any]) -> RecoveryView:
    return RecoveryView(
        resource=key, project=defined["project"], by=defined["by"], set_us=defined["set_us"], do=defined["do"]
    )


def _plain(do: Mapping[str, Any]) -> dict[str, Any]:
    return {
        case: {"action": wanted["action"], "after_seconds": wanted.get("after_seconds", 0)}
        for case, wanted in do.items()
    }


def _check_recovery(do: Mapping[str, Any]) -> None:
    errors = []
    if not do:
        errors.append(FieldError("do", f"names no case; there are {', '.join(Case)}"))
    for case, wanted in do.items():
        if case not in set(Case):
            errors.append(FieldError(f"do.{case}", f"is no case; there are {', '.join(Case)}"))
            continue
        deeds = sorted(DEEDS_FOR[Case(case)])
        if wanted["action"] not in deeds:
            errors.append(FieldError(f"do.{case}.action", f"is none of: {', '.join(deeds)}"))
        if not 0 <= wanted.get("after_seconds", 0) <= AFTER_SECONDS_MAX:
            errors.append(FieldError(f"do.{case}.after_seconds", f"is not between 0 and {AFTER_SECONDS_MAX}"))
    if errors:
        raise RefusedError("the recovery is wrong", errors)
