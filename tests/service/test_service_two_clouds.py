"""Two clouds with hosts of one name in the real service: with suffixes they are told apart, without nothing is done."""

from __future__ import annotations

from typing import Any

import pytest
from service_api import Api
from service_consumer import Consumer, faults_in
from service_process import MakeService, Service, wait_until

from nfvigil.controller.vims.layout import SimulatedOptions, project_ids

SEEDS = {"east": 1, "west": 2}
"""With another seed a cloud has other projects."""
ONE_WORD_IS_ENOUGH = {"witnesses": 1, "settle_seconds": 0, "host_every_seconds": 0}
HOST = "host/compute-1"


def two_clouds(make_service: MakeService, **suffixes: str) -> Service:
    vims = [
        {
            "name": name,
            "options": {"hosts": 2, "servers_per_host": 2, "projects": 2, "seed": seed},
            "host_suffix": suffixes.get(name, ""),
            "interval_seconds": 1,
        }
        for name, seed in SEEDS.items()
    ]
    service = make_service(settings={"vims": vims, "brakes": ONE_WORD_IS_ENOUGH}).start()
    for name in SEEDS:
        wait_until(lambda name=name: service.api.get(f"/v1/vims/{name}")["state"] == "watched", f"{name} is watched")
    return service


def owners(name: str) -> list[str]:
    return sorted(project_ids(SimulatedOptions(projects=2, seed=SEEDS[name])).values())


def subscribe_all(api: Api, consumer: Consumer) -> None:
    api.subscribe(consumer.url("admin"), mode="raised")
    for name in SEEDS:
        for number, project in enumerate(owners(name)):
            api.subscribe(consumer.url(f"{name}-{number}"), project=project, mode="raised")


def alarms(api: Api) -> dict[str, dict[str, Any]]:
    """The open ones, by resource."""
    return {f"{one['resource']['kind']}/{one['resource']['id']}": one for one in api.all("/v1/alarms")}


def everything_in(api: Api, vim: str) -> dict[str, Any]:
    kinds = ("host", "server", "port", "network")
    found = (one for kind in kinds for one in api.all(f"/v1/resources?kind={kind}"))
    return {one["key"]: one["record"] for one in found if one["record"]["vim"] == vim}


def test_one_of_two_hosts_of_one_name_dies_and_only_its_own_cloud_is_touched(
    make_service: MakeService, consumer: Consumer
) -> None:
    service = two_clouds(make_service, east="@east", west="@west")
    api = service.api
    subscribe_all(api, consumer)
    before = everything_in(api, "west")
    assert f"{HOST}@west" in before
    assert not alarms(api)

    api.post("/v1/events", {"type": "compute.host.down", "resource": f"{HOST}@east"})
    asked = api.post("/v1/instructions", {"action": "fence", "target": f"{HOST}@east"}, expect=202)
    done = wait_until(
        lambda: (one := api.get(f"/v1/instructions/{asked['id']}"))["state"] in ("done", "failed") and one, "the fence"
    )
    service.wait_quiet()

    assert (done["state"], "compute-1@east was switched off" in done["text"]) == ("done", True)
    host = api.get(f"/v1/resources/{HOST}@east")["record"]
    assert (host["forced_down"], host["service_up"]) == (True, False)
    assert {one["vim"] for one in alarms(api).values()} == {"east"}
    assert {one["vim"] for one in api.all("/v1/actions")} == {"east"}
    assert everything_in(api, "west") == before
    for number in (0, 1):
        told = consumer.wait_for(lambda n=number: consumer.news(f"east-{n}", "raised"), f"the owner east-{number}")[0]
        assert b"compute-1" not in told.body
        assert consumer.news(f"west-{number}", "raised") == []
    (told,) = consumer.news("admin", "raised")
    assert f"{HOST}@east" in {key for key, _ in faults_in(told)}


def test_a_plain_name_that_both_have_is_the_administrators_to_look_after(
    make_service: MakeService, consumer: Consumer
) -> None:
    service = two_clouds(make_service, east="@east", west="@west")
    api = service.api
    subscribe_all(api, consumer)

    api.post("/v1/events", {"type": "compute.host.down", "resource": HOST})
    service.wait_quiet()

    assert set(alarms(api)) == {f"{HOST}?"}
    assert api.all("/v1/actions") == []
    consumer.wait_for(lambda: consumer.news("admin", "raised"), "the administrator")
    assert {one.endpoint for one in consumer.arrivals} == {"admin"}
    api.post("/v1/events", {"type": "compute.host.down", "resource": HOST, "status": "up"})
    service.wait_quiet()
    assert not alarms(api)


def test_without_suffixes_there_is_an_alarm_and_nothing_is_done_to_either(
    make_service: MakeService, consumer: Consumer
) -> None:
    service = two_clouds(make_service)
    api = service.api
    told = wait_until(lambda: (found := alarms(api)) and set(found) == {"vim/east", "vim/west"} and found, "the alarms")
    for one in told.values():
        assert (one["fault_type"], one["perceived_severity"]) == ("nfvigil.vim.names", "critical")
        assert HOST in one["text"]
        assert "host_suffix" in one["text"]
    counts = {name: api.get(f"/v1/vims/{name}")["counts"] for name in SEEDS}
    assert sorted(one.get("left_out", 0) for one in counts.values()) == [0, 2]
    details = api.get("/readyz")["details"]["vims"]
    assert sorted((one["left_out"], one["mistakable"]) for one in details.values()) == [(0, 2), (2, 0)]
    subscribe_all(api, consumer)

    api.post("/v1/events", {"type": "compute.host.down", "resource": HOST})
    refused = api.ask("POST", "/v1/instructions", {"action": "fence", "target": HOST})
    not_believed = api.ask("POST", "/v1/hosts/compute-1/confirm-off", {"reason": "seen"})
    service.wait_quiet()

    assert (refused.status, not_believed.status) == (404, 409)
    assert api.all("/v1/actions") == []
    assert set(alarms(api)) == {"vim/east", "vim/west", f"{HOST}?"}
    hosts = [one["record"] for one in api.all("/v1/resources?kind=host")]
    assert [one.get("forced_down", False) for one in hosts] == [False, False]
    assert api.get(f"/v1/resources/{HOST}")["record"]["id"] == "compute-1", "an administrator may still look at it"
    consumer.wait_for(lambda: consumer.news("admin", "raised"), "the administrator")
    assert {one.endpoint for one in consumer.arrivals} == {"admin"}


def test_an_account_gets_its_suffix_while_the_service_runs_and_not_while_its_hosts_are_ill(
    make_service: MakeService,
) -> None:
    service = make_service(cloud={"hosts": 1, "servers_per_host": 1}).start()
    api = service.api
    toy = {"hosts": 1, "servers_per_host": 1, "seed": 2}
    api.post("/v1/vims", {"name": "toy", "driver": "simulated", "options": toy, "interval_seconds": 1}, expect=201)
    wait_until(lambda: {"vim/toy", "vim/cloud"} <= set(alarms(api)), "the alarms")

    changed = api.send("PATCH", "/v1/vims/toy", {"host_suffix": "@toy"})

    assert changed["host_suffix"] == "@toy"
    wait_until(lambda: "vim/toy" not in alarms(api), "the toy's hosts have names of their own")
    assert "vim/cloud" in alarms(api), "a plain name may still be the other's"
    assert api.get(f"/v1/resources/{HOST}@toy")["related"]["servers"]
    api.post("/v1/events", {"type": "compute.host.down", "resource": f"{HOST}@toy"})
    service.wait_quiet()
    refused = api.ask("PATCH", "/v1/vims/toy", {"host_suffix": ""})
    assert refused.status == 409
    assert "compute-1@toy" in refused.body.decode()
    service.restart()
    wait_until(lambda: api.ask("GET", f"/v1/resources/{HOST}@toy").status == 200, "it is there after a restart")
    assert alarms(api)[f"{HOST}@toy"]["vim"] == "toy"


def test_after_a_restart_beside_a_cloud_that_is_away_a_doubtful_name_is_still_nobodys(
    make_service: MakeService,
) -> None:
    service = two_clouds(make_service)
    wait_until(lambda: set(alarms(service.api)) == {"vim/east", "vim/west"}, "the alarms")
    service.stop()
    service.settings["vims"][1]["options"]["latency_by_call"] = {"snapshot": 200}

    service.start(is_awaited=False)
    wait_until(lambda: service.api.try_once("GET", "/v1/vims/east"), "it answers", seconds=60)
    wait_until(lambda: service.api.get("/v1/vims/east")["state"] == "watched", "east is read")
    service.api.post("/v1/events", {"type": "compute.host.down", "resource": HOST})
    wait_until(lambda: f"{HOST}?" in alarms(service.api), "the administrator's alarm")

    assert service.api.get("/v1/vims/west")["state"] == "unread"
    assert set(alarms(service.api)) == {"vim/east", "vim/west", f"{HOST}?"}
    assert service.api.all("/v1/actions") == []


@pytest.mark.parametrize("suffix", ["east", "@", "@a/b", "@a?", "@a.b", "@" + "x" * 32])
def test_a_suffix_that_could_be_part_of_another_name_is_refused(service: Service, suffix: str) -> None:
    body = {"name": "toy", "driver": "simulated", "options": {"hosts": 1}, "host_suffix": suffix}

    refused = service.api.ask("POST", "/v1/vims", body)

    assert refused.status == 400
    assert "host_suffix" in refused.body.decode()


def test_the_settings_suffix_is_not_changed_under_open_alarms(make_service: MakeService) -> None:
    service = two_clouds(make_service, east="@east", west="@west")
    service.api.post("/v1/events", {"type": "compute.host.down", "resource": f"{HOST}@east"})
    service.wait_quiet()
    service.stop()
    for suffix in ("", "@orient"):
        service.settings["vims"][0]["host_suffix"] = suffix
        service.start(is_awaited=False)

        wait_until(
            lambda: f"the host_suffix of the VIM east is another one than when {HOST}@east" in service.tail(40), "it"
        )
        assert service.exit_code() != 0
