"""How well each cloud is known, as /metrics shows it."""

from __future__ import annotations

from typing import Any

from nfvigil.model.vim_status import Differences, VimStatus
from nfvigil.northbound.metrics import Metrics
from nfvigil.wiring.gauges import show_vims


class Known:
    """As much of an inventory as is looked at."""

    def __init__(self, **vims: VimStatus) -> None:
        self.vims = vims

    def status(self) -> dict[str, VimStatus]:
        return self.vims


def shown(inventory: Any) -> list[str]:
    metrics = Metrics()
    show_vims(metrics, inventory)
    return [line for line in metrics.exposition().decode().splitlines() if line.startswith("nfvigil_vim_")]


def test_a_cloud_that_is_away_and_what_is_known_of_it_is_seen_in_the_metrics() -> None:
    away = VimStatus(
        age_seconds=90.5,
        snapshot_seconds=2.5,
        period_seconds=60.0,
        failures=4,
        conditions=("unreachable",),
        differences_total=Differences(gone=3),
    )

    lines = shown(Known(away=away))

    assert 'nfvigil_vim_age_seconds{vim="away"} 90.5' in lines
    assert 'nfvigil_vim_unreachable{vim="away"} 1.0' in lines
    assert 'nfvigil_vim_failures{vim="away"} 4.0' in lines
    assert 'nfvigil_vim_period_seconds{vim="away"} 60.0' in lines
    assert 'nfvigil_vim_differences{difference="gone",vim="away"} 3.0' in lines


def test_what_nobody_knows_of_a_cloud_is_not_shown() -> None:
    lines = shown(Known(new=VimStatus(conditions=("partial",))))

    assert 'nfvigil_vim_unreachable{vim="new"} 0.0' in lines
    assert not [line for line in lines if "age_seconds" in line or "period_seconds" in line]
