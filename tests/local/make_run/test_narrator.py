"""What `make run` writes while it serves: one line for a request, one for a retry batch."""

import io
import json
import re

import pytest

from local.aws_stand_in.http_api import Exchange
from local.aws_stand_in.poller import Batch
from local.make_run import deployment as local_deployment
from local.make_run.narrator import Narrator
from local.screen import Screen
from tests.deployment import Deployment

DROPPED = {
    "received": 1,
    "delivered": 0,
    "messages": [{"message_id": "a", "outcome": "dropped", "reason": "missing_email"}],
}


@pytest.fixture
def serving(deployment: Deployment) -> local_deployment.Deployment:
    return local_deployment.Deployment(
        "http://127.0.0.1:8080/segment", "", "", None, deployment.queues, deployment.sqs
    )


def written(shown: io.StringIO) -> str:
    """What was shown, without the time of day."""
    return re.sub(r"^  \d\d:\d\d:\d\d  ", "", shown.getvalue())


def test_request_is_told_with_its_outcome(serving: local_deployment.Deployment) -> None:
    narrator = Narrator(Screen(shown := io.StringIO()))
    narrator.deployment = serving
    narrator.tell_exchange(Exchange("POST", "/segment", 200, json.dumps(DROPPED), 0.0415))
    assert written(shown) == "POST /segment  200       42 ms  dropped (missing_email)\n"


def test_batch_is_told_with_what_the_queues_hold(
    serving: local_deployment.Deployment, deployment: Deployment
) -> None:
    deployment.put("one")
    narrator = Narrator(Screen(shown := io.StringIO()))
    narrator.deployment = serving
    narrator.tell_batch(Batch(received=3, failed=1, seconds=0.2))
    assert written(shown) == (
        "retry queue             200 ms"
        "  3 tried, 1 of them failed; 1 waiting, 0 in the dead-letter queue\n"
    )


def test_nothing_is_told_before_it_serves() -> None:
    narrator = Narrator(Screen(shown := io.StringIO()))
    narrator.tell_exchange(Exchange("POST", "/segment", 200, "{}", 0.1))
    narrator.tell_batch(Batch(received=3, failed=1, seconds=0.2))
    assert shown.getvalue() == ""
