"""VNF records: written whole with what belongs to them, forgotten with their VNF; over both databases."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from store_sample import START_US

from nfvigil.errors import ConflictError
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduChange, VduDetails, VnfRecord
from nfvigil.store.vnf_record_records import line_number

pytestmark = pytest.mark.anyio

EPC = Vnf(id="epc", project="p1", vnfcs=(Vnfc(id="mme", server="s1"), Vnfc(id="sgw", server="s2")), changed_us=START_US)
NEW = VnfRecord(
    project="p1",
    id="epc",
    vdus=(Vdu(id="mme", server="s1"), Vdu(id="sgw", server="s2")),
    changed_us=START_US,
)
MME = Vdu(
    id="mme",
    server="s1",
    vim="cloud",
    status="ACTIVE",
    host="h1",
    ip_address="192.0.2.1",
    interfaces=(Interface(port="n1", vlan=7, ip_address="192.0.2.1;2001:db8::1", manages_vdu=True),),
    changed_us=START_US + 1,
)
SEEN = replace(NEW, vdus=(MME, NEW.vdus[1]), ip_address="192.0.2.1", changed_us=START_US + 1)
WORDS = VduDetails(server=b'{"id":"s1"}', ports={"n1": b'{"id":"n1"}', "n2": b'{"id":"n2"}'})


def line(kind=ChangeKind.STATUS, vdu="mme", at_us=START_US + 1, **more):
    return VduChange(vdu=vdu, kind=kind, at_us=at_us, **more)


@pytest.fixture
async def kept(store):
    await store.add_vnf(EPC, NEW)
    return store


async def lines(store, **asked):
    return [change for _, change in await store.vdu_history("p1", "epc", **asked)]


async def test_a_record_begins_with_its_vnf_and_is_there_after_the_store_was_opened_again(opened):
    first = await opened()
    await first.add_vnf(EPC, NEW)
    await first.save_vnf_record(SEEN, {"mme": WORDS}, [line(after="ACTIVE")], was_us=START_US)
    await first.close()

    second = await opened()

    assert await second.vnf_records() == [SEEN]
    assert await second.vnf_record("p1", "epc") == SEEN
    assert await second.vnf_record("p2", "epc") is None
    assert await second.vnf_details("p1", "epc") == {"mme": WORDS}
    assert await lines(second) == [line(after="ACTIVE")]


async def test_records_are_read_page_by_page(store, monkeypatch):
    monkeypatch.setattr("nfvigil.store.vnf_record_records.LOAD_PAGE", 2)
    all_of_them = [replace(NEW, project=f"p{number // 2}", id=f"v{number % 2}") for number in range(5)]

    await store.put_vnf_records(all_of_them)
    await store.put_vnf_records([])

    assert await store.vnf_records() == all_of_them


async def test_only_words_that_are_other_ones_are_written_anew(kept):
    await kept.save_vnf_record(SEEN, {"mme": WORDS}, [], was_us=START_US)
    other = {"mme": VduDetails(ports={"n1": b'{"id":"n1","x":1}', "n2": b""}), "sgw": VduDetails(server=b"{}")}

    await kept.save_vnf_record(SEEN, other, [], was_us=SEEN.changed_us)

    assert await kept.vnf_details("p1", "epc") == {
        "mme": VduDetails(server=WORDS.server, ports={"n1": b'{"id":"n1","x":1}'}),
        "sgw": VduDetails(server=b"{}"),
    }


async def test_what_was_changed_meanwhile_is_not_overwritten_and_nothing_of_the_write_is_kept(kept):
    with pytest.raises(ConflictError, match="record of the VNF epc was changed meanwhile"):
        await kept.save_vnf_record(SEEN, {"mme": WORDS}, [line()], was_us=START_US - 1)

    assert await kept.vnf_records() == [NEW]
    assert await kept.vnf_details("p1", "epc") == {}
    assert await lines(kept) == []


async def test_a_vnf_that_was_removed_meanwhile_does_not_come_back(kept):
    await kept.save_vnf_record(SEEN, {"mme": WORDS}, [line()], was_us=START_US)

    await kept.remove_vnf("p1", "epc")

    with pytest.raises(ConflictError):
        await kept.save_vnf_record(SEEN, {"mme": WORDS}, [line()], was_us=SEEN.changed_us)
    assert await kept.vnf_records() == []
    assert await kept.vnf_details("p1", "epc") == {}
    assert await lines(kept) == []


async def test_words_on_a_vdu_go_with_it_when_its_vnf_is_told_anew(kept):
    await kept.save_vnf_record(
        SEEN, {"mme": WORDS, "sgw": VduDetails(server=b"{}")}, [line(), line(vdu="sgw")], was_us=START_US
    )
    smaller = replace(SEEN, vdus=(MME,), changed_us=START_US + 2)

    await kept.change_vnf(replace(EPC, vnfcs=EPC.vnfcs[:1], changed_us=START_US + 2), was_us=START_US, record=smaller)

    assert await kept.vnf_records() == [smaller]
    assert await kept.vnf_details("p1", "epc") == {"mme": WORDS}
    assert len(await lines(kept)) == 2  # what became of it is history, whoever is in the VNF now


async def test_a_record_of_no_vnf_is_dropped(store):
    await store.put_vnf_records([NEW, replace(NEW, id="other")])

    await store.drop_vnf_records([("p1", "epc")])

    assert [record.id for record in await store.vnf_records()] == ["other"]


async def test_history_is_read_in_order_from_a_line_on_by_vdu_kind_and_time(kept):
    many = [line(field=str(number)) for number in range(1500)]
    await kept.save_vnf_record(SEEN, {}, many, was_us=START_US)
    later = [line(ChangeKind.HOST, at_us=START_US + 9), line(vdu="sgw", at_us=START_US + 9)]
    await kept.save_vnf_record(replace(SEEN, changed_us=START_US + 9), {}, later, was_us=SEEN.changed_us)

    first = await kept.vdu_history("p1", "epc", limit=1000)
    rest = await kept.vdu_history("p1", "epc", after=first[-1][0], limit=1000)

    assert [change for _, change in first + rest] == many + later
    assert await lines(kept, vdu="sgw") == later[1:]
    assert await lines(kept, kinds=[ChangeKind.HOST, ChangeKind.NAME]) == later[:1]
    assert await lines(kept, since_us=START_US + 9) == later
    assert await lines(kept, after=rest[-1][0]) == []
    assert await kept.vdu_history("p2", "epc") == []


async def test_old_history_is_purged_and_the_record_stays(kept):
    await kept.save_vnf_record(SEEN, {"mme": WORDS}, [line(), line(at_us=START_US + 50)], was_us=START_US)

    purged = await kept.purge(START_US + 50)

    assert purged.vdu_changes == 1
    assert await lines(kept) == [line(at_us=START_US + 50)]
    assert await kept.vnf_records() == [SEEN]


async def test_of_a_vdu_that_changes_all_the_while_the_last_lines_stay(kept):
    noisy = [line(at_us=START_US + number) for number in range(1, 8)]
    await kept.save_vnf_record(SEEN, {}, [*noisy, line(vdu="sgw", at_us=START_US + 1)], was_us=START_US)

    assert await kept.trim_vdu_history(lines_max=3) == 4

    assert await lines(kept, vdu="mme") == noisy[-3:]
    assert len(await lines(kept, vdu="sgw")) == 1
    assert await kept.trim_vdu_history(lines_max=3) == 0


async def test_a_record_that_cannot_be_read_is_found_by_the_check(kept):
    assert await kept.check() == []

    await kept._writer.write([_broken_record()])

    assert any(problem.startswith("VNF record epc cannot be read") for problem in await kept.check())


async def test_a_backup_has_the_records(kept, tmp_path, opened):
    from nfvigil.store import open_store

    await kept.save_vnf_record(SEEN, {"mme": WORDS}, [line()], was_us=START_US)

    await kept.backup(tmp_path / "copy.db")

    copy = await open_store(f"sqlite:///{tmp_path}/copy.db", node="n", clock=lambda: START_US)
    try:
        assert await copy.vnf_records() == [SEEN]
        assert await copy.vnf_details("p1", "epc") == {"mme": WORDS}
        assert await lines(copy) == [line()]
    finally:
        await copy.close()


def test_numbers_rise_with_time():
    assert line_number(START_US) + 1024 == line_number(START_US + 1)


def _broken_record():
    from nfvigil.store.ops import Conflict, Insert
    from nfvigil.store.vnf_record_schema import vnf_records

    return Insert(table=vnf_records, rows=[("p1", "epc", 1, b"{")], conflict=Conflict.REPLACE)
