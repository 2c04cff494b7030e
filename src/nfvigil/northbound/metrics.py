"""What Prometheus reads: counts, times and depths, with labels whose number is bounded.

It has a registry of its own, so that several services in one process do not share their counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""From half a millisecond: our own stages are far below what the library's default buckets tell apart."""

ROWS_MAX = 1000
"""So many label values of one family are shown."""

OTHER = "other"
"""Stands for every label beyond the bound."""


class _Bounded:
    """The children of a metric by label values, at most ``size_max`` of them; what comes later counts as other.

    It also saves the library's own look-up, which is slow for the hot path.
    """

    def __init__(self, metric: Any, size_max: int) -> None:
        self._metric = metric
        self._size_max = size_max
        self._children: dict[tuple[str, ...], Any] = {}

    def __call__(self, *labels: str) -> Any:
        child = self._children.get(labels)
        if child is None:
            if len(self._children) >= self._size_max:
                labels = (OTHER, *labels[1:])
            child = self._children.setdefault(labels, self._metric.labels(*labels))
        return child


Rows = Iterable[tuple[Sequence[str], Mapping[str, float | None]]]
"""Label values, and the values of several gauges under them; None where there is none."""


class _Families:
    """Gauges that share their labels and come from one look at things, taken when the metrics are read."""

    def __init__(self, texts: Mapping[str, str], labels: Sequence[str], look: Callable[[], Rows]) -> None:
        self._texts = texts
        self._labels = labels
        self._look = look

    def describe(self) -> Iterator[Metric]:
        for name, text in self._texts.items():
            yield GaugeMetricFamily(f"nfvigil_{name}", text, labels=self._labels)

    def collect(self) -> Iterator[Metric]:
        families = list(self.describe())
        for labels, values in islice(self._look(), ROWS_MAX):
            for name, family in zip(self._texts, families, strict=True):
                value = values[name]
                if value is not None:
                    assert isinstance(family, GaugeMetricFamily)
                    family.add_metric(labels, value)
        yield from families


class Metrics:
    """``endpoints_max`` bounds how many endpoints are told apart."""

    def __init__(self, *, endpoints_max: int = 1000) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        registry = self.registry
        self._events = _Bounded(
            Counter("nfvigil_events", "Events taken in, by door and outcome", ["door", "outcome"], registry=registry),
            size_max=200,
        )
        self._stages = _Bounded(
            Histogram(
                "nfvigil_stage_seconds",
                "How long each stage of an event's way took",
                ["stage"],
                buckets=_FAST,
                registry=registry,
            ),
            size_max=50,
        )
        self._deliveries = _Bounded(
            Counter(
                "nfvigil_deliveries", "Deliveries by endpoint and outcome", ["endpoint", "outcome"], registry=registry
            ),
            size_max=endpoints_max * 4,
        )
        self._actions = _Bounded(
            Counter("nfvigil_actions", "Actions by kind and outcome", ["kind", "outcome"], registry=registry),
            size_max=200,
        )
        self._action_seconds = _Bounded(
            Histogram("nfvigil_action_seconds", "How long actions took", ["kind"], buckets=_FAST, registry=registry),
            size_max=50,
        )

    def event(self, door: str, outcome: str, number: int) -> None:
        self._events(door, outcome).inc(number)

    def stage(self, name: str, seconds: float) -> None:
        self._stages(name).observe(max(0.0, seconds))

    def delivery(self, endpoint: str, outcome: str) -> None:
        self._deliveries(endpoint, outcome).inc()

    def action(self, kind: str, outcome: str, seconds: float) -> None:
        self._actions(kind, outcome).inc()
        self._action_seconds(kind).observe(max(0.0, seconds))

    def gauge(self, name: str, callback: Callable[[], float], text: str = "") -> None:
        """A value that is asked for whenever the metrics are read."""
        gauge = Gauge(f"nfvigil_{name}", text or name.replace("_", " "), registry=self.registry)
        gauge.set_function(callback)

    def gauges(self, texts: Mapping[str, str], labels: Sequence[str], look: Callable[[], Rows]) -> None:
        """Gauges by name, with labels whose values are found out whenever the metrics are read."""
        self.registry.register(_Families(texts, labels, look))

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
