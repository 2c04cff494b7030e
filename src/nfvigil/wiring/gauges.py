"""What /metrics shows of the running parts, asked for when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from nfvigil.controller.runner import Controller
from nfvigil.desks.desk import Desk
from nfvigil.model.answers import CapacityBy
from nfvigil.model.condition import Condition
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.times import SECOND
from nfvigil.northbound.metrics import Metrics
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.pipeline import Pipeline
from nfvigil.southbound.inventory import Inventory


def show_depths(metrics: Metrics, pipeline: Pipeline, dispatcher: Dispatcher, controller: Controller) -> None:
    """How much waits at each stage, asked for when somebody looks."""
    for name, depth in {
        "events_undecided": lambda: float(pipeline.waiting),
        "deliveries_queued": lambda: float(dispatcher.queued),
        "actions_waiting": lambda: float(sum(controller.depth().values())),
        "alarms_open": lambda: float(len(pipeline.state.alarms)),
    }.items():
        metrics.gauge(name, depth)


VIMS = {
    "vim_age_seconds": "since the last listing that was believed",
    "vim_snapshot_seconds": "how long listing everything took",
    "vim_unconfirmed": "kept without proof that they are there",
    "vim_put_back": "not in a listing, or told to be gone, and there",
    "vim_left_out": "not in the map, because another VIM has something of the same name there",
    "vim_unreachable": "1 while it cannot be reached, 0 otherwise",
    "vim_failures": "listings that failed since the last one that was believed",
    "vim_period_seconds": "between two listings; none where there are only those that are asked for",
}


def show_vims(metrics: Metrics, inventory: Inventory) -> None:
    """How well each cloud is known."""

    def look() -> Iterator[tuple[tuple[str], dict[str, float | None]]]:
        for vim, status in inventory.status().items():
            values = (
                status.age_seconds,
                status.snapshot_seconds,
                status.unconfirmed,
                status.put_back_total,
                status.left_out,
                float(Condition.UNREACHABLE in status.conditions),
                status.failures,
                status.period_seconds,
            )
            yield (vim,), dict(zip(VIMS, values, strict=True))

    def differences() -> Iterator[tuple[tuple[str, str], dict[str, float | None]]]:
        for vim, status in inventory.status().items():
            for difference, number in msgspec.structs.asdict(status.differences_total).items():
                yield (vim, difference), {"vim_differences": number}

    metrics.gauges(VIMS, ("vim",), look)
    metrics.gauges(
        {"vim_differences": "what listings found that no change had told"}, ("vim", "difference"), differences
    )


CAPACITY = {
    "capacity_left_vcpus": "vCPUs left on usable hosts",
    "capacity_left_memory_bytes": "memory left on usable hosts",
    "capacity_hosts_usable": "hosts that can take servers",
    "capacity_servers_without_host": "servers whose host is lost",
}


def show_capacity(metrics: Metrics, desk: Desk) -> None:
    def look() -> Iterator[tuple[tuple[str, str], dict[str, float | None]]]:
        for one in desk.capacity(CapacityBy.ZONE):
            values = (one.vcpus.left, one.memory_mb.left << 20, one.hosts_usable, one.without_host.servers)
            yield (one.vim, one.name), dict(zip(CAPACITY, map(float, values), strict=True))

    metrics.gauges(CAPACITY, ("vim", "zone"), look)


def observe_delivery(metrics: Metrics) -> Callable[[Notification, Delivery], None]:
    def observe(notification: Notification, delivery: Delivery) -> None:
        metrics.delivery(delivery.endpoint, delivery.state.value)
        if delivery.delivered_us is not None:
            metrics.stage("deliver", (delivery.delivered_us - notification.created_us) / SECOND)

    return observe
