"""What moto does for each request or message is done once, or in short, and gives the same."""

import uuid
from collections.abc import Callable
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.core import responses, utils
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs import models
from moto.sqs.responses import SQSResponse

from local.aws_stand_in.faster import CLOCKS, Dispatcher
from local.aws_stand_in.server import create_ledger


@pytest.mark.parametrize("name", CLOCKS)
def test_queues_ask_a_clock_that_shows_what_motos_own_shows(name: str, aws_url: str) -> None:
    own: Callable[[], float] = getattr(utils, name)
    assert getattr(models, name) is CLOCKS[name]
    before, shown, after = own(), CLOCKS[name](), own()
    assert before - 1 <= shown <= after + 1


@pytest.mark.parametrize(
    ("module", "name", "given"),
    [
        (models, "camelcase_to_underscores", "ApproximateNumberOfMessages"),
        (responses, "camelcase_to_underscores", "SendMessageBatch"),
        (responses, "method_names_from_class", SQSResponse),
    ],
)
def test_what_never_changes_is_worked_out_once(
    module: ModuleType, name: str, given: Any, aws_url: str
) -> None:
    ours = getattr(module, name)
    assert ours(given) is ours(given)
    assert ours(given) == getattr(utils, name)(given)


@pytest.mark.parametrize("host", ["sqs.us-east-1.amazonaws.com", "dynamodb", "moto_api", None])
def test_host_is_looked_up_once_and_has_motos_service(host: str | None) -> None:
    own = DomainDispatcherApplication(create_backend_app).get_backend_for_host(host)
    ours = Dispatcher(create_backend_app)
    before = Dispatcher.get_backend_for_host.cache_info().misses
    assert [ours.get_backend_for_host(host) for _ in range(3)] == [own] * 3
    assert Dispatcher.get_backend_for_host.cache_info().misses == before + 1


ITEM: dict[str, Any] = {
    "pk": {"S": "a"},
    "sk": {"S": "b"},
    "text": {"S": ""},
    "number": {"N": "1.5"},
    "bytes": {"B": b"a\x00"},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "many bytes": {"BS": [b"1"]},
    "map": {"M": {"list": {"L": [{"S": "a"}, {"NULL": True}, {"M": {}}, {"L": []}]}}},
    "flag": {"BOOL": False},
}


@pytest.mark.usefixtures("aws_variables")
def test_attribute_of_each_type_comes_back_as_it_was() -> None:
    dynamodb = boto3.client("dynamodb")
    name = create_ledger(f"items-{uuid.uuid4().hex}")
    dynamodb.put_item(TableName=name, Item=ITEM)
    [found] = dynamodb.scan(TableName=name)["Items"]
    assert found == ITEM
