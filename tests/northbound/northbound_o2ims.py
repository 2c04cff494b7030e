"""An O-Cloud for the tests of the API: the real one, over a poster that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nfvigil.desks.o2ims import O2ims
from nfvigil.errors import UnavailableError
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.model.subscription import Subscription
from nfvigil.notifier.memory import MemoryPoster
from nfvigil.notifier.poster import Answer
from nfvigil.settings import O2imsSettings

POLICY = """
policy: test
faults:
  compute.host.down: {title: Host is down, severity: critical, probable_cause: powerProblem, repair: Look at it.}
  power.pdu.down: {title: PDU is down, severity: major, probable_cause: powerProblem}
  compute.instance.down: {title: Server is down, severity: critical}
rules: []
"""


class Shelf:
    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    async def configuration(self, name: str) -> dict[str, Any] | None:
        return self.kept.get(name)

    async def put_configuration(self, name: str, value: dict[str, Any]) -> None:
        self.kept[name] = value


class Known:
    """The matcher's part: who is subscribed, as the fake desk has it."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def owned_by(self, owner: str) -> Sequence[Subscription]:
        return [one for one in self._store.subscribed.values() if one.owner == owner]


def _answer(status: int) -> Answer:
    if not status:
        raise UnavailableError("nobody is there")
    return Answer(status)


def make_o2ims(desk: Any, *, answers: int = 204, days: float = 30, **settings: Any) -> O2ims:
    matcher: Any = Known(desk.store)
    policy = CompiledPolicy(read_policy(POLICY))
    return O2ims(
        settings=O2imsSettings(**settings),
        retention_days=days,
        source="nfvigil",
        policy=lambda: policy,
        matcher=matcher,
        subscribe=desk.subscribe,
        check_url=desk.check_endpoint,
        poster=MemoryPoster(lambda _posted: _answer(answers)),
        shelf=Shelf(),
    )
