"""What manages VNFs, beside the real service: a consumer of ETSI SOL's alarms, and Tacker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from service_process import MakeService, Service, wait_until
from test_service_story import HOST, down, projects, servers, up
from vnf_players import Manager, Tacker, validate

KINDS = ("AlarmNotification", "AlarmClearedNotification", "AlarmListRebuiltNotification")


@pytest.fixture
def manager() -> Iterator[Manager]:
    manager = Manager()
    yield manager
    manager.close()


def subscribe(service: Service, manager: Manager, path: str, **more: Any) -> dict[str, Any]:
    body = {"callbackUri": manager.url + path, **more}
    validate(body, "FmSubscriptionRequest")
    answer = service.api.ask("POST", "/vnffm/v1/subscriptions", body, {"Version": "1.3.0"})
    assert answer.status == 201, answer
    validate(answer.json(), "FmSubscription")
    assert b"s/ecret" not in answer.body
    return dict(answer.json())


def test_a_vnf_manager_hears_of_its_vnf_in_its_own_words_and_answers(service: Service, manager: Manager) -> None:
    api = service.api
    hit = servers(service)
    server = next(iter(hit.values()))
    login = {
        "authType": ["TLS_CERT", "OAUTH2_CLIENT_CREDENTIALS"],
        "paramsOauth2ClientCredentials": {
            "clientId": "vnfm",
            "clientPassword": "s/ecret",
            "tokenEndpoint": f"{manager.url}/token",
        },
    }
    chosen = {"vnfInstanceSubscriptionFilter": {"vnfInstanceIds": [server["vnf"]]}}
    mine = subscribe(service, manager, "/mine", filter=chosen, authentication=login)
    subscribe(service, manager, "/all", authentication={"authType": ["BASIC"], "paramsBasic": _basic()})

    api.post("/v1/events", down())

    told = manager.wait_for("/mine")
    everything = manager.wait_for("/all", 4)
    for one in (*told, *everything):
        validate(one.json, one.json["notificationType"])
    assert told[0].json["subscriptionId"] == mine["id"]
    assert told[0].json["alarm"]["managedObjectId"] == server["vnf"]
    assert told[0].json["alarm"]["rootCauseFaultyResource"]["faultyResourceType"] == "COMPUTE"
    assert told[0].json["id"] in {one.json["id"] for one in everything}, "the same news has one id for all"
    assert {one.headers["authorization"] for one in told} == {"Bearer t-1"}
    assert {one.headers["authorization"] for one in everything} == {"Basic dm5mbTpz"}
    assert all(one.json["alarm"]["managedObjectId"] for one in everything), "the host is nobody's VNF"
    service.wait_quiet()

    listed = api.ask(
        "GET", f"/vnffm/v1/alarms?filter=(eq,managedObjectId,{server['vnf']});(neq,perceivedSeverity,CLEARED)"
    )
    alarm = listed.json()[0]
    validate(alarm, "Alarm")
    acked = api.ask("PATCH", f"/vnffm/v1/alarms/{alarm['id']}", {"ackState": "ACKNOWLEDGED"})
    assert (acked.status, acked.json()) == (200, {"ackState": "ACKNOWLEDGED"})
    assert acked.headers["version"] == "1.3.0"
    assert api.ask("PATCH", f"/vnffm/v1/alarms/{alarm['id']}", {"ackState": "ACKNOWLEDGED"}).status == 409

    api.post("/v1/events", up())

    wait_until(lambda: any(one.json["notificationType"] == KINDS[1] for one in manager.told), "cleared", 20)
    for one in manager.told:
        validate(one.json, one.json["notificationType"])


def _basic() -> dict[str, str]:
    return {"userName": "vnfm", "password": "s"}


def test_whoever_lost_news_is_told_to_read_the_list_again(make_service: MakeService, manager: Manager) -> None:
    service = make_service().start()
    subscribe(service, manager, "/sol")
    manager.status = 410  # Gone: it is given up at once.
    service.api.post("/v1/events", down())
    wait_until(lambda: len(manager.told) >= 4, "what is refused", 20)
    manager.status = 204

    service.api.post("/v1/events", up())

    rebuilt = wait_until(
        lambda: [one for one in manager.told if one.json["notificationType"] == KINDS[2]], "rebuilt", 20
    )
    validate(rebuilt[0].json, KINDS[2])


def test_a_vnf_that_is_told_of_while_its_alarms_stand_is_named_by_them_without_a_word(service: Service) -> None:
    api = service.api
    key, server = next(iter(servers(service).items()))
    plain = {key: one for key, one in servers(service).items() if not one["vnf"]}
    api.post("/v1/events", down())
    service.wait_quiet()
    assert not plain, "the simulated cloud's servers say by themselves which VNF they are"
    found = api.get(f"/v1/alarms?vnf={server['vnf']}")["items"]

    assert key in {f"{one['resource']['kind']}/{one['resource']['id']}" for one in found}
    assert {one["vnf_id"] for one in found} == {server["vnf"]}


def test_tacker_registers_a_server_and_is_told_to_heal_it(service: Service, manager: Manager) -> None:
    api = service.api
    key, server = next(iter(servers(service).items()))
    server_id = key.partition("/")[2]
    name = next(name for name, project in projects(service).items() if project == server["project"])
    tacker = Tacker(manager=manager, notifier_port=api.port, vnf="vnf-of-tacker", tenant=name, fault_ids=["10", "1234"])
    tacker.register(server_id)
    assert tacker.register(server_id)["alarm_id"] == tacker.alarms[server_id], "the same again is the same"

    api.post("/v1/events", down())

    told = tacker.wait_for(server_id)
    assert [(one["fault_id"], one["fault_type"]) for one in told] == [("10", "10")]
    assert HOST not in str(told)
    service.wait_quiet()
    alarm = api.get(f"/v1/alarms?resource_id={server_id}")["items"][0]
    api.post(f"/v1/alarms/{alarm['id']}/ack")
    api.post("/v1/events", up())
    service.wait_quiet()
    time.sleep(0.2)
    assert len(tacker.wait_for(server_id)) == 1, "whatever else it hears would make it heal again"
    assert tacker.unregister(server_id) == 204


def test_tacker_is_told_of_what_stands_already_when_it_registers(service: Service, manager: Manager) -> None:
    key, server = next(iter(servers(service).items()))
    service.api.post("/v1/events", down())
    service.wait_quiet()
    tacker = Tacker(
        manager=manager, notifier_port=service.api.port, vnf="v", tenant=server["project"], fault_ids=["10", "20"]
    )

    tacker.register(key.partition("/")[2])

    assert tacker.wait_for(key.partition("/")[2])[0]["fault_id"] == "10"


def test_what_a_consumer_trusts_us_with_is_found_nowhere(service: Service, manager: Manager) -> None:
    params = {"userName": "vnfm", "password": "planted-password"}
    subscribe(service, manager, "/sol", authentication={"authType": ["BASIC"], "paramsBasic": params})
    service.api.post("/v1/events", down())
    manager.wait_for("/sol")
    service.wait_quiet()

    shown = service.api.ask("GET", "/v1/subscriptions").body + service.api.ask("GET", "/metrics").body

    assert b"planted-password" not in shown
    for path in service.directory.rglob("*"):
        assert not path.is_file() or b"planted-password" not in path.read_bytes(), path
