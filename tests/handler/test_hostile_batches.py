"""Anybody with a site's public write key can send messages. They cost their neighbours nothing.

Each message keeps to Segment's 32 KB. The function has what Lambda gives it: 512 MB, and 0.29 of
a processor.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.aws_stand_in.function import LambdaFunction
from local.aws_stand_in.limits import ProcessLimits
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import call, track

pytestmark = pytest.mark.alone

SEGMENT_SECONDS = 5.0
LAMBDA_SECONDS = 10.0
MEMORY_MB = 512
MESSAGE_BYTES = 32_768

HONEST = 300

FEATURES = {
    "CONSENT_EVENTS": "true",
    "AUDIENCE_LISTS": "auto",
    "FORWARD_DELETIONS": "true",
    "DEFAULT_COUNTRY": "US",
}

Message = dict[str, Any]


def event(number: int, name: str, **properties: Any) -> Message:
    """About one and the same person."""
    properties = {"email": "mallory@acme-store.example", **properties}
    return track(number, messageId=f"bad-{number}", event=name, properties=properties)


def person(number: int, **traits: Any) -> Message:
    traits = {"email": f"mallory{number}@acme-store.example", **traits}
    return {"type": "identify", "messageId": f"bad-{number}", "userId": "m", "traits": traits}


def order(number: int) -> Message:
    return event(number, "Order Completed", order_id=f"o-{number}", products=[{}] * 10_500)


def consent(number: int) -> Message:
    return event(number, "User Subscribed" if number % 2 else "User Unsubscribed")


def audience(number: int) -> Message:
    personas = {"computation_class": "audience", "computation_key": f"a{number}"}
    sent = event(number, "Audience Entered", **{f"a{number}": True})
    return {**sent, "context": {"personas": personas}}


def edit(number: int) -> Message:
    options = {"fieldsToAppend" if number % 2 else "fieldsToUnappend": ["b"]}
    sent = person(number, email="mallory@acme-store.example", b=number)
    return {**sent, "integrations": {"Klaviyo": options}}


def keys(number: int) -> Message:
    return person(number, **{f"k{number}_{each}": 1 for each in range(2_000)})


def phone(number: int) -> Message:
    return person(number, phone="+1" + "(" * 3_000)


@pytest.mark.parametrize("weather", [Weather(), Weather(down=True)], ids=["fine", "down"])
@pytest.mark.parametrize(
    ("hostile", "number"),
    [
        pytest.param(order, 10, id="orders of 10,500 products"),
        pytest.param(consent, 1_000, id="consents of one person"),
        pytest.param(audience, 1_000, id="audiences that nobody has heard of"),
        pytest.param(edit, 1_000, id="edits of one person"),
        pytest.param(keys, 20, id="2,000 new traits each"),
        pytest.param(phone, 300, id="telephone numbers of 3,000 brackets"),
    ],
)
def test_honest_messages_are_delivered_or_kept_in_time(
    hostile: Callable[[int], Message], number: int, weather: Weather, deployment: Deployment
) -> None:
    deployment.account.set_weather(weather)
    honest = [track(each, messageId=f"good-{each}") for each in range(HONEST)]
    bad = [hostile(each) for each in range(number)]
    assert max(len(json.dumps(each, separators=(",", ":"))) for each in bad) <= MESSAGE_BYTES
    limits = ProcessLimits(MEMORY_MB)
    variables = deployment.with_settings(**FEATURES).variables
    with (
        tempfile.TemporaryFile("w") as log,
        LambdaFunction(
            "webhook",
            "handler.webhook.lambda_handler",
            variables,
            LAMBDA_SECONDS,
            log,
            limits=limits,
        ) as function,
    ):
        function.wait()
        began = time.monotonic()
        answer = function.invoke(call([honest[0], *bad, *honest[1:]]))
        took = time.monotonic() - began
    assert (answer["statusCode"], took < SEGMENT_SECONDS, limits.killed) == (200, True, 0)
    kept = set(re.findall(r"good-\d+", json.dumps(deployment.waiting())))
    delivered = {each.unique_id for each in deployment.account.events}
    assert {each["messageId"] for each in honest} - delivered - kept == set()
