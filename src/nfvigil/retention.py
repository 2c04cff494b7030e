"""Forgets what is long over, so that the database does not grow for ever; what a replay needs to begin is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from nfvigil.desks.desk import BASE, each_decision
from nfvigil.desks.o2ims import alarm_days
from nfvigil.errors import UnavailableError
from nfvigil.inspector.replay import Base, fold
from nfvigil.model.change import Change
from nfvigil.model.ids import event_id_at
from nfvigil.model.times import SECOND
from nfvigil.settings import RetentionSettings
from nfvigil.store import Store
from nfvigil.store.upkeep import Purged

_log = structlog.get_logger(__name__)


async def purge(store: Store, before_us: int, alarms_before_us: int | None = None) -> Purged:
    """Remove what was over before ``before_us``; returns how many rows of what. Cleared alarms may have another time.

    The state at that time is worked out from the decisions and kept, then they go: in this order, so that a crash
    in between leaves some of both and the next purge goes on.
    """
    base = (await store.memory()).get(BASE)
    kept = msgspec.convert(base, Base) if base else Base()
    state = kept.state()
    last = kept.last
    async for body in each_decision(store, last):
        event_id = msgspec.json.decode(body, type=_Head).event.id
        if event_id >= event_id_at(before_us):
            break
        fold([body], state)
        last = event_id
    if last > kept.last:
        await store.commit(Change(memory={BASE: msgspec.to_builtins(Base.of(state, last))}))
    return await store.purge(before_us, alarms_before_us)


class _Event(msgspec.Struct):
    id: int


class _Head(msgspec.Struct):
    event: _Event


class Retention:
    """Purges now and then."""

    def __init__(self, *, store: Store, settings: RetentionSettings, clock: Callable[[], int]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    def _before(self, days: float) -> int:
        return self._clock() - int(days * 86400) * SECOND

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.interval_seconds)
            try:
                alarms = await alarm_days(self._store, self._settings.days)
                removed = await purge(self._store, self._before(self._settings.days), self._before(alarms))
                _log.info("purged", **msgspec.structs.asdict(removed))
                if self._settings.audit_days is not None:
                    before_us = self._clock() - int(self._settings.audit_days * 86400) * SECOND
                    _log.info("audit log shortened", lines=await self._store.drop_audit(before_us, by="retention"))
            except UnavailableError as error:
                _log.warning("purge put off", reason=str(error))
            except Exception:
                # A record that it cannot read is no reason to end the service, at this hour and at every one after it.
                _log.exception("purge failed")
