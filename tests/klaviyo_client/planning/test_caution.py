"""A poison item, which makes every request with it fail, is not taken for an outage."""

from collections import Counter
from collections.abc import Callable

import pytest

from klaviyo_client.api.answers import Answer, read
from klaviyo_client.api.endpoints import BULK_CREATE_EVENTS, CREATE_EVENT
from klaviyo_client.api.outcomes import Delivered, Retryable, RetryReason
from klaviyo_client.planning.caution import SUSPECT_AFTER, cautious
from klaviyo_client.planning.requests import Item, Request
from operations import AddToList, Operation, Subscribe, Unsubscribe
from tests.klaviyo_client.fakes import (
    Clock,
    Headers,
    Sent,
    answer,
    event,
    klaviyo_accepts,
    refusal,
    scripted,
    upsert,
)

Script = Callable[[Sent], Answer | Retryable]

ROUNDS = 24
"""As many as there are hours in a day, at one attempt an hour."""

CUT = Retryable(RetryReason.CONNECTION_FAILED)


def fails_with(reply: Answer | Retryable, culprits: Callable[[str], bool]) -> Script:
    """A Klaviyo whose requests fail whenever they hold one of the culprits."""

    def script(request: Sent) -> Answer | Retryable:
        text = f"{request.path} {request.body}"
        return reply if culprits(text) else klaviyo_accepts(request)

    return script


def deliver_for_a_day(
    script: Script, *operations: Operation
) -> tuple[Counter[str | None], list[Operation], int]:
    """What was delivered, by message; what was left after a day, and how many requests it took."""
    clock = Clock()
    klaviyo, transport = scripted(script, clock=clock, sleep=clock.sleep)
    waiting = [(operation, 0) for operation in operations]
    delivered: Counter[str | None] = Counter()
    for _ in range(ROUNDS):
        if not waiting:
            break
        clock.sleep(3600.0)
        batch, attempts = zip(*waiting, strict=True)
        delivery = klaviyo.deliver(batch, "pk_test", 60.0, attempts)
        waiting = []
        for tried, result in zip(attempts, delivery.results, strict=True):
            if isinstance(result.outcome, Retryable):
                waiting.append((result.operation, tried + result.outcome.tried))
            else:
                assert isinstance(result.outcome, Delivered)
                delivered[result.operation.message_id] += 1
    return delivered, [operation for operation, _ in waiting], len(transport.sent)


REPLIES = {
    "500": answer(500),
    "a firewall's 403": answer(403),
    "a challenge": read(403, Headers({}), b"<html>One moment</html>"),
    "408": answer(408),
    "a cut connection": CUT,
    "a firewall's 400, in its own words": answer(400),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("poison", [0, 57, 999])
def test_a_poison_item_costs_no_neighbour(reply: Answer | Retryable, poison: int) -> None:
    operations = [
        event(n, properties={"note": "poison" if n == poison else "fine"}) for n in range(1000)
    ]
    delivered, left, requests = deliver_for_a_day(
        fails_with(reply, lambda text: "poison" in text), *operations
    )
    assert left == [operations[poison]]
    assert delivered == {f"m{n}": 1 for n in range(1000) if n != poison}
    assert requests <= 150


def test_ten_of_them_cost_no_neighbour_either() -> None:
    operations = [event(n, properties={"poison": n % 100 == 3}) for n in range(1000)]
    delivered, left, requests = deliver_for_a_day(
        fails_with(answer(500), lambda text: "'poison': True" in text), *operations
    )
    assert left == [each for each in operations if each.properties["poison"]]
    assert delivered == {f"m{n}": 1 for n in range(1000) if n % 100 != 3}
    assert requests <= 500


MANY: dict[str, list[Operation]] = {
    "profiles": [upsert(n) for n in range(50)],
    "subscriptions": [Subscribe(f"m{n}", f"p{n}@shop.example", "L1") for n in range(50)],
    "unsubscriptions": [Unsubscribe(f"m{n}", f"p{n}@shop.example", None) for n in range(50)],
    "members": [AddToList(f"m{n}", upsert(n).identity, "L1", f"ID-p{n}@") for n in range(50)],
}


@pytest.mark.parametrize("operations", MANY.values(), ids=MANY)
def test_it_is_so_for_every_kind_of_request(operations: list[Operation]) -> None:
    delivered, left, _ = deliver_for_a_day(
        fails_with(answer(403), lambda text: "p31@" in text), *operations
    )
    assert [operation.message_id for operation in left] == ["m31"]
    assert delivered == {f"m{n}": 1 for n in range(50) if n != 31}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_an_outage_costs_one_request_a_delivery(reply: Answer | Retryable) -> None:
    operations = [event(n) for n in range(1000)]
    delivered, left, requests = deliver_for_a_day(lambda _: reply, *operations)
    assert (delivered, left) == ({}, operations)
    assert requests <= ROUNDS


def test_its_end_costs_a_few_more() -> None:
    sent = 0

    def script(request: Sent) -> Answer:
        nonlocal sent
        sent += 1
        return answer(403) if sent <= ROUNDS - 4 else klaviyo_accepts(request)

    delivered, left, requests = deliver_for_a_day(script, *(event(n) for n in range(1000)))
    assert (len(delivered), left) == (1000, [])
    assert requests <= ROUNDS + 10


def test_what_failed_together_stays_together() -> None:
    """Otherwise an outage would scatter a batch over the queue, in ever smaller parts."""
    klaviyo, _ = scripted(lambda _: answer(403))
    delivery = klaviyo.deliver([event(n) for n in range(100)], "pk_test", 60.0, [5] * 100)
    forbidden = Retryable(RetryReason.FORBIDDEN, None, 403)
    assert {result.outcome for result in delivery.results} == {forbidden}


def test_what_is_throttled_ends_the_series() -> None:
    replies = iter([answer(202), answer(429, Retry_After="30")])
    klaviyo, transport = scripted(lambda _: next(replies))
    delivery = klaviyo.deliver([event(n) for n in range(80)], "pk_test", 60.0, [3] * 80)
    assert [len(request.unique_ids) for request in transport.sent] == [10, 20]
    throttled = Retryable(RetryReason.THROTTLED, 30.0, 429)
    assert Counter(result.outcome for result in delivery.results) == {
        Delivered(): 10,
        throttled: 70,
    }


def test_what_has_not_failed_so_often_goes_with_its_like() -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    attempts = [SUSPECT_AFTER if n % 2 else SUSPECT_AFTER - 1 for n in range(80)]
    klaviyo.deliver([event(n) for n in range(80)], "pk_test", 60.0, attempts)
    assert [len(request.unique_ids) for request in transport.sent] == [40, 5, 10, 20, 5]


def test_a_refusal_within_a_series_is_found_as_ever() -> None:
    def script(request: Sent) -> Answer:
        bad = "u7" in request.unique_ids
        return refusal(400, {"code": "invalid", "detail": "No."}) if bad else answer(202)

    klaviyo, _ = scripted(script)
    delivery = klaviyo.deliver([event(n) for n in range(80)], "pk_test", 60.0, [4] * 80)
    refused = [n for n, each in enumerate(delivery.results) if each.outcome != Delivered()]
    assert refused == [7]


def test_single_requests_and_fresh_ones_are_left_alone() -> None:
    single = Request(CREATE_EVENT, (Item(b"", (0,)),))
    fresh = Request(BULK_CREATE_EVENTS, (Item(b"", (1,)), Item(b"", (2,))))
    assert list(cautious([single, fresh], [9, 0, 2])) == [single, fresh]
