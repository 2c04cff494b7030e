"""What is told of which cloud to which VES collector: kept with the subscription that brings it there."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from sqlalchemy import delete, func, select

from nfvigil.errors import UnavailableError
from nfvigil.model.change import Change
from nfvigil.model.subscription import Subscription
from nfvigil.model.ves import VesBacklog, VesConfig, VesState
from nfvigil.store import rows
from nfvigil.store.hot_path import HotPath
from nfvigil.store.ops import Conflict, Execute, Insert, Op
from nfvigil.store.schema import deliveries, subscriptions
from nfvigil.store.subscription_records import SubscriptionRecords
from nfvigil.store.ves_schema import ves_configs, ves_states


class VesRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one cloud. The config stands here without password and key: they are its subscription's, and sealed."""

    vim: str
    changed_us: int
    config: VesConfig | None = None
    """None: it was taken away, and the settings' one is not to come back by itself."""
    backlogs: tuple[VesBacklog, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    """(field, reason) of entries that there is no backlog of."""
    subscription: str = ""
    created_us: int = 0


to_record = msgspec.json.Decoder(VesRecord).decode
to_state = msgspec.json.Decoder(VesState).decode


class VesRecords(HotPath, SubscriptionRecords):
    async def ves_records(self) -> list[VesRecord]:
        """All, for the start: they are kept in memory."""
        return [to_record(body) for body in await self._reader.values(select(ves_configs.c.body))]

    async def ves_states(self) -> list[VesState]:
        """All, for the start."""
        return [to_state(body) for body in await self._reader.values(select(ves_states.c.body))]

    async def put_ves(
        self, record: VesRecord, subscription: Subscription | None = None, change: Change | None = None
    ) -> None:
        """The record, its subscription if that is another now, and what is told for it; states of backlogs that it has
        no more go. All or nothing.
        """
        ops: list[Op] = [_put(record)]
        if subscription is not None:
            ops.append(await self._row(subscription))
        if change is not None:
            ops.extend(self._ops(change, {}))
        kept = [one.backlog_uuid for one in record.backlogs]
        gone = delete(ves_states).where(ves_states.c.vim == record.vim, ves_states.c.backlog.not_in(kept))
        await self._writer.write([*ops, Execute(statement=gone)])

    async def remove_ves(self, vim: str, subscription_id: str, left: VesRecord | None = None) -> None:
        """With the states and all that was to be sent; ``left`` is what is remembered of it."""
        ops: list[Op] = [Execute(statement=delete(ves_configs).where(ves_configs.c.vim == vim))]
        if left is not None:
            ops = [_put(left)]
        ops.append(Execute(statement=delete(ves_states).where(ves_states.c.vim == vim)))
        ops.append(Execute(statement=delete(subscriptions).where(subscriptions.c.id == subscription_id)))
        await self._writer.write(ops)
        with suppress(UnavailableError):  # It is gone, whatever becomes of these.
            await self.delete_rows_of(subscription_id)

    async def delivery_counts(self, subscription_id: str) -> dict[str, int]:
        """How many deliveries are in which state."""
        statement = (
            select(deliveries.c.state, func.count().label("total"))
            .where(deliveries.c.subscription == subscription_id)
            .group_by(deliveries.c.state)
        )
        return {row.state: row.total for row in await self._reader.rows(statement)}


def _put(record: VesRecord) -> Insert:
    row = (record.vim, record.changed_us, rows.encode(record))
    return Insert(table=ves_configs, rows=[row], conflict=Conflict.REPLACE)
