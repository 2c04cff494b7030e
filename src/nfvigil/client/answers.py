"""What every answer has: the fields that we know, typed, and all that came, as it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from nfvigil.client.problems import BadAnswerError


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A thing of the service. What a newer service says beyond these fields is in ``raw``; what an older one does not
    say has the value that stands here. Words of closed sets are plain text, so that a new word breaks nobody.
    """

    # Under these names no service says anything: they are filled by who reads the answer.
    raw: Mapping[str, Any] = msgspec.field(default_factory=dict, name="*raw")
    etag: str = msgspec.field(default="", name="*etag")
    """For ``if_match``; "" where the service gave none."""

    def dict(self) -> dict[str, Any]:
        """As the service said it."""
        return {**self.raw}


T = TypeVar("T", bound=Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list. ``next`` is the marker of what follows; None at the end."""

    items: tuple[T, ...]
    next: str | None


def read(kind: type[T], value: Any, etag: str = "") -> T:
    """BadAnswerError where it is not of that kind at all."""
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadAnswerError(f"what came is no {kind.__name__}: {error}") from error
    _keep(found, value)
    msgspec.structs.force_setattr(found, "etag", etag)
    return found


def _keep(answer: Answer, value: Mapping[str, Any]) -> None:
    """Each thing keeps what it was made of, also those within others."""
    msgspec.structs.force_setattr(answer, "raw", value)
    msgspec.structs.force_setattr(answer, "etag", "")
    for name in answer.__struct_fields__:
        mine, theirs = getattr(answer, name), value.get(name)
        if isinstance(mine, Answer) and isinstance(theirs, Mapping):
            _keep(mine, theirs)
        elif isinstance(mine, tuple) and isinstance(theirs, list):
            for one, other in zip(mine, theirs, strict=True):
                if isinstance(one, Answer):
                    _keep(one, other)
