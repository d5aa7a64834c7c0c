"""What API Gateway hands over becomes the body that was signed and the two headers."""

import base64
from typing import Any

import pytest

from handler.door.refusals import NoMessage, NotJson, Refusal, TooLarge
from handler.door.request import MAX_BODY_BYTES, WebhookRequest

BODY = '{"type":"track","event":"Größe"}'

REQUESTS: list[tuple[str, dict[str, Any], WebhookRequest]] = [
    (
        "a body of ASCII stays text",
        {"body": '{"type":"track"}', "isBase64Encoded": False, "headers": {}},
        WebhookRequest('{"type":"track"}'),
    ),
    (
        "any other body is its UTF-8 bytes",
        {"body": BODY, "isBase64Encoded": False, "headers": {}},
        WebhookRequest(BODY.encode()),
    ),
    (
        "a base64 body is decoded",
        {"body": base64.b64encode(BODY.encode()).decode(), "isBase64Encoded": True},
        WebhookRequest(BODY.encode()),
    ),
    (
        "bytes that are no UTF-8 come through base64 unchanged",
        {"body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True},
        WebhookRequest(b"\xff\x00"),
    ),
    ("white space around the body stays", {"body": " {}\n"}, WebhookRequest(" {}\n")),
    ("a missing body is empty", {"headers": {}}, WebhookRequest("")),
    ("a null body is empty", {"body": None, "isBase64Encoded": True}, WebhookRequest("")),
    (
        "half a surrogate pair in the body becomes bytes that are no UTF-8",
        {"body": "\ud800"},
        WebhookRequest(b"\xed\xa0\x80"),
    ),
    (
        "headers are read in lower case, as an HTTP API sends them",
        {"body": "{}", "headers": {"x-signature": "abc", "authorization": "Bearer t"}},
        WebhookRequest("{}", "abc", "Bearer t"),
    ),
    (
        "headers are read in any other case",
        {"body": "{}", "headers": {"X-Signature": "abc", "AUTHORIZATION": "Bearer t"}},
        WebhookRequest("{}", "abc", "Bearer t"),
    ),
    ("null headers are none", {"body": "{}", "headers": None}, WebhookRequest("{}")),
    (
        "a header that is no text is none",
        {"body": "{}", "headers": {"x-signature": ["abc"], 1: "abc", "authorization": None}},
        WebhookRequest("{}"),
    ),
]


@pytest.mark.parametrize(
    ("lambda_event", "request_"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
def test_a_request_is_its_body_and_two_headers(
    lambda_event: dict[str, Any], request_: WebhookRequest
) -> None:
    assert WebhookRequest.from_lambda_event(lambda_event) == request_


REFUSED: list[tuple[str, Any, type[Refusal]]] = [
    ("null", None, NoMessage),
    ("a list", [], NoMessage),
    ("text", "{}", NoMessage),
    ("a body that is an object", {"body": {"type": "track"}}, NoMessage),
    ("a body that is a number", {"body": 1}, NoMessage),
    ("headers that are a list", {"body": "{}", "headers": ["x-signature"]}, NoMessage),
    ("base64 with a foreign character", {"body": "e30=!", "isBase64Encoded": True}, NotJson),
    ("base64 without its padding", {"body": "e30", "isBase64Encoded": True}, NotJson),
    ("base64 that is not ASCII", {"body": "é", "isBase64Encoded": True}, NotJson),
]


@pytest.mark.parametrize(
    ("lambda_event", "refusal"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_no_request_is_refused(lambda_event: Any, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        WebhookRequest.from_lambda_event(lambda_event)


def test_a_body_of_six_mib_is_taken() -> None:
    request = WebhookRequest.from_lambda_event({"body": "a" * MAX_BODY_BYTES})
    assert len(request.body) == 6 * 1024 * 1024


@pytest.mark.parametrize(
    "lambda_event",
    [
        {"body": "a" * (MAX_BODY_BYTES + 1)},
        {"body": "é" * (MAX_BODY_BYTES // 2 + 1)},
        {
            "body": base64.b64encode(bytes(MAX_BODY_BYTES + 1)).decode(),
            "isBase64Encoded": True,
        },
    ],
    ids=["ASCII", "two bytes to a character", "base64"],
)
def test_a_body_over_six_mib_is_refused_by_its_bytes(lambda_event: dict[str, Any]) -> None:
    with pytest.raises(TooLarge):
        WebhookRequest.from_lambda_event(lambda_event)


def test_a_request_shows_nothing_that_was_sent() -> None:
    assert repr(WebhookRequest("body", "signature", "token")) == "WebhookRequest()"
