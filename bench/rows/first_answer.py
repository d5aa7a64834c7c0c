"""A cold start, as Lambda makes one: load the handler, answer one call, say when.

    python bench/rows/first_answer.py lambda_event.json

Writes one line of JSON: the times `began`, `loaded` and `answered`, in seconds of the clock that
`time.perf_counter` reads, which on Linux and macOS all processes share, and the answer's `status`
and `body`. Imports nothing that the handler could do without.
"""

from time import perf_counter

BEGAN = perf_counter()

import json  # noqa: E402 - the clock comes first
import os  # noqa: E402
import sys  # noqa: E402


def main(path: str) -> None:
    """The handler's own output goes nowhere."""
    with open(path) as file:  # noqa: PTH123 - pathlib would be the bench's cost
        lambda_event = json.load(file)
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from handler.webhook import lambda_handler

    loaded = perf_counter()
    answer = lambda_handler(lambda_event, None)
    answered = perf_counter()
    line = {
        "began": BEGAN,
        "loaded": loaded,
        "answered": answered,
        "status": answer["statusCode"],
        "body": answer["body"],
    }
    os.write(answers, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
