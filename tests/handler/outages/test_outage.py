"""Klaviyo goes away and comes back: every message is there in the end, once."""

import json
import time
from collections.abc import Callable

import pytest

from handler import assembly
from local.aws_stand_in import server as aws
from local.aws_stand_in.poller import Poller
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import call, identify, order, track

PATIENCE_SECONDS = 60.0


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it comes about within a minute."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def test_500_messages_of_an_outage_arrive_once_each_when_it_is_over(
    deployment: Deployment,
) -> None:
    """Accepted within Segment's five seconds a request; none in the dead-letter queue."""
    account = deployment.account
    account.set_weather(Weather(down=True))
    webhook = assembly.webhook(deployment.variables)
    messages = [
        *(track(number) for number in range(300)),
        *(identify(number) for number in range(300, 460)),
        *(order(number, products=3) for number in range(460, 500)),
    ]
    for start in range(0, 500, 50):
        began = time.monotonic()
        answer = webhook.handle(call(messages[start : start + 50]))
        assert time.monotonic() - began < 5
        assert (answer["statusCode"], json.loads(answer["body"])["queued"]) == (200, 50)
    assert (account.events_recorded, len(list(account.profiles))) == (0, 0)

    account.set_weather()
    retry = assembly.retry(deployment.variables)
    poller = Poller(deployment.queues.retry_queue_url, lambda event: retry.handle(event, 60.0))
    with poller:
        assert eventually(lambda: account.events_recorded == 300 + 40 * 4)
        assert eventually(lambda: len(list(account.profiles)) == 500)
    assert deployment.dead() == []
    kinds = {entry["operation"]["kind"] for entry in deployment.waiting()}
    assert kinds <= {"check_import"}, "nothing waits but looks at import jobs"


@pytest.mark.alone
@pytest.mark.parametrize("weather", [Weather(down=True), Weather(hang=10)], ids=["503", "hangs"])
def test_4000_messages_are_on_the_queue_within_five_seconds_in_a_handful_of_sqs_messages(
    deployment: Deployment, weather: Weather
) -> None:
    deployment.account.set_weather(weather)
    webhook = assembly.webhook(deployment.variables)
    messages = [*(track(number) for number in range(3_000)), *map(identify, range(3_000, 4_000))]
    began = time.monotonic()
    answer = webhook.handle(call(messages))
    assert time.monotonic() - began < 5
    assert (answer["statusCode"], json.loads(answer["body"])["queued"]) == (200, 4_000)
    # What a slow machine has no time to map waits as it came.
    waiting = {
        entry["operation"]["message_id"] if "operation" in entry else entry["message"]["messageId"]
        for entry in deployment.waiting()
    }
    assert waiting == {message["messageId"] for message in messages}
    assert aws.depth(deployment.sqs, deployment.queues.retry_queue_url).total <= 4


@pytest.mark.alone
def test_while_klaviyo_hangs_a_call_costs_a_second_at_most_once_the_circuit_is_open(
    deployment: Deployment,
) -> None:
    deployment.account.set_weather(Weather(hang=10))
    webhook = assembly.webhook(deployment.variables)
    webhook.handle(call(track(0)))
    for number in range(1, 30):
        began = time.monotonic()
        answer = webhook.handle(call(track(number)))
        assert time.monotonic() - began < 1
        assert json.loads(answer["body"])["queued"] == 1
        time.sleep(0.05)
    assert len(deployment.waiting()) == 30
