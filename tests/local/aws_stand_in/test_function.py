"""A function's process does what an execution environment of Lambda's does."""

import os
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from local.aws_stand_in.function import (
    MAX_ANSWER_BYTES,
    MAX_EVENT_BYTES,
    ROOT,
    EventTooLargeError,
    FunctionError,
    LambdaFunction,
)
from local.aws_stand_in.limits import ProcessLimits

HANDLERS = """
    import os, sys, time

    print("loading")

    def echo(lambda_event, context):
        print("hello")
        return [lambda_event, os.environ.get("A"), os.environ["AWS_LAMBDA_FUNCTION_NAME"]]

    def from_context(lambda_event, context):
        left = context.get_remaining_time_in_millis()
        return [context.function_name, len(context.aws_request_id), 0 < left <= 3000]

    def counts(lambda_event, context, calls=[]):
        calls.append(lambda_event)
        return len(calls)

    def fails(lambda_event, context):
        raise KeyError("lambda_event")

    def ends(lambda_event, context):
        if lambda_event:
            os._exit(1)
        return "fine"

    def traced(lambda_event, context):
        return os.environ["_X_AMZN_TRACE_ID"]

    def hoards(lambda_event, context, held=[]):
        held.append(b"x" * lambda_event * 1_000_000)
        time.sleep(0.5)
        return len(held)

    def works(lambda_event, context):
        began = time.process_time()
        while time.process_time() - began < lambda_event:
            pass
        return "fine"

    def answers(lambda_event, context):
        return "x" * lambda_event

    def hangs(lambda_event, context):
        print("hangs", flush=True)
        time.sleep(lambda_event)
        return "fine"
"""


class Factory:
    """Makes functions of the handlers above, whose module is where the process looks for it."""

    def __init__(self, directory: Path, log: IO[bytes]) -> None:
        (directory / "handlers_of_a_test.py").write_text(textwrap.dedent(HANDLERS))
        self.directory = directory
        self.log = log

    def function(self, name: str, seconds: float = 3.0, **options: Any) -> LambdaFunction:
        return LambdaFunction(
            "TestFunction",
            f"handlers_of_a_test.{name}",
            {"A": "1"},
            seconds,
            self.log,
            imports=(ROOT, self.directory),
            **options,
        )

    def written(self) -> bytes:
        """What the functions have printed, without a change to where they go on."""
        return os.pread(self.log.fileno(), 1_000_000, 0)


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Factory]:
    with tempfile.TemporaryFile() as log:
        yield Factory(tmp_path, log)


def test_handler_gets_event_and_environment(factory: Factory) -> None:
    with factory.function("echo") as function:
        assert function.invoke({"é": [1, None]}) == [{"é": [1, None]}, "1", "TestFunction"]


def test_handler_gets_a_context(factory: Factory) -> None:
    with factory.function("from_context") as function:
        assert function.invoke({}) == ["TestFunction", 36, True]


def test_environment_serves_one_call_after_another(factory: Factory) -> None:
    with factory.function("counts") as function:
        assert [function.invoke({}) for _ in range(3)] == [1, 2, 3]


def test_what_the_handler_prints_goes_to_the_log(factory: Factory) -> None:
    with factory.function("echo") as function:
        function.invoke({})
    assert factory.written() == b"loading\nhello\n"


def test_error_of_the_handler_is_named_by_its_type(factory: Factory) -> None:
    with factory.function("fails") as function:
        for _ in range(2):
            with pytest.raises(FunctionError, match=r"^the handler raised KeyError$"):
                function.invoke({})


def test_process_that_died_is_replaced_at_the_next_call(factory: Factory) -> None:
    with factory.function("ends") as function:
        with pytest.raises(FunctionError, match="has ended"):
            function.invoke({"now": True})
        assert function.invoke({}) == "fine"


def test_call_that_takes_too_long_is_killed(factory: Factory) -> None:
    with factory.function("hangs", seconds=0.5) as function:
        with pytest.raises(FunctionError, match="took too long"):
            function.invoke(5)
        assert function.invoke(0) == "fine"


def test_call_ends_with_its_function(factory: Factory) -> None:
    errors: list[FunctionError] = []

    def call(function: LambdaFunction) -> None:
        for _ in range(2):
            try:
                function.invoke(60)
            except FunctionError as error:
                errors.append(error)

    with factory.function("hangs", seconds=60) as function:
        function.wait()
        caller = threading.Thread(target=call, args=(function,))
        caller.start()
        until = time.monotonic() + 60
        while b"hangs" not in factory.written():
            assert time.monotonic() < until
            time.sleep(0.01)
    caller.join(timeout=60)
    assert [str(error) for error in errors] == [
        "TestFunction has ended, or took too long and was killed",
        "TestFunction has been stopped",
    ]


def test_handler_that_cannot_be_loaded_is_told_at_the_start(factory: Factory) -> None:
    with (
        factory.function("missing") as function,
        pytest.raises(FunctionError, match="TestFunction has ended"),
    ):
        function.wait()


def test_event_larger_than_lambda_takes_is_not_sent(factory: Factory) -> None:
    with factory.function("counts") as function:
        with pytest.raises(EventTooLargeError):
            function.invoke({"body": "x" * MAX_EVENT_BYTES})
        assert function.invoke({"body": "x" * (MAX_EVENT_BYTES - 100)}) == 1


@pytest.mark.parametrize("module", ["webhook", "retry"])
def test_real_handler_loads(module: str, factory: Factory) -> None:
    handler = f"handler.{module}.lambda_handler"
    with LambdaFunction("TestFunction", handler, {}, 1.0, factory.log) as function:
        function.wait()


def test_function_that_takes_more_memory_than_it_has_is_killed(factory: Factory) -> None:
    limits = ProcessLimits(memory_mb=200, share=1.0)
    with factory.function("hoards", limits=limits) as function:
        assert function.invoke(50) == 1
        with pytest.raises(FunctionError):
            function.invoke(400)
        assert (limits.killed, limits.peak_mb > 200) == (1, True)
        assert function.invoke(50) == 1, "a new process"


def test_function_has_its_share_of_a_processor(factory: Factory) -> None:
    """Of one second of a processor's time, 0.29 s is had in each second."""
    with factory.function("works", seconds=20.0, limits=ProcessLimits(512)) as function:
        began = time.monotonic()
        assert function.invoke(0.5) == "fine"
        assert time.monotonic() - began > 0.5 / 0.4


def test_answer_that_lambda_would_not_take_is_none(factory: Factory) -> None:
    with factory.function("answers") as function:
        assert function.invoke(1_000) == "x" * 1_000
        with pytest.raises(FunctionError):
            function.invoke(MAX_ANSWER_BYTES)
