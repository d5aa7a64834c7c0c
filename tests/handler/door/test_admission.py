"""A request is let in whole, message by message, or refused for a reason that has a code."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.door.admission import admit
from handler.door.refusals import (
    InvalidSignature,
    InvalidToken,
    NoMessage,
    NotJson,
    Refusal,
    SecretError,
    TooLarge,
)
from handler.door.request import MAX_BODY_BYTES
from handler.door.validation import Malformed, validate
from klaviyo_mapping.segment.message import Message
from tests.suite.effort import examples

SECRET = "s3cret"
TOKEN = "tok-1"
GOOD = {"type": "track", "messageId": "m-1", "event": "Größe"}
BAD = {"type": "track", "messageId": "m-2", "properties": [1]}
MALFORMED = Malformed("m-2", "properties", "must be object or null", BAD)
DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000


def signed(body: bytes, of: bytes | None = None) -> dict[str, Any]:
    """A request for `body`, with a token and the signature of `of` (of the body when absent)."""
    digest = hmac.new(SECRET.encode(), body if of is None else of, hashlib.sha1).hexdigest()
    return {
        "version": "2.0",
        "headers": {"x-signature": digest, "authorization": f"Bearer {TOKEN}"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def shown(arrivals: Iterable[Message | Malformed]) -> list[Any]:
    """What arrived, in a form that compares whole: a message read straight from JSON is of a type
    of its own."""
    return [each.document() if isinstance(each, Message) else each for each in arrivals]


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


ADMITTED: list[tuple[str, dict[str, Any], list[Message | Malformed]]] = [
    ("one message", signed(compact(GOOD)), [validate(GOOD)]),
    (
        "a batch signed by its first",
        signed(compact([GOOD, GOOD]), compact(GOOD)),
        2 * [validate(GOOD)],
    ),
    ("a batch signed as a whole", signed(compact([GOOD, GOOD])), 2 * [validate(GOOD)]),
    (
        "text that is not base64",
        {**signed(compact(GOOD)), "body": compact(GOOD).decode(), "isBase64Encoded": False},
        [validate(GOOD)],
    ),
    (
        "malformed messages among good ones, each in its place",
        signed(compact([GOOD, BAD, None, GOOD])),
        [
            validate(GOOD),
            MALFORMED,
            Malformed(None, "", "a message must be a JSON object", None),
            validate(GOOD),
        ],
    ),
    ("one malformed message", signed(compact(BAD)), [MALFORMED]),
    (
        "a message that nests too deeply among good ones",
        signed(b"[%b,%b]" % (compact(GOOD), DEEP.encode()), compact(GOOD)),
        [validate(GOOD), Malformed(None, "", "nests too deeply to be read", DEEP)],
    ),
]


@pytest.mark.parametrize(
    ("lambda_event", "messages"), [row[1:] for row in ADMITTED], ids=[row[0] for row in ADMITTED]
)
def test_the_messages_of_a_request(
    lambda_event: dict[str, Any], messages: list[Message | Malformed]
) -> None:
    assert shown(admit(lambda_event, [SECRET], [TOKEN])) == shown(messages)


def without(lambda_event: dict[str, Any], *names: str) -> dict[str, Any]:
    headers = {key: value for key, value in lambda_event["headers"].items() if key not in names}
    return {**lambda_event, "headers": headers}


REFUSED: list[tuple[str, Any, type[Refusal]]] = [
    ("no request", None, NoMessage),
    ("no token", without(signed(b"{}"), "authorization"), InvalidToken),
    ("no signature", without(signed(b"{}"), "x-signature"), InvalidSignature),
    ("another's signature", signed(b"{}", b"[]"), InvalidSignature),
    ("nothing in the body", signed(b""), NoMessage),
    ("an empty array", signed(b"[]"), NoMessage),
    ("no JSON", signed(b"hello"), NotJson),
    ("brackets", signed(b"[" * 100_000), NotJson),
    ("size before token and signature", {"body": "a" * (MAX_BODY_BYTES + 1)}, TooLarge),
    ("the token before what is parsed", without(signed(b"hello"), "authorization"), InvalidToken),
    ("the signature before what is parsed", signed(b"hello", b"{}"), InvalidSignature),
]


@pytest.mark.parametrize(
    ("lambda_event", "refusal"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_request_is_refused_for(lambda_event: Any, refusal: type[Refusal]) -> None:
    with pytest.raises(Refusal) as refused:
        admit(lambda_event, [SECRET], [TOKEN])
    assert refused.type is refusal


def test_without_a_configured_token_none_is_required() -> None:
    request = without(signed(compact(GOOD)), "authorization")
    assert shown(admit(request, [SECRET], [])) == shown([validate(GOOD)])


def test_without_a_secret_nothing_is_admitted() -> None:
    with pytest.raises(SecretError):
        admit(signed(compact(GOOD)), [], [TOKEN])


def answer(lambda_event: Any) -> str:
    """The code of the refusal, or `admitted`; any other exception fails the test."""
    try:
        messages = list(admit(lambda_event, [SECRET], [TOKEN]))
    except Refusal as refusal:
        return refusal.code
    assert messages
    return "admitted"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from([*GOOD, "userId", "USER ID", "context", "traits", "properties", "x"])
MESSAGES = st.dictionaries(FIELDS, JSON_VALUES, max_size=6) | JSON_VALUES
PIECES = st.sampled_from([b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\\ud800", b"1e999"])
BYTES = st.binary(max_size=40) | st.lists(PIECES, max_size=30).map(b"".join)


@settings(max_examples=examples(300))
@given(BYTES)
def test_any_bytes_that_are_signed_are_admitted_or_refused_by_a_code(body: bytes) -> None:
    assert answer(signed(body)) in {"admitted", "not_json", "no_message"}


@settings(max_examples=examples(300))
@given(BYTES, st.text(max_size=50))
def test_any_bytes_that_are_not_signed_are_refused(body: bytes, signature: str) -> None:
    lambda_event = signed(body)
    lambda_event["headers"]["x-signature"] = signature
    assert answer(lambda_event) == "invalid_signature"


@settings(max_examples=examples(300))
@given(st.lists(MESSAGES, min_size=1, max_size=4))
def test_a_batch_gives_as_many_messages_as_it_has_elements(batch: list[Any]) -> None:
    text = json.dumps(batch).replace("NaN", "null").replace("Infinity", "1e999")
    assert len(list(admit(signed(text.encode()), [SECRET], [TOKEN]))) == len(batch)


@settings(max_examples=examples(300))
@given(
    JSON_VALUES
    | st.fixed_dictionaries(
        {},
        optional={
            "headers": JSON_VALUES | st.dictionaries(st.text(), JSON_VALUES, max_size=3),
            "body": JSON_VALUES,
            "isBase64Encoded": JSON_VALUES,
        },
    )
)
def test_any_lambda_event_is_refused_by_a_code(lambda_event: Any) -> None:
    assert answer(lambda_event) in {"invalid_token", "no_message", "not_json"}
