"""What a VNF's record says of its servers, on its way into the log: events of our own, decided like all others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from nfvigil.inspector import internal
from nfvigil.inspector.state import HELD, State
from nfvigil.model.event import Event, Status
from nfvigil.model.resource import Kind, key_of, split_key
from nfvigil.model.vnf_record import VduCondition, VduNews
from nfvigil.pipeline import Pipeline

AT_ONCE = 500
"""Events written down together."""

_TYPES = {
    VduCondition.ERROR: internal.VDU_ERROR,
    VduCondition.DELETED: internal.VDU_DELETED,
    VduCondition.INTERFACE_GONE: internal.VDU_INTERFACE_GONE,
}


class EventMaker(Protocol):
    """Makes an event of our own with a number that counts from now: see ``Pipeline.event``."""

    def __call__(self, kind: str, resource: str, status: Status, **details: str) -> Event: ...


def news_event(make: EventMaker, news: VduNews) -> Event:
    return make(
        _TYPES[news.condition],
        key_of(Kind.SERVER, news.server),
        Status.DOWN if news.is_on else Status.UP,
        project=news.project,
        vnf=news.vnf,
        vnfc=news.vnfc,
        vim=news.vim,
        name=news.name,
        host=news.host,
        port=news.port,
        text=news.text,
    )


class VduTeller:
    """Says news of VNFs' records to the inspector."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def say(self, news: Sequence[VduNews]) -> None:
        """Durable at return, in this order; the same again changes nothing.

        Raises an UnavailableError: then the last of them may not be kept, and all are to be said again.
        """
        for first in range(0, len(news), AT_ONCE):
            some = news[first : first + AT_ONCE]
            await self._pipeline.keep([news_event(self._pipeline.event, one) for one in some])


def standing_news(state: State) -> list[VduNews]:
    """The conditions that the inspector has begun and not ended, each as its VNF's record said it: told, or held until
    another alarm is over. Of an interface the server is not known any more.
    """
    found = []
    for fault in sorted(state.faults.values(), key=lambda fault: fault.id):
        if fault.type in _CONDITIONS:
            found += [_standing(fault.type, fault.resource, word.monitor) for word in fault.assertions]
    for key in sorted(state.held):
        found += [_standing(internal.VDU_ERROR, key, who) for who in state.memory[f"{HELD}{key}"]["words"]]
    return found


_CONDITIONS = {kind: condition for condition, kind in _TYPES.items()}


def _standing(kind: str, key: str, who: str) -> VduNews:
    is_server = key.startswith("server/")
    name = key.partition("/")[2]
    project, vnf, vnfc = (*who.split("/", 2), "", "")[:3]
    return VduNews(
        condition=_CONDITIONS[kind],
        is_on=True,
        project=project,
        vnf=vnf,
        vnfc=vnfc,
        vim="",
        server=name if is_server else "",
        port="" if is_server else name,
    )


def undecided_news(events: Iterable[Event]) -> list[VduNews]:
    """What was said and is durable, and that nothing has come of yet."""
    return [
        VduNews(
            condition=_CONDITIONS[event.type],
            is_on=not event.is_clear,
            project=str(event.details["project"]),
            vnf=str(event.details["vnf"]),
            vnfc=str(event.details["vnfc"]),
            vim=str(event.details["vim"]),
            server=split_key(event.resource)[1],
            port=str(event.details["port"]),
        )
        for event in events
        if event.type in _CONDITIONS and event.door == internal.DOOR
    ]
