"""Load for crash tests: a monitor that reports faults and clears, and what must have come of each.

It is like a real monitor: it goes on sending a word until that is acknowledged, and says nothing new of a host before.
So every fault and every clear counts exactly once, however often the service dies, and has its own time, by which
consumers' messages are told apart.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any, NamedTuple

from service_api import Api
from service_consumer import Arrival, Consumer, faults_in, news_of

from nfvigil.model.times import iso

ADMIN = "admin"


class Word(NamedTuple):
    """What was said of a host and acknowledged."""

    host: str
    time: str
    """The fault's time, also for the clear that ends it."""
    is_clear: bool


class Sender:
    """A thread that reports faults and clears of ``hosts`` until it is ended; then every host is as ``down`` says."""

    def __init__(self, *, port: int, hosts: Sequence[str], chance: random.Random, name: str, pause: float) -> None:
        self.acknowledged: list[Word] = []
        self.down: dict[str, str] = {}
        """Hosts that are reported down -> the time of the fault."""
        self.posts = 0
        self.answers = 0
        self.retries = 0
        self.refused: list[str] = []
        self._api = Api(port=port, timeout_seconds=10)
        self._hosts = list(hosts)
        self._chance = chance
        self._name = name
        self._pause = pause
        self._count = 0
        self._news = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Sender:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends after the word under way is acknowledged: the service must be up, or come up."""
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), f"{self._name} hangs"
        assert not self.refused, self.refused[:3]

    def wait_for(self, is_so: Callable[[], bool], seconds: float = 20.0) -> None:
        with self._news:
            assert self._news.wait_for(is_so, seconds), f"{self._name} gets no further"

    def wait_post(self) -> None:
        """Until the next message is on its way."""
        posts = self.posts
        self.wait_for(lambda: self.posts > posts)

    def wait_answer(self) -> None:
        """Until the next one is acknowledged."""
        answers = self.answers
        self.wait_for(lambda: self.answers > answers)

    def clear_all(self) -> None:
        """After ``stop``: report every host up again."""
        for host in list(self.down):
            self._say([host])
        self._api.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            size = self._chance.choice((1, 1, 1, 2, 3))
            self._say(self._chance.sample(self._hosts, min(size, len(self._hosts))))
            time.sleep(self._chance.random() * self._pause)
        self._api.close()

    def _say(self, hosts: Sequence[str]) -> None:
        """Turn some hosts' state over, in one message."""
        words, events = [], []
        for host in hosts:
            is_clear = host in self.down
            self._count += 1
            now = iso(time.time_ns() // 1000)
            words.append(Word(host, self.down.get(host, now), is_clear))
            details = {
                "hostname": self._chance.choice((host, f"{host}.example.net", f"{host}-bmc")),
                "status": "up" if is_clear else "down",
                "monitor": self._name,
                "monitor_event_id": f"{self._name}-{self._count}",
            }
            events.append({"type": "compute.host.down", "time": now, "details": details})
            time.sleep(0.000_002)  # No two faults have the same time.
        # Doctor's door and our own know the same words in the details.
        path = self._chance.choice(("/v1/events", "/events"))
        while True:
            with self._news:
                self.posts += 1
                self._news.notify_all()
            try:
                answer = self._api.ask("POST", path, events)
            except (OSError, HTTPException):
                answer = None
            if answer is not None and 200 <= answer.status < 300:
                break
            if answer is not None and answer.status != 503:
                self.refused.append(f"{answer.status} {answer.body!r}")
                return
            self.retries += 1
            time.sleep(0.005)
        with self._news:
            for word in words:
                if word.is_clear:
                    del self.down[word.host]
                else:
                    self.down[word.host] = word.time
            self.acknowledged.extend(words)
            self.answers += 1
            self._news.notify_all()


class Owners(NamedTuple):
    """Who is to be told of a host: endpoint -> the keys of its servers there."""

    of_host: Mapping[str, Mapping[str, Sequence[str]]]


def subscribe_all(api: Api, consumer: Consumer) -> Owners:
    """A subscription for the administrator and one for each project; whom each host concerns."""
    api.subscribe(consumer.url(ADMIN))
    endpoint_of = {}
    for index, (name, project) in enumerate(api.get("/v1/simulation")["projects"].items()):
        api.subscribe(consumer.url(name), project=project, mode="both" if index == 0 else "raised")
        endpoint_of[project] = name
    servers = {item["key"]: item["record"] for item in api.all("/v1/resources?kind=server")}
    of_host: dict[str, dict[str, list[str]]] = {}
    for item in api.all("/v1/resources?kind=host"):
        owners: dict[str, list[str]] = {ADMIN: [item["key"]]}
        for key, record in servers.items():
            if record["host"] == item["record"]["id"]:
                owners.setdefault(endpoint_of[record["project"]], []).append(key)
                owners[ADMIN].append(key)
        of_host[item["record"]["id"]] = owners
    return Owners(of_host)


class Count(NamedTuple):
    """What a consumer saw."""

    faults: int
    clears: int
    deliveries: int
    duplicates: int


def check_news(arrivals: Sequence[Arrival], acknowledged: Sequence[Word], owners: Owners) -> Count:
    """Nothing lost, order kept, duplicates only as such: AssertionError says what is wrong."""
    by_endpoint: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_endpoint[arrival.endpoint].append(arrival)
    duplicates = sum(check_order(endpoint, found) for endpoint, found in by_endpoint.items())
    told: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for arrival in arrivals:
        if arrival.status == 200:
            for key, fault in faults_in(arrival):
                if fault["FaultType"].startswith("nfvigil."):
                    continue  # ours: so many hosts at once are a HOLD
                told[arrival.endpoint, news_of(arrival), key, fault["EventTime"]].add(arrival.id)
    wanted = {
        (endpoint, "cleared" if word.is_clear else "raised", key, word.time)
        for word in acknowledged
        for endpoint, keys in owners.of_host[word.host].items()
        for key in keys
    }
    lost = sorted(wanted - told.keys())
    assert not lost, f"{len(lost)} of {len(wanted)} lost, such as {lost[:3]}"
    twice = sorted(place for place in wanted if len(told[place]) > 1)
    assert not twice, f"{len(twice)} told under two ids, such as {twice[:3]}"
    spurious = sorted(place for place in told.keys() - wanted if place[1] in ("raised", "cleared"))
    assert not spurious, f"{len(spurious)} told that nobody reported, such as {spurious[:3]}"
    clears = sum(word.is_clear for word in acknowledged)
    return Count(len(acknowledged) - clears, clears, len(arrivals), duplicates)


def check_order(endpoint: str, arrivals: Sequence[Arrival]) -> int:
    """1, 2, 3 ... without a gap; the next only after the one before was taken in; returns the duplicates."""
    first: dict[int, Arrival] = {}
    taken = 0
    for arrival in arrivals:
        known = first.get(arrival.seq)
        if known is None:
            assert arrival.seq == len(first) + 1, f"{endpoint}: {arrival.seq} came after {len(first)}"
            assert taken == len(first), f"{endpoint}: {arrival.seq} was sent before {taken + 1} was taken in"
            assert arrival.json["Sequence"] == arrival.seq
            assert arrival.json["NotificationID"] == arrival.id
            first[arrival.seq] = arrival
        else:
            assert (arrival.id, arrival.body) == (known.id, known.body), f"{endpoint}: another message as {arrival.seq}"
        if arrival.status == 200:
            taken = max(taken, arrival.seq)
    ids = {arrival.id for arrival in first.values()}
    assert len(ids) == len(first), f"{endpoint}: an id was used twice"
    return len(arrivals) - len(first)


def check_cloud(things: Mapping[str, Mapping[str, Any]], down: Mapping[str, str]) -> None:
    """The cloud says what the monitors said last: hosts that are down are marked, with all that is on them."""
    wrong = []
    for key, thing in things.items():
        kind, _, name = key.partition("/")
        is_down = (name if kind == "host" else thing["host"]) in down
        found = {
            "host": lambda thing: thing.get("forced_down", False),
            "server": lambda thing: thing.get("status", "ACTIVE") == "ERROR",
            "port": lambda thing: thing.get("data_plane_status", "") == "DOWN",
        }[kind](thing)
        if found is not is_down:
            wrong.append(f"{key} is {'' if found else 'not '}marked, and its host is {'down' if is_down else 'up'}")
    assert not wrong, f"{len(wrong)} wrong: {wrong[:5]}"
