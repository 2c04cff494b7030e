"""Which policy is in force after a restart: what an administrator did at run time is not undone by a crash."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from nfvigil.desks.desk import put_in_force
from nfvigil.policy_start import policy_in_force
from nfvigil.settings import Settings
from nfvigil.store import open_store

pytestmark = pytest.mark.anyio

POLICY = "policy: site\ndescription: {what}\nrules:\n  - {{name: one, when: {{type: x}}}}\n"


async def test_a_policy_file_that_is_still_the_same_does_not_undo_what_was_applied_since(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(what="file"))
    settings = Settings(policy=file)
    ticks = count(1)
    store = await open_store(f"sqlite:///{tmp_path}/n.db", node="n", clock=lambda: next(ticks))
    try:
        assert (await policy_in_force(store, settings)).policy.description == "file"
        await put_in_force(store, await store.add_policy("site", POLICY.format(what="by hand"), by="me"))

        assert (await policy_in_force(store, settings)).policy.description == "by hand"

        file.write_text(POLICY.format(what="new file"))
        assert (await policy_in_force(store, settings)).policy.description == "new file"
        assert (await policy_in_force(store, settings)).label == "site@3"
        file.write_text(POLICY.format(what="by hand"))
        assert (await policy_in_force(store, settings)).policy.description == "by hand"
    finally:
        await store.close()
