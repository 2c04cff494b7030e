"""VNFs are kept whole, alarms are found by them, and our logins at endpoints lie encrypted; over both databases."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import text
from store_sample import START_US, alarm, subscription

from nfvigil.errors import ConflictError
from nfvigil.model.change import Change
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth
from nfvigil.model.vnf import Vnf, Vnfc, VnfSource
from nfvigil.sealing.keys import Keys
from nfvigil.store import alarm_records
from nfvigil.store.alarm_query import AlarmQuery

pytestmark = pytest.mark.anyio

replace = msgspec.structs.replace
EPC = Vnf(
    id="epc",
    project="p1",
    name="core",
    vnfcs=(Vnfc(id="mme", server="s1", vdu="mme"), Vnfc(id="sgw", server="s2")),
    source=VnfSource.TACKER,
    created_us=START_US,
    changed_us=START_US,
    created_by="tacker",
    extra={"nsr": "n-1"},
)


async def test_a_vnf_is_there_as_it_was_kept_after_the_store_was_opened_again(opened):
    first = await opened()
    await first.add_vnf(EPC)
    await first.add_vnf(replace(EPC, project="p0"))
    await first.close()

    second = await opened()

    assert await second.vnfs() == [replace(EPC, project="p0"), EPC]


async def test_a_project_has_one_of_an_id(store):
    await store.add_vnf(EPC)

    with pytest.raises(ConflictError, match="there is a VNF epc already"):
        await store.add_vnf(replace(EPC, name="other"))

    assert await store.vnfs() == [EPC]


async def test_a_vnf_is_changed_by_whoever_has_seen_it_last(store):
    await store.add_vnf(EPC)
    changed = replace(EPC, vnfcs=(), changed_us=START_US + 1)

    await store.change_vnf(changed, was_us=START_US)

    with pytest.raises(ConflictError, match="changed meanwhile"):
        await store.change_vnf(replace(EPC, changed_us=START_US + 2), was_us=START_US)
    assert await store.vnfs() == [changed]
    await store.remove_vnf("p2", "epc")
    await store.remove_vnf("p1", "epc")
    await store.remove_vnf("p1", "epc")
    assert await store.vnfs() == []


async def test_alarms_are_found_by_their_vnf(store):
    mine, other, none = alarm("a", vnf="v1", vnfc="c1"), alarm("b", vnf="v2"), alarm("c")
    await store.commit(Change(alarms=(mine, other, none)))

    async def found(**asked):
        return {one.id for one in await store.alarms(AlarmQuery(project=None, **asked))}

    assert await found(vnfs=("v1",)) == {"a"}
    assert await found(vnfs=("v1", "v2", "")) == {"a", "b"}
    assert await found(only_vnfs=True) == {"a", "b"}
    assert await found() == {"a", "b", "c"}
    assert (await store.alarm("a", None)) == mine

    await store.commit(Change(alarms=(replace(none, vnf="v1"),)))
    assert await found(vnfs=("v1",)) == {"a", "c"}


@pytest.mark.parametrize("asked", [{"only_vnfs": True}, {"vnfs": ("v1",)}, {"only_vnfs": True, "project": "p1"}])
async def test_a_page_of_vnfs_is_not_cut_short_by_what_is_of_none(store, monkeypatch, asked):
    monkeypatch.setattr(alarm_records, "SCAN_MAX", 3)
    rest = [alarm(f"c{number}", project="p1", raised_us=START_US + number) for number in range(1, 9)]
    mine = [alarm(name, project="p1", vnf="v1", raised_us=START_US) for name in ("a", "b")]
    await store.commit(Change(alarms=(*rest, *mine)))

    found = await store.alarm_page(AlarmQuery(**({"project": None} | asked)))

    assert ([one.id for one in found.alarms], found.following) == (["b", "a"], None)


async def test_how_we_log_in_at_an_endpoint_is_not_readable_in_the_database(opened, tmp_path):
    auth = EndpointAuth(kind=AuthKind.BASIC, user="nfvigil", secret="planted-one")
    one = replace(subscription(), endpoints=(Endpoint(id="e", url="http://192.0.2.1/", auth=auth),))
    store = await opened(keys=Keys(path=tmp_path / "keys"))

    await store.put_subscription(one)

    assert await store.subscriptions() == [one]
    async with store._reader.connection() as connection:
        for row in await connection.execute(text("SELECT * FROM subscriptions")):
            assert "planted-one" not in str(row)
            assert b"planted-one" not in b"".join(bytes(cell) for cell in row if isinstance(cell, bytes | memoryview))
