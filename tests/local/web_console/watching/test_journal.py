"""What became of each message: by the webhook's answer, and later by what the queues hold."""

import json
from typing import Any

import pytest

from handler.queue.envelope import Entry
from handler.report.message_ids import shown_id
from local.aws_stand_in.http_api import Exchange
from local.samples.sample_answers import answer
from local.web_console.watching.journal import KEPT, Journal, Line
from local.web_console.watching.queues import Dead, QueueContents, Waiting

TRACK = {"type": "track", "event": "Lid Lost", "userId": "u-1"}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def exchange(messages: Any, body: dict[str, Any], status: int = 200) -> Exchange:
    return Exchange(
        "POST", "/segment", status, json.dumps(body), 0.1, json.dumps(messages).encode()
    )


def track(message_id: str) -> dict[str, Any]:
    return {**TRACK, "messageId": message_id}


def outcome_of(message_id: str | None, outcome: str, **details: Any) -> dict[str, Any]:
    return {"message_id": message_id, "outcome": outcome, **details}


def fates(journal: Journal) -> list[tuple[str | None, str, str | None]]:
    """Id, outcome and reason of each message, the oldest first."""
    return [(line.message_id, line.outcome, line.reason) for line in journal.latest(KEPT)[::-1]]


def waiting(*message_ids: str) -> QueueContents:
    return QueueContents([Waiting((each,), "create_event", 1, 0.0, 0.0) for each in message_ids])


def dead(message_id: str, **reason: Any) -> QueueContents:
    return QueueContents((), [Dead(message_id, "create_event", reason, 0.0, "key", Entry())])


def queued(message_id: str) -> Journal:
    journal = Journal(Clock())
    lines = answer(outcome_of(message_id, "queued", reason="unavailable"), queued=1)
    journal.take_exchange(exchange(track(message_id), lines))
    return journal


def test_each_message_of_a_batch_has_its_own_fate() -> None:
    journal = Journal(Clock())
    lines = answer(
        outcome_of("b", "dropped", reason="missing_email"),
        outcome_of("d", "rejected", reason="refused", status=400),
        delivered=2,
        dropped=1,
        rejected=1,
    )
    journal.take_exchange(exchange([track("a"), track("b"), track("c"), track("d")], lines))
    assert fates(journal) == [
        ("a", "delivered", None),
        ("b", "dropped", "missing_email"),
        ("c", "delivered", None),
        ("d", "rejected", "refused"),
    ]
    assert journal.latest(1)[0].details == {"status": 400}
    assert journal.totals() == {"received": 4, "delivered": 2, "dropped": 1, "rejected": 1}


def test_messages_without_ids_are_distinguished_by_their_number() -> None:
    journal = Journal(Clock())
    lines = answer(
        outcome_of(None, "dropped", reason="missing_email"), outcome_of(None, "queued"), dropped=1
    )
    journal.take_exchange(exchange([TRACK, TRACK], lines))
    assert [outcome for _, outcome, _ in fates(journal)] == ["dropped", "queued"]


def test_line_says_what_and_who() -> None:
    journal = Journal(Clock())
    message = {**track("a"), "context": {"traits": {"email": "maria@acme-store.example"}}}
    journal.take_exchange(exchange(message, answer(delivered=1)))
    assert journal.latest(1) == [
        Line(1, 1, 100.0, "a", "track", "Lid Lost", "maria@acme-store.example", "delivered")
    ]


@pytest.mark.parametrize(
    ("sent", "ids"),
    [(b'[{"messageId":"a"},7]', ["a", None]), (b"no JSON", [None]), (b"[" * 100_000, [None])],
)
def test_request_that_is_turned_away_counts_each_of_its_messages(
    sent: bytes, ids: list[str | None]
) -> None:
    journal = Journal(Clock())
    error = answer() | {"error": {"code": "invalid_signature", "message": "…"}}
    journal.take_exchange(Exchange("POST", "/segment", 401, json.dumps(error), 0.1, sent))
    assert fates(journal) == [(each, "turned_away", "invalid_signature") for each in ids]


def test_answer_of_the_gateway_itself_has_its_status_as_its_reason() -> None:
    journal = Journal(Clock())
    journal.take_exchange(exchange(TRACK, {"message": "Request Entity Too Large"}, 413))
    assert fates(journal) == [(None, "turned_away", "413")]


def test_message_waits_as_long_as_the_queue_holds_it() -> None:
    journal = queued("a")
    journal.observe(waiting("a"), journal.number)
    assert fates(journal) == [("a", "queued", "unavailable")]


def test_message_that_no_queue_holds_any_more_is_delivered() -> None:
    journal = queued("a")
    journal.observe(waiting("other"), journal.number)
    [line] = journal.latest(1)
    assert (line.outcome, line.reason, line.ended_at) == ("delivered", None, 100.0)
    assert journal.totals() == {"received": 1, "queued": 1, "delivered": 1}


def test_message_that_came_after_the_look_is_not_judged_by_it() -> None:
    journal = queued("a")
    journal.observe(waiting(), journal.number - 1)
    assert fates(journal) == [("a", "queued", "unavailable")]


def test_dead_letter_is_refused_with_its_reason_until_it_is_redriven() -> None:
    journal = queued("a")
    journal.observe(dead("a", code="refused", status=400), journal.number)
    assert fates(journal) == [("a", "rejected", "refused")]
    assert journal.latest(1)[0].details == {"status": 400}
    journal.observe(waiting("a"), journal.number)
    assert fates(journal) == [("a", "queued", None)]
    journal.observe(waiting(), journal.number)
    assert fates(journal) == [("a", "delivered", None)]


def test_message_that_waits_is_followed_however_many_come_after_it() -> None:
    journal = queued("a")
    many = [track(f"m-{number}") for number in range(3 * KEPT)]
    journal.take_exchange(exchange(many, answer(delivered=len(many))))
    assert len(journal.latest(3 * KEPT)) == KEPT
    journal.observe(waiting(), journal.number)
    assert journal.totals()["delivered"] == 3 * KEPT + 1


def test_request_is_found_again_by_its_body() -> None:
    journal = Journal(Clock())
    journal.take_exchange(exchange([track("a"), track("b")], answer(delivered=2)))
    journal.take_exchange(exchange(track("c"), answer(delivered=1)))
    body = json.dumps([track("a"), track("b")]).encode()
    assert journal.exchange_of(body) == 1
    assert [line.message_id for line in journal.of_exchange(1)] == ["a", "b"]
    assert journal.exchange_of(b"another") is None


def test_message_that_is_mapped_late_may_be_dropped() -> None:
    journal = Journal(Clock(), drop_reason=lambda message: message["reason"])
    lines = answer(outcome_of("m-1", "queued", reason="not_mapped_yet"), queued=1)
    journal.take_exchange(exchange(track("m-1"), lines))
    late = Waiting(("m-1",), "message", 0, 0.0, 0.0, {"reason": "unsupported_type"})
    journal.observe(QueueContents([late]), journal.number)
    assert fates(journal) == [("m-1", "queued", "not_mapped_yet")]
    journal.observe(QueueContents(), journal.number)
    assert fates(journal) == [("m-1", "dropped", "unsupported_type")]


def test_message_that_is_corrected_and_dropped_before_the_next_look_is_dropped() -> None:
    journal = Journal(Clock(), drop_reason=lambda message: message["reason"])
    lines = answer(outcome_of("m-1", "rejected", reason="invalid_message"), rejected=1)
    journal.take_exchange(exchange(track("m-1"), lines))
    journal.take_entry(Entry(message={"messageId": "m-1", "reason": "unsupported_type"}))
    journal.observe(QueueContents(), journal.number)
    assert fates(journal) == [("m-1", "dropped", "unsupported_type")]


def test_message_of_a_bulk_import_waits_until_klaviyo_has_judged_it() -> None:
    journal = Journal(Clock())
    journal.take_exchange(exchange([track("a"), track("b")], answer(delivered=2)))
    check = Waiting(("a", "b"), "check_import", 0, 0.0, 0.0)
    journal.observe(QueueContents([check]), journal.number)
    assert fates(journal) == [(each, "queued", "import_pending") for each in "ab"]
    journal.observe(dead("b", code="refused"), journal.number)
    assert fates(journal) == [("a", "delivered", None), ("b", "rejected", "refused")]


def test_message_whose_import_is_all_that_is_left_waits_for_that() -> None:
    journal = queued("a")
    check = Waiting(("a",), "check_import", 0, 0.0, 0.0)
    for entries, reason in (
        ([*waiting("a").waiting, check], "unavailable"),
        ([check], "import_pending"),
    ):
        journal.observe(QueueContents(entries), journal.number)
        assert fates(journal) == [("a", "queued", reason)]


def test_what_waits_has_the_reason_of_its_message() -> None:
    journal = queued("a")
    [of_a] = waiting("a").waiting
    [of_a_stranger] = waiting("b").waiting
    nameless = Waiting((), "create_event", 1, 0.0, 0.0)
    check = Waiting(("a", "b"), "check_import", 0, 0.0, 0.0)
    reasons = [journal.reason_of(each) for each in (of_a, of_a_stranger, nameless, check)]
    assert reasons == ["unavailable", None, None, "import_pending"]


def test_messages_are_found_by_what_people_know_of_them() -> None:
    journal = Journal(Clock())
    sent = [{**track(f"m-{n}"), "userId": f"user-{n}"} for n in range(20)]
    journal.take_exchange(exchange(sent, answer(delivered=20)))
    for text, outcome, number in (
        ("M-13", "", 1),
        ("user-7", "delivered", 1),
        ("lid lost", "", 20),
        ("lid lost", "dropped", 0),
        ("nobody", "", 0),
    ):
        assert journal.find(text, outcome, 5).number == number
    older = journal.find("", "", 5, before=journal.find("", "", 5).lines[-1].number)
    assert [line.message_id for line in older.lines] == [f"m-{n}" for n in (14, 13, 12, 11, 10)]


@pytest.mark.parametrize("message_id", ["maria@acme-store.example", "x" * 200, "+14155552671"])
def test_id_that_the_answer_does_not_show_is_distinguished(message_id: str) -> None:
    journal = Journal(Clock())
    lines = answer(outcome_of(shown_id(message_id), "dropped", reason="missing_email"), delivered=1)
    journal.take_exchange(exchange([track("a"), track(message_id)], {**lines, "dropped": 1}))
    assert fates(journal) == [
        ("a", "delivered", None),
        (message_id, "dropped", "missing_email"),
    ]
