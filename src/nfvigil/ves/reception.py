"""What a VES collector makes of a body: its events, or the words in which ONAP's refuses it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from nfvigil.errors import RefusedError
from nfvigil.model.ves_bodies import BATCH, DOMAINS, VesVersion

_PATH = re.compile(r"(?:/[^/?#]+)*/eventListener/(?P<version>v[57])(?:/(?P<rest>[^/?#]+))?/?")
_SHOWN = 300


class Place(NamedTuple):
    """Where something was posted to."""

    version: VesVersion
    is_batch: bool
    topic: str = ""


class Problem(Exception):
    """A body that is refused: ``message_id`` is ONAP's, ``SVC....`` or ``POL....``."""

    def __init__(self, status: int, message_id: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.message_id = message_id


def place_of(path: str) -> Place | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    rest = found["rest"] or ""
    is_batch = rest == BATCH
    return Place(VesVersion(found["version"]), is_batch, "" if is_batch else rest)


def error_body(problem: Problem) -> bytes:
    """As ONAP's collector words it."""
    kind = "PolicyException" if problem.message_id.startswith("POL") else "ServiceException"
    told = {"messageId": problem.message_id, "text": str(problem), "variables": []}
    return json.dumps({"requestError": {kind: told}}).encode()


class Schemas:
    """The standard's JSON schemas by version, from files that the user has: they are not ours to hand out."""

    def __init__(self, path: Path) -> None:
        """``path`` is a file, or a folder with CommonEventFormat files, of which the newest of each version counts."""
        try:
            validator = import_module("jsonschema").Draft4Validator
        except ImportError as error:
            raise RefusedError("to check events against a schema, install the Python package jsonschema") from error
        files = sorted(path.glob("CommonEventFormat*.json")) if path.is_dir() else [path]
        self._validators: dict[VesVersion, Any] = {}
        for file in files:
            try:
                schema = json.loads(file.read_text(encoding="utf-8"))
                kind = schema["definitions"]["commonEventHeader"]["properties"]["version"]["type"]
            except (OSError, ValueError, LookupError, TypeError) as error:
                raise RefusedError(f"{file} is no schema of VES events: {error!r}") from error
            self._validators[VesVersion.V5 if kind == "number" else VesVersion.V7] = validator(schema)
        if not self._validators:
            raise RefusedError(f"there is no CommonEventFormat*.json in {path}")

    def error(self, body: Any, version: VesVersion) -> str:
        """What is wrong with a body; "" where nothing is, or where there is no schema of this version."""
        validator = self._validators.get(version)
        if validator is None:
            return ""
        for found in validator.iter_errors(body):
            place = "/".join(map(str, found.absolute_path))
            return f"{place or 'body'}: {found.message[:_SHOWN]}"
        return ""


def events_in(body: bytes, place: Place, schemas: Schemas | None) -> tuple[dict[str, Any], ...]:
    """Its events; Problem where a collector would refuse it."""
    try:
        told = json.loads(body)
    except ValueError:
        raise Problem(400, "SVC0002", "the body is not JSON") from None
    name = "eventList" if place.is_batch else "event"
    found = told.get(name) if isinstance(told, Mapping) else None
    events = found if place.is_batch else [found]
    if not isinstance(events, list) or not events or not all(isinstance(one, dict) for one in events):
        raise Problem(400, "SVC0002", f"the body has no {name}")
    if schemas is not None and (wrong := schemas.error(told, place.version)):
        raise Problem(400, "SVC0002", wrong)
    domains = [_domain(event, place.version) for event in events]
    if len(set(domains)) > 1:
        raise Problem(400, "SVC0001", "a batch must have events of one domain")
    return tuple(events)


def _domain(event: Mapping[str, Any], version: VesVersion) -> str:
    """The schema does not say that an event has the fields of its own domain."""
    header = event.get("commonEventHeader")
    if not isinstance(header, Mapping) or not isinstance(header.get("domain"), str):
        raise Problem(400, "SVC0002", "an event has no commonEventHeader with a domain")
    domain: str = header["domain"]
    own = {name: fields for name, fields, _ in DOMAINS[version].values()}.get(domain, f"{domain}Fields")
    others = [name for name in event if name.endswith("Fields") and name != own]
    if others:
        raise Problem(400, "SVC0002", f"an event of domain {domain} has {others[0]}")
    return domain
