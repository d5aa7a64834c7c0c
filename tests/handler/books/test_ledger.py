"""The functions write what becomes of each message into the ledger, on moto's server."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from handler import assembly
from handler.aws.dynamodb import DynamoDb
from handler.books.outcomes import of_delivery
from handler.queue.backoff import PACE
from handler.queue.envelope import Entry
from handler.queue.routing import route
from klaviyo_client.api.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_client.results import Delivery, Result
from ledger.allowance import SECONDS
from ledger.calls import Asked, Requests, TableError
from ledger.fates import Outcome, State
from ledger.stories import Story
from local.background import serving
from local.klaviyo_stand_in import Weather
from operations import Identity, Subscribe, UpsertProfile
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, identify, order, track

ROOT = Path(__file__).parents[3]


@pytest.fixture
def ledger(deployment: Deployment, ledger_has_time: None) -> Deployment:
    return deployment.with_ledger()


def story_of(deployment: Deployment, message_id: str) -> Story:
    story = deployment.story(message_id)
    assert story is not None
    return story


def outcomes(story: Story) -> list[tuple[str, dict[str, Outcome]]]:
    return [(chapter.by, chapter.outcomes) for chapter in story.chapters]


def drain(deployment: Deployment) -> None:
    """The retry function takes all that waits, as if it were due."""
    assert deployment.retry(batch(envelope(*deployment.take_all()))) == {"batchItemFailures": []}


def due(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "not_before"}


def metrics(printed: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in map(json.loads, printed.splitlines()):
        for each in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            for metric in each["Metrics"]:
                value = line[metric["Name"]]
                found[metric["Name"]] = sum(value) if isinstance(value, list) else value
    return found


DELIVERED = Outcome(State.DELIVERED)


def test_a_delivered_message(ledger: Deployment) -> None:
    ledger.webhook(call([identify(), order()]))
    story = story_of(ledger, "identify-1")
    assert (story.kind, story.state, story.repeats) == ("identify", State.DELIVERED, 0)
    assert outcomes(story) == [("webhook", {"upsert_profile": DELIVERED})]
    story = story_of(ledger, "order-1")
    assert story.kind == "track"
    assert [name.partition(":")[0] for name in story.chapters[0].outcomes] == ["create_event"] * 3


def test_a_dropped_and_an_invalid_message(ledger: Deployment) -> None:
    dropped = {"type": "page", "messageId": "page-1", "userId": "u"}
    ledger.webhook(call([dropped, track(messageId="bad-1", properties=7)]))
    assert outcomes(story_of(ledger, "page-1")) == [
        ("webhook", {"message": Outcome(State.DROPPED, "unsupported_type")})
    ]
    assert outcomes(story_of(ledger, "bad-1")) == [
        (
            "webhook",
            {"message": Outcome(State.DEAD_LETTERED, "invalid_message", about="properties")},
        )
    ]


def test_a_message_that_waits_and_is_delivered_later(ledger: Deployment) -> None:
    ledger.account.set_weather(Weather(down=True))
    ledger.webhook(call([track()]))
    story = story_of(ledger, "track-1")
    ((_, first),) = outcomes(story)
    ((name, outcome),) = first.items()
    assert story.state is State.WAITING
    assert (outcome.state, outcome.reason, outcome.status) == (State.WAITING, "unavailable", 503)
    (entry,) = ledger.waiting()
    assert outcome.until == pytest.approx(entry["not_before"])
    ledger.account.set_weather(Weather())
    drain(ledger)
    story = story_of(ledger, "track-1")
    assert outcomes(story) == [("webhook", first), ("retry", {name: DELIVERED})]
    assert story.state is State.DELIVERED


def test_a_refused_message_has_klaviyos_code_and_nothing_of_what_it_says(
    ledger: Deployment,
) -> None:
    ledger.account.set_weather(Weather(refuse_items="pointer"))
    traits = {"email": "ada@acme-store.example", "poison": True}
    ledger.webhook(call([identify(traits=traits)]))
    story = story_of(ledger, "identify-1")
    (outcome,) = story.chapters[0].outcomes.values()
    assert (story.state, outcome.reason, outcome.status) == (State.DEAD_LETTERED, "refused", 400)
    assert outcome.code == "invalid"


def test_what_has_failed_for_a_day_is_dead_lettered_with_its_last_reason(
    ledger: Deployment,
) -> None:
    ledger.account.set_weather(Weather(down=True))
    ledger.webhook(call([track()]))
    (entry,) = ledger.waiting()
    late = {**due(entry), "first_failed_at": entry["first_failed_at"] - 86_400}
    ledger.retry(batch(envelope(late)))
    story = story_of(ledger, "track-1")
    (outcome,) = story.chapters[-1].outcomes.values()
    assert outcome == Outcome(State.DEAD_LETTERED, "retries_exhausted", "unavailable", 503)
    assert story.state is State.DEAD_LETTERED


def test_what_is_put_back_untried_is_not_noted_again(ledger: Deployment) -> None:
    ledger.account.set_weather(Weather(down=True))
    for number in range(12):
        ledger.webhook(call([track(number)]))
    before = [outcomes(story_of(ledger, f"track-{number}")) for number in range(12)]
    for _ in range(2):
        entries = [{**each, "not_before": time.time() + 600} for each in ledger.waiting()]
        ledger.retry(batch(envelope(*entries)))
    assert [outcomes(story_of(ledger, f"track-{number}")) for number in range(12)] == before


def test_messages_that_the_retry_function_maps(ledger: Deployment) -> None:
    dropped = {"type": "page", "messageId": "page-1", "userId": "u"}
    entries = [
        {"message": each, "first_failed_at": time.time() - 60}
        for each in (track(), dropped, track(messageId="bad-1", properties=7))
    ]
    ledger.retry(batch(envelope(*entries)))
    story = story_of(ledger, "track-1")
    assert (story.kind, story.state) == ("track", State.DELIVERED)
    assert story.arrived_at == pytest.approx(time.time() - 60, abs=30)
    assert story_of(ledger, "page-1").state is State.DROPPED
    assert story_of(ledger, "bad-1").state is State.DEAD_LETTERED


def test_a_message_that_nobody_had_time_to_map_waits_for_it(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("handler.deadline.MAPPING_SHARE", 0.0)
        ledger.webhook(call([track(1), track(2)]))
    assert outcomes(story_of(ledger, "track-2")) == [
        ("webhook", {"message": Outcome(State.WAITING, "not_mapped_yet")})
    ]
    drain(ledger)
    story = story_of(ledger, "track-2")
    assert (story.kind, story.state) == ("track", State.DELIVERED)


def test_a_message_that_was_mapped_and_is_on_no_queue_waits_still(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch comes again."""
    with monkeypatch.context() as patched:
        patched.setattr("handler.deadline.MAPPING_SHARE", 0.0)
        ledger.webhook(call([track(1), track(2)]))
    before = story_of(ledger, "track-2")
    ledger.account.set_weather(Weather(down=True))
    entries = ledger.take_all()
    broken = ledger.with_settings(RETRY_QUEUE_URL=f"{ledger.queues.retry_queue_url}-gone")
    assert broken.retry(batch(envelope(*entries)))["batchItemFailures"]
    assert story_of(ledger, "track-2") == before
    ledger.account.set_weather(Weather())
    ledger.retry(batch(envelope(*entries)))
    story = story_of(ledger, "track-2")
    assert (story.state, story.repeats) == (State.DELIVERED, 0)


def test_a_profile_that_an_import_job_refuses_was_delivered_and_is_a_dead_letter(
    ledger: Deployment,
) -> None:
    ledger.account.set_weather(Weather(refuse_items="import"))
    messages = [
        identify(number, traits={"email": f"p{number}@acme-store.example", "poison": number == 3})
        for number in range(10)
    ]
    ledger.webhook(call(messages))
    assert story_of(ledger, "identify-3").state is State.DELIVERED
    drain(ledger)
    story = story_of(ledger, "identify-3")
    assert [by for by, _ in outcomes(story)] == ["webhook", "retry"]
    assert story.state is State.DEAD_LETTERED
    assert story_of(ledger, "identify-4").state is State.DELIVERED
    # It is not known to be delivered any more.
    before = len(ledger.account.requests)
    ledger.webhook(call([messages[3]]))
    assert len(ledger.account.requests) > before


# Messages that Segment sends again


def test_what_is_known_to_be_delivered_is_not_sent_again(
    ledger: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [identify(), order(), track(2)]
    ledger.webhook(call(messages))
    before = len(ledger.account.requests)
    capsys.readouterr()
    status, body = ledger.webhook(call([*messages, track(3)]))
    assert status == 200
    assert {name: body[name] for name in ("received", "delivered")} == {
        "received": 4,
        "delivered": 4,
    }
    assert [line for line in body["messages"] if line.get("repeated")] == [
        {"message_id": each["messageId"], "outcome": "delivered", "repeated": True}
        for each in messages
    ]
    assert len(ledger.account.requests) == before + 1
    found = metrics(capsys.readouterr().out)
    assert (found["MessagesRepeated"], found["MessagesDelivered"]) == (3, 4)
    story = story_of(ledger, "order-1")
    assert story.state is State.DELIVERED
    assert story.chapters[1].outcomes == {}


def test_a_message_and_its_person_are_looked_up_at_once(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One round trip for both."""
    reads: list[int] = []
    ask = Requests.ask

    def counted(requests: Requests, asked: Any, *rest: Any) -> Any:
        all_asked = list(asked)
        if any(operation == "BatchGetItem" for operation, _ in all_asked):
            reads.append(len(all_asked))
        return ask(requests, all_asked, *rest)

    monkeypatch.setattr(Requests, "ask", counted)
    ledger.webhook(call([identify()]))
    ledger.webhook(call([identify(traits={"email": "person1@acme-store.example", "a": 1})]))
    assert reads == [2, 2]


def test_what_was_delivered_later_is_not_sent_again_either(ledger: Deployment) -> None:
    ledger.account.set_weather(Weather(down=True))
    ledger.webhook(call([order()]))
    ledger.account.set_weather(Weather())
    drain(ledger)
    before = len(ledger.account.requests)
    ledger.webhook(call([order()]))
    assert len(ledger.account.requests) == before


def test_what_waits_is_sent_again_and_its_earlier_arrival_is_kept(ledger: Deployment) -> None:
    ledger.account.set_weather(Weather(down=True))
    ledger.webhook(call([track()]))
    ledger.account.set_weather(Weather())
    ledger.webhook(call([track()]))
    story = story_of(ledger, "track-1")
    assert (story.state, story.repeats) == (State.DELIVERED, 1)
    assert story.chapters[0].at == story.arrived_at
    assert [by for by, _ in outcomes(story)] == ["webhook", "webhook"]


def test_profiles_whose_import_nobody_would_check_are_sent_again(ledger: Deployment) -> None:
    """Otherwise nobody would learn what the import job has refused."""
    queue_url = ledger.queues.retry_queue_url
    messages = [identify(number) for number in range(8)]
    broken = ledger.with_settings(RETRY_QUEUE_URL=f"{queue_url}-gone")
    assert broken.webhook(call(messages))[0] == 503
    assert ledger.webhook(call(messages))[0] == 200
    assert [each["operation"]["kind"] for each in ledger.waiting()] == ["check_import"]


def test_a_message_of_which_not_all_is_known_is_sent_again(ledger: Deployment) -> None:
    """As after a call whose queue was not to be had."""
    ledger.webhook(call([order()]))
    table, client = ledger.variables["LEDGER_TABLE"], boto3.client("dynamodb")
    key = {"pk": {"S": "M#order-1"}, "sk": {"S": "0"}}
    for outcomes in ("[]", '[{"state":"delivered","operations":["create_event:12345678"]}]'):
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET outcomes = :o",
            ExpressionAttributeValues={":o": {"S": outcomes}},
        )
        before = len(ledger.account.requests)
        ledger.webhook(call([order()]))
        assert len(ledger.account.requests) == before + 3


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_operations_of_one_name_the_worse_outcome_is_noted(order: tuple[int, int]) -> None:
    results = [
        Result(Subscribe("m-1", "ada@acme-store.example", None), Delivered()),
        Result(Subscribe("m-1", "eve@acme-store.example", None), Retryable(RetryReason.TIMEOUT)),
    ]
    delivery = Delivery(tuple(results[each] for each in order))
    entries = [Entry(operation=result.operation) for result in delivery.results]
    routing = route(entries, delivery, now=0.0, retry_seconds=60, chance=0.0)
    missing: frozenset[str | None] = frozenset()
    found = of_delivery(entries, delivery, routing, now=0.0, pace=PACE, missing=missing)
    assert found["m-1"]["subscribe"].state is State.WAITING


@pytest.mark.parametrize(
    ("missing", "is_noted"), [(set(), True), ({"another SQS message"}, True), ({None}, False)]
)
def test_what_an_import_refuses_is_noted_unless_its_check_comes_again(
    missing: set[str | None], *, is_noted: bool
) -> None:
    """A check whose dead letters could not be stored is made again with its whole batch."""
    profile = UpsertProfile("m-1", Identity(email="ada@acme-store.example"))
    delivery = Delivery((), import_failures=(Result(profile, Refused(200, "invalid", "")),))
    routing = route([], delivery, now=0.0, retry_seconds=60, chance=0.0)
    found = of_delivery([], delivery, routing, now=0.0, pace=PACE, missing=frozenset(missing))
    states = {name: outcome.state for name, outcome in found.get("m-1", {}).items()}
    assert states == ({"upsert_profile": State.DEAD_LETTERED} if is_noted else {})


def test_another_message_of_the_same_id_is_sent(ledger: Deployment) -> None:
    ledger.webhook(call([identify()]))
    before = len(ledger.account.requests)
    traits = {"email": "person1@acme-store.example", "firstName": "Grace"}
    ledger.webhook(call([identify(traits=traits)]))
    assert len(ledger.account.requests) == before + 1


# People


def test_the_table_holds_nothing_personal(ledger: Deployment) -> None:
    message = identify(
        messageId="ada@acme-store.example",
        traits={"email": "ada@acme-store.example", "firstName": "Ada", "phone": "+14155550123"},
    )
    ledger.webhook(call([message, track(1)]))
    text = json.dumps(boto3.client("dynamodb").scan(TableName=ledger.variables["LEDGER_TABLE"]))
    assert "M#track-1" in text
    for personal in ("acme-store", "Ada", "4155550123", "user-1"):
        assert personal not in text


@pytest.mark.parametrize(
    "settings",
    [{}, {"FORWARD_DELETIONS": "true"}, {"ENFORCE_EMAIL": "false", "FORWARD_DELETIONS": "true"}],
)
def test_a_deletion_forgets_the_person_by_the_user_id(
    settings: dict[str, str], ledger: Deployment
) -> None:
    deployment = ledger.with_settings(**settings)
    deployment.webhook(call([identify(1), track(1), identify(2)]))
    client = boto3.client("dynamodb")

    def people() -> tuple[int, int]:
        items = client.scan(TableName=ledger.variables["LEDGER_TABLE"])["Items"]
        of_people = [
            item["sk"]["S"] for item in items if "person" in item or item["pk"]["S"][:2] == "P#"
        ]
        words = of_people.count("words")
        return len(of_people) - words, words

    names = 2 if "ENFORCE_EMAIL" in settings else 1
    assert people() == (5, 2 * names), (
        "three messages, and the user id of each of two people; and words by each name"
    )
    deletion = {"type": "delete", "messageId": "delete-1", "userId": "user-1"}
    deployment.webhook(call([deletion]))
    assert people() == (2, names)
    assert deployment.story("identify-1") is None
    assert story_of(deployment, "identify-2").state is State.DELIVERED
    assert story_of(deployment, "delete-1").kind == "delete"


def test_a_user_id_that_is_nobodys_forgets_nobody(ledger: Deployment) -> None:
    ledger.webhook(call([identify(1, userId="undefined"), identify(2, userId="undefined")]))
    ledger.webhook(call([{"type": "delete", "messageId": "delete-1", "userId": "undefined"}]))
    assert story_of(ledger, "identify-1").state is State.DELIVERED
    assert story_of(ledger, "identify-2").state is State.DELIVERED


# A ledger that is unwell, or not there


class Dynamo:
    """A DynamoDB that answers so late, or with this error, or this; or throttles all items."""

    def __init__(self, seconds: float, error: str | None, nonsense: bytes | None = None) -> None:
        self.seconds, self.error, self.nonsense = seconds, error, nonsense

    def answer(self, body: bytes) -> tuple[int, bytes]:
        time.sleep(self.seconds)
        if self.error:
            return 400, json.dumps({"__type": f"com.amazonaws#{self.error}"}).encode()
        if self.nonsense is not None:
            return 200, self.nonsense
        wanted = json.loads(body).get("RequestItems", {})
        left = {"UnprocessedItems": wanted, "UnprocessedKeys": wanted}
        return 200, json.dumps({"Responses": {}, **left}).encode()


NONSENSE = json.dumps(
    {
        "Attributes": {"p#create_event": {"S": "soon"}, "open_until": {"X": 1}},
        "Responses": {"ledger": [7]},
        "Items": 7,
        "UnprocessedItems": 7,
        "CancellationReasons": [7],
    }
).encode()


@contextmanager
def served(dynamo: Dynamo) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = dynamo.answer(body)
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing is written."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with serving(server) as url:
        yield url


@pytest.mark.alone
@pytest.mark.parametrize(
    "dynamo",
    [
        Dynamo(0.0, None),
        Dynamo(0.0, "ProvisionedThroughputExceededException"),
        Dynamo(0.0, "ResourceNotFoundException"),
        Dynamo(0.0, None, b"<html>"),
        Dynamo(0.0, None, NONSENSE),
    ],
    ids=["throttled by item", "throttled", "no table", "a proxy's page", "nonsense"],
)
def test_an_unwell_ledger_costs_little_time_and_changes_no_answer(
    dynamo: Dynamo,
    ledger: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    messages = [identify(1), order(), {"type": "page"}, *(track(each) for each in range(60))]
    without = ledger.with_settings(LEDGER_TABLE="")
    expected = without.webhook(call(messages))
    began = time.monotonic()
    assert without.webhook(call(messages)) == expected
    usual = time.monotonic() - began
    with served(dynamo) as url:
        monkeypatch.setattr("handler.books.opening.SECONDS", SECONDS)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        capsys.readouterr()
        began = time.monotonic()
        assert ledger.webhook(call(messages)) == expected
        assert time.monotonic() - began - usual < 1.0, "300 ms, and some for a busy machine"
        failures = metrics(capsys.readouterr().out)["LedgerFailures"]
        assert failures >= (1 if dynamo.nonsense == NONSENSE else 62)
        began = time.monotonic()
        assert ledger.retry(batch(envelope({"message": track(99)}))) == {"batchItemFailures": []}
        assert time.monotonic() - began < 2.0, "not the five seconds that it has"
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    assert ledger.webhook(call(messages)) == expected


@pytest.mark.alone
def test_for_a_ledger_that_is_slow_only_what_needs_it_waits(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [identify(1), order(), {"type": "page"}, *(track(each) for each in range(60))]
    without = ledger.with_settings(LEDGER_TABLE="")
    without.webhook(call(messages))
    began = time.monotonic()
    without.webhook(call(messages))
    usual = time.monotonic() - began
    with served(Dynamo(2.0, None)) as url:
        monkeypatch.setattr("handler.books.opening.SECONDS", SECONDS)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        began = time.monotonic()
        status, body = ledger.webhook(call(messages))
        assert time.monotonic() - began - usual < 1.0, "300 ms, and some for a busy machine"
    assert (status, body["delivered"], body["queued"], body["dropped"]) == (200, 61, 1, 1)
    (entry,) = ledger.waiting()
    assert entry["operation"]["kind"] == "upsert_profile"
    assert "attempts" not in entry, "nothing was tried"


@pytest.mark.parametrize(
    ("minutes", "retry_hours", "waits"),
    [(50, "24", True), (70, "24", False), (25, "1", True), (35, "1", False)],
)
def test_a_late_ledger_is_waited_for_an_hour_or_half_of_the_retry_window(
    ledger: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    retry_hours: str,
    *,
    waits: bool,
) -> None:
    """The rest of the window is for Klaviyo: nothing becomes a dead letter for a late ledger."""
    deployment = ledger.with_settings(RETRY_HOURS=retry_hours)
    message = {"message": identify(1), "first_failed_at": time.time() - 60 * minutes}
    with served(Dynamo(2.0, None)) as url:
        monkeypatch.setattr("ledger.allowance.PATIENT_SECONDS", 0.3)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        assert deployment.retry(batch(envelope(message))) == {"batchItemFailures": []}
    assert (len(deployment.waiting()), len(list(deployment.account.profiles))) == (
        (1, 0) if waits else (0, 1)
    )
    assert deployment.dead() == []


@pytest.mark.usefixtures("ledger_has_time")
def test_a_fault_of_the_ledgers_own_costs_no_message(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("handler.books.recording.of_delivery", broken)
    status, body = ledger.webhook(call([identify(1)]))
    assert (status, body["delivered"]) == (200, 1)
    assert ledger.retry(batch(envelope({"message": identify(2)}))) == {"batchItemFailures": []}
    assert len(list(ledger.account.profiles)) == 2
    said = [vars(each)["codes"] for each in caplog.records if each.message == "ledger failures"]
    # Of the retry function. A busy machine may add codes of another kind.
    assert sum(codes.get("unexpected", 0) for codes in said) == 1


def test_the_retry_function_records_its_results_however_late_the_ledger_was_before(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it claims what is sent in time, and takes too long to note what was accepted."""
    call_, puts = DynamoDb.call, itertools.count()

    def late_to_note(self: DynamoDb, asked: Iterable[Asked], seconds: float) -> Any:
        for number, each in enumerate(asked):
            if each[0] == "PutItem" and next(puts):
                time.sleep(seconds)
                yield number, TableError("TimedOut")
            else:
                [(_, answer)] = call_(self, [each], seconds)
                yield number, answer

    monkeypatch.setattr(DynamoDb, "call", late_to_note)
    monkeypatch.setattr("ledger.allowance.PATIENT_SECONDS", 1.0)
    due = [{"message": identify(1)}, {"message": track(2)}]
    assert ledger.retry(batch(envelope(*due))) == {"batchItemFailures": []}
    states = [story_of(ledger, name).state for name in ("identify-1", "track-2")]
    assert states == [State.WAITING, State.DELIVERED]


def test_the_messages_whose_fate_was_not_written_yet_are_logged(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    message = track()
    with served(Dynamo(0.0, "ProvisionedThroughputExceededException")) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        ledger.webhook(call([message]))
    logged = [
        vars(each)["message_ids"]
        for each in caplog.records
        if getattr(each, "reason", None) == "fate_not_written_yet"
    ]
    assert logged == [[message["messageId"]]]


def late_to_put(monkeypatch: pytest.MonkeyPatch, is_late: Callable[[int], bool]) -> None:
    """DynamoDB is late for each item that is put singly if `is_late` says so of its number."""
    usual, puts = DynamoDb.call, itertools.count()

    def call_(self: DynamoDb, asked: Iterable[Asked], seconds: float) -> Any:
        for number, each in enumerate(asked):
            if each[0] == "PutItem" and is_late(next(puts)):
                yield number, TableError("TimedOut")
            else:
                [(_, answer)] = usual(self, [each], seconds)
                yield number, answer

    monkeypatch.setattr(DynamoDb, "call", call_)


def said_of_jane(number: int, name: str, minute: int = 0, **properties: Any) -> dict[str, Any]:
    return track(
        number,
        event=name,
        properties={"email": "jane@acme-store.example", **properties},
        timestamp=f"2026-11-23T10:0{minute}:00Z",
    )


def consent_of_jane(ledger: Deployment) -> str:
    jane = ledger.account.profiles.by_email("jane@acme-store.example")
    assert jane is not None
    return jane.consents["email.marketing"]


def test_a_withdrawal_from_everything_is_left_to_the_function_that_has_more_time(
    ledger: Deployment,
) -> None:
    webhook = assembly.webhook({**ledger.variables, "CONSENT_EVENTS": "true"})
    assert webhook.books is not None
    webhook.handle(call([identify(1)]))
    webhook.books.seconds = 0.0
    webhook.handle(call([said_of_jane(2, "User Unsubscribed")]))
    (entry,) = ledger.waiting()
    assert entry["operation"]["kind"] == "unsubscribe"
    assert entry["not_before"] < time.time() + 10.0


def test_a_withdrawal_from_everything_is_sent_before_the_ledger_is_in_time(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it can be read that nothing newer says the opposite. It waits to be recorded."""
    is_late: list[bool] = []
    late_to_put(monkeypatch, lambda _: bool(is_late))
    ledger.account.add_subscribed("jane@acme-store.example", "Y6nRLr")
    retry = assembly.retry({**ledger.variables, "CONSENT_EVENTS": "true"})
    retry.handle(batch(envelope({"message": identify(1)})), 60.0)
    is_late.append(True)
    began = time.time()
    withdrawal = said_of_jane(2, "User Unsubscribed")
    retry.handle(batch(envelope({"message": withdrawal})), 60.0)
    assert consent_of_jane(ledger) == "UNSUBSCRIBED"
    (again,) = ledger.waiting()
    assert (again["operation"]["kind"], again["attempts"]) == ("unsubscribe", 1)
    assert began <= again["operation"]["sent_at"] <= time.time()
    assert again["not_before"] >= began + 30.0


@pytest.fixture
def unrecorded(ledger: Deployment, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The entry of a consent that was sent, and that could not be recorded in time."""
    late_to_put(monkeypatch, lambda number: number == 1)  # after the claim
    monkeypatch.setattr("klaviyo_client.checking.MARGIN", -60.0)  # its claim has ended soon
    consent = said_of_jane(1, "User Subscribed", 5, list_id="WmB7kT")
    ledger.with_settings(CONSENT_EVENTS="true").webhook(call([consent]))
    assert consent_of_jane(ledger) == "SUBSCRIBED"
    (entry,) = ledger.take_all()
    return due(entry)


def test_a_consent_that_could_not_be_recorded_in_time_waits(
    ledger: Deployment, unrecorded: dict[str, Any]
) -> None:
    assert unrecorded["operation"]["kind"] == "subscribe"
    assert unrecorded["operation"]["sent_at"] == pytest.approx(time.time(), abs=60.0)
    assert story_of(ledger, "track-1").state is State.WAITING


def test_a_consent_that_waits_to_be_recorded_is_not_sent_again(
    ledger: Deployment, unrecorded: dict[str, Any]
) -> None:
    before = ledger.account.counts.total()
    assert ledger.retry(batch(envelope(unrecorded))) == {"batchItemFailures": []}
    assert ledger.account.counts.total() == before
    assert (ledger.waiting(), ledger.dead()) == ([], [])
    assert story_of(ledger, "track-1").state is State.DELIVERED


def test_a_consent_that_waits_to_be_recorded_is_not_sent_again_where_the_ledger_was_turned_off(
    ledger: Deployment, unrecorded: dict[str, Any]
) -> None:
    before = ledger.account.counts.total()
    without = ledger.with_settings(LEDGER_TABLE="")
    assert without.retry(batch(envelope(unrecorded))) == {"batchItemFailures": []}
    assert ledger.account.counts.total() == before
    assert (ledger.waiting(), ledger.dead()) == ([], [])


def test_a_consent_that_was_recorded_later_stands_against_an_older_withdrawal(
    ledger: Deployment, unrecorded: dict[str, Any]
) -> None:
    ledger.retry(batch(envelope(unrecorded)))
    withdrawal = said_of_jane(2, "User Unsubscribed", 3)
    deployment = ledger.with_settings(CONSENT_EVENTS="true")
    deployment.retry(batch(envelope({"message": withdrawal})))
    assert consent_of_jane(ledger) == "SUBSCRIBED"


def test_what_a_late_ledger_holds_up_is_sent_before_its_retry_window_ends(
    ledger: Deployment,
) -> None:
    """The shortest window is an hour, and a batch may take a part of its last minute."""
    function = assembly.retry({**ledger.variables, "RETRY_HOURS": "1"})
    assert function.books is not None
    function.handle(batch(envelope({"message": identify(1)})), 60.0)
    function.books.seconds = 0.0
    began, moments = time.time(), itertools.count(step=10.0)
    slow = replace(function, now=lambda: datetime.fromtimestamp(began + next(moments), UTC))
    slow.handle(batch(envelope({"message": identify(2), "first_failed_at": began - 3_580})), 60.0)
    function.telemetry.flush()
    assert (ledger.waiting(), ledger.dead()) == ([], [])


@pytest.mark.parametrize("key", [None, "", "too short"])
def test_without_a_key_in_the_secret_the_ledger_is_off_and_says_so(
    key: str | None,
    ledger: Deployment,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    secrets = boto3.client("secretsmanager")
    arn = ledger.queues.secret_arn
    secret = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    secret["ledger_key"] = key
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(secret))
    status, body = ledger.webhook(call([track()]))
    assert (status, body["delivered"]) == (200, 1)
    assert metrics(capsys.readouterr().out)["LedgerFailures"] == 1
    (record,) = [each for each in caplog.records if each.message == "ledger off"]
    assert vars(record)["detail"] == (
        "ledger_key: expected a text of 32 characters or more in the secret; "
        "`klaviyo-destination secret set` makes one"
    )
    assert ledger.story("track-1") is None


def test_without_a_ledger_nothing_of_it_is_loaded() -> None:
    program = """
import sys
from handler import assembly
variables = {
    "RETRY_QUEUE_URL": "http://127.0.0.1/retry",
    "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1/dead",
    "CREDENTIALS_SECRET_ARN": "arn",
    "LEDGER_TABLE": sys.argv[1],
}
assembly.webhook(variables), assembly.retry(variables)
side_by_side = "handler.aws.side_by_side"
names = {"boto3", "ledger", "handler.books", "handler.aws.dynamodb", side_by_side}
print(sorted(names.intersection(sys.modules)))
"""

    def loaded(table: str) -> str:
        command = [sys.executable, "-c", program, table]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            command, env=environment, check=True, text=True, stdout=subprocess.PIPE
        )
        return done.stdout.strip()

    assert loaded("") == "[]"
    assert loaded("a-table") == (
        "['handler.aws.dynamodb', 'handler.aws.side_by_side', 'handler.books', 'ledger']"
    )
