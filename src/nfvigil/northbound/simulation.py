"""The simulated cloud as a thing to play with: break it, heal it, switch its hosts off. For administrators."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from pydantic import Field

from nfvigil.controller.vims.failure import Failure
from nfvigil.errors import NotFoundError
from nfvigil.northbound.desk import SimulatedCloud
from nfvigil.northbound.etags import answer, require_match, tagged_answer
from nfvigil.northbound.fields import Body, Number, Prose, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.northbound.vims import Options

administer = for_administrators("simulation")

Seconds = Annotated[Number, Field(ge=0, le=3600)]
Rate = Annotated[Number, Field(ge=0, le=1)]
Calls = Annotated[
    tuple[Text, ...],
    Field(max_length=50, description="Which calls: `snapshot`, `show` or kinds of action; all if empty."),
]


class Nothing(Body):
    """It is well again."""

    kind: Literal["none"]

    def failure(self) -> Failure:
        return Failure()


class Slow(Body):
    """Every call takes this long."""

    kind: Literal["slow"]
    latency_seconds: Seconds = 5.0
    calls: Calls = ()

    def failure(self) -> Failure:
        return Failure(latency_seconds=self.latency_seconds, calls=self.calls)


class Errors(Body):
    """A share of the calls answers 5xx; of a share of the actions the answer is lost."""

    kind: Literal["errors"]
    rate: Rate = 0.5
    lost_answer_rate: Rate = 0.0
    calls: Calls = ()

    def failure(self) -> Failure:
        return Failure(error_rate=self.rate, lost_answer_rate=self.lost_answer_rate, calls=self.calls)


class Partial(Body):
    """Lists end early."""

    kind: Literal["partial"]

    def failure(self) -> Failure:
        return Failure(partial=True)


class Dead(Body):
    """No call is answered."""

    kind: Literal["dead"]
    timeout_seconds: Seconds = 5.0
    calls: Calls = ()

    def failure(self) -> Failure:
        return Failure(dead=True, timeout_seconds=self.timeout_seconds, calls=self.calls)


class Refuse(Body):
    """Actions are refused for good."""

    kind: Literal["refuse"]
    reason: Prose = "refused, as asked for"
    calls: Calls = ()

    def failure(self) -> Failure:
        return Failure(refuse=self.reason, calls=self.calls)


class FailureBody(Body):
    failure: Annotated[Nothing | Slow | Errors | Partial | Dead | Refuse, Field(discriminator="kind")]


class PowerBody(Body):
    power: Literal["on", "off"]


KEYS_MAX = 1000
Key = Annotated[str, Field(max_length=255, pattern=r"^(host|server|port|volume|network)/[^/\s]+$")]
ByKey = Annotated[dict[Key, Options], Field(max_length=KEYS_MAX, json_schema_extra={"additionalProperties": False})]


class ChangeBody(Body):
    set: Annotated[
        ByKey,
        Field(default_factory=dict, description="Fields of records by their keys; one that is not there is made."),
    ]
    gone: Annotated[tuple[Key, ...], Field(max_length=KEYS_MAX, description="A server's ports go with it.")] = ()
    details: Annotated[
        ByKey,
        Field(
            default_factory=dict,
            description="What Nova or Neutron say of a server or port otherwise than follows from its record, by key.",
        ),
    ]


class Simulation(Shape):
    name: str
    driver: str
    counts: dict[str, int]
    projects: dict[str, str]
    failure: dict[str, Any]
    powered_off: list[str]


class Power(Shape):
    host: str
    power: Literal["on", "off"]
    changed: bool


def _cloud(parts: Parts) -> SimulatedCloud:
    cloud = parts.desk.simulation()
    if cloud is None:
        raise NotFoundError("no simulated cloud is configured")
    return cloud


@administer.get("/v1/simulation", response_model=Simulation, responses=problems(404) | ETAG | NOT_MODIFIED)
async def show_simulation(parts: Have, caller: Caller, request: Request) -> Response:
    """What the simulated cloud has, and what is wrong with it."""
    return tagged_answer(request, _cloud(parts).describe())


@administer.put("/v1/simulation", response_model=Simulation, responses=problems(404, 412) | ETAG | OF_A_BODY)
async def change_simulation(parts: Have, caller: Caller, request: Request, body: FailureBody) -> Response:
    """Make its API misbehave, instead of how it did so far."""
    cloud = _cloud(parts)
    require_match(request, cloud.describe())
    if isinstance(body.failure, Nothing):
        cloud.heal()
    else:
        cloud.inject(body.failure.failure())
    await note(parts, caller, "changed the simulation", body.failure.kind)
    return tagged_answer(request, cloud.describe())


@administer.post("/v1/simulation/changes", response_model=Simulation, responses=problems(404) | OF_A_BODY)
async def change_cloud(parts: Have, caller: Caller, body: ChangeBody) -> Response:
    """What somebody else does to the cloud, past NFVigil: servers that come, go, move or fail."""
    cloud = _cloud(parts)
    cloud.edit(fields=body.set, gone=body.gone, details=body.details)
    await note(parts, caller, "changed the simulated cloud", f"{len(body.set)} set, {len(body.gone)} gone")
    return answer(cloud.describe())


@administer.post("/v1/simulation/hosts/{host}", response_model=Power, responses=problems(404) | OF_A_BODY)
async def switch_host(
    parts: Have, caller: Caller, host: Annotated[Text, Path(description="Any of its names.")], body: PowerBody
) -> Response:
    """Switch a host's power. No monitor is told: send the event yourself."""
    changed = _cloud(parts).power(host, body.power == "on")
    await note(parts, caller, f"switched a simulated host {body.power}", host)
    return answer({"host": host, "power": body.power, "changed": changed})
