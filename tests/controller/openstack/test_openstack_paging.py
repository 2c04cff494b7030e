"""A list is believed only if every page of it is what it should be."""

from __future__ import annotations

import pytest

from nfvigil.controller.vims.openstack import paging
from nfvigil.controller.vims.openstack.paging import Paging, marker_of, read_pages
from nfvigil.controller.vims.openstack.wire import Link, Page
from nfvigil.errors import RefusedError, VimUnavailableError

pytestmark = pytest.mark.anyio


def take(reading: Paging, page: str) -> str | None:
    """``abc:c`` is a page of three whose link names the third."""
    ids, _, marker = page.partition(":")
    return reading.take(list(ids), marker or None)


@pytest.mark.parametrize(
    ("pages", "ends"),
    [
        pytest.param(["ab:"], True, id="one short page"),
        pytest.param([":"], True, id="nothing at all"),
        pytest.param(["abc:c", "de:"], True, id="a short page is the last"),
        pytest.param(["abc:c", "def:f", ":"], True, id="an empty page is the last"),
        pytest.param(["abc:"], False, id="a full page that names no next one is asked behind"),
        pytest.param(["abc:", ":"], True, id="and may be the last after all"),
        pytest.param(["ab:b", "cd:d", "e:"], True, id="the service's own bound is below ours"),
        pytest.param(["ab:b", "cd:"], False, id="full by the service's own bound"),
        pytest.param(["abcde:"], True, id="a service that does not page gives all at once"),
    ],
)
def test_a_list_that_is_complete(pages: list[str], ends: bool) -> None:
    reading = Paging(what="things", limit=3)

    marker = [take(reading, page) for page in pages][-1]

    assert (marker is None) is ends


@pytest.mark.parametrize(
    ("pages", "text"),
    [
        pytest.param(["abc:c", "abc:c"], "same entry twice", id="a repeated marker"),
        pytest.param(["abc:c", "cde:e"], "same entry twice", id="pages that overlap"),
        pytest.param(["aa:"], "same entry twice", id="twice on one page"),
        pytest.param([":c"], "behind an empty page", id="an empty page that goes on"),
        pytest.param(["abc:b"], "not the last of its page", id="a marker from the middle"),
        pytest.param(["abc:c", "de:e"], "that is not the last", id="a page shorter than the others that goes on"),
        pytest.param(["abcd:d"], "that is not the last", id="a page longer than asked for that goes on"),
        pytest.param(["ab:b", "cde:"], "a page of 3 behind one of 2", id="a page longer than the others"),
    ],
)
def test_a_list_that_is_not_believed(pages: list[str], text: str) -> None:
    reading = Paging(what="things", limit=3)

    for page in pages[:-1]:
        take(reading, page)

    with pytest.raises(VimUnavailableError, match=text):
        take(reading, pages[-1])


def test_a_list_without_end_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGES_MAX", 2)
    reading = Paging(what="things", limit=1)
    reading.take(["a"], "a")
    reading.take(["b"], "b")

    with pytest.raises(VimUnavailableError, match="more than 2 pages"):
        reading.take(["c"], "c")


def test_the_marker_is_taken_from_the_link() -> None:
    links = [Link(rel="previous", href="http://x?marker=a"), Link(rel="next", href="http://inside/x?limit=2&marker=b")]

    assert marker_of(links, "things") == "b"
    assert marker_of([], "things") is None
    with pytest.raises(VimUnavailableError, match="does not say where"):
        marker_of([Link(rel="next", href="http://inside/x")], "things")


async def test_a_list_begins_anew_when_what_the_marker_names_was_deleted() -> None:
    answers: list[Page[str] | RefusedError] = [
        Page(["a", "b"], "b"),
        RefusedError("marker [b] not found"),
        Page(["a", "c"], "c"),
        Page(["d"], None),
    ]

    async def ask(marker: str | None) -> Page[str]:
        answer = answers.pop(0)
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    read = await read_pages(ask, id_of=str, convert=str.upper, limit=2, what="things")

    assert read == ["A", "C", "D"]


async def test_a_list_that_is_refused_is_no_list() -> None:
    async def ask(marker: str | None) -> Page[str]:
        if marker is None:
            return Page(["a", "b"], "b")
        raise RefusedError("marker [b] not found")

    with pytest.raises(VimUnavailableError, match="the list of things is refused"):
        await read_pages(ask, id_of=str, convert=str, limit=2, what="things")
