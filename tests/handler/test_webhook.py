"""The webhook function, whole: real handler, moto's server, the stand-in over HTTP."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from handler import assembly
from local.klaviyo_stand_in import Account, Weather
from tests.deployment import PRIVATE_KEY, SHARED_SECRET, Deployment
from tests.handler.calls import call, identify, order, track

PERSON = "person1@acme-store.example"


def accepted(*messages: dict[str, Any], **counts: int) -> tuple[int, dict[str, Any]]:
    """A 200 whose counts are zero but for those given."""
    numbers = {"delivered": 0, "queued": 0, "dropped": 0, "rejected": 0, **counts}
    return 200, {"received": sum(numbers.values()), **numbers, "messages": list(messages)}


def turned_away(status: int, code: str, message: str, received: int = 0) -> tuple[int, Any]:
    """An answer by which nothing counts as taken."""
    none = dict.fromkeys(("delivered", "queued", "dropped", "rejected"), 0)
    error = {"code": code, "message": message}
    return status, {"received": received, **none, "messages": [], "error": error}


def test_an_identify_becomes_a_profile(deployment: Deployment) -> None:
    assert deployment.webhook(call(identify())) == accepted(delivered=1)
    profile = deployment.account.profiles.by_email(PERSON)
    assert profile is not None
    assert (profile.attributes, profile.properties) == ({"first_name": "Ada"}, {})


def test_an_order_becomes_an_event_and_one_for_each_product(deployment: Deployment) -> None:
    assert deployment.webhook(call(order(products=2))) == accepted(delivered=1)
    events = {(event.metric, event.unique_id, event.value) for event in deployment.account.events}
    assert events == {
        ("Order Completed", "o-1", 20.0),
        ("Ordered Product", "o-1_p-0", 10),
        ("Ordered Product", "o-1_p-1", 10),
    }


def test_a_batch_is_answered_message_by_message(deployment: Deployment) -> None:
    messages = [
        track(1),
        track(2, event=" "),
        track(3, userId={"id": 3}),
        {"type": "page", "messageId": "page-4"},
        track(5, properties={}),
        17,
        identify(6),
    ]
    assert deployment.webhook(call(messages)) == accepted(
        {"message_id": "track-2", "outcome": "dropped", "reason": "missing_event_name"},
        {
            "message_id": "track-3",
            "outcome": "rejected",
            "reason": "invalid_message",
            "field": "userId",
            "detail": "must be string or number or null",
        },
        {"message_id": "page-4", "outcome": "dropped", "reason": "unsupported_type"},
        {"message_id": "track-5", "outcome": "dropped", "reason": "missing_email"},
        {
            "message_id": None,
            "outcome": "rejected",
            "reason": "invalid_message",
            "field": "",
            "detail": "a message must be a JSON object",
        },
        delivered=2,
        dropped=3,
        rejected=2,
    )
    assert [entry["message"] for entry in deployment.dead()] == [messages[2], 17]


def test_a_warning_is_told_with_the_message_that_was_delivered(deployment: Deployment) -> None:
    message = order()
    message["properties"]["products"] = [{"name": "Thing", "price": 10}]
    assert deployment.webhook(call(message)) == accepted(
        {
            "message_id": "order-1",
            "outcome": "delivered",
            "warnings": ["product_without_id"],
        },
        delivered=1,
    )


def test_a_warning_names_the_option_that_it_is_about(deployment: Deployment) -> None:
    message = identify(integrations={"Klaviyo": {"listId": "../lists", "confirmOptin": 0}})
    _, body = deployment.webhook(call(message))
    assert body["messages"] == [
        {
            "message_id": "identify-1",
            "outcome": "delivered",
            "warnings": [
                "option_ignored: integrations.Klaviyo.listId",
                "option_ignored: integrations.Klaviyo.confirmOptin",
            ],
        }
    ]


def test_what_klaviyo_refuses_is_kept_with_its_reason_and_told_without_personal_data(
    deployment: Deployment,
) -> None:
    deployment.account.set_weather(Weather(refuse_items="pointer"))
    message = identify(traits={"email": PERSON, "poison": True})
    status, body = deployment.webhook(call([message, identify(2)]))
    [line] = body["messages"]
    assert (status, body["delivered"], body["rejected"]) == (200, 1, 1)
    assert (line["message_id"], line["reason"], line["status"]) == ("identify-1", "refused", 400)
    assert PERSON not in json.dumps(body)
    [letter] = deployment.dead()
    assert letter["operation"]["identity"] == {"email": PERSON}
    assert (letter["reason"]["code"], letter["reason"]["status"]) == ("refused", 400)


WEATHERS: list[tuple[str, Weather, str]] = [
    ("down", Weather(down=True), "unavailable"),
    ("throttled", Weather(throttle=30), "throttled"),
    ("a wrong key", Weather(status=401), "unauthorized"),
    ("a missing scope", Weather(status=403), "forbidden"),
    ("a request time-out", Weather(status=408), "unavailable"),
    ("a gateway's page", Weather(status=502, html=True), "unavailable"),
    ("cut before the effect", Weather(cut="before"), "connection_failed"),
    ("cut after the effect", Weather(cut="after"), "connection_failed"),
]


@pytest.mark.parametrize(
    ("weather", "reason"), [pytest.param(w, reason, id=name) for name, w, reason in WEATHERS]
)
def test_what_klaviyo_does_not_take_now_waits_in_the_queue(
    deployment: Deployment, weather: Weather, reason: str
) -> None:
    deployment.account.set_weather(weather)
    assert deployment.webhook(call(track())) == accepted(
        {"message_id": "track-1", "outcome": "queued", "reason": reason}, queued=1
    )
    [entry] = deployment.waiting()
    assert entry["operation"]["unique_id"] == "track-1"
    assert (entry["attempts"], deployment.dead()) == (1, [])


def test_an_event_without_a_time_keeps_that_of_its_arrival_in_the_queue(
    deployment: Deployment,
) -> None:
    deployment.account.set_weather(Weather(down=True))
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    deployment.webhook(call(track(timestamp=None)))
    [entry] = deployment.waiting()
    assert (
        before <= entry["operation"]["time"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    )


@pytest.mark.alone
def test_a_hanging_klaviyo_does_not_keep_segment_waiting(deployment: Deployment) -> None:
    deployment.account.set_weather(Weather(hang=8))
    function = assembly.webhook(deployment.variables)
    began = time.monotonic()
    answer = function.handle(call([track(number) for number in range(500)]))
    took = time.monotonic() - began
    assert (answer["statusCode"], json.loads(answer["body"])["queued"]) == (200, 500)
    assert took < 5, "Segment gives up after five seconds"


def test_a_list_step_that_fails_is_queued_alone(deployment: Deployment) -> None:
    deployment.account.set_weather(
        Weather(down=True, endpoints=frozenset({"bulk_subscribe_profiles"}))
    )
    message = identify(integrations={"Klaviyo": {"listId": "Y6nRLr"}})
    assert deployment.webhook(call(message)) == accepted(
        {"message_id": "identify-1", "outcome": "queued", "reason": "unavailable"}, queued=1
    )
    assert [entry["operation"]["kind"] for entry in deployment.waiting()] == ["subscribe"]
    assert deployment.account.profiles.by_email(PERSON) is not None


def test_a_list_step_waits_for_its_profile(deployment: Deployment) -> None:
    deployment.account.set_weather(
        Weather(down=True, endpoints=frozenset({"create_or_update_profile"}))
    )
    for setting in ("true", "false"):
        integrations = {"Klaviyo": {"listId": "Y6nRLr", "confirmOptin": setting == "true"}}
        deployment.webhook(call(identify(integrations=integrations)))
    kinds = [entry["operation"]["kind"] for entry in deployment.waiting()]
    assert kinds == ["upsert_profile", "subscribe", "upsert_profile", "add_to_list"]
    assert {record.path for record in deployment.account.requests} == {"/api/profile-import"}


def test_a_refused_phone_number_stays_a_custom_property(
    aws_variables: dict[str, str], deployment: Deployment
) -> None:
    message = identify(traits={"email": PERSON, "phone": "+10000000000", "plan": "pro"})
    assert deployment.webhook(call(message)) == accepted(delivered=1)
    profile = deployment.account.profiles.by_email(PERSON)
    assert profile is not None
    assert profile.properties == {"plan": "pro", "phone": "+10000000000"}


@pytest.mark.parametrize(
    ("lambda_event", "expected"),
    [
        pytest.param(
            call(track(), secret="other"),
            turned_away(
                401,
                "invalid_signature",
                "X-Signature does not match the body. Set the same shared secret in Segment and "
                "here.",
            ),
            id="another secret",
        ),
        pytest.param(
            call(track()) | {"body": "{}"},
            turned_away(
                401,
                "invalid_signature",
                "X-Signature does not match the body. Set the same shared secret in Segment and "
                "here.",
            ),
            id="another body",
        ),
        pytest.param(
            call(5),
            turned_away(
                400,
                "no_message",
                "The body holds no message. Send one object or an array of objects.",
            ),
            id="no message",
        ),
    ],
)
def test_a_request_that_is_turned_away(
    deployment: Deployment, lambda_event: dict[str, Any], expected: tuple[int, Any]
) -> None:
    assert deployment.webhook(lambda_event) == expected
    assert (deployment.account.requests, deployment.waiting(), deployment.dead()) == ([], [], [])


def secret_of(deployment: Deployment, **document: Any) -> None:
    client = boto3.client("secretsmanager")
    client.put_secret_value(
        SecretId=deployment.queues.secret_arn, SecretString=json.dumps(document)
    )


def test_a_configured_token_is_required(deployment: Deployment) -> None:
    secret_of(
        deployment,
        klaviyo_private_key=PRIVATE_KEY,
        segment_shared_secret=SHARED_SECRET,
        webhook_token="t0ken",
    )
    assert deployment.webhook(call(track()))[0] == 401
    headers = {"authorization": "Bearer t0ken"}
    assert deployment.webhook(call(track(), headers=headers)) == accepted(delivered=1)


def test_both_secrets_of_a_rotation_are_valid(deployment: Deployment) -> None:
    secret_of(deployment, klaviyo_private_key=PRIVATE_KEY, segment_shared_secret=["old", "new"])
    assert [deployment.webhook(call(track(), secret=each))[0] for each in ("old", "new", "x")] == [
        200,
        200,
        401,
    ]


def test_while_the_secret_is_half_written_a_wrong_signature_is_no_strangers(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.aws.credentials.REFRESH_SECONDS", 0.0)
    handle = assembly.webhook(deployment.variables).handle
    statuses = [handle(call(track(), secret="new"))["statusCode"]]
    secret_of(deployment, klaviyo_private_key=PRIVATE_KEY)
    statuses += [
        handle(call(track(), secret=each))["statusCode"] for each in ("new", SHARED_SECRET)
    ]
    secret_of(deployment, klaviyo_private_key=PRIVATE_KEY, segment_shared_secret="new\n")
    statuses += [handle(call(track(), secret=each))["statusCode"] for each in ("new", "x")]
    assert statuses == [401, 503, 200, 200, 401]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"klaviyo_private_key": PRIVATE_KEY, "segment_shared_secret": ""},
            "segment_shared_secret: expected a text, or a list of texts while rotating, none blank",
        ),
        (
            {"segment_shared_secret": SHARED_SECRET},
            "klaviyo_private_key: expected a Klaviyo private key (pk_…)",
        ),
    ],
)
def test_without_a_usable_secret_nothing_is_let_in_and_segment_tries_again(
    deployment: Deployment, document: dict[str, Any], message: str
) -> None:
    secret_of(deployment, **document)
    expected = turned_away(503, "credentials_unavailable", message)
    assert deployment.webhook(call(track())) == expected


@pytest.mark.parametrize(("signed_by", "is_there"), [(SHARED_SECRET, False), ("somebody", True)])
def test_body_is_let_go_once_it_is_admitted(
    deployment: Deployment, signed_by: str, is_there: bool
) -> None:
    """The runtime holds the lambda event until the call ends."""
    lambda_event = call(track(), secret=signed_by)
    assembly.webhook(deployment.variables).handle(lambda_event)
    assert ("body" in lambda_event) is is_there


def test_a_secret_that_is_not_there_is_a_503(deployment: Deployment) -> None:
    variables = {**deployment.variables, "CREDENTIALS_SECRET_ARN": "arn:aws:nothing"}
    answer = assembly.webhook(variables).handle(call(track()))
    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (
        503,
        {
            "code": "credentials_unavailable",
            "message": "the secret cannot be read: ResourceNotFoundException",
        },
    )


def without_queue(deployment: Deployment) -> Callable[[dict[str, Any]], dict[str, Any]]:
    url = deployment.queues.retry_queue_url + "-gone"
    variables = {**deployment.variables, "RETRY_QUEUE_URL": url, "DEAD_LETTER_QUEUE_URL": url}
    return assembly.webhook(variables).handle


def test_what_cannot_be_kept_is_a_503_so_that_segment_sends_it_again(
    deployment: Deployment,
) -> None:
    deployment.account.set_weather(Weather(down=True))
    answer = without_queue(deployment)(call([track(1), track(2)]))
    assert (answer["statusCode"], json.loads(answer["body"])) == turned_away(
        503,
        "queue_unavailable",
        "Not every message could be kept. Segment sends the batch again.",
        received=2,
    )


def test_the_queue_is_not_needed_while_klaviyo_takes_all(deployment: Deployment) -> None:
    assert without_queue(deployment)(call([track(1), track(2)]))["statusCode"] == 200


def test_the_same_message_ten_times_in_different_batches_has_one_effect(
    deployment: Deployment,
) -> None:
    function = assembly.webhook(deployment.variables)
    messages = [track(1), order(2), identify(3)]
    for number in range(10):
        others = [track(100 + number * 40 + each) for each in range(number * 4)]
        answer = function.handle(call([*others, *messages, messages[0]]))
        assert json.loads(answer["body"])["delivered"] == len(others) + 4
    account = deployment.account
    assert sorted(event.unique_id for event in account.events if _is_of(event, account)) == [
        "o-2",
        "o-2_p-0",
        "o-2_p-1",
        "track-1",
    ]


def _is_of(event: Any, account: Account) -> bool:
    """Whether the event is of person 1 or 2."""
    profile = account.profiles.get(event.profile_id)
    return profile is not None and profile.email in {
        "person1@acme-store.example",
        "person2@acme-store.example",
    }


def not_mapped_yet(*message_ids: str | None) -> list[dict[str, Any]]:
    return [
        {"message_id": message_id, "outcome": "queued", "reason": "not_mapped_yet"}
        for message_id in message_ids
    ]


def test_what_there_is_no_time_to_map_waits_as_it_came(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.deadline.MAPPING_SHARE", 0.0)
    messages = [track(1), track(2), {"type": 5, "messageId": "malformed"}, None]
    waiting = not_mapped_yet("track-2", "malformed", None)
    assert deployment.webhook(call(messages)) == accepted(
        *waiting, received=4, delivered=1, queued=3
    )
    waiting_on = deployment.waiting()
    assert [entry["message"] for entry in waiting_on] == messages[1:]
    assert all(entry["not_before"] == entry["first_failed_at"] for entry in waiting_on)
    assert [event.unique_id for event in deployment.account.events] == ["track-1"]


def test_a_call_takes_on_so_many_operations_and_no_more(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.deadline.MOST_OPERATIONS", 6)
    answer = deployment.webhook(call([order(1, 4), track(2), track(3)]))
    assert answer == accepted(*not_mapped_yet("track-3"), received=3, delivered=2, queued=1)
    assert len(deployment.account.events) == 6


def test_a_call_looks_at_so_many_messages_and_no_more(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.deadline.MOST_MESSAGES", 2)
    monkeypatch.setattr("handler.intake.MOST_MESSAGES", 2)
    _, answer = deployment.webhook(call([[], None, *map(track, range(3, 8))]))
    assert (answer["received"], answer["rejected"], answer["queued"]) == (7, 2, 5)
    assert answer["messages_left_out"] == 3
    *by_themselves, rest = deployment.waiting()
    assert [entry["message"] for entry in by_themselves] == [track(3), track(4)]
    assert json.loads(rest["messages"]) == [track(5), track(6), track(7)]


@pytest.mark.alone
def test_of_200_000_values_the_answer_names_the_first_ones(deployment: Deployment) -> None:
    """Each as a queue entry of its own would take 5 µs, and Segment waits for five seconds."""
    _, answer = deployment.webhook(call([[]] * 200_000))
    counts = {name: answer[name] for name in ("received", "rejected", "queued")}
    assert counts == {"received": 200_000, "rejected": 10_000, "queued": 190_000}
    assert len(answer["messages"]) + answer["messages_left_out"] == 200_000
    waiting = [
        json.loads(entry["messages"]) for entry in deployment.waiting() if "messages" in entry
    ]
    assert sum(map(len, waiting)) == 180_000
