"""Is it alive, is it ready, and how much of what: for load balancers and Prometheus."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from nfvigil import __version__
from nfvigil.errors import ForbiddenError, UnavailableError, UnknownCallerError
from nfvigil.model.identity import Role
from nfvigil.northbound.etags import HEADERS, answer
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.guarded import ANY_PROBLEM, Caller, for_readers
from nfvigil.northbound.metrics import CONTENT_TYPE
from nfvigil.northbound.parts import Have, Parts

public = APIRouter(tags=["health"], responses=ANY_PROBLEM)
scrape = for_readers("health")


class Alive(Shape):
    status: Literal["alive"]
    version: str


class Ready(Shape):
    ready: bool
    reasons: list[str]
    """Why it is not."""
    details: Annotated[dict[str, Any], Field(default_factory=dict)]
    """For administrators."""


@public.get("/healthz", response_model=Alive)
async def show_alive() -> Response:
    """The process runs and answers."""
    return answer({"status": "alive", "version": __version__})


@public.get(
    "/readyz", response_model=Ready, responses={503: {"model": Ready, "description": "It cannot do its work now."}}
)
async def show_ready(parts: Have, request: Request) -> Response:
    """It can do its work: the database answers and the clouds are known. Administrators see the details."""
    health = await parts.desk.health()
    headlines = list(dict.fromkeys(_headline(reason) for reason in health.reasons))
    view: dict[str, Any] = {"ready": health.ready, "reasons": headlines}
    if await _is_administrator(parts, request):
        view |= {"reasons": health.reasons, "details": health.details}
    return answer(view, 200 if health.ready else 503)


def _headline(reason: str) -> str:
    """What is wrong, without which cloud it is and what was said of it: anybody may ask here."""
    return reason.partition(":")[0].partition(" ")[0]


async def _is_administrator(parts: Parts, request: Request) -> bool:
    try:
        return (await parts.guard(request)).scope is None
    except (ForbiddenError, UnknownCallerError, UnavailableError):
        return False


@scrape.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text."}},
)
async def show_metrics(parts: Have, caller: Caller) -> Response:
    """Counts, times and depths. For administrators, and readers without a project: it counts what all projects have."""
    if caller.scope is not None and (caller.role is not Role.READER or caller.project is not None):
        raise ForbiddenError("metrics are for administrators, and readers without a project")
    return Response(parts.metrics.exposition(), 200, HEADERS, media_type=CONTENT_TYPE)
