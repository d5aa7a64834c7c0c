"""The ledger's table on moto's server, called as the functions call it, and a Klaviyo account."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from handler.aws.dynamodb import DynamoDb
from ledger.table import Table
from local.aws_stand_in import server as aws
from local.klaviyo_stand_in import Account, Policy, serve
from tests.deployment import client
from tests.ledger.two_functions import KEY, Clock, Pair

DAY = 86_400.0


@pytest.fixture
def table(aws_variables: dict[str, str]) -> Table:
    """An empty table of the test's own, that keeps items for a day."""
    return Table(aws.create_ledger(f"ledger-{uuid.uuid4().hex}", client), DynamoDb().call, DAY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(clock: Clock) -> Account:
    account = Account(
        keys={KEY},
        policy=Policy(default_opt_in="single_opt_in"),
        clock=clock.passing,
        started_at=datetime.fromtimestamp(clock.now, UTC),
    )
    account.add_list("L", "Newsletter", "single_opt_in")
    account.add_list("M", "Offers", "single_opt_in")
    return account


@pytest.fixture
def pair(account: Account, table: Table, clock: Clock) -> Iterator[Pair]:
    with serve(account) as url:
        yield Pair(url, table, clock)
