"""Instructions, recovery and brakes through the API, over the real parts and a simulated cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from northbound_fakes import Answer, Client

from nfvigil.app import open_service
from nfvigil.errors import UnavailableError
from nfvigil.model.identity import Role
from nfvigil.northbound.auth import create_token
from nfvigil.running import Service
from nfvigil.settings import Settings
from nfvigil.store import TokenRecord

CLOUD = {"name": "lab", "driver": "simulated", "options": {"hosts": 4, "servers_per_host": 2, "projects": 2}}
FIRST, SECOND = "23f5a1726025d1a1bf6797cbb8136731", "e2f6181af3375d98855c59708dd5fe2c"
OWN, OTHERS = (f"server/8a9e21c0-607d-4493-87f5-00000000000{number}" for number in (1, 2))
NOBODYS = "server/8a9e21c0-607d-4493-87f5-999999999999"
PEOPLE = {
    "admin": (None, Role.ADMIN),
    "reader": (FIRST, Role.READER),
    "member": (FIRST, Role.MEMBER),
    "manager": (FIRST, Role.MANAGER),
    "other": (SECOND, Role.MEMBER),
    "nowhere": (None, Role.MEMBER),
    "monitor": (None, Role.MONITOR),
}
BRAKES = {"settle_seconds": 0.2, "witnesses": 1, "host_every_seconds": 0, "outage_hosts": 3, "outage_share": 1.0}
Story = Callable[[Client], Awaitable[None]]


def tell(tmp_path: Path, story: Story, prepare: Callable[[Service], None] = lambda _service: None, **more: Any) -> None:
    """Run a service around the story, without a socket."""
    settings = Settings.model_validate(
        {"database_url": f"sqlite:///{tmp_path}/n.db", "vims": [CLOUD], "brakes": BRAKES} | more
    )

    async def run() -> None:
        async with open_service(settings) as service:
            prepare(service)
            tokens = {}
            for name, (project, role) in PEOPLE.items():
                tokens[name], hashed = create_token()
                record = TokenRecord(id=hashed, hash=hashed, name=name, project=project, role=role, created_us=1)
                await service.store.add_token(record)
            await service.run(lambda app: story(Client(app, tokens)))

    asyncio.run(run())


async def until(ask: Callable[[], Awaitable[Any]], what: str) -> Any:
    for _ in range(500):
        if found := await ask():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what}: not within 10 s")


async def ended(call: Client, id: str, by: str = "admin") -> Any:
    async def over() -> Any:
        found = (await call("GET", f"/v1/instructions/{id}", by=by)).json
        return found if found["state"] in ("done", "skipped", "failed") else None

    return await until(over, f"instruction {id} ends")


async def kill(call: Client, host: str, monitor: str = "ping") -> None:
    """The host loses its power, and a monitor says so."""
    await call("POST", f"/v1/simulation/hosts/{host}", {"power": "off"})
    event = {"type": "compute.host.down", "resource": f"host/{host}", "monitor": monitor}
    assert (await call("POST", "/v1/events", event)).status in (200, 201, 202)

    async def known() -> Any:
        found = (await call("GET", f"/v1/alarms?resource_type=host&resource_id={host}")).json["items"]
        return found and found[0]["state"] == "confirmed"

    await until(known, f"{host} is known to be down")


def fields(answer: Answer) -> list[str]:
    return sorted(flaw["field"] for flaw in answer.problem["errors"])


# Instructions


def test_an_owner_has_its_server_rebooted_and_follows_it_to_its_end(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        asked = await call("POST", "/v1/instructions", {"action": "reboot", "target": OWN}, by="member")
        assert asked.status == 202
        assert asked.headers["location"] == f"/v1/instructions/{asked.json['id']}"
        assert (asked.json["state"], asked.json["origin"], asked.json["by"]) == ("planned", "owner", "member")

        over = await ended(call, asked.json["id"], by="reader")

        assert over["state"] == "done"
        assert over["attempts"] == 1
        listed = (await call("GET", "/v1/instructions", by="member")).json["items"]
        assert [one["id"] for one in listed] == [asked.json["id"]]
        assert (await call("GET", "/v1/instructions", by="other")).json["items"] == []

    tell(tmp_path, story)


def test_what_is_anothers_cannot_be_told_from_what_is_not_there(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        for query in ("", "?dry_run=true"):
            for target in (OTHERS, "host/compute-1", NOBODYS, "server/x", "no such thing"):
                body = {"action": "stop", "target": target}
                answers = [
                    await call("POST", f"/v1/instructions{query}", body, by="member"),
                    await call("POST", f"/v1/instructions{query}", body | {"target": NOBODYS}, by="member"),
                ]
                assert [one.status for one in answers] == [404, 404]
                assert answers[0].body == answers[1].body
        theirs = (await call("POST", "/v1/instructions", {"action": "reboot", "target": OTHERS}, by="other")).json["id"]
        seen = [await call("GET", f"/v1/instructions/{id}", by="member") for id in (theirs, f"1-{theirs}", "x")]
        assert [one.status for one in seen] == [404, 404, 404]
        assert len({one.body for one in seen}) == 1
        nobody = await call("POST", "/v1/instructions", {"action": "reboot", "target": OWN}, by="nowhere")
        assert (nobody.status, fields(nobody)) == (400, ["token"])

    tell(tmp_path, story)


WRONG_INSTRUCTIONS: list[tuple[Any, list[str]]] = [
        ({}, ["action", "target"]),
        ({"action": "explode", "target": OWN}, ["action"]),
        ({"action": "fence", "target": OWN}, ["action"]),
        ({"action": "reboot", "target": OWN, "when": "now"}, ["when"]),
        (
            {"action": "reboot", "target": OWN, "params": {"type": "GENTLE", "seconds": 1, "colour": "red"}},
            ["params.colour", "params.seconds", "params.type"],
        ),
        ({"action": "evacuate", "target": OWN, "params": {"host": "compute-2"}}, ["params.host"]),
        ({"action": "evacuate", "target": OWN, "params": {"override_brakes": True}}, ["params.override_brakes"]),
        ({"action": "rebuild", "target": OWN, "params": {"image": 7, "confirm": "yes"}},
         ["params.confirm", "params.image"]),
]  # fmt: skip


def test_an_instruction_that_is_wrong_is_refused_by_field(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        for body, wrong in WRONG_INSTRUCTIONS:
            answer = await call("POST", "/v1/instructions", body, by="member")
            assert (answer.status, fields(answer)) == (400, wrong), body

    tell(tmp_path, story)


def test_which_deeds_a_role_may_ask_for_is_a_setting(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        body = {"action": "delete", "target": OWN}
        refused = await call("POST", "/v1/instructions", body, by="member")
        assert refused.status == 403
        assert "member" in refused.problem["detail"]
        assert (await call("POST", "/v1/instructions", body, by="reader")).status == 403
        assert (await call("POST", "/v1/instructions", body, by="monitor")).status == 403
        assert (await call("POST", "/v1/instructions?dry_run=true", body, by="manager")).status == 200

        fence = {"action": "fence", "target": "host/compute-1"}
        assert (await call("POST", "/v1/instructions?dry_run=true", fence, by="manager")).status == 400
        well = await call("POST", "/v1/instructions?dry_run=true", fence, by="admin")
        assert (well.status, "not known to be down" in well.problem["detail"]) == (409, True)
        wrong = await call("POST", "/v1/instructions", {"action": "fence", "target": OWN}, by="admin")
        assert (wrong.status, fields(wrong)) == (400, ["target"])

    tell(tmp_path, story)


def test_the_same_key_asks_once_and_another_wish_under_it_is_refused(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        key = {"Idempotency-Key": "once"}
        body = {"action": "reboot", "target": OWN, "params": {"type": "HARD"}}
        first = await call("POST", "/v1/instructions", body, by="member", headers=key)
        await ended(call, first.json["id"])

        again = await call("POST", "/v1/instructions", body, by="member", headers=key)
        other = await call("POST", "/v1/instructions", body | {"params": {}}, by="member", headers=key)
        anothers = await call("POST", "/v1/instructions", body, by="manager", headers=key)

        assert (again.status, again.json["id"], again.json["state"]) == (202, first.json["id"], "done")
        assert other.status == 409
        assert anothers.json["id"] != first.json["id"]
        assert len((await call("GET", "/v1/instructions", by="reader")).json["items"]) == 2

    tell(tmp_path, story)


def test_a_key_holds_over_a_restart(tmp_path: Path) -> None:
    ids = []

    async def story(call: Client) -> None:
        body = {"action": "reboot", "target": OWN}
        asked = await call("POST", "/v1/instructions", body, by="admin", headers={"Idempotency-Key": "k"})
        ids.append((await ended(call, asked.json["id"]))["id"])

    async def second(call: Client) -> None:
        body = {"action": "reboot", "target": OWN}
        again = await call("POST", "/v1/instructions", body, by="admin", headers={"Idempotency-Key": "k"})
        ids.append(again.json["id"])
        other = {"action": "stop", "target": OWN}
        refused = await call("POST", "/v1/instructions", other, by="admin", headers={"Idempotency-Key": "k"})
        assert refused.status == 409

    tell(tmp_path, story)
    tell(tmp_path, second)

    assert ids[0] == ids[1]


def test_a_dry_run_says_what_would_be_planned_and_keeps_nothing(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        shown = await call("POST", "/v1/instructions?dry_run=true", {"action": "stop", "target": OWN}, by="member")
        refused = await call(
            "POST", "/v1/instructions?dry_run=true", {"action": "evacuate", "target": OWN}, by="member"
        )

        assert (shown.status, shown.json["action"], shown.json["target"]) == (200, "stop", OWN)
        assert "location" not in shown.headers
        assert refused.status == 409
        assert "compute" not in refused.problem["detail"]
        assert (await call("GET", "/v1/instructions")).json["items"] == []
        assert (await call("GET", f"/v1/instructions/{shown.json['id']}", by="member")).status == 404
        assert (await call("GET", "/v1/actions")).json["items"] == []

    tell(tmp_path, story)


def test_an_administrator_says_where_to(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        for action, host in (("live_migrate", "compute-4"), ("migrate", "compute-2")):
            body = {"action": action, "target": OWN, "params": {"host": host}}
            over = await ended(call, (await call("POST", "/v1/instructions", body)).json["id"])
            assert (over["state"], over["text"].rpartition(" ")[2]) == ("done", host)

    tell(tmp_path, story)


def test_a_list_of_instructions_goes_on_where_its_page_ended(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        made = []
        for number in range(5):
            body = {"action": "reboot", "target": (OWN, OTHERS)[number % 2]}
            made.append((await call("POST", "/v1/instructions", body)).json["id"])
        seen: list[str] = []
        marker = ""
        while marker is not None:
            page = (await call("GET", f"/v1/instructions?limit=2{marker and '&marker=' + marker}")).json
            seen += [one["id"] for one in page["items"]]
            marker = page["next"]

        assert seen == made
        assert len((await call("GET", "/v1/instructions?limit=100", by="member")).json["items"]) == 3

    tell(tmp_path, story)


def test_a_project_reads_no_name_of_a_host_in_what_was_done_for_it(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        await kill(call, "compute-1")
        asked = await call("POST", "/v1/instructions", {"action": "evacuate", "target": OWN}, by="member")
        over = await ended(call, asked.json["id"])
        own = await call("GET", f"/v1/instructions/{asked.json['id']}", by="member")

        assert (over["state"], own.json["state"]) == ("done", "done")
        assert "compute-" in over["text"]
        assert own.json["text"] == ""
        for address in ("/v1/instructions", "/v1/actions", "/v1/alarms?state=all", "/v1/recovery"):
            assert b"compute-1" not in (await call("GET", address, by="member")).body
        moved = (await call("GET", f"/v1/resources/{OWN}")).json
        assert moved["record"]["host"] != "compute-1"
        by_operator = await call("POST", "/v1/instructions", {"action": "reboot", "target": OWN})
        assert (await call("GET", f"/v1/instructions/{by_operator.json['id']}", by="member")).json["by"] == ""

    tell(tmp_path, story)


# Recovery defined beforehand


def test_what_an_owner_defined_is_done_when_its_host_fails_and_for_nobody_else(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        do = {"do": {"host_down": {"action": "evacuate"}}}
        defined = await call("PUT", f"/v1/recovery/{OWN}", do, by="member")
        assert defined.status == 200
        assert defined.json["do"] == {"host_down": {"action": "evacuate", "after_seconds": 0}}
        assert (defined.json["project_id"], defined.json["by"]) == (FIRST, "member")

        await kill(call, "compute-1")

        async def moved() -> Any:
            return (await call("GET", f"/v1/resources/{OWN}")).json["record"]["host"] != "compute-1"

        await until(moved, "the server is elsewhere")
        assert (await call("GET", f"/v1/resources/{OTHERS}")).json["record"]["host"] == "compute-1"
        assert [one["host"] for one in (await call("GET", "/v1/brakes")).json["proofs"]] == ["compute-1"]

    tell(tmp_path, story)


def test_recovery_can_be_defined_shown_listed_and_taken_back(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        soon = {"do": {"server_failed": {"action": "rebuild", "after_seconds": 2.5}}}
        for address in (f"/v1/recovery/{OWN}", f"/v1/recovery/project/{FIRST}"):
            assert (await call("PUT", address, soon, by="member")).status == 200
        await call("PUT", f"/v1/recovery/{OTHERS}", soon)

        keys = [one["resource"] for one in (await call("GET", "/v1/recovery", by="reader")).json["items"]]
        assert keys == [f"project/{FIRST}", OWN]
        first = (await call("GET", "/v1/recovery?limit=1", by="reader")).json
        rest = (await call("GET", f"/v1/recovery?limit=1&marker={first['next']}", by="reader")).json
        assert [one["resource"] for one in rest["items"]] == [OWN]
        assert len((await call("GET", "/v1/recovery")).json["items"]) == 3

        assert (await call("DELETE", f"/v1/recovery/{OWN}", by="member")).status == 204
        assert (await call("DELETE", f"/v1/recovery/{OWN}", by="member")).status == 404
        assert (await call("GET", f"/v1/recovery/{OWN}", by="member")).status == 404

    tell(tmp_path, story)


def test_nobody_defines_recovery_for_what_is_not_its_own(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        do = {"do": {"host_down": {"action": "delete"}}}
        await call("PUT", f"/v1/recovery/{OTHERS}", do, by="other")
        unknown = await call("PUT", f"/v1/recovery/{NOBODYS}", do, by="member")
        not_there = await call("GET", f"/v1/recovery/{NOBODYS}", by="member")
        for address in (OTHERS, NOBODYS, f"project/{SECOND}", "project/x", "group/x"):
            refused = await call("PUT", f"/v1/recovery/{address}", do, by="member")
            assert (refused.status, refused.body) == (404, unknown.body)
            for method in ("GET", "DELETE"):
                answer = await call(method, f"/v1/recovery/{address}", by="member")
                assert (answer.status, answer.body) == (404, not_there.body)
            assert (await call("PUT", f"/v1/recovery/{address}", do, by="reader")).status == 403
            assert (await call("PUT", f"/v1/recovery/{address}", do, by="nowhere")).status == 404

    tell(tmp_path, story)


WRONG_RECOVERIES: list[tuple[Any, list[str]]] = [
        ({}, ["do"]),
        ({"on_fire": {"action": "evacuate"}}, ["do.on_fire"]),
        ({"host_down": {"action": "reboot"}}, ["do.host_down.action"]),
        ({"host_degraded": {"action": "evacuate"}, "server_failed": {"action": "fence"}},
         ["do.host_degraded.action", "do.server_failed.action"]),
        ({"host_down": {"action": "evacuate", "after_seconds": -1}}, ["do.host_down.after_seconds"]),
        ({"host_down": {"action": "evacuate", "at": 1}}, ["do.host_down.at"]),
]  # fmt: skip


def test_a_recovery_that_cannot_work_is_refused_by_field(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        for do, wrong in WRONG_RECOVERIES:
            answer = await call("PUT", f"/v1/recovery/{OWN}", {"do": do}, by="member")
            assert (answer.status, fields(answer)) == (400, wrong), do

    tell(tmp_path, story)


# The brakes


def test_a_hold_stops_evacuations_until_it_is_released(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        assert (await call("PUT", "/v1/brakes/holds/nowhere", {"reason": "x"})).status == 404
        held = await call("PUT", "/v1/brakes/holds/lab", {"reason": "a storm"})
        assert [(one["vim"], one["by"], one["text"]) for one in held.json["holds"]] == [("lab", "admin", "a storm")]
        assert (await call("PUT", "/v1/brakes/holds/lab", {"reason": "again"})).status == 409
        await kill(call, "compute-1")
        asked = (await call("POST", "/v1/instructions", {"action": "evacuate", "target": OWN}, by="member")).json["id"]

        async def waits() -> Any:
            found = (await call("GET", f"/v1/actions?event={asked.partition('-')[0]}")).json["items"]
            return "HOLD: a storm" in {one["kind"]: one["result"] for one in found}["fence"]

        await until(waits, "the fence waits for the HOLD")
        assert (await call("GET", "/v1/brakes")).json["waiting"] >= 1
        assert (await call("GET", "/v1/brakes")).json["proofs"] == []

        released = await call("POST", "/v1/brakes/holds/lab/release", {"reason": "it is over"})

        assert released.json["holds"] == []
        assert (await call("POST", "/v1/brakes/holds/lab/release", {"reason": "again"})).status == 409
        assert (await ended(call, asked))["state"] == "done"

    tell(tmp_path, story)


def test_a_hold_that_was_not_kept_yet_when_we_died_is_called_again_at_the_start(tmp_path: Path) -> None:
    def forget_holds(service: Service) -> None:
        async def keep(vim: str, reason: str, hosts: tuple[str, ...]) -> None:
            raise UnavailableError("the disk is full")

        service.outages._keep = keep

    async def story(call: Client) -> None:
        for host in ("compute-1", "compute-3"):
            await kill(call, host)
        assert (await call("GET", "/v1/brakes")).json["holds"] == []

    async def second(call: Client) -> None:
        async def held() -> Any:
            return (await call("GET", "/v1/brakes")).json["holds"]

        found = await until(held, "the HOLD is kept")
        assert found[0]["text"] == "2 of 2 hosts of aggregate zone-1 failed within 60 s"

    tell(tmp_path, story, forget_holds)
    tell(tmp_path, second)


def test_the_kill_switch_is_an_alarm_and_holds_over_a_restart(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        off = await call("PUT", "/v1/brakes/automation", {"on": False, "reason": "works"})
        assert (off.json["automation"], off.json["automation_off"]["text"]) == (False, "works")
        assert (await call("PUT", "/v1/brakes/automation", {"on": False, "reason": "works"})).status == 409

    async def second(call: Client) -> None:
        assert (await call("GET", "/v1/brakes")).json["automation_off"]["by"] == "admin"
        alarms = (await call("GET", "/v1/alarms")).json["items"]
        assert [one["fault_type"] for one in alarms] == ["nfvigil.automation.off"]
        assert (await call("GET", "/v1/alarms", by="member")).json["items"] == []
        assert (await call("PUT", "/v1/brakes/automation", {"on": True, "reason": "done"})).json["automation"] is True
        assert (await call("GET", "/v1/alarms")).json["items"] == []

    tell(tmp_path, story)
    tell(tmp_path, second)


def test_an_operator_confirms_that_a_host_is_off_by_any_of_its_names(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        assert (await call("GET", "/v1/hosts/compute-2/power")).json == {"host": "compute-2", "power": "on"}
        on = await call("POST", "/v1/hosts/compute-2/confirm-off", {"reason": "unplugged, I think"})
        assert (on.status, on.problem["detail"]) == (409, "compute-2 is on, says its BMC")
        await call("POST", "/v1/simulation/hosts/compute-2", {"power": "off"})
        assert (await call("GET", "/v1/hosts/compute-2/power")).json["power"] == "off"
        for address in ("/v1/hosts/nowhere/power",):
            assert (await call("GET", address)).status == 404
        assert (await call("POST", "/v1/hosts/nowhere/confirm-off", {"reason": "x"})).status == 404

        first = await call("POST", "/v1/hosts/compute-2.example.net/confirm-off", {"reason": "unplugged"})
        again = await call("POST", "/v1/hosts/compute-2/confirm-off", {"reason": "looked again"})

        assert (first.json["host"], first.json["driver"], first.json["by"]) == ("compute-2", "operator", "admin")
        assert again.json["epoch"] != first.json["epoch"]

    tell(tmp_path, story)


BY_HAND: list[tuple[str, str, Any, Any]] = [
    ("PUT", "/v1/brakes/automation", {"on": False, "reason": "x"}, {"on": "no"}),
    ("PUT", "/v1/brakes/holds/lab", {"reason": "x"}, {}),
    ("PUT", "/v1/brakes/holds/lab", {"reason": "x"}, {"reason": ""}),
    ("POST", "/v1/brakes/holds/lab/release", {"reason": "x"}, {"reason": "y" * 501}),
    ("POST", "/v1/hosts/compute-1/confirm-off", {"reason": "x"}, {"reason": "x", "sure": True}),
]


def test_the_brakes_are_for_administrators_who_say_why(tmp_path: Path) -> None:
    async def story(call: Client) -> None:
        for method, address, good, wrong in BY_HAND:
            for person in ("reader", "member", "manager", "other", "monitor"):
                assert (await call(method, address, good, by=person)).status == 403
                assert (await call("GET", "/v1/brakes", by=person)).status == 403
            refused = await call(method, address, wrong)
            assert refused.status == 400
            assert set(fields(refused)) <= {"on", "reason", "sure"}

    tell(tmp_path, story)
