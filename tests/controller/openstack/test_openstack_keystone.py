"""What Keystone's projects are called, as far as the account may know."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nfvigil.controller.vim import names_of
from nfvigil.controller.vims.openstack.keystone import Keystone
from nfvigil.controller.vims.openstack.transport import Answer
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import ForbiddenError, VimUnavailableError

pytestmark = pytest.mark.anyio


class Client:
    name = "lab"

    def __init__(self, **said: Any) -> None:
        self.said = said
        self.asked: list[str] = []

    async def call(self, service: str, method: str, path: str) -> Answer:
        self.asked.append(f"{method} {service}{path}")
        answer = self.said[path.rpartition("/v3/")[2].replace("/", "_")]
        if isinstance(answer, Exception):
            raise answer
        return Answer(status=200, headers={}, body=msgspec.json.encode(answer))


ALL = {"projects": [{"id": "p1", "name": "core", "domain_id": "default"}, {"id": "p2", "name": "ims"}], "links": {}}


async def test_all_are_known_to_who_may_see_all() -> None:
    assert await Keystone(client=Client(projects=ALL)).projects() == {"p1": "core", "p2": "ims"}


async def test_who_may_not_knows_its_own() -> None:
    client = Client(projects=ForbiddenError("no"), auth_projects={"projects": [{"id": "p1", "name": "core"}]})

    assert await Keystone(client=client).projects() == {"p1": "core"}
    assert client.asked == ["GET identity/v3/projects", "GET identity/v3/auth/projects"]


async def test_what_is_no_list_is_as_good_as_no_answer() -> None:
    with pytest.raises(VimUnavailableError):
        await Keystone(client=Client(projects={})).projects()


async def test_the_simulated_cloud_knows_them_and_a_driver_that_does_not_says_nothing() -> None:
    cloud = SimulatedVim.from_options("toy", {"projects": 2}, lambda: 1)

    assert await names_of(cloud) == {project: name for name, project in cloud.projects.items()}
    assert await names_of(object()) == {}
