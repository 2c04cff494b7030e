"""Who may do what by the rules, and what operators may put in their place."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from northbound_fakes import call, make_world
from typer.testing import CliRunner

from nfvigil.app import open_service
from nfvigil.cli.main import app as command_line
from nfvigil.cli.permissions import rules_of_this_version, sample
from nfvigil.errors import SettingsError
from nfvigil.model.audit import AuditRecord
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.northbound.api import all_rules
from nfvigil.northbound.audit_notes import AuditNotes
from nfvigil.northbound.guarded import Caller, for_readers, for_writers
from nfvigil.northbound.rules.catalogue import rules_of
from nfvigil.northbound.rules.checks import read_overrides
from nfvigil.northbound.rules.file import PolicyFile
from nfvigil.northbound.rules.permissions import Permissions
from nfvigil.northbound.rules.rule import CALLERS, Audience, Rule
from nfvigil.settings import load

RULES = (
    Rule(name="nfvigil:alarms:list", check="rule:reader", audience=Audience.READERS),
    Rule(name="nfvigil:alarms:ack", check="rule:member", audience=Audience.WRITERS),
    Rule(name="nfvigil:vims:add", check="rule:admin", audience=Audience.ADMINISTRATORS),
    Rule(name="nfvigil:vims:list", check="rule:admin or rule:system_reader", audience=Audience.ADMINISTRATORS),
    Rule(name="nfvigil:doors:events", check="rule:monitor or rule:admin", audience=Audience.SENDERS),
)
LIST, ACK, ADD, SHOW, SEND = (rule.name for rule in RULES)


@pytest.mark.parametrize(
    ("persona", "may"),
    [
        ("reader", {LIST}),
        ("member", {LIST, ACK}),
        ("manager", {LIST, ACK}),
        ("admin", {LIST, ACK, ADD, SHOW, SEND}),
        ("service", set()),
        ("monitor", {SEND}),
        ("system_reader", {LIST, SHOW}),
    ],
)
def test_each_persona_may_what_it_is_for_and_what_the_weaker_ones_may(persona: str, may: set[str]) -> None:
    permissions = Permissions(RULES)

    assert {rule.name for rule in RULES if permissions.may(rule.name, CALLERS[persona])} == may


def test_a_rule_that_there_is_not_is_for_nobody() -> None:
    assert not Permissions(RULES).may("nfvigil:alarms:sing", CALLERS["admin"])


@pytest.mark.parametrize(
    ("overrides", "field", "reason"),
    [
        pytest.param({"nfvigil:alarms:lsit": "rule:reader"}, "nfvigil:alarms:lsit", "no such rule", id="misspelt"),
        pytest.param({"raeder": "role:reader"}, "raeder", "no such rule", id="an alias that nobody uses"),
        pytest.param({LIST: "role:a role:b"}, LIST, "no expression", id="no joiner"),
        pytest.param({LIST: "role:a and"}, LIST, "no expression", id="half a sentence"),
        pytest.param({LIST: "(role:a or role:b"}, LIST, "no expression", id="a bracket too few"),
        pytest.param({LIST: "role:a)"}, LIST, "no expression", id="a bracket too many"),
        pytest.param({LIST: "or role:a"}, LIST, "no expression", id="a joiner first"),
        pytest.param({LIST: "reader"}, LIST, "is no check", id="a bare word"),
        pytest.param({LIST: "roel:reader"}, LIST, "not known of a caller", id="a kind that there is not"),
        pytest.param({LIST: "http://example.com/check"}, LIST, "not known of a caller", id="asks elsewhere"),
        pytest.param({LIST: "project_id:%(project_id)s"}, LIST, "the caller only", id="asks for the target"),
        pytest.param({LIST: "rule:noc"}, LIST, "there is no rule noc", id="leads nowhere"),
        pytest.param({"a": "rule:b", "b": "rule:a"}, "a", "leads back to itself", id="a circle"),
        pytest.param({LIST: "   "}, LIST, "no expression", id="blanks"),
        pytest.param({LIST: "not " * 900 + "role:a"}, LIST, "as many 'not'", id="not not not"),
        pytest.param({LIST: "(" * 900 + "role:a" + ")" * 900}, LIST, "brackets", id="a heap of brackets"),
        pytest.param({LIST: " or ".join(["role:a"] * 9000)}, LIST, "is longer", id="a long check"),
        pytest.param(
            {LIST: "rule:a0", "a99": "role:a"} | {f"a{n}": f"rule:a{n + 1}" for n in range(99)},
            LIST, "one behind the other", id="a long chain",
        ),
        pytest.param(
            {LIST: " or ".join(f"rule:a{n}" for n in range(250))} | {f"a{n}": "role:a" for n in range(250)},
            "", "none of ours", id="a heap of rules",
        ),
        pytest.param({LIST: "!"}, LIST, "nobody of a project", id="for nobody"),
        pytest.param({ACK: "rule:admin"}, ACK, "nobody of a project", id="for no project"),
        pytest.param({"member": "role:creator"}, ACK, "nobody of a project", id="for nobody by what it leans on"),
    ],
)  # fmt: skip
def test_a_policy_file_that_is_wrong_is_refused_by_name(overrides: dict[str, str], field: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Permissions(RULES, overrides)

    assert any(one.field == field and reason in one.reason for one in caught.value.errors), caught.value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a\n- b\n", "must hold rules"),
        ('"a": [["role:a"]]\n', "must be a text"),
        ("1: role:a\n", "must be a text"),
        ('"a": "b\n', "found unexpected end"),
        ("x" * 600_000, "is larger"),
        ("a: 2026-13-45\n", "must be a text"),
        ("a: " + "[" * 5000, "levels deep"),
        ('"a": "@"\n"a": "!"\n', "a: is there twice"),
    ],
)
def test_what_is_no_policy_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_overrides(text)

    assert reason in str(caught.value)


def test_an_empty_policy_file_changes_nothing() -> None:
    assert read_overrides("# nothing yet\n") == {}


def test_operators_name_roles_of_their_own_and_single_people() -> None:
    overrides = {
        "noc": "role:noc or user_id:u-7",
        ADD: "rule:admin or (rule:noc and not project_id:guests)",
        "reader": "role:reader or role:observer or rule:member",
    }
    permissions = Permissions(RULES, overrides)
    member = Identity(name="m", project="A", role=Role.MEMBER)

    assert permissions.may(ADD, msgspec.structs.replace(member, roles=("member", "noc")))
    assert permissions.may(ADD, msgspec.structs.replace(member, id="u-7"))
    assert not permissions.may(ADD, msgspec.structs.replace(member, id="u-7", project="guests"))
    assert not permissions.may(ADD, member)
    assert permissions.may(LIST, Identity(name="o", project="A", role=Role.SERVICE, roles=("observer",)))
    assert not permissions.may(LIST, Identity(name="o", project="A", role=Role.SERVICE))


def test_a_rule_may_be_for_those_only_whom_one_thing_vouches_for() -> None:
    permissions = Permissions(RULES, {LIST: "rule:reader and via:keystone"})
    reader = Identity(name="r", project="A", role=Role.READER)

    assert not permissions.may(LIST, reader)
    assert permissions.may(LIST, msgspec.structs.replace(reader, via=Via.KEYSTONE))


def test_who_opens_an_administrators_route_to_projects_is_warned() -> None:
    assert Permissions(RULES, {SHOW: "rule:manager"}).warnings() == [
        "nfvigil:vims:list is for administrators, and given to manager: it shows and changes what is everybody's"
    ]
    assert len(Permissions(RULES, {"admin": "role:admin or role:manager"}).warnings()) == 3
    assert Permissions(RULES, {ACK: "rule:manager"}).warnings() == []


def test_who_lets_projects_send_events_or_shuts_administrators_out_is_warned() -> None:
    (opened,) = Permissions(RULES, {SEND: "rule:monitor or rule:manager"}).warnings()

    assert opened.startswith("nfvigil:doors:events is for monitors, and given to manager")
    assert f"{ADD} is for nobody any more, also not for administrators" in Permissions(RULES, {ADD: "!"}).warnings()
    assert Permissions(RULES, {ADD: "user_id:u-7"}).warnings() == []


def test_answers_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfvigil.northbound.rules.permissions.ANSWERS_MAX", 3)
    permissions = Permissions(RULES)

    for number in range(10):
        assert permissions.may(LIST, Identity(name=str(number), project="A", role=Role.READER))

    assert len(permissions._answers) <= 3


def test_every_route_has_a_rule_of_its_own() -> None:
    rules = rules_of_this_version()
    operations = [one for rule in rules for one in rule.operations]

    assert len(operations) == len(set(operations))
    assert all(rule.text for rule in rules), [rule.name for rule in rules if not rule.text]
    assert {"nfvigil:alarms:acknowledge", "nfvigil:doors:doctor_events"} <= {rule.name for rule in rules}


def test_the_physical_side_is_for_nobody_of_a_project_and_each_rule_can_be_named_in_a_check() -> None:
    rules = {rule.name: rule for rule in rules_of_this_version()}
    physical = [name for name in rules if name.startswith(("nfvigil:o2ims:o2_", "nfvigil:physical_"))]
    permissions = Permissions(tuple(rules.values()))

    assert len(physical) >= 10
    assert {one for name in physical for one in permissions.takers(name)} == {"admin", "system_reader"}
    assert not [name for name in rules if len(name.split()) != 1]


def test_the_sample_is_a_policy_file_that_changes_nothing() -> None:
    text = sample(rules_of_this_version())

    assert read_overrides(text) == {}
    whole = yaml.safe_load("\n".join(line.removeprefix("#") for line in text.splitlines() if line.startswith('#"')))
    assert Permissions(rules_of_this_version(), whole).checks == Permissions(rules_of_this_version()).checks


@pytest.mark.anyio
async def test_a_route_asks_the_rule_in_force_before_the_body_is_read() -> None:
    world = make_world(permissions=Permissions(all_rules(()), {"nfvigil:alarms:comment": "rule:manager"}))

    answer = await world.call("POST", "/v1/alarms/a-1/comments", b"x" * 3_000_000, by="member-a")

    assert answer.status == 403
    assert answer.problem["detail"] == "the role member may not do this; it takes manager or admin"


@pytest.mark.anyio
async def test_a_reader_of_the_whole_system_reads_all_and_changes_nothing() -> None:
    world = make_world()

    async def everything(request: Any) -> Identity:
        return Identity(name="auditor", project="A", role=Role.MEMBER, sees_all=True)

    world.call.parts = replace(world.call.parts, guard=everything)
    assert len((await world.call("GET", "/v1/alarms?state=all")).json["items"]) == 5
    assert (await world.call("POST", "/v1/alarms/b-1/ack")).status == 404
    assert (await world.call("POST", "/v1/alarms/a-1/ack")).status == 200


@pytest.mark.anyio
async def test_a_changed_file_is_in_force_soon_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(f'"{ACK}": "rule:manager"\n')
    file = PolicyFile(rules=RULES, path=path, look_seconds=0.01)
    member = CALLERS["member"]
    running = asyncio.create_task(file.run())
    assert not file.may(ACK, member)

    path.write_text(f'"{ACK}": "rule:member"\n')
    await _until(lambda: file.may(ACK, member))
    for wrong in (f'"{ACK}": "!"\n', "a: 2026-13-45\n", "a: " + "[" * 5000):
        path.write_text(wrong)
        await asyncio.sleep(0.05)
        assert file.may(ACK, member)
        assert not running.done()
    path.unlink()
    await asyncio.sleep(0.05)
    assert file.may(ACK, member)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.anyio
async def test_a_signal_has_it_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("{}\n")
    file = PolicyFile(rules=RULES, path=path, look_seconds=3600)
    running = asyncio.create_task(file.run())
    await asyncio.sleep(0)
    path.write_text(f'"{ACK}": "rule:manager"\n')

    os.kill(os.getpid(), signal.SIGHUP)

    await _until(lambda: not file.may(ACK, CALLERS["member"]))
    assert file.takers(ACK) == ("manager", "admin")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _until(is_so: Any) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.005)


@pytest.mark.anyio
async def test_without_a_file_there_is_nothing_to_look_at() -> None:
    await PolicyFile(rules=RULES, path=None).run()


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        PolicyFile(rules=RULES, path=tmp_path / "none.yaml")


@pytest.mark.anyio
async def test_a_service_does_not_start_with_a_wrong_file_and_its_doors_obey_a_right_one(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    settings = load(None, {"database_url": f"sqlite:///{tmp_path}/n.db", "dev": True, "access.policy_file": path})
    path.write_text('"nfvigil:doors:evnts": "rule:admin"\n')
    with pytest.raises(SettingsError, match="evnts"):
        async with open_service(settings):
            pass

    path.write_text('"nfvigil:doors:events": "rule:service"\n"nfvigil:capacity:show_capacity": "!"\n')
    async with open_service(settings) as service:
        event = json.dumps({"type": "a.b", "resource": "host/x"}).encode()
        for address, status in (("/v1/events", 403), ("/events", 200)):
            headers = {"content-type": "application/json"}
            assert (await call(service.app, "POST", address, event, headers)).status == status
        assert (await call(service.app, "GET", "/v1/capacity", b"", {})).status == 403
        refused = [line.rule for line in await service.store.audit_log()]
    assert refused == ["nfvigil:capacity:show_capacity", "nfvigil:doors:events"]


@pytest.mark.anyio
async def test_a_question_that_has_a_body_is_a_question_all_the_same() -> None:
    router = for_readers("questions")

    @router.post("/v1/questions")
    async def ask_something(caller: Caller) -> dict[str, bool]:
        """Asked with a body."""
        return {"sees_all": caller.scope is None}

    log: list[AuditRecord] = []

    async def add(record: AuditRecord) -> None:
        log.append(record)

    async def auditor(request: Any) -> Identity:
        return Identity(name="auditor", project=None, role=Role.READER, sees_all=True)

    world = make_world(audit_notes=AuditNotes(add=add, clock=lambda: 0))
    app = world.call.app
    app.state.permissions = Permissions(rules_of(router.routes))
    app.include_router(router)
    world.call.parts = app.state.parts = replace(world.call.parts, guard=auditor)

    answer = await world.call("POST", "/v1/questions", is_described=False)

    assert answer.json == {"sees_all": True}
    assert log == []


def test_one_function_for_several_operations_has_one_rule() -> None:
    router = for_writers("alarms")

    async def acknowledge() -> None:
        """Somebody looks after it."""

    router.add_api_route("/v2/alarms", acknowledge, methods=["PUT"])
    router.add_api_route("/v2/alarms/{id}", acknowledge, methods=["PUT"])

    (rule,) = rules_of(router.routes)
    assert (rule.name, rule.check) == ("nfvigil:alarms:acknowledge", "rule:member")
    assert rule.operations == ("PUT /v2/alarms", "PUT /v2/alarms/{id}")


def ask(*arguments: str) -> Any:
    return CliRunner().invoke(command_line, ["policy-check", *arguments])


def test_the_command_line_shows_who_may_what(tmp_path: Path) -> None:
    done = ask("--rule", "nfvigil:alarms:*", "--role", "reader", "--role", "member", "-f", "json")

    assert done.exit_code == 0
    rows = {row["rule"]: row for row in msgspec.json.decode(done.stdout)}
    assert rows["nfvigil:alarms:acknowledge"]["may"] == {"reader": False, "member": True}
    assert "alarms:clear" in ask("--rule", "*:clear").stdout
    assert ask("--rule", "nothing*").exit_code == 4
    assert ask("--role", "king").exit_code == 1


def test_the_command_line_says_which_rule_decided(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('"nfvigil:alarms:clear": "rule:manager"\n')

    done = ask("--policy-file", str(path), "--as", "manager:4f0c", "--rule", "*:clear", "-f", "json")
    assert done.exit_code == 0
    why = msgspec.json.decode(done.stdout)[0]["why"]
    assert why[0] == {
        "rule": "nfvigil:alarms:clear",
        "check": "rule:manager",
        "from": "policy file",
        "fits": True,
    }
    assert "given to manager" in done.stderr
    refused = ask("--policy-file", str(path), "--as", "member:4f0c", "--rule", "*:clear")
    assert refused.exit_code == 5
    assert "nfvigil:alarms:clear: no" in refused.stdout
    assert ask("--as", "system_reader", "--rule", "*:list_vims").exit_code == 0
    assert ask("--as", "king:4f0c").exit_code == 1
