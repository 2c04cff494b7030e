"""What /metrics shows of who is let in: what was refused, what was held to its pace, what Keystone said."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class AccessCounts:
    """In the registry of the service's other metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._refused = Counter(
            "nfvigil_access_refused",
            "Callers that were not let in, by what they came with",
            ["with"],
            registry=registry,
        )
        self._too_often = Counter(
            "nfvigil_access_too_often", "Requests beyond a bound, by bound", ["bound"], registry=registry
        )
        self._keystone = Counter(
            "nfvigil_keystone_tokens",
            "Questions to Keystone by outcome, and callers that were believed while it was away",
            ["outcome"],
            registry=registry,
        )

    def refused(self, credential: str) -> None:
        self._refused.labels(credential).inc()

    def too_often(self, bound: str) -> None:
        self._too_often.labels(bound).inc()

    def keystone(self, outcome: str) -> None:
        self._keystone.labels(outcome).inc()

    def show_keystone(self, is_away: Callable[[], bool]) -> None:
        gauge = Gauge("nfvigil_keystone_away", "1 while Keystone cannot be asked", registry=self._registry)
        gauge.set_function(lambda: float(is_away()))
