"""One message to SQS: it is stored, or it is known in time that it may not be."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import md5

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from handler.queue.sqs import Sqs

BODY = "a message"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/retry"

Answer = Callable[[socket.socket, threading.Event], None]


def test_a_message_is_stored(aws_variables: dict[str, str]) -> None:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="sqs-test")["QueueUrl"]
    answer = Sqs().send_message(url, BODY, 0, 5.0)
    assert answer["MD5OfMessageBody"] == md5(BODY.encode(), usedforsecurity=False).hexdigest()
    [message] = client.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == BODY
    client.delete_queue(QueueUrl=url)


def test_a_refusal_is_named_by_its_code(aws_variables: dict[str, str]) -> None:
    with pytest.raises(ClientError) as caught:
        Sqs().send_message("https://sqs.eu-west-1.amazonaws.com/123456789012/none", BODY, 0, 5.0)
    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """An SQS that answers so, and the requests that it has taken."""
    taken: list[bytes] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                taken.append(connection.recv(65_536))
                answer(connection, done)

        def serve() -> None:
            with suppress(OSError):
                while not done.is_set():
                    threading.Thread(target=one, args=(listener.accept()[0],)).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
        done.set()


def is_silent(_: socket.socket, done: threading.Event) -> None:
    done.wait(5)


def drips(connection: socket.socket, done: threading.Event) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" * 9:
        connection.sendall(bytes([byte]))
        if done.wait(0.02):
            return


def cuts(_: socket.socket, __: threading.Event) -> None:
    return


def redirects(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    )


def fails(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "raised", "requests"),
    [
        (is_silent, BotoCoreError, 1),
        (drips, BotoCoreError, 1),
        (cuts, BotoCoreError, 2),
        (redirects, ClientError, 1),
        (fails, ClientError, 1),
    ],
)
@pytest.mark.alone
def test_whatever_sqs_does_one_request_ends_in_time(
    answer: Answer, raised: type[Exception], requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with answering(answer) as (url, taken):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", url)
        sqs = Sqs()
        with suppress(Exception):
            sqs.send_message(URL, BODY, 0, 0.1)  # loads boto3
        taken.clear()
        began = time.monotonic()
        with pytest.raises(raised):
            sqs.send_message(URL, BODY, 0, 0.3)
        assert time.monotonic() - began < 0.6
        assert len(taken) == requests
