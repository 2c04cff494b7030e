"""Questions: each sees what its reader owns and no more, and pages cost the same however far one is."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import msgspec
import pytest
from sqlalchemy.event import listen
from store_sample import (
    EVENT,
    START_US,
    action,
    alarm,
    cleared,
    decision,
    delivery,
    entry,
    event,
    fault,
    notification,
    subscription,
)

from nfvigil.errors import NotFoundError, RefusedError
from nfvigil.model.action import ActionKind, ActionState
from nfvigil.model.alarm import AlarmState, Audience
from nfvigil.model.change import Change
from nfvigil.model.checkpoints import Checkpoint
from nfvigil.model.identity import Role
from nfvigil.model.notification import DeliveryState
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity
from nfvigil.store import AlarmQuery, TokenRecord
from nfvigil.store.delivery_records import delivery_marker
from nfvigil.store.event_records import action_marker

pytestmark = pytest.mark.anyio

OLD, NEW = START_US, START_US + 1_000_000
ALARMS = (
    alarm("a", severity=Severity.CRITICAL, raised_us=OLD),
    alarm(
        "b",
        severity=Severity.WARNING,
        fault_type="compute.nic.down",
        resource="port/b",
        raised_us=OLD + 1,
        root="a",
        parent="a",
    ),
    alarm("c", project="p2", raised_us=OLD + 2, acked_us=OLD + 9),
    alarm(
        "host",
        project="",
        resource="host/compute-1",
        fault_type="compute.host.down",
        audience=Audience.ADMIN,
        raised_us=OLD + 3,
    ),
    alarm("secret", project="p1", audience=Audience.ADMIN, raised_us=NEW),
    cleared(alarm("old", raised_us=OLD - 5), OLD - 1),
)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param({}, "secret host c b a old", id="everything"),
        pytest.param({"project": "p1"}, "b a old", id="a project: its own, less what is not for owners"),
        pytest.param({"project": "p2"}, "c", id="another project"),
        pytest.param({"project": ""}, "", id="a reader without a project: nothing, not the operator's"),
        pytest.param({"of_project": "p1"}, "secret b a old", id="the administrator narrows to a project"),
        pytest.param({"project": "p1", "of_project": "p2"}, "", id="a project cannot narrow to another"),
        pytest.param({"open_only": True}, "secret host c b a", id="open"),
        pytest.param({"project": "p1", "open_only": True}, "b a", id="a project's open ones"),
        pytest.param({"states": (AlarmState.CLEARED,)}, "old", id="state"),
        pytest.param({"severities": (Severity.WARNING, Severity.MAJOR)}, "b", id="severities"),
        pytest.param({"min_severity": Severity.WARNING}, "b a", id="at least"),
        pytest.param({"fault_types": ("compute.n*",)}, "b", id="glob"),
        pytest.param({"fault_types": ("compute.[hn]?*.down",)}, "host b", id="glob with a class"),
        pytest.param({"fault_types": ("COMPUTE.*",)}, "", id="glob by case"),
        pytest.param({"fault_types": ("compute.nic.down", "x")}, "b", id="exact"),
        pytest.param({"resource_kinds": (Kind.PORT, Kind.HOST)}, "host b", id="kinds"),
        pytest.param({"resources": ("server/a", "b")}, "b a", id="resources by key and by id"),
        pytest.param({"project": "p1", "resources": ("server/c",)}, "", id="another's resource"),
        pytest.param({"is_root_cause": True, "project": "p1"}, "a old", id="root causes"),
        pytest.param({"root": "a"}, "b a", id="what follows from one"),
        pytest.param({"is_acked": True}, "c", id="acknowledged"),
        pytest.param({"is_acked": False, "project": "p1"}, "b a old", id="not acknowledged"),
        pytest.param({"from_us": OLD + 1, "until_us": NEW}, "host c b", id="time"),
        pytest.param({"limit": 2}, "secret host", id="page"),
        pytest.param({"limit": 2, "marker": "host"}, "c b", id="next page"),
        pytest.param({"event_id": EVENT, "limit": 1}, "secret", id="event"),
    ],
)
async def test_alarms_are_found_by(store, query, names):
    await store.commit(Change(alarms=ALARMS))

    found = await store.alarms(AlarmQuery(**({"project": None} | query)))

    assert [one.id for one in found] == names.split()


async def test_paging_on_from_an_alarm_that_the_reader_may_not_see_is_refused(store):
    await store.commit(Change(alarms=ALARMS))

    with pytest.raises(NotFoundError):
        await store.alarms(AlarmQuery(project="p1", marker="c"))
    with pytest.raises(RefusedError):
        await store.alarms(AlarmQuery(project="p1", limit=1001))


async def test_a_list_is_kept_in_step_by_asking_for_changes(store):
    await store.commit(Change(alarms=ALARMS[:3]))
    first = await store.alarm_changes(AlarmQuery(project="p1", limit=1))
    second = await store.alarm_changes(AlarmQuery(project="p1", since_change=first.next_change))
    quiet = await store.alarm_changes(AlarmQuery(project="p1", since_change=second.next_change))

    gone = cleared(ALARMS[0], NEW)
    await store.commit(Change(alarms=(gone,)))

    after = await store.alarm_changes(AlarmQuery(project="p1", since_change=quiet.next_change))
    assert (first.alarms, second.alarms, quiet.alarms) == (ALARMS[:1], ALARMS[1:2], ())
    assert after.alarms == (gone,)
    assert await store.alarms(AlarmQuery(project="p2", since_change=quiet.next_change)) == []


async def test_a_project_finds_nothing_of_another_under_any_name(store):
    news = notification(subscription="theirs")
    await store.put_subscription(subscription("theirs", project="p2"))
    await store.put_subscription(subscription("operators", project=""))
    await store.commit(
        Change(
            alarms=ALARMS,
            history=tuple(map(entry, ALARMS)),
            actions=(action("x", project="p2", alarm_id="c"),),
            notifications=(news,),
            deliveries=(delivery(news),),
        )
    )

    for project in ("p1", ""):
        assert await store.alarm("c", project) is None
        assert await store.history("c", project) == []
        assert await store.actions(project=project) == []
        assert await store.actions(project=project, alarm_id="c") == []
        assert await store.subscriptions(project) == []
        assert await store.subscription("theirs", project) is None
        assert await store.subscription("operators", project) is None
        assert await store.notifications("theirs", project=project) == []
        assert await store.deliveries("theirs", project=project) == []
    assert await store.alarm("secret", "p1") is None
    assert await store.history("secret", "p1") == []
    assert await store.alarm("c", "p2") == ALARMS[2]
    assert await store.notifications("theirs", project="p2") == [news]
    assert len(await store.subscriptions(None)) == 2


async def test_events_are_found_by_time_type_and_page(store):
    kept = [
        event(EVENT + (number << 10), type=f"compute.{'host' if number % 2 else 'nic'}.down") for number in range(6)
    ]
    await store.add_events(kept)

    assert await store.events(limit=2) == kept[:2]
    assert await store.events(after=kept[1].id, limit=2) == kept[2:4]
    assert await store.events(type="*.nic.*") == kept[::2]
    assert await store.events(since_us=START_US + 2, until_us=START_US + 4) == kept[2:4]
    assert await store.events(newest_first=True, limit=1) == kept[-1:]
    assert await store.events(after=kept[1].id, newest_first=True) == kept[:1]


async def test_actions_are_found_by_event_alarm_state_and_page(store):
    later = EVENT + 1024
    gone = cleared(alarm("a"), NEW)
    done = action("x", state=ActionState.DONE, ended_us=NEW, alarm_id="a")
    rest = (action("y", alarm_id="b"), action("u", event_id=later, alarm_id="a", undo_of="x"))
    await store.commit(
        Change(
            alarms=(gone, alarm("b")),
            history=(entry(gone), entry(gone, "cleared", at_us=NEW, event_id=later)),
            actions=(done, *rest),
        )
    )

    assert await store.actions(project=None, alarm_id="a") == [done, rest[1]]
    assert await store.actions(project=None, event_id=EVENT) == [done, rest[0]]
    assert await store.actions(project=None, state=ActionState.PLANNED) == list(rest[:1] + rest[1:])
    assert await store.actions(project="p1", limit=1, marker=action_marker(done)) == [rest[0]]
    with pytest.raises(NotFoundError):
        await store.actions(project=None, marker="1/none")


async def test_deliveries_are_found_by_state_and_page(store):
    news = [notification(seq) for seq in (1, 2)]
    sent = [delivery(news[0], part) for part in (0, 1)] + [delivery(news[1])]
    await store.put_subscription(subscription())
    await store.commit(Change(notifications=tuple(news), deliveries=tuple(sent)))
    dead = msgspec.structs.replace(sent[1], state=DeliveryState.DEAD, error="gone")
    await store.save_deliveries([dead])

    assert await store.deliveries("sub-1", DeliveryState.DEAD) == [dead]
    assert await store.deliveries("sub-1", DeliveryState.PENDING, limit=1) == sent[:1]
    assert await store.deliveries("sub-1", marker=delivery_marker(sent[0])) == [dead, sent[2]]
    assert await store.pending_deliveries("sub-1-end", 1, 0, 10) == [(news[1], sent[2])]
    depths = await store.queue_depths()
    assert (depths.pending_deliveries, depths.dead_deliveries) == (2, 1)


async def test_a_profile_is_read_from_the_rows(store):
    told = event(happened_us=START_US - 50, time_us=START_US - 20)
    news = notification()
    await store.add_events([told])
    await store.put_subscription(subscription())
    await store.commit(
        Change(
            decisions=(decision(told, decided_us=START_US + 1),),
            faults=(fault(),),
            alarms=(alarm("a", acked_us=START_US + 90),),
            actions=(
                action("f", kind=ActionKind.FORCE_DOWN, state=ActionState.DONE, ended_us=START_US + 30),
                action("s", state=ActionState.DONE, ended_us=START_US + 40),
                action("p", kind=ActionKind.PORT_DATA_PLANE_DOWN, state=ActionState.FAILED, ended_us=START_US + 70),
            ),
            notifications=(news,),
            deliveries=(
                delivery(news, state=DeliveryState.DELIVERED, first_sent_us=START_US + 5, delivered_us=START_US + 8),
            ),
        )
    )

    profile = await store.profile("fault-1")

    assert profile is not None
    assert {point: at_us - START_US for point, at_us in profile.checkpoints.items()} == {
        Checkpoint.HAPPENED: -50,
        Checkpoint.DETECTED: -20,
        Checkpoint.AFFECTED_FOUND: 1,
        Checkpoint.HOST_MARKED_DOWN: 30,
        Checkpoint.SERVERS_SET_TO_ERROR: 40,
        Checkpoint.VIM_TOLD: 40,
        Checkpoint.TRANSFORMED: 1,
        Checkpoint.EVALUATED: 1,
        Checkpoint.FIRED: 5,
        Checkpoint.RECEIVED: 8,
        Checkpoint.HANDLED: 90,
    }
    assert (profile.notified, profile.acted) == (1, 3)
    assert await store.profiles() == [profile]
    assert await store.profiles(since_us=START_US + 1) == []
    assert await store.profile("none") is None


async def test_policies_have_versions_of_which_one_is_active(store):
    first = await store.add_policy("default", "one", by="ann")
    second = await store.add_policy("default", "two")

    await store.activate_policy("default", 2)
    await store.activate_policy("default", 1)

    assert (first.version, second.version) == (1, 2)
    assert [one.version for one in await store.policies()] == [2, 1]
    assert [one.text for one in await store.policies(active_only=True)] == ["one"]
    assert (await store.policy("default")).text == "two"
    with pytest.raises(NotFoundError):
        await store.activate_policy("default", 3)


async def test_a_token_is_found_until_it_is_revoked_or_expires(store, clock):
    kept = TokenRecord(id="t1", hash="h1", name="ann", project=None, role=Role.ADMIN, created_us=clock())
    brief = TokenRecord(
        id="t2",
        hash="h2",
        name="bob",
        project="p1",
        role=Role.READER,
        created_us=clock(),
        expires_us=clock() + 1_000_000,
    )
    await store.add_token(kept)
    await store.add_token(brief)

    assert await store.find_token("h1") == kept
    assert await store.find_token("h2") == brief
    clock.forward(2)
    await store.revoke_token("t1")
    assert await store.find_token("h1") is None
    assert await store.find_token("h2") is None
    assert len(await store.tokens()) == 2
    with pytest.raises(NotFoundError):
        await store.revoke_token("t1")


async def test_the_audit_log_is_read_newest_first(store):
    for what in ("one", "two", "three"):
        await store.audit("ann", what, "policy/default")

    log = await store.audit_log(limit=2)

    assert [line.what for line in log] == ["three", "two"]
    assert [line.what for line in await store.audit_log(before=log[-1].id)] == ["one"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "alarms_by_time"),
        ({"marker": "a"}, "alarms_by_time"),
        ({"open_only": True}, "alarms_open"),
        ({"project": "p1"}, "alarms_by_project"),
        ({"project": "p1", "marker": "a"}, "alarms_by_project"),
        ({"project": "p1", "open_only": True}, "alarms_open_by_project"),
        ({"since_change": 5}, "alarms_by_change"),
        ({"only_vnfs": True}, "alarms_of_vnfs"),
        ({"only_vnfs": True, "project": "p1"}, "alarms_of_vnfs_by_project"),
        ({"vnfs": ("vnf-1",), "project": "p1", "marker": "a"}, "alarms_by_vnf"),
    ],
)
async def test_a_page_of_alarms_is_read_from_an_index_in_its_order(store, tmp_path, query, index):
    await store.commit(Change(alarms=ALARMS))
    asked: list[tuple[str, tuple[object, ...]]] = []
    listen(
        store._reader.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, values, *_: asked.append((statement, values)),
    )

    await store.alarms(AlarmQuery(**({"project": None} | query)))

    statement, values = next(one for one in reversed(asked) if "alarms.body" in one[0])
    with closing(sqlite3.connect(tmp_path / "nfvigil.db")) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any(f"INDEX {index} " in f"{line} " for line in plan), plan
    assert not any("TEMP B-TREE" in line for line in plan), plan


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "alarms_by_time"),
        ({"place": (NEW, "x")}, "alarms_by_time"),
        ({"project": "p1", "min_severity": Severity.MAJOR}, "alarms_by_project"),
        ({"project": "p1", "open_only": True, "place": (NEW, "x")}, "alarms_open_by_project"),
        ({"states": (AlarmState.CONFIRMED,)}, "alarms_open"),
        ({"states": (AlarmState.CLEARED,), "probable_causes": ("x",)}, "alarms_by_time"),
        ({"event_from_us": OLD, "fault_types": ("x.*",), "resource_kinds": (Kind.PORT,)}, "alarms_by_time"),
        ({"resources": ("server/a",)}, "alarms_by_resource"),
        ({"resources": ("a",), "project": "p1", "place": (NEW, "x")}, "alarms_by_"),
    ],
)
async def test_whatever_is_asked_for_a_page_looks_at_part_of_the_alarms_only(store, tmp_path, query, index):
    await store.commit(Change(alarms=ALARMS))
    asked: list[tuple[str, tuple[object, ...]]] = []
    listen(
        store._reader.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, values, *_: asked.append((statement, values)),
    )

    await store.alarm_page(AlarmQuery(**({"project": None} | query)))

    with closing(sqlite3.connect(tmp_path / "nfvigil.db")) as connection:
        for statement, values in asked:
            if "FROM alarms" in statement:
                plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
                assert any(f"INDEX {index}" in line for line in plan), plan
