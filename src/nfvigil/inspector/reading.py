"""From YAML to a policy: every error at once, each with its line and field."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

from nfvigil.errors import FieldError, RefusedError
from nfvigil.inspector.policy import ATTRIBUTES, CascadeRule, EventRule, Policy
from nfvigil.inspector.resource_map import INVERSE
from nfvigil.model.action import ActionKind, is_state
from nfvigil.model.fault import FaultType

SIZE_MAX = 1 << 20
DEPTH_MAX = 20
RULES_MAX = 2_000

_AT = re.compile(r" - at `(?:key )?\$?(.*?)`$")


class PolicyError(RefusedError):
    """The text is no policy. ``errors`` has all that is wrong, in the order of the lines."""


def read_policy(text: str, *, version: int = 0, extra_actions: frozenset[str] = frozenset()) -> Policy:
    """Read a policy; raises PolicyError with every error that was found.

    ``extra_actions`` are kinds of actions that plugins add to the built-in ones.
    """
    reader = _Reader(frozenset(ActionKind) | extra_actions)
    policy = reader.read(text, version)
    if reader.errors or policy is None:
        errors = sorted(set(reader.errors), key=lambda error: (error.line, error.field))
        raise PolicyError("the policy has errors", errors)
    return policy


class _Reader:
    def __init__(self, actions: frozenset[str]) -> None:
        self.errors: list[FieldError] = []
        self._actions = actions
        self._lines: dict[str, int] = {}

    def read(self, text: str, version: int) -> Policy | None:
        document = self._parse(text)
        if not isinstance(document, dict):
            if not self.errors:
                self._wrong("", "a policy is a mapping with policy, faults and rules")
            return None
        for key in document.keys() - {"policy", "description", "faults", "rules"}:
            self._wrong(str(key), "there is no such field: policy, description, faults and rules are")
        name = self._convert(document.get("policy"), str, "policy") or ""
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
            self._wrong("policy", "names the policy: lower-case letters, digits, dot, dash and underscore, up to 64")
        description = self._convert(document.get("description", ""), str, "description") or ""
        faults = self._faults(document.get("faults", {}))
        event_rules, cascade_rules = self._rules(document.get("rules", []))
        self._check_names([*event_rules, *cascade_rules])
        policy = Policy(
            name=name,
            version=version,
            description=description,
            faults=faults,
            event_rules=tuple(rule for _, rule in event_rules),
            cascade_rules=tuple(rule for _, rule in cascade_rules),
        )
        return policy if not self.errors else None

    def _parse(self, text: str) -> Any:
        if len(text) > SIZE_MAX:
            self._wrong("", f"is longer than {SIZE_MAX} characters")
            return None
        try:
            for token in yaml.parse(text, Loader=yaml.SafeLoader):
                if isinstance(token, yaml.AliasEvent):  # a few lines of them can stand for gigabytes
                    line = token.start_mark.line + 1 if token.start_mark is not None else 0
                    self.errors.append(FieldError("", "aliases (*name) are not taken", line))
                    return None
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            if node is None:
                return None
            self._note(node, "", 0)
            return None if self.errors else yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = mark.line + 1 if mark is not None else 0
            self.errors.append(FieldError("", f"is no YAML: {error.problem or error.context}", line))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self.errors.append(FieldError("", f"is no YAML: {error}"))
        return None

    def _note(self, node: yaml.Node, path: str, depth: int) -> None:
        """Remember each field's line; refuse what YAML would silently let pass."""
        self._lines[path] = node.start_mark.line + 1
        if depth > DEPTH_MAX:
            self._wrong(path, f"is nested deeper than {DEPTH_MAX}")
            return
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                name = str(key.value)
                inner = f"{path}.{name}" if path else name
                if name in seen:
                    self._lines[inner] = key.start_mark.line + 1
                    self._wrong(inner, "stands here twice")
                seen.add(name)
                self._note(value, inner, depth + 1)
                self._lines[inner] = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._note(value, f"{path}[{index}]", depth + 1)

    def _faults(self, faults: Any) -> dict[str, FaultType]:
        if not isinstance(faults, dict):
            self._wrong("faults", "is a mapping from fault type to its words")
            return {}
        found = {}
        for name, body in faults.items():
            path = f"faults.{name}"
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}", name):
                self._wrong(path, "a fault type is a dotted name such as compute.host.down")
                continue
            fault = self._convert(body, FaultType, path)
            if fault is not None:
                found[name] = fault
        return found

    def _rules(self, rules: Any) -> tuple[list[tuple[str, EventRule]], list[tuple[str, CascadeRule]]]:
        events: list[tuple[str, EventRule]] = []
        cascades: list[tuple[str, CascadeRule]] = []
        if not isinstance(rules, list):
            self._wrong("rules", "is a list")
            return events, cascades
        if len(rules) > RULES_MAX:
            self._wrong("rules", f"has more than {RULES_MAX} entries")
            return events, cascades
        for index, body in enumerate(rules):
            path = f"rules[{index}]"
            if not isinstance(body, dict):
                self._wrong(path, "is a mapping")
            elif ("when" in body) == ("because" in body):
                self._wrong(path, "has either when (events make a fault) or because (it follows from an alarm)")
            elif "when" in body:
                rule = self._convert(body, EventRule, path)
                if rule is not None:
                    events.append((path, rule))
                    self._check_event_rule(path, rule)
            else:
                cascade = self._convert(body, CascadeRule, path)
                if cascade is not None:
                    cascades.append((path, cascade))
                    self._check_cascade_rule(path, cascade)
        return events, cascades

    def _check_event_rule(self, path: str, rule: EventRule) -> None:
        if rule.at != "self":
            self._check_relation(f"{path}.at", rule.at)
        if rule.count and rule.count.per not in ("resource", "zone"):
            self._check_relation(f"{path}.count.per", rule.count.per)
        self._check_attributes(f"{path}.when.resource", rule.when.resource)
        self._check_globs(f"{path}.when.type", rule.when.type)
        self._check_actions(path, rule)

    def _check_cascade_rule(self, path: str, rule: CascadeRule) -> None:
        self._check_relation(f"{path}.to", rule.to)
        self._check_attributes(f"{path}.where", rule.where)
        self._check_attributes(f"{path}.from", rule.from_)
        self._check_globs(f"{path}.because", rule.because)
        self._check_actions(path, rule)
        if rule.more_than and rule.needs != "any":
            self._wrong(f"{path}.needs", "cannot stand beside more_than")

    def _check_relation(self, path: str, relation: str) -> None:
        if relation not in INVERSE:
            self._wrong(path, f"there is no relation {relation!r}: {', '.join(sorted(INVERSE))} are")

    def _check_attributes(self, path: str, wanted: dict[str, Any]) -> None:
        for name in wanted:
            # Devices may have attributes of their own in the topology file: those begin with x_.
            if name not in ATTRIBUTES and not name.startswith("x_"):
                self._wrong(
                    f"{path}.{name}",
                    f"there is no attribute {name!r}: {', '.join(sorted(ATTRIBUTES))} are, and x_... in the topology",
                )

    def _check_globs(self, path: str, words: str | list[str]) -> None:
        if not words or (isinstance(words, list) and not all(words)):
            self._wrong(path, "is empty")

    def _check_actions(self, path: str, rule: EventRule | CascadeRule) -> None:
        for field, entries, states in (("mark", rule.mark, True), ("do", rule.do, False)):
            for index, entry in enumerate(entries):
                place = f"{path}.{field}[{index}]"
                pairs = {entry: "self"} if isinstance(entry, str) else entry
                for kind, relation in pairs.items():
                    if kind not in self._actions:
                        self._wrong(place, f"there is no action {kind!r}: {', '.join(sorted(self._actions))} are")
                    elif states and not is_state(kind):
                        self._wrong(place, f"{kind} is no state that can be restored: it belongs under do")
                    elif not states and is_state(kind):
                        self._wrong(place, f"{kind} is a state: it belongs under mark, so that it is restored")
                    if relation != "self":
                        self._check_relation(place, relation)

    def _check_names(self, rules: list[tuple[str, Any]]) -> None:
        seen: dict[str, str] = {}
        for path, rule in rules:
            if rule.name in seen:
                self._wrong(f"{path}.name", f"{rule.name!r} is the name of another rule too")
            seen[rule.name] = path

    def _convert(self, value: Any, wanted: Any, path: str) -> Any:
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            text = str(error)
            found = _AT.search(text)
            inner = found.group(1) if found else ""
            reason = _AT.sub("", text)
            unknown = re.search(r"unknown field `(.+)`", reason)
            if unknown:
                inner = f"{inner}.{unknown.group(1)}"
                reason = "there is no such field"
            elif missing := re.search(r"missing required field `(.+)`", reason):
                reason = f"needs {missing.group(1)}"
            self._wrong(f"{path}{inner}", reason[0].lower() + reason[1:])
            return None

    def _wrong(self, path: str, reason: str) -> None:
        line = 0
        place = path
        while place and place not in self._lines:  # the nearest place that the text has
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        line = self._lines.get(place, self._lines.get("", 0))
        self.errors.append(FieldError(path, reason, line))
