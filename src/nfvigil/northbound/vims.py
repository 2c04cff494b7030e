"""Clouds: which there are, how it stands with each; add one, change it, check it, take it away. For administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Header, Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import AfterValidator, Field

from nfvigil.model.answers import CheckItem, VimDetail, VimState
from nfvigil.model.ids import stable_id
from nfvigil.model.times import iso
from nfvigil.model.vim_account import SUFFIX, Source, VimAccount, VimChange
from nfvigil.model.vim_status import VimStatus
from nfvigil.northbound.etags import answer, require_match, tag_of_view
from nfvigil.northbound.fields import Body, Number, Shape, Switch, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, note
from nfvigil.northbound.shapes import Time
from nfvigil.northbound.tagged import CREATED, ETAG

administer = for_administrators("vims")

NAME = r"^[a-z0-9][a-z0-9-]{0,31}$"
"""As in the settings."""
INTERVAL_MAX_SECONDS = 366 * 86400
DEPTH_MAX = 8
ENTRIES_MAX = 1000
INTEGER_MAX = (1 << 63) - 1

VimName = Annotated[Text, Path(description="The name of the VIM.")]


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Only what can be kept and read back as it was."""
    left = [ENTRIES_MAX]

    def look(value: object, depth: int) -> None:
        left[0] -= 1
        if depth > DEPTH_MAX or left[0] < 0:
            raise ValueError(f"must have at most {DEPTH_MAX} levels and {ENTRIES_MAX} entries")
        if isinstance(value, Mapping):
            for name, one in value.items():
                look(name, depth)
                look(one, depth + 1)
        elif isinstance(value, list):
            for one in value:
                look(one, depth + 1)
        elif isinstance(value, str):
            if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise ValueError("must hold no NUL and no half of a character")
        elif isinstance(value, int | float) and not abs(value) <= INTEGER_MAX:  # so written, it also finds NaN
            raise ValueError("must hold no number that JSON readers take for another")

    look(options, 0)
    return options


Options = Annotated[dict[str, Any], AfterValidator(_plain), Field(max_length=100)]


def _a_time_or_never(seconds: float) -> float:
    if seconds < 1 and seconds != -1:
        raise ValueError("must be at least 1, or -1 for never")
    return seconds


Interval = Annotated[
    Number,
    AfterValidator(_a_time_or_never),
    Field(
        ge=-1,
        le=INTERVAL_MAX_SECONDS,
        description="Seconds between two listings of everything, at least 1; -1: only when something asks for one.",
    ),
]


HostSuffix = Annotated[
    str,
    Field(
        pattern=SUFFIX,
        description="What its hosts' names get behind them, such as `@east`, where other clouds have the same names.",
    ),
]


class VimBody(Body):
    name: Annotated[str, Field(pattern=NAME)]
    driver: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
    options: Annotated[
        Options,
        Field(
            default_factory=dict,
            description="What the driver wants to know, such as its credentials.",
            repr=False,
        ),
    ]
    interval_seconds: Interval = 60.0
    enabled: Annotated[Switch, Field(description="Whether it is watched, and acted on.")] = True
    host_suffix: HostSuffix = ""


class VimChangeBody(Body):
    options: Annotated[
        Options | None,
        Field(
            description="Put over those that there are: null takes one out, `***` leaves a secret as it was.",
            repr=False,
        ),
    ] = None
    interval_seconds: Interval | None = None
    enabled: Switch | None = None
    host_suffix: HostSuffix | None = None


class DifferencesShape(Shape):
    """What the last listing found that no change had told."""

    added: int
    changed: int
    gone: int


class ReaderShape(Shape):
    """One who reads the listings beside the map."""

    name: str
    interval_seconds: float | None
    """How often it needs one; null where the cloud's own period will do."""
    error: str
    """Which error it raised over the last listing; empty where it did not."""


class VimHead(Shape):
    """A cloud, and how it stands with it. Secrets in `options` are shown as `***`."""

    name: str
    driver: str
    source: Source
    """`settings`: it can be changed there only."""
    options: dict[str, Any]
    interval_seconds: float
    enabled: bool
    host_suffix: str
    created_time: Time | None
    changed_time: Time | None
    created_by: str
    state: VimState
    error: str
    snapshot_time: Time | None
    snapshot_age_seconds: float | None
    snapshot_seconds: float | None
    """How long the last listing took."""
    period_seconds: float | None
    """The time between two listings: its own, or that of a reader who needs them more often. null: only when asked."""
    attempted_time: Time | None
    """When the last listing was begun, whatever became of it."""
    listing: bool
    """Whether it is under way."""
    failures: int
    """Listings that failed since the last one that was believed."""
    conditions: list[str]
    """What is wrong with our view of it now: `unreachable`, `cliff`, `partial`, `names`."""
    differences: DifferencesShape
    unconfirmed: int
    """What the last listing lacked and could not be asked for: it is kept without proof."""
    put_back: int
    """What the last listing lacked, and was there when it was asked for."""
    readers: list[ReaderShape]
    counts: dict[str, int]


class VimShape(VimHead):
    told: dict[str, Any]
    """What the driver tells of itself."""


class CheckItemShape(Shape):
    what: str
    ok: bool
    detail: str
    advice: str


class CheckShape(Shape):
    ok: bool
    items: list[CheckItemShape]


def account_view(account: VimAccount) -> dict[str, Any]:
    """What can be changed, and so what an ETag is of."""
    return {
        "name": account.name,
        "driver": account.driver,
        "source": account.source,
        "options": account.options,
        "interval_seconds": account.interval_seconds,
        "enabled": account.enabled,
        "host_suffix": account.host_suffix,
        "created_time": iso(account.created_us) if account.created_us else None,
        "changed_time": iso(account.changed_us) if account.changed_us else None,
        "created_by": account.created_by,
    }


def head_view(detail: VimDetail) -> dict[str, Any]:
    return account_view(detail.account) | {
        "state": detail.state,
        "error": detail.error,
        "snapshot_time": iso(detail.taken_us) if detail.taken_us is not None else None,
        "snapshot_age_seconds": detail.age_seconds,
        **_status_view(detail.status or VimStatus()),
        "counts": detail.counts,
    }


def _status_view(status: VimStatus) -> dict[str, Any]:
    return {
        "snapshot_seconds": status.snapshot_seconds,
        "period_seconds": status.period_seconds,
        "attempted_time": iso(status.attempted_us) if status.attempted_us is not None else None,
        "listing": status.is_listing,
        "failures": status.failures,
        "conditions": list(status.conditions),
        "differences": msgspec.to_builtins(status.differences),
        "unconfirmed": status.unconfirmed,
        "put_back": status.put_back,
        "readers": msgspec.to_builtins(status.readers),
    }


def vim_view(detail: VimDetail) -> dict[str, Any]:
    return head_view(detail) | {"told": detail.told}


def _shown(detail: VimDetail, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The ETag is the account's: how it stands with the cloud changes by itself, and at every look."""
    tag = {"ETag": tag_of_view(account_view(detail.account))}
    return answer(vim_view(detail), status, tag | dict(headers or {}))


def check_view(items: list[CheckItem]) -> dict[str, Any]:
    return {
        "ok": all(item.ok for item in items),
        "items": [{"what": item.what, "ok": item.ok, "detail": item.detail, "advice": item.advice} for item in items],
    }


def _account(body: VimBody, by: str, request: str = "") -> VimAccount:
    return VimAccount(
        name=body.name,
        driver=body.driver,
        options=body.options,
        interval_seconds=body.interval_seconds,
        enabled=body.enabled,
        host_suffix=body.host_suffix,
        created_by=by,
        request=request,
    )


@administer.get("/v1/vims", response_model=Listing[VimHead])
async def list_vims(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """The clouds, by name."""
    marker = parameters.marker or ""
    found = [one for one in parts.vims.details() if one.account.name > marker][: parameters.limit]
    return answer(await page(found, parameters.limit, lambda one: one.account.name, head_view))


@administer.post("/v1/vims", status_code=201, response_model=VimShape, responses=problems(409) | OF_A_BODY | CREATED)
async def add_vim(
    parts: Have,
    caller: Caller,
    body: VimBody,
    idempotency_key: Annotated[
        Text | None, Header(description="The same key with the same body adds one VIM, however often sent.")
    ] = None,
) -> Response:
    """Watch a cloud from now on, and act on it."""
    request = "" if idempotency_key is None else stable_id("vim", caller.scope, caller.name, idempotency_key)
    added = await parts.vims.add(_account(body, caller.name, request))
    await note(parts, caller, "added a VIM", body.name, f"driver {body.driver}")
    return _shown(added, 201, {"Location": f"/v1/vims/{body.name}"})


@administer.post("/v1/vims/check", response_model=CheckShape, responses=OF_A_BODY)
async def check_new(parts: Have, caller: Caller, body: VimBody) -> Response:
    """Whether a cloud would do what it is going to be asked for, without adding it."""
    items = await parts.vims.try_out(_account(body, caller.name))
    await note(parts, caller, "checked a VIM that is not kept", body.name)
    return answer(check_view(list(items)))


@administer.get("/v1/vims/{name}", response_model=VimShape, responses=problems(404) | ETAG)
async def show_vim(parts: Have, caller: Caller, name: VimName) -> Response:
    """One cloud, how it stands with it, and what its driver tells. The ETag is for changing it."""
    return _shown(parts.vims.detail(name))


@administer.patch("/v1/vims/{name}", response_model=VimShape, responses=problems(404, 409, 412) | ETAG | OF_A_BODY)
async def change_vim(parts: Have, caller: Caller, request: Request, name: VimName, body: VimChangeBody) -> Response:
    """Change one that was added. A secret that is only left as it was must not go to another address."""
    seen = parts.vims.detail(name).account
    require_match(request, account_view(seen))
    change = VimChange(
        options=body.options,
        interval_seconds=body.interval_seconds,
        enabled=body.enabled,
        host_suffix=body.host_suffix,
    )
    was_us = seen.changed_us if "if-match" in request.headers else None
    changed = await parts.vims.change(name, change, was_us=was_us)
    await note(parts, caller, "changed a VIM", name, ", ".join(sorted(body.model_fields_set)))
    return _shown(changed)


@administer.delete("/v1/vims/{name}", status_code=204, responses=problems(404, 409, 412))
async def remove_vim(parts: Have, caller: Caller, request: Request, name: VimName) -> Response:
    """Watch it no more. What it had goes out of the map."""
    require_match(request, account_view(parts.vims.detail(name).account))
    await parts.vims.remove(name)
    await note(parts, caller, "removed a VIM", name)
    return Response(None, 204)


@administer.post("/v1/vims/{name}/check", response_model=CheckShape, responses=problems(404))
async def check_vim(parts: Have, caller: Caller, name: VimName) -> Response:
    """Whether the cloud will do what it is going to be asked for. Nothing in it is changed."""
    items = await parts.vims.check(name)
    await note(parts, caller, "checked a VIM", name)
    return answer(check_view(list(items)))


@administer.post("/v1/vims/{name}/refresh", status_code=202, response_model=VimShape, responses=problems(404, 409))
async def refresh_vim(parts: Have, caller: Caller, name: VimName) -> Response:
    """List it again now. The answer is as it stands before that."""
    parts.vims.refresh(name)
    return answer(vim_view(parts.vims.detail(name)), 202)
