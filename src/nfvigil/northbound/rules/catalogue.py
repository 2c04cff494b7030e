"""The rules that there are: one for each guarded route, and one for each door of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from inspect import getdoc
from typing import Any

from starlette.routing import BaseRoute, Route

from nfvigil.northbound.guarded import GuardedRoute
from nfvigil.northbound.rules.rule import Audience, Rule, default_of, rule_name

DOORS = "doors"
"""The tag of the doors that events come in at."""


def rules_of(routes: Iterable[BaseRoute], doors: Sequence[BaseRoute] = ()) -> tuple[Rule, ...]:
    """In the order of their names. A function that serves several operations has one rule for all of them."""
    found: dict[str, Rule] = {}
    for rule in (*map(_of_route, guarded(routes)), *map(_of_door, _plain(doors))):
        known = found.get(rule.name)
        if known is None:
            found[rule.name] = rule
        else:
            operations = (*known.operations, *rule.operations)
            found[rule.name] = Rule(
                name=rule.name, check=known.check, audience=known.audience, text=known.text, operations=operations
            )
    return tuple(found[name] for name in sorted(found))


def guarded(routes: Iterable[BaseRoute]) -> Iterator[GuardedRoute]:
    return (route for route in routes if isinstance(route, GuardedRoute))


def door_rules(doors: Iterable[BaseRoute]) -> dict[Any, str]:
    """The rule of each door by what answers there: a request knows that and no more."""
    return {route.endpoint: _name_of(route) for route in _plain(doors)}


def _plain(doors: Iterable[BaseRoute]) -> Iterator[Route]:
    return (route for route in doors if isinstance(route, Route))


def _of_route(route: GuardedRoute) -> Rule:
    methods = frozenset(route.methods or ())
    return Rule(
        name=route.rule,
        check=default_of(route.audience, methods),
        audience=route.audience,
        text=_first_line(route.endpoint),
        operations=_operations(route.path, methods),
    )


def _of_door(route: Route) -> Rule:
    methods = frozenset(route.methods or ())
    return Rule(
        name=_name_of(route),
        check=default_of(Audience.SENDERS, methods),
        audience=Audience.SENDERS,
        text="Send events.",
        operations=_operations(route.path, methods),
    )


def _name_of(route: Route) -> str:
    """Of a door that has several addresses, numbered by their names, all have one rule."""
    return rule_name(DOORS, route.name.rstrip("0123456789").rstrip("-").replace("-", "_"))


def _operations(path: str, methods: frozenset[str]) -> tuple[str, ...]:
    return tuple(f"{method} {path}" for method in sorted(methods - {"HEAD"}))


def _first_line(endpoint: Any) -> str:
    return (getdoc(endpoint) or "").partition("\n\n")[0].replace("\n", " ")
