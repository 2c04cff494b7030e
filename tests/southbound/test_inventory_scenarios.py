"""Whatever a cloud's API does: nothing that is there is taken for gone, and soon after it map and readers are right.

NFVIGIL_TEST_SCENARIOS says how many scenarios are tried (10000 before a release), NFVIGIL_TEST_SEED with which
numbers they begin.
"""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise
from random import Random

import pytest
from southbound_reader_players import Picture, Tripping
from southbound_unruly_cloud import UnrulyCloud
from structlog.testing import capture_logs

from nfvigil.errors import StoreUnavailableError
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.condition import Condition
from nfvigil.model.resource import MapChange
from nfvigil.southbound.inventory import Inventory
from nfvigil.southbound.timing import Timing
from virtual_time import now_us, run_virtually

SCENARIOS = int(os.environ.get("NFVIGIL_TEST_SCENARIOS", "1000"))
FIRST = int(os.environ.get("NFVIGIL_TEST_SEED", "0"))
BATCH = 100

INTERVAL_SECONDS = 60.0
QUIET_SECONDS = 1.1 * INTERVAL_SECONDS + 10.0
"""A period: the longest interval, and what a listing and its second look take."""
SETTLED_SECONDS = 7.0
"""What it takes to ask an orderly cloud for something that was told to be gone."""
TIMING = Timing(timeout_seconds=20.0, retry_max_seconds=INTERVAL_SECONDS, cliff_least=2, confirm_seconds=20.0)


class Scenario:
    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.map = ResourceMap()
        self.cloud = UnrulyCloud(self.chance)
        self.picture = Picture(chance=self.chance, is_there=self.cloud.is_there)
        self.tripping = Tripping(Random(seed))
        self.false: list[str] = []
        self.undone: list[str] = []
        self.told: list[tuple[Condition, bool]] = []
        self.is_deaf = False

    async def apply(self, change: MapChange) -> None:
        before = set(self.map.records)
        self.map.apply(change)
        self.false += [key for key in before.difference(self.map.records) if self.cloud.is_there(key)]

    async def say(self, _vim: str, condition: Condition, is_on: bool, _text: str) -> None:
        if self.is_deaf and self.chance.random() < 0.3:
            raise StoreUnavailableError("the store is away")
        self.told.append((condition, is_on))

    async def run(self) -> None:
        self.start()
        self.is_deaf = True
        for _ in range(self.chance.randint(1, 25)):
            await asyncio.sleep(self.chance.choice((0.0, 0.5, 5.0, 30.0)))
            await self._something()
            if self.cloud.is_orderly and self.inventory.ready.is_set():
                await self._see_whether_changes_stay()
        self.is_deaf = False
        self.cloud.behave()
        await asyncio.sleep(2 * QUIET_SECONDS)
        assert not self.running.done()
        self.status = self.inventory.status()["sim"]
        await self.stop()

    def start(self) -> None:
        self.inventory = Inventory(
            vims={"sim": self.cloud},
            known=self.map,
            apply=self.apply,
            intervals={"sim": INTERVAL_SECONDS},
            clock=now_us,
            say=self.say,
            timing=TIMING,
            chance=self.chance,
            readers=[self.tripping, self.picture],
        )
        self.running = asyncio.create_task(self.inventory.run())

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.wait([self.running])

    async def start_anew(self) -> None:
        """The map is empty, and readers know what they knew."""
        await self.stop()
        self.map = ResourceMap()
        self.told.clear()
        self.start()

    async def _see_whether_changes_stay(self) -> None:
        """Where all is told in time, no listing that was begun before may undo it."""
        for _ in range(3):
            await asyncio.sleep(SETTLED_SECONDS)
            truth = self.cloud.truth()
            self.undone += [key for key, record in truth.items() if self.map.records.get(key) != record]
            self.undone += self.map.records.keys() - truth.keys()

    async def _something(self) -> None:
        match self.chance.randrange(12):
            case 0:
                self.cloud.die()
            case 1 | 2:
                self.cloud.forge()
            case 3:
                self.inventory.refresh("sim")
            case 4 if self.chance.random() < 0.5:
                await self.start_anew()
            case 4:
                await self.inventory.remove("sim")
                self.told.clear()
                self.inventory.add("sim", self.cloud, interval_seconds=INTERVAL_SECONDS)
            case _:
                self.cloud.happen()


def check(seed: int) -> None:
    scenario = Scenario(seed)
    run_virtually(scenario.run())

    assert scenario.false == [], f"seed {seed}: taken out of the map although they are there"
    assert scenario.undone == [], f"seed {seed}: changes undone by an older listing"
    assert scenario.map.records == scenario.cloud.truth(), f"seed {seed}: the map is not what the cloud is"
    truth, picture = scenario.picture.truth(scenario.cloud.truth()), scenario.picture
    assert picture.false == [], f"seed {seed}: told a reader to be gone although they are there"
    assert picture.records == truth, f"seed {seed}: a reader's picture is not what the cloud is"
    assert picture.told() == truth, f"seed {seed}: the words that a reader kept are not the cloud's"
    status = scenario.status
    counted = len(scenario.cloud._real._cloud.snapshot(0).servers)
    assert (status.servers, status.error, status.unconfirmed, status.conditions) == (counted, "", 0, ()), seed
    for condition in Condition:
        words = [is_on for one, is_on in scenario.told if one is condition]
        assert all(one is not other for one, other in pairwise(words)), f"seed {seed}: said twice"
        assert words[-1:] == [False], f"seed {seed}: {condition} was never said to be over"


@pytest.mark.parametrize("first", range(FIRST, FIRST + SCENARIOS, BATCH))
def test_nothing_that_is_there_is_taken_out_and_soon_the_map_is_right(first: int) -> None:
    for seed in range(first, min(first + BATCH, FIRST + SCENARIOS)):
        with capture_logs():
            check(seed)
