"""What the messages of Redfish's registries mean: which condition each begins or ends, by its key.

The severity that comes with a message says little: a power supply that failed is a "Warning". So what counts is the
message. A condition has one event type, and ends by the messages that stand on its right; the type is of the fault
catalogue where that has one, and else ``redfish.<condition>``, an alarm for the administrator.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Condition(NamedTuple):
    name: str
    type: str
    begins: tuple[str, ...]
    ends: tuple[str, ...] = ()


def _condition(name: str, type: str, begins: str, ends: str = "") -> Condition:
    return Condition(name, type or f"redfish.{name}", tuple(begins.split()), tuple(ends.split()))


CONDITIONS: tuple[Condition, ...] = (
    _condition(
        "power-supply",
        "compute.host.power.degraded",
        "PowerSupplyFailed PowerSupplyPredictiveFailure PowerSupplyWarning PowerSupplyRemoved",
        "PowerSupplyRestored PowerSupplyInserted",
    ),
    _condition(
        "power-supply-group",
        "compute.host.power.degraded",
        "PowerSupplyGroupCritical PowerSupplyGroupWarning",
        "PowerSupplyGroupNormal",
    ),
    _condition(
        "input-power", "compute.host.power.degraded", "LossOfInputPower LineInputPowerFault", "LineInputPowerRestored"
    ),
    _condition("breaker", "", "BreakerFault BreakerTripped", "BreakerReset"),
    _condition("fan", "compute.host.fan", "FanFailed FanRemoved", "FanRestored FanInserted"),
    _condition("fan-group", "compute.host.fan", "FanGroupCritical FanGroupWarning", "FanGroupNormal"),
    _condition("pump", "compute.host.thermal", "PumpFailed PumpRemoved", "PumpRestored PumpInserted"),
    _condition("filter", "", "FilterRequiresService FilterRemoved", "FilterRestored FilterInserted"),
    _condition("leak", "", "LeakDetectedCritical LeakDetectedWarning", "LeakDetectedNormal"),
    _condition(
        "link",
        "",
        "LanDisconnect ConnectionDropped CableRemoved CableFailed DegradedConnectionEstablished LinkFlapDetected "
        "PortFailed PortDegraded PortAutomaticallyDisabled",
        "LanConnect ConnectionEstablished CableInserted CableOK PortOK PortAutomaticallyEnabled",
    ),
    _condition(
        "fabric-link",
        "",
        "UpstreamLinkDropped UpstreamLinkFlapDetected DegradedUpstreamLinkEstablished "
        "DownstreamLinkDropped DownstreamLinkFlapDetected DegradedDownstreamLinkEstablished "
        "InterswitchLinkDropped InterswitchLinkFlapDetected DegradedInterswitchLinkEstablished",
        "UpstreamLinkEstablished DownstreamLinkEstablished InterswitchLinkEstablished",
    ),
    _condition("switch", "", "SwitchFailed SwitchDegraded", "SwitchOK"),
    _condition(
        "drive",
        "compute.host.disk",
        "DriveFailure DriveOffline DriveMissing DriveRemoved",
        "DriveFailureCleared DriveOfflineCleared DriveMissingCleared DriveOK DriveInserted",
    ),
    _condition(
        "drive-predicted",
        "compute.host.disk.predicted",
        "DrivePredictiveFailure",
        "DrivePredictiveFailureCleared DriveOK DriveInserted",
    ),
    _condition("storage-controller", "compute.host.storage.controller", "ControllerFailure", "ControllerOK"),
    _condition(
        "storage-controller-degraded",
        "",
        "ControllerDegraded ControllerPreviousError ControllerPasswordRequired",
        "ControllerOK ControllerPasswordAccepted",
    ),
    _condition("storage-port", "", "ControllerPortFailure ControllerPortDegraded", "ControllerPortOK"),
    _condition(
        "volume",
        "",
        "VolumeFailure VolumeDegraded VolumeOffline VolumeOffine",  # the registry has both spellings
        "VolumeOK VolumeOfflineCleared",
    ),
    _condition("battery", "", "BatteryFailure BatteryMissing BatteryCharging", "BatteryOK"),
    _condition(
        "write-cache",
        "",
        "WriteCacheDataLoss WriteCacheDegraded WriteCacheTemporarilyDegraded",
        "WriteCacheProtected",
    ),
    _condition("sensor", "", "SensorFailure InvalidSensorReading", "SensorRestored SensorReadingNormalRange"),
    _condition("os-crash", "compute.host.os.crash", "OperatingSystemCrash"),
    _condition("platform", "", "PlatformError PlatformErrorAtLocation UnhandledExceptionDetectedAfterReset"),
    _condition("powered-off", "", "ResourcePoweredOff", "ResourcePoweredOn"),
    _condition("errors", "", "ResourceErrorsDetected", "ResourceErrorsCorrected"),
    _condition("error-threshold", "", "ResourceErrorThresholdExceeded", "ResourceErrorThresholdCleared"),
    _condition("warning-threshold", "", "ResourceWarningThresholdExceeded", "ResourceWarningThresholdCleared"),
    _condition("self-test", "", "ResourceSelfTestFailed", "ResourceSelfTestCompleted"),
    _condition("health", "", "ResourceStatusChangedCritical ResourceStatusChangedWarning", "ResourceStatusChangedOK"),
)

FAMILIES = {
    "Temperature": "compute.host.thermal",
    "Humidity": "compute.host.thermal",
    "Pressure": "compute.host.thermal",
    "FlowRate": "compute.host.thermal",
    "FluidLevel": "compute.host.thermal",
    "FluidQuality": "compute.host.thermal",
    "Voltage": "compute.host.power.degraded",
    "Current": "compute.host.power.degraded",
    "Frequency": "compute.host.power.degraded",
    "Power": "compute.host.power.degraded",
    "Reading": "redfish.reading",
}
"""Measured things. Their messages name a threshold or a level (``TemperatureAboveUpperCriticalThreshold``,
``VoltageWarning``), and only ``...Normal`` ends what they began: above a lower threshold is not yet normal."""
_MEASURED = re.compile(
    rf"(?P<family>{'|'.join(FAMILIES)})"
    r"(?:(?:Above|Below)(?:Upper|Lower)\w+Threshold|Critical|Fatal|Warning|NoLonger\w+|(?P<normal>Normal))"
)
_READING_NORMAL = "SensorReadingNormalRange"

_ENDS: dict[str, tuple[Condition, ...]] = {}
_BEGINS: dict[str, Condition] = {}
for _one in CONDITIONS:
    _BEGINS.update(dict.fromkeys(_one.begins, _one))
    for _key in _one.ends:
        _ENDS[_key] = (*_ENDS.get(_key, ()), _one)
_READING = Condition("reading", FAMILIES["Reading"], ())


def meaning_of(key: str) -> tuple[Condition | None, tuple[Condition, ...]]:
    """What a message begins, and what it ends."""
    measured = _MEASURED.fullmatch(key)
    if measured is not None:
        family = measured["family"]
        condition = Condition(family.lower(), FAMILIES[family], ())
        return (None, (condition,)) if measured["normal"] else (condition, ())
    ends = _ENDS.get(key, ())
    return _BEGINS.get(key), (*ends, _READING) if key == _READING_NORMAL else ends
