"""Which policy a start puts in force: the settings' file if it is another one, else what was in force before."""

from __future__ import annotations

from importlib.resources import files

from nfvigil.controller.plugins import action_plugins
from nfvigil.desks.desk import active_record, put_in_force
from nfvigil.errors import NfvigilError, SettingsError
from nfvigil.inspector.policy import CompiledPolicy, Policy
from nfvigil.inspector.reading import read_policy
from nfvigil.settings import Settings
from nfvigil.store import Store


async def policy_in_force(store: Store, settings: Settings) -> CompiledPolicy:
    """The policy of the settings' file if it is another than the last one of that file's; else the one in force
    in the store; in a new store, the default.
    """
    extra = frozenset(action_plugins())
    active = await active_record(store)
    text = None
    if settings.policy is not None:
        try:
            text = settings.policy.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot read the policy {settings.policy}: {error}") from error
    elif active is None:
        text = default_policy()
    if text is not None and (active is None or text not in (active.text, await _last_of_settings(store))):
        policy = read_policy(text, extra_actions=extra)
        active = await put_in_force(store, await store.add_policy(policy.name, text, by="settings"))
    assert active is not None
    return CompiledPolicy(_read_again(active.text, active.version, extra))


async def _last_of_settings(store: Store) -> str | None:
    """The text that a start took from the settings' file last: what was applied since then is not undone by it."""
    records = [record for record in await store.policies() if record.created_by == "settings"]
    last = max(records, key=lambda record: (record.created_us, record.version), default=None)
    return None if last is None else last.text


def _read_again(text: str, version: int, extra: frozenset[str]) -> Policy:
    try:
        return read_policy(text, version=version, extra_actions=extra)
    except NfvigilError as error:
        raise SettingsError(f"the policy in force cannot be read by this version: {error}") from error


def default_policy() -> str:
    return files("nfvigil.inspector").joinpath("default_policy.yaml").read_text(encoding="utf-8")
