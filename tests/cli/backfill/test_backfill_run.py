"""A backfill's rounds, with a Klaviyo whose answers are given: order, retries, pauses."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.archive import expand
from cli.backfill import run as running
from cli.backfill.rejects import Rejects
from cli.backfill.run import BackfillProgress, NotTaken, Run
from cli.backfill.state_file import Lane, StateFile
from cli.backfill.translation import Selection, Translator
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from klaviyo_client.results import Delivery, Result
from klaviyo_mapping import Settings
from operations import CheckImport, Operation, UpsertProfile
from tests.handler.calls import identify, track
from tests.klaviyo_client.fakes import upsert

DOWN = Retryable(RetryReason.UNAVAILABLE, None, 503)
THROTTLED = Retryable(RetryReason.THROTTLED, 7.0, 429)
PENDING = Retryable(RetryReason.IMPORT_PENDING, 60.0, 200)
UNTRIED = Retryable(RetryReason.CIRCUIT_OPEN, 2.0, tried=False)

Answers = Callable[[Operation], Outcome]


class Klaviyo:
    """Answers by `answers`; `deliveries` holds the names of each. Time passes while it is asked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.follow_ups: Callable[[Sequence[Operation]], Sequence[Operation]] = lambda _: ()
        self.deliveries: list[list[str]] = []
        self.seconds = 1000.0
        self.slept: list[float] = []

    def deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        attempts: Sequence[int] = (),
    ) -> Delivery:
        del private_key, seconds, attempts
        self.deliveries.append([name_of(operation) for operation in operations])
        self.seconds += 0.1
        results = tuple(Result(operation, self.answers(operation)) for operation in operations)
        return Delivery(results, tuple(self.follow_ups(operations)), requests=len(operations))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def name_of(operation: Operation) -> str:
    if isinstance(operation, CheckImport):
        return f"check {operation.job_id}"
    return str(operation.message_id)


def delivered(_: Operation) -> Outcome:
    return Delivered()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFile]:
    found = StateFile(tmp_path / "state")
    yield found
    found.close()


def run(
    klaviyo: Klaviyo,
    state: StateFile,
    *messages: Any,
    give_up: float = 900.0,
    show: Callable[[BackfillProgress], None] = lambda _: None,
) -> list[Any]:
    """Carry the messages through; gives the rejects."""
    folder = state.path.parent
    file = folder / "messages.jsonl"
    if messages:
        file.write_text("".join(json.dumps(message) + "\n" for message in messages))
    rejects = folder / "rejects.jsonl"
    Run(
        expand([str(file)]),
        Translator(Selection(), Settings(), datetime.now(UTC)),
        state,
        Rejects(rejects, state.fact("rejects_bytes") or 0),
        klaviyo,
        "pk_test",
        requests_a_minute=150.0,
        give_up_seconds=give_up,
        show=show,
        now=lambda: klaviyo.seconds,
        sleep=klaviyo.sleep,
    ).carry_out()
    return (
        [json.loads(line) for line in rejects.read_text().splitlines()] if rejects.exists() else []
    )


def imports(operations: Sequence[Operation]) -> Sequence[Operation]:
    """An import job of the upserts, which has to be looked at."""
    ids = [str(each.message_id) for each in operations if isinstance(each, UpsertProfile)]
    return (CheckImport(None, "+".join(ids), tuple(ids)),) if ids else ()


def test_profiles_wait_for_the_import_job_before_them_and_events_do_not(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_PROFILES", 2)
    monkeypatch.setattr(running, "EVENTS_A_ROUND", 1)
    klaviyo = Klaviyo(delivered)
    klaviyo.follow_ups = imports
    run(klaviyo, state, *(identify(n) for n in range(3)), *(track(n) for n in range(3)))
    assert [names for names in klaviyo.deliveries if names] == [
        ["track-0"],
        ["identify-0", "identify-1", "track-1"],
        ["track-2"],
        ["check identify-0+identify-1"],
        ["identify-2"],
        ["check identify-2"],
    ]


def test_what_an_import_job_has_taken_waits_until_the_job_has_ended(state: StateFile) -> None:
    klaviyo = Klaviyo(delivered)
    klaviyo.follow_ups = imports
    shown: list[tuple[str, int | None, int]] = []
    run(
        klaviyo,
        state,
        *(identify(n) for n in range(3)),
        track(1),
        show=lambda at: shown.append((at.doing, at.delivered, at.waiting)),
    )
    assert shown == [
        ("sending 1 event", 0, 0),
        ("", 1, 3),
        ("sending 3 profiles", 1, 3),
        ("", 1, 4),
        ("sending 1 check", 1, 4),
        ("", 4, 0),
    ]


def test_what_klaviyo_does_not_take_waits_and_is_not_delivered(state: StateFile) -> None:
    answers: Iterator[Outcome] = iter([DOWN, DOWN, THROTTLED, Delivered()])
    shown: list[BackfillProgress] = []
    run(Klaviyo(lambda _: next(answers)), state, track(1), show=shown.append)
    after = [each for each in shown if not each.doing]
    assert [(each.trouble, each.delivered, each.waiting, each.done) for each in after] == [
        ("Klaviyo: unavailable, next try in 1 s", 0, 1, 0.0),
        ("Klaviyo: unavailable, next try in 2 s", 0, 1, 0.0),
        ("Klaviyo: throttled, next try in 7 s", 0, 1, 0.0),
        ("", 1, 0, 1.0),
    ]


def test_what_a_job_gives_back_goes_before_what_came_later(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_PROFILES", 1)
    repaired = upsert(0, message_id="repaired")
    klaviyo = Klaviyo(delivered)

    def follow_ups(operations: Sequence[Operation]) -> Sequence[Operation]:
        if [name_of(each) for each in operations] == ["check identify-0"]:
            return (repaired,)
        return imports(operations)

    klaviyo.follow_ups = follow_ups
    run(klaviyo, state, identify(0), identify(1))
    profiles = [
        name for names in klaviyo.deliveries for name in names if not name.startswith("check")
    ]
    assert profiles == ["identify-0", "repaired", "identify-1"]


def test_profile_that_must_come_again_keeps_its_place(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_PROFILES", 2)
    failures = [DOWN]
    klaviyo = Klaviyo(
        lambda each: failures.pop() if failures and name_of(each) == "identify-0" else Delivered()
    )
    run(klaviyo, state, *(identify(n) for n in range(3)))
    assert [names for names in klaviyo.deliveries if names] == [
        ["identify-0", "identify-1"],
        ["identify-0", "identify-2"],
    ]


def test_outage_is_waited_out_with_growing_pauses(state: StateFile) -> None:
    failures = [DOWN] * 8
    klaviyo = Klaviyo(lambda _: failures.pop() if failures else Delivered())
    assert run(klaviyo, state, track()) == []
    assert klaviyo.slept == [1, 2, 4, 8, 16, 32, 60, 60]


def test_pause_that_klaviyo_names_is_kept(state: StateFile) -> None:
    failures = [THROTTLED]
    klaviyo = Klaviyo(lambda _: failures.pop() if failures else Delivered())
    run(klaviyo, state, track())
    assert klaviyo.slept == [7.0]


@pytest.mark.parametrize(
    ("outcome", "is_rejected"), [(DOWN, True), (THROTTLED, False), (UNTRIED, False)]
)
def test_what_fails_for_long_while_others_go_through_is_a_reject(
    outcome: Retryable, is_rejected: bool, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "EVENTS_A_ROUND", 2)
    klaviyo = Klaviyo(lambda each: outcome if name_of(each) == "track-0" else Delivered())
    messages = [track(n) for n in range(30)]
    if is_rejected:
        [reject] = run(klaviyo, state, *messages, give_up=1.0)
        assert reject["reason"] == {
            "code": "retries_exhausted",
            "last": "unavailable",
            "status": 503,
        }
        assert (reject["line"], reject["operation"]["message_id"]) == (1, "track-0")
    else:
        with pytest.raises(NotTaken, match="has accepted nothing"):
            run(klaviyo, state, *messages, give_up=1.0)
        assert state.count() == 1


def test_import_job_that_takes_its_time_is_asked_less_and_less_often(state: StateFile) -> None:
    pending = [PENDING] * 5

    def answers(operation: Operation) -> Outcome:
        is_check = isinstance(operation, CheckImport)
        return pending.pop() if is_check and pending else Delivered()

    klaviyo = Klaviyo(answers)
    klaviyo.follow_ups = imports
    run(klaviyo, state, identify())
    assert [round(seconds) for seconds in klaviyo.slept if seconds > 0.5] == [1, 2, 4, 8, 15, 30]


def test_import_job_that_never_ends_is_left_for_another_run(state: StateFile) -> None:
    klaviyo = Klaviyo(lambda each: PENDING if isinstance(each, CheckImport) else Delivered())
    klaviyo.follow_ups = imports
    with pytest.raises(NotTaken, match="working on an import job for 1 minutes"):
        run(klaviyo, state, identify(), give_up=60.0)
    assert state.count(Lane.CHECKS) == 1


CANCELLED = Refused(200, "import_cancelled", "Klaviyo cancelled the import job")


@pytest.mark.parametrize(("cancellations", "times"), [(1, 2), (2, 3), (9, 3)])
def test_profiles_of_a_job_that_klaviyo_gives_up_are_sent_again(
    cancellations: int, times: int, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_PROFILES", 2)
    left = [CANCELLED] * cancellations

    def answers(operation: Operation) -> Outcome:
        is_check = isinstance(operation, CheckImport)
        return (
            left.pop() if is_check and left and "identify-0" in name_of(operation) else Delivered()
        )

    klaviyo = Klaviyo(answers)
    klaviyo.follow_ups = imports
    rejects = run(klaviyo, state, *(identify(n) for n in range(3)))
    profiles = [names for names in klaviyo.deliveries if names and not names[0].startswith("check")]
    assert profiles == [["identify-0", "identify-1"]] * times + [["identify-2"]]
    gone = [(each["line"], each["reason"]["klaviyo_code"]) for each in rejects]
    assert gone == ([(1, "import_cancelled"), (2, "import_cancelled")] if cancellations > 3 else [])
    assert state.fact("counts")["delivered"]["upsert_profile"] == 3 - len(gone)


def test_refusal_names_the_place_of_its_message(state: StateFile) -> None:
    refused = Refused(400, "invalid", "no", "/data")
    [reject] = run(Klaviyo(lambda _: refused), state, track(1))
    assert reject["line"] == 1
    assert reject["reason"] == {
        "code": "refused",
        "status": 400,
        "klaviyo_code": "invalid",
        "detail": "no",
        "pointer": "/data",
    }


def test_crash_in_a_round_is_followed_by_the_same_round(state: StateFile) -> None:
    def crash(_: Operation) -> Outcome:
        raise RuntimeError

    crashing = Klaviyo(crash)
    with pytest.raises(RuntimeError):
        run(crashing, state, track(1), track(2))
    klaviyo = Klaviyo(delivered)
    run(klaviyo, state)
    assert klaviyo.deliveries == [["track-1", "track-2"]] == crashing.deliveries
