"""What the settings of formats make of others' alarms, where it is put together."""

from __future__ import annotations

from typing import Any

import pytest

from nfvigil.wiring.monitoring import told_types


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"zabbix": {"types": {"a": "x.y", "b": "x.y"}}}, [("zabbix", "x.y")]),
        ({"icinga2": {"host_type": "h", "types": {"s": "t"}}}, [("icinga2", "h"), ("icinga2", "t")]),
        ({"redfish": {"messages": {"M": {"type": "m"}}}}, [("redfish", "m")]),
        ({"snmp": {"traps": {"1.2": {"type": "t", "status": "up"}}}}, [("snmp", "t")]),
        ({"acme": {"types": ["no mapping"], "traps": {"1": 5}}}, []),
    ],
)
def test_every_type_that_the_settings_name_is_looked_at(options: Any, expected: list[tuple[str, str]]) -> None:
    assert told_types(options) == expected
