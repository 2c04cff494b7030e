"""How each route is asked for the isolation matrix. A route that is not in here fails the test: add it.

``{alarm}`` and the like stand for what an owner has of that: see ``isolation_world``.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

SUBSCRIPTION = {"endpoints": [{"url": "http://127.0.0.1:9/"}], "mode": "confirmed"}
RECOVERY = {"do": {"host_down": {"action": "evacuate"}}}
REASON = {"reason": "because"}
EVENT = {"type": "compute.host.fan", "resource": "host/nowhere"}
DOCTOR = {"time": "2026-01-01T00:00:00Z", "type": "compute.host.fan", "details": {"hostname": "nowhere"}}
ALARM = {"reason_data": {"event": {"traits": [["host", 1, "nowhere"], ["state", 1, "IN_MAINTENANCE"]]}}}
REDFISH = {"Events": [{"EventType": "Alert", "EventId": "1", "MessageId": "ResourceEvent.1.0.ResourceErrorsDetected"}]}
UUID = "00000000-0000-4000-8000-000000000000"
NEW_VIM = {"name": "other", "driver": "simulated"}


class Of(Enum):
    ANYBODY = "no token is asked for"
    CALLER = "whoever may is answered, with what is its own"
    EVERYTHING = "it is of no project, and for those who see all of them"
    NOBODY = "who may is told that it is switched off"
    OWNER = "who may is answered if the thing is its own, else as if there were none"


class Entry(NamedTuple):
    address: str
    of: Of = Of.CALLER
    body: Any = None


def own(address: str, body: Any = None) -> Entry:
    return Entry(address, Of.OWNER, body)


def entry(address: str, body: Any = None) -> Entry:
    return Entry(address, Of.CALLER, body)


O2 = "/o2ims-infrastructureMonitoring"
O2_SUBSCRIPTION = {"callback": "{callback}"}

O2IMS: dict[str, Entry] = {
    f"{method} {O2}{path}": Entry(O2 + asked, Of.EVERYTHING, body)
    for method, path, asked, body in (
        ("GET", "/api_versions", "/api_versions", None),
        ("GET", "/v1/api_versions", "/v1/api_versions", None),
        ("GET", "/v1/alarms", "/v1/alarms", None),
        ("GET", "/v1/alarms/{alarmEventRecordId}", "/v1/alarms/{alarm}", None),
        ("PATCH", "/v1/alarms/{alarmEventRecordId}", "/v1/alarms/{alarm}", {"alarmAcknowledged": True}),
        ("GET", "/v1/alarmSubscriptions", "/v1/alarmSubscriptions", None),
        ("POST", "/v1/alarmSubscriptions", "/v1/alarmSubscriptions", O2_SUBSCRIPTION),
        ("GET", "/v1/alarmSubscriptions/{alarmSubscriptionId}", "/v1/alarmSubscriptions/{subscription}", None),
        ("DELETE", "/v1/alarmSubscriptions/{alarmSubscriptionId}", "/v1/alarmSubscriptions/{subscription}", None),
        ("GET", "/v1/alarmServiceConfiguration", "/v1/alarmServiceConfiguration", None),
        ("PUT", "/v1/alarmServiceConfiguration", "/v1/alarmServiceConfiguration", {"retentionPeriod": 30}),
        ("PATCH", "/v1/alarmServiceConfiguration", "/v1/alarmServiceConfiguration", {"retentionPeriod": 30}),
        ("GET", "/v1/alarmDictionaries", "/v1/alarmDictionaries", None),
        ("GET", "/v1/alarmDictionaries/{alarmDictionaryId}", "/v1/alarmDictionaries/{alarm}", None),
        ("GET", "/v1/probableCauses", "/v1/probableCauses", None),
    )
}
"""O-RAN's interface is the infrastructure's."""

NOTIFICATION = {
    "notification": {
        "type": "COMPUTE_HOST",
        "hostname": "nowhere",
        "generated_time": "2026-01-01T00:00:00",
        "payload": {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"},
    }
}
MASAKARI: dict[str, Entry] = {
    **{f"GET /instance-ha{path}": Entry(f"/instance-ha{path}", Of.ANYBODY) for path in ("", "/", "/v1", "/v1/")},
    **{
        f"{method} {prefix}/v1{project}/notifications{path}": entry(
            f"{prefix}/v1{asked}/notifications{path.replace('{uuid}', UUID)}", body
        )
        for prefix in ("", "/instance-ha")
        for project, asked in (("", ""), ("/{project_id}", "/4f0c"))
        for method, path, body in (("POST", "", NOTIFICATION), ("GET", "", None), ("GET", "/{uuid}", None))
    },
}
"""The infrastructure's as well: its monitors send, administrators read."""

SOL_SUBSCRIPTION = {"callbackUri": "{callback}"}
SOL: dict[str, Entry] = {
    "GET /vnffm/api_versions": entry("/vnffm/api_versions"),
    "GET /vnffm/v1/api_versions": entry("/vnffm/v1/api_versions"),
    "GET /vnffm/v1/alarms": entry("/vnffm/v1/alarms"),
    "GET /vnffm/v1/alarms/{alarm_id}": own("/vnffm/v1/alarms/{alarm}"),
    "PATCH /vnffm/v1/alarms/{alarm_id}": own("/vnffm/v1/alarms/{alarm}", {"ackState": "UNACKNOWLEDGED"}),
    "POST /vnffm/v1/alarms/{alarm_id}/escalate": own(
        "/vnffm/v1/alarms/{alarm}/escalate", {"proposedPerceivedSeverity": "MINOR"}
    ),
    "GET /vnffm/v1/subscriptions": entry("/vnffm/v1/subscriptions"),
    "POST /vnffm/v1/subscriptions": entry("/vnffm/v1/subscriptions", SOL_SUBSCRIPTION),
    "GET /vnffm/v1/subscriptions/{subscription_id}": own("/vnffm/v1/subscriptions/{sol}"),
    "DELETE /vnffm/v1/subscriptions/{subscription_id}": own("/vnffm/v1/subscriptions/{sol}"),
}
"""VNFs' managers look after those of their project."""

EVENT_ALARM = {"name": "another", "type": "event", "event_rule": {"event_type": "compute.instance.update"}}
AODH: dict[str, Entry] = {
    "GET /v2": Entry("/v2", Of.ANYBODY),
    "GET /v2/": Entry("/v2/", Of.ANYBODY),
    "GET /v2/alarms": entry("/v2/alarms"),
    "POST /v2/alarms": entry("/v2/alarms", EVENT_ALARM),
    "GET /v2/alarms/{alarm_id}": own("/v2/alarms/{event_alarm}"),
    "GET /v2/alarms/{alarm_id}/state": own("/v2/alarms/{event_alarm}/state"),
    # Aodh's answer to whoever may not see an alarm is an empty history.
    "GET /v2/alarms/{alarm_id}/history": entry("/v2/alarms/{event_alarm}/history"),
    "PUT /v2/alarms/{alarm_id}": own("/v2/alarms/{event_alarm}", EVENT_ALARM),
    "PUT /v2/alarms/{alarm_id}/state": own("/v2/alarms/{event_alarm}/state", "ok"),
    "PUT /v1/event-alarms/{alarm_id}/auto-ok": own("/v1/event-alarms/{event_alarm}/auto-ok", {"auto_ok": True}),
    "DELETE /v2/alarms/{alarm_id}": own("/v2/alarms/{event_alarm}"),
    "POST /v2/query/alarms": entry("/v2/query/alarms", {}),
    "POST /v2/query/alarms/history": entry("/v2/query/alarms/history", {}),
    "GET /v2/capabilities": entry("/v2/capabilities"),
    "GET /v2/capabilities/": entry("/v2/capabilities/"),
    "GET /v2/quotas": entry("/v2/quotas"),
    "GET /v2/metrics": Entry("/v2/metrics", Of.NOBODY),
}

TACKER_DOOR = "/server_notifier/v2/a-name/servers/{server}/alarms"
TACKER: dict[str, Entry] = {
    # Also for a server that no cloud has told of yet: what is another's is as good as that.
    "POST /server_notifier/v2/{tenant}/servers/{server_id}/alarms": entry(
        TACKER_DOOR, {"fault_action": "http://127.0.0.1:9/tacker"}
    ),
    "DELETE /server_notifier/v2/{tenant}/servers/{server_id}/alarms/{alarm_id}": own(f"{TACKER_DOOR}/{{tacker}}"),
}

VNFR = {
    "_id": "kanari-imported", "id": "kanari-imported", "vnfd-ref": "vnfd", "nsr-id-ref": "ns",
    "vdur": [
        {
            "_id": "vdur-1", "id": "vdur-1", "vdu-id-ref": "mme", "count-index": 0, "vim-id": "{server}",
            "interfaces": [],
            "vim_info": {"vim:osm-1": {"vim_id": "{server}", "vim_status": "ACTIVE", "interfaces": []}},
        }
    ],
}  # fmt: skip
VNFS: dict[str, Entry] = {
    "GET /v1/vnfs": entry("/v1/vnfs"),
    "POST /v1/vnfs": entry("/v1/vnfs", {"name": "another"}),
    "GET /v1/vnfs/changes": entry("/v1/vnfs/changes?wait=0"),
    "POST /v1/vnfs/import": entry("/v1/vnfs/import?dry_run=true", {"vnfr": {"id": "of-no-server", "vdur": []}}),
    "GET /v1/vnfs/{vnf_id}/history": own("/v1/vnfs/{vnf}/history"),
    "GET /v1/vnfs/{vnf_id}/details": own("/v1/vnfs/{vnf}/details"),
    "GET /v1/vnfs/{vnf_id}/vnfr": own("/v1/vnfs/{vnf}/vnfr"),
    "GET /v1/vnfs/{vnf_id}": own("/v1/vnfs/{vnf}"),
    "PUT /v1/vnfs/{vnf_id}": own("/v1/vnfs/{vnf}", {"name": "renamed"}),
    "DELETE /v1/vnfs/{vnf_id}": own("/v1/vnfs/{vnf}"),
}

VES_SUBSCRIPTION = {"endpoint": "http://127.0.0.1:9/eventListener/v7"}
VES_CONFIG = {"ves_subscription": VES_SUBSCRIPTION, "backlogs": [{"domain": "fault", "type": "vm"}]}
VES: dict[str, Entry] = {
    "GET /v1/vims/{name}/ves": entry("/v1/vims/{vim}/ves"),
    "PUT /v1/vims/{name}/ves": entry("/v1/vims/{vim}/ves", VES_CONFIG),
    "POST /v1/vims/{name}/ves/test": entry("/v1/vims/{vim}/ves/test"),
    "DELETE /v1/vims/{name}/ves": entry("/v1/vims/{vim}/ves"),
    **{
        f"{method} /api/multicloud-{plugin}{path}/vesagent": entry(
            f"/api/multicloud-{plugin}{asked}/vesagent", {"vesagent_config": VES_CONFIG} if method == "POST" else None
        )
        for plugin in ("fcaps", "titaniumcloud")
        for path, asked in (("/v0/{vimid}", "/v0/owner_{vim}"), ("/v1/{cloud_owner}/{cloud_region_id}", "/v1/o/{vim}"))
        for method in ("GET", "POST", "DELETE")
    },
}
"""What is told of a cloud is the operator's."""

TABLE: dict[str, Entry] = {
    **VES,
    **O2IMS,
    **MASAKARI,
    **SOL,
    **AODH,
    **TACKER,
    **VNFS,
    "GET /": Entry("/", Of.ANYBODY),
    "GET /v1": Entry("/v1", Of.ANYBODY),
    "GET /docs": Entry("/docs", Of.ANYBODY),
    "GET /openapi.json": Entry("/openapi.json", Of.ANYBODY),
    "GET /healthz": Entry("/healthz", Of.ANYBODY),
    "GET /readyz": Entry("/readyz", Of.ANYBODY),
    "GET /metrics": Entry("/metrics", Of.EVERYTHING),
    # Alarms
    "GET /v1/alarms": entry("/v1/alarms?state=all"),
    "GET /v1/alarms/stream": entry("/v1/alarms/stream?after=0"),
    "GET /v1/alarms/{alarm_id}": own("/v1/alarms/{alarm}"),
    "GET /v1/alarms/{alarm_id}/history": own("/v1/alarms/{alarm}/history"),
    "GET /v1/alarms/{alarm_id}/explain": own("/v1/alarms/{alarm}/explain"),
    "POST /v1/alarms/{alarm_id}/ack": own("/v1/alarms/{alarm}/ack"),
    "DELETE /v1/alarms/{alarm_id}/ack": own("/v1/alarms/{alarm}/ack"),
    "POST /v1/alarms/{alarm_id}/comments": own("/v1/alarms/{alarm}/comments", {"text": "seen"}),
    "POST /v1/alarms/{alarm_id}/clear": entry("/v1/alarms/{alarm}/clear"),
    # Events and faults
    "GET /v1/events": entry("/v1/events"),
    "GET /v1/events/{event_id}": entry("/v1/events/{event}"),
    "GET /v1/faults": entry("/v1/faults"),
    "GET /v1/faults/{fault_id}": entry("/v1/faults/{fault}"),
    "GET /v1/faults/{fault_id}/profile": own("/v1/faults/{alarm}/profile"),
    "GET /v1/profiles/summary": entry("/v1/profiles/summary"),
    # The doors
    "POST /v1/events": entry("/v1/events", EVENT),
    "POST /v1/formats/{name}/events": entry("/v1/formats/nfvigil/events", EVENT),
    "POST /v1/redfish/{host}/events": entry("/v1/redfish/nowhere/events", REDFISH),
    "PUT /events": entry("/events", DOCTOR),
    "POST /events": entry("/events", DOCTOR),
    "POST /v1/event": entry("/v1/event", DOCTOR),
    "POST /maintenance": entry("/maintenance", ALARM),
    # Subscriptions
    "GET /v1/subscriptions": entry("/v1/subscriptions"),
    "POST /v1/subscriptions": entry("/v1/subscriptions", SUBSCRIPTION),
    "GET /v1/subscriptions/{subscription_id}": own("/v1/subscriptions/{subscription}"),
    "GET /v1/subscriptions/{subscription_id}/deliveries": own("/v1/subscriptions/{subscription}/deliveries"),
    "GET /v1/subscriptions/{subscription_id}/resources": own("/v1/subscriptions/{subscription}/resources"),
    "GET /v1/deliveries": entry("/v1/deliveries"),
    "PATCH /v1/subscriptions/{subscription_id}": own("/v1/subscriptions/{subscription}", {"heartbeat_seconds": 60}),
    "POST /v1/subscriptions/{subscription_id}/deliveries/replay": own(
        "/v1/subscriptions/{subscription}/deliveries/replay", {"endpoint_id": "{endpoint}", "sequence": 1}
    ),
    "POST /v1/subscriptions/{subscription_id}/test": own("/v1/subscriptions/{subscription}/test"),
    "POST /v1/subscriptions/{subscription_id}/replay": own("/v1/subscriptions/{subscription}/replay?after=0"),
    "POST /v1/subscriptions/{subscription_id}/pause": own("/v1/subscriptions/{subscription}/pause"),
    "POST /v1/subscriptions/{subscription_id}/resume": own("/v1/subscriptions/{subscription}/resume"),
    "DELETE /v1/subscriptions/{subscription_id}": own("/v1/subscriptions/{subscription}"),
    # Resources
    "GET /v1/resources": entry("/v1/resources?kind=server"),
    "GET /v1/resources/{kind}/{resource_id}": own("/v1/resources/server/{server}"),
    "GET /v1/resources/{kind}/{resource_id}/impact": entry("/v1/resources/host/{host}/impact"),
    "GET /v1/physical-resources": Entry("/v1/physical-resources", Of.EVERYTHING),
    "GET /v1/capacity": entry("/v1/capacity"),
    # Deeds
    "GET /v1/actions": entry("/v1/actions"),
    "GET /v1/instructions": entry("/v1/instructions"),
    "GET /v1/instructions/{instruction_id}": own("/v1/instructions/{instruction}"),
    "POST /v1/instructions": own("/v1/instructions?dry_run=true", {"action": "reboot", "target": "server/{server}"}),
    "GET /v1/recovery": entry("/v1/recovery"),
    "GET /v1/recovery/{kind}/{resource_id}": own("/v1/recovery/server/{server}"),
    "PUT /v1/recovery/{kind}/{resource_id}": own("/v1/recovery/server/{server}", RECOVERY),
    "DELETE /v1/recovery/{kind}/{resource_id}": own("/v1/recovery/server/{server}"),
    # The operator's
    "GET /v1/audit": entry("/v1/audit?limit=1000"),
    "GET /v1/audit/cadf": entry("/v1/audit/cadf?limit=1000"),
    "GET /v1/tokens": entry("/v1/tokens"),
    "POST /v1/tokens": entry("/v1/tokens", {"role": "monitor"}),
    "GET /v1/tokens/{id}": entry("/v1/tokens/{token}"),
    "DELETE /v1/tokens/{id}": entry("/v1/tokens/{token}"),
    "GET /v1/monitor-keys": entry("/v1/monitor-keys"),
    "POST /v1/monitor-keys": entry("/v1/monitor-keys", {"name": "another"}),
    "GET /v1/monitor-keys/{id}": entry("/v1/monitor-keys/{key}"),
    "DELETE /v1/monitor-keys/{id}": entry("/v1/monitor-keys/{key}"),
    "GET /v1/brakes": entry("/v1/brakes"),
    "PUT /v1/brakes/automation": entry("/v1/brakes/automation", {"on": False, **REASON}),
    "PUT /v1/brakes/holds/{vim}": entry("/v1/brakes/holds/{vim}", REASON),
    "POST /v1/brakes/holds/{vim}/release": entry("/v1/brakes/holds/{vim}/release", REASON),
    "POST /v1/hosts/{host}/confirm-off": entry("/v1/hosts/{host}/confirm-off", REASON),
    "GET /v1/hosts/{host}/power": entry("/v1/hosts/{host}/power"),
    "GET /v1/policies": entry("/v1/policies"),
    "GET /v1/policies/{name}": entry("/v1/policies/{policy}"),
    "POST /v1/policies": entry("/v1/policies", {"text": "policy: other\nrules: []\n"}),
    "POST /v1/policies/lint": entry("/v1/policies/lint", {"text": "policy: other\nrules: []\n"}),
    "POST /v1/policies/dry-run": entry("/v1/policies/dry-run", {"limit": 1}),
    "POST /v1/policies/{name}/rollback": entry("/v1/policies/{policy}/rollback", {}),
    "POST /v1/replay": entry("/v1/replay", {}),
    "GET /v1/vims": entry("/v1/vims"),
    "POST /v1/vims": entry("/v1/vims", NEW_VIM),
    "POST /v1/vims/check": entry("/v1/vims/check", NEW_VIM),
    "GET /v1/vims/{name}": entry("/v1/vims/{vim}"),
    "PATCH /v1/vims/{name}": entry("/v1/vims/other", {"interval_seconds": 30.0}),
    "DELETE /v1/vims/{name}": entry("/v1/vims/other"),
    "POST /v1/vims/{name}/check": entry("/v1/vims/{vim}/check"),
    "POST /v1/vims/{name}/refresh": entry("/v1/vims/{vim}/refresh"),
    "GET /v1/simulation": entry("/v1/simulation"),
    "PUT /v1/simulation": entry("/v1/simulation", {"failure": {"kind": "none"}}),
    "POST /v1/simulation/changes": entry("/v1/simulation/changes", {"gone": []}),
    "POST /v1/simulation/hosts/{host}": entry("/v1/simulation/hosts/{host}", {"power": "on"}),
}

PROBES: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/v1/alarms?project={project}", None),
    ("GET", "/v1/alarms?state=all&resource_id={server}", None),
    ("GET", "/v1/alarms?state=all&resource_id=server/{server}&resource_id={server}&acked=true", None),
    ("GET", "/v1/alarms?state=all&marker={alarm}", None),
    ("GET", "/v1/resources?kind=server&project={project}", None),
    ("GET", "/v1/resources?kind=server&marker=server/{server}", None),
    ("GET", "/v1/resources?kind=host", None),
    ("GET", "/v1/resources?kind=zone", None),
    ("GET", "/v1/resources?kind=vim", None),
    ("GET", "/v1/resources/host/{host}", None),
    ("GET", "/v1/resources/volume/{server}", None),
    ("GET", "/v1/actions?alarm={alarm}", None),
    ("GET", "/v1/actions?alarm={alarm}&state=done", None),
    ("GET", "/v1/instructions/{instruction}", None),
    ("GET", "/v1/subscriptions?marker={subscription}&limit=1", None),
    ("GET", "/v1/recovery?marker=server/{server}", None),
    ("GET", "/v1/alarms?state=all&vnf_id={vnf}", None),
    ("GET", "/v1/deliveries?subscription={subscription}", None),
    ("GET", "/v1/deliveries?subscription={event_alarm}&state=delivered", None),
    ("GET", "/v1/deliveries?marker=1/0/{endpoint}/{subscription}", None),
    ("GET", "/v1/subscriptions/{event_alarm}", None),
    ("GET", "/v1/subscriptions/{tacker}/deliveries", None),
    ("PATCH", "/v1/subscriptions/{sol}", {"name": "mine"}),
    ("GET", "/v1/physical-resources?id={host}", None),
    ("GET", "/v1/vnfs/{vnf}?project={project}", None),
    ("GET", "/v1/vnfs?marker={project}/{vnf}", None),
    ("POST", "/v1/vnfs", {"vnfcs": [{"server": "{server}"}]}),
    ("GET", "/v1/vnfs?name={vnf_name}", None),
    ("GET", "/v1/vnfs?status=ACTIVE&marker={project}/{vnf}", None),
    ("GET", "/v1/vnfs/{vnf}/history?project={project}", None),
    ("GET", "/v1/vnfs/{vnf}/details?project={project}&format=yaml", None),
    ("GET", "/v1/vnfs/{vnf}/vnfr?project={project}", None),
    ("POST", "/v1/vnfs/import?dry_run=true", {"project": "{project}", "vnfr": VNFR}),
    ("POST", "/v1/vnfs/import?dry_run=true", {"vnfr": VNFR}),
    ("GET", "/v2/alarms?marker={event_alarm}", None),
    ("GET", "/v2/alarms?q.field=alarm_id&q.value={event_alarm}", None),
    ("GET", "/v2/alarms?q.field=project_id&q.value={project}", None),
    ("GET", "/v2/alarms?q.field=all_projects&q.value=true", None),
    ("GET", "/v2/alarms/{event_alarm}/history", None),
    ("GET", "/v2/quotas?project_id={project}", None),
    ("POST", "/v2/query/alarms", {"filter": '{"=": {"alarm_id": "{event_alarm}"}}'}),
    ("POST", "/v2/query/alarms", {"filter": '{"not": {"=": {"project_id": "{project}"}}}'}),
    ("POST", "/v2/query/alarms/history", {"filter": '{"=": {"alarm_id": "{event_alarm}"}}'}),
    ("POST", "/v2/alarms", {**EVENT_ALARM, "project_id": "{project}"}),
    ("GET", "/vnffm/v1/alarms?filter=(eq,managedObjectId,{vnf})", None),
    ("GET", "/vnffm/v1/alarms?filter=(eq,id,{alarm})", None),
    ("GET", "/vnffm/v1/alarms?nextpage_opaque_marker={alarm}", None),
    ("GET", "/vnffm/v1/subscriptions?filter=(eq,id,{sol})", None),
    ("GET", "/vnffm/v1/subscriptions?nextpage_opaque_marker={sol}", None),
    (
        "POST",
        "/vnffm/v1/subscriptions",
        {
            **SOL_SUBSCRIPTION,
            "filter": {"vnfInstanceSubscriptionFilter": {"vnfInstanceNames": ["{vnf_name}"]}},
        },
    ),
    ("DELETE", "/vnffm/v1/subscriptions/{subscription}", None),
    ("DELETE", TACKER_DOOR + "/{subscription}", None),
    ("POST", "/server_notifier/v2/{project}/servers/{server}/alarms", {"fault_action": "x"}),
    ("PUT", "/v1/recovery/project/{project}", RECOVERY),
    ("POST", "/v1/subscriptions", {**SUBSCRIPTION, "project": "{project}"}),
    ("POST", "/v1/instructions", {"action": "reboot", "target": "server/{server}"}),
    ("POST", "/v1/instructions", {"action": "evacuate", "target": "{server}"}),
    ("POST", "/v1/instructions", {"action": "rebuild", "target": "server/{server}", "params": {"confirm": True}}),
)
"""What else one may ask for by the name of another's things: the answer is the same where nobody has them."""
