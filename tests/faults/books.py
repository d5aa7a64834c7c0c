"""The functions' metrics, read from what they wrote, as CloudWatch would."""

import json
from collections import Counter
from pathlib import Path

from handler.report.telemetry import Metric

MARK = '{"_aws"'


def read(logs: Path) -> Counter[str]:
    """The sum of every metric in the folder's files."""
    total: Counter[str] = Counter()
    for log in logs.iterdir():
        with log.open(errors="replace") as lines:
            for line in lines:
                total += _metrics(line)
    return total


def _metrics(line: str) -> Counter[str]:
    """A line may begin in the middle of what a killed function wrote."""
    begins = line.rfind(MARK)
    try:
        document = json.loads(line[begins:]) if begins >= 0 else {}
    except ValueError:
        return Counter()
    if "reason" in document:  # the same again, by reason
        return Counter()
    return Counter(
        {name: int(sum(values)) for name, values in document.items() if isinstance(values, list)}
    )


def taken_in(books: Counter[str]) -> int:
    """Operations that came into the retry queue."""
    return books[Metric.OPERATIONS_QUEUED] + books[Metric.OPERATIONS_REDRIVEN]


def taken_out(books: Counter[str]) -> int:
    """Operations that left it for good."""
    out = books[Metric.RETRY_DELIVERED] + books[Metric.RETRY_DEAD_LETTERED]
    return out + books[Metric.OPERATIONS_MERGED]
