"""Where the command line has its client from: one try a question, for a person or a script that tries again itself."""

from __future__ import annotations

from nfvigil.client import BadAnswerError, Client
from nfvigil.client.access import Access
from nfvigil.client.retrying import NONE

__all__ = ["BadAnswerError", "Client", "client_of"]


def client_of(*, url: str, access: Access, timeout_seconds: float) -> Client:
    return Client(url, access=access, timeout_seconds=timeout_seconds, retries=NONE)
