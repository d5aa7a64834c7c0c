"""What a call could not write about its messages is written with the next call of its process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from handler import assembly
from handler.books import carried
from handler.books.carried import Carried, Unwritten
from handler.intake import Intake
from ledger.allowance import Allowance
from ledger.calls import Requests, TableError
from ledger.fates import State
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.fates import stories_of
from tests.handler import calls
from tests.handler.calls import batch, call, envelope, identify

CODE = "InternalServerError"


def track(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A track of a person with one identifier: nothing but its fate is written."""
    return calls.track(number, **changes, properties={"price": 39.95})


@pytest.fixture
def ledger(deployment: Deployment, ledger_has_time: None) -> Deployment:
    return deployment.with_ledger().with_settings(ENFORCE_EMAIL="false")


@contextmanager
def unwritten(
    monkeypatch: pytest.MonkeyPatch, code: str = CODE, prefix: str = ""
) -> Iterator[list[str]]:
    """DynamoDB fails on the writes of fates whose `pk` begins so; gives the `pk`s it was asked to
    write."""
    well, wanted = Requests.ask, list[str]()

    def unwell(self: Requests, asked: Any, until: float, allowance: Allowance) -> Any:
        for number, (operation, document) in enumerate(asked):
            if operation == "BatchWriteItem":
                ((_, requests),) = document["RequestItems"].items()
                pks = [each["PutRequest"]["Item"]["pk"]["S"] for each in requests]
                wanted.extend(pks)
                if any(pk.startswith(prefix) for pk in pks):
                    yield number, TableError(code)
                    continue
            [(_, answer)] = well(self, [(operation, document)], until, allowance)
            yield number, answer

    with monkeypatch.context() as patched:
        patched.setattr(Requests, "ask", unwell)
        yield wanted


@pytest.fixture
def webhook(ledger: Deployment) -> Intake:
    return assembly.webhook(ledger.variables)


def states(ledger: Deployment) -> dict[str, State]:
    stories = stories_of(ledger.variables["LEDGER_TABLE"])
    return {message_id: story.state for message_id, story in stories.items()}


def chapters(ledger: Deployment, message_id: str) -> list[tuple[str, list[State]]]:
    story = ledger.story(message_id)
    assert story is not None
    return [
        (each.by, [outcome.state for outcome in each.outcomes.values()]) for each in story.chapters
    ]


def items(ledger: Deployment, pk: str) -> list[dict[str, Any]]:
    found = boto3.client("dynamodb").scan(TableName=ledger.variables["LEDGER_TABLE"])["Items"]
    return [each for each in found if each["pk"]["S"] == pk]


def logged(caplog: pytest.LogCaptureFixture, reason: str) -> list[str]:
    return [
        each
        for record in caplog.records
        if getattr(record, "reason", None) == reason
        for each in vars(record)["message_ids"]
    ]


def failures(caplog: pytest.LogCaptureFixture, code: str = CODE) -> list[int]:
    """What the calls have counted as `LedgerFailures` for this cause, one after the other."""
    codes = [vars(each)["codes"] for each in caplog.records if each.message == "ledger failures"]
    return [each[code] for each in codes if code in each]


def test_the_next_call_writes_what_a_call_could_not(
    ledger: Deployment,
    webhook: Intake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with unwritten(monkeypatch):
        webhook.handle(call([track(1), track(2)]))
        webhook.handle(call([track(3)]))
    assert states(ledger) == {}
    webhook.handle(call([track(4)]))
    assert states(ledger) == {f"track-{each}": State.DELIVERED for each in (1, 2, 3, 4)}
    assert failures(caplog) == [], "nothing is missing"
    assert logged(caplog, "fate_not_written_yet") == ["track-1", "track-2", "track-3"]
    assert logged(caplog, "fate_not_written") == []
    with unwritten(monkeypatch) as wanted:
        webhook.handle(call([track(5)]))
    assert set(wanted) == {"M#track-5"}, "nothing is written twice"


def test_the_retry_function_does_so_too(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry = assembly.retry(ledger.variables)
    with unwritten(monkeypatch):
        retry.handle(batch(envelope({"message": track(1)})), 60.0)
    retry.handle({"Records": []}, 60.0)
    assert states(ledger) == {"track-1": State.DELIVERED}


def test_the_item_of_a_call_is_carried_over_as_well(
    ledger: Deployment,
    webhook: Intake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("klaviyo_client.sending.ahead.Ahead.call_off", lambda self: self.get())
    ids = sorted(f"track-{each}" for each in range(40))
    with unwritten(monkeypatch, prefix="C#"):
        webhook.handle(call([track(each) for each in range(40)]))
    assert states(ledger) == dict.fromkeys(ids, State.UNKNOWN)
    assert sorted(logged(caplog, "fate_not_written_yet")) == ids
    webhook.handle(call([{"type": "page"}]))
    assert states(ledger) == dict.fromkeys(ids, State.DELIVERED)


def test_what_another_function_has_written_meanwhile_is_newer(
    ledger: Deployment, webhook: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.account.set_weather(Weather(down=True))
    with unwritten(monkeypatch):
        webhook.handle(call([track(1), identify(2)]))
    ledger.account.set_weather(Weather())
    ledger.retry(batch(envelope(*ledger.take_all())))
    ledger.webhook(call([track(1)]))
    ledger.webhook(call([track(1)]))
    webhook.handle(call([{"type": "page"}]))
    assert states(ledger) == dict.fromkeys(["track-1", "identify-2"], State.DELIVERED)
    waiting, delivered = [State.WAITING], [State.DELIVERED]
    assert chapters(ledger, "identify-2") == [("webhook", waiting), ("retry", delivered)]
    assert chapters(ledger, "track-1") == [
        ("webhook", waiting),
        ("retry", delivered),
        ("webhook", delivered),
        ("webhook", []),
    ]


def test_an_item_that_was_written_although_nobody_answered_tells_nothing_twice(
    ledger: Deployment, webhook: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook.handle(call([track(1, timestamp="2026-11-22T10:00:00.000Z")]))
    well = Requests.ask

    def late(self: Requests, asked: Any, until: float, allowance: Allowance) -> Any:
        for number, (operation, document) in enumerate(asked):
            [(_, answer)] = well(self, [(operation, document)], until, allowance)
            yield number, TableError("TimedOut") if operation == "BatchWriteItem" else answer

    with monkeypatch.context() as patched:
        patched.setattr(Requests, "ask", late)
        webhook.handle(call([track(1)]))
    expected = ledger.story("track-1")
    webhook.handle(call([{"type": "page"}]))
    assert ledger.story("track-1") == expected
    assert expected is not None
    assert (expected.repeats, len(expected.chapters)) == (1, 2)
    assert len(items(ledger, "M#track-1")) > 2


@pytest.mark.parametrize(
    ("name", "most"),
    [("MOST_ITEMS", 2), ("MOST_BYTES", 650)],
)
def test_of_too_many_the_oldest_are_given_up_and_counted_once(
    name: str,
    most: int,
    ledger: Deployment,
    webhook: Intake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(carried, name, most)
    with unwritten(monkeypatch):
        for number in (1, 2, 3):
            webhook.handle(call([track(number)]))
    assert failures(caplog) == [1]
    webhook.handle(call([{"type": "page"}]))
    assert states(ledger) == {"track-2": State.DELIVERED, "track-3": State.DELIVERED}
    assert logged(caplog, "fate_not_written") == ["track-1"]
    assert failures(caplog) == [1]


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_what_dynamodb_will_not_take_later_either_is_given_up_at_once(
    code: str,
    webhook: Intake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with unwritten(monkeypatch, code):
        webhook.handle(call([track(1)]))
    assert failures(caplog, code) == [1]
    assert logged(caplog, "fate_not_written") == ["track-1"]
    assert logged(caplog, "fate_not_written_yet") == []


def test_a_call_that_cannot_write_its_own_does_not_try_the_older_ones(
    webhook: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unwritten(monkeypatch):
        webhook.handle(call([track(1)]))
    with unwritten(monkeypatch) as wanted:
        webhook.handle(call([track(2)]))
    assert set(wanted) == {"M#track-2"}


def test_a_call_writes_no_more_than_its_part(
    ledger: Deployment, webhook: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried, "ITEMS_A_CALL", 2)
    with unwritten(monkeypatch):
        webhook.handle(call([track(each) for each in range(5)]))
    for expected in (2, 4, 5):
        webhook.handle(call([{"type": "page"}]))
        assert len(states(ledger)) == expected


def person_of(ledger: Deployment) -> list[bool]:
    return ["person" in each for each in items(ledger, "M#track-1")]


@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "with a later call"])
def test_nobody_is_found_who_was_forgotten_meanwhile(
    ledger: Deployment, webhook: Intake, monkeypatch: pytest.MonkeyPatch, *, is_late: bool
) -> None:
    deletion = {"type": "delete", "messageId": "delete-1", "userId": "user-1"}
    with unwritten(monkeypatch):
        webhook.handle(call([calls.track(1)]))
        if is_late:
            webhook.handle(call([deletion]))
    webhook.handle(call([{"type": "page"} if is_late else deletion]))
    assert person_of(ledger) == [False]


@pytest.mark.parametrize(("seconds", "is_found"), [(50.0, True), (70.0, False)])
def test_an_item_finds_its_person_for_a_minute(
    ledger: Deployment,
    webhook: Intake,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    *,
    is_found: bool,
) -> None:
    """Later, another function may have forgotten the person."""
    with unwritten(monkeypatch):
        webhook.handle(call([track(1)]))
    assert webhook.books is not None
    monkeypatch.setattr(webhook.books._table, "now", lambda: time.time() + seconds)
    webhook.handle(call([{"type": "page"}]))
    assert person_of(ledger) == [is_found]


def test_a_fault_while_it_is_written_loses_nothing(
    ledger: Deployment, webhook: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unwritten(monkeypatch):
        webhook.handle(call([track(1)]))
    with monkeypatch.context() as patched:
        patched.setattr(carried, "_item", None)
        webhook.handle(call([{"type": "page"}]))
    assert states(ledger) == {}
    webhook.handle(call([{"type": "page"}]))
    assert states(ledger) == {"track-1": State.DELIVERED}


def test_without_time_nothing_is_lost(ledger: Deployment) -> None:
    assert ledger.account is not None
    kept = Carried()
    kept.keep([Unwritten(b"{}", None, 1.0, "TimedOut", ("track-1",))])
    webhook = assembly.webhook(ledger.variables)
    assert webhook.books is not None
    assert kept.write(webhook.books._table, Allowance(0.0)) == []
    assert len(kept) == 1


def test_fates_do_not_wait_for_the_marks_of_what_was_refused_later(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mark takes a request: those of a large import job may take all of the time."""
    ledger.account.set_weather(Weather(refuse_items="import"))
    poison = {"email": "ada@acme-store.example", "poison": True}
    ledger.webhook(call([identify(1, traits=poison), *map(identify, range(2, 10))]))
    retry = assembly.retry(ledger.variables)
    well = Requests.ask

    def late(self: Requests, asked: Any, until: float, allowance: Allowance) -> Any:
        for number, (operation, document) in enumerate(asked):
            if "undone" in document.get("UpdateExpression", ""):
                allowance._left = 0.0
                yield number, TableError("TimedOut")
            else:
                [(_, answer)] = well(self, [(operation, document)], until, allowance)
                yield number, answer

    with monkeypatch.context() as patched:
        patched.setattr(Requests, "ask", late)
        retry.handle(batch(envelope(*ledger.take_all())), 60.0)
    (dead,) = ledger.dead()
    assert dead["operation"]["message_id"] == "identify-1"
    assert states(ledger)["identify-1"] is State.DEAD_LETTERED
