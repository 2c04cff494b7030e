"""The agent's sign of life. It goes out while the cloud is away too, and says how old what we know of it is."""

from __future__ import annotations

from msgspec.structs import replace

from nfvigil.model.ids import stable_id
from nfvigil.model.times import iso
from nfvigil.model.ves import VesBacklog, VesEvent, VesState

NAME = "Heartbeat_MultiCloud_VesAgent"


def heartbeat(backlog: VesBacklog, own: VesState, now_us: int, read_us: int | None) -> tuple[VesState, VesEvent]:
    """The backlog's state after it, and the event. Ids differ; by the sequence a collector sees one that is missing."""
    last_us = max(now_us, own.last_us + 1)
    sequence = own.sequence + 1
    event_id = stable_id("ves", own.vim, backlog.backlog_uuid, sequence, last_us)
    event = VesEvent(
        domain="heartbeat",
        name=NAME,
        event_id=event_id,
        source_id=own.vim,
        source_name=own.vim,
        reporting=own.vim,
        sequence=sequence,
        start_us=last_us,
        last_us=last_us,
        fields={
            "heartbeatInterval": max(1, round(backlog.poll_interval)),
            "additionalFields": {"eventTime": iso(last_us)}
            | ({} if read_us is None else {"cloudReadTime": iso(read_us)}),
        },
    )
    return replace(own, sequence=sequence, last_us=last_us, event_id=event_id), event
