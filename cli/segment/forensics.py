"""Finds out why a signature does not match, by undoing what usually happens to a request.

Pure. Each change of the body, the secret or the header is a hypothesis. If the signature matches
after it was undone, it is the cause.
"""

import base64
import binascii
import gzip
import hmac
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from handler.door.elements import array_elements
from handler.door.refusals import InvalidSignature
from handler.door.signature import verify


@dataclass(frozen=True, slots=True)
class Cause:
    """What happened, with a stable code and the remedy."""

    code: str
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether the door would accept the request, and if not, the causes that were found.

    `signed` is what the signature is over: `body`, or `first_element` of a batch.
    """

    matches: bool
    signed: str | None = None
    causes: tuple[Cause, ...] = ()


Tampering = Callable[[bytes], bytes | None]
"""Another form of the bytes; `None` or a `ValueError` where there is none."""


def _reserialised(**options: object) -> Tampering:
    def change(body: bytes) -> bytes:
        return json.dumps(json.loads(body), **options).encode()  # type: ignore[arg-type]

    return change


def _first_of_parsed(body: bytes) -> bytes | None:
    document = json.loads(body)
    if not isinstance(document, list) or not document:
        return None
    return json.dumps(document[0], separators=(",", ":"), ensure_ascii=False).encode()


COMPACT = {"separators": (",", ":"), "ensure_ascii": False}
RAW = "Pass the bytes of the body on as they came, before anything parses them."

BODIES: Sequence[tuple[Cause | None, Tampering]] = (
    (None, lambda body: body),
    (
        Cause("trailing_newline", "A line break was added at the end of the body.", RAW),
        lambda body: body.rstrip(b"\r\n"),
    ),
    (
        Cause("newline_removed", "The line break at the end of the body was removed.", RAW),
        lambda body: body + b"\n",
    ),
    (
        Cause("line_endings", "Line ends were changed from LF to CRLF.", RAW),
        lambda body: body.replace(b"\r\n", b"\n"),
    ),
    (
        Cause("byte_order_mark", "A byte order mark was put in front of the body.", RAW),
        lambda body: body.removeprefix(b"\xef\xbb\xbf"),
    ),
    (
        Cause(
            "base64",
            "The body is in base64, as API Gateway hands it over; what was signed is its content.",
            "Decode it first (isBase64Encoded); the destination does so by itself.",
        ),
        lambda body: base64.b64decode(body.strip(), validate=True),
    ),
    (
        Cause("compressed", "The body is compressed; what was signed is its content.", RAW),
        gzip.decompress,
    ),
    (
        Cause("reserialised", "The body was parsed and written again, with other spaces.", RAW),
        _reserialised(**COMPACT),
    ),
    (
        Cause("reserialised", "The body was parsed and written again, with \\u escapes.", RAW),
        _reserialised(separators=(",", ":")),
    ),
    (
        Cause("reserialised", "The body was parsed and written again, without its spaces.", RAW),
        _reserialised(),
    ),
    (
        Cause("reserialised", "The body was parsed and written again, without its layout.", RAW),
        _reserialised(indent=2, ensure_ascii=False),
    ),
    (
        Cause(
            "reserialised_batch",
            "The signature is over the first element as Segment wrote it; the batch was parsed "
            "and written again.",
            RAW,
        ),
        _first_of_parsed,
    ),
)
"""What may have happened to the body, and how to undo it."""

SAME_TEXT = "Set exactly the same text in Segment and in the secret."

SECRETS: Sequence[tuple[Cause | None, Tampering]] = (
    (None, lambda secret: secret),
    (
        Cause(
            "secret_with_spaces", "The secret here has spaces or a line break around it.", SAME_TEXT
        ),
        lambda secret: secret.strip(),
    ),
    (
        Cause("secret_with_newline", "Segment's secret ends in a line break.", SAME_TEXT),
        lambda secret: secret.strip() + b"\n",
    ),
    (
        Cause("secret_in_quotes", "The secret here has quotation marks around it.", SAME_TEXT),
        lambda secret: secret.strip().strip(b"\"'"),
    ),
    (
        Cause("secret_in_base64", "The secret here is in base64 and Segment's is not.", SAME_TEXT),
        lambda secret: base64.b64decode(secret, validate=True),
    ),
    (
        Cause(
            "secret_not_in_base64",
            "Segment's secret is in base64 and the one here is not.",
            SAME_TEXT,
        ),
        base64.b64encode,
    ),
)
"""What may be wrong with the secret, and how to undo it."""

ALGORITHMS = (
    (None, "sha1"),
    (
        Cause(
            "other_algorithm",
            "It was signed with HMAC-SHA256; Segment signs with HMAC-SHA1.",
            "Look at who sends this: it is not Segment's webhook.",
        ),
        "sha256",
    ),
)

WRONG_SECRET = Cause(
    "wrong_secret",
    "No usual change of the body explains it: most likely it was signed with another secret.",
    "Compare the shared secret in Segment's webhook settings with segment_shared_secret. If they "
    "are the same, the body is not what was sent: capture its bytes before anything reads them.",
)
MISSING = Cause(
    "missing", "There is no signature.", "Set the shared secret in Segment's webhook settings."
)
MALFORMED = Cause(
    "malformed",
    "The signature is not 40 hexadecimal digits.",
    "Take the whole value of the header X-Signature.",
)
DECORATED = Cause(
    "decorated",
    "The signature is right, but the header adds a prefix, quotes or spaces.",
    "Send only the 40 hexadecimal digits.",
)
IN_BASE64 = Cause(
    "signature_in_base64",
    "The signature is right, but is in base64 rather than hexadecimal.",
    "Look at who sends this: Segment sends hexadecimal digits.",
)

_HEX = re.compile(r"[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?")


def examine(body: bytes, signature: str | None, secrets: Sequence[str]) -> Finding:
    """Whether the door accepts the signature, and if not, why."""
    if not signature or not signature.strip():
        return Finding(False, causes=(MISSING,))
    try:
        verify(body, signature, secrets)
    except InvalidSignature:
        return _explain(body, signature, secrets)
    return Finding(True, _signed_part(body, signature, secrets))


def _signed_part(body: bytes, signature: str, secrets: Sequence[str]) -> str:
    digest = bytes.fromhex(signature)
    over_all = any(hmac.digest(_key(each), body, "sha1") == digest for each in secrets)
    return "body" if over_all else "first_element"


def _explain(body: bytes, signature: str, secrets: Sequence[str]) -> Finding:
    digest, of_header = _digest(signature)
    if digest is None:
        return Finding(False, causes=(MALFORMED,))
    found: tuple[Cause, ...] | None = None
    part = None
    for causes, signed, content, key, algorithm in _hypotheses(body, secrets):
        if hmac.digest(key, content, algorithm) == digest and (
            found is None or len(causes) < len(found)
        ):
            found, part = causes, signed
    if found is None:
        return Finding(False, causes=(*of_header, WRONG_SECRET))
    return Finding(False, part, (*of_header, *found))


def _digest(signature: str) -> tuple[bytes | None, tuple[Cause, ...]]:
    """The bytes of the signature, and what is wrong with the way the header writes them."""
    text = signature.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text), () if text == signature else (DECORATED,)
    bare = re.sub(r"(?i)^(x-signature\s*[:=])?\s*(sha1|sha256)?\s*[=:]?\s*", "", text).strip("\"' ")
    if _HEX.fullmatch(bare):
        return bytes.fromhex(bare), (DECORATED,)
    try:
        decoded = base64.b64decode(bare, validate=True)
    except binascii.Error:
        return None, ()
    return (decoded, (IN_BASE64,)) if len(decoded) in (20, 32) else (None, ())


def _hypotheses(
    body: bytes, secrets: Sequence[str]
) -> Iterator[tuple[tuple[Cause, ...], str, bytes, bytes, str]]:
    """What happened, what is signed, the bytes, the key and the algorithm."""
    contents = list(_contents(body))
    keys = [
        (cause, key)
        for secret in secrets
        for cause, change in SECRETS
        if (key := _changed(change, _key(secret)))
    ]
    for (of_body, signed, content), (of_secret, key), (other, algorithm) in product(
        contents, keys, ALGORITHMS
    ):
        causes = tuple(cause for cause in (of_body, of_secret, other) if cause is not None)
        yield causes, signed, content, key, algorithm


def _contents(body: bytes) -> Iterator[tuple[Cause | None, str, bytes]]:
    for cause, change in BODIES:
        content = _changed(change, body)
        if content is None:
            continue
        yield cause, "body", content
        try:
            first = next(array_elements(content), None)
        except ValueError:
            continue
        if first:
            yield cause, "first_element", first


def _changed(change: Tampering, content: bytes) -> bytes | None:
    try:
        return change(content)
    except (ValueError, EOFError, OSError, zlib.error, RecursionError):
        return None


def _key(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")
