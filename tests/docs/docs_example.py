"""The notification that the reference shows in every format: one server of one project, on a host that died."""

from __future__ import annotations

from nfvigil.model.alarm import Alarm, Cause
from nfvigil.model.ids import EventIds, stable_id
from nfvigil.model.notification import Notification
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import Message, load_channels

AT_US = 1_767_323_045_000_000
"""2026-01-02T03:04:05Z"""
PROJECT = "5d2e4c1b9a7f4e0d8c3b6a5f4e3d2c1b"
SERVER = "0b7c5d9e-2f41-4a6c-8d13-9e5f7a1b2c3d"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
MESSAGE_ID = "4b1d3a52-9f0e-4c7d-8a61-2e5b7c9d0f13"
SUBSCRIPTION = Subscription(
    id="1f0e6a4c-5b2d-4e8f-9a7c-3d1b5e7f9a2c",
    project=PROJECT,
    name="vnfm",
    endpoints=(Endpoint(id="e-1", url="https://vnfm.example.net/alarms", secret=SECRET),),
)


def alarm() -> Alarm:
    event_id = EventIds(lambda: AT_US)()
    root = stable_id("alarm", event_id, "compute.host.down", "host/compute-1")
    return Alarm(
        id=stable_id("alarm", event_id, "compute.instance.down", f"server/{SERVER}"),
        fault_type="compute.instance.down",
        resource=f"server/{SERVER}",
        resource_name="vm-1-1",
        vim="lab",
        project=PROJECT,
        severity=Severity.CRITICAL,
        probable_cause="underlyingResourceUnavailable",
        text="Server is down because what it ran on failed: vm-1-1",
        recommended_action="switch-to-standby",
        event_id=event_id,
        event_us=AT_US,
        raised_us=AT_US + 1_500,
        rule="servers-of-a-failed-host",
        policy="default@1",
        causes=(Cause(root, "servers-of-a-failed-host"),),
        parent=root,
        root=root,
    )


def render(name: str) -> Message:
    notification = Notification(
        id=stable_id(SUBSCRIPTION.id, 1),
        subscription=SUBSCRIPTION.id,
        seq=1,
        news=News.RAISED,
        created_us=AT_US + 3_000,
        event_id=alarm().event_id,
        alarms=(alarm(),),
    )
    return load_channels()[name].render(notification, SUBSCRIPTION, SUBSCRIPTION.endpoints[0], 0, "nfvigil")
