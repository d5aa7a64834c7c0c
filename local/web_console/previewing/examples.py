"""The messages of `events/`, to begin with."""

import base64
import json
from dataclasses import dataclass

from local.samples import OUTAGE, SAMPLES, Sample, load

SAME_MESSAGES = frozenset({"put.json", "base64.json", "wrong-signature.json"})
"""Files that show ways of sending, with the messages of other files."""


@dataclass(frozen=True, slots=True)
class Example:
    """A body as Segment sends it, formatted for people."""

    name: str
    shows: str
    text: str


def examples() -> list[Example]:
    """The samples that `make run` sends, in its order."""
    return [_example(sample) for sample in (*SAMPLES, OUTAGE) if sample.file not in SAME_MESSAGES]


def _example(sample: Sample) -> Example:
    lambda_event = load(sample)
    body = lambda_event["body"].encode()
    if lambda_event["isBase64Encoded"]:
        body = base64.b64decode(body)
    text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return Example(sample.file.removesuffix(".json"), sample.shows, text)
