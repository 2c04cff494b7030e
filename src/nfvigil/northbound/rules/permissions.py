"""The rules in force: may this caller do that? Worked out once for each caller and rule, then looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from oslo_config import cfg
from oslo_policy import policy

from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.identity import Identity
from nfvigil.northbound.rules.checks import flaws_in, references, words_of
from nfvigil.northbound.rules.rule import CALLERS, PERSONAS, Audience, Rule, credentials

ANSWERS_MAX = 50_000
"""Remembered answers; beyond them all are worked out again."""
_OPENED = {
    Audience.ADMINISTRATORS: ("for administrators", "it shows and changes what is everybody's"),
    Audience.SENDERS: ("for monitors", "who sends events has hosts taken for failed, whosever servers run there"),
}
_OF_PROJECTS = ("reader", "member", "manager")


class Permissions:
    """SettingsError names everything that is wrong with ``overrides``: name of a rule -> its check."""

    def __init__(self, rules: Sequence[Rule], overrides: Mapping[str, str] | None = None) -> None:
        self.rules = {rule.name: rule for rule in rules}
        self.overrides = dict(overrides or {})
        if errors := flaws_in(self.overrides, rules):
            raise SettingsError("the policy file is wrong", errors)
        self.checks = {**PERSONAS, **{rule.name: rule.check for rule in rules}, **self.overrides}
        parsed = policy.Rules.from_dict(dict(self.checks))
        if errors := [
            FieldError(name, "cannot be understood") for name in self.checks if _is_lost(name, self.checks, parsed)
        ]:
            raise SettingsError("the policy file is wrong", errors)
        self._enforcer = policy.Enforcer(cfg.ConfigOpts(), rules=parsed, use_conf=False)
        self._answers: dict[tuple[str, Identity], bool] = {}
        self._takers: dict[str, tuple[str, ...]] = {}
        if errors := [*self._for_nobody()]:
            raise SettingsError("the policy file is wrong", errors)

    def may(self, rule: str, caller: Identity) -> bool:
        """A rule that there is not is for nobody."""
        key = (rule, caller)
        answer = self._answers.get(key)
        if answer is None:
            answer = bool(self._enforcer.enforce(rule, {}, credentials(caller)))
            if len(self._answers) >= ANSWERS_MAX:
                self._answers.clear()
            self._answers[key] = answer
        return answer

    def takers(self, rule: str) -> tuple[str, ...]:
        """The personas that it is for."""
        found = self._takers.get(rule)
        if found is None:
            found = tuple(name for name, caller in CALLERS.items() if self.may(rule, caller))
            self._takers[rule] = found
        return found

    def reasons(self, rule: str, caller: Identity) -> Iterator[tuple[str, str, bool, bool]]:
        """The rule, then each that it leans on: name, check, whether it is overridden, whether the caller fits."""
        todo, seen = [rule], {rule}
        while todo:
            name = todo.pop(0)
            check = self.checks.get(name, "!")
            yield name, check, name in self.overrides, self.may(name, caller)
            for other in references(check):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)

    def warnings(self) -> list[str]:
        """What an override opens that no project was meant to see, and what it shuts to everybody."""
        changed = self._changed()
        of_others = [rule for rule in self.rules.values() if not rule.audience.is_of_projects and rule.name in changed]
        return [
            f"{rule.name} is {_OPENED[rule.audience][0]}, and given to {name}: {_OPENED[rule.audience][1]}"
            for rule in of_others
            for name in ("reader", "member", "manager", "service", "monitor")
            if name in self.takers(rule.name) and (rule.audience is not Audience.SENDERS or name in _OF_PROJECTS)
        ] + [
            f"{rule.name} is for nobody any more, also not for administrators"
            for rule in of_others
            if not self.takers(rule.name) and not self._asks_for_more(rule.name)
        ]

    def _changed(self) -> set[str]:
        """The rules whose answer an override may have changed."""
        changed = set(self.overrides)
        while more := {
            name
            for name, check in self.checks.items()
            if name not in changed and changed.intersection(references(check))
        }:
            changed |= more
        return changed

    def _for_nobody(self) -> Iterator[FieldError]:
        changed = self._changed()
        for rule in self.rules.values():
            if not rule.audience.is_of_projects or rule.name not in changed or self._asks_for_more(rule.name):
                continue
            if not set(_OF_PROJECTS).intersection(self.takers(rule.name)):
                yield FieldError(rule.name, "would be for nobody of a project")

    def _asks_for_more(self, name: str) -> bool:
        """Whether it hangs on more than roles, so that the personas tell nothing."""
        reached = {name}
        todo = [name]
        while todo:
            check = self.checks.get(todo.pop(), "")
            if any(not word.startswith(("role:", "rule:")) and word not in ("!", "@") for word in words_of(check)):
                return True
            fresh = set(references(check)) - reached
            reached |= fresh
            todo += fresh
        return False


def _is_lost(name: str, checks: Mapping[str, str], parsed: Mapping[str, object]) -> bool:
    """oslo.policy did not understand it, and took it for "nobody"."""
    return str(parsed[name]) == "!" and checks[name].strip() != "!"
