"""The wiring of what an SMO asks for over O2ims."""

from __future__ import annotations

from nfvigil.desks.desk import Desk
from nfvigil.desks.o2ims import O2ims
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.store import Store
from nfvigil.wiring.tellers import Tellers


def o2ims_of(settings: Settings, store: Store, pipeline: Pipeline, tellers: Tellers, desk: Desk) -> O2ims:
    return O2ims(
        settings=settings.o2ims,
        retention_days=settings.retention.days,
        source=settings.source,
        policy=lambda: pipeline.policy,
        matcher=tellers.matcher,
        subscribe=desk.subscribe,
        check_url=tellers.safety.check_url,
        poster=tellers.poster,
        shelf=store,
    )
