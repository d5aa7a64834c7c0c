"""Requests and answers as bytes."""

import pytest

from handler.aws.plain_http import END_OF_HEAD, Head, request_of
from klaviyo_client.sending.bounded_http import HttpAnswer


def test_a_request_is_its_head_and_its_body() -> None:
    assert request_of("POST", "/", b"{}", {"host": "h", "x-amz-target": "A.B"}) == (
        b"POST / HTTP/1.1\r\nhost: h\r\nx-amz-target: A.B\r\ncontent-length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\n", "a\rb", "\N{EURO SIGN}"])
def test_no_header_has_what_none_can_hold(value: str) -> None:
    with pytest.raises(ValueError, match=r"line break|latin-1"):
        request_of("POST", "/", b"", {"host": "h", "token": value})


def head_of(text: bytes) -> tuple[Head, bytearray]:
    received = bytearray(text)
    return Head(received, received.find(END_OF_HEAD)), received


PLAIN = b"HTTP/1.1 200 OK\r\nX-Amz: 1\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "status", "is_last"),
    [
        (PLAIN + b"{}", 200, False),
        (PLAIN.replace(b"200 OK", b"400 Bad Request") + b"{}", 400, False),
        (PLAIN.replace(b"200 OK", b"500") + b"{}", 500, False),
        (PLAIN.replace(b"Content-Length: 2", b"content-length:2  ") + b"{}", 200, False),
        (PLAIN.replace(b"X-Amz: 1", b"CONNECTION: Close") + b"{}", 200, True),
        (PLAIN.replace(b"X-Amz: 1", b"Connection: keep-alive, close") + b"{}", 200, True),
        (PLAIN.replace(b"X-Amz: 1", b"Connection: keep-alive") + b"{}", 200, False),
        (PLAIN + b"{}HTTP/1.1 200 OK\r\n", 200, True),
    ],
)
def test_a_plain_answer(text: bytes, status: int, *, is_last: bool) -> None:
    head, received = head_of(text)
    assert (head.is_plain, head.is_all_there(received)) == (True, True)
    answer, found_last = head.answer(received)
    assert (answer.status, answer.content, found_last) == (status, b"{}", is_last)


def test_headers_match_in_any_case() -> None:
    head, received = head_of(PLAIN + b"{}")
    answer, _ = head.answer(received)
    assert isinstance(answer, HttpAnswer)
    assert (answer.headers["x-amz"], answer.headers["CONTENT-LENGTH"]) == ("1", "2")


@pytest.mark.parametrize("came", [b"", b"{"])
def test_an_answer_of_which_something_is_missing(came: bytes) -> None:
    head, received = head_of(PLAIN + came)
    assert (head.is_plain, head.is_all_there(received)) == (True, False)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 100 Continue\r\nContent-Length: 2",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2",
        b"SSH-2.0 200 OK\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nX-Amz: 1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length:\t2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length : 4x",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding : chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip",
    ],
)
def test_what_is_not_plain_is_left_to_http_client(head: bytes) -> None:
    found, _ = head_of(head + b"\r\n\r\n{}")
    assert not found.is_plain
