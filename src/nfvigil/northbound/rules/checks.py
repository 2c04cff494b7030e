"""Reads what operators write in a policy file, and finds what is wrong with it; oslo.policy's language and parser.

oslo.policy takes what it does not understand for "nobody", and says so in its log only. Whoever reads a file that
locks everybody out wants to know before it is in force: so each word is looked at here first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import yaml

from nfvigil.errors import FieldError, SettingsError
from nfvigil.northbound.rules.rule import CREDENTIALS, PERSONAS, PREFIX, Rule

_JOINERS = frozenset({"and", "or", "not"})
_REFERENCE = re.compile(r"(?:^|(?<=[\s(]))rule:([^\s()]+)")
_TOKEN = re.compile(r"[()]|[^\s()]+")
TEXT_MAX = 512 * 1024


def read_overrides(text: str) -> dict[str, str]:
    """What a policy file holds. SettingsError where it is none."""
    if len(text) > TEXT_MAX:
        raise SettingsError("the policy file is wrong", [FieldError("", f"is larger than {TEXT_MAX} bytes")])
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 0
        reason = str(getattr(error, "problem", None) or error)
        raise SettingsError("the policy file is no YAML", [FieldError("", reason, line)]) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SettingsError("the policy file is wrong", [FieldError("", "must hold rules, each a name and a check")])
    errors = [
        FieldError(str(name)[:200], "must be a text, such as 'rule:admin'; quote it")
        for name, check in found.items()
        if not isinstance(check, str) or not isinstance(name, str)
    ]
    if errors:
        raise SettingsError("the policy file is wrong", errors)
    return found


def flaws_in(overrides: Mapping[str, str], rules: Iterable[Rule]) -> list[FieldError]:
    """Every rule that there is not, and every check that cannot be read; before anything is parsed."""
    known = {rule.name for rule in rules} | set(PERSONAS)
    named = set(overrides) | known
    used = {name for check in overrides.values() for name in _REFERENCE.findall(check)}
    errors = []
    for name, check in overrides.items():
        if name not in known and (name.startswith(PREFIX) or name not in used):
            errors.append(FieldError(name, "there is no such rule, and none of the others uses it"))
        errors += [FieldError(name, reason) for reason in _flaws_of(check, named)]
    if not errors:
        whole = {**PERSONAS, **{rule.name: rule.check for rule in rules}, **overrides}
        errors = [FieldError(name, "leads back to itself") for name in overrides if _is_circular(name, whole)]
    return errors


def words_of(check: str) -> Iterator[str]:
    """The single checks in it, without joiners and brackets."""
    for word in check.split():
        bare = word.lstrip("(").rstrip(")")
        if bare and bare.lower() not in _JOINERS:
            yield bare


def references(check: str) -> list[str]:
    return _REFERENCE.findall(check)


def _flaws_of(check: str, named: set[str]) -> Iterator[str]:
    if not _is_expression(check):
        yield "is no expression: checks are joined by 'and', 'or', 'not' and brackets"
    for word in words_of(check):
        kind, sign, match = word.partition(":")
        if word in ("!", "@"):
            continue
        if not sign or not match:
            yield f"{word[:100]!r} is no check, such as role:admin"
        elif "%(" in word:
            yield f"{word[:100]!r} asks for what is acted on: a rule knows the caller only"
        elif kind == "rule":
            if match not in named:
                yield f"there is no rule {match[:100]}"
        elif kind != "role" and kind not in CREDENTIALS:
            yield f"{kind[:100]!r} is not known of a caller: there are role, {', '.join(sorted(CREDENTIALS))}"


def _is_expression(check: str) -> bool:
    """Whether checks, joiners and brackets follow one another as they must. What is empty is for everybody."""
    depth = 0
    wants_check = True
    for word in _TOKEN.findall(check):
        if wants_check:
            if word == "(":
                depth += 1
            elif word.lower() in ("and", "or", ")"):
                return False
            else:
                wants_check = word.lower() == "not"
        elif word == ")":
            depth -= 1
            if depth < 0:
                return False
        elif word.lower() in ("and", "or"):
            wants_check = True
        else:
            return False
    return depth == 0 and (not wants_check or not check.strip())


def _is_circular(name: str, whole: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    todo = references(whole[name])
    while todo:
        other = todo.pop()
        if other == name:
            return True
        if other not in seen:
            seen.add(other)
            todo += references(whole.get(other, ""))
    return False
