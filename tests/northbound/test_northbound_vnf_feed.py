"""In which order VNFs changed, and how long that is known; how much a page of them looks at."""

from __future__ import annotations

import pytest
from northbound_fakes import RECORDS, make_world

from nfvigil.desks import vnf_records as vnf_record_desk
from nfvigil.model.condition import Condition
from nfvigil.model.vim_status import VimStatus
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_answers import VnfFilter
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.wiring.vnfs import freshness_of

pytestmark = pytest.mark.anyio

A, B, C = ("p", "a"), ("p", "b"), ("q", "c")


def test_each_is_told_once_in_the_order_of_the_last_changes() -> None:
    feed = VnfFeed()
    for key in (A, B, C, A):
        feed.changed(*key)

    whole = feed.after(0, None, 10)
    first = feed.after(0, None, 1)
    own = feed.after(0, "q", 10)

    assert whole is not None
    assert first is not None
    assert own is not None
    assert (whole.changed, whole.last, whole.has_more) == ((B, C, A), 4, False)
    assert (first.changed, first.last, first.has_more) == ((B,), 2, True)
    assert (own.changed, own.last) == ((C,), 4)
    assert feed.after(4, None, 10) == feed.after(4, "q", 10)
    assert feed.after(5, None, 10) is None


def test_what_is_gone_is_told_as_long_as_that_is_known() -> None:
    feed = VnfFeed(removed_max=1)
    feed.changed(*A)
    feed.removed(*A)
    feed.changed(*B)

    there = feed.after(0, None, 10)
    feed.removed(*C)

    assert there is not None
    assert (there.changed, there.removed) == ((B,), (A,))
    assert feed.after(1, None, 10) is None  # that A is gone was forgotten
    left = feed.after(2, None, 10)
    assert left is not None
    assert left.removed == (C,)
    feed.changed(*C)
    back = feed.after(4, None, 10)
    assert back is not None
    assert (back.changed, back.removed) == ((C,), ())


@pytest.mark.parametrize(
    ("bound", "value"), [("LOOKED_AT_MAX", 1), ("COMPONENTS_MAX", 1)], ids=["vnfs looked at", "components shown"]
)
async def test_a_page_ends_at_a_bound_and_says_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(vnf_record_desk, bound, value)
    records = make_world().call.parts.vnf.records

    monkeypatch.setattr(vnf_record_desk, "AT_ONCE", 1)

    first = await records.page(None, VnfFilter(), "", 10)
    second = await records.page(None, VnfFilter(), first.following or "", 10)
    none = await records.page(None, VnfFilter(names=("ims",)), "", 10)

    assert ([one.vnf.id for one in first.items], first.following) == (["v-a"], "A/v-a")
    assert [one.vnf.id for one in second.items] == ["v-b"]
    assert (len(none.items), none.following) == ((0, "A/v-a") if bound == "LOOKED_AT_MAX" else (1, None))


def test_a_server_of_another_project_says_nothing_of_a_vnf() -> None:
    records = make_world().call.parts.vnf.records
    assert "server/s-b" in RECORDS

    standing = records.standing(Vnf(id="x", project="A", vnfcs=(Vnfc(id="c", server="s-b"),)))

    assert (standing.record.vdus[0].host, standing.record.vdus[0].status, standing.is_stale) == ("", "", True)
    assert standing.vdu("c") is standing.record.vdus[0]


@pytest.mark.parametrize(
    ("status", "is_stale"),
    [
        pytest.param(VimStatus(), True, id="never read"),
        pytest.param(VimStatus(taken_us=1, age_seconds=29.0, period_seconds=10.0), False, id="read in time"),
        pytest.param(VimStatus(taken_us=1, age_seconds=31.0, period_seconds=10.0), True, id="late"),
        pytest.param(VimStatus(taken_us=1, age_seconds=1e6), False, id="read when asked for only"),
        pytest.param(VimStatus(taken_us=1, conditions=(Condition.UNREACHABLE,)), True, id="unreachable"),
        pytest.param(VimStatus(taken_us=1, conditions=(Condition.CLIFF,)), True, id="much is missing"),
        pytest.param(VimStatus(taken_us=1, conditions=(Condition.NAMES,)), False, id="names are shared"),
    ],
)
def test_what_is_known_is_stale_where_its_cloud_is_not_read(status: VimStatus, is_stale: bool) -> None:
    assert freshness_of(status, None).is_stale is is_stale
    assert freshness_of(status, 7).read_us == 7
