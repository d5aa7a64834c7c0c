"""A test that hangs fails, and shows where each thread of it stands."""

import threading

import pytest

from tests.suite.time_limit import time_limit


def test_what_hangs_fails_with_where_each_thread_stands() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, args=(30,), name="waits beside it")
    thread.start()
    with pytest.raises(pytest.fail.Exception) as failure, time_limit(0.2):
        threading.Event().wait(30)
    done.set()
    thread.join()
    assert "it has not ended within 0.2 s" in str(failure.value)
    assert "Thread waits beside it:\n" in str(failure.value)
    assert "test_what_hangs_fails_with_where_each_thread_stands" in str(failure.value)


def test_what_hangs_again_on_its_way_out_fails_again() -> None:
    never = threading.Event()

    def hangs_twice() -> None:
        try:
            never.wait(30)
        finally:
            never.wait(30)

    with pytest.raises(pytest.fail.Exception), time_limit(0.2, again_seconds=0.2):
        hangs_twice()


def test_what_ends_in_time_is_left_alone() -> None:
    with time_limit(0.2):
        pass
    assert not threading.Event().wait(0.4)
