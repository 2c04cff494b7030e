"""Vitrage's event API: one event a request, with Doctor's words in it."""

from __future__ import annotations

from collections.abc import Sequence

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.raw import RawEvent, Refusal
from nfvigil.southbound.formats.doctor import doctor_event
from nfvigil.southbound.formats.shapes import objects
from nfvigil.southbound.words import status_of


class VitrageFormat:
    """Plugin ``vitrage``. To Vitrage every status but ``up`` is an alarm, so a word we do not know means down."""

    name = "vitrage"

    def decode(self, body: bytes) -> Sequence[RawEvent | Refusal]:
        found = list(objects(body))
        if len(found) != 1 or body.lstrip(b" \t\r\n")[:1] == b"[":
            raise RefusedError("Vitrage's API takes one event a request", [FieldError("", "must be one event")])
        if isinstance(found[0], Refusal):
            return [found[0]]
        path, fields = found[0]
        details = fields.get("details")
        if isinstance(details, dict):
            word = details.get("status")
            if isinstance(word, str) and word.strip() and status_of(word) is None:
                fields["details"] = details | {"status": "down", "reported_status": word}
        return [doctor_event(path, fields)]
