"""Of a large call, the arrivals are written while Klaviyo works, and most outcomes in one item."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from handler.aws.dynamodb import DynamoDb
from handler.books import early
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.sending.ahead import Ahead
from ledger.calls import TableError
from ledger.fates import Outcome, State
from ledger.table import Table
from ledger.values import marshalled
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.fates import stories_of
from tests.handler.calls import call, identify, track

NUMBER = 40
"""More than one request takes."""

DELIVERED, UNKNOWN = Outcome(State.DELIVERED), Outcome(State.UNKNOWN)


@pytest.fixture
def ledger(
    deployment: Deployment, ledger_has_time: None, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    """Klaviyo takes as long as what is written early."""
    monkeypatch.setattr(Ahead, "call_off", Ahead.get)
    return deployment.with_ledger()


def people(number: int = NUMBER, **changes: Any) -> list[dict[str, Any]]:
    return [identify(each, **changes) for each in range(number)]


def items(deployment: Deployment, prefix: str) -> list[dict[str, Any]]:
    found = boto3.client("dynamodb").scan(TableName=deployment.variables["LEDGER_TABLE"])["Items"]
    return [each for each in found if each["pk"]["S"].startswith(prefix)]


def states(deployment: Deployment) -> dict[str, State]:
    stories = stories_of(deployment.variables["LEDGER_TABLE"])
    return {message_id: story.state for message_id, story in stories.items()}


def referring(deployment: Deployment) -> int:
    return sum("call" in each for each in items(deployment, "M#"))


def test_of_a_large_call_one_item_says_what_became_of_its_messages(ledger: Deployment) -> None:
    ledger.webhook(call(people()))
    assert len(items(ledger, "C#")) == 1
    assert not any("outcomes" in each for each in items(ledger, "M#"))
    story = ledger.story("identify-7")
    assert story is not None
    assert [each.outcomes for each in story.chapters] == [{"upsert_profile": DELIVERED}]
    assert set(states(ledger).values()) == {State.DELIVERED}


def test_a_small_call_has_no_item_of_its_own(ledger: Deployment) -> None:
    ledger.webhook(call(people(25)))
    assert items(ledger, "C#") == []
    assert set(states(ledger).values()) == {State.DELIVERED}


def test_a_large_call_that_segment_sends_again_is_answered_from_the_ledger(
    ledger: Deployment,
) -> None:
    ledger.webhook(call(people()))
    before = len(ledger.account.requests)
    status, body = ledger.webhook(call(people()))
    assert (status, body["delivered"]) == (200, NUMBER)
    assert len(ledger.account.requests) == before
    story = ledger.story("identify-7")
    assert story is not None
    assert [each.outcomes for each in story.chapters] == [{"upsert_profile": DELIVERED}, {}]


def test_what_comes_to_something_else_has_outcomes_of_its_own(ledger: Deployment) -> None:
    messages = people()
    messages[3]["traits"]["poison"] = True
    messages += [{"type": "page", "messageId": "page-1"}, track(messageId="bad-1", properties=7)]
    ledger.account.set_weather(Weather(refuse_items="pointer"))
    ledger.webhook(call(messages))
    expected = {each["messageId"]: State.DELIVERED for each in people()}
    other = {"identify-3": State.DEAD_LETTERED, "page-1": State.DROPPED}
    assert states(ledger) == {**expected, **other, "bad-1": State.DEAD_LETTERED}
    assert referring(ledger) == NUMBER - 1
    story = ledger.story("identify-3")
    assert story is not None
    ((outcome,),) = [each.outcomes.values() for each in story.chapters]
    assert (outcome.reason, outcome.code) == ("refused", "invalid")


def test_all_that_waits_for_the_same_reason_shares_it(ledger: Deployment) -> None:
    ledger.account.set_weather(Weather(down=True))
    ledger.webhook(call(people()))
    assert set(states(ledger).values()) == {State.WAITING}
    due = {each["operation"]["message_id"]: each["not_before"] for each in ledger.waiting()}
    for message_id, story in stories_of(ledger.variables["LEDGER_TABLE"]).items():
        ((outcome,),) = [each.outcomes.values() for each in story.chapters]
        assert (outcome.reason, outcome.status) == ("unavailable", 503)
        assert outcome.until == pytest.approx(due[message_id])


def test_what_arrived_before_is_kept_until_the_new_outcome_is_known(ledger: Deployment) -> None:
    ledger.webhook(call(people(3, timestamp="2026-11-22T10:00:00.000Z")))
    ledger.webhook(call(people()))
    assert set(states(ledger).values()) == {State.DELIVERED}
    assert referring(ledger) == NUMBER - 3
    story = ledger.story("identify-1")
    assert story is not None
    assert [each.outcomes for each in story.chapters] == [{"upsert_profile": DELIVERED}] * 2
    assert story.repeats == 1


class Stopped(BaseException):
    """The function's time was over."""


def test_a_function_that_is_stopped_leaves_messages_of_which_nothing_is_known(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:

    def stops(klaviyo: Klaviyo, *_: Any) -> Any:
        for work in klaviyo._sender.meanwhile:
            work()
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(Klaviyo, "deliver", stops)
        with pytest.raises(Stopped):
            ledger.webhook(call(people()))
    assert len(states(ledger)) == NUMBER
    assert set(states(ledger).values()) == {State.UNKNOWN}
    assert ledger.webhook(call(people()))[1]["delivered"] == NUMBER
    assert ledger.account.requests, "nobody knows that it was delivered"
    story = ledger.story("identify-1")
    assert story is not None
    assert [each.outcomes for each in story.chapters] == [
        {"upsert_profile": UNKNOWN},
        {"upsert_profile": DELIVERED},
    ]


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch,
    fails: Callable[[str, str], bool],
    failed: list[Any] | None = None,
) -> Iterator[None]:
    """DynamoDB fails on the writes of items for whose `pk` and attributes `fails` holds; these are
    the ones that have `failed`."""
    well = DynamoDb.call

    def unwell(self: DynamoDb, asked: Any, seconds: float) -> Any:
        for number, (operation, document) in enumerate(asked):
            puts = [
                request["PutRequest"]["Item"]
                for requests in document.get("RequestItems", {}).values()
                if operation == "BatchWriteItem"
                for request in requests
                if "PutRequest" in request
            ]
            if any(fails(put["pk"]["S"], " ".join(put)) for put in puts):
                if failed is not None:
                    failed.append((operation, document))
                yield number, TableError("InternalServerError")
            else:
                [(_, answer)] = well(self, [(operation, document)], seconds)
                yield number, answer

    with monkeypatch.context() as patched:
        patched.setattr(DynamoDb, "call", unwell)
        yield


def is_early(pk: str, names: str) -> bool:
    return pk == "M#identify-7" and "call" in names


def not_written(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        each
        for record in caplog.records
        if getattr(record, "reason", None) in ("fate_not_written", "fate_not_written_yet")
        for each in vars(record)["message_ids"]
    ]


def test_without_the_calls_item_nothing_is_known_and_the_messages_are_logged(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with failing(monkeypatch, lambda pk, _: pk.startswith("C#")):
        assert ledger.webhook(call(people()))[1]["delivered"] == NUMBER
    assert set(states(ledger).values()) == {State.UNKNOWN}
    assert sorted(not_written(caplog)) == sorted(each["messageId"] for each in people())


def test_what_was_not_written_early_is_written_later(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with failing(monkeypatch, is_early):
        ledger.webhook(call(people()))
    assert set(states(ledger).values()) == {State.DELIVERED}
    assert 0 < referring(ledger) < NUMBER
    assert not_written(caplog) == []


@pytest.mark.parametrize("is_poison", [True, False])
def test_what_is_written_early_and_arrives_late_changes_nothing(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch, *, is_poison: bool
) -> None:
    """A request that was not answered in time may be carried out after the one that followed."""
    ledger.account.set_weather(Weather(refuse_items="pointer"))
    messages = people()
    messages[7]["traits"]["poison"] = is_poison
    late: list[Any] = []
    with failing(monkeypatch, is_early, late):
        ledger.webhook(call(messages))
    expected = State.DEAD_LETTERED if is_poison else State.DELIVERED
    assert states(ledger)["identify-7"] is expected
    client = DynamoDb()
    assert late
    for each in late:
        list(client.call([each], 5.0))
    assert states(ledger)["identify-7"] is expected
    assert referring(ledger) == NUMBER


def test_where_too_many_differ_each_has_its_own(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "MOST_OTHERS", 2)
    ledger.account.set_weather(Weather(refuse_items="pointer"))
    messages = people()
    for each in messages[:3]:
        each["traits"]["poison"] = True
    ledger.webhook(call(messages))
    assert items(ledger, "C#") == []
    assert referring(ledger) == 0
    assert states(ledger)["identify-2"] is State.DEAD_LETTERED
    assert states(ledger)["identify-3"] is State.DELIVERED


def test_a_call_that_forgets_somebody_writes_nothing_early(ledger: Deployment) -> None:
    deletion = {"type": "delete", "messageId": "delete-1", "userId": "user-1"}
    ledger.webhook(call([*people(), deletion]))
    assert items(ledger, "C#") == []
    assert referring(ledger) == 0


@pytest.mark.usefixtures("ledger_has_time")
def test_where_klaviyo_is_not_asked_all_is_written_at_the_end(deployment: Deployment) -> None:
    ledger = deployment.with_ledger()
    messages = [{"type": "page", "messageId": f"page-{each}"} for each in range(NUMBER)]
    ledger.webhook(call(messages))
    assert set(states(ledger).values()) == {State.DROPPED}
    assert len(states(ledger)) == NUMBER


def test_if_nothing_is_written_early_all_further_items_are_left(ledger: Deployment) -> None:
    """As a set: the page looks up each of its items in it."""
    table = Table(ledger.variables["LEDGER_TABLE"], DynamoDb().call, 86_400.0)
    further = [marshalled({"pk": f"P#{each}", "sk": "N#a"}) for each in range(3)]
    expected = {(f"P#{each}", "N#a") for each in range(3)}
    assert early.Early("webhook").write(table, further, 5.0) == expected


def test_two_messages_of_one_id_share_nothing(ledger: Deployment) -> None:
    twice = [identify(1), track(1, messageId="identify-1")]
    ledger.webhook(call([*people()[2:], *twice]))
    assert set(states(ledger).values()) == {State.DELIVERED}
    assert len(states(ledger)) == NUMBER - 1
