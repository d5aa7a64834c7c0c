"""What is done while Klaviyo is waited for."""

import threading
from typing import Any

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.sending.ahead import Ahead
from operations import Identity, UpsertProfile

ADA = UpsertProfile("m", Identity(email="ada@acme-store.example"), properties={"plan": "x"})


class Waits:
    """A `Transport` that answers once something has been done meanwhile."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def send(self, *_: Any, **__: Any) -> Answer:
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
