"""Segment's signature, against digests computed with openssl and Node, not by this code."""

from typing import Any

import pytest

from handler.door.refusals import InvalidSignature, SecretError
from handler.door.signature import verify

# printf '%s' "$BODY" | openssl dgst -sha1 -hmac s3cret
SECRET = "s3cret"
BODY = b'{"type":"identify","messageId":"m-1","userId":"u-1","traits":{"n":1e-7}}'
SIGNATURE = "05e72a5b784e5a21fcf81fcc241df3bf9df86783"
NEXT_SECRET = "next"
NEXT_SIGNATURE = "46bdb383e4611712e538ce43577d3dd7204512d5"
BATCH = b"[" + BODY + b',{"type":"identify"}]'
NOTHING_SIGNATURE = "3e48575537919d9187078407ecb88e44b1d674e4"
BATCH_SIGNATURE = "9aafb65e07393bb182f7f78335d6b79d3016ff1a"

ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("one message", {}),
    ("one message that came as text", {"body": BODY.decode()}),
    ("upper-case digits", {"signature": SIGNATURE.upper()}),
    ("the second secret of two", {"secrets": [NEXT_SECRET, SECRET]}),
    ("the first secret of two", {"signature": NEXT_SIGNATURE, "secrets": [NEXT_SECRET, SECRET]}),
    ("an array of one, by its element", {"body": b"[" + BODY + b"]"}),
    ("an array, by its first element", {"body": BATCH}),
    ("an array that came as text, by its first element", {"body": BATCH.decode()}),
    (
        "an array that came as text, as a whole",
        {"body": BATCH.decode(), "signature": BATCH_SIGNATURE},
    ),
    ("an array, as a whole", {"body": BATCH, "signature": BATCH_SIGNATURE}),
    ("an array with white space", {"body": b" [\n\t" + BODY + b" ,\r\n{} ]\n"}),
    ("an array with another last element", {"body": b"[" + BODY + b',{"type":"track"}]'}),
    ("an array that goes wrong further on", {"body": b"[" + BODY + b',"\xff'}),
]


@pytest.mark.parametrize("change", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_a_signature_holds_for(change: dict[str, Any]) -> None:
    verify(**{"body": BODY, "signature": SIGNATURE, "secrets": [SECRET], **change})


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("none", {"signature": None}),
    ("empty", {"signature": ""}),
    ("one digit short", {"signature": SIGNATURE[:-1]}),
    ("one digit long", {"signature": SIGNATURE + "0"}),
    ("one digit changed", {"signature": "1" + SIGNATURE[1:]}),
    ("a line feed after it", {"signature": SIGNATURE + "\n"}),
    ("space within", {"signature": SIGNATURE[:20] + " " + SIGNATURE[20:]}),
    ("not hexadecimal", {"signature": "g" * 40}),
    ("not ASCII", {"signature": "é" * 40}),
    ("digits of another script", {"signature": "٣" * 40}),
    ("half a surrogate pair", {"signature": "\ud800" * 40}),
    ("twice over", {"signature": f"{SIGNATURE},{SIGNATURE}"}),
    ("another secret", {"secrets": ["other"]}),
    ("the secret in another case", {"secrets": ["S3CRET"]}),
    ("the secret with a space", {"secrets": [SECRET + " "]}),
    ("a byte of the body changed", {"body": BODY.replace(b"u-1", b"u-2")}),
    ("white space added to the body", {"body": BODY.replace(b":", b": ")}),
    ("the number written otherwise", {"body": BODY.replace(b"1e-7", b"1e-07")}),
    (
        "the keys in another order",
        {
            "body": BODY.replace(
                b'"type":"identify","messageId":"m-1"', b'"messageId":"m-1","type":"identify"'
            )
        },
    ),
    ("an empty body", {"body": b""}),
    ("an empty array", {"body": b"[]"}),
    ("a missing first element", {"body": b"[,{}]", "signature": NOTHING_SIGNATURE}),
    ("the signed element second", {"body": b'[{"type":"identify"},' + BODY + b"]"}),
    ("the first element changed", {"body": BATCH.replace(b"u-1", b"u-2")}),
    ("the signed element a level down", {"body": b"[[" + BODY + b"]]"}),
    (
        "the batch's signature, another last element",
        {"body": BATCH.replace(b"}]", b"} ]"), "signature": BATCH_SIGNATURE},
    ),
    ("an array without an end", {"body": b"[" + BODY}),
    ("100,000 brackets", {"body": b"[" * 100_000}),
    ("100,000 braces in an array", {"body": b"[" + b'{"a":' * 100_000}),
    ("100,000 brackets that close", {"body": b"[" * 100_000 + b"]" * 100_000}),
    ("no UTF-8", {"body": b"[\xff\xfe"}),
    ("a string without an end", {"body": b'["' + b'\\"' * 100_000}),
    ("six MiB of brackets", {"body": b"[" * (6 * 1024 * 1024)}),
]


@pytest.mark.parametrize("change", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_signature_does_not_hold_for(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignature):
        verify(**{"body": BODY, "signature": SIGNATURE, "secrets": [SECRET], **change})


def test_what_json_stringify_writes_is_verified_as_it_was_written() -> None:
    """Exponents, key order, half surrogates and other scripts: as Node 20 wrote and signed them."""
    written = (
        r'{"type":"track","messageId":"m-1","event":"Größe ✓ 😀","properties":{"tiny":1e-7,'
        r'"big":1e+21,"lone":"\ud800","b":1,"a":2,"path":"a\\ud800"}}'
    ).encode()
    signature = "fcbbed459311004ed4277e26437956e607a8326e"
    verify(written, signature, ["whsec"])
    verify(b"[" + written + b",{}]", signature, ["whsec"])


@pytest.mark.parametrize(
    "secrets",
    [[], [""], [" \t"], [SECRET, ""], ["", SECRET], (), SECRET],
    ids=["none", "empty", "blank", "one of two empty", "first empty", "no tuple", "a bare text"],
)
def test_without_a_usable_secret_nothing_is_accepted(secrets: list[str]) -> None:
    with pytest.raises(SecretError):
        verify(BODY, SIGNATURE, secrets)


def test_the_digest_under_an_empty_secret_is_not_accepted() -> None:
    """`printf '' | openssl dgst -sha1 -hmac ''`: what anybody could send."""
    with pytest.raises(SecretError):
        verify(b"", "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d", [""])


@pytest.mark.parametrize("signature", [None, "zz", "0" * 40])
def test_a_refusal_holds_neither_the_signature_nor_the_secret(signature: str | None) -> None:
    with pytest.raises(InvalidSignature) as refusal:
        verify(BODY, signature, [SECRET])
    said = str(refusal.value)
    assert [text for text in (SECRET, "u-1", signature) if text and text in said] == []
