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
from nfvigil.yaml_nodes import compose, is_a, line_of

_JOINERS = frozenset({"and", "or", "not"})
_REFERENCE = re.compile(r"(?:^|(?<=[\s(]))rule:([^\s()]+)")
_TOKEN = re.compile(r"[()]|[^\s()]+")
TEXT_MAX = 512 * 1024
CHECK_MAX_CHARS = 4096
NESTED_MAX = 16
"""Brackets, and as many 'not', in one check: what asks a check asks those in it, and each takes some of the stack."""
CHAIN_MAX = 16
"""Rules that lean on one another."""
ALIASES_MAX = 200
"""Rules of the operator's own."""


def read_overrides(text: str) -> dict[str, str]:
    """What a policy file holds. SettingsError where it is none."""
    root = compose(text, source="the policy file", what="list of rules", size_max=TEXT_MAX)
    if root is None or is_a(root, "null"):
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise SettingsError("the policy file is wrong", [FieldError("", "must hold rules, each a name and a check")])
    found: dict[str, str] = {}
    errors = []
    for key, value in root.value:
        name = str(key.value)[:200] if isinstance(key, yaml.ScalarNode) else ""
        if not (is_a(key, "str") and is_a(value, "str")):
            errors.append(FieldError(name, "must be a text, such as 'rule:admin'; quote it", line_of(key)))
        elif key.value in found:
            errors.append(FieldError(name, "is there twice", line_of(key)))
        else:
            found[key.value] = value.value
    if errors:
        raise SettingsError("the policy file is wrong", errors)
    return found


def flaws_in(overrides: Mapping[str, str], rules: Iterable[Rule]) -> list[FieldError]:
    """Every rule that there is not, and every check that cannot be read; before anything is parsed."""
    known = {rule.name for rule in rules} | set(PERSONAS)
    named = set(overrides) | known
    used = {name for check in overrides.values() for name in _REFERENCE.findall(check)}
    errors = []
    if len(named) - len(known) > ALIASES_MAX:
        return [FieldError("", f"has more than {ALIASES_MAX} rules that are none of ours")]
    for name, check in overrides.items():
        if len(check) > CHECK_MAX_CHARS:
            errors.append(FieldError(name, f"is longer than {CHECK_MAX_CHARS} characters"))
            continue
        if name not in known and (name.startswith(PREFIX) or name not in used):
            errors.append(FieldError(name, "there is no such rule, and none of the others uses it"))
        errors += [FieldError(name, reason) for reason in _flaws_of(check, named)]
    if not errors:
        whole = {**PERSONAS, **{rule.name: rule.check for rule in rules}, **overrides}
        errors = [FieldError(name, "leads back to itself") for name in overrides if _is_circular(name, whole)]
    if not errors:
        errors = [
            FieldError(name, f"leans on more than {CHAIN_MAX} rules, one behind the other")
            for name, length in _chains(whole).items()
            if length > CHAIN_MAX and name in overrides
        ]
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
    if check.count("(") > NESTED_MAX or sum(word.lower() == "not" for word in _TOKEN.findall(check)) > NESTED_MAX:
        yield f"has more than {NESTED_MAX} brackets, or as many 'not'"
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
    return depth == 0 and (not wants_check or not check)


def _chains(whole: Mapping[str, str]) -> dict[str, int]:
    """How many rules stand behind each, at its longest; of rules that do not lead back to themselves."""
    found: dict[str, int] = {}
    for name in whole:
        todo = [name]
        while todo:
            others = references(whole.get(todo[-1], ""))
            if missing := [one for one in others if one not in found]:
                todo += missing
            else:
                found[todo.pop()] = max((found[one] + 1 for one in others), default=0)
    return found


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
