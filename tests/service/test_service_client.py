"""The Python client against the real service: every part of it, as a program would use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from service_consumer import Consumer
from service_process import Service, wait_until

from nfvigil.client import Client
from nfvigil.client.shapes import Alarm
from nfvigil.errors import NotFoundError, RefusedError

DOWN = {"type": "compute.host.down", "resource": "host/compute-1", "monitor": "ping", "status": "down"}


@pytest.fixture
def nfvigil(service: Service) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{service.port}") as client:
        yield client


def root_cause(nfvigil: Client) -> Alarm:
    return next(nfvigil.alarms.list(root_only=True))


def test_a_program_follows_a_fault_from_its_event_to_its_end(nfvigil: Client, consumer: Consumer) -> None:
    made = nfvigil.subscriptions.create(
        [{"url": consumer.url("all"), "format": "doctor"}], name="mine", mode="both", key="once"
    )
    same = nfvigil.subscriptions.create(
        [{"url": consumer.url("all"), "format": "doctor"}], name="mine", mode="both", key="once"
    )
    delivered = nfvigil.subscriptions.wait_delivered(made.id, nfvigil.subscriptions.test(made.id))

    assert nfvigil.health().ready
    assert (made.id, made.endpoints[0].format) == (same.id, "doctor")
    assert [one.state for one in delivered] == ["delivered"]

    [receipt] = nfvigil.events.send(DOWN)
    wait_until(lambda: any(nfvigil.alarms.list()), "an alarm")
    root = nfvigil.alarms.show(root_cause(nfvigil).id)

    assert (receipt.state, root.resource.key, root.event_id) == ("accepted", "host/compute-1", receipt.id)
    assert nfvigil.events.show(receipt.id or "").monitor == "ping"
    assert next(nfvigil.events.list(type="compute.*")).id == receipt.id
    assert nfvigil.alarms.changes().items[0].id
    assert nfvigil.alarms.explain(root.id).raw["policy"] == root.policy
    assert {one.target for one in nfvigil.actions.list(limit=500)} >= {"host/compute-1"}
    assert nfvigil.faults.profile(root.id).fault_id == next(nfvigil.faults.list()).id

    nfvigil.alarms.comment(root.id, "I look after it")
    wait_until(lambda: nfvigil.alarms.show(root.id).state == "confirmed", "the cloud agrees")
    acked = nfvigil.alarms.ack(root.id, if_match=nfvigil.alarms.show(root.id))

    assert acked.ack_state == "acknowledged"
    assert nfvigil.alarms.again(nfvigil.alarms.show(root.id)).acknowledged_by
    assert nfvigil.alarms.unack(root.id).ack_state == "unacknowledged"
    assert "commented" in [one.what for one in nfvigil.alarms.history(root.id)]

    nfvigil.events.send(DOWN | {"status": "up"})
    wait_until(lambda: not any(nfvigil.alarms.list()), "the end of it")

    assert nfvigil.subscriptions.pause(made.id).paused
    assert not nfvigil.subscriptions.resume(made.id).paused
    assert any(nfvigil.subscriptions.deliveries(made.id, state="delivered"))
    assert nfvigil.subscriptions.replay(made.id, after=0) > 0
    assert nfvigil.subscriptions.find("mine").id == made.id
    nfvigil.subscriptions.delete(made.id, if_match=nfvigil.subscriptions.show(made.id))
    with pytest.raises(NotFoundError, match="no such subscription"):
        nfvigil.subscriptions.show(made.id)


def test_a_program_sees_what_there_is_and_has_things_done(nfvigil: Client) -> None:
    servers = list(nfvigil.resources.list("server"))
    host = nfvigil.hosts.show("compute-2")
    impact = nfvigil.resources.impact("host/compute-2")

    assert len(servers) == 32
    assert len(host.related["servers"]) == 4
    assert (impact.event_type, len(impact.alarms)) == ("compute.host.down", 5)
    assert next(nfvigil.capacity.list("vim")).hosts["total"] == len(list(nfvigil.hosts.list()))

    rehearsed = nfvigil.instructions.ask("reboot", servers[0].key, {"type": "SOFT"}, dry_run=True)
    asked = nfvigil.instructions.ask("reboot", servers[0].key, {"type": "SOFT"}, key="ticket-1")

    assert rehearsed.action == "reboot"
    assert nfvigil.instructions.wait(asked, most_seconds=20).is_well
    assert [one.id for one in nfvigil.instructions.list()] == [asked.id]

    do: dict[str, Any] = {"host_down": {"action": "evacuate", "after_seconds": 5.0}}
    defined = nfvigil.recovery.define(servers[0].key, do)

    assert nfvigil.recovery.show(servers[0].key).do == defined.do == do
    assert [one.resource for one in nfvigil.recovery.list()] == [servers[0].key]
    nfvigil.recovery.unset(servers[0].key)

    assert not nfvigil.brakes.automation(False, reason="a rehearsal").automation
    assert nfvigil.brakes.automation(True, reason="it is over").automation_off is None
    assert [one.vim for one in nfvigil.brakes.hold("cloud", reason="a rehearsal").holds] == ["cloud"]
    assert nfvigil.brakes.release("cloud", reason="it is over").holds == ()
    assert nfvigil.brakes.show().waiting == 0
    assert nfvigil.hosts.power("compute-2").power == "on"
    with pytest.raises(RefusedError):
        nfvigil.hosts.confirm_off("compute-2", reason="it is not")

    active = next(one for one in nfvigil.policies.list() if one.active)
    text = nfvigil.policies.show(active.name).text

    assert nfvigil.policies.lint(text).ok
    assert nfvigil.policies.lint("name: 5").errors


def test_a_program_watches_another_cloud(nfvigil: Client) -> None:
    options = {"hosts": 2, "servers_per_host": 1, "host_prefix": "toy-"}

    assert nfvigil.vims.try_out("toy", "simulated", options=options).ok
    added = nfvigil.vims.add("toy", "simulated", options=options, interval_seconds=3600, key="once")
    read = nfvigil.vims.wait_listed(added)
    again = nfvigil.vims.wait_listed(nfvigil.vims.refresh("toy"))

    assert (read.state, read.counts["hosts"]) == ("watched", 2)
    assert (again.snapshot_time or "") > (read.snapshot_time or "")
    assert nfvigil.vims.check("toy").ok
    assert not nfvigil.vims.change("toy", {"enabled": False}, if_match=nfvigil.vims.show("toy")).enabled
    nfvigil.vims.remove("toy")
    assert [one.name for one in nfvigil.vims.list()] == ["cloud"]
