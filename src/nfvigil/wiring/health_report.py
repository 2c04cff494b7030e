"""Whether the service can do its work now, as its parts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nfvigil.accounts.accounts import Accounts
from nfvigil.controller.runner import Controller
from nfvigil.errors import UnavailableError
from nfvigil.model.answers import Health
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.pipeline import Pipeline
from nfvigil.southbound.inventory import Inventory
from nfvigil.store import Store


def health_report(
    store: Store,
    inventory: Inventory,
    pipeline: Pipeline,
    dispatcher: Dispatcher,
    controller: Controller,
    accounts: Accounts,
) -> Callable[[], Any]:
    async def health() -> Health:
        reasons = []
        try:
            await store.cursor()
        except UnavailableError as error:
            reasons.append(f"store: {error}")
        vims = inventory.status()
        # One that was just added, or with a wrong address, must not keep others' events from coming in.
        reasons.extend(
            f"VIM {name}: {status.error or 'not read yet'}"
            for name, status in vims.items()
            if status.taken_us is None and not accounts.was_added(name)
        )
        return Health(
            ready=not reasons,
            reasons=tuple(reasons),
            details={
                "vims": {
                    # What cannot be used at all is not watched, and no reason to be thought of as not ready.
                    **{name: {"error": error} for name, error in accounts.troubles().items()},
                    **{name: msgspec.to_builtins(status) for name, status in vims.items()},
                },
                "resources": pipeline.map.count(),
                "events_undecided": pipeline.waiting,
                "deliveries_queued": dispatcher.queued,
                "actions_waiting": controller.depth(),
                "alarms_open": len(pipeline.state.alarms),
            },
        )

    return health
