"""A Lambda function on this machine: one execution environment, in its own process.

So the handler has its real environment variables and shares nothing with the other function. A call
that takes too long is killed, as on Lambda.
"""

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from local.aws_stand_in.limits import ProcessLimits
from local.aws_stand_in.tracing import MOST_INVOCATIONS, trace_of

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = (ROOT / "src", ROOT)

MAX_EVENT_BYTES = MAX_ANSWER_BYTES = 6 * 1024 * 1024
"""The largest payload of a synchronous invocation, in each direction.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

INIT_SECONDS = 10.0
"""What Lambda gives a function to load: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""


class FunctionError(Exception):
    """The call has no answer: the handler raised, or its process ended or took too long."""


class EventTooLargeError(FunctionError):
    """The lambda event is larger than Lambda accepts."""


class RecursiveInvocationError(FunctionError):
    """Lambda has found a loop and did not invoke the function."""


class LambdaFunction:
    """A function with one environment, which serves one call at a time. Other calls wait.

    `log` takes what the handler writes to standard output and standard error. A process that has
    died is replaced at the next call. `allows_recursion` is `RecursiveLoop: Allow`.
    `limits` hold once the handler is loaded; Lambda gives more of a processor until then.
    """

    def __init__(
        self,
        name: str,
        handler: str,
        variables: Mapping[str, str],
        timeout_seconds: float,
        log: IO[Any],
        imports: Sequence[Path] = IMPORTS,
        *,
        allows_recursion: bool = False,
        limits: ProcessLimits | None = None,
    ) -> None:
        self._name = name
        self._handler = handler
        self._own = {
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "PYTHONPATH": os.pathsep.join(str(path) for path in imports),
        }
        self._variables = {**variables, **self._own}
        self._timeout_seconds = timeout_seconds
        self._log = log
        self._allows_recursion = allows_recursion
        self._limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_ready = False
        self._is_closed = False

    def __enter__(self) -> Self:
        """Start the process without waiting for it."""
        with self._lock:
            self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process at once. A call in progress gets no answer."""
        self._is_closed = True
        self.kill()
        with self._lock:
            self._stop()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._start().pid

    def kill(self) -> None:
        """End the process at once. A call in progress gets no answer."""
        process = self._process
        if process is not None:
            process.kill()

    def configure(self, variables: Mapping[str, str]) -> None:
        """Use these environment variables from the next call on, in a new process.

        As `UpdateFunctionConfiguration` does. A call in progress ends with the old ones.
        """
        with self._lock:
            self._variables = {**variables, **self._own}
            self._stop()

    def wait(self) -> None:
        """Wait until the handler is loaded. Raises `FunctionError` if it cannot be loaded."""
        with self._lock:
            self._ready()

    def invoke(self, lambda_event: Any) -> Any:
        """The handler's answer. Raises `FunctionError` if there is none."""
        text = json.dumps(lambda_event)
        if len(text) > MAX_EVENT_BYTES:
            raise EventTooLargeError("the lambda event is larger than 6 MiB")
        context = {
            "function_name": self._name,
            "aws_request_id": str(uuid.uuid4()),
            "timeout_seconds": self._timeout_seconds,
        }
        trace = trace_of(lambda_event, self._name)
        if trace.invocation > MOST_INVOCATIONS and not self._allows_recursion:
            raise RecursiveInvocationError(f"{self._name} was stopped as part of a recursive loop")
        head = json.dumps({"context": context, "trace_header": trace.header})
        line = f'{head[:-1]},"lambda_event":{text}}}\n'
        with self._lock:
            reply = self._exchange(line)
        if "error" in reply:
            raise FunctionError(f"the handler raised {reply['error']}")
        return reply["answer"]

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        if self._is_closed:
            raise FunctionError(f"{self._name} has been stopped")
        if self._process is None:
            self._is_ready = False
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.aws_stand_in.runtime", self._handler],
                env=self._variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                # Ctrl-C is for the process that waits for it.
                start_new_session=True,
            )
        return self._process

    def _ready(self) -> None:
        self._start()
        if not self._is_ready:
            self._read(INIT_SECONDS)
            self._is_ready = True
            if self._limits is not None:
                self._limits.watch(self._start())

    def _exchange(self, line: str) -> dict[str, Any]:
        self._ready()
        process = self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except BrokenPipeError:
            pass  # there will be nothing to read either
        text = self._read(self._timeout_seconds)
        if len(text) > MAX_ANSWER_BYTES:
            raise FunctionError("the answer is larger than 6 MiB")
        reply: dict[str, Any] = json.loads(text)
        return reply

    def _read(self, seconds: float) -> str:
        """The next line of the process, which is killed after so many seconds without one."""
        process = self._start()
        assert process.stdout is not None
        limit = threading.Timer(seconds, process.kill)
        limit.start()
        try:
            line = process.stdout.readline()
        finally:
            limit.cancel()
        if not line:
            self._stop()
            raise FunctionError(f"{self._name} has ended, or took too long and was killed")
        return line
