"""The two Lambda entries, given what is no event at all: an answer, never an exception."""

import json
from typing import Any

import pytest

from handler import retry, webhook
from tests.deployment import Deployment


@pytest.fixture
def _in_lambda(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deployment.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(webhook.COLLECTOR, "start", lambda: None)
    monkeypatch.setattr(retry.COLLECTOR, "start", lambda: None)


@pytest.mark.usefixtures("_in_lambda")
@pytest.mark.parametrize("lambda_event", [None, [], "text", 5, {}, {"body": None}, {"body": 5}])
def test_what_is_no_http_request_is_turned_away(lambda_event: Any) -> None:
    webhook._intake.cache_clear()
    answer = webhook.lambda_handler(lambda_event, None)
    assert answer["statusCode"] in (400, 401)
    assert json.loads(answer["body"])["error"]["code"] in ("no_message", "invalid_signature")


@pytest.mark.usefixtures("_in_lambda")
@pytest.mark.parametrize("lambda_event", [None, [], "text", 5, {}, {"Records": None}])
def test_what_is_no_batch_fails_no_message(lambda_event: Any) -> None:
    retry._redelivery.cache_clear()
    assert retry.lambda_handler(lambda_event, None) == {"batchItemFailures": []}
