"""The VES agent of two VIMs in a few lines."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError, UnavailableError
from nfvigil.model.ves import VesConfig, VesState
from nfvigil.northbound.ves.desk import VesBacklogDetail, VesDetail, VesTest
from nfvigil.ves.backlogs import build
from nfvigil.ves.config import read_config

NOW = 1_700_000_000_000_000
REGIONS = {"CloudOwner_RegionOne": "lab"}
STORED = {
    "vesagent_config": {
        "ves_subscription": {"endpoint": "http://stored.example/eventListener/v5"},
        "backlogs": [{"domain": "heartbeat"}],
    }
}


class FakeVes:
    """``lab`` has a configuration stored with it, ``fixed`` has none."""

    def __init__(self) -> None:
        self.kept: dict[str, VesConfig] = {}
        self.by: list[str] = []
        self.is_away = False
        self._changed_us = NOW

    def vim_of(self, *names: str) -> str:
        for name in names:
            if REGIONS.get(name, name) in ("lab", "fixed"):
                return REGIONS.get(name, name)
        raise NotFoundError(f"there is no VIM for {names[0]!r}")

    def config(self, vim: str) -> VesConfig | None:
        self.vim_of(vim)
        found = self.kept.get(vim)
        return None if found is None else _bare(found)

    async def show(self, vim: str) -> VesDetail | None:
        self.vim_of(vim)
        return self._detail(vim) if vim in self.kept else None

    async def put(self, vim: str, document: Any, *, by: str, was: VesConfig | None = None) -> VesDetail:
        if self.is_away:
            raise UnavailableError("the database is away", 5)
        self.vim_of(vim)
        if was is not None and self.config(vim) != was:
            raise ConflictError("it was changed meanwhile")
        if document is None and vim not in self.kept and vim != "lab":
            raise RefusedError("there is none", [FieldError("vesagent_config", "is missing")])
        self._changed_us += 1_000_000
        given = document if document is not None else STORED
        config = read_config(vim, given, now_us=self._changed_us, by=by)
        built = build(config, servers=(), hosts=(), projects={})
        if not built.backlogs:
            errors = [FieldError(f"vesagent_config.{one.field}", one.reason) for one in built.refusals]
            raise RefusedError("no backlog can be built of this", errors)
        if document is not None or vim not in self.kept:
            self.kept[vim] = config
        self.by.append(by)
        return self._detail(vim)

    def _detail(self, vim: str) -> VesDetail:
        config = self.kept[vim]
        built = build(config, servers=(), hosts=(), projects={})
        raised = VesState(
            vim=vim, backlog="b", source="s-a", name="vm-a", event_id="e-1", severity="CRITICAL", status="ERROR",
            start_us=NOW, last_us=NOW + 1_000_000,
        )  # fmt: skip
        return VesDetail(
            config=_bare(config),
            has_password=bool(config.ves_subscription.password),
            has_key=False,
            is_locked=False,
            is_paused=False,
            backlogs=tuple(
                VesBacklogDetail(backlog=one, collected_us=NOW, raised=(raised,), last=raised) for one in built.backlogs
            ),
            refusals=built.refusals,
            subscription="ves-1",
            pending=2,
            delivered=5,
            dead=1,
            delivered_us=NOW,
            last_status=503,
            last_error="the endpoint answered 503",
            skipped={"heartbeat": 3},
        )

    async def remove(self, vim: str) -> bool:
        self.vim_of(vim)
        return self.kept.pop(vim, None) is not None

    async def test(self, vim: str) -> VesTest:
        self.vim_of(vim)
        if vim not in self.kept:
            raise NotFoundError("the VES agent is not configured for this VIM")
        endpoint = self.kept[vim].ves_subscription.endpoint
        return VesTest(ok=False, endpoint=endpoint, status=401, detail="who are you", seconds=0.25)


def _bare(config: VesConfig) -> VesConfig:
    return replace(config, ves_subscription=replace(config.ves_subscription, password="", client_key=""))
