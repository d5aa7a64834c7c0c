"""What holds for every test of the functions."""

from collections.abc import Iterator

import pytest
from aws_lambda_powertools import Metrics

from handler.report.telemetry import NAMESPACE, SERVICE


@pytest.fixture(autouse=True)
def nothing_is_counted_for_the_next_test() -> Iterator[None]:
    """Powertools gathers metrics for the whole process, and a test may leave some unwritten."""
    yield
    Metrics(namespace=NAMESPACE, service=SERVICE).clear_metrics()
