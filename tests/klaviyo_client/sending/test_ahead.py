"""What is done while Klaviyo is waited for."""

import socket
import threading
from typing import Any

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.sending.ahead import Ahead, CalledOffError
from klaviyo_client.sending.bounded_http import BoundedHttp
from klaviyo_client.sending.departure import at_departure, departed
from operations import Identity, UpsertProfile

ADA = UpsertProfile("m", Identity(email="ada@acme-store.example"), properties={"plan": "x"})


class Waits:
    """A `Transport` that answers once something has been done meanwhile."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def send(self, *_: Any, **__: Any) -> Answer:
        departed()
        assert self.done.wait(10)
        return Answer(200, {"data": {"type": "profile", "id": "p"}})


def test_it_is_done_while_klaviyo_is_waited_for() -> None:
    transport = Waits()
    klaviyo = Klaviyo("https://a.klaviyo.com", probe_seconds=1.0, transport=transport)
    klaviyo.meanwhile(transport.done.set)
    assert klaviyo.deliver([ADA], "pk", 20.0).requests == 1


def test_where_nothing_is_sent_it_is_not_done_and_not_kept_for_the_next_delivery() -> None:
    transport = Waits()
    klaviyo = Klaviyo("https://a.klaviyo.com", probe_seconds=1.0, transport=transport)
    done: list[str] = []
    klaviyo.meanwhile(lambda: done.append("too late"))
    klaviyo.deliver([ADA], "pk", 0.0)
    klaviyo.meanwhile(transport.done.set)
    klaviyo.deliver([ADA], "pk", 20.0)
    assert done == []


def test_who_asks_while_it_is_made_waits_for_it() -> None:
    made: list[int] = []
    begun, goes_on = threading.Event(), threading.Event()

    def make() -> int:
        made.append(1)
        begun.set()
        assert goes_on.wait(10)
        return len(made)

    ahead = Ahead(make)
    thread = threading.Thread(target=ahead.get)
    thread.start()
    assert begun.wait(10)
    threading.Timer(0.01, goes_on.set).start()
    assert ahead.get() == 1
    thread.join()


def test_what_has_failed_is_made_again() -> None:
    answers = iter([None, 5])

    def make() -> int:
        answer = next(answers)
        if answer is None:
            raise ValueError("not yet")
        return answer

    ahead = Ahead(make)
    with pytest.raises(ValueError, match="not yet"):
        ahead.get()
    assert ahead.get() == ahead.get() == 5


def test_what_nobody_has_begun_is_called_off() -> None:
    ahead = Ahead(lambda: 1)
    assert ahead.call_off() is None
    with pytest.raises(CalledOffError):
        ahead.get()


def test_what_was_made_is_not_called_off() -> None:
    ahead = Ahead(lambda: 1)
    ahead.get()
    assert (ahead.call_off(), ahead.get()) == (1, 1)


def test_what_was_said_last_is_done_first_and_what_fails_holds_up_nothing() -> None:
    transport = Waits()
    klaviyo = Klaviyo("https://a.klaviyo.com", probe_seconds=1.0, transport=transport)
    done: list[int] = []

    def fails() -> None:
        done.append(2)
        raise ValueError

    klaviyo.meanwhile(transport.done.set)
    klaviyo.meanwhile(lambda: done.append(1))
    klaviyo.meanwhile(fails)
    klaviyo.deliver([ADA], "pk", 20.0)
    assert done == [2, 1]


def test_it_begins_when_the_request_is_written_and_once() -> None:
    done: list[str] = []
    seen: list[list[str]] = []
    body = b"{" + b" " * 30_000_000 + b"}"  # more than the sockets hold
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                for _ in range(2):
                    accepted.recv(1)
                    seen.append([*done])
                    while not accepted.recv(1_000_000).endswith(b"}"):
                        pass
                    accepted.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with BoundedHttp(url, 1) as http, at_departure(lambda: done.append("departed")):
            for _ in range(2):
                http.send("POST", "/", body, {}, 30.0, 1_000)
        thread.join()
    assert seen == [[], ["departed"]]
    assert done == ["departed"]


def test_where_nobody_waits_for_it_nothing_is_done_at_departure() -> None:
    done: list[str] = []
    with at_departure(lambda: done.append("departed")):
        pass
    departed()
    assert done == []
