"""A call ends in time by itself, whatever is silent: what cannot be kept is sent back in time."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from handler import assembly
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, track

pytestmark = pytest.mark.alone

SEGMENT_SECONDS = 5.0
RETRY_SECONDS = 6.0

EVENT = {
    "operation": {
        "kind": "create_event",
        "message_id": "m1",
        "identity": {"email": "ann@acme-store.example"},
        "metric": "Viewed",
        "unique_id": "m1",
    }
}


@pytest.fixture
def silence() -> Iterator[str]:
    """Takes every connection, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("number", [1, 4_000])
def test_with_klaviyo_and_sqs_silent_a_webhook_call_is_answered_in_time(
    number: int, deployment: Deployment, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.account.set_weather(Weather(hang=20))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", silence)
    webhook = assembly.webhook(deployment.variables)
    began = time.monotonic()
    answer = webhook.handle(call([track(each) for each in range(number)]))
    assert time.monotonic() - began < SEGMENT_SECONDS
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["code"] == "queue_unavailable"


def test_with_klaviyo_and_sqs_silent_a_retry_call_ends_within_its_time(
    deployment: Deployment, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.account.set_weather(Weather(hang=20))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", silence)
    retry = assembly.retry(deployment.variables)
    began = time.monotonic()
    answer = retry.handle(batch(envelope(EVENT)), RETRY_SECONDS)
    assert time.monotonic() - began < RETRY_SECONDS
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_with_the_secret_store_silent_a_webhook_call_is_answered_in_time(
    deployment: Deployment, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", silence)
    webhook = assembly.webhook(deployment.variables)
    began = time.monotonic()
    answer = webhook.handle(call(track()))
    assert time.monotonic() - began < SEGMENT_SECONDS
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["code"] == "credentials_unavailable"
