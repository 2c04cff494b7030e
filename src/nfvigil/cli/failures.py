"""How a command ends when something is in the way: a message that says what, and an exit code for its kind."""

from __future__ import annotations

from enum import IntEnum

from nfvigil.cli.terminal import complain, printable
from nfvigil.client.waiting import StillWaitingError
from nfvigil.errors import (
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnknownCallerError,
)


class Code(IntEnum):
    """What a script may rely on; 2 is a wrong use of the command line."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    AWAY = 3
    NOT_FOUND = 4
    FORBIDDEN = 5


def code_of(error: NfvigilError) -> Code:
    if isinstance(error, StillWaitingError):
        return Code.REFUSED
    if isinstance(error, UnavailableError):
        return Code.AWAY
    if isinstance(error, NotFoundError):
        return Code.NOT_FOUND
    if isinstance(error, ForbiddenError | UnknownCallerError):
        return Code.FORBIDDEN
    return Code.REFUSED


def report(error: NfvigilError) -> Code:
    """Say on stderr what is wrong, a line for each field."""
    message = error.message if isinstance(error, RefusedError) else str(error)
    complain(f"error: {printable(message)}")
    if isinstance(error, RefusedError):
        for one in error.errors:
            complain(f"  {printable(str(one))}")
    if isinstance(error, UnknownCallerError):
        complain("  put a token into NFVIGIL_TOKEN, or its file's name into --token-file")
    return code_of(error)


def first_of_ours(group: BaseExceptionGroup[BaseException]) -> NfvigilError | None:
    """The error of ours in a group of what several tasks ended with."""
    for error in group.exceptions:
        found = first_of_ours(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, NfvigilError):
            return found
    return None
