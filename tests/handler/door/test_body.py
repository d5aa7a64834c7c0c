"""A body is one message or an array of messages in strict JSON, whatever is in it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.door.body import Body, Unreadable
from handler.door.refusals import NoMessage, NotJson
from klaviyo_mapping import Message
from tests.suite.effort import examples
from tests.suite.timing import processor_seconds

DEEPER_THAN_ANY_READER = 100_000
DEEP = "[" * DEEPER_THAN_ANY_READER + "]" * DEEPER_THAN_ANY_READER
DEEP_OBJECT = '{"a":' * DEEPER_THAN_ANY_READER + "1" + "}" * DEEPER_THAN_ANY_READER
UNREADABLE = "nests too deeply to be read"


def as_json(read: Any) -> Any:
    return read.document() if isinstance(read, Message) else read


BODIES: list[tuple[str, str, list[Any]]] = [
    ("one object", '{"type":"track"}', [{"type": "track"}]),
    ("an array of one", '[{"type":"track"}]', [{"type": "track"}]),
    ("an array, in its order", '[{"a":1},{"b":2}]', [{"a": 1}, {"b": 2}]),
    ("white space", ' \r\n[ {"a" : 1 }\t] \n', [{"a": 1}]),
    ("an empty object", "{}", [{}]),
    ("elements that are no objects", '[null,1,"a",[],true]', [None, 1, "a", [], True]),
    ("the last of two equal keys", '{"a":1,"a":2}', [{"a": 2}]),
    ("integers and floats", '{"a":[1,-2,0.5,1e-7,2E3]}', [{"a": [1, -2, 0.5, 1e-7, 2000.0]}]),
    ("floats too large for a double", '{"a":[1e999,-1e999]}', [{"a": [None, None]}]),
    ("floats too small for a double", '{"a":1e-999}', [{"a": 0.0}]),
    ("the largest integer of a double", f'{{"a":{2**1024 - 2**971}}}', [{"a": 2**1024 - 2**971}]),
    (
        "an integer too large for a double",
        f'{{"a":[{2**1024},{-(2**1024)}]}}',
        [{"a": [2**1024, -(2**1024)]}],
    ),
    ("an integer too long for Python", f'{{"a":{"1" * 5000}}}', [{"a": None}]),
    ("an integer that a double rounds", '{"a":9007199254740993}', [{"a": 9007199254740993}]),
    (
        "other scripts, as they are and escaped",
        r'{"a":"é✓😀\u00e9\ud83d\ude00"}',
        [{"a": "é✓😀é😀"}],
    ),
    ("the null character", r'{"a":"\u0000"}', [{"a": "\0"}]),
    ("only the first half of a pair", r'{"a":"x\ud800y"}', [{"a": "x\ufffdy"}]),
    ("only the second half of a pair", r'{"a":"\uDC00"}', [{"a": "\ufffd"}]),
    ("two first halves and a second", r'{"a":"\uD83D\ud83D\uDe00"}', [{"a": "\ufffd😀"}]),
    ("a pair in the wrong order", r'{"a":"\ude00\ud83d"}', [{"a": "\ufffd\ufffd"}]),
    ("a half in a key", r'{"\ud800":1}', [{"\ufffd": 1}]),
    ("a half beside a pair", r'["\ud800","\ud83d\ude00"]', ["\ufffd", "😀"]),
    ("a half and then a line feed", r'{"a":"\ud800\n"}', [{"a": "\ufffd\n"}]),
    ("a backslash before ud800", r'{"a":"\\ud800"}', [{"a": "\\ud800"}]),
    ("a backslash and then a half", r'{"a":"\\\ud800"}', [{"a": "\\\ufffd"}]),
    ("two backslashes before ud800", r'{"a":"\\\\ud800"}', [{"a": "\\\\ud800"}]),
    ("a half before the text of one", r'{"a":"\ud800\\udc00"}', [{"a": "\ufffd\\udc00"}]),
]


@pytest.mark.parametrize(
    ("body", "messages"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
def test_the_messages_of_a_body(body: str, messages: list[Any]) -> None:
    assert [as_json(each) for each in Body.read(body.encode()).messages()] == messages
    assert [as_json(each) for each in Body.read(body).messages()] == messages


TOO_DEEP: list[tuple[str, str, list[Any]]] = [
    ("the one array of an array", f"[{DEEP}]", [Unreadable(DEEP, UNREADABLE)]),
    ("one object", f" {DEEP_OBJECT} ", [Unreadable(DEEP_OBJECT, UNREADABLE)]),
    (
        "an element between others",
        rf'[{{"a":"],\ud800"}}, {DEEP_OBJECT} ,1e999]',
        [{"a": "],\ufffd"}, Unreadable(DEEP_OBJECT, UNREADABLE), None],
    ),
    (
        "several elements, with white space around",
        f"\n[{DEEP},1,{DEEP}]\n",
        [Unreadable(DEEP, UNREADABLE), 1, Unreadable(DEEP, UNREADABLE)],
    ),
]


@pytest.mark.parametrize(
    ("body", "messages"), [row[1:] for row in TOO_DEEP], ids=[row[0] for row in TOO_DEEP]
)
def test_what_nests_too_deeply_is_unreadable_alone(body: str, messages: list[Any]) -> None:
    assert list(Body.read(body.encode()).messages()) == messages


NOT_JSON: list[tuple[str, bytes]] = [
    ("words", b"hello"),
    ("a form", b"a=1&b=2"),
    ("an object without an end", b'{"a":1'),
    ("an array without an end", b'[{"a":1}'),
    ("a comma too many", b'[{"a":1},]'),
    ("a missing element", b'[{"a":1},,{"a":1}]'),
    ("two values", b'{"a":1}{"b":2}'),
    ("a line for each value", b'{"a":1}\n{"b":2}\n'),
    ("single quotes", b"{'a':1}"),
    ("NaN", b'{"a":NaN}'),
    ("Infinity", b'{"a":Infinity}'),
    ("-Infinity", b'{"a":-Infinity}'),
    ("a control character", b'{"a":"\x01"}'),
    ("a number with a leading zero", b'{"a":01}'),
    ("a byte order mark", b'\xef\xbb\xbf{"a":1}'),
    ("UTF-16", '{"a":1}'.encode("utf-16")),
    ("no UTF-8", b'{"a":"\xff"}'),
    ("half a surrogate pair as bytes", b'{"a":"\xed\xa0\x80"}'),
    ("100,000 brackets", b"[" * 100_000),
    ("100,000 braces", b'{"a":' * 100_000),
    ("six MiB of brackets", b"[" * (6 * 1024 * 1024)),
    ("deep, then an end too many", f"[{DEEP}]]".encode()),
    ("deep, then another value", f"{DEEP_OBJECT},{DEEP_OBJECT}".encode()),
    ("deep, then no JSON", f"[{DEEP},oops]".encode()),
    ("deep, then a comma too many", f"[{DEEP},]".encode()),
    ("deep, then NaN", f"[{DEEP},NaN]".encode()),
    ("deep without an end", f'[{DEEP},{{"a":1}}'.encode()),
]


NOT_JSON_AS_TEXT = [
    (f"{name}, as text", body.decode()) for name, body in NOT_JSON if body.isascii()
]


@pytest.mark.parametrize(
    "body",
    [row[1] for row in (*NOT_JSON, *NOT_JSON_AS_TEXT)],
    ids=[row[0] for row in (*NOT_JSON, *NOT_JSON_AS_TEXT)],
)
def test_what_is_no_json_is_refused(body: bytes | str) -> None:
    with pytest.raises(NotJson):
        list(Body.read(body).messages())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        "",
        b" \n",
        " \n",
        b"[]",
        "[]",
        b"[ ]",
        b"null",
        b"true",
        b"0",
        "0",
        b"1e999",
        b'"track"',
    ],
)
def test_json_without_a_message_is_refused(body: bytes | str) -> None:
    with pytest.raises(NoMessage):
        list(Body.read(body).messages())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"email":"a@b.co" oops}', "The body is not JSON: see character 18."),
        (b'{"email":"\xff"}', "The body is not UTF-8."),
        (b'{"email":NaN}', "The body is not JSON: NaN and Infinity are no JSON numbers."),
    ],
)
def test_a_refusal_says_where_and_not_what(body: bytes, text: str) -> None:
    with pytest.raises(NotJson) as refusal:
        list(Body.read(body).messages())
    assert str(refusal.value) == text


def test_an_unreadable_message_does_not_show_its_text() -> None:
    assert repr(Unreadable("a@b.co", "why")) == "Unreadable(detail='why')"


FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(200))
@given(st.lists(JSON_VALUES, min_size=1, max_size=5), st.booleans())
def test_an_array_is_read_as_json_reads_it_beside_an_unreadable_element_too(
    values: list[Any], ascii_only: bool
) -> None:
    texts = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
    alone = list(Body.read(f"[{','.join(texts)}]".encode()).messages())
    beside = list(Body.read(f"[{','.join([DEEP, *texts])}]".encode()).messages())
    assert alone == values
    assert beside == [Unreadable(DEEP, UNREADABLE), *values]


@settings(max_examples=examples(200))
@given(st.text(st.characters(categories=["Cs", "Ll"]) | st.sampled_from('\\u"d8'), max_size=8))
def test_no_half_of_a_surrogate_pair_gets_through(text: str) -> None:
    (message,) = Body.read(json.dumps({"a": text}).encode()).messages()
    assert isinstance(message, dict)
    message["a"].encode()
    # JSON joins two halves that meet, which Python keeps apart.
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert message["a"].replace("\ufffd", "") == joined.replace("\ufffd", "")


@pytest.mark.parametrize("piece", ["\\ud800", "\\ud83d\\ude00", "\\ud", "\\\\"])
def test_a_body_of_escapes_takes_no_longer_than_its_length_asks_for(piece: str) -> None:
    body = f'{{"a":"{piece * (3_000_000 // len(piece))}"}}'.encode()

    def read() -> None:
        with contextlib.suppress(NotJson):
            list(Body.read(body).messages())

    assert processor_seconds(read, 2.0) < 2.0
