"""The elements of a JSON array as the bytes that they came in, found without parsing them."""

import re
from collections.abc import Iterator

JSON_SPACE = b" \t\n\r"

_OPENING = frozenset(b"[{")
_CLOSING = frozenset(b"]}")
_COMMA = ord(",")
# Runs of brackets count as one, and a string without an end reaches to the end of the body: no
# byte is read twice, whatever was sent. The quantifiers are possessive, so they never backtrack.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]++|[\]}]++|,', re.DOTALL)


def array_elements(body: bytes) -> Iterator[bytes]:
    """The elements of the array in `body`, in order, without the white space around them.

    Neither recursive nor a validator: it reads only brackets, commas and strings, in linear time,
    and does not check the elements themselves. Each element is yielded before the next one is
    read. Raises `ValueError` if `body` is not an array, or the array is not complete.
    """
    text = body.strip(JSON_SPACE)
    if not text.startswith(b"["):
        raise ValueError("not an array")
    start, depth = 1, 1
    for token in _TOKEN.finditer(text, start):
        kind = text[token.start()]
        if kind in _OPENING:
            depth += token.end() - token.start()
        elif kind in _CLOSING:
            length = token.end() - token.start()
            if depth > length:
                depth -= length
                continue
            end = token.start() + depth - 1
            element = text[start:end].strip(JSON_SPACE)
            if element or start > 1:
                yield element
            if text[end:] != b"]":
                raise ValueError("more than an array")
            return
        elif kind == _COMMA and depth == 1:
            yield text[start : token.start()].strip(JSON_SPACE)
            start = token.end()
    raise ValueError("an array without an end")
