"""The tables of costs are those that the prices come to."""

from pathlib import Path

import pytest

from deploy import costs
from deploy.costs import BATCHED, MILLION, PRICES, SINGLE

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


def test_page_has_the_tables_that_follow_from_the_prices() -> None:
    assert costs.page() in OPERATING.read_text("utf-8"), "run: python -m deploy.costs"


def test_each_price_has_its_page_and_a_date() -> None:
    for price in PRICES:
        assert price.source.startswith("https://aws.amazon.com/")
        assert price.seen[:4].isdecimal()


def test_batches_are_what_makes_it_cheap() -> None:
    single, batched = (
        sum(costs.parts_of_month(MILLION, manner).values()) for manner in (SINGLE, BATCHED)
    )
    assert single > 40 * batched


def test_rare_single_requests_are_all_traced() -> None:
    """A million a month is less than one a second: https://aws.amazon.com/xray/pricing/"""
    assert costs.traces(MILLION, SINGLE) == pytest.approx(5.0)
