"""Masakari's monitors and OpenStack's own client against the real service, which is killed in between."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from service_process import Service, wait_until
from service_tokens import token_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # what the SDK brings along is older than our Python
    import openstack
    from openstack import exceptions

# The SDK warns of what it does itself.
pytestmark = pytest.mark.filterwarnings("ignore:::openstack")

HOST = {
    "type": "COMPUTE_HOST",
    "hostname": "compute-1",
    "generated_time": "2026-01-02T03:04:05.000000",
    "payload": {"event": "STOPPED", "host_status": "UNKNOWN", "cluster_status": "OFFLINE"},
}
SURE = HOST | {"payload": {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"}}
BACK = HOST | {"payload": {"event": "STARTED", "host_status": "NORMAL", "cluster_status": "ONLINE"}}


def connect(service: Service) -> Any:
    """As the instance monitors do: the SDK, with the endpoint of the catalogue and a token."""
    token = token_of(service, "admin")
    url = f"http://127.0.0.1:{service.port}/instance-ha/v1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cloud = openstack.connect(
            auth_type="admin_token",
            auth={"endpoint": url, "token": token},
            instance_ha_endpoint_override=url,
            region_name="here",
            load_yaml_config=False,
        )
        return cloud.instance_ha


def alarms(service: Service) -> set[tuple[str, str]]:
    found = service.api.all("/v1/alarms?state=open&resource_type=host")
    return {(one["fault_type"], one["resource"]["id"]) for one in found}


def test_openstacks_client_sends_and_reads_masakaris_notifications(service: Service) -> None:
    ha = connect(service)

    suspected = ha.create_notification(**HOST)
    wait_until(lambda: ("compute.hypervisor.unreachable", "compute-1") in alarms(service), "the suspicion is an alarm")
    assert ("compute.host.down", "compute-1") not in alarms(service)
    sure = ha.create_notification(**SURE)
    with pytest.raises(exceptions.ConflictException):
        ha.create_notification(**SURE)
    wait_until(lambda: ha.get_notification(sure.notification_uuid).status == "finished", "the host is forced down")
    service.kill()
    service.start()
    with pytest.raises(exceptions.ConflictException):
        ha.create_notification(**SURE)

    assert [one.notification_uuid for one in ha.notifications(limit=1)] == [
        sure.notification_uuid,
        suspected.notification_uuid,
    ]
    shown = ha.get_notification(suspected.notification_uuid)
    assert (shown.status, shown.type, shown.payload) == ("ignored", "COMPUTE_HOST", HOST["payload"])
    done = ha.get_notification(sure.notification_uuid).recovery_workflow_details
    assert {step["state"] for step in done} == {"SUCCESS"}
    ha.create_notification(**BACK)
    wait_until(lambda: alarms(service) == set(), "the host is back")
    assert [one.status for one in ha.notifications(status="ignored", type="COMPUTE_HOST")] == ["ignored"]
    with pytest.raises(exceptions.NotFoundException):
        ha.get_notification("00000000-0000-7000-8000-000000000000")
    with pytest.raises(exceptions.BadRequestException):
        ha.create_notification(**(HOST | {"type": "RACK"}))
