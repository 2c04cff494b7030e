"""The store: everything that must outlive the process, over SQLite or PostgreSQL.

hot_path        events, changes, results: through the group-commit writer, durable when they return
start_up        what a process reads when it starts, and claims
alarm_records, event_records, delivery_records, subscription_records, event_alarm_records, admin_records, vim_records,
vnf_records, vnf_record_records, ves_records, monitor_keys, sealed_records, configuration_records, follow_records,
requests, audit_records
                questions (over connections of their own) and the writes of the doors
upkeep          purge, check, backup
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from secrets import token_bytes, token_hex
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from nfvigil.errors import SettingsError, StoreUnavailableError
from nfvigil.sealing.keys import Keys
from nfvigil.store.address import Address, parse
from nfvigil.store.admin_records import AdminRecords
from nfvigil.store.alarm_records import AlarmRecords
from nfvigil.store.audit_records import AuditRecords
from nfvigil.store.configuration_records import ConfigurationRecords
from nfvigil.store.event_alarm_records import EventAlarmRecords
from nfvigil.store.event_records import EventRecords
from nfvigil.store.file_lock import WAIT_SECONDS, FileLock, InUseError
from nfvigil.store.hot_path import HotPath
from nfvigil.store.instance_ha_records import InstanceHaRecords
from nfvigil.store.migrating import bring_up_to_date, revision_of
from nfvigil.store.monitor_keys import MonitorKeyRecords
from nfvigil.store.ops import Op, Result, Writer
from nfvigil.store.profiles import Profiles
from nfvigil.store.reading import CANNOT_READ, Reader
from nfvigil.store.requests import Requests
from nfvigil.store.schema import REVISIONS
from nfvigil.store.start_up import StartUp
from nfvigil.store.subscription_records import SubscriptionRecords
from nfvigil.store.upkeep import Upkeep
from nfvigil.store.ves_records import VesRecords
from nfvigil.store.vim_records import VimRecords
from nfvigil.store.vnf_records import VnfRecords
from nfvigil.store.writer_postgres import PostgresWriter
from nfvigil.store.writer_sqlite import SqliteWriter, connect

LEASE_SECONDS = 30.0


class Store(
    VesRecords,
    HotPath,
    StartUp,
    AlarmRecords,
    EventRecords,
    EventAlarmRecords,
    SubscriptionRecords,
    AdminRecords,
    VimRecords,
    AuditRecords,
    MonitorKeyRecords,
    ConfigurationRecords,
    VnfRecords,
    Profiles,
    Requests,
    Upkeep,
    InstanceHaRecords,
):
    """Made by ``open_store``."""

    _stack: AsyncExitStack

    async def close(self) -> None:
        """Write what waits, then let go of the database."""
        await self._stack.aclose()


async def open_store(
    url: str,
    *,
    node: str,
    clock: Callable[[], int],
    upgrade: bool = True,
    read_only: bool = False,
    beside: bool = False,
    alone: bool = False,
    lease_seconds: float = LEASE_SECONDS,
    keys: Keys | None = None,
    lock_wait_seconds: float = WAIT_SECONDS,
) -> Store:
    """Open a database; an older schema is upgraded, a newer one refused.

    With ``read_only`` it may be in use by another process, and every write is refused. With ``beside`` it may be in
    use too, and small writes of what that process does not keep in memory (tokens) are taken. ``node`` is our
    name in leases and must stay the same over restarts. What endpoints keep secret is encrypted with ``keys``.
    ``alone`` refuses to share a PostgreSQL database with another process that asked for the same; an SQLite file is
    never shared. Raises SettingsError where the address, the schema or another process is in the way,
    StoreUnavailableError where the database does not answer.
    """
    address = parse(url)
    async with AsyncExitStack() as stack:
        is_alone = True
        if address.is_sqlite:
            is_alone = await _make_ready(
                address, stack, read_only=read_only, beside=beside, lock_wait_seconds=lock_wait_seconds
            )
        elif alone:
            from nfvigil.store.server_lock import ServerLock  # the driver is only loaded where it is used

            lock = ServerLock(dsn=address.dsn)
            await lock.acquire(lock_wait_seconds)
            stack.push_async_callback(lock.release)
        engine = _engine(address, read_only=read_only)
        stack.push_async_callback(engine.dispose)
        await _upgrade_or_refuse(engine, address, upgrade=upgrade and is_alone and not read_only)
        writer = _writer(address, read_only=read_only)
        stack.push_async_callback(writer.close)
        store = Store(
            reader=Reader(engine=engine),
            writer=writer,
            clock=clock,
            node=node,
            lease_seconds=lease_seconds,
            keys=keys,
        )
        if not read_only and not beside:
            await store.renew_leases(lease_seconds)
            await store.seal_old_subscriptions()
            await store.begin_run(name=token_hex(4), generation=token_hex(6), key=token_bytes(16))
        store._stack = stack.pop_all()
        return store


async def upgrade(url: str) -> tuple[str, str]:
    """Bring a database up to date: the revisions (before, after); before is "" for an empty one."""
    address = parse(url)
    async with AsyncExitStack() as stack:
        if address.is_sqlite:
            await _make_ready(address, stack, read_only=False, beside=False, lock_wait_seconds=WAIT_SECONDS)
        engine = _engine(address, read_only=False)
        stack.push_async_callback(engine.dispose)
        return await _upgrade_or_refuse(engine, address, upgrade=True), REVISIONS[-1]


async def _make_ready(
    address: Address, stack: AsyncExitStack, *, read_only: bool, beside: bool, lock_wait_seconds: float
) -> bool:
    """See that the file can be used, by us alone if it is to be written; returns whether we are alone."""
    if read_only:
        if not address.path.exists():
            raise SettingsError(f"there is no database {address.path}")
        return True
    lock = FileLock(database=address.path)
    try:
        await lock.acquire(0.0 if beside else lock_wait_seconds)
    except InUseError:
        if beside:
            return False
        raise
    stack.callback(lock.release)
    try:
        # Made here with WAL on, and for our eyes only: it holds what projects own and say.
        os.close(os.open(address.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = await asyncio.to_thread(connect, address.path, 5.0)
        connection.close()
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailableError(f"the database {address.path} cannot be opened: {error}") from error
    return True


async def _upgrade_or_refuse(engine: AsyncEngine, address: Address, *, upgrade: bool) -> str:
    try:
        async with engine.connect() as connection:
            if await revision_of(connection) == REVISIONS[-1]:
                return REVISIONS[-1]
            await connection.rollback()
            async with connection.begin():
                return await bring_up_to_date(connection, upgrade=upgrade)
    except CANNOT_READ as error:
        raise StoreUnavailableError(f"the database {address} cannot be opened: {error}") from error


def _engine(address: Address, *, read_only: bool) -> AsyncEngine:
    if not address.is_sqlite:
        return create_async_engine(address.for_reading, pool_size=5, max_overflow=5, pool_pre_ping=True)
    engine = create_async_engine(address.for_reading, pool_size=3, max_overflow=2, connect_args={"timeout": 5.0})

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # The driver would begin transactions late and commit before DDL; "begin" below does it in the open instead.
        connection.isolation_level = None
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _writer(address: Address, *, read_only: bool) -> Writer:
    if read_only:
        return _NoWriter()
    return SqliteWriter(path=address.path) if address.is_sqlite else PostgresWriter(dsn=address.dsn)


class _NoWriter:
    """Refuses every write."""

    @property
    def waiting(self) -> int:
        return 0

    async def write(self, ops: Sequence[Op]) -> list[Result]:
        raise StoreUnavailableError("the database was opened for reading only")

    async def close(self) -> None:
        """There is nothing to close."""
