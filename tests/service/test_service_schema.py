"""The API keeps what its own description promises, over the wire."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from service_process import Service

EXAMPLES = int(os.environ.get("NFVIGIL_TEST_SCHEMA_EXAMPLES", "80"))
"""More before a release. Each operation for itself is asked in ``tests/northbound/test_northbound_schema.py``."""
METHODS = ("get", "put", "post", "delete", "patch")
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


def operations(service: Service) -> list[tuple[str, str]]:
    """(path, method) of everything that the API describes."""
    paths = service.api.get("/openapi.json")["paths"]
    return [
        (path, method)
        for path, item in paths.items()
        for method in item
        if method in METHODS and "x-endless" not in item[method]
    ]


def test_whatever_is_asked_the_answer_is_one_of_those_described(service: Service) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/openapi.json")
    strategies = [schema[path][method].as_strategy() for path, method in operations(service)]
    assert len(strategies) > 40

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=st.one_of(strategies))
    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=f"http://127.0.0.1:{service.port}", checks=CHECKS, timeout=20)

    ask()

    assert service.is_alive(), service.tail()
    assert service.api.get("/healthz")["status"] == "alive"
    assert "Traceback" not in service.tail(2000), service.tail(100)
