"""Mass failure: whatever share of a large cloud dies, the brakes hold and everybody hears."""

from __future__ import annotations

import itertools
import os
import random

import pytest
from recovery_world import BY_ITSELF, POLICY, World

from nfvigil.model.verdict import News
from virtual_time import run_virtually

HOSTS = 500
PERCENT = (0.2, 1, 10, 100)
if os.environ.get("NFVIGIL_TEST_MASS"):  # before a release
    PERCENT = (0.2, 0.4, 1, 2, 5, 10, 25, 50, 75, 100)
CLOUD = {"hosts": HOSTS, "servers_per_host": 1, "projects": 5, "zones": 5}


@pytest.mark.no_cover  # the same thousands of times: what is covered is to be seen in the stories
@pytest.mark.timeout(300)
@pytest.mark.parametrize("is_released", [False, True], ids=["held", "released"])
@pytest.mark.parametrize("percent", PERCENT)
def test_the_brakes_hold_and_everybody_hears(percent: float, is_released: bool) -> None:
    seed = int(percent * 10)
    count = max(1, round(HOSTS * percent / 100))

    async def run() -> World:
        there = World(options=CLOUD, policy=POLICY % BY_ITSELF)
        await there.start()
        hosts = [f"compute-{number}" for number in range(1, HOSTS + 1)]
        dead = random.Random(seed).sample(hosts, count)
        await there.down(*dead)
        await there.rest(300)
        if there.desk.brakes().holds:
            assert there.vim.evacuated == []
            if is_released:
                await there.desk.release("sim", by="ann", text="looked")
                await there.rest(400)
        await there.kill()
        return there

    there = run_virtually(run())

    assert there.violations == []
    raised = [key for key in there.heard(News.RAISED) if key.startswith(("host/", "server/"))]
    assert len(raised) == len(set(raised)) == count * 2, "100 % of the notifications, each once"
    begun = [action for action in there.actions("fence") if action.started_us is not None]
    starts = sorted(action.started_us or 0 for action in begun)
    assert all(later - earlier >= 10_000_000 for earlier, later in itertools.pairwise(starts)), "one host in 10 s"
    fenced = {action.target.removeprefix("host/") for action in begun}
    assert {host for _, host in there.evacuations} <= fenced
    by_zone: dict[str, int] = {}
    for host in fenced:
        zone = there.sim._cloud.host(host).zone
        by_zone[zone] = by_zone.get(zone, 0) + 1
    assert all(number <= HOSTS / 5 * 0.10 for number in by_zone.values())
    if count >= 3 and not is_released:
        assert not fenced
    if count < 3 or is_released:
        assert fenced
