"""The functions' metrics, read from what they wrote, as CloudWatch would."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from handler.books.page import FATE_NOT_WRITTEN_YET
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
    document = _document(line)
    if "reason" in document:  # the same again, by reason
        return Counter()
    return Counter(
        {name: int(sum(values)) for name, values in document.items() if isinstance(values, list)}
    )


def warnings(logs: Path) -> Counter[str]:
    """The operations that were delivered with a warning, by warning."""
    total: Counter[str] = Counter()
    for log in logs.iterdir():
        with log.open(errors="replace") as lines:
            for line in lines:
                if f'"{Metric.WARNED}"' in line and '"reason"' in line:
                    document = _document(line)
                    total[str(document.get("reason"))] += int(sum(document.get(Metric.WARNED, ())))
    return total


def warned(logs: Path, code: str) -> set[str]:
    """The ids of the messages that were logged with this warning."""
    found: set[str] = set()
    for log in logs.iterdir():
        with log.open(errors="replace") as lines:
            for line in lines:
                begins = line.find(LOGGED)
                if begins >= 0 and f'"{code}"' in line:
                    found.update(_ids(line[begins:], code))
    return found


ENDED = "the process has ended"
"""A line of the fault run's own in a function's log."""

ALL_WRITTEN = ('"fates carried over"', '"left":0')


def lost_with_their_process(logs: Path) -> set[str]:
    """The ids of the messages whose fates a process has carried over until it ended."""
    found: set[str] = set()
    for log in logs.iterdir():
        carried: set[str] = set()
        with log.open(errors="replace") as lines:
            for line in lines:
                begins = line.find(LOGGED)
                if line.startswith(ENDED):
                    found |= carried
                    carried = set()
                elif all(text in line for text in ALL_WRITTEN):
                    carried = set()
                elif begins >= 0 and f'"{FATE_NOT_WRITTEN_YET}"' in line:
                    carried.update(_ids(line[begins:], FATE_NOT_WRITTEN_YET))
    return found


LOGGED = '{"level"'


def _ids(line: str, code: str) -> list[str]:
    try:
        document = json.loads(line)
    except ValueError:
        return []
    return list(document["message_ids"]) if document.get("reason") == code else []


def _document(line: str) -> dict[str, Any]:
    """The metrics of a line, which may begin in the middle of what a killed function wrote."""
    begins = line.rfind(MARK)
    try:
        document: dict[str, Any] = json.loads(line[begins:]) if begins >= 0 else {}
    except ValueError:
        return {}
    return document


def taken_in(books: Counter[str]) -> int:
    """Operations that came into the retry queue."""
    return books[Metric.OPERATIONS_QUEUED] + books[Metric.OPERATIONS_REDRIVEN]


def taken_out(books: Counter[str]) -> int:
    """Operations that left it for good."""
    out = books[Metric.RETRY_DELIVERED] + books[Metric.RETRY_DEAD_LETTERED]
    return out + books[Metric.OPERATIONS_MERGED]
