"""OSM's tasks: which of them name a server to monitor, and what is passed by."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from osm_players import ACCOUNT, KEY, VNFR, task

from nfvigil.vnf.osm.tasks import Skip, Target, read_task, read_tasks

TARGET = Target(account=ACCOUNT, server="s-1", vnfr=VNFR, number=0, key=KEY, ports=("p-s-1",), modified=1676755752.5)


def tasks(**more: Any) -> list[dict[str, Any]]:
    return [{**task()["tasks"][0], **more}]


def test_a_finished_task_names_a_server_and_its_place() -> None:
    assert read_task(task()) == TARGET


def test_any_of_several_tasks_may_be_the_one_that_is_done() -> None:
    several = [*tasks(status="SCHEDULED"), *tasks(action="FIND")]

    assert read_task(task(tasks=several)) == TARGET


@pytest.mark.parametrize(
    ("more", "skip"),
    [
        pytest.param({"tasks": []}, Skip.SHAPE, id="no tasks"),
        pytest.param({"tasks": None}, Skip.SHAPE, id="tasks are null"),
        pytest.param({"tasks": {"0": {}}}, Skip.SHAPE, id="tasks are an object"),
        pytest.param({"tasks": ["x"]}, Skip.SHAPE, id="a task is a text"),
        pytest.param({"tasks": tasks(status="FAILED")}, Skip.NOT_DONE, id="failed"),
        pytest.param({"tasks": tasks(status="SOMETHING")}, Skip.NOT_DONE, id="a status that nobody knows"),
        pytest.param({"tasks": tasks(item="net")}, Skip.NOT_DONE, id="done, but a network"),
        pytest.param({"tasks": [*tasks(item="net"), *tasks(status="BUILD")]}, Skip.NOT_DONE, id="two halves"),
        pytest.param({"tasks": [*tasks(), *tasks(action="DELETE", status="SCHEDULED")]}, Skip.LEAVING, id="on its way"),
        pytest.param({"tasks": [*tasks(), *tasks(action="DELETE")]}, Skip.LEAVING, id="deleted by OSM"),
        pytest.param({"target_id": "wim:x"}, Skip.UNKNOWN_VIM, id="no VIM"),
        pytest.param({"target_id": None}, Skip.UNKNOWN_VIM, id="nowhere"),
        pytest.param({"target_id": "vim:"}, Skip.UNKNOWN_VIM, id="a VIM without an id"),
        pytest.param({"vim_info": None}, Skip.NO_VIM_INFO, id="vim_info is null"),
        pytest.param({"vim_info": []}, Skip.NO_VIM_INFO, id="vim_info is a list"),
        pytest.param({"vim_info": {}}, Skip.NO_SERVER, id="no server"),
        pytest.param({"vim_info": {"vim_id": 7}}, Skip.NO_SERVER, id="a server that is a number"),
        pytest.param({"vim_info": {"vim_id": "x" * 1001}}, Skip.NO_SERVER, id="a server that is endless"),
        pytest.param({"tasks": tasks(target_record=None)}, Skip.RECORD_NAME, id="no record"),
        pytest.param({"tasks": tasks(target_record=f"nsrs:x:vld.0.vim_info.{KEY}")}, Skip.RECORD_NAME, id="a network"),
        pytest.param({"tasks": tasks(target_record=f"vnfrs:x:vdur.-1.vim_info.{KEY}")}, Skip.RECORD_NAME, id="before"),
        pytest.param({"tasks": tasks(target_record=f"vnfrs:x:vdur.a.vim_info.{KEY}")}, Skip.RECORD_NAME, id="no place"),
        pytest.param({"tasks": tasks(target_record="vnfrs:x:vdur.0.vim_info.vim:a.b")}, Skip.RECORD_NAME, id="a dot"),
        pytest.param({"tasks": tasks(target_record="vnfrs:x:vdur.0.vim_info.vim:a$")}, Skip.RECORD_NAME, id="a dollar"),
    ],
)
def test_what_names_none_is_passed_by(more: dict[str, Any], skip: Skip) -> None:
    assert read_task(task(**more)) is skip


def test_a_deletion_that_failed_leaves_the_server_to_be_monitored() -> None:
    assert read_task(task(tasks=[*tasks(), *tasks(action="DELETE", status="FAILED")])) == TARGET


def test_the_cloud_is_the_targets_and_the_place_is_the_records() -> None:
    found = read_task(task(target_id="vim:other"))

    assert isinstance(found, Target)
    assert (found.account, found.key) == ("other", KEY)


@pytest.mark.parametrize("ports", [None, "p", [None, 7, ""]])
def test_odd_ports_are_none(ports: object) -> None:
    found = read_task(task(vim_info={"vim_id": "s-1", "interfaces_vim_ids": ports}, modified_at="now"))

    assert isinstance(found, Target)
    assert (found.ports, found.modified) == ((), 0.0)


def test_what_is_passed_by_is_counted_and_the_newest_of_several_counts() -> None:
    skipped: Counter[Skip] = Counter()
    documents = [task(modified_at=2), task(modified_at=3), task(modified_at=1), task(tasks=[]), task(target_id=None)]

    found = read_tasks([*documents, task("s-2", number=1)], skipped)

    assert [(one.server, one.modified) for one in found] == [("s-1", 3.0), ("s-2", 1676755752.5)]
    assert skipped == {Skip.SHAPE: 1, Skip.UNKNOWN_VIM: 1}


def test_reading_is_linear() -> None:
    documents = [task(f"s-{number}", number=number) for number in range(2_000)]

    assert len(read_tasks(documents, Counter())) == 2_000
