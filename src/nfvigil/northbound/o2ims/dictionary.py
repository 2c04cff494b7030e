"""O-RAN's alarm dictionaries: what the ids in alarms mean, from the fault catalogue of the policy in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Response

from nfvigil.errors import NotFoundError
from nfvigil.model.fault import FaultType
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import INFRASTRUCTURE, Kind
from nfvigil.northbound.etags import answer
from nfvigil.northbound.guarded import Caller, for_administrators, problems
from nfvigil.northbound.o2ims.desk import O2imsDesk, check_reader, o2ims_of
from nfvigil.northbound.o2ims.shapes import CauseShape, DictionaryShape, Uuid
from nfvigil.northbound.parts import Have
from nfvigil.notifier.o2ims import PREFIX, cause_id, definition_id, resource_type_id

read = for_administrators("o2ims")

INTERFACE = ["O2IMS"]
KEY = ["alarmDefinitionID"]
SCHEMA_VERSION = "1.0.0"
DictionaryId = Annotated[Uuid, Path(description="The dictionary's id.")]

_ON: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("compute.instance.", ()),
    ("storage.volume.", ()),
    ("network.port.", ()),
    ("nfvigil.", (Kind.VIM,)),
    ("network.switch.", (Kind.SWITCH,)),
    ("power.pdu.", (Kind.PDU,)),
    ("power.rack.", (Kind.RACK,)),
    ("compute.host.nic.", (Kind.NIC, Kind.HOST)),
    ("compute.host.disk", (Kind.DISK, Kind.HOST)),
)
"""On what a fault type is found, by how its name begins. All others may be found on anything: a dictionary with an
entry too many answers more questions than one with an entry too few."""


def kinds_of(fault_type: str) -> tuple[Kind, ...]:
    return next((kinds for stem, kinds in _ON if fault_type.startswith(stem)), INFRASTRUCTURE)


def dictionary_id(kind: str) -> str:
    return stable_id("o2ims", "alarm dictionary", kind)


def definition(fault_type: str, words: FaultType, version: str) -> dict[str, Any]:
    """AlarmDefinition."""
    title = words.title or fault_type
    return {
        "alarmDefinitionId": definition_id(fault_type),
        "alarmName": fault_type,
        "alarmLastChange": version,
        "alarmChangeType": "ADDED",
        "alarmDescription": title,
        "proposedRepairActions": words.repair,
        "clearingType": "AUTOMATIC",
        "managementInterfaceId": INTERFACE,
        "pkNotificationField": KEY,
        "alarmAdditionalFields": {
            "severity": words.severity.value,
            "eventType": words.event_type.value,
            "probableCause": words.probable_cause,
            "probableCauseID": cause_id(words.probable_cause),
            "recommendedAction": words.recommended_action,
        },
    }


def dictionary(kind: Kind, catalogue: Mapping[str, FaultType], version: str) -> dict[str, Any]:
    """AlarmDictionary of one type of resource."""
    return {
        "alarmDictionaryId": dictionary_id(kind),
        "alarmDictionaryVersion": version,
        "alarmDictionarySchemaVersion": SCHEMA_VERSION,
        "entityType": kind.value,
        "vendor": "NFVigil",
        "managementInterfaceId": INTERFACE,
        "pkNotificationField": KEY,
        "alarmDefinition": [
            definition(fault_type, words, version)
            for fault_type, words in sorted(catalogue.items())
            if kind in kinds_of(fault_type)
        ],
    }


def _dictionaries(desk: O2imsDesk) -> list[dict[str, Any]]:
    catalogue, version = desk.catalogue(), desk.catalogue_version()
    return [dictionary(kind, catalogue, version) for kind in INFRASTRUCTURE]


@read.get(f"{PREFIX}/alarmDictionaries", response_model=list[DictionaryShape])
async def o2_dictionaries(parts: Have, caller: Caller) -> Response:
    """A dictionary for each type of resource."""
    check_reader(caller)
    return answer(_dictionaries(o2ims_of(parts)))


@read.get(f"{PREFIX}/alarmDictionaries/{{alarmDictionaryId}}", response_model=DictionaryShape, responses=problems(404))
async def o2_dictionary(parts: Have, caller: Caller, alarmDictionaryId: DictionaryId) -> Response:
    """One dictionary, by its own id or by that of its type of resource (`resourceTypeID` of an alarm)."""
    check_reader(caller)
    wanted = alarmDictionaryId.lower()
    desk = o2ims_of(parts)
    for kind in INFRASTRUCTURE:
        if wanted in (dictionary_id(kind), resource_type_id(kind)):
            return answer(dictionary(kind, desk.catalogue(), desk.catalogue_version()))
    raise NotFoundError("there is no such dictionary")


@read.get(f"{PREFIX}/probableCauses", response_model=list[CauseShape])
async def o2_probable_causes(parts: Have, caller: Caller) -> Response:
    """What `probableCauseID` of an alarm means."""
    check_reader(caller)
    causes = sorted({words.probable_cause for words in o2ims_of(parts).catalogue().values()} | {"other"})
    return answer(
        [{"probableCauseId": cause_id(name), "name": name, "description": f"X.733: {name}"} for name in causes]
    )
