"""The ledger's table on moto's server, called as the functions call it."""

import uuid

import pytest

from handler.aws.dynamodb import DynamoDb
from ledger.table import Table
from local.aws_stand_in import server as aws
from tests.deployment import client

DAY = 86_400.0


@pytest.fixture
def table(aws_variables: dict[str, str]) -> Table:
    """An empty table of the test's own, that keeps items for a day."""
    return Table(aws.create_ledger(f"ledger-{uuid.uuid4().hex}", client), DynamoDb().call, DAY)
