"""The inside of an execution environment: one process, one handler, one call at a time.

`python -m local.aws_stand_in.runtime handler.webhook.lambda_handler` does what Lambda's runtime
does. Once the handler is loaded, it writes an empty line to standard output. Then it reads one call
in each line of standard input, `{"lambda_event": …, "context": {…}, "trace_header": …}`, and writes
a line for each: `{"answer": …}`, or `{"error": "<type>"}` if the handler raised. The handler's own
output and tracebacks go to standard error.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MEMORY_MB = "512"


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The context that Lambda passes to a handler.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name: str
    aws_request_id: str
    timeout_seconds: float
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = MEMORY_MB
    began: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """The rest of the function's timeout in milliseconds."""
        spent = time.monotonic() - self.began
        return max(0, round((self.timeout_seconds - spent) * 1000))


def load(name: str) -> Callable[[Any, LambdaContext], Any]:
    """The handler of a dotted name, as Lambda's `Handler` setting writes it."""
    module, _, function = name.rpartition(".")
    handler: Callable[[Any, LambdaContext], Any] = getattr(
        importlib.import_module(module), function
    )
    return handler


def main(name: str) -> None:
    """Serve calls until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    handler = load(name)
    print(file=answers, flush=True)
    for line in sys.stdin:
        call = json.loads(line)
        # As Lambda's runtime: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
        os.environ["_X_AMZN_TRACE_ID"] = call["trace_header"]
        try:
            answer = handler(call["lambda_event"], LambdaContext(**call["context"]))
            text = json.dumps({"answer": answer})
        except Exception as error:
            traceback.print_exc()
            text = json.dumps({"error": type(error).__name__})
        sys.stdout.flush()
        print(text, file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
