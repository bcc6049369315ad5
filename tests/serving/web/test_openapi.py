"""The service's own description of itself, taken at its word by property-based requests."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from toy_service import World

schemathesis = pytest.importorskip("schemathesis", reason="it needs Python 3.10")

schema = schemathesis.openapi.from_asgi("/openapi.json", World().app)


@schema.parametrize()
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_every_response_is_one_that_is_described(case: Any) -> None:
    # a schema cannot say that rows and columns of the scores have to fit the names beside them
    case.call_and_validate(excluded_checks=[schemathesis.checks.positive_data_acceptance])
