"""A request as bytes, and the plain answer that bytes hold.

`http.client` takes 0.3 ms of the processor for an exchange, most of it for headers that nobody
reads, and a large call with the ledger makes eighty. What is not plain, such as an answer in
chunks, is left to it. https://www.rfc-editor.org/rfc/rfc9112
"""

import re
from collections.abc import Mapping

from requests.structures import CaseInsensitiveDict

from klaviyo_client.sending.bounded_http import HttpAnswer

END_OF_HEAD = b"\r\n\r\n"

_STATUS = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [^\r\n]*)?\r\n")

_WITHOUT_BODY = frozenset({204, 304})

_LENGTHS = re.compile(rb"\r\ncontent-length\s*:([^\r\n]*)", re.IGNORECASE)

_DIGITS = re.compile(rb" *(\d{1,18}) *")

_CODED = re.compile(rb"\r\n(?:transfer|content)-encoding\s*:", re.IGNORECASE)

_LAST = re.compile(rb"\r\nconnection\s*:[^\r\n]*\bclose\b", re.IGNORECASE)


def request_of(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The request's bytes; `headers` include the host. Raises `ValueError` for what no header can
    hold."""
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"content-length: {len(body)}\r\n\r\n")
    head = "\r\n".join(lines)
    if head.count("\n") != len(headers) + 3 or head.count("\r") != len(headers) + 3:
        raise ValueError("a header has a line break")
    return head.encode("latin-1") + body


class Head:
    """The head of an answer, which ends at `end`; the rest says what follows if it `is_plain`: so
    many bytes of a body, in no code."""

    __slots__ = ("_begins", "_is_last", "_status", "is_plain", "length")

    def __init__(self, received: bytearray, end: int) -> None:
        self._begins = begins = end + len(END_OF_HEAD)
        status = _STATUS.match(received)
        lengths = _LENGTHS.findall(received, 0, begins)
        length = _DIGITS.fullmatch(lengths[0]) if len(lengths) == 1 else None
        self._status = int(status[1]) if status else 0
        self.length = int(length[1]) if length else 0
        self.is_plain = (
            self._status not in {0, *_WITHOUT_BODY}
            and length is not None
            and _CODED.search(received, 0, begins) is None
        )
        self._is_last = _LAST.search(received, 0, begins) is not None

    def is_all_there(self, received: bytearray) -> bool:
        """Whether the answer is plain, and complete."""
        return self.is_plain and len(received) >= self._begins + self.length

    def answer(self, received: bytearray) -> tuple[HttpAnswer, bool]:
        """The plain answer, once all of it is there, and whether it is the last one on its
        connection: the host says so, or has sent more than belongs to it."""
        lines = received[: self._begins - len(END_OF_HEAD)].decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines[1:])
        headers = CaseInsensitiveDict((name, value.strip()) for name, _, value in fields)
        ends = self._begins + self.length
        answer = HttpAnswer(self._status, headers, bytes(received[self._begins : ends]))
        return answer, self._is_last or len(received) > ends
