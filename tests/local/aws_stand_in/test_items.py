"""What is answered past moto is answered as moto answers it."""

import uuid
from functools import partial
from typing import Any

import pytest

from handler.aws.dynamodb import DynamoDb
from local.aws_stand_in.server import create_ledger
from tests.deployment import answer_of, client


@pytest.fixture
def table(aws_variables: dict[str, str]) -> str:
    """A table with some items, one of them deleted."""
    name = create_ledger(f"items-{uuid.uuid4().hex}", client)
    call = partial(answer_of, DynamoDb().call)
    for sk in ("b", "a", "c", "a#1"):
        item = {"pk": {"S": "m#1"}, "sk": {"S": sk}, "at": {"N": "1.5"}, "by": {"S": "webhook"}}
        call("PutItem", {"TableName": name, "Item": item}, 5.0)
    other = {"pk": {"S": "m#2"}, "sk": {"S": "a"}}
    call("PutItem", {"TableName": name, "Item": other}, 5.0)
    call("DeleteItem", {"TableName": name, "Key": {"pk": {"S": "m#1"}, "sk": {"S": "c"}}}, 5.0)
    return name


@pytest.mark.parametrize("pk", ["m#1", "m#2", "nobody's"])
def test_a_query_of_one_pk_finds_what_moto_finds(table: str, pk: str) -> None:
    question: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "#pk = :pk",
        "ExpressionAttributeNames": {"#pk": "pk"},
        "ExpressionAttributeValues": {":pk": {"S": pk}},
    }
    call = partial(answer_of, DynamoDb().call)
    of_moto = call("Query", {**question, "ScanIndexForward": True}, 5.0)
    assert call("Query", question, 5.0) == of_moto
