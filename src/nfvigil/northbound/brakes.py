"""The brakes: what holds automatic recovery back, and the operator's hand on them. For administrators."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from pydantic import Field

from nfvigil.model.recovery import BrakesView, HoldView, ProofView
from nfvigil.model.times import iso
from nfvigil.northbound.etags import answer, require_match, tag_of_view
from nfvigil.northbound.fields import Body, Prose, Shape, Switch, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.shapes import Time
from nfvigil.northbound.tagged import ETAG

administer = for_administrators("brakes")

Reason = Annotated[Prose, Field(max_length=500, description="Why: it is kept in the audit log.")]
Vim = Annotated[Text, Path(description="The VIM's name.")]
HostName = Annotated[Text, Path(description="Any of the host's names.")]


class ReasonBody(Body):
    reason: Reason


class AutomationBody(Body):
    on: Switch
    reason: Reason


class HoldShape(Shape):
    vim: str
    since_time: Time
    by: str
    text: str
    hosts: list[str]


class ProofShape(Shape):
    """A host that is proven off. ``epoch`` is another one each time it is proven."""

    host: str
    epoch: str
    at_time: Time
    driver: str
    by: str


class BrakesShape(Shape):
    automation: bool
    automation_off: HoldShape | None
    holds: list[HoldShape]
    proofs: list[ProofShape]
    waiting: int


class PowerShape(Shape):
    host: str
    power: Literal["on", "off"]


def _hold(hold: HoldView) -> dict[str, Any]:
    return {
        "vim": hold.vim,
        "since_time": iso(hold.since_us),
        "by": hold.by,
        "text": hold.text,
        "hosts": list(hold.hosts),
    }


def _proof(proof: ProofView) -> dict[str, Any]:
    return {
        "host": proof.host,
        "epoch": str(proof.epoch),
        "at_time": iso(proof.at_us),
        "driver": proof.driver,
        "by": proof.by,
    }


def view(brakes: BrakesView) -> dict[str, Any]:
    return {
        "automation": brakes.automation,
        "automation_off": None if brakes.automation_off is None else _hold(brakes.automation_off),
        "holds": [_hold(hold) for hold in brakes.holds],
        "proofs": [_proof(proof) for proof in brakes.proofs],
        "waiting": brakes.waiting,
    }


def _set(parts: Parts) -> dict[str, Any]:
    """What people set, and can have seen changed by others: how many actions wait changes by itself."""
    shown = view(parts.recovery.brakes())
    return {name: shown[name] for name in ("automation", "automation_off", "holds")}


def _shown(parts: Parts) -> Response:
    tag = tag_of_view(_set(parts))
    return answer(view(parts.recovery.brakes()), 200, {"ETag": tag})


@administer.get("/v1/brakes", response_model=BrakesShape, responses=ETAG)
async def show_brakes(parts: Have, caller: Caller) -> Response:
    """The kill switch, every HOLD, the hosts that are proven off, and how many actions wait.

    The ETag is of the switch and the HOLDs.
    """
    return _shown(parts)


@administer.put("/v1/brakes/automation", response_model=BrakesShape, responses=problems(409, 412) | ETAG | OF_A_BODY)
async def switch_automation(parts: Have, caller: Caller, request: Request, body: AutomationBody) -> Response:
    """The kill switch of all automatic actions. What people instruct is done all the same."""
    require_match(request, _set(parts))
    await parts.recovery.switch_automation(body.on, by=caller.name, text=body.reason)
    await note(parts, caller, f"automatic actions switched {'on' if body.on else 'off'}", "all VIMs", body.reason)
    return _shown(parts)


@administer.put(
    "/v1/brakes/holds/{vim}", response_model=BrakesShape, responses=problems(404, 409, 412) | ETAG | OF_A_BODY
)
async def hold(parts: Have, caller: Caller, request: Request, vim: Vim, body: ReasonBody) -> Response:
    """Put a VIM on HOLD: nothing destructive is done there."""
    require_match(request, _set(parts))
    await parts.recovery.hold(vim, by=caller.name, text=body.reason)
    await note(parts, caller, "hold", vim, body.reason)
    return _shown(parts)


@administer.post(
    "/v1/brakes/holds/{vim}/release", response_model=BrakesShape, responses=problems(409, 412) | ETAG | OF_A_BODY
)
async def release(parts: Have, caller: Caller, request: Request, vim: Vim, body: ReasonBody) -> Response:
    """Release it: what waits goes on, under the other brakes."""
    require_match(request, _set(parts))
    await parts.recovery.release(vim, by=caller.name, text=body.reason)
    await note(parts, caller, "hold released", vim, body.reason)
    return _shown(parts)


@administer.post("/v1/hosts/{host}/confirm-off", response_model=ProofShape, responses=problems(404, 409) | OF_A_BODY)
async def confirm_off(parts: Have, caller: Caller, host: HostName, body: ReasonBody) -> Response:
    """Say that a host is off and will stay so: what was on it may be started elsewhere. Refused if its BMC answers that
    it is on.
    """
    proof = await parts.recovery.confirm_off(host, by=caller.name, text=body.reason)
    await note(parts, caller, "confirmed off", f"host/{proof.host}", body.reason)
    return answer(_proof(proof))


@administer.get("/v1/hosts/{host}/power", response_model=PowerShape, responses=problems(404, 409))
async def look(parts: Have, caller: Caller, host: HostName) -> Response:
    """What its BMC says of its power, asked now."""
    return answer({"host": host, "power": await parts.recovery.look(host)})
