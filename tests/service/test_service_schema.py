"""The API keeps what its own description promises, over the wire."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from service_process import Service

EXAMPLES = 400
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


def test_whatever_is_asked_the_answer_is_one_of_those_described(service: Service) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/openapi.json")
    strategies = [found.ok().as_strategy() for found in schema.get_all_operations()]
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
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=f"http://127.0.0.1:{service.port}", checks=CHECKS, timeout=20)

    ask()

    assert service.is_alive(), service.tail()
    assert service.api.get("/healthz")["status"] == "alive"
    assert "Traceback" not in service.tail(2000), service.tail(100)
