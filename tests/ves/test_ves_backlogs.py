"""What ONAP's clients configure, and what is built of it, sentence by sentence."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid3

import pytest
from ves_players import (
    EPC,
    IMS,
    NOW,
    PROJECTS,
    VIM,
    agent,
    built,
    document,
    host,
    reasons,
    server,
    severities,
)

from nfvigil.errors import RefusedError
from nfvigil.model.resource import Server
from nfvigil.ves.backlogs import build
from nfvigil.ves.config import backlog_document, config_document, read_config

ALL = {"domain": "fault", "type": "vm", "tenant": "epc"}
HOSTS = {"domain": "fault", "type": "host"}


def test_a_configuration_has_a_subscription_an_interval_and_backlogs() -> None:
    entry = {"domain": "fault", "type": "vm", "tenant": "epc", "source": "mme", "poll_interval": 5}
    told = {"endpoint": "http://c:8080/eventListener/v5", "username": "ves", "password": "s3cret"}

    config = read_config(VIM, document(entry, ves_subscription=told, poll_interval_default=20), now_us=NOW, by="joe")

    assert config.ves_subscription.endpoint == "http://c:8080/eventListener/v5"
    assert config.poll_interval_default == 20
    assert (config.backlogs[0].source, config.backlogs[0].poll_interval) == ("mme", 5)
    assert (config.vim, config.changed_us, config.changed_by) == (VIM, NOW, "joe")
    assert config.faults == "default"


def test_what_is_shown_of_it_has_no_secret() -> None:
    told = {"endpoint": "http://c:8080/eventListener/v5", "username": "ves", "password": "s3cret"}
    config = read_config(VIM, document(ALL, ves_subscription=told))

    shown = config_document(config)

    assert "s3cret" not in str(shown) + repr(config)
    assert shown == {
        "ves_subscription": {"endpoint": "http://c:8080/eventListener/v5", "username": "ves"},
        "poll_interval_default": 10,
        "backlogs": [ALL],
        "faults": "default",
        "heartbeat_interval": 0,
    }


def test_a_wrong_configuration_says_all_that_is_wrong() -> None:
    with pytest.raises(RefusedError) as refused:
        read_config(VIM, {"vesagent_config": {"ves_subscription": None, "backlogs": [None]}})

    assert sorted(reasons(refused.value.errors)) == [
        "vesagent_config.backlogs[0]",
        "vesagent_config.ves_subscription",
    ]


def test_a_built_backlog_has_id_tenant_source_interval_method_and_link() -> None:
    entry = {"domain": "fault", "type": "vm", "tenant": "epc", "source": "mme"}

    made = built(entry, cloud=[server("mme")], poll_interval_default=20)

    assert backlog_document(made.backlogs[0]) == {
        "backlog_uuid": str(uuid3(NAMESPACE_URL, f"{VIM}-epc-mme")),
        "domain": "fault",
        "type": "vm",
        "tenant": "epc",
        "tenant_id": EPC,
        "source": "mme",
        "server_id": "id-mme",
        "poll_interval": 20,
        "api_method": "GET",
        "api_link": f"/{VIM}/compute/v2.1/{EPC}/servers/id-mme",
    }


def test_without_a_source_it_is_all_of_a_tenant() -> None:
    backlog = built(ALL, cloud=[server("mme")]).backlogs[0]

    assert backlog.api_link == f"/{VIM}/compute/v2.1/{EPC}/servers/detail"
    assert (backlog.source, backlog.server_id) == ("", "")


def test_without_a_tenant_it_is_all_of_the_cloud() -> None:
    watcher = agent({"domain": "fault", "type": "vm"})

    told = watcher.see(server("mme", "ERROR"), server("cscf", "ERROR", project=IMS))

    assert severities(told) == [("mme", "CRITICAL"), ("cscf", "CRITICAL")]
    assert watcher.backlog.api_link == f"/{VIM}/compute/v2.1/all/servers/detail"


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"tenant": "epc", "source": "mme"}, id="by names"),
        pytest.param({"tenant": EPC, "source": "id-mme"}, id="by ids in the places of names"),
        pytest.param({"tenantid": EPC, "sourceid": "id-mme"}, id="by ids"),
        pytest.param({"tenant": "old name", "tenantid": EPC, "source": "x", "sourceid": "id-mme"}, id="the ids count"),
        pytest.param({"source": "mme"}, id="without the tenant"),
    ],
)
def test_tenant_and_source_are_named_by_name_or_id(entry: dict[str, str]) -> None:
    made = built({"domain": "fault", "type": "vm"} | entry, cloud=[server("mme"), server("mme2", project=IMS)])

    assert made.refusals == ()
    assert (made.backlogs[0].tenant_id, made.backlogs[0].server_id) == (EPC, "id-mme")


def test_a_tenant_that_has_no_servers_yet_is_named_by_its_id() -> None:
    made = built({"domain": "fault", "type": "vm", "tenant": "0123456789abcdef0123456789abcdef"})

    assert made.backlogs[0].tenant_id == "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("entry", "field", "reason"),
    [
        pytest.param(
            {"domain": "syslog", "type": "vm"},
            ".domain",
            "must be one of fault, measurement, heartbeat, not 'syslog'",
            id="a domain that there is not",
        ),
        pytest.param(
            {"type": "vm"}, ".domain", "must be one of fault, measurement, heartbeat, and is missing", id="no domain"
        ),
        pytest.param(
            {"domain": "fault", "type": "pnf"}, ".type", "must be one of vm, host for fault, not 'pnf'", id="a type"
        ),
        pytest.param(
            {"domain": "pm"}, ".type", "must be one of vm, host for measurement, and is missing", id="no type"
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "hss"},
            ".tenant",
            "no tenant 'hss' is known in this cloud",
            id="a tenant that nobody knows",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenantid": "hss"},
            ".tenantid",
            "no tenant 'hss' is known in this cloud",
            id="an id that is none",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "twice"},
            ".tenant",
            "there are 2 of this name: name one by tenantid (a, b)",
            id="two tenants of one name",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "ims", "source": "mme"},
            ".source",
            "no server 'mme' is known in tenant 'ims'",
            id="another tenant's server",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "ims", "source": "id-mme"},
            ".source",
            "no server 'id-mme' is known in tenant 'ims'",
            id="another tenant's server by id",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "sourceid": "mme"},
            ".sourceid",
            "no server 'mme' is known in the cloud",
            id="a name in an id's place",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "source": "dra"},
            ".source",
            "there are 7 of this name: name one by sourceid (dra0, dra1, dra2, dra3, dra4, ...)",
            id="many servers of one name",
        ),
        pytest.param(
            {"domain": "fault", "type": "host", "source": "c9"},
            ".source",
            "no host 'c9' is known in this cloud",
            id="a host that there is not",
        ),
        pytest.param(
            {"domain": "fault", "type": "host", "sourceid": "c9"},
            ".sourceid",
            "no host 'c9' is known in this cloud",
            id="a host's id that there is not",
        ),
        pytest.param(
            {"domain": "fault", "type": "host", "tenant": "epc"},
            ".tenant",
            "a host is no tenant's",
            id="a host's tenant",
        ),
        pytest.param(
            {"domain": "heartbeat", "source": "mme"},
            ".source",
            "a heartbeat is the agent's own, and has none",
            id="a heartbeat of something",
        ),
        pytest.param(ALL, "", "is the same as backlogs[0]", id="the same twice"),
    ],
)
def test_what_cannot_be_served_is_refused_for_that_entry_alone(
    entry: dict[str, str], field: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROJECTS, "a", "twice")
    monkeypatch.setitem(PROJECTS, "b", "twice")
    crowd = [server(f"dra{number}") for number in range(7)]
    cloud = [server("mme"), host("c1"), *(type(one)(id=one.name, name="dra", project=EPC) for one in crowd)]

    made = built(ALL, entry, {"domain": "fault", "type": "host"}, cloud=cloud)

    assert [(one.domain, one.type) for one in made.backlogs] == [("fault", "vm"), ("fault", "host")]
    assert reasons(made.refusals) == {f"backlogs[1]{field}": reason}


def test_where_nothing_can_be_served_there_is_none_and_a_reason_for_each() -> None:
    made = built({"domain": "syslog"}, {"domain": "fault"})

    assert made.backlogs == ()
    assert sorted(reasons(made.refusals)) == ["backlogs[0].domain", "backlogs[1].type"]


def test_the_same_entry_has_the_same_id_again_so_that_what_was_told_stays_known() -> None:
    first = built(ALL).backlogs[0]
    again = built({"domain": "heartbeat"}, ALL | {"poll_interval": 30}).backlogs[1]

    assert first.backlog_uuid == again.backlog_uuid
    assert {
        one.backlog_uuid for one in built(ALL, HOSTS, ALL | {"domain": "pm"}, {"domain": "heartbeat"}).backlogs
    } >= {first.backlog_uuid}


def test_every_pair_has_an_id_of_its_own() -> None:
    made = built(ALL, HOSTS, ALL | {"domain": "pm"}, HOSTS | {"domain": "pm"}, {"domain": "heartbeat"})

    assert len({one.backlog_uuid for one in made.backlogs}) == 5


def test_a_thousand_names_are_found_without_looking_at_every_server_for_each() -> None:
    compared = 0

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    servers = [Server(id=f"id-{number}", name=Name(f"s{number}")) for number in range(300)]
    config = read_config("lab", document(*({"domain": "fault", "type": "vm", "source": f"s{n}"} for n in range(300))))

    built = build(config, servers=servers, hosts=(), projects={})

    assert len(built.backlogs) == 300
    assert compared < 3_000
