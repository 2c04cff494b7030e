"""From YAML to a policy: every error at once, each with its line and field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import yaml

from nfvigil.errors import FieldError, RefusedError
from nfvigil.inspector.policy import ATTRIBUTES, OWN, CascadeRule, EventRule, Policy
from nfvigil.inspector.resource_map import INVERSE
from nfvigil.model.action import ActionKind, is_state
from nfvigil.model.event import Status
from nfvigil.model.fault import FaultType

SIZE_MAX = 1 << 20
Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Safe, and in C where PyYAML was built with it: ten times as quick."""
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
        name = document.get("policy")
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
            self._wrong("policy", "names the policy: lower-case letters, digits, dot, dash and underscore, up to 64")
        description = self._convert(document.get("description", ""), str, "description")
        faults = self._faults(document.get("faults", {}))
        event_rules, cascade_rules = self._rules(document.get("rules", []))
        self._check_names([*event_rules, *cascade_rules])
        if self.errors:
            return None
        return Policy(
            name=str(name),
            version=version,
            description=description,
            faults=faults,
            event_rules=tuple(rule for _, rule in event_rules),
            cascade_rules=tuple(rule for _, rule in cascade_rules),
        )

    def _parse(self, text: str) -> Any:
        if len(text) > SIZE_MAX:
            self._wrong("", f"is longer than {SIZE_MAX} characters")
            return None
        try:
            if not self._is_plain(text):
                return None
            node = yaml.compose(text, Loader=Loader)
            if node is None:
                return None
            self._note(node, "")
            return yaml.load(text, Loader=Loader)  # noqa: S506 - a safe one
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = mark.line + 1 if mark is not None else 0
            self.errors.append(FieldError("", f"is no YAML: {error.problem or error.context}", line))
        except yaml.YAMLError as error:
            self.errors.append(FieldError("", f"is no YAML: {str(error).splitlines()[0]}"))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # PyYAML reads a number, a date or a truth value that is none (!!int x) with whatever comes of it.
            self.errors.append(FieldError("", f"has a value that is not of its type: {error}"))
        return None

    def _is_plain(self, text: str) -> bool:
        """Whether the text stands for no more than it says: a few lines of aliases or brackets can cost gigabytes."""
        depth = 0
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if isinstance(event, yaml.AliasEvent) or depth > DEPTH_MAX:
                reason = f"is nested deeper than {DEPTH_MAX}" if depth > DEPTH_MAX else "aliases (*name) are not taken"
                line = event.start_mark.line + 1 if event.start_mark is not None else 0
                self.errors.append(FieldError("", reason, line))
                return False
        return True

    def _note(self, node: yaml.Node, path: str) -> None:
        """Remember each field's line; refuse what YAML would silently let pass."""
        self._lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                name = str(key.value)
                inner = f"{path}.{name}" if path else name
                if name in seen:
                    self._lines[inner] = key.start_mark.line + 1
                    self._wrong(inner, "stands here twice")
                seen.add(name)
                self._note(value, inner)
                self._lines[inner] = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._note(value, f"{path}[{index}]")

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
        when = rule.when
        self._check_words(f"{path}.when.type", when.type)
        for field, words in (("source", when.source), ("monitor", when.monitor), ("cause", when.cause)):
            self._check_list(f"{path}.when.{field}", words)
        self._check_list(f"{path}.when.zone", when.zone)
        self._check_list(f"{path}.when.status", when.status)
        if Status.UP in when.status:
            self._wrong(f"{path}.when.status", "an event that says up takes back what was said: no rule selects it")
        self._check_actions(path, rule)

    def _check_cascade_rule(self, path: str, rule: CascadeRule) -> None:
        self._check_relation(f"{path}.to", rule.to)
        self._check_attributes(f"{path}.where", rule.where)
        self._check_attributes(f"{path}.from", rule.from_)
        self._check_words(f"{path}.because", rule.because)
        self._check_actions(path, rule)
        if rule.more_than and rule.needs != "any":
            self._wrong(f"{path}.needs", "cannot stand beside more_than")

    def _check_relation(self, path: str, relation: str) -> None:
        if relation not in INVERSE:
            self._wrong(path, f"there is no relation {relation!r}: {', '.join(sorted(INVERSE))} are")

    def _check_attributes(self, path: str, wanted: dict[str, Any]) -> None:
        for name in wanted:
            if name not in ATTRIBUTES and not name.startswith(OWN):
                known = f"{', '.join(sorted(ATTRIBUTES))} are, and {OWN}NAME for what the topology says of devices"
                self._wrong(f"{path}.{name}", f"there is no attribute {name!r}: {known}")

    def _check_words(self, path: str, words: str | list[str]) -> None:
        """A word that must fit something: neither an empty list nor an empty word does."""
        if not words or (isinstance(words, list) and not all(words)):
            self._wrong(path, "is empty")

    def _check_list(self, path: str, words: str | Sequence[str]) -> None:
        if not words and not isinstance(words, str):  # the empty word is what an event without a monitor has
            self._wrong(path, "is empty: nothing would fit")

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
        seen = set()
        for path, rule in rules:
            if rule.name in seen:
                self._wrong(f"{path}.name", f"{rule.name!r} is the name of another rule too")
            seen.add(rule.name)

    def _convert(self, value: Any, wanted: Any, path: str) -> Any:
        """The value as what is wanted, or None and every reason why it is not."""
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            if isinstance(value, dict) and (struct := _struct_in(wanted)) is not None:
                return self._by_field(value, struct, path)
            text = str(error)
            found = _AT.search(text)
            reason = _AT.sub("", text)
            self._wrong(f"{path}{found.group(1).replace('[...]', '') if found else ''}", reason[0].lower() + reason[1:])
            return None

    def _by_field(self, value: dict[Any, Any], wanted: type[msgspec.Struct], path: str) -> Any:
        """Say of each field what is wrong with it. What is left is returned if it is enough to be looked at further."""
        fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
        good = {}
        for name, part in value.items():
            if name not in fields:
                self._wrong(f"{path}.{name}", f"there is no such field: {', '.join(sorted(fields))} are")
                continue
            before = len(self.errors)
            read = self._convert(part, fields[name].type, f"{path}.{name}")
            if read is not None or len(self.errors) == before:
                good[fields[name].name] = read
        for name, field in fields.items():
            if field.required and name not in value:
                self._wrong(path, f"needs {name}")
        if "name" in fields:
            good.setdefault("name", path)  # so that the rest of a rule without one is looked at
        if all(field.name in good for field in fields.values() if field.required):
            return wanted(**good)
        return None

    def _wrong(self, path: str, reason: str) -> None:
        line = 0
        place = path
        while place and place not in self._lines:  # the nearest place that the text has
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        line = self._lines.get(place, self._lines.get("", 0))
        self.errors.append(FieldError(path, reason, line))


def _struct_in(wanted: Any) -> type[msgspec.Struct] | None:
    """The struct that is wanted, or that may be given beside nothing (``Count | None``)."""
    for one in (wanted, *get_args(wanted)):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None
