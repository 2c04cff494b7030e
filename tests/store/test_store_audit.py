"""The audit log: what is in it stays as it is, and it can be seen if it did not."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest
import sqlalchemy as sa

from nfvigil.errors import NfvigilError, StoreUnavailableError
from nfvigil.model.audit import AuditQuery, AuditRecord, Outcome
from nfvigil.store import Store
from nfvigil.store.audit_chain import Chain, chained
from nfvigil.store.ops import Execute
from nfvigil.store.schema import audit

pytestmark = pytest.mark.anyio


def record(what: str, **more: Any) -> AuditRecord:
    return AuditRecord(**{"at_us": 1_800_000_000_000_000, "who": "ann", "what": what, **more})


async def test_a_record_comes_back_as_it_was(store: Store) -> None:
    whole = record(
        "acknowledged", target="alarm/a-1", text="why", who_id="u-1", project="A", role="member", via="keystone",
        rule="nfvigil:alarms:acknowledge", method="POST", outcome=Outcome.FAILURE, status=409, address="192.0.2.1",
        request="req-1",
    )  # fmt: skip

    await store.add_audit(whole)

    (found,) = await store.audit_log()
    assert msgspec.structs.replace(found, id=0, hash="") == whole
    assert (found.id, len(found.hash)) == (1, 64)


async def test_many_at_once_are_one_chain(store: Store, opened: Any) -> None:
    beside = await opened(node="cli", beside=True)

    await asyncio.gather(*(one.audit("ann", str(number)) for number in range(30) for one in (store, beside)))

    checked = await store.check_audit()
    assert (checked.count, checked.first, checked.last, checked.flaws) == (60, 1, 60, ())


async def test_who_is_cancelled_takes_none_along(store: Store) -> None:
    first, second = asyncio.create_task(store.audit("a", "one")), asyncio.create_task(store.audit("b", "two"))
    await asyncio.sleep(0)
    first.cancel()
    await second

    assert "two" in {line.what for line in await store.audit_log()}
    assert not (await store.check_audit()).flaws


async def test_the_log_is_asked_by_who_what_target_outcome_and_time(store: Store) -> None:
    await store.add_audit(record("hold", target="vim/lab", rule="nfvigil:brakes:hold"))
    await store.add_audit(record("clear", who="bob", who_id="u-2", at_us=1_800_000_000_000_009, request="r"))
    await store.add_audit(record("clear", outcome=Outcome.FAILURE))

    async def found(**asked: Any) -> list[int]:
        return [line.id for line in await store.audit_log(AuditQuery(**asked))]

    assert await found() == [3, 2, 1]
    assert await found(who=("bob",)) == await found(who=("x", "u-*")) == await found(request=("r",)) == [2]
    assert (
        await found(what=("nfvigil:brakes:*",)) == await found(what=("h?ld",)) == await found(target=("vim/*",)) == [1]
    )
    assert await found(outcome=Outcome.FAILURE) == [3]
    assert await found(since_us=1_800_000_000_000_001) == [2]
    assert await found(until_us=1_800_000_000_000_001) == [3, 1]
    assert await found(before=3, limit=1) == [2]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(sa.update(audit).values(who="nobody"), id="update"),
        pytest.param(sa.delete(audit), id="delete"),
        pytest.param(sa.delete(audit).where(audit.c.id == 1), id="delete of the first"),
    ],
)
async def test_the_database_itself_refuses_to_change_or_delete(store: Store, statement: Any) -> None:
    await store.audit("ann", "one")

    with pytest.raises((NfvigilError, asyncpg.PostgresError)):
        await store._writer.write([Execute(statement=statement)])

    assert [line.who for line in await store.audit_log()] == ["ann"]


async def test_neither_does_it_let_one_take_anothers_place(store: Store, url: str) -> None:
    await store.audit("ann", "one")
    columns = ", ".join(column.name for column in audit.columns)
    values = ", ".join(f"'{column.name}'" if isinstance(column.type, sa.Text) else "1" for column in audit.columns)
    verb = "INSERT OR REPLACE" if url.startswith("sqlite") else "INSERT"

    with pytest.raises((NfvigilError, asyncpg.PostgresError)):
        await store._writer.write([Execute(statement=sa.text(f"{verb} INTO audit ({columns}) VALUES ({values})"))])
    if not url.startswith("sqlite"):
        with pytest.raises((NfvigilError, asyncpg.PostgresError)):
            await store._writer.write([Execute(statement=sa.text("TRUNCATE audit"))])

    assert [line.who for line in await store.audit_log()] == ["ann"]


async def test_what_is_old_goes_by_its_own_way_only_and_the_rest_can_still_be_checked(store: Store, clock: Any) -> None:
    for number in range(3):
        await store.audit("ann", str(number))
    clock.forward(3600)
    await store.audit("ann", "young")

    assert await store.drop_audit(clock() - 1_000_000, by="retention") == 3

    lines = await store.audit_log()
    assert [line.what for line in lines] == ["old audit records dropped", "young"]
    assert (lines[0].who, lines[0].target) == ("retention", "3")
    assert (await store.check_audit()).flaws == ()
    assert await store.drop_audit(clock() - 1_000_000, by="retention") == 0
    clock.forward(3600)
    assert await store.drop_audit(clock() - 1_000_000, by="retention") == 2
    assert (await store.check_audit()).flaws == ()
    with pytest.raises((NfvigilError, asyncpg.PostgresError)):
        await store._writer.write([Execute(statement=sa.delete(audit))])


async def test_a_purge_of_the_rest_leaves_it_alone(store: Store, clock: Any) -> None:
    await store.audit("ann", "one")

    await store.purge(clock() + 1_000_000)

    assert len(await store.audit_log()) == 1


async def test_where_it_cannot_be_written_those_who_wait_hear_of_it(store: Store, opened: Any) -> None:
    reading = await opened(node="cli", read_only=True)

    said = await asyncio.gather(*(reading.audit("ann", str(one)) for one in range(3)), return_exceptions=True)

    assert [type(one) for one in said] == [StoreUnavailableError] * 3
    assert await store.audit_log() == []


LINES = chained([record(str(number)) for number in range(4)], 0, "")


@pytest.mark.parametrize(
    ("lines", "more", "flaws"),
    [
        pytest.param(LINES, {}, [], id="as it was"),
        pytest.param(
            [LINES[0], msgspec.structs.replace(LINES[1], who="bob"), *LINES[2:]],
            {},
            ["2 was changed, or what stood before it was"],
            id="changed",
        ),
        pytest.param(
            [LINES[0], *LINES[2:]],
            {},
            ["2 to 2 are missing", "3 was changed, or what stood before it was"],
            id="one is missing",
        ),
        pytest.param(
            LINES[2:],
            {},
            [
                "what stood before 3 is missing, and no record says that it was dropped",
                "3 was changed, or what stood before it was",
            ],
            id="the first are missing",
        ),
        pytest.param(LINES[2:], {"dropped": {2: LINES[1].hash}}, [], id="the first were dropped"),
        pytest.param(
            [*LINES[:2], msgspec.structs.replace(LINES[2], hash="")], {}, ["3 has no hash"], id="without a hash"
        ),
        pytest.param(
            [msgspec.structs.replace(record("old"), id=7), *chained([record("new")], 7, "")], {}, [], id="older ones"
        ),
        pytest.param(LINES[:3], {"known": {4: LINES[3].hash}}, ["4 was written down, and is not there"], id="cut off"),
        pytest.param(LINES, {"known": {4: LINES[3].hash}}, [], id="written down"),
        pytest.param(LINES, {"known": {4: "other"}}, ["4 is another than was written down"], id="made again"),
        pytest.param([], {}, [], id="empty"),
    ],
)
def test_the_chain_shows(lines: list[AuditRecord], more: dict[str, Any], flaws: list[str]) -> None:
    chain = Chain(**{"dropped": {}, **more})
    for line in lines:
        chain.take(line)

    assert list(chain.result().flaws) == flaws
