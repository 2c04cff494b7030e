"""``client.instructions``, ``client.actions``, ``client.recovery``: what is done in the clouds, and on whose word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nfvigil.client.address import place, resource_place
from nfvigil.client.answers import Page
from nfvigil.client.part import Part, keyed
from nfvigil.client.shapes import Action, Instruction, Recovery
from nfvigil.client.waiting import wait_until

INSTRUCTIONS = "/v1/instructions"


class Instructions(Part):
    """Somebody's wish to have a deed done now."""

    def ask(
        self,
        action: str,
        target: str,
        params: Mapping[str, Any] | None = None,
        *,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Instruction:
        """Written down when this returns. With a ``key`` it may be asked again, and is done once."""
        body = {"action": action, "target": target, "params": dict(params or {})}
        parameters = {"dry_run": True if dry_run else None}
        return self._one(Instruction, "POST", INSTRUCTIONS, body=body, parameters=parameters, headers=keyed(key))

    def list(self, *, limit: int | None = None, marker: str | None = None) -> Iterator[Instruction]:
        return self._all(Instruction, INSTRUCTIONS, {}, limit, marker)

    def page(self, *, limit: int | None = None, marker: str | None = None) -> Page[Instruction]:
        return self._page(Instruction, INSTRUCTIONS, {}, limit, marker)

    def show(self, instruction_id: str) -> Instruction:
        return self._one(Instruction, "GET", place("v1", "instructions", instruction_id))

    def wait(
        self,
        instruction: Instruction,
        *,
        most_seconds: float = 900.0,
        tell: Callable[[Instruction], None] = lambda _: None,
    ) -> Instruction:
        """Until it is over. StillWaitingError if that takes too long: it goes on all the same."""
        if instruction.is_over:
            return instruction
        tell(instruction)
        return wait_until(
            lambda: self.show(instruction.id),
            lambda one: one.is_over,
            most_seconds=most_seconds,
            what=f"{instruction.action} {instruction.target}",
            tell=tell,
            sleep=self._http.sleep,
        )


class Actions(Part):
    """What was done in the cloud, is being done, or was planned."""

    def list(
        self,
        *,
        state: str | None = None,
        alarm: str | None = None,
        event: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Iterator[Action]:
        return self._all(Action, "/v1/actions", {"state": state, "alarm": alarm, "event": event}, limit, marker)


class RecoveryPart(Part):
    """What is done for a server, group or project when it is hit, defined beforehand."""

    def list(self, *, limit: int | None = None, marker: str | None = None) -> Iterator[Recovery]:
        return self._all(Recovery, "/v1/recovery", {}, limit, marker)

    def show(self, resource: str) -> Recovery:
        return self._one(Recovery, "GET", resource_place(resource, "recovery"))

    def define(self, resource: str, do: Mapping[str, Mapping[str, Any]]) -> Recovery:
        return self._one(Recovery, "PUT", resource_place(resource, "recovery"), body={"do": do})

    def unset(self, resource: str) -> None:
        self._http.ask("DELETE", resource_place(resource, "recovery"))
