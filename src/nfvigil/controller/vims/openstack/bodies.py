"""The body of each deed's request, as Nova wants it at its age. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nfvigil.controller.vims.openstack import microversions
from nfvigil.controller.vims.openstack.microversions import NEWEST, Dialect
from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.action import ActionKind


def evacuate(dialect: Dialect, target: str | None) -> tuple[dict[str, Any], int]:
    """And with which microversion at most. ``force`` is never said: the scheduler checks what it is told."""
    body: dict[str, Any] = {"host": target} if target is not None else {}
    if not dialect.has(microversions.EVACUATE_WITHOUT_SHARED_STORAGE):
        # Where it is wrong Nova refuses it; with True on local disks a server would come up empty.
        body["onSharedStorage"] = False
    return {"evacuate": body}, microversions.EVACUATED_KEEPS_RUNNING_MAX


def live_migrate(dialect: Dialect, target: str | None, block: bool | None) -> tuple[dict[str, Any], int]:
    """``block``: whether local disks are copied; None leaves it to Nova, where that is new enough to find out."""
    if dialect.has(microversions.LIVE_MIGRATE_AUTO):
        return {"os-migrateLive": {"host": target, "block_migration": "auto" if block is None else block}}, NEWEST
    body = {"host": target, "block_migration": bool(block), "disk_over_commit": False}
    return {"os-migrateLive": body}, NEWEST


def migrate(dialect: Dialect, target: str | None) -> tuple[dict[str, Any], int]:
    if target is None:
        return {"migrate": None}, NEWEST
    if not dialect.has(microversions.MIGRATE_TO_HOST):
        reason = f"this Nova chooses the host itself: it needs 2.{microversions.MIGRATE_TO_HOST} to be told one"
        raise RefusedError("the server cannot be migrated so", [FieldError("host", reason)])
    return {"migrate": {"host": target}}, NEWEST


def reboot(params: Mapping[str, Any], status: str) -> dict[str, Any]:
    kind = str(params.get("type", "SOFT" if status == "ACTIVE" else "HARD")).upper()
    if kind not in ("SOFT", "HARD"):
        raise RefusedError("the server cannot be rebooted so", [FieldError("type", "is SOFT or HARD")])
    return {"reboot": {"type": kind}}


def rebuild(params: Mapping[str, Any], image: Any) -> dict[str, Any]:
    own = image.get("id") if isinstance(image, Mapping) else None
    wanted = params.get("image", own)
    if not isinstance(wanted, str) or not wanted:
        reason = "is needed: the server was booted from a volume, and has no image of its own"
        raise RefusedError("the server cannot be rebuilt so", [FieldError("image", reason)])
    return {"rebuild": {"imageRef": wanted}}


SIMPLE: dict[str, dict[str, Any]] = {
    ActionKind.CONFIRM_RESIZE: {"confirmResize": None},
    ActionKind.REVERT_RESIZE: {"revertResize": None},
    ActionKind.START: {"os-start": None},
    ActionKind.STOP: {"os-stop": None},
}
"""Those whose body is always the same."""
