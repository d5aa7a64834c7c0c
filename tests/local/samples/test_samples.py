"""Every sample event, through the real handlers, against moto's server and the stand-in."""

import json
from typing import Any

import pytest

from cli.segment.signature import signature, signed_part
from local import samples
from local.klaviyo_stand_in import Account
from local.samples import EVENTS, OUTAGE, SAMPLES, Sample, sample_answers, sign
from local.samples.sample_answers import DELIVERED, NO_FAILURES, answer
from tests.deployment import SHARED_SECRET, Deployment

FILES = {path.name for path in EVENTS.glob("*.json")}
WEBHOOK = FILES - set(sample_answers.RETRY)

MARIA, TOM, INES = (
    "maria.lindqvist@acme-store.example",
    "tom.okafor@acme-store.example",
    "ines.moreau@acme-store.example",
)


def load(name: str) -> dict[str, Any]:
    lambda_event: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return lambda_event


def events(account: Account) -> set[tuple[str | None, str, str]]:
    """The recorded events: each with its person's address, its metric and its unique id."""
    email = {profile.id: profile.email for profile in account.profiles}
    return {(email[each.profile_id], each.metric, each.unique_id) for each in account.events}


def test_every_sample_has_an_answer() -> None:
    assert sample_answers.WEBHOOK.keys() | set(sample_answers.RETRY) == FILES


def test_every_webhook_sample_is_sent_by_make_run() -> None:
    assert {sample.file for sample in (*SAMPLES, OUTAGE)} == WEBHOOK


@pytest.mark.parametrize("name", sorted(WEBHOOK))
def test_sample_is_a_payload_2_0_event_signed_for_the_sample_secret(name: str) -> None:
    lambda_event = load(name)
    body = sign.body_of(lambda_event)
    http = lambda_event["requestContext"]["http"]
    assert lambda_event["version"] == "2.0"
    assert lambda_event["routeKey"] == f"{http['method']} /segment"
    assert lambda_event["headers"]["content-length"] == str(len(body))
    is_right = signature(signed_part(body), SHARED_SECRET)
    assert (lambda_event["headers"]["x-signature"] == is_right) == (name != "wrong-signature.json")


@pytest.mark.parametrize(
    ("name", "expected"), sample_answers.WEBHOOK.items(), ids=sample_answers.WEBHOOK
)
def test_sample_is_answered(
    name: str, expected: tuple[int, dict[str, Any]], deployment: Deployment
) -> None:
    assert deployment.webhook(load(name)) == expected


@pytest.mark.parametrize("name", sample_answers.RETRY)
def test_webhook_function_turns_away_what_is_for_the_retry_function(
    name: str, deployment: Deployment
) -> None:
    assert deployment.webhook(load(name)) == sample_answers.of_webhook_function(name)


@pytest.mark.parametrize("name", sorted(WEBHOOK))
def test_retry_function_finds_nothing_in_what_is_for_the_webhook_function(
    name: str, deployment: Deployment
) -> None:
    assert deployment.retry(load(name)) == sample_answers.of_retry_function(name)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
def test_make_run_expects_the_same(sample: Sample) -> None:
    status, body = sample_answers.WEBHOOK[sample.file]
    assert (sample.status, sample.outcome) == (status, samples.outcome_of(body))


def test_sample_of_a_batch_is_segments_array_with_the_first_element_signed() -> None:
    body = sign.body_of(load("batch.json"))
    assert isinstance(json.loads(body), list)
    assert signed_part(body) != body


def test_malformed_sample_is_kept_whole(deployment: Deployment) -> None:
    lambda_event = load("batch-with-malformed.json")
    deployment.webhook(lambda_event)
    assert deployment.dead() == [
        {
            "message": json.loads(lambda_event["body"])[1],
            "reason": {
                "code": "invalid_message",
                "field": "userId",
                "detail": "must be string or number or null",
            },
        }
    ]


def test_retry_one_delivers_an_event(deployment: Deployment) -> None:
    assert deployment.retry(load("retry-one.json")) == NO_FAILURES
    assert events(deployment.account) == {(MARIA, "Product Added", "retry-1")}
    assert (deployment.waiting(), deployment.dead()) == ([], [])


def test_retry_many_delivers_two_envelopes_of_two(deployment: Deployment) -> None:
    assert deployment.retry(load("retry-many.json")) == NO_FAILURES
    assert events(deployment.account) == {
        (INES, "Product Viewed", "retry-3"),
        (INES, "Product Added", "retry-4"),
    }
    tom = deployment.account.profiles.by_email(TOM)
    assert tom is not None
    assert (tom.attributes, tom.properties) == ({"first_name": "Tom"}, {"plan": "premium"})
    assert deployment.account.lists["Y6nRLr"].pending == {tom.id: {"email.marketing"}}
    assert (deployment.waiting(), deployment.dead()) == ([], [])


def test_retry_unreadable_goes_to_the_dead_letter_queue_and_its_neighbour_through(
    deployment: Deployment,
) -> None:
    assert deployment.retry(load("retry-unreadable.json")) == NO_FAILURES
    assert events(deployment.account) == {(MARIA, "Product Removed", "retry-5")}
    assert deployment.dead() == [
        {
            "unreadable": "this is no envelope",
            "reason": {"code": "unreadable", "detail": "not JSON"},
        }
    ]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (DELIVERED, "delivered"),
        (answer(delivered=3), "3 delivered"),
        (
            answer({"message_id": "a", "outcome": "delivered", "warnings": ["w"]}, delivered=2),
            "2 delivered",
        ),
        (
            answer(
                {"message_id": "a", "outcome": "queued", "reason": "timeout"},
                {"message_id": "b", "outcome": "queued", "reason": "timeout"},
                delivered=1,
                queued=2,
            ),
            "1 delivered, 2 queued (timeout)",
        ),
        (sample_answers.WEBHOOK["wrong-signature.json"][1], "turned away (invalid_signature)"),
        ({"message": "Not Found"}, "Not Found"),
    ],
)
def test_answer_in_a_few_words(body: dict[str, Any], outcome: str) -> None:
    assert samples.outcome_of(body) == outcome
