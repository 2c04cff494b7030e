"""A policy that is wrong is refused with every error, each with its line and field; one that is right is read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nfvigil.errors import FieldError
from nfvigil.inspector.policy import CascadeRule, Count, EventRule, When
from nfvigil.inspector.reading import RULES_MAX, SIZE_MAX, PolicyError, read_policy

ROOT = Path(__file__).parents[2]
HEAD = "policy: p\n"
RULES = HEAD + "rules:\n"


def errors(text: str, **more: Any) -> list[tuple[int, str, str]]:
    with pytest.raises(PolicyError) as caught:
        read_policy(text, **more)
    assert all(isinstance(error, FieldError) for error in caught.value.errors)
    return [(error.line, error.field, error.reason) for error in caught.value.errors]


WRONG: dict[str, tuple[str, int, str, str]] = {
    "nothing": ("", 0, "", "a policy is a mapping"),
    "a list": ("- a\n", 1, "", "a policy is a mapping"),
    "a word": ("\n\na", 3, "", "a policy is a mapping"),
    "no YAML": ("policy: p\nrules: [\n", 3, "", "is no YAML"),
    "no YAML, by its first characters": ("policy: p\nrules: @\n", 2, "", "is no YAML"),
    "characters that no YAML has": ("policy: \x00", 0, "", "is no YAML"),
    "an unknown tag": ("policy: !!python/object:os.system p\n", 1, "", "is no YAML"),
    "no number": ("policy: p\ndescription: !!int x\n", 0, "", "has a value that is not of its type"),
    "no truth value": ("policy: p\ndescription: !!bool x\n", 0, "", "has a value that is not of its type"),
    "no date": ("policy: p\ndescription: !!timestamp x\n", 0, "", "has a value that is not of its type"),
    "an empty number": ("policy: p\ndescription: !!int ''\n", 0, "", "has a value that is not of its type"),
    "a day that no month has": ("policy: p\ndescription: 2026-02-31\n", 0, "", "has a value that is not of its type"),
    "an alias": ("policy: p\ndescription: &a x\nfaults: *a\n", 3, "", "aliases"),
    "too deep": ("policy: p\nfaults:\n  a: " + "[" * 30 + "]" * 30, 3, "", "is nested deeper"),
    "too large": ("#" * (SIZE_MAX + 1), 0, "", "is longer than"),
    "an unknown section": (HEAD + "actions: []\n", 2, "actions", "there is no such field"),
    "a section twice": (HEAD + "rules: []\nrules: []\n", 3, "rules", "stands here twice"),
    "a field twice": (RULES + "- name: a\n  when: {type: x}\n  name: a\n", 5, "rules[0].name", "stands here twice"),
    "no name": ("rules: []\n", 1, "policy", "names the policy"),
    "a wrong name": ("policy: My Policy\n", 1, "policy", "names the policy"),
    "a name that is a number": ("policy: 7\n", 1, "policy", "names the policy"),
    "a wrong description": (HEAD + "description: [a]\n", 2, "description", "expected `str`"),
    "no mapping of faults": (HEAD + "faults: [a]\n", 2, "faults", "is a mapping"),
    "a fault without name": (HEAD + "faults:\n  'a b': {}\n", 3, "faults.a b", "a fault type is a dotted name"),
    "a fault that is a number": (HEAD + "faults:\n  7: {}\n", 3, "faults.7", "a fault type is a dotted name"),
    "an unknown word of a fault": (
        HEAD + "faults:\n  a.b:\n    colour: red\n",
        4,
        "faults.a.b.colour",
        "no such field",
    ),
    "an unknown severity": (HEAD + "faults:\n  a.b:\n    severity: bad\n", 4, "faults.a.b.severity", "invalid enum"),
    "a fault that is a word": (HEAD + "faults:\n  a.b: bad\n", 3, "faults.a.b", "expected `object`"),
    "no list of rules": (HEAD + "rules: {a: b}\n", 2, "rules", "is a list"),
    "too many rules": (HEAD + f"rules: [{'a,' * (RULES_MAX + 1)}]\n", 2, "rules", "has more than"),
    "a rule that is a word": (RULES + "- a\n", 3, "rules[0]", "is a mapping"),
    "neither when nor because": (RULES + "- {name: a}\n", 3, "rules[0]", "has either when"),
    "both": (RULES + "- {name: a, when: {type: x}, because: y, to: hosts}\n", 3, "rules[0]", "has either when"),
    "a rule without name": (RULES + "- when: {type: x}\n", 3, "rules[0]", "needs name"),
    "a rule of a wrong name": (RULES + "- name: a b\n  when: {type: x}\n", 3, "rules[0].name", "matching regex"),
    "two of one name": (
        RULES + "- {name: a, when: {type: x}}\n- name: a\n  because: x\n  to: hosts\n",
        4,
        "rules[1].name",
        "another rule",
    ),
    "an unknown field": (
        RULES + "- name: a\n  when: {type: x}\n  colour: red\n",
        5,
        "rules[0].colour",
        "no such field",
    ),
    "when is nothing": (RULES + "- name: a\n  when:\n", 4, "rules[0].when", "expected `object`"),
    "when is a word": (RULES + "- name: a\n  when: x\n", 4, "rules[0].when", "expected `object`"),
    "no type": (RULES + "- name: a\n  when: {zone: x}\n", 4, "rules[0].when", "needs type"),
    "an empty type": (RULES + "- name: a\n  when: {type: ''}\n", 4, "rules[0].when.type", "is empty"),
    "an empty list of types": (RULES + "- name: a\n  when: {type: []}\n", 4, "rules[0].when.type", "is empty"),
    "an empty type among others": (RULES + "- name: a\n  when: {type: [x, '']}\n", 4, "rules[0].when.type", "is empty"),
    "no monitor would fit": (
        RULES + "- name: a\n  when: {type: x, monitor: []}\n",
        4,
        "rules[0].when.monitor",
        "is empty",
    ),
    "no zone would fit": (RULES + "- name: a\n  when: {type: x, zone: []}\n", 4, "rules[0].when.zone", "is empty"),
    "no status would fit": (
        RULES + "- name: a\n  when: {type: x, status: []}\n",
        4,
        "rules[0].when.status",
        "is empty",
    ),
    "a clear raises nothing": (
        RULES + "- name: a\n  when: {type: x, status: [up]}\n",
        4,
        "rules[0].when.status",
        "takes back",
    ),
    "an unknown status": (
        RULES + "- name: a\n  when: {type: x, status: [odd]}\n",
        4,
        "rules[0].when.status[0]",
        "invalid",
    ),
    "an unknown attribute": (
        RULES + "- name: a\n  when:\n    type: x\n    resource: {colour: red}\n",
        6,
        "rules[0].when.resource.colour",
        "there is no attribute",
    ),
    "an attribute of no simple value": (
        RULES + "- name: a\n  when:\n    type: x\n    resource: {name: {a: b}}\n",
        6,
        "rules[0].when.resource",
        "expected",
    ),
    "an unknown place": (RULES + "- name: a\n  when: {type: x}\n  at: moon\n", 5, "rules[0].at", "no relation"),
    "a count of one": (
        RULES + "- name: a\n  when: {type: x}\n  count: {needed: 1, within: 5}\n",
        5,
        "rules[0].count.needed",
        ">= 2",
    ),
    "a count without a window": (
        RULES + "- name: a\n  when: {type: x}\n  count: {needed: 2}\n",
        5,
        "rules[0].count",
        "needs within",
    ),
    "a count for what is not": (
        RULES + "- name: a\n  when: {type: x}\n  count: {needed: 2, within: 5, per: moon}\n",
        5,
        "rules[0].count.per",
        "no relation",
    ),
    "a count that is a number": (RULES + "- name: a\n  when: {type: x}\n  count: 2\n", 5, "rules[0].count", "expected"),
    "no time at all": (RULES + "- name: a\n  when: {type: x}\n  lead_time: 0\n", 5, "rules[0].lead_time", "> 0"),
    "an unknown relation": (RULES + "- name: a\n  because: x\n  to: moon\n", 5, "rules[0].to", "no relation"),
    "no relation": (RULES + "- name: a\n  because: x\n", 3, "rules[0]", "needs to"),
    "an empty cause": (RULES + "- name: a\n  because: []\n  to: hosts\n", 4, "rules[0].because", "is empty"),
    "an unknown attribute of a target": (
        RULES + "- name: a\n  because: x\n  to: hosts\n  where: {colour: red}\n",
        6,
        "rules[0].where.colour",
        "there is no attribute",
    ),
    "an unknown attribute of a cause": (
        RULES + "- name: a\n  because: x\n  to: hosts\n  from: {colour: red}\n",
        6,
        "rules[0].from.colour",
        "there is no attribute",
    ),
    "two ways to count": (
        RULES + "- name: a\n  because: x\n  to: group\n  more_than: 2\n  needs: all\n",
        7,
        "rules[0].needs",
        "cannot stand beside more_than",
    ),
    "a wrong fault type": (RULES + "- name: a\n  when: {type: x}\n  raise: 'a b'\n", 5, "rules[0].raise", "matching"),
    "an unknown action": (
        RULES + "- name: a\n  when: {type: x}\n  mark: [dance]\n",
        5,
        "rules[0].mark[0]",
        "no action",
    ),
    "a deed as a state": (
        RULES + "- name: a\n  when: {type: x}\n  mark: [reboot]\n",
        5,
        "rules[0].mark[0]",
        "under do",
    ),
    "a state as a deed": (
        RULES + "- name: a\n  when: {type: x}\n  do: [force_down]\n",
        5,
        "rules[0].do[0]",
        "under mark",
    ),
    "an action nowhere": (
        RULES + "- name: a\n  because: x\n  to: hosts\n  mark:\n  - force_down\n  - {server_error: moon}\n",
        8,
        "rules[0].mark[1]",
        "no relation",
    ),
    "an action that is a number": (
        RULES + "- name: a\n  when: {type: x}\n  do: [7]\n",
        5,
        "rules[0].do[0]",
        "expected",
    ),
    "nobody to notify": (RULES + "- name: a\n  when: {type: x}\n  notify: all\n", 5, "rules[0].notify", "invalid"),
    "what is no choice in maintenance": (
        RULES + "- name: a\n  when: {type: x}\n  in_maintenance: wait\n",
        5,
        "rules[0].in_maintenance",
        "invalid",
    ),
}


@pytest.mark.parametrize(("text", "line", "field", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_with_its_line_and_field(text: str, line: int, field: str, reason: str) -> None:
    ((found_line, found_field, found_reason),) = errors(text)

    assert (found_line, found_field) == (line, field)
    assert reason in found_reason


def test_all_errors_are_said_at_once_in_the_order_of_the_lines() -> None:
    text = """
policy: A
colour: red
faults:
  a.b: {severity: bad, title: 3}
  a.b: {x: 1}
rules:
- name: a
  when: {type: [], foo: 1}
  count: {needed: 1, within: x}
  at: moon
  mark: [reboot]
- name: a
  because: x
- when: {type: x, status: [up]}
  lead_time: -1
"""
    assert [(line, field) for line, field, _ in errors(text)] == [
        (2, "policy"),
        (3, "colour"),
        (6, "faults.a.b"),
        (6, "faults.a.b.x"),
        (9, "rules[0].when.foo"),
        (9, "rules[0].when.type"),
        (10, "rules[0].count.needed"),
        (10, "rules[0].count.within"),
        (11, "rules[0].at"),
        (12, "rules[0].mark[0]"),
        (13, "rules[1]"),
        (15, "rules[2]"),
        (15, "rules[2].when.status"),
        (16, "rules[2].lead_time"),
    ]


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    text = "policy: p\na: &a [x, x]\n"
    for number in range(40):
        text += f"a{number}: &a{number} [*a{number - 1 if number else ''}, *a{number - 1 if number else ''}]\n"

    assert errors(text) == [(3, "", "aliases (*name) are not taken")]


def test_a_million_brackets_are_refused_at_once() -> None:
    assert errors("[" * (SIZE_MAX - 1)) == [(1, "", "is nested deeper than 20")]


def test_actions_of_plugins_are_known() -> None:
    text = RULES + "- {name: a, when: {type: x}, do: [respawn]}\n"

    assert errors(text)
    policy = read_policy(text, version=3, extra_actions=frozenset({"respawn"}))
    assert policy.label == "p@3"
    assert policy.event_rules[0].do == ["respawn"]


def test_what_the_topology_says_of_devices_can_be_asked_for() -> None:
    policy = read_policy(RULES + "- {name: a, when: {type: x, resource: {attributes.speed: 100}}}\n")

    assert policy.event_rules[0].when.resource == {"attributes.speed": 100}


def test_the_empty_word_selects_events_that_name_no_monitor() -> None:
    assert read_policy(RULES + "- {name: a, when: {type: x, monitor: ''}}\n").event_rules[0].when.monitor == ""


POLICIES = [ROOT / "src/nfvigil/inspector/default_policy.yaml", *sorted((ROOT / "examples/policies").glob("*.yaml"))]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_policies_that_come_with_the_product_are_in_order(path: Path) -> None:
    policy = read_policy(path.read_text(encoding="utf-8"))

    listed = set(policy.faults)
    raised = {rule.raise_ for rule in (*policy.event_rules, *policy.cascade_rules) if rule.raise_}
    assert raised <= listed, "whatever is raised has words in the catalogue"


def read_or_refuse(text: str) -> None:
    refused = None
    try:
        read_policy(text)
    except PolicyError as error:
        refused = error
    assert refused is None or (refused.errors and all(found.reason for found in refused.errors) and str(refused))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
@example("? [a]\n: b")
@example("? {a: b}\n: c")
@example("!!set {a, b}")
@example("!!binary x")
@example("<<: 3")
@example("policy: p\nrules:\n- ? [a]\n  : b\n")
@example("\ud800")
@example("%YAML 9.9\n---\na")
@example("a: 1\n---\nb: 2")
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refuse(text)
    read_or_refuse(f"policy: p\nfaults:\n  a: {text}\n")
    read_or_refuse(f"policy: p\nrules:\n- name: a\n  when: {text}\n")


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=4),
    st.sampled_from(["host.down", "hosts", "force_down", "reboot", "self", "all", "up", "critical"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(scalars, inner, max_size=3)),
    max_leaves=6,
)
WORDS = sorted(
    {field.encode_name for rule in (EventRule, CascadeRule, When, Count) for field in msgspec.structs.fields(rule)}
)
bodies = st.dictionaries(st.sampled_from(WORDS), values | st.dictionaries(st.sampled_from(WORDS), values), max_size=6)


@settings(max_examples=60, deadline=None)
@given(values, values, st.lists(bodies | values, max_size=3))
@example("p", {}, [{"name": "a", "when": None}])
@example("p", {}, [{"name": "a", "when": {"type": "x", "status": None}}])
@example("p", {}, [{"name": "a", "because": "x", "to": "hosts", "mark": None, "where": None}])
def test_any_value_is_read_or_refused(name: Any, faults: Any, rules: list[Any]) -> None:
    read_or_refuse(yaml.dump({"policy": name, "faults": faults, "rules": rules}))
    read_or_refuse(yaml.dump({"policy": "p", "faults": {"a": faults}, "rules": rules}))
