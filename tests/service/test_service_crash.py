"""Killed at any moment and started again, the service loses nothing, keeps the order and finishes what it began.

How often is ``--kills``; a run is repeated with ``--kills-seed``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest
from service_consumer import OK, Consumer, Reaction
from service_load import Count, Sender, check_cloud, check_news, subscribe_all
from service_process import MakeService, Service

from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.model.resource import key_of

SERVICE_PAUSE = 0.012
"""At most, between two messages of a sender, in seconds."""


class Player:
    """What a moment to kill at is made of: the load, the consumers, the cloud, and chance."""

    def __init__(self, *, service: Service, consumer: Consumer, senders: list[Sender], chance: random.Random) -> None:
        self.service = service
        self.consumer = consumer
        self.senders = senders
        self.chance = chance

    @property
    def sender(self) -> Sender:
        return self.chance.choice(self.senders)

    def rest(self, at_most: float) -> None:
        time.sleep(self.chance.random() * at_most)

    def wait_arrivals(self, goal: int) -> None:
        self.consumer.wait_for(lambda: len(self.consumer.arrivals) >= goal, "webhooks under load", 30)

    def come_up(self) -> None:
        """Until it serves again, and has been at work for a moment."""
        self.service.wait_ready()
        self.sender.wait_answer()


def while_it_takes_in(player: Player) -> None:
    player.come_up()
    player.rest(0.2)
    player.sender.wait_post()
    player.rest(0.03)


def just_after_an_answer(player: Player) -> None:
    player.come_up()
    player.rest(0.2)
    player.sender.wait_answer()


def after_the_first_webhook(player: Player) -> None:
    player.come_up()
    player.wait_arrivals(len(player.consumer.arrivals) + 1)
    player.rest(0.003)


def while_webhooks_hang(player: Player) -> None:
    player.consumer.react = lambda _endpoint, _seq: Reaction(hangs=True)
    goal = len(player.consumer.arrivals) + 1
    player.come_up()
    player.wait_arrivals(goal)
    player.rest(0.1)


def while_webhooks_fail(player: Player) -> None:
    chance = random.Random(player.chance.random())

    def react(_endpoint: str, _seq: int) -> Reaction:
        return chance.choice((OK, OK, Reaction(status=503), Reaction(delay_seconds=0.05), Reaction(status=500)))

    player.consumer.react = react
    player.come_up()
    player.wait_arrivals(len(player.consumer.arrivals) + 1)
    player.rest(0.1)


def while_actions_are_in_flight(player: Player) -> None:
    player.service.wait_ready()
    player.service.api.send("PUT", "/v1/simulation", {"failure": {"kind": "slow", "latency_seconds": 0.15}})
    player.sender.wait_answer()
    player.rest(0.4)


def while_answers_of_the_cloud_are_lost(player: Player) -> None:
    failure = {"kind": "errors", "rate": 0.1, "lost_answer_rate": 0.2}
    player.service.wait_ready()
    player.service.api.send("PUT", "/v1/simulation", {"failure": failure})
    player.sender.wait_answer()
    player.rest(0.3)


def while_it_starts(player: Player) -> None:
    player.rest(0.5)


def while_it_takes_up_what_is_left(player: Player) -> None:
    player.service.wait_ready()
    player.rest(0.05)


MOMENTS: dict[str, tuple[Callable[[Player], None], ...]] = {
    "while news comes in": (while_it_takes_in, just_after_an_answer, while_it_starts),
    "while news goes out": (after_the_first_webhook, while_webhooks_hang, while_webhooks_fail),
    "while the cloud is brought in line": (
        while_actions_are_in_flight,
        while_answers_of_the_cloud_are_lost,
        while_it_takes_up_what_is_left,
    ),
}


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("--kills-seed")
    chosen: int = random.SystemRandom().randrange(1_000_000) if given is None else given
    print(f"--kills-seed={chosen}")
    return chosen


@pytest.mark.timeout(0)  # as many kills as are asked for; every wait in here has its own limit
@pytest.mark.parametrize("moments", MOMENTS)
def test_nothing_is_lost_when_it_is_killed(
    moments: str,
    seed: int,
    make_service: MakeService,
    consumer: Consumer,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    kills = -(-request.config.getoption("--kills") // len(MOMENTS))
    service = make_service().start()

    count = crash(service, consumer, MOMENTS[moments], kills, random.Random(seed))

    record_property("figures", figures(kills, count))


@pytest.mark.timeout(0)
def test_nothing_is_lost_over_postgresql_either(
    seed: int,
    postgresql: str,
    make_service: MakeService,
    consumer: Consumer,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    kills = max(1, request.config.getoption("--kills") // 9)
    service = make_service(settings={"database_url": postgresql}).start()
    moments = (while_it_takes_in, after_the_first_webhook, while_actions_are_in_flight, while_webhooks_hang)

    count = crash(service, consumer, moments, kills, random.Random(seed))

    record_property("figures", figures(kills, count))


def figures(kills: int, count: Count) -> str:
    return (
        f"{kills} kills, {count.faults} faults and {count.clears} clears acknowledged, 0 lost; "
        f"{count.deliveries} messages arrived, {count.duplicates} of them again"
    )


def crash(
    service: Service,
    consumer: Consumer,
    moments: Sequence[Callable[[Player], None]],
    kills: int,
    chance: random.Random,
) -> Count:
    """Kill it ``kills`` times at such moments by turns, let it finish, and count."""
    owners = subscribe_all(service.api, consumer)
    hosts = sorted(owners.of_host)
    senders = [
        Sender(
            port=service.port,
            hosts=hosts[number::2],
            chance=random.Random(chance.random()),
            name=f"monitor-{number}",
            pause=SERVICE_PAUSE,
        ).start()
        for number in range(2)
    ]
    try:
        player = Player(service=service, consumer=consumer, senders=senders, chance=chance)
        for number in range(kills):
            moments[number % len(moments)](player)
            service.kill()
            consumer.react = lambda _endpoint, _seq: OK
            service.start(is_awaited=False)
        service.wait_ready()
    finally:
        if service.pid is None:
            service.start(is_awaited=False)
        for sender in senders:
            sender.stop()

    service.wait_quiet(60)
    check_alarms(service, senders)
    down = {host: at for sender in senders for host, at in sender.down.items()}
    service.restart()
    service.wait_quiet()
    assert service.stop() == 0
    check_cloud(show_cloud(service), down)

    service.start()
    for sender in senders:
        sender.clear_all()
    service.wait_quiet()
    for held in service.api.get("/v1/brakes")["holds"]:  # so many hosts at once
        service.api.post(f"/v1/brakes/holds/{held['vim']}/release", {"reason": "the test is over"})
    assert service.api.get("/v1/alarms")["items"] == []
    assert service.api.get("/v1/actions?state=failed")["items"] == []
    replay = service.api.post("/v1/replay", {"limit": 100_000})
    assert replay["equal"] == replay["replayed"] > 0, replay["different"][:2]
    assert service.stop() == 0
    check_cloud(show_cloud(service), {})
    return check_news(consumer.arrivals, [word for sender in senders for word in sender.acknowledged], owners)


def check_alarms(service: Service, senders: list[Sender]) -> None:
    """Those that stand are those of the hosts that are down, all brought in line with the cloud."""
    alarms = [one for one in service.api.all("/v1/alarms") if not one["fault_type"].startswith("nfvigil.")]
    down = {host: at for sender in senders for host, at in sender.down.items()}
    hosts = {alarm["resource"]["id"]: alarm["event_time"] for alarm in alarms if alarm["resource"]["kind"] == "host"}
    assert hosts == down
    assert len(alarms) == len(down) * (1 + service.cloud["servers_per_host"])
    assert {(alarm["state"], alarm["vim_state"]) for alarm in alarms} <= {("confirmed", "consistent")}


def show_cloud(service: Service) -> dict[str, dict[str, Any]]:
    """What the cloud itself says of every host, server and port, while no service runs."""

    async def show() -> dict[str, dict[str, Any]]:
        options = service.settings["vims"][0]["options"]
        vim = SimulatedVim.from_options("cloud", options, lambda: time.time_ns() // 1000)
        try:
            there = await vim.snapshot()
            things = [
                *(key_of("host", host.id) for host in there.hosts),
                *(key_of("server", server.id) for server in there.servers),
                *(key_of("port", port.id) for port in there.ports),
            ]
            return {key: await vim.show(key) for key in things}
        finally:
            await vim.close()

    return anyio.run(show)
