"""After many kinds of messages and weathers, each message's fate is what is there."""

import random
from typing import Any
from zlib import crc32

import pytest

from ledger.fates import State
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.fates import disagreements, places_of, stories_of
from tests.handler.calls import batch, call, envelope, identify, order, track

DONE: dict[str, Any] = {"batchItemFailures": []}

WEATHERS = [
    Weather(),
    Weather(down=True),
    Weather(throttle=5),
    Weather(refuse_items="pointer"),
    Weather(status=401),
    Weather(html=True, status=200),
    Weather(refuse_items="import"),
]


def messages(number: int) -> list[dict[str, Any]]:
    """One of each kind."""
    mark = {"email": f"person{number}@acme-store.example", f"mark_{number}": True}
    return [
        identify(number, traits=mark),
        track(number),
        order(number, 3),
        identify(
            number,
            messageId=f"poison-{number}",
            traits={"email": f"poison{number}@acme-store.example", "poison": True},
        ),
        track(number, messageId=f"bad-{number}", properties=7),
        {"type": "page", "messageId": f"page-{number}", "userId": "u"},
    ]


def disagree(deployment: Deployment, sent: dict[str, dict[str, Any]]) -> list[Any]:
    account = deployment.account
    events = {f"create_event:{crc32(each.unique_id.encode()):08x}" for each in account.events}
    marks = {name for profile in account.profiles for name in profile.properties}

    def is_held(message_id: str, operation: str) -> bool | None:
        if operation.startswith("create_event"):
            return operation in events
        kind, _, number = message_id.partition("-")
        return f"mark_{number}" in marks if kind == "identify" else None

    return disagreements(
        sent,
        stories_of(deployment.variables["LEDGER_TABLE"]),
        waiting=places_of(deployment.waiting()),
        dead=places_of(deployment.dead()),
        is_held=is_held,
    )


@pytest.mark.parametrize("seed", range(2))
def test_every_fate_is_what_klaviyo_and_the_queues_hold(
    seed: int, deployment: Deployment, ledger_has_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deployment.with_ledger()
    dice = random.Random(seed)
    sent: dict[str, dict[str, Any]] = {}
    for round_ in range(5):
        deployment.account.set_weather(dice.choice(WEATHERS))
        new = [each for number in range(8) for each in messages(round_ * 8 + number)]
        again = dice.sample(sorted(sent), min(len(sent), 10))
        monkeypatch.setattr("handler.deadline.MAPPING_SHARE", dice.choice([0.0, 0.33, 0.33]))
        deployment.webhook(call([*new, *(sent[each] for each in again)]))
        sent.update({each["messageId"]: each for each in new})
        assert disagree(deployment, sent) == []
        deployment.account.set_weather(dice.choice(WEATHERS))
        retry(deployment)
        assert disagree(deployment, sent) == []
    monkeypatch.setattr("handler.deadline.MAPPING_SHARE", 0.33)
    deployment.account.set_weather(Weather(refuse_items="pointer"))
    for _ in range(4):
        retry(deployment)
    assert disagree(deployment, sent) == []
    stories = stories_of(deployment.variables["LEDGER_TABLE"])
    states: dict[str, set[State]] = {
        kind: set() for kind in ("identify", "track", "order", "poison", "bad", "page")
    }
    for message_id in sent:
        states[message_id.partition("-")[0]].add(stories[message_id].state)
    # In some weathers Klaviyo takes what it would refuse otherwise.
    assert State.DEAD_LETTERED in states["poison"]
    states["poison"].discard(State.DELIVERED)
    assert states == {
        "identify": {State.DELIVERED},
        "track": {State.DELIVERED},
        "order": {State.DELIVERED},
        "poison": {State.DEAD_LETTERED},
        "bad": {State.DEAD_LETTERED},
        "page": {State.DROPPED},
    }


def retry(deployment: Deployment) -> None:
    """The retry function takes all that waits, as if it were due."""
    entries = deployment.take_all()
    parts = [entries[begin : begin + 50] for begin in range(0, len(entries), 50)]
    assert deployment.retry(batch(*(envelope(*part) for part in parts))) == DONE
