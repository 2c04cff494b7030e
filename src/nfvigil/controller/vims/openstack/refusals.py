"""What an answer of OpenStack means for the caller: fine, try again later, or never. Pure."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack.transport import Answer
from nfvigil.errors import (
    ConflictError,
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    VimUnavailableError,
)
from nfvigil.model.times import SECOND

TEXT_MAX = 500
RETRY_AFTER_MAX_SECONDS = 300.0
FORBIDDEN, GONE = 403, 404

_TAG = re.compile(r"<[^>]*>")


def error_of(answer: Answer, what: str) -> NfvigilError | None:
    """None where the answer is a good one. ``what`` begins the sentence: ``GET /servers of lab``."""
    status = answer.status
    if status < 300 or status == 300:  # A list of versions comes with "multiple choices".
        return None
    said = f"{what}: {status} {reason_of(answer)}".rstrip()
    if answer.request_id:
        said += f" ({answer.request_id})"
    if status in (429, 503) or (status == 413 and "retry-after" in answer.headers):
        return VimUnavailableError(said, retry_after_seconds=retry_after_seconds(answer))
    if status >= 500 or status in (401, 408, 425):
        # Keystone gave us a token that is not (yet) believed: that is the cloud's own business.
        return VimUnavailableError(said)
    if status == GONE:
        # A proxy that does not know the way answers 404 too, and means nothing by it.
        return NotFoundError(said) if _is_not_found(answer) else VimUnavailableError(said)
    if status == 409:
        return ConflictError(said)
    if status == FORBIDDEN:
        return ForbiddenError(said)
    return RefusedError(said)


def reason_of(answer: Answer) -> str:
    """The sentence in the answer, however it is wrapped."""
    try:
        found = _message(msgspec.json.decode(answer.body), 0)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    text = found if found is not None else _TAG.sub(" ", answer.body[:4000].decode("utf-8", "replace"))
    return " ".join(text.split())[:TEXT_MAX]


def retry_after_seconds(answer: Answer) -> float:
    """What the header asks for, as seconds or as a date by the other side's clock; 1 where it says nothing."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            then_us = int(parsedate_to_datetime(text).timestamp()) * SECOND
        except ValueError:
            return 1.0
        if answer.date_us is None:
            return 1.0
        seconds = (then_us - answer.date_us) / SECOND
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS) if seconds == seconds else 1.0


def _message(value: Any, depth: int) -> str | None:
    if not isinstance(value, dict) or depth > 3:
        return None
    said = value.get("message")
    if isinstance(said, str) and said:
        return said
    for inner in value.values():
        found = _message(inner, depth + 1)
        if found is not None:
            return found
    return None


def _is_not_found(answer: Answer) -> bool:
    """Nova's and Cinder's itemNotFound, or Neutron's PortNotFound and the like, but not its "no such path"."""
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("itemNotFound"), dict):
        return True
    neutron = value.get("NeutronError")
    kind = neutron.get("type") if isinstance(neutron, dict) else None
    return isinstance(kind, str) and kind.endswith("NotFound") and kind != "HTTPNotFound"
