"""How O-RAN's things look, for the description of the API and the bodies that are taken."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from nfvigil.model.subscription import Occasion
from nfvigil.northbound.fields import AS_NUMBER, Body, Query, Shape, Switch
from nfvigil.northbound.shapes import Time

Uuid = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        json_schema_extra={"format": "uuid"},
    ),
]
Severity = Annotated[int, Field(ge=0, le=5, description="0 critical, 1 major, 2 minor, 3 warning, 5 cleared.")]
Days = Annotated[int, Field(ge=1, le=3660), AS_NUMBER]
Words = Annotated[dict[str, Any], Field(max_length=100)]


class Record(Shape):
    """O-RAN's AlarmEventRecord. Which fields are there, `fields` and `exclude_fields` decide."""

    alarmEventRecordId: str = ""
    alarmDefinitionID: Uuid = ""
    probableCauseID: Uuid = ""
    resourceTypeID: Uuid = ""
    resourceID: Uuid = ""
    alarmRaisedTime: Time = ""
    alarmChangedTime: Time = ""
    alarmClearedTime: Time = ""
    alarmAcknowledgedTime: Time = ""
    alarmAcknowledged: bool = False
    perceivedSeverity: Severity = 0
    extensions: Annotated[dict[str, Any], Field(default_factory=dict)]


RECORD_FIELDS = tuple(Record.model_fields)


class Modifications(Body):
    """O-RAN's AlarmEventRecordModifications. The only severity that can be set is 5, cleared."""

    alarmAcknowledged: Switch | None = None
    perceivedSeverity: Annotated[Literal[5] | None, AS_NUMBER] = None


class SubscriptionBody(Body):
    callback: Annotated[str, Field(min_length=1, max_length=2048)]
    consumerSubscriptionId: Uuid | None = None
    filter: Occasion | None = None
    alarmSubscriptionId: Annotated[
        Uuid | None,
        Field(description="Read-only: what is sent is not looked at.", json_schema_extra={"readOnly": True}),
    ] = None


class SubscriptionShape(Shape):
    """O-RAN's AlarmSubscriptionInfo."""

    alarmSubscriptionId: Uuid = ""
    callback: str = ""
    consumerSubscriptionId: Uuid = ""
    filter: Occasion = Occasion.NEW


class ConfigurationBody(Body):
    """O-RAN's AlarmServiceConfiguration."""

    retentionPeriod: Days
    extensions: Annotated[Words, Field(default_factory=dict)]


class ConfigurationPatch(Body):
    retentionPeriod: Days | None = None
    extensions: Words | None = None


class ConfigurationShape(Shape):
    retentionPeriod: int
    extensions: dict[str, Any]


class VersionShape(Shape):
    version: str


class VersionsShape(Shape):
    uriPrefix: str
    apiVersions: list[VersionShape]


class DefinitionShape(Shape):
    alarmDefinitionId: Uuid
    alarmName: str
    alarmLastChange: str
    alarmChangeType: str
    alarmDescription: str
    proposedRepairActions: str
    clearingType: str
    managementInterfaceId: list[str]
    pkNotificationField: list[str]
    alarmAdditionalFields: dict[str, Any]


class DictionaryShape(Shape):
    alarmDictionaryId: Uuid
    alarmDictionaryVersion: str
    alarmDictionarySchemaVersion: str
    entityType: str
    vendor: str
    managementInterfaceId: list[str]
    pkNotificationField: list[str]
    alarmDefinition: list[DefinitionShape]


class CauseShape(Shape):
    probableCauseId: Uuid
    name: str
    description: str


class Selecting(Query):
    all_fields: Annotated[str | None, Field(max_length=16, description="Everything is shown anyway.")] = None
    fields: Annotated[str | None, Field(description="Only these: `alarmRaisedTime,extensions/text`.")] = None
    exclude_fields: Annotated[str | None, Field(description="All but these.")] = None
    filter: Annotated[
        str | None, Field(description="`(eq,perceivedSeverity,0);(cont,extensions/text,'no power')`: all must fit.")
    ] = None
