"""The metrics add up: an operator can say where every message and every operation is.

`received = delivered + queued + dropped + rejected`, and of what was queued, `queued + redriven =
delivered later + dead-lettered later + still waiting`.
"""

import json
import time
from collections import Counter
from typing import Any

import pytest

from local.klaviyo_stand_in import Weather
from operations import CreateEvent, Identity, UpsertProfile, to_json
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, identify, order, track

NOT_IN_THE_ACCOUNT = frozenset({"KlaviyoRequests", "RetryAge", "OperationsThrottled"})
DAY = 86_400
HOUR = 3_600

DOWN = Weather(down=True)
FINE = Weather()


class Books:
    """The metrics that the functions have written since the last reading."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.total: Counter[str] = Counter()

    def read(self) -> dict[str, int]:
        new: Counter[str] = Counter()
        for line in self._capsys.readouterr().out.splitlines():
            document = json.loads(line)
            if "_aws" in document and "reason" not in document:
                for name, values in document.items():
                    if isinstance(values, list) and name not in NOT_IN_THE_ACCOUNT:
                        new[name] += int(sum(values))
        self.total += new
        return dict(new)


@pytest.fixture
def books(capsys: pytest.CaptureFixture[str]) -> Books:
    return Books(capsys)


def event(number: int = 1) -> dict[str, Any]:
    identity = Identity(email=f"person{number}@acme-store.example")
    return to_json(CreateEvent(f"m-{number}", identity, "Item Added", f"u-{number}"))


def upsert(number: int, **properties: Any) -> dict[str, Any]:
    identity = Identity(email=f"person{number}@acme-store.example")
    return to_json(UpsertProfile(f"m-{number}", identity, {}, properties))


def test_every_message_of_a_call_has_one_fate(deployment: Deployment, books: Books) -> None:
    """Here a track, an identify, a page, one malformed and one that Klaviyo refuses."""
    deployment.account.set_weather(
        Weather(endpoints=frozenset({"create_or_update_profile"}), down=True),
        Weather(refuse_items="pointer"),
    )
    poison = track(3, properties={"email": "person3@acme-store.example", "poison": True})
    messages = [track(1), identify(2), {"type": "page"}, track(4, userId={}), poison]
    deployment.webhook(call(messages))
    assert books.read() == {
        "MessagesReceived": 5,
        "MessagesDelivered": 1,
        "MessagesQueued": 1,
        "MessagesDropped": 1,
        "MessagesRejected": 2,
        "OperationsQueued": 1,
        "OperationsRefused": 1,
        "OperationsDeadLettered": 2,
    }


def test_a_message_may_be_several_operations(deployment: Deployment, books: Books) -> None:
    deployment.account.set_weather(DOWN)
    deployment.webhook(call([order(1, products=3)]))
    assert books.read() == {"MessagesReceived": 1, "MessagesQueued": 1, "OperationsQueued": 4}


def test_the_look_at_an_import_job_is_an_operation_that_was_queued(
    deployment: Deployment, books: Books
) -> None:
    deployment.webhook(call([identify(number) for number in range(10)]))
    assert books.read() == {"MessagesReceived": 10, "MessagesDelivered": 10, "OperationsQueued": 1}


FIRST_FAILURE = {"attempts": 2, "first_failed_at": time.time()}
YESTERDAY = {"attempts": 2, "first_failed_at": time.time() - 2 * DAY}
REASON = {"reason": {"code": "refused"}}


@pytest.mark.parametrize(
    ("weather", "body", "expected"),
    [
        pytest.param(
            FINE,
            envelope({"operation": event(), **FIRST_FAILURE}),
            {"OperationsRetried": 1, "OperationsDeliveredLater": 1},
            id="delivered later",
        ),
        pytest.param(
            DOWN,
            envelope({"operation": event(), **FIRST_FAILURE}),
            {"OperationsRetried": 1, "OperationsRequeued": 1},
            id="put back",
        ),
        pytest.param(
            DOWN,
            envelope({"operation": event(), **YESTERDAY}),
            {
                "OperationsRetried": 1,
                "OperationsDeadLetteredLater": 1,
                "OperationsDeadLettered": 1,
            },
            id="given up",
        ),
        pytest.param(
            Weather(refuse_items="pointer"),
            envelope(
                {"operation": upsert(1, poison=True), **FIRST_FAILURE},
                {"operation": event(2), **FIRST_FAILURE},
            ),
            {
                "OperationsRetried": 2,
                "OperationsDeliveredLater": 1,
                "OperationsDeadLetteredLater": 1,
                "OperationsDeadLettered": 1,
                "OperationsRefused": 1,
            },
            id="refused later",
        ),
        pytest.param(
            FINE,
            envelope(*({"operation": upsert(number), **FIRST_FAILURE} for number in range(10))),
            {"OperationsRetried": 10, "OperationsDeliveredLater": 10, "OperationsQueued": 1},
            id="delivered by an import job: the look at it is new",
        ),
        pytest.param(
            FINE,
            envelope({"operation": event(), "not_before": time.time() + HOUR}),
            {},
            id="not due: still waiting",
        ),
        pytest.param(
            FINE,
            "{",
            {"OperationsDeadLettered": 1},
            id="unreadable: nobody knows what it holds, so it still waits, elsewhere",
        ),
        pytest.param(
            FINE,
            envelope({"operation": event(), **REASON}),
            {"OperationsRedriven": 1, "OperationsRetried": 1, "OperationsDeliveredLater": 1},
            id="redriven",
        ),
        pytest.param(
            FINE,
            envelope({"message": order(1, products=2), **REASON}),
            {"OperationsRedriven": 3, "OperationsRetried": 3, "OperationsDeliveredLater": 3},
            id="a redriven message counts by its operations",
        ),
        pytest.param(
            FINE,
            envelope({"message": {"type": "page"}, **REASON}),
            {},
            id="a redriven message that is dropped was no operation, and received long ago",
        ),
        pytest.param(
            FINE,
            envelope({"message": track(1, userId={}), **REASON}),
            {
                "OperationsRedriven": 1,
                "OperationsRetried": 1,
                "OperationsDeadLetteredLater": 1,
                "OperationsDeadLettered": 1,
            },
            id="a redriven message that is still malformed",
        ),
    ],
)
def test_every_operation_of_a_batch_has_one_fate(
    deployment: Deployment, books: Books, weather: Weather, body: str, expected: dict[str, int]
) -> None:
    deployment.account.set_weather(weather)
    deployment.retry(batch(body))
    assert books.read() == expected


def test_a_profile_that_an_import_job_refused_was_delivered_before(
    deployment: Deployment, books: Books
) -> None:
    deployment.account.set_weather(Weather(refuse_items="import"))
    entries = [{"operation": upsert(number, poison=number == 3)} for number in range(10)]
    deployment.retry(batch(envelope(*entries)))
    [check] = deployment.waiting()
    books.read()
    deployment.retry(batch(envelope(check)))
    assert books.read() == {
        "OperationsRetried": 1,
        "OperationsDeliveredLater": 1,
        "ImportFailures": 1,
        "OperationsDeadLettered": 1,
    }


@pytest.mark.parametrize("missing", ["RETRY_QUEUE_URL", "CREDENTIALS_SECRET_ARN"])
def test_a_batch_that_fails_is_counted_when_it_comes_again(
    deployment: Deployment, books: Books, missing: str
) -> None:
    broken = {**deployment.variables, missing: deployment.variables[missing] + "-gone"}
    deployment.account.set_weather(DOWN)
    text = envelope({"operation": event(1), **FIRST_FAILURE})
    Deployment(broken, deployment.account, deployment.queues, deployment.sqs).retry(batch(text))
    assert books.read() == {"RetryFailures": 1}


def test_without_credentials_nothing_is_put_back_twice(deployment: Deployment) -> None:
    variables = {**deployment.variables, "CREDENTIALS_SECRET_ARN": "arn:aws:nothing"}
    early = {"operation": event(1), "not_before": time.time() + HOUR}
    broken = Deployment(variables, deployment.account, deployment.queues, deployment.sqs)
    broken.retry(batch("{", envelope(early), envelope({"operation": event(2)})))
    assert (deployment.waiting(), deployment.dead()) == ([], [])


def test_a_call_whose_queue_is_out_of_reach_counts_as_failed_alone(
    deployment: Deployment, books: Books
) -> None:
    deployment.account.set_weather(DOWN)
    url = deployment.variables["RETRY_QUEUE_URL"] + "-gone"
    broken = {**deployment.variables, "RETRY_QUEUE_URL": url}
    Deployment(broken, deployment.account, deployment.queues, deployment.sqs).webhook(
        call([track(1), track(2, userId={})])
    )
    assert books.read() == {"WebhookFailures": 1}
