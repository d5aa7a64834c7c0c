"""A body, read as JSON (RFC 8259) into the messages that it holds."""

import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import DecodeError, Raw

from handler.door.elements import JSON_SPACE, array_elements
from handler.door.reader import raw_elements, read_element, read_value
from handler.door.refusals import NoMessage, NotJson
from handler.door.request import Content, as_bytes
from klaviyo_mapping.segment.message import Message
from operations import Json

_DIGITS_WITHIN_A_DOUBLE = 308
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


NO_MESSAGE = "The body holds no message. Send one object or an array of objects."


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is whole but nests too deeply for Python to read; its text as it came."""

    text: str = dataclasses.field(repr=False)
    detail: str


class Body:
    """The values of a JSON array, or the one object. Each can be taken once, in order.

    The whole is checked to be JSON at once. An element is read when it is asked for, so that a
    large batch needs little more memory than the body. What msgspec rejects is read once more by
    `json`: then a number beyond the range of a double is `None`, as JavaScript writes it, and half
    a surrogate pair U+FFFD. An element that nests too deeply to be read is `Unreadable`; its
    neighbours are read. Raises `NotJson` (also for `NaN`, `Infinity` and a byte order mark) and
    `NoMessage` (an empty body, an empty array, or a scalar).
    """

    __slots__ = ("_left",)

    def __init__(self, elements: Iterable[Raw | Json | Unreadable]) -> None:
        self._left = iter(elements)

    @classmethod
    def read(cls, body: Content) -> "Body":
        """The body of a request, or another JSON text."""
        return cls(_elements(body))

    @classmethod
    def of(cls, value: Json) -> "Body":
        """What holds the one value, read before."""
        return cls([value])

    def messages(self) -> Iterator[Message | Json | Unreadable]:
        """The elements not taken yet; those that read as a `Message` as such."""
        return self._read(read_element)

    def values(self) -> Iterator[Json | Unreadable]:
        """The elements not taken yet, every message as plain JSON with all that was sent."""
        return self._read(read_value)

    def texts(self) -> Iterator[str | Unreadable]:
        """The elements not taken yet, each as JSON text; most are not read for it."""
        for element in self._left:
            if isinstance(element, Raw):
                yield bytes(element).decode()
            elif isinstance(element, Unreadable):
                yield element
            else:
                yield json.dumps(element)

    def _read(self, read: Callable[[Raw], Json]) -> Iterator[Json | Unreadable]:
        for element in self._left:
            if not isinstance(element, Raw):
                yield element
                continue
            try:
                value = read(element)
            except (DecodeError, RecursionError):
                value = _read_element(_repaired(bytes(element).decode()))
            yield value


def read_values(body: Content) -> Iterator[Json | Unreadable]:
    """The values of a `Body`."""
    return Body.read(body).values()


def _elements(body: Content) -> Sequence[Raw | Json | Unreadable]:
    _require_utf8(body)
    try:
        elements = raw_elements(body)
    except (DecodeError, RecursionError):
        text = as_bytes(body).decode()
        return _read_leniently(_repaired(text))
    if not elements:
        raise NoMessage(NO_MESSAGE)
    return elements


def _read_leniently(text: str) -> list[Json | Unreadable]:
    if not text.strip(JSON_SPACE.decode()):
        raise NoMessage("The body is empty. Send one message or an array of messages.")
    try:
        document = _loads(text)
    except RecursionError:
        return _read_one_by_one(text.encode().strip(JSON_SPACE))
    if isinstance(document, dict):
        return [document]
    if isinstance(document, list) and document:
        return document
    raise NoMessage(NO_MESSAGE)


def _require_utf8(body: Content) -> None:
    """Raises `NotJson` for another encoding. What is ASCII is not decoded to find out."""
    if body.isascii():
        return
    try:
        as_bytes(body).decode()
    except UnicodeDecodeError:
        raise NotJson("The body is not UTF-8.") from None


def _repaired(text: str) -> str:
    """The text with half a surrogate pair as U+FFFD."""
    if "\\ud" in text or "\\uD" in text:
        return _ESCAPE.sub(lambda found: "\\ufffd" if found["lone"] else found[0], text)
    return text


def _loads(text: str) -> Json:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"The body is not JSON: see character {error.pos}.") from None


def _read_one_by_one(body: bytes) -> list[Json | Unreadable]:
    is_array = body.startswith(b"[")
    try:
        elements = list(array_elements(body if is_array else b"[" + body + b"]"))
    except ValueError as error:
        raise NotJson(f"The body is not JSON: {error}.") from None
    if not is_array and len(elements) > 1:
        raise NotJson("The body is not JSON: more than one value.")
    return [_read_element(element.decode()) for element in elements]


def _read_element(text: str) -> Json | Unreadable:
    try:
        return _loads(text)
    except RecursionError:
        return Unreadable(text, "nests too deeply to be read")


def _float(digits: str) -> float | None:
    number = float(digits)
    return None if math.isinf(number) else number


def _integer(digits: str) -> int | None:
    if len(digits) > _DIGITS_WITHIN_A_DOUBLE and math.isinf(float(digits)):
        return None
    return int(digits)


def _refuse_constant(_name: str) -> Any:
    raise NotJson("The body is not JSON: NaN and Infinity are no JSON numbers.")


_DECODER = json.JSONDecoder(parse_float=_float, parse_int=_integer, parse_constant=_refuse_constant)
