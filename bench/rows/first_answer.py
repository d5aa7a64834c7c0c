"""A cold start as on Lambda: loads the handler, answers one call, and reports the times.

    python bench/rows/first_answer.py lambda_event.json

Writes one line of JSON: the times `began`, `loaded` and `answered` in seconds of
`time.perf_counter`, which all processes share on Linux and macOS, and the answer's `status` and
`body`. Imports nothing that the handler does not need.
"""

from time import perf_counter

BEGAN = perf_counter()

import json  # noqa: E402 - the clock comes first
import os  # noqa: E402
import sys  # noqa: E402


def main(path: str) -> None:
    """Load, call and report. The handler's own output is discarded."""
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
