"""What is done on the database itself is in the audit log as well, under the name that the system knows somebody by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nfvigil.store import Store


async def note(store: Store, what: str, target: str = "", text: str = "") -> None:
    from getpass import getuser

    from nfvigil.model.audit import COMMAND_LINE

    try:
        who = getuser()
    except (OSError, KeyError):
        who = "unknown"  # a user without a name, as in some containers
    await store.audit(who, what, target, text, via=COMMAND_LINE)
